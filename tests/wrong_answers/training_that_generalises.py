"""Plausible wrong answers to the exercises of notebook 12, and what the reader is told."""

import torch
from torch import nn


def not_scaled(x, p, training):
    return x * (torch.rand(x.shape) >= p) if training else x


def scaled_in_use(x, p, training):
    return x * (torch.rand(x.shape) >= p) if training else x * (1 - p)


def kept_with_p(x, p, training):
    return x * (torch.rand(x.shape) < p) / p if training else x


def divided_by_p(x, p, training):
    return x * (torch.rand(x.shape) >= p) / p if training else x


def whole_rows(x, p, training):
    return x * (torch.rand(len(x), 1) >= p) / (1 - p) if training else x


def same_each_time(x, p, training):
    drawn = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
    return x * (drawn >= p) / (1 - p) if training else x


def in_place(x, p, training):
    if training:
        x *= (torch.rand(x.shape) >= p) / (1 - p)
    return x


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
    "adams_first_step": [
        ([-998.0, 1.9, 2.001], "step of SGD"),
        ([1.0, 1.0, 1.0], "is negative"),
        ([3.0, 3.0, 1.0], "not along it"),
        ([1.29, 1.29, 2.71], "without bias correction"),
        ([1.9, 1.9, 2.1], "their quotient"),
        ([-1.0, -1.0, 1.0], "these are the moves"),
    ],
    "smoothed_target": [
        ([0.05, 0.05, 0.8, 0.05, 0.05], "over all five"),
        ([0.04, 0.04, 0.8, 0.04, 0.04], "0.96"),
        ([0.0, 0.0, 1.0, 0.0, 0.0], "without smoothing"),
        ([0.04, 0.84, 0.04, 0.04, 0.04], "count from 0"),
        ([0.1, 0.1, 0.9, 0.1, 0.1], "add up to 1.30"),
        (torch.tensor([[0.05, 0.05, 0.8, 0.05, 0.05]]), "over all five"),
    ],
    "calibration_on_paper": [
        (0.0, "must not cancel"),
        (0.375, "not equally"),
        (0.75, "added up"),
        (0.12, "of both bins"),
        (0.5, "4/5 times"),
    ],
    "my_dropout": [
        (not_scaled, "not scaled up"),
        (scaled_in_use, "as they went in"),
        (kept_with_p, "keeps a number with probability p"),
        (divided_by_p, "and not by p"),
        (whole_rows, "whole rows"),
        (same_each_time, "the same numbers"),
        (in_place, "changes x itself"),
        (lambda x, p, training: x, "dropped 0.00"),
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
}
