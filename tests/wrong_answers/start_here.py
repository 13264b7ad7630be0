"""Plausible wrong answers to the exercises of notebook 00, and what the check must say to them."""

import torch
from torch import nn


class PlainTensors(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.scale, self.shift = torch.ones(d_model), torch.zeros(d_model)

    def forward(self, x):
        return x * self.scale + self.shift


class OneNumber(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x * self.scale + self.shift


class RandomStart(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.rand(d_model)), nn.Parameter(torch.rand(d_model))

    def forward(self, x):
        return x * self.scale + self.shift


class OtherNames(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))

    def forward(self, x):
        return x * self.gamma + self.beta


class ShiftFirst(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))

    def forward(self, x):
        return (x + self.shift) * self.scale


class ShiftForgotten(ShiftFirst):
    def forward(self, x):
        return x * self.scale


class NoSuper(nn.Module):
    def __init__(self, d_model):
        self.scale = nn.Parameter(torch.ones(d_model))


class NoModule:
    def __init__(self, d_model):
        self.scale, self.shift = torch.ones(d_model), torch.zeros(d_model)


WRONG = {
    "sentence_shapes": [
        ([(7, 2), (2, 7, 512), (2, 8, 5, 7)], "the batch comes first"),
        ([(2, 7, 512), (2, 7, 512), (2, 8, 5, 7)], "one number per token"),
        ([(2, 7), (2, 7, 64), (2, 8, 5, 7)], "D numbers per token"),
        ([(2, 7), (2, 7, 512), (2, 8, 7, 5)], "rows are queries"),
        ([(2, 7), (2, 7, 512), (2, 5, 7)], "a map of its own"),
        ([(2, 7), (2, 7, 512), (2, 8, 7, 7)], "one map (T, S)"),
    ],
    "mean_over_words": [
        (lambda x: x.mean(dim=-1), "the numbers of each word"),
        (lambda x: x.mean(dim=0), "over the sentences of the batch"),
        (lambda x: x.mean(dim=1), "count the axis from the right"),
        (lambda x: x.sum(dim=-2), "this is the sum"),
        (lambda x: x.mean(dim=-2, keepdim=True), "leave keepdim out"),
        (lambda x: x.mean(), "expected the shape (2, 4)"),
        (lambda x: x.median(dim=-2).values + 1, "the numbers are not"),
    ],
    "scale_and_shift": [
        (PlainTensors, "nn.Parameter"),
        (OneNumber, "scale (D,) and shift (D,)"),
        (OtherNames, "name the two parameters scale and shift"),
        (RandomStart, "must change nothing"),
        (ShiftFirst, "before you scale"),
        (ShiftForgotten, "both used in forward"),
        (NoSuper, "super().__init__"),
        (NoModule, "inherit from nn.Module"),
    ],
}
