"""What lesson 12 and its studies say of recorded boards, sentence by sentence."""

from statistics import mean

import pytest
import torch
from torch import nn

from lessons.boards import training_that_generalises as boards
from lessons.scoreboard import recorded

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


def test_all_four_know_their_sentences_nearly_by_heart_and_have_nearly_the_same_gap():
    assert list(LOSSES)[:4] == FOUR
    for row in FOUR:
        assert min(LOSSES[row]["training"]) > 0.96
        assert mean(LOSSES[row]["gap"]) == pytest.approx(0.285, abs=0.025)


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


def test_2000_noisy_sentences_close_the_gap_until_they_are_read_as_often_and_200_without_noise_close_it():
    assert shown(REMEDIES, "2000 sentences", "gap") == "0.00"
    assert min(REMEDIES["2000 sentences, 4000 steps"]["gap"]) > 0.25
    assert round(400 * 64 / 2000) == 13 and 400 * 64 / 200 == 4000 * 64 / 2000 == 128
    assert max(REMEDIES["200 sentences, no noise"]["gap"]) < 0.001
    assert min(AGAIN["count, 200 sentences, no noise"]["gap"]) > 0.09


# The remedies


def test_all_three_bring_the_calibration_error_from_23_down_to_07_or_less():
    assert mean(NOTHING["calibration error"]) == pytest.approx(0.225, abs=0.006)
    for row in ("label smoothing 0.1", "dropout 0.1", "weight decay 2"):
        assert float(shown(REMEDIES, row, "calibration error")) <= 0.07


def test_dropout_and_weight_decay_narrow_the_gap_and_smoothing_hardly():
    for row in ("dropout 0.1", "weight decay 2"):
        assert max(REMEDIES[row]["gap"]) < min(NOTHING["gap"]) - 0.1
    smoothed = REMEDIES["label smoothing 0.1"]["gap"]
    assert min(NOTHING["gap"]) - 0.02 < max(smoothed) < min(NOTHING["gap"])


def test_on_10_000_sentences_without_noise_smoothing_only_spoils_the_confidence():
    rows = SOLVED["nothing"], SOLVED["label smoothing 0.1"]
    assert [min(row["reverse, held out"]) for row in rows] == [1, 1]
    assert [f"{mean(row['reverse, calibration error']):.3f}" for row in rows] == ["0.001", "0.088"]


def test_no_row_with_200_noisy_sentences_is_all_three():
    for row, scores in REMEDIES.items():
        if "sentences" not in row:
            assert mean(scores["held out"]) < 0.79, row


# Study 12b

MATRICES, NOISIER = recorded("decay_of_matrices"), recorded("more_noise")


def too_sure(table, row):
    """By how much the confidence is above the accuracy, seed by seed."""
    pairs = zip(table[row]["confidence"], table[row]["held out"], strict=True)
    return [sure - right for sure, right in pairs]


def test_smoothing_crosses_the_diagonal_between_01_and_02_and_weight_decay_between_2_and_5():
    for remedy, before, after in (("label smoothing", 0.1, 0.2), ("weight decay", 2, 5)):
        before, after = f"{remedy} {before}", f"{remedy} {after}"
        assert min(too_sure(REMEDIES, before)) > 0 > max(too_sure(REMEDIES, after))
    rows = [REMEDIES[row] for row in ("nothing", *(f"label smoothing {share}" for share in (0.1, 0.2, 0.4)))]
    for one, following in zip(rows, rows[1:], strict=False):
        assert mean(one["held out"]) < mean(following["held out"]), "a little more often"
        assert min(one["confidence"]) > max(following["confidence"]), "ever less sure"


def test_dropout_comes_close_at_01_and_walks_down_along_the_diagonal():
    for row in ("dropout 0.1", "dropout 0.3", "dropout 0.5"):
        assert abs(mean(too_sure(REMEDIES, row))) < 0.08
    assert max(REMEDIES["dropout 0.5"]["held out"]) < min(REMEDIES["dropout 0.3"]["held out"]) < 0.6
    assert shown(REMEDIES, "dropout 0.3, 1200 steps") == "0.74"


def test_matrices_alone_at_10_are_right_in_80_and_say_70_and_go_higher_than_any_other_path():
    row = "weight decay 10.0, matrices only"
    assert shown(MATRICES, row) == "0.80" and shown(MATRICES, row, "confidence") == "0.70"
    paths = [row for row in REMEDIES if row.startswith(("label", "dropout", "weight"))]
    assert min(MATRICES[row]["held out"]) > max(max(REMEDIES[path]["held out"]) for path in paths)
    assert shown(REMEDIES, "weight decay 5", "confidence") == "0.41"


