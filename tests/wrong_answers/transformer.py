"""Plausible wrong answers to the exercises of notebook 10, and what the reader is told."""

import torch
from torch import nn


def turned_round(tgt_mask, key_padding):
    return ~((tgt_mask == 0) & ~key_padding[:, None, None, :])


def no_axis(tgt_mask, key_padding):
    return (tgt_mask == 0) & ~key_padding[:, None, :]


def hides_queries(tgt_mask, key_padding):
    return (tgt_mask == 0) & ~key_padding[:, None, :, None]


def always_causal(tgt_mask, key_padding):
    return torch.ones(4, 4, dtype=torch.bool).tril() & ~key_padding[:, None, None, :]


def numbers(tgt_mask, key_padding):
    return tgt_mask.masked_fill(key_padding[:, None, None, :], -torch.inf)


def third(number):
    return lambda weight, n_heads, head: weight.chunk(3)[number].chunk(n_heads)[head]


def value_columns(weight, n_heads, head):
    return weight.chunk(3)[2].chunk(n_heads, dim=1)[head]


def value_transposed(weight, n_heads, head):
    return weight.chunk(3)[2].chunk(n_heads, dim=1)[head].T


def heads_first(weight, n_heads, head):
    return weight.chunk(n_heads)[head].chunk(3)[2]


def spread(weight, n_heads, head):
    return weight.chunk(3)[2][head::n_heads]


def from_one(weight, n_heads, head):
    return weight.chunk(3)[2].chunk(n_heads)[head - 1]


def copied(model):
    with torch.no_grad():
        model.output.weight.copy_(model.embedding.weight)
    return model


def cloned(model):
    model.output.weight = nn.Parameter(model.embedding.weight.clone())
    return model


def backwards(model):
    model.embedding.weight = model.output.weight
    return model


def only_data(model):
    model.output.weight.data = model.embedding.weight.data
    return model


def transposed(model):
    model.output.weight = nn.Parameter(model.embedding.weight.T)
    return model


def returns_weight(model):
    model.output.weight = model.embedding.weight
    return model.output.weight


def whole_module(model):
    model.output = model.embedding
    return model


def frozen(model):
    del model.output.weight
    model.output.weight = model.embedding.weight.detach()
    return model


WRONG = {
    "untied_parameters": [
        (0, "counted once"),
        (18_944_000, "not one"),
        (3 * 18_944_000, "what is added"),
        (2 * 18_944_000 + 37_000, "no bias"),
        (63_082_496, "how many matrices"),
    ],
    "masks_from_pytorch": [
        (turned_round, "everything is turned round"),
        (no_axis, "axis of size 1"),
        (hides_queries, "hide queries"),
        (always_causal, "other places"),
        (numbers, "compare the numbers with 0"),
        (lambda tgt, pad: (tgt != 0) & ~pad[:, None, None, :], "the numbers are turned round"),
        (lambda tgt, pad: (tgt != 0) & pad[:, None, None, :], "both masks are turned round"),
        (lambda tgt, pad: (tgt == 0) & pad[:, None, None, :], "the padding is turned round"),
        (lambda tgt, pad: (tgt == 0) | ~pad[:, None, None, :], "not with |"),
        (lambda tgt, pad: tgt == 0, "expected (B, 1, T, T)"),
        (lambda tgt, pad: (tgt == 0).expand(3, 1, 4, 4), "key_padding is not used"),
        (lambda tgt, pad: ~pad[:, None, None, :].expand(3, 1, 4, 4), "tgt_mask is not used"),
    ],
    "value_of_head": [
        (third(0), "the query matrix"),
        (third(1), "the key matrix"),
        (value_columns, "not columns"),
        (value_transposed, "not columns"),
        (heads_first, "first the thirds"),
        (spread, "stand together"),
        (from_one, "count them from 0"),
        (lambda weight, n_heads, head: weight.chunk(3)[2], "expected (dk, D)"),
        (lambda weight, n_heads, head: weight.chunk(3 * n_heads)[head], "the query matrix"),
    ],
    "tie_weights": [
        (copied, "two parameters"),
        (cloned, "two parameters"),
        (only_data, "two parameters"),
        (backwards, "not back"),
        (transposed, "both stay (n_vocab, D)"),
        (returns_weight, "return the model"),
        (frozen, "without detach"),
        (whole_module, "not the whole module"),
        (lambda model: model, "values of its own"),
    ],
    "which_check_fails": [
        (["source", "causal", "positions"], "LeakA"),
        (["padding", "padding", "positions"], "LeakB"),
        (["padding", "causal", "source"], "LeakC"),
        (["padding", "future", "positions"], "is no check"),
        (["padding", "causal"], "three names"),
        ("padding", "three names"),
        ({"A": "padding", "B": "source", "C": "positions"}, "LeakB"),
        ({"padding", "causal", "positions"}, "a set has no order"),
        (3, "three names"),
    ],
}
