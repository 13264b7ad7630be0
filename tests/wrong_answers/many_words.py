"""Plausible wrong answers to the exercises of notebook 03, and what the reader is told."""

import math

import torch
from torch import nn

from lessons import scoreboard
from lessons.boards.many_words import lent_places
from lessons.outline import SelfAttention


def attention(divide=lambda scores: scores / 2, weigh=lambda scores: scores.softmax(dim=-1), swap=False):
    """Attention to other words with one thing changed."""

    def wrong(words, others, W_Q, W_K, W_V):
        if swap:
            words, others = others, words
        query, key, value = words @ W_Q, others @ W_K, others @ W_V
        return weigh(divide(query @ key.transpose(-2, -1))) @ value

    return wrong


def only_the_weights(words, others, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (others @ W_K).transpose(-2, -1) / 2).softmax(dim=-1)


def to_itself(words, others, W_Q, W_K, W_V):
    return attention()(words, words, W_Q, W_K, W_V)


def key_transposed(words, others, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (others @ W_K).t() / 2).softmax(dim=-1) @ (others @ W_V)


def turned_by(turn):
    """Self-attention with another way to turn the keys."""

    def wrong(words, W_Q, W_K, W_V):
        scores = (words @ W_Q) @ turn(words @ W_K) / math.sqrt(W_Q.shape[-1])
        return scores.softmax(dim=-1) @ (words @ W_V)

    return wrong


def reshaped(key):
    return key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2])


def last_two_of_three(key):
    return key.T if key.dim() == 2 else reshaped(key).flip(0)


def turned_undivided(words, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (words @ W_K).transpose(-2, -1)).softmax(dim=-1) @ (words @ W_V)


def model(*parts):
    """An untrained model round these parts."""
    torch.manual_seed(0)
    return scoreboard.SymbolModel(nn.Sequential(*(part() for part in parts)))


def head():
    return SelfAttention(64, 64, 64)


def narrowest():
    return SelfAttention(64, 1, 64)


def swapped(x):
    return x[[1, 0, *range(2, len(x))]]


def rolled(x):
    return x.roll(1, 0)


def flipped(x):
    return x.flip(0)


def shuffles_with(*shuffles, same=torch.allclose):
    """The check with these shuffles, comparing by `same`."""
    return lambda function, words: all(same(function(s(words)), s(function(words))) for s in shuffles)


def shuffles_only_the_input(function, words):
    return torch.allclose(function(rolled(words)), function(words))


def shuffles_only_the_output(function, words):
    return torch.allclose(function(words), rolled(function(words)))


WRONG = {
    "attention_shapes": [
        ([(5, 5), (5, 32)], "the batch of 8"),
        ([(8, 5, 64), (8, 5, 32)], "shape of the queries"),
        ([(8, 5, 5), (8, 5, 64)], "a value has 32"),
        ([(8, 8, 5), (8, 5, 32)], "one row for each query"),
        ([(8, 5, 5), (8, 32)], "as wide as a value"),
    ],
    "many_words_attention": [
        (attention(divide=lambda dots: dots), "not divided"),
        (attention(divide=lambda dots: dots / 4), "by its root"),
        (attention(divide=lambda dots: dots / math.sqrt(6)), "root of d_model"),
        (attention(swap=True), "one row for each of the others"),
        (to_itself, "ask themselves"),
        (attention(weigh=lambda scores: scores), "no softmax"),
        (attention(weigh=lambda scores: scores.softmax(dim=1)), "not for a batch"),
        (attention(weigh=lambda scores: scores.softmax(dim=-2)), "over the queries"),
        (only_the_weights, "multiply them by the values"),
        (key_transposed, "transpose(-2, -1)"),
    ],
    "ignores_order": [
        (shuffles_only_the_input, "shuffle the outputs as well"),
        (shuffles_only_the_output, "shuffle the outputs as well"),
        (shuffles_with(flipped), "two neighbours"),
        (shuffles_with(rolled), "two neighbours"),
        (shuffles_with(swapped), "both shuffles"),
        (shuffles_with(swapped, rolled, same=lambda a, b: torch.allclose(a.sum(), b.sum())), "not their sum"),
        (shuffles_with(swapped, rolled, same=lambda a, b: torch.allclose(a[0], b[0])), "all outputs"),
        (shuffles_with(swapped, rolled, same=lambda a, b: torch.allclose(a[-1], b[-1])), "all outputs"),
        (shuffles_with(swapped, rolled, same=lambda a, b: (a - b).max() < 1e-5), "can be negative"),
        (shuffles_with(swapped, rolled, same=lambda a, b: (b - a).max() < 1e-5), "can be negative"),
        (lambda function, words: True, "shuffle first, shuffle last"),
        (lambda function, words: False, "shuffle the outputs as well"),
    ],
    "keys_turned": [
        (turned_by(reshaped), "nothing has changed yet"),
        (turned_by(last_two_of_three), "not for a batch"),
        (turned_undivided, "keep the division"),
    ],
    "narrow_enough": [
        (2, "hand over the trained model"),
        (model(head), "knows its place"),
        (model(lent_places, head), "trained on reverse"),
        (model(lent_places, narrowest), "with one number"),
        (model(lent_places, nn.Identity), "finds no W_Q"),
        (
            scoreboard.train_on(scoreboard.TASKS["reverse"], lambda: nn.Sequential(lent_places(), head())),
            "narrower",
        ),
    ],
}
