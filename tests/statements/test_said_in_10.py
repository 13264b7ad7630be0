"""What lesson 10 says of table 3 of the paper, counted with the finished model."""

import math

import torch

from helpers.model import Transformer

# Millions of parameters in the paper's table 3, and width, feed-forward width and layers of each row.
TABLE_3 = {
    "base": (65, 512, 2048, 6),
    "2 layers": (36, 512, 2048, 2),
    "4 layers": (50, 512, 2048, 4),
    "8 layers": (80, 512, 2048, 8),
    "D 256": (28, 256, 2048, 6),
    "D 1024": (168, 1024, 2048, 6),
    "F 1024": (53, 512, 1024, 6),
    "F 4096": (90, 512, 4096, 6),
    "big": (213, 1024, 4096, 6),
}


def parameters(n_vocab, d_model, d_ff, n_layers):
    with torch.device("meta"):
        model = Transformer(n_vocab, n_vocab, d_model, 8, d_ff, n_layers, joint_vocabulary=True)
    return sum(parameter.numel() for parameter in model.parameters())


def fitting(row):
    """The smallest and the largest vocabulary with which a row rounds to the paper's number."""
    millions, *sizes = TABLE_3[row]
    layers = parameters(1, *sizes) - sizes[0]
    return [math.ceil(((millions + half) * 1e6 - layers) / sizes[0]) - (half > 0) for half in (-0.5, 0.5)]


def test_one_stretch_of_vocabularies_fits_eight_rows_and_37_000_fits_none():
    low, high = zip(*(fitting(row) for row in TABLE_3 if row != "big"), strict=True)
    assert (max(low), min(high)) == (40_932, 41_160)
    assert all(not a <= 37_000 <= b for a, b in map(fitting, TABLE_3))
    for n_vocab in (40_932, 41_160):
        for row, (millions, *sizes) in TABLE_3.items():
            assert (round(parameters(n_vocab, *sizes) / 1e6) == millions) == (row != "big")


def test_for_the_big_model_37_000_is_too_many():
    assert fitting("big")[1] < 37_000


def test_the_base_model_has_63_1_million():
    assert round(parameters(37_000, *TABLE_3["base"][1:]) / 1e6, 1) == 63.1
