"""Plausible wrong answers to the exercises of notebook 06, and what the reader is told."""

import torch


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


def adds_in_place(x, sublayer, norm):
    x += sublayer(x)
    return norm(x)


WRONG = {
    "norm_on_paper": [
        ([-1, -1, -1, -1, 4], "differences from the mean"),
        ([-0.25, -0.25, -0.25, -0.25, 1], "divide by its root"),
        ([-0.45, -0.45, -0.45, -0.45, 1.79], "divides them by 5"),
        ([0.5, 0.5, 0.5, 0.5, 3], "did not subtract the mean"),
        ([-0.5, 2.0], "the shape (2,)"),
        ([0, 0, 0, 0, 1], "mean first"),
    ],
    "parameters_in_norms": [
        (6144, "this is half"),
        (2048, "one layer"),
        (1024, "one norm"),
        (24, "512 factors"),
        (18432, "not three"),
        (512, "layers times norms"),
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
    "my_add_and_norm": [
        (lambda x, sublayer, norm: norm(sublayer(x)), "not added back"),
        (lambda x, sublayer, norm: x + sublayer(x), "does not normalise"),
        (lambda x, sublayer, norm: x + norm(sublayer(x)), "before adding"),
        (lambda x, sublayer, norm: x + sublayer(norm(x)), "notebook 08"),
        (lambda x, sublayer, norm: norm(x) + norm(sublayer(x)), "add first"),
        (adds_in_place, "changes x itself"),
        (lambda x, sublayer, norm: torch.zeros(3, 4), "LayerNorm(x + Sublayer(x))"),
    ],
    "six_in_a_row": [
        ([1.77, 1e-6], "wrong way round"),
        ([0.6, 1.6], "multiply"),
        ([1e-6, 1.6], "gets 1.1"),
        ([1e-6, 1.000001], "not one round all six"),
        ([1e-5, 1.77], "six times over"),
        ([1e-6, 2.0], "x + 0.1 x"),
    ],
}
