"""What lesson 08 and its study say of recorded numbers, sentence by sentence."""

import math
from statistics import mean

import pytest
import torch

from lessons.boards.a_stack_of_encoders import six_layers, used_twice, wide
from lessons.boards.bodies import stack
from lessons.scoreboard import TASKS, chance, recorded

DEPTH, PROBES, ENCODER, NORMS = (recorded(name) for name in ("depth", "probes", "encoder", "norms"))


def count(body):
    return sum(parameter.numel() for parameter in body.parameters())


def test_the_best_guess_on_two_hops_gets_a_quarter():
    assert chance(TASKS["two hops"]) == pytest.approx(0.25, abs=0.02)


def test_the_wide_layer_has_more_parameters_than_two_layers_and_is_not_done_in_400_steps():
    assert count(wide()) > count(stack(2)) and max(DEPTH["one layer, wider words"]["two hops"]) < 0.81


def test_the_layer_used_twice_has_half_of_them_and_is_done():
    assert 2 * count(used_twice()) == count(stack(2))
    assert min(DEPTH["one layer, used twice"]["two hops"] + DEPTH["two layers"]["two hops"]) > 0.99


def test_one_layer_learns_it_too_in_2400_steps():
    assert min(DEPTH["one layer, wider words, 2400 steps"]["two hops"]) > 0.99
    assert max(DEPTH["one layer"]["two hops"]) < 0.5 < 0.99 < min(DEPTH["one layer, 2400 steps"]["two hops"])
    assert mean(DEPTH["one layer"]["two hops"]) == pytest.approx(0.40, abs=0.005)


def test_one_hop_can_be_read_after_layer_1_and_two_hops_only_after_layer_2_with_three_seeds():
    assert min(PROBES["after layer 1"]["hop"]) > 0.9 > 0.3 > max(PROBES["after layer 1"]["two hops"])
    assert min(PROBES["after layer 2"]["two hops"]) > 0.99
    untrained = [PROBES[f"untrained, after layer {n}"][what] for n in (1, 2) for what in ("hop", "two hops")]
    assert max(map(max, untrained)) < 0.37


def test_with_six_layers_odd_sinks_to_the_best_guess_and_count_fails_with_one_seed():
    two, six = ENCODER["08 two layers"], ENCODER["08 six layers"]
    assert six["odd"] == pytest.approx([chance(TASKS["odd"])] * 3, abs=0.01) and mean(two["odd"]) > 0.8
    assert f"{mean(six['odd']):.2f}" == "0.55" and mean(six["count"]) < mean(two["count"]) - 0.1
    assert sorted(six["count"])[0] < 0.4 < 0.99 < sorted(six["count"])[1]  # it fails with one seed


def test_with_two_layers_odd_hangs_on_the_seed():
    assert max(ENCODER["08 two layers"]["odd"]) - min(ENCODER["08 two layers"]["odd"]) > 0.15


def test_the_last_column_is_unlocked():
    assert max(ENCODER["07 positions"]["two hops"]) < 0.5 < 0.99 < min(ENCODER["08 two layers"]["two hops"])


def test_at_a_quarter_of_the_rate_six_layers_learn_odd():
    assert min(NORMS["post-norm, 6 layers"]["odd, rate 0.0005"]) > 0.8


def test_two_layers_on_three_hops():
    table = recorded("three_hops")
    assert [f"{score:.2f}" for score in table["2 layers"]["three hops"]] == ["0.38", "0.51", "0.38"]
    assert min(table["3 layers"]["three hops"]) > 0.99


def test_the_sinusoids_at_place_16():
    scores = recorded("positions")["sinusoids"]
    assert [f"{number(scores['place 16']):.2f}" for number in (min, max)] == ["0.32", "0.44"]
    assert min(scores["before"]) > 0.99


# Study 08a

FIRST, GIVEN = recorded("first_steps"), recorded("odds_given")
RATES = (0.0005, 0.002)


def test_the_rows_of_the_study_are_the_encoders_of_the_lesson():
    x = torch.randn(2, 8, 64)
    for place, norm_first in (("line", False), ("before", True)):
        torch.manual_seed(0)
        ours = six_layers(place)(x)
        torch.manual_seed(0)
        assert torch.allclose(ours, stack(6, norm_first)(x), atol=1e-5)


