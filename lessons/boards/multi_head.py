"""Boards of notebook 04: more or fewer heads in the same width, and the projection left out."""

from torch import nn

from helpers.model import EncoderLayer, FeedForward, MultiHeadAttention
from lessons.boards.bodies import D, F, H, count_and_odd, heads
from lessons.scoreboard import Board, measure_tasks


def counting_in_steps(row, seed):
    """The two tasks about counting, with a body and a number of steps."""
    make_body, steps = row
    return measure_tasks(make_body, seed, tasks=("count", "odd"), steps=steps)


def without_projection(body):
    """A body made without the projections after its heads."""
    for module in body.modules():
        if isinstance(module, MultiHeadAttention):
            module.projection = nn.Identity()
    return body


HEADS = {f"{n} head{'s' * (n > 1)}": (lambda n=n: heads(n), 400) for n in (1, 2, 4, 8, 16)}
HEADS["1 head, six times the steps"] = (lambda: heads(1), 2400)
HEADS["1 head and feed-forward"] = (lambda: nn.Sequential(heads(1), FeedForward(D, F)), 400)
PROJECTION = {
    "heads alone, no projection": lambda: without_projection(heads()),
    "heads alone, projection": heads,
    "encoder layer, no projection": lambda: without_projection(EncoderLayer(D, H, F, 0.0)),
    "encoder layer, projection": lambda: EncoderLayer(D, H, F, 0.0),
}


BOARDS = {
    "heads": Board(HEADS, counting_in_steps),
    "projection": Board(PROJECTION, count_and_odd, tuple(range(6))),
}
