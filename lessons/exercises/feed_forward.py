"""Checks for the exercises of notebook 05."""

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def tent_by_hand(answer):
    """only at 2 the result is 1: the units say whether the number is 2."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.shape != (3,):
        return f"write three numbers, one for each unit; yours has the shape {tuple(answer.shape)}."
    numbers = torch.arange(6.0)
    result = (numbers[:, None] - torch.tensor([1.0, 2.0, 3.0])).relu() @ answer
    if answer[0] != 1:
        return f"at 2 only the first unit is on, and it is 1 there: the result is {result[2]:g}, not 1."
    if result[3] != 0:
        return f"at 3 the first unit is 2 and the second is 1: the result is {result[3]:g}, not 0."
    if result[4] != 0:
        return f"at 4 the units are 3, 2 and 1: the result is {result[4]:g}, not 0."


@exercise
def weights_of_bends(answer):
    """each unit changes the slope where it comes on, and whatever numbers are wanted, the sum meets them."""
    torch.manual_seed(0)
    tables = [
        torch.tensor([0.0, 1, 0, 1, 0, 1]),
        torch.cat([torch.zeros(1), torch.randn(4)]),
        torch.tensor([0.0, 3]),
    ]
    for wanted in tables:
        result = answer(wanted.clone())
        if message := unusable(result):
            return message
        slopes = wanted.diff()  # (n,)
        right = slopes.diff(prepend=torch.zeros(1))  # (n,)
        likely = {
            "these are the slopes; a unit that is on stays on, so each weighs a change of slope.": slopes,
            "the unit `relu(c)` is missing: it sets the first slope.": slopes.diff(),
            "the sign: where the line must come down, the slope falls and the weight is negative.": -right,
            "these are the wanted numbers themselves, and the units before add to each of them.": wanted[1:],
        }
        if not same(result, right, 1e-4):
            return likely_mistake(result, likely, 1e-4) or (
                f"{len(wanted)} wanted numbers take {len(right)} weights, the first slope and then each "
                f"change of slope; yours has the shape {tuple(result.shape)}."
            )


@exercise
def centred_fixed(answer):
    """the mean is over the units of one word, the last axis, and no word feels another."""
    torch.manual_seed(0)
    widen, narrow, x = nn.Linear(4, 6), nn.Linear(6, 4), torch.randn(2, 3, 4)
    with torch.no_grad():
        result = answer(x.clone(), widen, narrow)
        hidden = widen(x)
        mean = {dim: hidden.mean(dim=dim, keepdim=True) for dim in (0, 1, 2)}
        right = narrow((hidden - mean[2]).relu())
        likely = {
            "change the last word of a sentence: the first one moves. dim=1 is the axis of the words.": (
                narrow((hidden - mean[1]).relu())
            ),
            "now a word hangs on the other sentences of the batch: dim=0 is their axis.": (
                narrow((hidden - mean[0]).relu())
            ),
            "no word feels another, but the mean should still be subtracted.": narrow(hidden.relu()),
            "subtract the mean first, then the ReLU: else it is not half of them that are on.": (
                narrow(hidden.relu() - hidden.relu().mean(dim=-1, keepdim=True))
            ),
            "this is one mean for all words of the batch; each word has its own.": (
                narrow((hidden - hidden.mean()).relu())
            ),
        }
    if message := unusable(result):
        return message
    if result.shape != right.shape:
        return f"words of shape (2, 3, 4) give outputs of the same shape; yours is {tuple(result.shape)}."
    if not same(result, right, 1e-5):
        return likely_mistake(result, likely, 1e-5) or "change one line only: along which axis is the mean?"


@exercise
def best_with_one_switch(answer):
    """an answer with one switch can begin with odd or with even, and switch at any count."""
    torch.manual_seed(0)
    tables = torch.rand(6, 8) ** 3
    tables = tables / tables.sum(dim=1, keepdim=True)  # (6, 8): shares of the counts 1 to 8
    tables[0] = torch.tensor([0, 0.6, 0.4, 0, 0, 0, 0, 0])  # even first, then odd
    odd, places = torch.arange(8) % 2 == 0, torch.arange(8)

    def best(share, cuts=range(9), both=True):
        right = torch.stack([share[(places < cut) == odd].sum() for cut in cuts])
        return torch.stack([right, 1 - right] if both else [right]).max()

    result = [torch.as_tensor(answer(share.clone()), dtype=torch.float).reshape(()) for share in tables]
    likely = {
        "the answer may also begin with even and switch to odd.": [best(s, both=False) for s in tables],
        "this is the best answer that never switches.": [best(s, [0]) for s in tables],
    }
    if not same(result, [best(share) for share in tables], 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            "try each place to switch, with odd before it and even after it, or the other way round, and add "
            "up the shares that are right."
        )
