"""Board of notebook 05: what stands between the two linear layers."""

from torch import nn

from lessons.boards.bodies import D, F, count_and_odd, heads
from lessons.scoreboard import Board


def after_heads(*layers):
    """Eight heads, then these layers."""
    return nn.Sequential(heads(), *layers)


BETWEEN = {
    "one linear layer": lambda: after_heads(nn.Linear(D, D)),
    "no function": lambda: after_heads(nn.Linear(D, F), nn.Linear(F, D)),
    "ReLU": lambda: after_heads(nn.Linear(D, F), nn.ReLU(), nn.Linear(F, D)),
    "LeakyReLU": lambda: after_heads(nn.Linear(D, F), nn.LeakyReLU(), nn.Linear(F, D)),
    "ReLU, not widened": lambda: after_heads(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D)),
}


BOARDS = {
    "between": Board(BETWEEN, count_and_odd, tuple(range(6))),
}
