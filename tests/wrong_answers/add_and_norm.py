"""Plausible wrong answers to the exercises of notebook 06, and what the reader is told."""

import torch
from torch import nn


def mean_of_squares(x, dim=-1):
    return (x**2).mean(dim=dim, keepdim=True)


def centred(x):
    return x - x.mean(dim=-1, keepdim=True)


def rms_norm(divisor, before=lambda x: x):
    """An RMS norm with one thing changed."""
    return lambda x, eps=1e-5: before(x) / divisor(x, eps)


def forgets_the_words_shape(x, eps=1e-5):
    return (x / (mean_of_squares(x) + eps).sqrt()).flatten()


def norms_in_place(x, eps=1e-5):
    x /= (mean_of_squares(x) + eps).sqrt()
    return x


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
    "my_rms_norm": [
        (lambda x, eps=1e-5: centred(x) / (mean_of_squares(centred(x)) + eps).sqrt(), "layer normalisation"),
        (rms_norm(lambda x, eps: (mean_of_squares(centred(x)) + eps).sqrt()), "not their differences"),
        (rms_norm(lambda x, eps: (mean_of_squares(x) + eps).sqrt(), before=centred), "here it stays"),
        (rms_norm(lambda x, eps: mean_of_squares(x) + eps), "divide by its root"),
        (rms_norm(lambda x, eps: (x**2).sum(dim=-1, keepdim=True) + eps), "root of their mean"),
        (rms_norm(lambda x, eps: x.norm(dim=-1, keepdim=True)), "root of the sum"),
        (rms_norm(lambda x, eps: x.abs().mean(dim=-1, keepdim=True) + eps), "square first"),
        (rms_norm(lambda x, eps: (mean_of_squares(x, -2) + eps).sqrt()), "over the words"),
        (rms_norm(lambda x, eps: ((x**2).mean() + eps).sqrt()), "whole tensor"),
        (rms_norm(lambda x, eps: mean_of_squares(x).sqrt()), "0 / 0"),
        (rms_norm(lambda x, eps: mean_of_squares(x).sqrt() + eps), "inside the root"),
        (rms_norm(lambda x, eps: (mean_of_squares(x) + 1e-5).sqrt()), "use the argument"),
        (rms_norm(lambda x, eps: 1), "should equal nn.RMSNorm"),
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
