"""What lesson 02 says of recorded numbers, sentence by sentence."""

from statistics import mean

import pytest
import torch

from lessons.scoreboard import TASKS, chance, recorded

BEFORE, AFTER = (recorded("encoder")[row] for row in ("01 placeholders", "02 attention, not trained"))


@pytest.mark.parametrize(("task", "rise"), [("count", (0.03, 0.1)), ("reverse", (0.2, 0.25))])
def test_count_rises_a_little_and_reverse_a_lot(task, rise):
    assert min(AFTER[task]) > max(BEFORE[task])
    assert rise[0] < mean(AFTER[task]) - mean(BEFORE[task]) < rise[1]


def test_copy_loses_a_little():
    assert 0.95 < max(AFTER["copy"]) < min(BEFORE["copy"])


@pytest.mark.parametrize("task", ["odd", "hop", "two hops"])
def test_the_other_tasks_stay_at_the_best_guess(task):
    assert AFTER[task] == pytest.approx([chance(TASKS[task])] * 3, abs=0.01)


def test_reverse_is_as_often_right_as_the_most_frequent_other_symbol():
    """Among the seven other places the one that is asked for is as likely as any."""
    x, y = TASKS["reverse"].draw(1000, torch.Generator().manual_seed(-1), held_out=True)
    found = torch.nn.functional.one_hot(x, 8)  # (B, S, V)
    others = found.sum(dim=1, keepdim=True) - found  # (B, S, V)
    named = (others.argmax(dim=-1) == y).float().mean().item()
    assert AFTER["reverse"] == pytest.approx([named] * 3, abs=0.01)


def test_the_figure_is_described_as_it_is():
    assert [round(mean(row["count"]), 2) for row in (BEFORE, AFTER)] == [0.39, 0.45]
    assert [round(mean(row["reverse"]), 2) for row in (BEFORE, AFTER)] == [0.12, 0.34]
