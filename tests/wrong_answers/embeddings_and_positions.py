"""Plausible wrong answers to the exercises of notebook 07, and what the reader is told."""

import math

import torch
from torch import nn


def table(sign=-1, paces=lambda d: torch.arange(0, d, 2) / d, second=torch.cos, start=0):
    """The sinusoids as a function of n and d, with one thing changed."""

    def wrong(n, d):
        angle = torch.arange(start, start + n).double().unsqueeze(1) * 10000.0 ** (sign * paces(d))
        return torch.stack([angle.sin(), second(angle)], dim=-1).flatten(1)

    return wrong


def halves(n, d):
    right = table()(n, d)
    return torch.cat([right[:, 0::2], right[:, 1::2]], dim=1)


def shift(angle, sign=1):
    def wrong(k, pace):
        sine, cosine = sign * math.sin(angle(k, pace)), math.cos(angle(k, pace))
        return torch.tensor([[cosine, -sine], [sine, cosine]])

    return wrong


class Positions(nn.Module):
    def __init__(self, d_model, max_len):
        super().__init__()
        self.table = nn.Parameter(torch.randn(max_len, d_model))


class PlainTensor(nn.Module):
    def __init__(self, d_model, max_len):
        super().__init__()
        self.table = torch.randn(max_len, d_model)

    def forward(self, x):
        return x + self.table[: x.shape[-2]]


class OneRow(Positions):
    def forward(self, x):
        return x + self.table[0]


class LastRows(Positions):
    def forward(self, x):
        return x + self.table[-x.shape[-2] :]


class BesideTheWords(Positions):
    def forward(self, x):
        return torch.cat([x, self.table[: x.shape[-2]].expand_as(x)], dim=-1)


class OverTheBatch(Positions):
    def forward(self, x):
        return x + self.table[: len(x)].unsqueeze(1)


class InPlace(Positions):
    def forward(self, x):
        x += self.table[: x.shape[-2]]
        return x


class Detached(Positions):
    def forward(self, x):
        return x + self.table.detach()[: x.shape[-2]]


class Frozen(Positions):
    def __init__(self, d_model, max_len):
        super().__init__(d_model, max_len)
        self.table = nn.Parameter(torch.randn(max_len, d_model), requires_grad=False)

    def forward(self, x):
        return x + self.table[: x.shape[-2]]


class AsManyAsSentences(Positions):
    def forward(self, x):
        return x + self.table[: x.shape[0]]


class WholeTable(Positions):
    def forward(self, x):
        return x + self.table


class WrongWayRound(Positions):
    def __init__(self, d_model, max_len):
        super().__init__(d_model, d_model)


def close(a, b):
    return torch.allclose(a, b, atol=1e-5)


def turned(encode, words):
    return encode(words.flip(0)).flip(0)


def does_not_put_back(encode, words):
    return not close(encode(words.flip(0)), encode(words))


def first_word_only(encode, words):
    return not close(turned(encode, words)[0], encode(words)[0])


def turns_in_place(encode, words):
    before = encode(words)
    words.copy_(words.flip(0))
    return not close(encode(words).flip(0), before)


def no_swap(encode, words):
    return not torch.allclose(encode(words), encode(words.clone()))


def only_the_ends(encode, words):
    order = torch.tensor([len(words) - 1, *range(1, len(words) - 1), 0])
    return not torch.allclose(encode(words[order])[order], encode(words), atol=1e-5)


WRONG = {
    "first_place": [
        ([0, 0, 0, 0], "every second column is a cosine"),
        ([1, 0, 1, 0], "the sine comes first"),
        ([0, 0, 1, 1], "side by side"),
        ([1, 1, 1, 1], "every second column is a sine"),
        ([0.841, 0.54, 0.01, 1.0], "this is place 1"),
        ([0, 1], "you wrote 2"),
    ],
    "sinusoids": [
        (table(sign=1), "not multiplied"),
        (table(second=torch.sin), "all sines"),
        (table(sign=1, second=torch.sin), "both faults"),
        (table(paces=lambda d: torch.arange(d // 2) / d), "exponent is 2i/d"),
        (table(start=1), "from 1"),
        (halves, "alternate"),
        (lambda n, d: table()(n, d).T, "transpose"),
        (lambda n, d: table()(n, d)[:, ::2], "(12, 4)"),
        (lambda n, d: table()(12, 8), "5 places of width 4"),
    ],
    "shift_by": [
        (shift(lambda k, pace: k / pace, sign=-1), "shifts back"),
        (shift(lambda k, pace: k), "ignores the pace"),
        (shift(lambda k, pace: k * pace), "do not multiply"),
        (lambda k, pace: torch.eye(2), "sin(a + b)"),
        (lambda k, pace: shift(lambda k, pace: k / pace)(3, 2.0), "use both"),
        (shift(lambda k, pace: k / 2), "use both"),
        (lambda k, pace: [[1, 0], [0, 1]], "two rows"),
    ],
    "learned_positions": [
        (PlainTensor, "no parameters"),
        (OneRow, "every word gets row 0"),
        (LastRows, "last rows"),
        (BesideTheWords, "do not put them beside"),
        (OverTheBatch, "over the sentences"),
        (WholeTable, "first S rows"),
        (AsManyAsSentences, "last axis but one"),
        (InPlace, "not x +="),
        (Detached, "no gradient"),
        (Frozen, "no gradient"),
        (WrongWayRound, "24 parameters"),
    ],
    "knows_the_order": [
        (does_not_put_back, "put them back"),
        (no_swap, "two orders"),
        (only_the_ends, "in the middle"),
        (first_word_only, "compare all"),
        (turns_in_place, "changed the words"),
        (lambda encode, words: not torch.equal(turned(encode, words), encode(words)), "torch.allclose"),
        (lambda encode, words: close(turned(encode, words), encode(words)), "wrong way round"),
        (lambda encode, words: True, "says True"),
    ],
}
