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
def word_by_word(answer):
    """for one sentence, and for a batch."""
    torch.manual_seed(0)
    W_1, b_1, W_2, b_2 = torch.randn(4, 6), torch.randn(6), torch.randn(6, 4), torch.randn(4)
    for shape in [(3, 4), (2, 3, 4)]:
        x = torch.randn(shape)
        result = answer(*(t.clone() for t in (x, W_1, b_1, W_2, b_2)))
        if message := unusable(result):
            return message
        hidden = x @ W_1 + b_1
        likely = {
            "there is no function between the two layers.": hidden @ W_2 + b_2,
            "the ReLU stands between the layers only: the result may be negative.": (
                (hidden.relu() @ W_2 + b_2).relu()
            ),
            "the ReLU stands between the two layers, not behind the second.": (hidden @ W_2 + b_2).relu(),
            "the first bias is missing.": (x @ W_1).relu() @ W_2 + b_2,
            "the first bias belongs inside the ReLU.": ((x @ W_1).relu() + b_1) @ W_2 + b_2,
            "the second bias is missing.": hidden.relu() @ W_2,
        }
        right = hidden.relu() @ W_2 + b_2
        if result.shape != right.shape:
            return f"words of shape {shape} give outputs of the same shape; yours is {tuple(result.shape)}."
        if not same(result, right, 1e-4):
            return likely_mistake(result, likely, 1e-4) or (
                "first x W_1 + b_1, then the ReLU, then W_2 and b_2 (equation 2)."
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
