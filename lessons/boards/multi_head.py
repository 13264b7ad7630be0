"""Boards of notebook 04: more or fewer heads in the same width, no projection, and heads of any width."""

from torch import nn

from helpers.model import EncoderLayer, FeedForward, MultiHeadAttention, attention_weights
from lessons.boards.bodies import D, F, H, count_and_odd, heads
from lessons.scoreboard import Board, measure_tasks


def counting_in_steps(row, seed):
    """The two tasks about counting, with a body and a number of steps."""
    make_body, steps = row
    return measure_tasks(make_body, seed, tasks=("count", "odd"), steps=steps)


def counting_longer(make_body, seed):
    """Count alone, with six times the steps."""
    return measure_tasks(make_body, seed, tasks=("count",), steps=2400)


def without_projection(body):
    """A body made without the projections after its heads."""
    for module in body.modules():
        if isinstance(module, MultiHeadAttention):
            module.projection = nn.Identity()
    return body


class AnyWidth(nn.Module):
    """Eight heads of any width: `(B, S, D)` to same. Without a projection zeros fill up the word."""

    def __init__(self, d_k, d_v, project=True):
        super().__init__()
        self.query, self.key = nn.Linear(D, H * d_k), nn.Linear(D, H * d_k)
        self.value = nn.Linear(D, H * d_v)
        self.projection = nn.Linear(H * d_v, D) if project else nn.Identity()

    def forward(self, words):
        made = [layer(words).unflatten(-1, (H, -1)) for layer in (self.query, self.key, self.value)]
        query, key, value = (x.transpose(-3, -2) for x in made)  # (B, H, S, dk), (B, H, S, dk), (B, H, S, dv)
        heads = attention_weights(query, key) @ value  # (B, H, S, dv)
        joined = self.projection(heads.transpose(-3, -2).flatten(-2))  # (B, S, D) or (B, S, H * dv)
        return nn.functional.pad(joined, (0, D - joined.shape[-1]))  # (B, S, D)


HEADS = {f"{n} head{'s' * (n > 1)}": (lambda n=n: heads(n), 400) for n in (1, 2, 4, 8, 16)}
HEADS["1 head, six times the steps"] = (lambda: heads(1), 2400)
HEADS["1 head and feed-forward"] = (lambda: nn.Sequential(heads(1), FeedForward(D, F)), 400)
PROJECTION = {
    "heads alone, no projection": lambda: without_projection(heads()),
    "heads alone, projection": heads,
    "encoder layer, no projection": lambda: without_projection(EncoderLayer(D, H, F, 0.0)),
    "encoder layer, projection": lambda: EncoderLayer(D, H, F, 0.0),
}
WIDTHS = {
    "wider queries and keys, no projection": lambda: AnyWidth(12, 8, project=False),
    "heads of 2, no projection": lambda: AnyWidth(2, 2, project=False),
    "heads of 2, projection": lambda: AnyWidth(2, 2),
    "heads of 1, no projection": lambda: AnyWidth(1, 1, project=False),
    "heads of 1, projection": lambda: AnyWidth(1, 1),
}
LONGER = {
    "heads of 8, no projection": lambda: AnyWidth(8, 8, project=False),
    "heads of 8, projection": lambda: AnyWidth(8, 8),
    "heads of 1, no projection": lambda: AnyWidth(1, 1, project=False),
    "heads of 1, projection": lambda: AnyWidth(1, 1),
}

BOARDS = {
    "heads": Board(HEADS, counting_in_steps),
    "projection": Board(PROJECTION, count_and_odd, tuple(range(6))),
    "head_width": Board(WIDTHS, count_and_odd, tuple(range(6))),
    "head_width_longer": Board(LONGER, counting_longer),
}
