"""What the studies of lesson 14 say of recorded numbers, sentence by sentence."""

import pytest

from lessons.scoreboard import RECORDED, read

TABLES = read(RECORDED / "benchmark.json")["tables"]
SIZES = ("64 x 32", "16 x 128")


def ratio(table, row):
    return TABLES[table][row]["ratio"]


# 14c


@pytest.mark.parametrize("size", SIZES)
def test_the_lessons_model_is_about_as_fast_as_pytorchs_own_and_the_fast_path_about_1_4_times(size):
    assert 0.9 < ratio(f"training, {size}", "the lessons' model") < 1.1
    assert 1.3 < ratio(f"training, {size}", "what `train` chooses here") < 1.55


def gain(size, row, before):
    return ratio(f"training, {size}", row) / ratio(f"training, {size}", before)


STEPS = ("the lessons' model", "loss in parts", "and dropout from 16 bits", "and attention head by head")


def test_at_16_x_128_dropout_and_heads_stand_out_from_chance_and_at_64_x_32_no_single_step_does():
    chance = max(abs(gain(size, "what `train` chooses here", STEPS[-1]) - 1) for size in SIZES)
    for row, before in zip(STEPS[2:], STEPS[1:], strict=False):
        assert gain("16 x 128", row, before) > 1 + chance + 0.05
    assert all(
        gain("64 x 32", row, before) < 1 + chance + 0.05
        for before, row in zip(STEPS, STEPS[1:], strict=False)
    )


def test_marian_is_faster_with_less_dropout():
    assert all(gain(size, "MarianMT, its dropout", "MarianMT") > 1.15 for size in SIZES)


def test_fused_attention_is_level_for_short_sentences_and_slower_for_long_ones():
    short, long = (TABLES[f"tried, {size}"]["attention of PyTorch"] for size in SIZES)
    assert short["from"] < 1 < short["to"] and long["to"] < 1


def test_a_second_core_gains_as_much_as_a_step_and_far_from_twice():
    assert all(1.05 < ratio(f"tried, {size}", "with two threads") < 1.3 for size in SIZES)


def test_onednn_gains_less_than_is_asked_for():
    assert read(RECORDED / "benchmark.json")["about"]["oneDNN over MKL"] < 1.2


def test_bfloat16_has_no_instructions_here():
    peaks = read(RECORDED / "benchmark.json")["share of peak"]["peaks"]
    assert 20 * peaks["torch.bfloat16"] < peaks["torch.float32"]
    assert f"{read(RECORDED / 'benchmark.json')['share of peak']['share']:.2f}" == "0.70"


def test_generation_against_marian():
    assert (
        ratio("generation, 1 x 60", "helpers.fast")
        > 2
        > 1
        > ratio("generation, 1 x 60", "the lessons' decoding")
    )
    assert 1 < ratio("generation, 64 x 30", "helpers.fast") < 1.3
