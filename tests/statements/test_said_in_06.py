"""What lesson 06 and its studies say of recorded numbers, sentence by sentence."""

from statistics import mean

import torch

from lessons.boards.add_and_norm import BatchNorm, padded_batch
from lessons.scoreboard import RECORDED, TASKS, occurrences, read, recorded

BOARD, ALONE = recorded("add_and_norm"), recorded("no_residual")


def six(row, task):
    return BOARD[row][f"{task}, 6 layers"]


# 06


def test_a_shared_norm_counts_as_well_as_two_in_one_layer():
    for row in ("residual and norm", "one norm for both"):
        assert round(mean(BOARD[row]["count, 1 layer"]), 2) == 0.99


def test_one_layer_can_do_without_the_one_or_the_other():
    for row in ("residual and norm", "norm only", "residual and norm, doubled", "residual only, doubled"):
        for task in ("copy", "count"):
            assert mean(BOARD[row][f"{task}, 1 layer"]) > 0.97


def test_six_layers_need_the_residual_connection_and_the_norm_makes_them_safe_against_large_matrices():
    for task in ("copy", "count"):
        assert min(six("residual and norm", task)) > max(six("norm only", task)) + 0.4
        assert min(six("residual and norm, doubled", task)) > max(six("residual only, doubled", task)) + 0.2


def test_as_drawn_six_layers_without_a_norm_do_as_well():
    for task in ("copy", "count"):
        assert min(six("residual only", task)) > 0.98
        assert max(six("residual and norm", task)) - mean(six("residual only", task)) < 0.01


def test_without_the_residual_connection_a_third_of_copy_is_right():
    assert all(abs(score - 0.33) < 0.01 for score in six("norm only", "copy"))


def test_doubled_without_a_norm_copy_is_34_right_and_21_to_58():
    three = six("residual only, doubled", "copy")
    assert [round(number, 2) for number in (mean(three), min(three), max(three))] == [0.34, 0.21, 0.58]


def test_no_column_of_the_scoreboard_gains():
    before, after = (recorded("encoder")[row] for row in ("05 feed-forward", "06 add and norm"))
    assert all(mean(after[task]) < mean(before[task]) + 0.01 for task in TASKS)


def test_a_third_of_copy_is_what_the_most_frequent_symbol_gives():
    x, _ = TASKS["copy"].draw(1000, torch.Generator().manual_seed(-1), held_out=True)  # (N, S)
    most_frequent = (occurrences(x).max(dim=1).values / 8).mean().item()
    assert all(abs(score - most_frequent) < 0.003 for score in six("norm only", "copy"))


def test_where_no_word_may_see_another_six_layers_without_residual_connections_copy():
    for row in ("norm only", "neither"):
        assert min(ALONE[f"{row}, each word by itself"]["copy"]) == 1.0


# 06b


def test_as_drawn_the_residual_connection_decides_and_doubled_both_are_needed():
    for task in ("copy", "count"):
        assert min(six("residual and norm", task) + six("residual only", task)) > 0.98
        assert max(six("norm only", task) + six("neither", task)) < 0.55
    assert max(six("residual only, doubled", "copy")) < 0.6 < min(six("residual and norm, doubled", "count"))


def test_slower_or_doubled_stacks_without_residual_connections_still_fail_neither_slower_above_the_third():
    for row in ("norm only", "neither"):
        assert max(six(f"{row}, rate 0.0005", "copy") + ALONE[f"{row}, doubled"]["copy"]) < 0.5
    assert min(six("neither, rate 0.0005", "copy")) > max(six("norm only", "copy")) + 0.02


def test_neither_as_drawn_gets_12_to_18_of_copy_right():
    found = six("neither", "copy")
    assert (round(min(found), 2), round(max(found), 2)) == (0.12, 0.18)


def test_a_faint_signal_costs_steps():
    steps = {row: entry["steps"] for row, entry in read(RECORDED / "no_residual.json").items()}
    assert max(steps["norm only, each word by itself"]) < min(steps["neither, each word by itself"]) < 400


def test_six_without_residual_connections_get_12_to_33_of_copy_right_and_six_with_them_all():
    without = six("norm only", "copy") + six("neither", "copy")
    assert (round(min(without), 2), round(max(without), 2)) == (0.12, 0.33)
    assert {*six("residual and norm", "copy"), *six("residual only", "copy")} == {1.0}
    assert round(mean(six("residual and norm, doubled", "copy")), 2) == 1.0


# 06a

FAIR, FEW, ALONE_IN_BATCH = (
    recorded("batch_norm")[f"batch norm of {n}"] for n in ("128 sentences", "8", "1")
)
LAYER, COUNTED = (recorded("batch_norm")[row] for row in ("layer norm", "batch norm of 128, padding counted"))


def test_settled_batch_norm_is_ahead_with_every_seed_by_two_to_four_hundredths():
    gaps = [b - a for a, b in zip(LAYER["in use, settled"], FAIR["in use, settled"], strict=True)]
    assert 0.015 < min(gaps) and max(gaps) < 0.045
    assert (round(mean(FAIR["in use, settled"]), 2), round(mean(LAYER["in use, settled"]), 2)) == (0.95, 0.92)


def test_counting_the_padding_does_no_harm():
    assert mean(COUNTED["in use, settled"]) > mean(FAIR["in use, settled"]) - 0.01


def test_averages_that_have_not_settled_cost_about_a_hundredth_on_average():
    for row in (FAIR, COUNTED, FEW):
        assert 0 < mean(row["in use, settled"]) - mean(row["in use, as stored"]) < 0.015


def test_statistics_of_eight_cost_in_training_and_not_in_use():
    assert mean(FEW["in training"]) < mean(FAIR["in training"]) - 0.01
    assert mean(FEW["in use, settled"]) > mean(FAIR["in use, settled"]) - 0.01


def test_one_sentence_at_a_time_answers_once_whatever_it_is_asked():
    _, y = padded_batch(1024, torch.Generator().manual_seed(-1), held_out=True)  # (B, S)
    once = (y[y >= 0] == 0).float().mean().item()
    for column in ("in use, as stored", "in use, settled"):
        assert all(abs(score - once) < 1e-3 for score in ALONE_IN_BATCH[column])
    assert round(mean(ALONE_IN_BATCH["in training"]), 2) == 0.91 and round(once, 2) == 0.53


def test_without_padding_ours_computes_what_pytorch_does_and_stores_the_same_mean():
    x, ours, theirs = torch.randn(4, 8, 64), BatchNorm(group=4), torch.nn.BatchNorm1d(64)
    ours.real = torch.ones(4, 8, dtype=torch.bool)
    assert torch.allclose(ours(x).flatten(0, 1), theirs(x.flatten(0, 1)), atol=1e-5)
    assert torch.allclose(ours.stored[0], theirs.running_mean, atol=1e-6)
    n = 4 * 8
    bessel = (theirs.running_var - 0.9) * (n - 1) / n + 0.9
    assert torch.allclose(ours.stored[1], bessel, atol=1e-5)
    assert not torch.allclose(ours.stored[1], theirs.running_var, atol=1e-4)
