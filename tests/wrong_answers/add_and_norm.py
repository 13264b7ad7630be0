"""Plausible wrong answers to the exercises of notebook 06, and what the reader is told."""

import torch
from torch import nn


def centred(x, dim=-1):
    return x - x.mean(dim=dim, keepdim=True)


def layer_norm(divisor, dim=-1, centre=centred):
    """A layer normalisation with one thing changed."""
    return lambda x, eps=1e-5: centre(x, dim) / divisor(x, eps)


def variance(x, correction=0, dim=-1):
    return x.var(dim=dim, keepdim=True, correction=correction)


def forgets_the_words_shape(x, eps=1e-5):
    return ((x - x.mean(dim=-1, keepdim=True)) / (variance(x) + eps).sqrt()).flatten()


def norms_in_place(x, eps=1e-5):
    x -= x.mean(dim=-1, keepdim=True)
    return x / (variance(x) + eps).sqrt()


def encoder_layer(end):
    """An encoder layer with another second half: `end(x, seen, think, norm_1, norm_2)`."""
    return lambda x, attend, think, norm_1, norm_2: end(x, norm_1(x + attend(x)), think, norm_1, norm_2)


def without_first_norm(x, attend, think, norm_1, norm_2):
    seen = x + attend(x)
    return norm_2(seen + think(seen))


def adds_in_place(x, attend, think, norm_1, norm_2):
    x += attend(x)
    seen = norm_1(x)
    return norm_2(seen + think(seen))


def scaled(forward):
    """The module of exercise 4 with another `forward(x, scale, sublayer)`."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(1))

        def forward(self, x, sublayer):
            return forward(x, self.scale, sublayer)

    return Scaled


class ScaledAndNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.norm = nn.Parameter(torch.zeros(1)), nn.LayerNorm(4)

    def forward(self, x, sublayer):
        return x + self.scale * self.norm(sublayer(x))


WRONG = {
    "norm_on_paper": [
        ([-1, -1, -1, -1, 4], "differences from the mean"),
        ([-0.25, -0.25, -0.25, -0.25, 1], "divide by its root"),
        ([-0.45, -0.45, -0.45, -0.45, 1.79], "divides them by 5"),
        ([0.5, 0.5, 0.5, 0.5, 3], "did not subtract the mean"),
        ([-0.5, 2.0], "the shape (2,)"),
        ([0, 0, 0, 0, 1], "mean first"),
    ],
    "my_layer_norm": [
        (layer_norm(lambda x, eps: (variance(x, 1) + eps).sqrt()), "unbiased"),
        (layer_norm(lambda x, eps: variance(x).sqrt() + eps), "inside the root"),
        (layer_norm(lambda x, eps: variance(x).sqrt()), "0 / 0"),
        (layer_norm(lambda x, eps: (variance(x, dim=-2) + eps).sqrt(), dim=-2), "over the words"),
        (layer_norm(lambda x, eps: variance(x) + eps), "divide by its root"),
        (layer_norm(lambda x, eps: 1), "subtracted the mean only"),
        (layer_norm(lambda x, eps: (variance(x) + eps).sqrt(), centre=lambda x, dim: x), "subtract it"),
        (layer_norm(lambda x, eps: (variance(x) + 1e-5).sqrt()), "use the argument"),
        (lambda x, eps=1e-5: (x - x.mean()) / (x.var(correction=0) + eps).sqrt(), "whole tensor"),
        (norms_in_place, "changes x itself"),
        (forgets_the_words_shape, "the shape must stay"),
    ],
    "fixed_layer": [
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: norm_2(x + think(seen))), "still the broken"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: norm_2(think(seen))), "is gone"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: norm_2(seen + think(x))), "does not see"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: norm_2(x + seen + think(seen))), "added twice"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: seen + norm_2(think(seen))), "comes last"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: norm_1(seen + think(seen))), "norm_1 twice"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: seen + think(seen)), "second norm is missing"),
        (encoder_layer(lambda x, seen, think, norm_1, norm_2: seen), "one name in one line"),
        (without_first_norm, "first norm is missing"),
        (adds_in_place, "changes x itself"),
    ],
    "scaled": [
        (scaled(lambda x, scale, sublayer: x + sublayer(x)), "as it went in"),
        (scaled(lambda x, scale, sublayer: x + scale.detach() * sublayer(x)), "no gradient"),
        (scaled(lambda x, scale, sublayer: x + 0 * scale * sublayer(x)), "whatever the scale"),
        (scaled(lambda x, scale, sublayer: (1 - scale) * x + scale * sublayer(x)), "not scaled"),
        (scaled(lambda x, scale, sublayer: x + scale**2 * sublayer(x)), "and nothing else"),
        (ScaledAndNormed, "no norm"),
    ],
}
