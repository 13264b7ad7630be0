"""What lesson 04 and its studies say of recorded boards, sentence by sentence."""

from statistics import mean

import pytest

from lessons.boards import multi_head as boards
from lessons.boards.bodies import heads
from lessons.scoreboard import RECORDED, TASKS, chance, read, recorded

HEADS, ENCODER, PROJECTION = recorded("heads"), recorded("encoder", last="04"), recorded("projection")


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# 04


@pytest.mark.parametrize(("row", "score"), [("1 head", 0.49), ("2 heads", 0.85), ("8 heads", 0.99)])
def test_one_head_counts_half_of_the_words_right_two_85_and_eight_99(row, score):
    assert mean(HEADS[row]["count"]) == pytest.approx(score, abs=0.005)


def test_one_head_is_a_tenth_above_the_best_guess():
    assert mean(HEADS["1 head"]["count"]) - chance(TASKS["count"]) == pytest.approx(0.1, abs=0.01)


def test_more_heads_are_better_with_every_seed():
    for few, many in [("1 head", "2 heads"), ("2 heads", "8 heads")]:
        assert max(HEADS[few]["count"]) < min(HEADS[many]["count"])


def test_six_times_as_many_steps_do_not_help_the_single_head():
    assert mean(HEADS["1 head, six times the steps"]["count"]) == pytest.approx(0.50, abs=0.005)
    assert abs(mean(HEADS["1 head, six times the steps"]["count"]) - mean(HEADS["1 head"]["count"])) < 0.02


def test_sixteen_buy_nothing_that_the_seeds_could_tell():
    for task in ("count", "odd"):
        eight, sixteen = HEADS["8 heads"][task], HEADS["16 heads"][task]
        assert min(sixteen) < max(eight) and min(eight) < max(sixteen)
        assert abs(mean(sixteen) - mean(eight)) < 0.03


def test_four_come_close():
    four = HEADS["4 heads"]["count"]
    assert (round(min(four), 2), round(max(four), 2)) == (0.89, 0.99)
    assert mean(HEADS["2 heads"]["count"]) < mean(four) < mean(HEADS["8 heads"]["count"])


def test_all_have_the_same_number_of_parameters():
    assert {parameters(heads(n)) for n in (1, 2, 4, 8, 16)} == {16_640}


def test_count_is_solved_odd_begins_to_move_and_what_asks_for_places_stays():
    one, eight = ENCODER["03 one head"], ENCODER["04 eight heads"]
    assert mean(one["count"]) < 0.51 and min(eight["count"]) > 0.98
    assert max(one["odd"]) + 0.05 < min(eight["odd"]) and mean(eight["odd"]) == pytest.approx(0.70, abs=0.005)
    for task in ("reverse", "hop", "two hops"):
        assert abs(mean(one[task]) - mean(eight[task])) < 0.01


# 04b

WIDTHS, LONGER = recorded("head_width"), recorded("head_width_longer")
ROWS = {
    "heads of 8, no projection": PROJECTION["heads alone, no projection"],
    "heads of 8, projection": PROJECTION["heads alone, projection"],
} | WIDTHS


def gains(width, task):
    """What the projection gains in heads of a width, seed by seed."""
    with_it, without = (ROWS[f"heads of {width}, {way}"][task] for way in ("projection", "no projection"))
    return [a - b for a, b in zip(with_it, without, strict=True)]


@pytest.mark.parametrize(
    ("row", "score"),
    [
        ("heads of 8, projection", 0.98),
        ("heads of 8, no projection", 0.95),
        ("heads of 2, projection", 0.97),
        ("heads of 2, no projection", 0.83),
        ("heads of 1, projection", 0.88),
        ("heads of 1, no projection", 0.56),
        ("wider queries and keys, no projection", 0.95),
    ],
)
def test_shares_of_count_with_a_projection_and_without(row, score):
    assert mean(ROWS[row]["count"]) == pytest.approx(score, abs=0.0055)


def test_the_projection_helps_with_every_seed_but_one_and_narrow_heads_more():
    assert sum(gain <= 0 for width in (8, 2, 1) for gain in gains(width, "count")) == 1
    eight, two, one = (gains(width, "count") for width in (8, 2, 1))
    assert mean(eight) < min(two) and max(two) < min(one)


def test_the_control_has_as_many_parameters_and_stays_where_the_heads_without_a_projection_are():
    wide = "wider queries and keys, no projection"
    assert parameters(boards.WIDTHS[wide]()) == parameters(heads()) == parameters(boards.AnyWidth(8, 8))
    assert abs(mean(WIDTHS[wide]["count"]) - mean(ROWS["heads of 8, no projection"]["count"])) < 0.005


def test_longer_training_closes_the_gap_of_8_and_shrinks_that_of_1_from_three_tenths_to_one():
    def gap(table, width):
        rows = (table[f"heads of {width}, {way}"]["count"] for way in ("projection", "no projection"))
        with_it, without = (mean(scores[:3]) for scores in rows)
        return with_it - without

    assert abs(gap(LONGER, 8)) < 0.005 < 0.02 < gap(ROWS, 8)
    assert gap(ROWS, 1) == pytest.approx(0.3, abs=0.04) and gap(LONGER, 1) == pytest.approx(0.1, abs=0.02)


def test_with_heads_of_8_all_six_trainings_ended_early():
    table = read(RECORDED / "head_width_longer.json")
    steps = {way: table[f"heads of 8, {way}"]["steps"] for way in ("projection", "no projection")}
    assert max(steps["projection"]) < 1200 < 1500 < min(steps["no projection"]) < 2400


def test_heads_of_2_with_a_projection_count_as_well_as_8_without_with_a_third_of_the_parameters():
    assert mean(ROWS["heads of 2, projection"]["count"]) > mean(ROWS["heads of 8, no projection"]["count"])
    small, large = boards.AnyWidth(2, 2), boards.AnyWidth(8, 8, project=False)
    assert parameters(small) / parameters(large) == pytest.approx(1 / 3, abs=0.01)


def test_in_an_encoder_layer_there_is_no_gain_that_six_seeds_could_tell():
    with_it, without = (PROJECTION[f"encoder layer, {way}"] for way in ("projection", "no projection"))
    lower = [b - a for a, b in zip(with_it["count"], without["count"], strict=True)]
    assert min(lower) > 0 and sum(difference < 0.01 for difference in lower) == 5
    assert {round(score, 2) for score in without["count"]} == {0.99}
    assert min(with_it["odd"]) < min(without["odd"]) and max(without["odd"]) < max(with_it["odd"])