def test_a_temperature_sets_the_confidence_and_changes_no_answer():
    assert REMEDIES["temperature"]["held out"] == NOTHING["held out"]
    assert max(REMEDIES["temperature"]["calibration error"]) < min(NOTHING["calibration error"]) / 3


def test_stopping_early_narrows_the_gap_far_more_than_300_sentences_and_600_do_about_as_well():
    early, more = REMEDIES["stopped early"]["gap"], REMEDIES["600 sentences"]["gap"]
    assert max(early) < min(REMEDIES["300 sentences"]["gap"]) - 0.1
    assert mean(early) == pytest.approx(mean(more), abs=0.04)


def test_smoothing_sets_the_confidence_and_leaves_the_gap_and_weight_decay_5_does_the_reverse():
    assert mean(REMEDIES["label smoothing 0.2"]["gap"]) > 0.25
    assert max(REMEDIES["weight decay 5"]["gap"]) < 0.05 and mean(too_sure(REMEDIES, "weight decay 5")) < -0.3


def test_smoothing_02_is_exactly_this_noise():
    labels = torch.zeros(200_000, dtype=torch.long)
    drawn = boards.with_noise(labels, boards.NOISE, torch.Generator().manual_seed(0))
    smoothed = 0.8 * nn.functional.one_hot(torch.tensor(0), 8) + 0.2 / 8
    assert torch.allclose(drawn.bincount(minlength=8) / len(drawn), smoothed, atol=0.005)


def test_the_crossing_moves_with_the_noise_to_between_02_and_03():
    rows = [f"label smoothing {share}, 30 % noise" for share in (0.2, 0.3)]
    assert min(too_sure(NOISIER, rows[0])) > 0 > max(too_sure(NOISIER, rows[1]))


def test_on_count_smoothing_01_leaves_an_error_of_23_and_02_of_14_and_04_one_of_04():
    shares = (0.1, 0.2, 0.4)
    errors = [shown(AGAIN, f"count, label smoothing {share}", "calibration error") for share in shares]
    assert errors == ["0.23", "0.14", "0.04"]
    right = mean(AGAIN["count, nothing"]["held out"])
    assert right == pytest.approx(0.5, abs=0.05)
    assert 1 - right > 2 * 0.2 * 7 / 8, "most of its mistakes are its own"


def test_smoothing_01_asks_for_9125_and_gets_it():
    assert 0.9 + 0.1 / 8 == pytest.approx(0.9125)
    for task in ("reverse", "count"):
        errors = SOLVED["label smoothing 0.1"][f"{task}, calibration error"]
        assert mean(errors) == pytest.approx(1 - 0.9125, abs=0.005)


CAPTIONS = recorded("captions")


def test_on_captions_smoothing_sets_the_confidence_and_neither_gap_nor_bleu():
    nothing, smoothed = CAPTIONS["nothing"], CAPTIONS["label smoothing 0.1"]
    assert max(smoothed["confidence"]) < min(nothing["confidence"]) - 0.09
    assert mean(smoothed["gap"]) == pytest.approx(mean(nothing["gap"]), abs=0.02)
    assert mean(smoothed["BLEU"]) == pytest.approx(mean(nothing["BLEU"]), abs=0.5)


def test_on_captions_dropout_has_the_narrowest_gap_and_decay_the_best_bleu_but_for_more_captions():
    gaps = {row: max(scores["gap"]) for row, scores in CAPTIONS.items() if "pairs" not in row}
    assert gaps["dropout 0.2"] < 0.12 < min(CAPTIONS["weight decay 1"]["gap"])
    assert mean(CAPTIONS["weight decay 1"]["gap"]) < 0.5 * mean(CAPTIONS["nothing"]["gap"])
    best = min(CAPTIONS["weight decay 1"]["BLEU"])
    others = ("nothing", "label smoothing 0.1", "dropout 0.2", "smoothing 0.1 and dropout 0.2")
    assert all(max(CAPTIONS[row]["BLEU"]) < best - 3 for row in others)
    assert mean(CAPTIONS["8,000 pairs"]["BLEU"]) > mean(CAPTIONS["weight decay 1"]["BLEU"]) + 1


def test_on_captions_dropout_has_learned_less():
    assert max(CAPTIONS["dropout 0.2"]["training"]) < min(CAPTIONS["weight decay 1"]["training"]) - 0.2
