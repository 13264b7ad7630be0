"""Checks for the exercises of notebook 06."""

import math

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def norm_on_paper(answer):
    """the mean is 2, the variance 4, so all differences are halved."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.shape != (5,):
        return f"write a list of five numbers; yours has the shape {tuple(answer.shape)}."
    row = torch.tensor([1.0, 1.0, 1.0, 1.0, 6.0])
    likely = {
        "these are the differences from the mean: divide them by the standard deviation.": row - 2,
        "you divided by the variance: divide by its root.": (row - 2) / 4,
        "you divided the squares by 4: layer normalisation divides them by 5.": (row - 2) / math.sqrt(5),
        "you did not subtract the mean: it must be 0 in the end.": row / 2,
    }
    if not same(answer, (row - 2) / 2, 0.01):
        return likely_mistake(answer, likely, 0.02) or (
            "mean first, then the differences, then the root of the mean of their squares."
        )


@exercise
def parameters_in_norms(answer):
    """six layers, two norms in each, and a factor and a summand for each of the 512 places."""
    likely = {
        "this is half: either each layer has two norms, or each norm has factors and summands.": 6 * 2 * 512,
        "this is one layer: there are six.": 2 * 2 * 512,
        "this is one norm: there are two in each of six layers.": 2 * 512,
        "each norm has factors and summands, and each layer has two norms.": 6 * 512,
        "each norm has 512 factors and 512 summands.": 6 * 2 * 2,
        "an encoder layer has two sub-layers, not three.": 6 * 3 * 2 * 512,
    }
    if answer != 6 * 2 * 2 * 512:
        return likely_mistake(answer, likely) or "layers times norms in a layer times parameters of a norm."


@exercise
def my_layer_norm(answer):
    """equal to PyTorch's, on wide rows, narrow rows and very small ones."""
    x = (torch.arange(24, dtype=torch.float64) * 7 % 11).reshape(2, 3, 4)
    kept = x.clone()
    result = answer(x)
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x - ..., not x -= ..."
    if result.shape != x.shape:
        return f"the shape must stay (2, 3, 4); yours is {tuple(result.shape)}: keepdim=True keeps it."
    centred = x - x.mean(dim=-1, keepdim=True)
    likely = {
        "the mean of each word should be 0: subtract it.": x / x.std(dim=-1, keepdim=True, correction=0),
        "you subtracted the mean only: divide by the deviation as well.": centred,
        "you divided by the variance: divide by its root.": centred
        / x.var(dim=-1, keepdim=True, correction=0),
        "your variance is the unbiased one: divide the squares by D, not by D - 1.": (
            centred / x.std(dim=-1, keepdim=True)
        ),
        "you normalised over the words: each word by itself, over dim=-1.": (
            (x - x.mean(dim=-2, keepdim=True)) / x.std(dim=-2, keepdim=True, correction=0)
        ),
        "you normalised the whole tensor at once: each word by itself, over dim=-1.": (
            (x - x.mean()) / x.std(correction=0)
        ),
    }
    if message := likely_mistake(result, likely, 1e-3):
        return message
    if not answer(torch.ones(1, 4)).isfinite().all():
        return "a row of equal numbers gives 0 / 0: add eps to the variance."
    if not same(result, nn.functional.layer_norm(x, (4,)), 1e-3):
        return "for rows of size 1 it should equal nn.LayerNorm."
    if not same(answer(x / 1000), nn.functional.layer_norm(x / 1000, (4,)), 1e-5):
        return "right for rows of size 1, wrong for rows of size 0.001: is your eps inside the root?"
    if not same(answer(x, 0.5), nn.functional.layer_norm(x, (4,), eps=0.5), 1e-5):
        return "another eps must change the result: use the argument."


@exercise
def my_add_and_norm(answer):
    """the input is added back, and the sum is normalised."""
    torch.manual_seed(0)
    x, norm = torch.randn(3, 4), nn.LayerNorm(4)
    kept = x.clone()

    def sublayer(y):
        return 2 * y.flip(-1) + 1

    result = answer(x, sublayer, norm)
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x + ..., not x += ..."
    likely = {
        "the input is not added back.": norm(sublayer(x)),
        "it adds, and does not normalise.": x + sublayer(x),
        "you normalised before adding: the sum is what is normalised.": x + norm(sublayer(x)),
        "you normalised before the sub-layer: that is another order, for notebook 08.": x + sublayer(norm(x)),
        "you normalised both before adding: add first.": norm(x) + norm(sublayer(x)),
        "the sub-layer comes second: it sees the words as they come in.": norm(x + sublayer(norm(x))),
        "only the input is left: where is the sub-layer?": norm(x),
    }
    if not same(result, norm(x + sublayer(x)), 1e-5):
        return likely_mistake(result, likely, 1e-5) or "the paper writes LayerNorm(x + Sublayer(x))."


@exercise
def six_in_a_row(answer):
    """without, almost nothing arrives; with, the input arrives and a little more."""
    without, with_residuals = answer
    if math.isclose(without, 1.1**6, rel_tol=0.01) and with_residuals < 0.01:
        return "the two numbers are the wrong way round."
    if math.isclose(without, 0.6, rel_tol=0.01) or math.isclose(without, 0.1, rel_tol=0.01):
        return "each sub-layer takes a tenth of what the one before returned: multiply."
    if not math.isclose(without, 0.1**6, rel_tol=0.01):
        return "the first number is 0.1 times itself, six times over."
    if math.isclose(with_residuals, 1 + 0.1**6, rel_tol=1e-4):
        return "there is a residual connection round each sub-layer, not one round all six."
    if math.isclose(with_residuals, 1.6, rel_tol=0.01):
        return "the second sub-layer gets 1.1, not 1: what it adds grows from step to step."
    if not math.isclose(with_residuals, 1.1**6, abs_tol=0.006):
        return "with a residual connection each step turns x into x + 0.1 x."
