"""Boards of notebook 03: the ring of eight words, the root of d_k, the wrong axis, tied matrices."""

import math

import torch
from torch import nn

from helpers.model import attention_weights
from lessons.boards.bodies import AddTable, D, places
from lessons.outline import SelfAttention
from lessons.scoreboard import LENGTH, TASKS, Board, Task, accuracy, measure_tasks, train_on


class Undivided(SelfAttention):
    """A head whose dot products are not divided by the root of d_k."""

    def forward(self, words):
        query, key = words @ self.W_Q, words @ self.W_K  # (B, S, dk) each
        return (query @ key.transpose(-2, -1)).softmax(dim=-1) @ (words @ self.W_V)  # (B, S, dv)


def with_and_without_root(d_k, seed):
    bodies = {"divided": SelfAttention, "not divided": Undivided}
    return {
        name: measure_tasks(lambda head=head: head(D, d_k, D), seed, tasks=("count",))["count"]
        for name, head in bodies.items()
    }


class OverQueries(SelfAttention):
    """A head whose softmax runs over the queries of a batch instead of the keys."""

    def forward(self, words):
        query, key = words @ self.W_Q, words @ self.W_K  # (B, S, dk) each
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, S, S)
        return scores.softmax(dim=1) @ (words @ self.W_V)  # (B, S, dv)


ROOT_OF_DK = {f"d_k = {d_k}": d_k for d_k in (16, 64, 256, 1024)}


class NotItself(SelfAttention):
    """A head in which no word may look at itself."""

    def forward(self, words):
        others = ~torch.eye(words.shape[-2], dtype=torch.bool)  # (S, S)
        weights = attention_weights(words @ self.W_Q, words @ self.W_K, others)  # (B, S, S)
        return weights @ (words @ self.W_V)  # (B, S, dv)


def one_head_with_places(d_k=D, d_v=D, head=SelfAttention, **tied):
    """Places, a head, and a linear layer back to width D; `W_K="W_Q"` uses W_Q in the place of W_K too."""
    head = head(D, d_k, d_v)
    for name, other in tied.items():
        setattr(head, name, getattr(head, other))
    return nn.Sequential(places(), head, nn.Linear(d_v, D))


PREVIOUS = Task("the symbol one place before; for the first place, the last symbol", lambda x: x.roll(1, -1))
PLACE_TASKS = {"copy": TASKS["copy"], "previous": PREVIOUS, "reverse": TASKS["reverse"]}


def place_tasks(row, seed):
    models = {
        name: train_on(task, lambda: one_head_with_places(**row), seed=seed)
        for name, task in PLACE_TASKS.items()
    }
    return {name: accuracy(model, PLACE_TASKS[name]) for name, model in models.items()}


TIED = {
    "three matrices": {},
    "Q = K": {"W_K": "W_Q"},
    "Q = K, d_k doubled": {"W_K": "W_Q", "d_k": 2 * D},
    "Q = K, itself hidden": {"W_K": "W_Q", "head": NotItself},
    "K = V": {"W_V": "W_K"},
    "Q = V": {"W_V": "W_Q"},
    "Q = K = V": {"W_K": "W_Q", "W_V": "W_Q"},
    "three, 2 wide": {"d_k": 2, "d_v": 2},
    "K = V, 2 wide": {"d_k": 2, "d_v": 2, "W_V": "W_K"},
    "K = V, 3 wide": {"d_k": 3, "d_v": 3, "W_V": "W_K"},
}


def lent_places():
    """A random vector for each place of a scoreboard sentence, added to its word and never trained."""
    return AddTable(torch.randn(LENGTH, D))


def frozen():
    return SelfAttention(D, D, D).requires_grad_(False)


RING = {
    "plain tensors, not trained": (lent_places, frozen),
    "trained": (lent_places, lambda: SelfAttention(D, D, D)),
    "trained, softmax over queries": (lent_places, lambda: OverQueries(D, D, D)),
    "not trained, but the places are": (places, frozen),
}


def ring(row, seed):
    make_places, make_head = row
    model = train_on(PREVIOUS, lambda: nn.Sequential(make_places(), make_head()), seed=seed)
    return {"previous": accuracy(model, PREVIOUS)}


def rescaled(head, factor):
    """The head with queries and keys that start `factor` times as large."""
    with torch.no_grad():
        head.W_Q *= factor
        head.W_K *= factor
    return head


# Divided or not, and how large the scores are at the start: as with division, or as without.
STARTS = {
    "divided": lambda d_k: SelfAttention(D, d_k, D),
    "not divided": lambda d_k: Undivided(D, d_k, D),
    "not divided, smaller start": lambda d_k: rescaled(Undivided(D, d_k, D), d_k**-0.25),
    "divided, larger start": lambda d_k: rescaled(SelfAttention(D, d_k, D), d_k**0.25),
}


def steps_on_the_ring(d_k, seed):
    """How much of 400 steps each start takes until three batches in a row are without a mistake."""
    used = {}
    for name, make_head in STARTS.items():
        losses = []
        train_on(
            PREVIOUS,
            lambda make_head=make_head: nn.Sequential(lent_places(), make_head(d_k)),
            seed=seed,
            on_step=lambda step, loss, losses=losses: losses.append(loss),
        )
        used[name] = len(losses) / 400
    return used


def count_by_start(d_k, seed):
    heads = {name: lambda make_head=make_head: make_head(d_k) for name, make_head in STARTS.items()}
    return {name: measure_tasks(head, seed, tasks=("count",))["count"] for name, head in heads.items()}


BOARDS = {
    "ring": Board(RING, ring),
    "root_of_dk": Board(ROOT_OF_DK, with_and_without_root),
    "root_on_the_ring": Board(ROOT_OF_DK, steps_on_the_ring),
    "root_on_count": Board({"d_k = 64": 64}, count_by_start),
    "tied": Board(TIED, place_tasks),
}
