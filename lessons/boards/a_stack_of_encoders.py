"""Boards of notebook 08: what depth buys, where the norm belongs, what a probe reads."""

import torch
from torch import nn

from helpers.model import EncoderLayer, PositionalEncoding
from lessons.boards.bodies import D, F, H, stack
from lessons.scoreboard import TASKS, Board, measure_tasks, train_on


# What depth buys, and whether parameters or time buy it too: bodies and training steps.
def wide():
    """One layer for wider words, with a little more parameters than two layers have."""
    layer = EncoderLayer(88, H, 4 * 88, 0.0)
    return nn.Sequential(nn.Linear(D, 88), PositionalEncoding(88), layer, nn.Linear(88, D))


def used_twice():
    """One layer, and the same one again."""
    return nn.Sequential(PositionalEncoding(D), *[EncoderLayer(D, H, F, 0.0)] * 2)


DEPTH = {
    "one layer": (lambda: stack(1), 400),
    "one layer, 2400 steps": (lambda: stack(1), 2400),
    "one layer, wider words": (wide, 400),
    "one layer, wider words, 2400 steps": (wide, 2400),
    "one layer, used twice": (used_twice, 400),
    "two layers": (lambda: stack(2), 400),
}


def hops(row, seed):
    """One hop and two hops with a body and a number of steps."""
    make_body, steps = row
    return measure_tasks(make_body, seed, tasks=("hop", "two hops"), steps=steps)


# The normalisation after each addition, as in the paper, or before each sub-layer.
NORMS = {
    f"{'pre' if norm_first else 'post'}-norm, {n} layers": (n, norm_first)
    for n in (2, 6) for norm_first in (False, True)
}  # fmt: skip


def learning_rates(row, seed):
    """One task of a stack with two learning rates."""
    n_layers, norm_first = row
    found = {}
    for lr in (2e-3, 5e-4):
        scores = measure_tasks(lambda: stack(n_layers, norm_first), seed, tasks=("odd",), lr=lr)
        found[f"odd, rate {lr}"] = scores["odd"]
    return found


# What a linear probe reads from two layers, trained on two hops or not trained at all.
PROBES = {
    "words and positions": (0, 400),
    "after layer 1": (1, 400),
    "after layer 2": (2, 400),
    "untrained, after layer 1": (1, 0),
    "untrained, after layer 2": (2, 0),
}


def probe(states, targets, new_states, new_targets):
    """Accuracy on new states of the linear map that fits `targets` to `states` by least squares."""
    ones = [torch.cat([s, torch.ones(len(s), 1)], dim=1).double() for s in (states, new_states)]
    solution = torch.linalg.lstsq(ones[0], nn.functional.one_hot(targets).double()).solution
    return ((ones[1] @ solution).argmax(dim=1) == new_targets).double().mean().item()


def probes(row, seed):
    """Train two layers on two hops; what can be read from the states after some of them."""
    n_layers, steps = row
    model = train_on(TASKS["two hops"], lambda: stack(2), seed=seed, steps=steps)
    body = nn.Sequential(model.embedding, model.body[0], *model.body[1].layers[:n_layers])
    generator, found = torch.Generator().manual_seed(seed), []
    for n, held_out in ((2000, False), (1000, True)):
        x, two_hops = TASKS["two hops"].draw(n, generator, held_out=held_out)
        labels = {"own symbol": x, "hop": x.gather(-1, x), "two hops": two_hops}
        labels["place"] = torch.arange(x.shape[1]).expand_as(x)
        with torch.no_grad():
            found.append((body(x).flatten(0, 1), labels))
    (states, labels), (new_states, new_labels) = found
    return {
        name: probe(states, labels[name].flatten(), new_states, new_labels[name].flatten()) for name in labels
    }


BOARDS = {
    "depth": Board(DEPTH, hops),
    "norms": Board(NORMS, learning_rates),
    "probes": Board(PROBES, probes),
}