def test_six_post_norm_layers_learn_nothing_at_the_higher_rate_and_pre_norm_learns_in_all_settings():
    guess = chance(TASKS["odd"])
    assert NORMS["post-norm, 6 layers"]["odd, rate 0.002"] == pytest.approx([guess] * 3, abs=0.01)
    pre = [scores for n in (2, 6) for scores in NORMS[f"pre-norm, {n} layers"].values()]
    assert min(map(min, pre)) > 0.78


def test_before_the_first_step_the_two_hardly_differ():
    for name in ("post-norm", "pre-norm"):
        row = FIRST[f"{name}, rate 0.002"]
        assert all(0.65 < share < 0.85 for share in row["own share, step 1"])
        assert all(0.45 < part < 0.6 for part in row["gradient, step 1"])


def test_nor_do_their_gradients():
    post, pre = (mean(FIRST[f"{name}, rate 0.002"]["gradient, step 1"]) for name in ("post-norm", "pre-norm"))
    assert (round(post, 2), round(pre, 2)) == (0.51, 0.54)


def test_at_step_40_post_norm_has_a_tenth_of_what_pre_norm_has():
    post, pre = (FIRST[f"{name}, rate 0.002"] for name in ("post-norm", "pre-norm"))
    found = [f"{mean(row['own share, step 40']):.2f}" for row in (post, pre)]
    assert found == ["0.01", "0.14"] and max(post["own share, step 40"]) < 0.02


def left(c, post):
    """The toy of the study: what is left of a word after twelve offsets of length c."""
    own, offset = 1.0, 0.0
    for _ in range(12):
        offset += c
        length = math.hypot(own, offset) if post else 1
        own, offset = own / length, offset / length
    return own / math.hypot(own, offset)


def test_one_number_for_each_rate_fits_both_orders():
    low = [
        f"{mean(FIRST[f'{name}, rate 0.0005']['own share, step 40']):.2f}"
        for name in ("post-norm", "pre-norm")
    ]
    assert low == ["0.12", "0.31"]
    assert [f"{left(0.25, post):.2f}" for post in (True, False)] == ["0.13", "0.32"]
    assert [f"{left(0.5, post):.2f}" for post in (True, False)] == ["0.01", "0.16"]


def test_with_the_odds_given_post_norm_learns_with_all_three_seeds():
    assert min(GIVEN["post-norm, odds given"]["odd, rate 0.002"]) > 0.75
    shares = [FIRST[f"post-norm, rate {rate}{given}"]["own share, step 40"]
              for rate in RATES for given in (", odds given", "")]  # fmt: skip
    assert min(shares[0]) > max(shares[1]) and min(shares[2]) > max(shares[3])


def test_with_the_norm_at_the_end_it_learns_with_all_seeds():
    assert min(GIVEN["norm at the end"]["odd, rate 0.002"]) > 0.88


def test_own_shares_with_the_odds_given_and_with_the_norm_at_the_end():
    given = FIRST["post-norm, rate 0.002, odds given"]["own share, step 40"]
    assert (round(min(given), 2), round(max(given), 2)) == (0.12, 0.55)
    end, pre = (
        FIRST[f"{name}, rate 0.002"]["own share, step 40"] for name in ("norm at the end", "pre-norm")
    )
    assert mean(end) == pytest.approx(mean(pre), abs=0.01)


def test_rows_on_both_boards_differ_by_up_to_a_tenth():
    pairs = [(GIVEN[name]["odd, rate 0.002"], NORMS[f"{name}, 6 layers"]["odd, rate 0.002"])
             for name in ("post-norm", "pre-norm")]  # fmt: skip
    assert max(abs(a - b) for pair in pairs for a, b in zip(*pair, strict=True)) == pytest.approx(
        0.1, abs=0.01
    )


def test_one_post_norm_seed_got_off_the_best_guess_and_little():
    scores = sorted(GIVEN["post-norm"]["odd, rate 0.002"])
    assert scores[1] == pytest.approx(chance(TASKS["odd"]), abs=0.01) and round(scores[2], 2) == 0.65
