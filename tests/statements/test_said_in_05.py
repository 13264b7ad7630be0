"""What lesson 05 and its study say of recorded boards, sentence by sentence."""

from itertools import combinations
from statistics import mean

import pytest
import torch

from lessons.boards.bodies import F
from lessons.boards.feed_forward import BENDS, BETWEEN, FUNCTIONS, after_heads, bend
from lessons.scoreboard import TASKS, chance, occurrences, recorded

HEADS, FEED_FORWARD = (recorded("encoder")[row] for row in ("04 eight heads", "05 feed-forward"))
BOARD = {row: scores["odd"] for row, scores in recorded("bends").items()}
AGAIN = {row: scores["odd"] for row, scores in recorded("bends_again").items()}
SCALED = {row: scores["odd"] for row, scores in recorded("bends_scaled").items()}
LONG, NO_FUNCTION = BOARD["heads alone, 6000 steps"], recorded("between")["no function"]["odd"][:3]


def test_eight_heads_count_and_fall_to_70_on_odd_where_guessing_gets_55():
    assert round(mean(HEADS["count"]), 2) == 0.99
    assert round(mean(HEADS["odd"]), 2) == 0.70
    assert round(chance(TASKS["odd"]), 2) == 0.55


def test_odd_rises_from_70_to_about_95_and_the_other_columns_stay():
    assert mean(FEED_FORWARD["odd"]) == pytest.approx(0.95, abs=0.01)
    assert min(FEED_FORWARD["odd"]) > max(HEADS["odd"]) + 0.1
    for task in ("copy", "count", "reverse", "hop", "two hops"):
        assert mean(FEED_FORWARD[task]) == pytest.approx(mean(HEADS[task]), abs=0.02), task
    assert max(FEED_FORWARD["odd"]) - min(FEED_FORWARD["odd"]) < 0.1, "some hundredths"


def best(switches):
    """The most that an answer gets right that knows the count and switches so often along the counts."""
    sentences, _ = TASKS["odd"].draw(1000, torch.Generator().manual_seed(-1), held_out=True)
    count = occurrences(sentences)
    share, found = [(count == c).float().mean().item() for c in range(1, 9)], []
    for cuts in combinations(range(2, 9), switches):
        says_odd = [sum(c >= cut for cut in cuts) % 2 == 0 for c in range(1, 9)]
        right = sum(s for c, s in enumerate(share, 1) if says_odd[c - 1] == (c % 2 == 1))
        found += [right, 1 - right]
    return max(found)


def test_no_switch_gets_55_one_83_two_95():
    assert [round(best(n), 2) for n in range(3)] == [0.55, 0.83, 0.95]
    assert best(3) > 0.99


def test_equal_parameters():
    for units in (6, 256):
        sizes = [
            sum(p.numel() for p in bend(function, units).parameters()) for function in FUNCTIONS.values()
        ]
        assert max(sizes) - min(sizes) < 0.003 * max(sizes)


def span(scores):
    return [round(min(scores), 2), round(max(scores), 2)]


def test_without_a_bend_all_stay_below_one_switch():
    assert max(HEADS["odd"] + NO_FUNCTION) < best(1)
    assert span(HEADS["odd"]) == [0.65, 0.76] and span(NO_FUNCTION) == [0.66, 0.79]


def test_fifteen_times_the_steps_bring_heads_alone_to_about_one_switch():
    assert BENDS["heads alone, 6000 steps"][2] == 15 * BENDS["ReLU, 256"][2]
    assert sorted(round(score, 2) for score in LONG) == [0.81, 0.84, 0.85]
    assert round(mean(LONG), 2) == round(best(1), 2) == 0.83


def test_relu_and_leaky_relu_learn_best_and_swiglu_worst():
    assert [span(BOARD[f"{name}, 256"]) for name in FUNCTIONS] == [
        [0.97, 0.99],
        [0.96, 0.99],
        [0.83, 0.97],
        [0.77, 0.90],
    ]
    assert sum(score < max(NO_FUNCTION) for score in BOARD["SwiGLU, 256"]) == 2
    means = [mean(BOARD[f"{name}, 256"]) for name in FUNCTIONS]
    assert min(means[:2]) > 0.95 and min(means[:2]) > means[2] > means[3]
    assert min(BOARD["GELU, 256"]) == pytest.approx(best(1), abs=0.001), "no better than a single switch"


def test_the_same_relu_got_94_to_99_in_another_record_and_the_lessons_row_90_to_98():
    assert span(recorded("between")["ReLU"]["odd"][:3]) == [0.94, 0.99]
    assert span(FEED_FORWARD["odd"]) == [0.90, 0.98]
    starts = []
    for make_body in (BETWEEN["ReLU"], lambda: after_heads(bend(FUNCTIONS["ReLU"], F))):
        torch.manual_seed(0)
        starts.append(make_body().state_dict().values())
    assert all(torch.equal(*pair) for pair in zip(*starts, strict=True)), "the same numbers at the start"


def test_a_factor_of_8_helps_gelu_and_not_swiglu_and_a_norm_bends_by_itself():
    assert [span(SCALED[f"times 8, {name}"]) for name in ("ReLU", "GELU", "SwiGLU", "no function")] == [
        [0.96, 0.99],
        [0.97, 0.99],
        [0.73, 0.90],
        [0.69, 0.77],
    ]
    assert mean(SCALED["times 8, GELU"]) > mean(SCALED["times 8, ReLU"]) > mean(BOARD["GELU, 256"]) + 0.04
    assert mean(SCALED["times 8, SwiGLU"]) < mean(BOARD["SwiGLU, 256"])
    assert span(SCALED["norm, no function"]) == [0.88, 0.94]
    assert min(SCALED["norm, no function"]) > max(NO_FUNCTION)


def test_a_norm_or_more_steps_help_the_smooth_ones():
    assert [span(AGAIN[f"norm, {name}"]) for name in ("ReLU", "GELU", "SwiGLU")] == [
        [0.98, 0.99],
        [0.95, 0.98],
        [0.94, 0.98],
    ]
    assert min(AGAIN["norm, SwiGLU"]) > max(BOARD["SwiGLU, 256"])
    assert max(AGAIN["norm, SwiGLU"]) > min(AGAIN["norm, ReLU"]), "the seeds overlap"
    for name, before, after in (("SwiGLU", 0.82, 0.91), ("GELU", 0.92, 0.99), ("ReLU", 0.98, 0.94)):
        assert round(mean(BOARD[f"{name}, 256"]), 2) == before
        assert round(mean(AGAIN[f"{name}, 1200 steps"]), 2) == after
    assert min(AGAIN["GELU, 1200 steps"]) > 0.985
    assert mean(AGAIN["GELU, 1200 steps"]) > max(
        mean(AGAIN[f"{name}, 1200 steps"]) for name in ("ReLU", "SwiGLU")
    )
    assert span(AGAIN["ReLU, 1200 steps"]) == [0.88, 0.99] and span(AGAIN["SwiGLU, 1200 steps"]) == [
        0.90,
        0.93,
    ]


def test_on_6_units_a_seed_of_each_plain_function_stays_at_the_guess():
    for name in ("ReLU", "LeakyReLU", "GELU"):
        stuck = [
            score for score in BOARD[f"{name}, 6"] if score == pytest.approx(chance(TASKS["odd"]), abs=0.01)
        ]
        assert len(stuck) == 1
    assert min(BOARD["SwiGLU, 6"]) > 0.7
