"""What lesson 17 says of recorded numbers, sentence by sentence."""

import pytest

from lessons.boards.going_big import Attending, Recurrent
from lessons.scoreboard import recorded

TABLE = recorded("first_symbol")


def scores(row, *lengths):
    return [score for n in lengths for score in TABLE[row][f"{n} symbols"]]


def test_attention_learns_it_at_every_length():
    assert min(scores("attention", 8, 16, 32, 64)) > 0.98


def test_with_300_steps_the_gru_learns_8_symbols_and_only_sometimes_16():
    assert min(scores("GRU", 8)) > 0.98
    assert min(scores("GRU", 16)) < 0.5 and max(scores("GRU", 16)) > 0.98
    assert max(scores("GRU", 32, 64)) < 0.2


def test_with_900_steps_it_learns_16_and_32_in_one_training_of_three():
    assert min(scores("GRU, 900 steps", 8, 16)) > 0.98
    lowest, middle, highest = sorted(scores("GRU, 900 steps", 32))
    assert lowest < middle < 0.2 and highest > 0.98
    assert max(scores("GRU, 900 steps", 64)) < 0.2


@pytest.mark.parametrize("make", [Recurrent, Attending])
def test_each_model_has_26_thousand_parameters(make):
    assert round(sum(p.numel() for p in make().parameters()), -3) == 26_000
