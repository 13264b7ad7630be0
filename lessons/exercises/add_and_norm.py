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
def my_rms_norm(answer):
    """equal to PyTorch's, on rows of size 1 and on very small ones."""
    x = (torch.arange(24, dtype=torch.float64) * 7 % 11).reshape(2, 3, 4) + 1
    kept = x.clone()
    result = answer(x)
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x / ..., not x /= ..."
    if result.shape != x.shape:
        return f"the shape must stay (2, 3, 4); yours is {tuple(result.shape)}: keepdim=True keeps it."

    def over(dim):
        return x / (x**2).mean(dim=dim, keepdim=True).sqrt()

    centred, squares = x - x.mean(dim=-1, keepdim=True), (x**2).sum(dim=-1, keepdim=True)
    likely = {
        "this is layer normalisation: here no mean is subtracted.": nn.functional.layer_norm(x, (4,)),
        "you divided by the standard deviation: square the numbers themselves, not their differences.": (
            x / x.std(dim=-1, keepdim=True, correction=0)
        ),
        "you subtracted the mean: here it stays.": centred / (squares / 4).sqrt(),
        "you divided by the mean of the squares: divide by its root.": x / (squares / 4),
        "you divided by the sum of the squares: divide by the root of their mean.": x / squares,
        "you divided by the root of the sum: take the mean of the squares.": x / squares.sqrt(),
        "you divided by the mean of the sizes: square first, then mean, then root.": (
            x / x.abs().mean(dim=-1, keepdim=True)
        ),
        "you normalised over the words: each word by itself, over dim=-1.": over(-2),
        "you normalised the whole tensor at once: each word by itself, over dim=-1.": over((0, 1, 2)),
    }
    if message := likely_mistake(result, likely, 1e-3):
        return message
    if not answer(torch.zeros(1, 4)).isfinite().all():
        return "a row of zeros gives 0 / 0: add eps to the mean of the squares."
    if not same(result, nn.functional.rms_norm(x, (4,), eps=1e-5), 1e-3):
        return "for rows of size 1 it should equal nn.RMSNorm."
    if not same(answer(x / 1000), nn.functional.rms_norm(x / 1000, (4,), eps=1e-5), 1e-5):
        return "right for rows of size 1, wrong for rows of size 0.001: is your eps inside the root?"
    if not same(answer(x, 0.5), nn.functional.rms_norm(x, (4,), eps=0.5), 1e-5):
        return "another eps must change the result: use the argument."


@exercise
def fixed_layer(answer):
    """what attention has collected goes on, also past a silent feed-forward part."""
    torch.manual_seed(0)
    x, norm_1, norm_2 = torch.randn(3, 4), nn.LayerNorm(4), nn.LayerNorm(4)
    nn.init.normal_(norm_1.weight)
    nn.init.normal_(norm_2.weight)
    kept = x.clone()

    def attend(y):
        return 2 * y.flip(0) + 1

    def think(y):
        return 3 * y.roll(1, -1).relu()

    result = answer(x, attend, think, norm_1, norm_2)
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x + ..., not x += ..."
    seen = norm_1(x + attend(x))
    likely = {
        "this is still the broken layer: what does the second residual connection add back?": norm_2(
            x + think(seen)
        ),
        "the second residual connection is gone: add back what came out of the first norm.": norm_2(
            think(seen)
        ),
        "now the feed-forward part does not see what attention has collected.": norm_2(seen + think(x)),
        "now x is added twice: once it is enough, before the first norm.": norm_2(x + seen + think(seen)),
        "the second norm comes last, after the addition.": seen + norm_2(think(seen)),
        "each place has a norm of its own: yours uses norm_1 twice.": norm_1(seen + think(seen)),
        "the first norm is missing.": norm_2(x + attend(x) + think(x + attend(x))),
        "the second norm is missing.": seen + think(seen),
    }
    if not same(result, norm_2(seen + think(seen)), 1e-5):
        return likely_mistake(result, likely, 1e-5) or "only one name in one line has to change."


@exercise
def scaled(answer):
    """x plus a trained share of what the sub-layer adds, nothing at the start. Now train six of them."""
    module, x = answer(), torch.arange(12.0).reshape(3, 4)
    kept = x.clone()
    result = module(x, lambda y: y.flip(-1) + 1)
    if result is ...:
        return ...
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x + ..., not x += ..."
    if not same(result, x, 1e-5):
        return "at the start self.scale is 0, and x should come out as it went in."
    parameters = list(module.parameters())
    if len(parameters) != 1 or parameters[0].numel() != 1:
        return "there should be one parameter, self.scale, and no norm."
    with torch.no_grad():
        parameters[0].fill_(0.5)
    result, right = module(x, lambda y: y.flip(-1) + 1), x + 0.5 * (x.flip(-1) + 1)
    likely = {
        "the scale must reach what the sub-layer adds: x comes out, whatever the scale.": x,
        "scale what comes out of the sub-layer, not what goes in.": x + 0.5 * x.flip(-1) + 1,
        "x itself is not scaled.": 0.5 * x + 0.5 * (x.flip(-1) + 1),
    }
    if not same(result, right, 1e-5):
        return likely_mistake(result, likely, 1e-5) or "x + self.scale * sublayer(x), and nothing else."
    if result.requires_grad:
        result.sum().backward()
    if not same(parameters[0].grad, (x.flip(-1) + 1).sum().reshape(1), 1e-3):
        return "no gradient reaches self.scale, so it will not be trained: use it as it is."
