"""Plausible wrong answers to the exercises of notebook 04, and what the reader is told."""

import torch
from torch import nn

from helpers.model import MultiHeadAttention, attention_weights
from lessons.outline import AttendToItself


def heads_of(words, n_heads, there=(-3, -2), back=(-3, -2)):
    x = words.unflatten(-1, (n_heads, -1)).transpose(*there)
    return (attention_weights(x, x) @ x).transpose(*back).flatten(-2)


def narrow(width, n_heads):
    attention = AttendToItself(MultiHeadAttention(width, n_heads))
    return nn.Sequential(nn.Linear(64, width), attention, nn.Linear(width, 64))


WRONG = {
    "heads_and_parameters": [
        ([16, 4 * 256 * 256], "also has a bias"),
        ([16, 3 * (256 * 256 + 256)], "a fourth layer"),
        ([16, 16 * 4 * (256 * 256 + 256)], "share the width"),
        ([256, 4 * (256 * 256 + 256)], "divide by the number of heads"),
        ([32, 4 * (256 * 256 + 256)], "16 heads share"),
        ([16, 1000], "count four layers"),
    ],
    "join_heads": [
        (lambda heads, W_O: heads.reshape(heads.shape[1], heads.shape[2], -1) @ W_O, "scrambled"),
        (lambda heads, W_O: heads.transpose(0, 1).reshape(2, 4, 6) @ W_O, "one more swap"),
        (lambda heads, W_O: heads.permute(1, 2, 3, 0).flatten(2) @ W_O, "side by side"),
        (lambda heads, W_O: heads.permute(1, 2, 0, 3).flatten(2), "projection is missing"),
        (lambda heads, W_O: heads.permute(1, 2, 0, 3), "(2, 4, 5)"),
        (lambda heads, W_O: heads.flip(0).permute(1, 2, 0, 3).flatten(2) @ W_O, "one axis of the last two"),
    ],
    "heads_fixed": [
        (lambda words, n: heads_of(words, n, (0, 1), (0, 1)), "does not notice"),
        (lambda words, n: heads_of(words, n, (1, 2), (1, 2)), "from the end"),
        (lambda words, n: heads_of(words, n, (-3, -2), (0, 1)), "the shape should stay"),
        (lambda words, n: words, "right before"),
        (lambda words, n: heads_of(words, n) + (words.dim() > 2), "Compare both swaps"),
        (lambda words, n: heads_of(words, n)[..., :1, :], "the shape should stay"),
    ],
    "small_and_counting": [
        (lambda: MultiHeadAttention, "return a module"),
        (lambda: AttendToItself(MultiHeadAttention(64, 8)), "more than 5,000"),
        (lambda: nn.Linear(64, 16), "not (2, 8, 16)"),
        (lambda: narrow(16, 1), "more heads"),
        (lambda: nn.Linear(64, 64), "more heads"),
        (nn.Identity, "Python list"),
        (lambda: torch.ones(2), "return a module"),
    ],
}
