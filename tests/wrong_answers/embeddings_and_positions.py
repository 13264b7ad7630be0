"""Plausible wrong answers to the exercises of notebook 07, and what the reader is told."""

import torch
from torch import nn

from helpers.model import PositionalEncoding


def table(sign=-1, paces=lambda d: torch.arange(0, d, 2) / d, second=torch.cos, start=0):
    """Sines beside cosines as a function of n and d, with one thing changed."""

    def wrong(n, d):
        angle = torch.arange(start, start + n).double().unsqueeze(1) * 10000.0 ** (sign * paces(d))
        return torch.cat([angle.sin(), second(angle)], dim=1)

    return wrong


def in_turns(n, d):
    sines, cosines = table()(n, d).chunk(2, dim=1)
    return torch.stack([sines, cosines], dim=-1).flatten(1)


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


class TooShort(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.table = nn.Parameter(torch.randn(16, d_model))

    def forward(self, x):
        return x + self.table[: x.shape[-2]]


class Wider(nn.Module):
    def __init__(self, d_model):
        super().__init__()

    def forward(self, x):
        return torch.cat([x, x], dim=-1)


WRONG = {
    "first_place": [
        ([0, 0, 0, 0], "every second column is a cosine"),
        ([1, 0, 1, 0], "the sine comes first"),
        ([0, 0, 1, 1], "side by side"),
        ([1, 1, 1, 1], "every second column is a sine"),
        ([0.841, 0.54, 0.01, 1.0], "this is place 1"),
        ([0, 1], "you wrote 2"),
    ],
    "halves": [
        (table(sign=1), "not multiplied"),
        (table(second=torch.sin), "all sines"),
        (table(sign=1, second=torch.sin), "make the second half cosines"),
        (table(paces=lambda d: torch.arange(d // 2) / d), "exponent is 2i/d"),
        (table(start=1), "from 1"),
        (in_turns, "all sines come first"),
        (lambda n, d: table()(n, d).roll(d // 2, dims=1), "the sines are the first half"),
        (lambda n, d: table()(n, d).T, "transpose"),
        (lambda n, d: table()(n, d)[:, ::2], "(12, 4)"),
        (lambda n, d: table()(12, 8), "5 places of width 4"),
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
    "farther": [
        (nn.Identity, "has not learned"),
        (PositionalEncoding, "half at most"),
        (TooShort, "up to 64"),
        (Wider, "(B, S, D)"),
    ],
}
