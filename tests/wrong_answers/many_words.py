"""Plausible wrong answers to the exercises of notebook 03, and what the reader is told."""

import math

import torch


def attention(divide=lambda scores: scores / 2, weigh=lambda scores: scores.softmax(dim=-1), swap=False):
    """Self-attention with one thing changed."""

    def wrong(words, W_Q, W_K, W_V):
        query, key, value = words @ W_Q, words @ W_K, words @ W_V
        if swap:
            query, key = key, query
        return weigh(divide(query @ key.transpose(-2, -1))) @ value

    return wrong


def only_the_weights(words, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (words @ W_K).transpose(-2, -1) / 2).softmax(dim=-1)


def key_transposed(words, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (words @ W_K).t() / 2).softmax(dim=-1) @ (words @ W_V)


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
    "mix_on_paper": [
        ([[4, 8 / 3], [4, 4]], "plain mean"),
        ([[3, 3], [0, 4]], "own value"),
        ([[3, 2], [4, 4]], "first output"),
        ([[3, 3], [1, 1]], "second output"),
        ([3, 3, 4, 4], "the shape (4,)"),
    ],
    "right_divisor": [
        (8, "root of d_k"),
        (16, "only one factor"),
        (64, "d_k itself"),
        (128, "both have standard deviation 2"),
        (256, "partly cancel"),
        (1024, "the variance"),
        (4, "one product"),
        (36, "one product"),
    ],
    "many_words_attention": [
        (attention(divide=lambda dots: dots), "not divided"),
        (attention(divide=lambda dots: dots / 4), "by its root"),
        (attention(divide=lambda dots: dots / math.sqrt(6)), "root of d_model"),
        (attention(swap=True), "changed roles"),
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
}
