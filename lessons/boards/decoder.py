"""Board of notebook 09: a decoder that gets all of the memory, its mean, or none of it."""

import torch
from torch import nn

from lessons.scoreboard import (
    SEQUENCE_TASKS,
    Board,
    free_running,
    sequence_batch,
    small_transformer,
    train_sequences,
)


class KeepOf(nn.Module):
    """An encoder of which the decoder gets `keep(memory)` in the place of the memory `(B, S, D)`."""

    def __init__(self, encoder, keep):
        super().__init__()
        self.encoder, self.keep = encoder, keep

    def forward(self, x, mask=None):
        return self.keep(self.encoder(x, mask))


def all_of_it(memory):
    return memory


def mean_of_it(memory):
    """One vector, repeated for each place: attention over equal vectors gives that vector."""
    return memory.mean(dim=1, keepdim=True).expand_as(memory)  # (B, S, D)


def first_word_of_it(memory):
    """Another vector in the place of all: the encoder must learn to gather the sentence there."""
    return memory[:, :1].expand_as(memory)  # (B, S, D)


def keeping(keep):
    """A Transformer with one layer in each half, and `keep` between the two."""
    model = small_transformer(n_layers=1)
    model.encoder = KeepOf(model.encoder, keep)
    return model


COLUMNS = {"reverse 4": 4, "reverse 8": 8, "reverse 12": 12, "sort 12": 12}


def sentences_right(row, seed, columns=tuple(COLUMNS)):
    """The share of whole sentences that are right, one training for each column.

    `row`: what to keep of the memory, and what else goes to `train_sequences`.
    """
    keep, training = row
    found = {}
    for column in columns:
        task, length = SEQUENCE_TASKS[column.split()[0]], COLUMNS[column]
        model = train_sequences(task, lambda: keeping(keep), seed=seed, lengths=(length,), **training)
        batch = sequence_batch(task, 500, torch.Generator().manual_seed(-1), length=length, held_out=True)
        found[column] = free_running(model, batch)
    return found


MEMORY = {
    "all of the memory": (all_of_it, {}),
    "mean of the memory": (mean_of_it, {}),
    "first word of it": (first_word_of_it, {}),
    "none of it": (torch.zeros_like, {}),
    "mean, 900 steps": (mean_of_it, {"steps": 900}),
    "all, rate 0.0005": (all_of_it, {"lr": 5e-4}),
    "mean, rate 0.0005": (mean_of_it, {"lr": 5e-4}),
}


# Two ways to hand over more numbers than one vector has: more vectors, or a longer one.
def means_of_parts(memory, n):
    """Cut the memory into n stretches and put the mean of its stretch in the place of each word."""
    parts = memory.tensor_split(n, dim=1)
    return torch.cat([mean_of_it(part) for part in parts], dim=1)  # (B, S, D)


def two_means(memory):
    return means_of_parts(memory, 2)


def four_means(memory):
    return means_of_parts(memory, 4)


VECTORS = {
    "one mean of 128": (mean_of_it, 128),
    "two means of 64": (two_means, 64),
    "four means of 64": (four_means, 64),
    "all of it, 128 wide": (all_of_it, 128),
}


def eight_backwards(row, seed):
    """The share of whole sentences of 8 symbols that are written backwards: what to keep, and the width."""
    keep, width = row

    def make():
        model = small_transformer(n_layers=1, d_model=width, d_ff=4 * width)
        model.encoder = KeepOf(model.encoder, keep)
        return model

    task = SEQUENCE_TASKS["reverse"]
    model = train_sequences(task, make, seed=seed, lengths=(8,))
    batch = sequence_batch(task, 500, torch.Generator().manual_seed(-1), length=8, held_out=True)
    return {"reverse 8": free_running(model, batch)}


BOARDS = {"memory": Board(MEMORY, sentences_right), "vectors": Board(VECTORS, eight_backwards)}
