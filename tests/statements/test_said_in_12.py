"""What lesson 12 and its studies say of recorded boards, sentence by sentence."""

from statistics import mean

import pytest
import torch
from torch import nn

from lessons.boards import training_that_generalises as boards
from lessons.scoreboard import TASKS, chance, recorded

REMEDIES, AGAIN, SOLVED, LOSSES = (
    recorded(name) for name in ("remedies", "remedies_again", "solved", "no_softmax")
)
NOTHING = REMEDIES["nothing"]


def shown(table, row, column="held out"):
    """The mean as the page gives it, with two decimals."""
    return f"{mean(table[row][column]):.2f}"


def test_it_learns_all_by_heart_and_on_new_sentences_it_is_right_70_times_and_92_percent_sure():
    assert min(NOTHING["training"]) > 0.995
    assert shown(REMEDIES, "nothing") == "0.70" and shown(REMEDIES, "nothing", "confidence") == "0.92"


def test_82_were_possible():
    _, noisy, true = boards.sentences("reverse", 1000, 0.2, seed=-1, held_out=True)
    assert 0.8 + 0.2 / 8 == pytest.approx(0.825)
    assert (noisy == true).float().mean().item() == pytest.approx(0.825, abs=0.01)


# Is it the softmax?

FOUR = ["softmax, log loss", "sigmoids, log loss", "softmax, squared error", "no softmax, squared error"]


def test_all_four_know_their_sentences_nearly_by_heart_and_have_the_same_gap():
    assert list(LOSSES)[:4] == FOUR
    for row in FOUR:
        assert min(LOSSES[row]["training"]) > 0.96
        assert mean(LOSSES[row]["gap"]) == pytest.approx(0.285, abs=0.02)


def test_behind_a_softmax_or_a_sigmoid_it_is_far_too_sure_and_without_one_least():
    for row in FOUR[:3]:
        assert min(LOSSES[row]["confidence"]) > max(LOSSES[row]["held out"]) + 0.18
        assert min(LOSSES[row]["confidence"]) > 0.9
    last = LOSSES[FOUR[3]]
    assert max(last["confidence"]) < 0.8 and min(last["confidence"]) > max(last["held out"]) + 0.05


def test_the_first_row_is_the_training_of_the_board_remedies():
    again = REMEDIES["nothing, 1200 steps"]
    for column in ("gap", "confidence"):
        assert mean(LOSSES[FOUR[0]][column]) == pytest.approx(mean(again[column]), abs=0.02)


def test_2000_noisy_sentences_or_200_without_noise_close_the_gap():
    assert shown(REMEDIES, "2000 sentences", "gap") == "0.00"
    assert max(REMEDIES["200 sentences, no noise"]["gap"]) < 0.001


# The remedies


def test_all_three_bring_the_calibration_error_from_22_down_to_07_or_less():
    assert mean(NOTHING["calibration error"]) == pytest.approx(0.225, abs=0.006)
    for row in ("label smoothing 0.1", "dropout 0.1", "weight decay 2"):
        assert float(shown(REMEDIES, row, "calibration error")) <= 0.07


def test_dropout_and_weight_decay_narrow_the_gap_and_smoothing_hardly():
    for row in ("dropout 0.1", "weight decay 2"):
        assert max(REMEDIES[row]["gap"]) < min(NOTHING["gap"]) - 0.1
    smoothed = REMEDIES["label smoothing 0.1"]["gap"]
    assert min(NOTHING["gap"]) - 0.02 < max(smoothed) < min(NOTHING["gap"])


def test_decay_001_changes_nothing_that_shows_and_5_leaves_a_model_that_is_right_in_76_and_says_41():
    for column, scores in REMEDIES["weight decay 0.01"].items():
        assert mean(scores) == pytest.approx(mean(NOTHING[column]), abs=0.01)
    assert shown(REMEDIES, "weight decay 5") == "0.76"
    assert shown(REMEDIES, "weight decay 5", "confidence") == "0.41"


def test_on_10_000_sentences_without_noise_smoothing_only_spoils_the_confidence():
    rows = SOLVED["nothing"], SOLVED["label smoothing 0.1"]
    assert [min(row["reverse, held out"]) for row in rows] == [1, 1]
    assert [f"{mean(row['reverse, calibration error']):.3f}" for row in rows] == ["0.001", "0.088"]


def test_no_row_with_200_noisy_sentences_is_all_three():
    for row, scores in REMEDIES.items():
        if "sentences" not in row:
            assert mean(scores["held out"]) < 0.79, row
