"""Board of notebook 17: the first symbol of a row, said at its last place, by a GRU and by attention."""

import torch
from torch import nn

from helpers.model import EncoderLayer, PositionalEncoding
from lessons.scoreboard import Board

SYMBOLS, D = 8, 64


class Recurrent(nn.Module):
    """A GRU over rows of symbols `(B, n)`; the scores `(B, SYMBOLS)` come from its last place."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, D)
        self.gru = nn.GRU(D, D, batch_first=True)
        self.output = nn.Linear(D, SYMBOLS)

    def forward(self, x):
        return self.output(self.gru(self.embedding(x))[0][:, -1])  # (B, SYMBOLS)


class Attending(nn.Module):
    """One encoder layer over rows of symbols `(B, n)`, with as many parameters as the GRU to 2 %."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, D)
        self.positions = PositionalEncoding(D)
        self.layer = EncoderLayer(D, n_heads=4, d_ff=64)
        self.output = nn.Linear(D, SYMBOLS)

    def forward(self, x):
        return self.output(self.layer(self.positions(self.embedding(x)))[:, -1])  # (B, SYMBOLS)


def learn_the_first(make, length, seed, steps=300, lr=3e-3):
    """A model trained to say the first symbol at the last place, on 32 new rows a step.

    It stops early when ten batches in a row are right.
    """
    torch.manual_seed(seed)
    model, right = make(), 0
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        x = torch.randint(SYMBOLS, (32, length))  # (B, n)
        scores = model(x)  # (B, SYMBOLS)
        loss = nn.functional.cross_entropy(scores, x[:, 0])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        right = right + 1 if torch.equal(scores.argmax(dim=-1), x[:, 0]) else 0
        if right == 10:
            break
    return model


@torch.no_grad()
def share_right(model, length):
    """The share of 500 new rows whose first symbol the model says."""
    x = torch.randint(SYMBOLS, (500, length), generator=torch.Generator().manual_seed(-1))  # (B, n)
    return (model(x).argmax(dim=-1) == x[:, 0]).float().mean().item()


LENGTHS = (8, 16, 32, 64)


def first_symbol(row, seed, lengths=LENGTHS):
    """The share of rows that are right, one training for each length: the model, and for how many steps."""
    make, steps = row
    return {f"{n} symbols": share_right(learn_the_first(make, n, seed, steps), n) for n in lengths}


FIRST = {
    "attention": (Attending, 300),
    "GRU": (Recurrent, 300),
    "GRU, 900 steps": (Recurrent, 900),
}

BOARDS = {"first_symbol": Board(FIRST, first_symbol)}
