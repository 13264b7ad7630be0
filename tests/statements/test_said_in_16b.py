"""What study 16b says of recorded numbers, sentence by sentence."""

from statistics import mean

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from helpers.model import MultiHeadAttention
from lessons.boards import first_the_language as boards
from lessons.scoreboard import recorded

TABLE = recorded("first_the_language")
ALONE, PATIENT, SHUFFLED, LANGUAGES = TABLE.values()


def test_the_languages_first_win_with_every_seed_in_sentences_and_in_loss():
    for rival in (ALONE, PATIENT, SHUFFLED):
        assert all(a > b for a, b in zip(LANGUAGES["translated"], rival["translated"], strict=True))
        assert all(a < b for a, b in zip(LANGUAGES["loss"], rival["loss"], strict=True))


def test_patience_gains_a_little_and_shuffled_words_bring_nothing():
    assert 0 < mean(PATIENT["translated"]) - mean(ALONE["translated"]) < 0.06
    assert mean(SHUFFLED["translated"]) <= mean(ALONE["translated"])


def test_nearly_half_against_less_than_four_in_ten():
    assert 0.45 < mean(LANGUAGES["translated"]) < 0.5
    assert 0.35 < mean(PATIENT["translated"]) < 0.4


def test_a_new_word_is_not_translated():
    assert max(max(row["a new word"]) for row in TABLE.values()) < 0.03
    assert max(LANGUAGES["a new word"]) == 0
    assert 0.1 < mean(LANGUAGES["share with a new word"]) < 0.14


def test_the_lead_is_13_sentences_with_one_seed_and_41_or_more_with_two():
    rivals = zip(ALONE["translated"], PATIENT["translated"], SHUFFLED["translated"], strict=True)
    leads = [ours - max(rival) for ours, rival in zip(LANGUAGES["translated"], rivals, strict=True)]
    sentences = sorted(round(377 * lead) for lead in leads)
    assert sentences[0] == 13 and sentences[1] >= 41 and len(boards.drawn(0).test) == 377


# The exercise


class Adapter(nn.Module):
    def __init__(self, weight, rank, start=0.0, draw=torch.randn):
        super().__init__()
        self.a = nn.Parameter(draw(rank, weight.shape[1]))
        self.b = nn.Parameter(torch.full((weight.shape[0], rank), start))

    def forward(self, weight):
        return weight + self.b @ self.a


def adapt(model, rank, names=("query", "value"), frozen=True, most=3, **start):
    model.requires_grad_(not frozen)
    attentions = [part for part in model.modules() if isinstance(part, MultiHeadAttention)]
    for part in attentions[:most]:
        for layer in (getattr(part, name) for name in names):
            adapter = Adapter(layer.weight, rank, **start)
            parametrize.register_parametrization(layer, "weight", adapter)
    return model


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "Passed: at the start nothing has changed"),
        ({"start": 0.1}, "has changed before any training"),
        ({"frozen": False}, "still train"),
        ({"draw": torch.zeros}, "draw A at random"),
        ({"names": ("query",)}, "query and value"),
        ({"names": ("query", "key", "value", "projection")}, "keys and projections have none"),
        ({"most": 1}, "one of the three attentions"),
        ({"most": 2}, "cross-attention"),
        ({"most": 0}, "no adapter is a parameter"),
        ({"names": ("query", "key", "value")}, "it should be 576"),
    ],
)
def test_the_check_of_the_adapters_names_the_mistake(wrong, message, capsys):
    boards.adapters(lambda model, rank: adapt(model, rank, **wrong))
    assert message in capsys.readouterr().out


def test_an_adapted_model_is_trained_and_translates_by_the_functions_of_the_board():
    model = adapt(boards.new_model(), 2)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 6 * 2 * 2 * 64
    pairs = boards.drawn(0).pairs[:8]
    boards.fit(model, lambda _: boards.asked(pairs), 2, 0)
    assert len(boards.written(model, pairs)) == 8
