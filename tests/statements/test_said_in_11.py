"""What lesson 11 and its study say of recorded numbers, sentence by sentence."""

from statistics import mean

import pytest
import torch

from helpers import checks
from lessons.boards import training_that_is_not_fooled as boards
from lessons.scoreboard import RECORDED, read, recorded, small_transformer

LOOPS, KNOCKOUTS, UNSEEN = (recorded(name) for name in ("one_zero", "knockouts", "generalises"))
TASKS = ("reverse", "sort")
LEAKS = ("no shift, no mask", "no causal mask", "mask of the wrong polarity", "no label shift")
SRC = torch.tensor([[4, 5, 6, 2], [7, 8, 2, 0]])
TGT = torch.tensor([[1, 5, 9, 4], [1, 6, 7, 0]])


# The four loops


def test_teacher_forced_all_four_loops_are_perfect():
    for row in ("no shift, no mask", "mask only", "shift only", "shift and mask"):
        for lengths in ("trained", "held out"):
            assert LOOPS[f"{row}, rate 0.002"][f"{lengths}, teacher-forced"] == [1, 1, 1]


def test_the_first_two_write_nothing_right_and_shift_only_writes_half_of_the_answers():
    for lengths in ("trained", "held out"):
        column = f"{lengths}, free-running"
        assert max(LOOPS["no shift, no mask, rate 0.002"][column]) == 0
        assert max(LOOPS["mask only, rate 0.002"][column]) == 0
        assert mean(LOOPS["shift only, rate 0.002"][column]) == pytest.approx(0.5, abs=0.05)
        assert min(LOOPS["shift and mask, rate 0.002"][column]) == 1


def test_without_weight_decay_the_right_loop_writes_a_third_of_the_held_out_answers():
    found = LOOPS["shift and mask, no weight decay"]["held out, free-running"]
    assert mean(found) == pytest.approx(1 / 3, abs=0.01)


# Parts knocked out


def test_every_row_is_trained_for_300_steps_on_both_tasks():
    table = read(RECORDED / "knockouts.json")
    assert all(row["steps"] == [2 * 300] * 3 for row in table.values())


@pytest.mark.parametrize("task", TASKS)
def test_only_leaks_have_a_gap_and_it_is_a_nearly_perfect_score_beside_nothing(task):
    forced, free = f"{task}, teacher-forced", f"{task}, free-running"
    for name, row in KNOCKOUTS.items():
        if name in LEAKS:
            assert min(row[forced]) > 0.85 and max(row[free]) == 0, name
        else:
            assert row[forced] == pytest.approx(row[free], abs=0.01), name


@pytest.mark.parametrize("task", TASKS)
def test_all_parts_solve_it_and_without_cross_attention_nothing_arrives(task):
    assert min(KNOCKOUTS["all parts"][f"{task}, free-running"]) > 0.95
    assert max(KNOCKOUTS["no cross-attention"][f"{task}, free-running"]) < 0.05


def test_without_positions_sort_is_learned_and_half_of_the_symbols_of_a_reversed_sentence_are_right():
    row = KNOCKOUTS["no positions"]
    assert min(row["sort, free-running"]) > 0.9
    assert max(row["reverse, free-running"]) < 0.02
    assert mean(row["reverse, symbols"]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("row", "check"),
    [
        ("no causal mask", checks.assert_causal),
        ("mask of the wrong polarity", checks.assert_causal),
        ("no cross-attention", checks.assert_source_matters),
        ("no positions", checks.assert_positions_matter),
    ],
)
def test_the_kept_checks_find_the_knocked_out_part(row, check):
    torch.manual_seed(0)
    check(small_transformer(), SRC, TGT)
    with pytest.raises(AssertionError):
        check(boards.KNOCKOUTS[row]["make_model"](), SRC, TGT)


@pytest.mark.parametrize(
    ("row", "task", "seed"), [("no causal mask", "reverse", 1), ("no positions", "sort", 0)]
)
def test_the_record_can_be_measured_again(row, task, seed):
    for column, score in boards.knocked_out(boards.KNOCKOUTS[row], seed, tasks=[task]).items():
        assert score == pytest.approx(KNOCKOUTS[row][column][seed], abs=0.05), column
