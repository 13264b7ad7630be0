"""Boards of notebook 07: kinds of positions, and ways to turn numbers into vectors."""

import math

import torch
from torch import nn

from helpers.model import EncoderLayer, PositionalEncoding, eval_mode
from lessons.boards.bodies import AddTable, D, F, H
from lessons.scoreboard import TASKS, Board, SymbolModel, Task, fit, label_loss, measure_tasks, train_on


# Kinds of positions, added to the words in front of one encoder layer.
class Beside(nn.Module):
    """Puts sinusoids beside the words instead of adding them; each gets half of the width."""

    def forward(self, x):
        words = x[..., : D // 2]  # (B, S, D / 2)
        places = PositionalEncoding(D // 2)(torch.zeros_like(words))
        return torch.cat([words, places], dim=-1)  # (B, S, D)


class SmallWords(PositionalEncoding):
    """Sinusoids on words divided by the root of d_model: entries as small as those of a tied table."""

    def forward(self, x):
        return super().forward(x / D**0.5)


def sinusoids(sign=-1, second=torch.cos, max_len=64):
    """The table of section 3.5; `sign=1` and `second=torch.sin` are the two faults of the copied formula."""
    angle = torch.arange(max_len).double().unsqueeze(1) * 10000 ** (sign * torch.arange(0, D, 2).double() / D)
    return torch.stack([angle.sin(), second(angle)], dim=-1).flatten(1).float()  # (max_len, D)


POSITIONS = {
    "no positions": nn.Identity,
    "sinusoids": lambda: PositionalEncoding(D),
    "sinusoids, small words": lambda: SmallWords(D),
    "sinusoids, beside": Beside,
    "learned": lambda: AddTable(torch.randn(64, D), trained=True),
    "random, not trained": lambda: AddTable(torch.randn(64, D)),
    "sine twice": lambda: AddTable(sinusoids(second=torch.sin)),
    "wrong sign": lambda: AddTable(sinusoids(sign=1)),
    "both faults": lambda: AddTable(sinusoids(sign=1, second=torch.sin)),
}
BEFORE = Task("the symbol before; the first symbol itself", lambda x: torch.cat([x[:, :1], x[:, :-1]], dim=1))


def symbol_before(make_body, seed):
    """Train on 16 places; accuracy there, and at places that were never trained."""
    model = train_on(BEFORE, make_body, seed=seed, lengths=(16,))
    scores = {}
    for name, length, first in (("before", 16, 0), ("place 16", 17, 16), ("16 to 23", 24, 16)):
        x, y = BEFORE.draw(1000, torch.Generator().manual_seed(-1), length=length, held_out=True)
        with eval_mode(model):
            scores[name] = (model(x).argmax(dim=-1) == y)[:, first:].float().mean().item()
    return scores


def with_positions(make_positions, seed):
    """Reverse, early (after 100 steps) and as usual, hop, and the symbol before."""

    def make_body():
        return nn.Sequential(make_positions(), EncoderLayer(D, H, F, 0.0))

    early = measure_tasks(make_body, seed, tasks=("reverse",), steps=100)
    scores = {"early": early["reverse"]}
    scores |= measure_tasks(make_body, seed, tasks=("reverse", "hop"))
    return scores | symbol_before(make_body, seed)


# How far positions reach: trained on 16 places, asked at 24.
class BesideWord(nn.Module):
    """Leaves `D - n` columns to the word and puts sinusoids of width `n` into the others."""

    def __init__(self, n):
        super().__init__()
        self.places = PositionalEncoding(n)

    def forward(self, x):
        n = self.places.table.shape[1]
        return torch.cat([x[..., :-n], self.places(torch.zeros_like(x[..., -n:]))], dim=-1)  # (B, S, D)


class Projected(nn.Module):
    """The whole word beside a whole place, and a linear layer back to the width of the word."""

    def __init__(self):
        super().__init__()
        self.places, self.back = PositionalEncoding(D), nn.Linear(2 * D, D)

    def forward(self, x):
        return self.back(torch.cat([x, self.places(torch.zeros_like(x))], dim=-1))  # (B, S, D)


class RandomStart(AddTable):
    """In training a sentence starts at a random row of the table, afterwards at row 0."""

    def forward(self, x):
        n = x.shape[-2]
        start = torch.randint(len(self.table) - n + 1, ()).item() if self.training else 0
        return x + self.table[start : start + n]


def few_columns(n):
    """Sinusoids of width `n` as a table `(64, D)`, 0 in the other columns."""
    return nn.functional.pad(PositionalEncoding(n, max_len=64).table, (D - n, 0))


REACH = {
    "no positions": nn.Identity,
    "as copied": lambda: AddTable(sinusoids(sign=1, second=torch.sin)),
    "learned": lambda: AddTable(torch.randn(64, D), trained=True),
    "sinusoids": lambda: PositionalEncoding(D),
    "beside, 64 + 64 projected": Projected,
    "beside, 48 + 16": lambda: BesideWord(16),
    "added, 16 columns": lambda: AddTable(few_columns(16)),
    "beside, 56 + 8": lambda: BesideWord(8),
    "added, 8 columns": lambda: AddTable(few_columns(8)),
    "sinusoids, random start": lambda: RandomStart(sinusoids()),
    "learned, random start": lambda: RandomStart(torch.randn(64, D), trained=True),
}


LENGTHS = ("sinusoids", "beside, 48 + 16", "added, 16 columns", "beside, 56 + 8", "added, 8 columns")


def reach(make_positions, seed):
    """Reverse after 100 steps; and the symbol before, 400 steps on 16 places, at each place of 24."""

    def make_body():
        return nn.Sequential(make_positions(), EncoderLayer(D, H, F, 0.0))

    scores = {"early": measure_tasks(make_body, seed, tasks=("reverse",), steps=100)["reverse"]}
    torch.manual_seed(seed)
    model, generator = SymbolModel(make_body()), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = BEFORE.draw(128, generator, length=16)
        return label_loss(model(x), y)

    fit(model, learn_from)
    x, y = BEFORE.draw(1000, torch.Generator().manual_seed(-1), length=24, held_out=True)
    with eval_mode(model):
        right = (model(x).argmax(dim=-1) == y).float().mean(dim=0)  # (S,)
    return scores | {f"place {place}": score for place, score in enumerate(right.tolist())}


def at_each_length(make_positions, seed):
    """The symbol before, trained as in `reach`: old and new places, in short sentences and in long ones."""
    torch.manual_seed(seed)
    model = SymbolModel(nn.Sequential(make_positions(), EncoderLayer(D, H, F, 0.0)))
    generator, right = torch.Generator().manual_seed(seed), {}

    def learn_from(step):
        x, y = BEFORE.draw(128, generator, length=16)
        return label_loss(model(x), y)

    fit(model, learn_from)
    for n in (16, 17, 24):
        x, y = BEFORE.draw(1000, torch.Generator().manual_seed(-1), length=n, held_out=True)
        with eval_mode(model):
            right[n] = (model(x).argmax(dim=-1) == y).float().mean(dim=0)  # (S,)
    return {
        "old places, 16 words": right[16].mean().item(),
        "place 16, 17 words": right[17][16].item(),
        "old places, 24 words": right[24][:16].mean().item(),
        "new places, 24 words": right[24][16:].mean().item(),
    }


# Ways to turn a number into a vector, on a noisy sine and on symbols written as numbers.
class Bins(nn.Module):
    """Cuts numbers `(B, S, 1)` from -1.7 to 1.7 into equal bins and embeds the bin: `(B, S, D)`."""

    def __init__(self, n_bins):
        super().__init__()
        self.embedding = nn.Embedding(n_bins, D)

    def forward(self, x):
        n_bins = self.embedding.num_embeddings
        ids = ((x.squeeze(-1) + 1.7) / 3.4 * n_bins).long().clamp(0, n_bins - 1)  # (B, S)
        return self.embedding(ids)


def noisy_sine(n, generator, size=1.0):
    """`n` series of 16 noisy values, and what follows each, without noise: `(n, 16, 1)`, `(n, 1)`."""
    rand = torch.rand(3, n, 1, generator=generator)
    angle = (0.3 + 0.5 * rand[0]) * torch.arange(17) + 2 * math.pi * rand[1]  # (n, 17)
    values = size * (0.5 + 0.5 * rand[2]) * angle.sin()
    noise = 0.05 * torch.randn(n, 16, generator=generator)
    return (values[:, :16] + noise).unsqueeze(-1), values[:, 16:]


def symbols_as_numbers(n, generator, held_out=False):
    """Sentences of the task "count", its 8 symbols written as numbers from -1 to 1: `(n, 8, 1)`, `(n, 8)`."""
    x, y = TASKS["count"].draw(n, generator, held_out=held_out)
    return x.unsqueeze(-1) / 3.5 - 1, y


def train_on_numbers(make_input, draw, n_outputs, loss_of, seed):
    """Train `make_input()` and an encoder layer like `train_on`, on numbers from `draw(n, generator)`."""
    torch.manual_seed(seed)
    layers = PositionalEncoding(D), EncoderLayer(D, H, F, 0.0), nn.Linear(D, n_outputs)
    model, generator = nn.Sequential(make_input(), *layers), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = draw(128, generator)
        return loss_of(model(x), y)

    return fit(model, learn_from).eval()


def train_on_series(make_input, seed):
    """A model that predicts the next value of a noisy sine from the last vector: `(n, 16, 1)` to `(n, 1)`."""
    model = train_on_numbers(make_input, noisy_sine, 1, lambda out, y: (out[:, -1] - y).square().mean(), seed)
    return lambda x: model(x)[:, -1].detach()


def inputs(make_input, seed):
    """Share of next values predicted to within 0.1 x size, and accuracy of counting symbols."""
    predict, scores = train_on_series(make_input, seed), {}
    for name, size in (("sine", 1.0), ("larger sine", 1.5)):
        x, y = noisy_sine(2000, torch.Generator().manual_seed(-1), size)
        scores[name] = ((predict(x) - y).abs() < 0.1 * size).float().mean().item()

    model = train_on_numbers(make_input, symbols_as_numbers, 8, label_loss, seed)
    x, y = symbols_as_numbers(1000, torch.Generator().manual_seed(-1), held_out=True)
    return scores | {"count": (model(x).argmax(dim=-1) == y).float().mean().item()}


INPUTS = {
    "linear layer": lambda: nn.Linear(1, D),
    "two linear layers, ReLU": lambda: nn.Sequential(nn.Linear(1, D), nn.ReLU(), nn.Linear(D, D)),
    "16 bins, embedded": lambda: Bins(16),
    "32 bins, embedded": lambda: Bins(32),
    "128 bins, embedded": lambda: Bins(128),
}


BOARDS = {
    "positions": Board(POSITIONS, with_positions),
    "reach": Board(REACH, reach),
    "lengths": Board({row: REACH[row] for row in LENGTHS}, at_each_length),
    "inputs": Board(INPUTS, inputs),
}
