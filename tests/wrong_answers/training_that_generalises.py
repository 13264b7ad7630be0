"""Plausible wrong answers to the exercises of notebook 12, and what the reader is told."""

import torch
from torch import nn


def means_only(right, confidence):
    return abs(right.mean() - confidence.mean())


def by_bins(gap, weight, last=9):
    """A calibration error by bins: the gap of a bin, and what it is multiplied by."""

    def wrong(right, confidence):
        bins = (confidence * 10).long().clamp(max=last)
        found = bins.unique()
        return sum(
            gap(right[bins == b], confidence[bins == b]) * weight(bins == b, len(found)) for b in found
        )

    return wrong


def distance(right, confidence):
    return abs(right.mean() - confidence.mean())


def share(here, n_bins):
    return here.float().mean()


def nine_bins(right, confidence):
    """What is exactly 1 falls out of the last bin."""
    bins = (confidence * 10).long()
    return sum(distance(right[bins == b], confidence[bins == b]) * share(bins == b, 10)
               for b in range(10) if (bins == b).any())  # fmt: skip


def step(order, loss_sign=1, clip=nn.utils.clip_grad_norm_):
    """A training step that does these parts in this order; the loss comes first, but for `train`."""

    def wrong(model, optimiser, x, y, loss_of):
        if "train" in order:
            model.train()
        loss = loss_sign * loss_of(model(x), y)
        parts = {
            "train": lambda: None,
            "zero": optimiser.zero_grad,
            "backward": loss.backward,
            "clip": lambda: clip(model.parameters(), 1.0),
            "step": optimiser.step,
        }
        for part in order.split():
            parts[part]()
        return loss

    return wrong


right_step = step("train zero backward clip step")


def one_long(parameters, length):
    for parameter in parameters:
        parameter.grad /= parameter.grad.norm()


def swapped(model, optimiser, x, y, loss_of):
    return right_step(model, optimiser, x, y, lambda out, y: loss_of(y, out))


def no_return(model, optimiser, x, y, loss_of):
    """The code as printed, without its return: the verdict must still name a real mistake."""
    step("clip backward step zero")(model, optimiser, x, y, loss_of)


def right_without_return(model, optimiser, x, y, loss_of):
    right_step(model, optimiser, x, y, loss_of)


WRONG = {
    "smoothed_target": [
        ([0.05, 0.05, 0.8, 0.05, 0.05], "over all five"),
        ([0.04, 0.04, 0.8, 0.04, 0.04], "0.96"),
        ([0.0, 0.0, 1.0, 0.0, 0.0], "without smoothing"),
        ([0.04, 0.84, 0.04, 0.04, 0.04], "count from 0"),
        ([0.1, 0.1, 0.9, 0.1, 0.1], "add up to 1.30"),
        (torch.tensor([[0.05, 0.05, 0.8, 0.05, 0.05]]), "over all five"),
    ],
    "calibration": [
        (means_only, "must not cancel"),
        (by_bins(distance, lambda here, n: 1 / n), "not equally"),
        (by_bins(distance, lambda here, n: 1), "added up"),
        (by_bins(lambda r, c: (r.mean() - c.mean()) ** 2, share), "square"),
        (by_bins(lambda r, c: c.mean() - r.mean(), share), "must not cancel"),
        (by_bins(lambda r, c: r.mean() - c.mean(), share), "have no sign"),
        (lambda right, confidence: (right - confidence).abs().mean(), "single answers"),
        (nine_bins, "last bin"),
        (lambda right, confidence: 0.5, "4/5 times"),
    ],
    "training_step": [
        (step("zero backward clip step"), "eval mode"),
        (step("train backward clip step"), "zero_grad() is missing"),
        (step("train backward clip step zero"), "before backward()"),
        (step("train backward zero step"), "no gradient when step()"),
        (step("train zero backward step clip"), "5 long"),
        (step("train zero backward clip"), "step() is missing"),
        (no_return, "eval mode"),
        (step("train zero backward clip step", clip=nn.utils.clip_grad_value_), "caps each number"),
        (step("train zero backward clip step", loss_sign=-1), "uphill"),
        (swapped, "uphill"),
        (step("train zero backward clip step", clip=one_long), "must stay as it is"),
        (right_without_return, "not the loss"),
    ],
    "all_three": [
        ([0.1], "a dictionary"),
        ({"n": 2000}, "may not be changed"),
        ({"steps": 5000}, "1200 steps"),
        ({"steps": 1}, "not right often enough"),
        ({"weight_decay": 5.0}, "not right often enough"),
    ],
}
