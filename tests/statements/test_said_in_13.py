"""What the studies of lesson 13 say of recorded numbers, sentence by sentence."""

import re
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from lessons.boards import translation
from lessons.scoreboard import recorded
from tools import source

ROOT = Path(__file__).resolve().parents[2]
BOARD, APART = recorded("bleu"), recorded("bleu_apart")
UNTOUCHED = list(BOARD)[:7]  # every word of the output is the same
HAND: dict = {"re": re, "np": np, "math": __import__("math"), "Counter": __import__("collections").Counter}
for _cell in source.compose(ROOT, "13b_what_does_a_bleu_score_say", solved=True).cells:
    if _cell.cell_type == "code" and re.match(r"def (runs|bleu|cut)\b", _cell.source):
        exec(compile(_cell.source, "13b", "exec"), HAND)


def score(row, column="score"):
    return 100 * mean(BOARD[row][column])


def apart(row, column):
    return 100 * mean(APART[row][column])


TEXTS = [
    ("A man in a red shirt sleeps.", "A man in a red shirt is asleep."),
    ("Two dogs run; one barks.", "Two dogs run, and one of them barks."),
    ('He paid 1,000.50 for a well-known "ball".', 'He paid 1,000.50 for the "ball", 3-4 times.'),
]


def test_bleu_by_hand_is_sacrebleus_and_the_boards():
    hypotheses, references = map(list, zip(*TEXTS, strict=True))
    wanted = BLEU().corpus_score(hypotheses, [references]).score
    pairs = [(HAND["cut"](one), HAND["cut"](other)) for one, other in TEXTS]
    assert HAND["bleu"](sum(HAND["counts"](*pair) for pair in pairs)) == pytest.approx(wanted, abs=1e-9)
    numbers, board = translation.whole(translation.by_13a, hypotheses, references)
    assert 100 * board(numbers.sum(axis=0)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("text", ["It's 3-4, 5,6.", ".5 a, b.c", "(a) b&c, d.. ...", "ends in 5."])
def test_cut_is_13a(text):
    assert HAND["cut"](text) == Tokenizer13a()(text).split() == translation.by_13a([text])[0]


def test_bleu_by_hand_fits_into_forty_lines():
    cells = source.compose(ROOT, "13b_what_does_a_bleu_score_say", solved=True).cells
    parts = [
        c.source for c in cells if c.cell_type == "code" and re.match(r"def (runs|bleu|cut)\b", c.source)
    ]
    assert len(parts) == 3 and sum(len(part.splitlines()) for part in parts) <= 40


def test_one_and_the_same_output_gets_from_31_to_67():
    assert all(translation.WAYS[row][0] == "greedy" for row in UNTOUCHED)
    found = [score(row) for row in UNTOUCHED]
    assert [round(min(found)), round(max(found))] == [31, 67]


def test_case_and_tokeniser_move_a_quarter_of_a_point_and_spaces_take_two():
    plain = score("as sacreBLEU does")
    for row in ("lower-cased", "tokenised, lower-cased"):
        assert score(row) - plain == pytest.approx(0.25, abs=0.05), row
    assert plain - score("cut at spaces only") == pytest.approx(2.4, abs=0.5)


def test_unknown_words_give_and_means_of_sentences_take():
    assert score("rare words unknown") > score("tokenised, lower-cased") + 2
    assert score("mean of sentences") < score("as sacreBLEU does") - 5


def test_letters_give_the_06():
    assert round(mean(BOARD["mean of sentences, letters"]["score"]), 1) == 0.7
    assert round(score("mean of sentences, letters", "wrong sentences")) == 13


def test_teacher_forced_scores_no_lower_and_the_hollow_marks_are_below_or_at_one():
    assert score("teacher-forced") >= score("as sacreBLEU does")
    assert round(score("teacher-forced, letters of words")) == 61
    others = [score(row, "wrong sentences") for row in BOARD if row != "mean of sentences, letters"]
    assert max(others) < 1.05


def test_the_interval_is_about_a_point_and_a_half_either_way():
    row = BOARD["as sacreBLEU does"]
    for low, high in zip(row["from"], row["to"], strict=True):
        assert 1.45 < 100 * (high - low) / 2 < 1.65


def test_the_records_agree_with_the_card_of_the_translator():
    assert round(score("as sacreBLEU does"), 2) == 38.54
    assert round(apart("greedy", "BLEU"), 2) == 38.54


def test_a_beam_of_four_is_better_in_more_than_99_of_100_draws_and_the_intervals_overlap():
    row, plain = APART["beam of 4"], BOARD["as sacreBLEU does"]
    assert min(row["better in draws"]) > 0.99
    assert [round(apart("beam of 4", f"apart, {end}"), 1) for end in ("from", "to")] == [0.2, 1.6]
    half = score("as sacreBLEU does", "to") - score("as sacreBLEU does")
    assert apart("beam of 4", "BLEU") - half < 100 * min(plain["to"])


def test_men_and_women_exchanged_cost_five_points_and_no_articles_twenty():
    assert 0.4 < mean(APART["men and women swapped"]["sentences changed"]) < 0.5
    lost = [apart("greedy", "BLEU") - apart(row, "BLEU") for row in list(APART)[2:]]
    assert [round(points) for points in lost] == [5, 20]


def test_chrf_finds_the_same_order_with_smaller_steps_in_much_the_same_proportion():
    rows = list(APART)
    order = [sorted(rows, key=lambda row: apart(row, metric)) for metric in ("BLEU", "chrF")]
    assert order[0] == order[1]
    steps = [[apart("greedy", m) - apart(row, m) for row in rows[2:]] for m in ("BLEU", "chrF")]
    assert all(chrf < 0.5 * bleu for bleu, chrf in zip(*steps, strict=True))
    assert all(4 < larger / smaller < 5 for smaller, larger in steps)
