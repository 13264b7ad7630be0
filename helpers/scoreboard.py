"""The scoreboard: encoders under construction, trained on tasks of eight symbols that show what a part buys.

A body is a module that maps vectors `(B, S, D)` to the same shape: whatever stands between an embedding and
an output layer. A board is a table of bodies x tasks; boards are defined in `helpers.experiments`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from torch import nn
from tqdm.auto import tqdm

from helpers.data import quiet
from helpers.model import eval_mode

N_SYMBOLS, LENGTH, D_MODEL = 8, 8, 64  # symbols, sentence length, width of the words on the scoreboard
RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Task:
    """Predict one symbol per position: `target` maps sentences `(B, S)` of symbols to targets `(B, S)`."""

    rule: str  # the target at position i, in words
    target: Callable
    permutation: bool = False  # each symbol occurs exactly once, so a sentence has as many words as symbols

    def draw(self, n, generator, *, length=LENGTH, held_out=False):
        """`n` sentences and their targets, each `(n, length)`.

        A sentence is held out when the sum of position x symbol, positions from 1, is divisible by 5. Those
        are for scoring; training never draws one.
        """
        if self.permutation and length != N_SYMBOLS:
            raise ValueError(f"length={length}: a permutation of {N_SYMBOLS} symbols has length {N_SYMBOLS}.")
        places, found = torch.arange(1, length + 1), torch.empty(0, length, dtype=torch.long)
        while len(found) < n:
            if self.permutation:
                x = torch.rand(2 * n, length, generator=generator).argsort(dim=-1)
            else:
                x = torch.randint(N_SYMBOLS, (2 * n, length), generator=generator)
            chosen = ((x * places).sum(dim=-1) % 5 == 0) == held_out
            found = torch.cat([found, x[chosen]])
        return found[:n], self.target(found[:n])


def occurrences(x):
    """How often each symbol occurs in its own sentence: `(B, S)` to same."""
    return (x.unsqueeze(-1) == x.unsqueeze(-2)).sum(dim=-1)


TASKS = {
    "copy": Task("the same symbol", lambda x: x),
    "count": Task("how often the symbol occurs in the sentence (1 to 8, as classes 0 to 7)",
                  lambda x: occurrences(x) - 1),
    "odd": Task("whether the symbol occurs an odd number of times", lambda x: occurrences(x) % 2),
    "reverse": Task("the symbol at the same place counted from the end", lambda x: x.flip(-1)),
    "hop": Task("the symbol at the place that this symbol names", lambda x: x.gather(-1, x), True),
    "two hops": Task("hop, and hop again", lambda x: x.gather(-1, x.gather(-1, x)), True),
}  # fmt: skip


class SymbolModel(nn.Module):
    """An embedding, a body, and a linear layer that scores symbols: ids `(B, S)` to logits `(B, S, V)`."""

    def __init__(self, body, d_model=D_MODEL):
        super().__init__()
        self.embedding = nn.Embedding(N_SYMBOLS, d_model)
        self.body = body
        self.output = nn.Linear(d_model, N_SYMBOLS)

    def forward(self, x):
        return self.output(self.body(self.embedding(x)))  # (B, S, V)


def accuracy(model, task, *, length=LENGTH, n=1000):
    """Share of right symbols of a model `(B, S)` to `(B, S, V)` on `n` held-out sentences, 0 to 1."""
    x, y = task.draw(n, torch.Generator().manual_seed(-1), length=length, held_out=True)
    with eval_mode(model):
        return (model(x).argmax(dim=-1) == y).float().mean().item()


def chance(task, n=20_000):
    """Accuracy of the best guess that looks at the word's own symbol alone, on the sentences of `accuracy`.

    The guess for each symbol is its most frequent target in `n` sentences that are not held out.
    """
    x, y = task.draw(n, torch.Generator().manual_seed(-2))
    counts = torch.bincount((x * N_SYMBOLS + y).flatten(), minlength=N_SYMBOLS**2)  # (V * V,)
    guess = counts.reshape(N_SYMBOLS, N_SYMBOLS).argmax(dim=1)  # (V,)
    x, y = task.draw(1000, torch.Generator().manual_seed(-1), held_out=True)
    return (guess[x] == y).float().mean().item()


def train_on(task, make_body, *, seed=0, steps=400, lengths=(LENGTH,), lr=2e-3, on_step=None):
    """Train `SymbolModel(make_body())` on one task and return it; what is drawn depends on `seed` alone.

    Adam on batches of 128 sentences, with 40 steps of warm-up. The training ends early when the model makes
    no mistake on three batches in a row, before it has learned from them. The batches go through `lengths`
    in turn. `on_step(step, loss)` is called after each step. Where a task is not solved, rounding alone can
    move the accuracy by some hundredths on another CPU.
    """
    torch.manual_seed(seed)
    model = SymbolModel(make_body())
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    generator, perfect = torch.Generator().manual_seed(seed), 0
    for step in range(1, steps + 1):
        x, y = task.draw(128, generator, length=lengths[step % len(lengths)])
        logits = model(x)  # (B, S, V)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1, step / 40)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if on_step:
            on_step(step, loss.item())
        perfect = perfect + 1 if torch.equal(logits.argmax(dim=-1), y) else 0
        if perfect == 3:
            break
    return model


def measure_tasks(make_body, seed=0, *, tasks=tuple(TASKS), **training):
    """Train one body per task with one seed: {task: accuracy}. `training` goes to `train_on`."""
    scores = {}
    for name in tqdm(tasks, disable=quiet(), leave=False):
        model = train_on(TASKS[name], make_body, seed=seed, **training)
        scores[name] = accuracy(model, TASKS[name])
    return scores


@dataclass(frozen=True)
class Board:
    """A table to be measured: `measure(row, seed)` gives {column: score, 0 to 1} for a value of `rows`."""

    rows: dict
    measure: Callable = measure_tasks
    seeds: tuple = (0, 1, 2)


def record(name, board, rows=None):
    """Measure `rows` of a board (default: all) with all its seeds and write them to its file."""
    path = RECORDED / f"{name}.json"
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for row in rows or board.rows:
        if row not in board.rows:
            raise ValueError(f"board {name!r} has no row {row!r}, only: {', '.join(board.rows)}")
        runs = [board.measure(board.rows[row], seed) for seed in board.seeds]
        table[row] = {column: [round(run[column], 4) for run in runs] for column in runs[0]}
        print(row, {column: round(mean(scores), 3) for column, scores in table[row].items()}, flush=True)
        table = {row: table[row] for row in board.rows if row in table}
        RECORDED.mkdir(exist_ok=True)
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return table


def recorded(name, last=None):
    """What `python -m helpers.experiments NAME` has measured: {row: {column: [score per seed]}}.

    `last="03"` leaves out rows whose name starts with a higher number than 03, the later notebooks.
    Raises FileNotFoundError when the board has not been measured.
    """
    path = RECORDED / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: python -m helpers.experiments {name} measures it")
    table = json.loads(path.read_text(encoding="utf-8"))
    return {row: scores for row, scores in table.items() if last is None or row[:2] <= last}
