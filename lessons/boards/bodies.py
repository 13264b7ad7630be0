"""Bodies that several boards train, and the scoreboard of Part II: the encoder as each notebook leaves it."""

import torch
from torch import nn

from helpers.model import Encoder, EncoderLayer, FeedForward, MultiHeadAttention, PositionalEncoding
from lessons.outline import AttendToItself, EncoderOutline, SelfAttention
from lessons.scoreboard import D_MODEL, LENGTH, Board, measure_tasks

D, H, F = D_MODEL, 8, 4 * D_MODEL


def heads(n_heads=H):
    """Self-attention with several heads as a body."""
    return AttendToItself(MultiHeadAttention(D, n_heads))


def stack(n_layers, norm_first=False):
    """Positions and a stack of encoder layers, without dropout."""
    return nn.Sequential(PositionalEncoding(D), Encoder(D, H, F, n_layers, 0.0, norm_first))


class AddTable(nn.Module):
    """Adds row p of a table `(max_len, D)` to word p of `(B, S, D)`; `trained` makes the rows parameters."""

    def __init__(self, table, trained=False):
        super().__init__()
        if trained:
            self.table = nn.Parameter(table)
        else:
            self.register_buffer("table", table)

    def forward(self, x):
        return x + self.table[: x.shape[-2]]


def places():
    """A trained vector for each place of a scoreboard sentence, added to its word."""
    return AddTable(torch.randn(LENGTH, D), trained=True)


# The scoreboard of Part II: the encoder as each notebook leaves it.
ENCODER = {
    "01 placeholders": lambda: EncoderOutline(D),
    "02 attention, not trained": lambda: SelfAttention(D, D, D).requires_grad_(False),
    "03 one head": lambda: SelfAttention(D, D, D),
    "04 eight heads": heads,
    "05 feed-forward": lambda: nn.Sequential(heads(), FeedForward(D, F)),
    "06 add and norm": lambda: EncoderLayer(D, H, F, 0.0),
    "07 positions": lambda: nn.Sequential(PositionalEncoding(D), EncoderLayer(D, H, F, 0.0)),
    "08 two layers": lambda: stack(2),
    "08 six layers": lambda: stack(6),
}


def count_and_odd(make_body, seed):
    """The two tasks about counting."""
    return measure_tasks(make_body, seed, tasks=("count", "odd"))


BOARDS = {
    "encoder": Board(ENCODER),
}
