"""The scoreboard: models under construction, trained on small tasks that show what a part buys.

There are two sets of tasks. In `TASKS` an encoder predicts one symbol per position; its body is a module that
maps vectors `(B, S, D)` to the same shape: whatever stands between an embedding and an output layer. In
`SEQUENCE_TASKS` an encoder-decoder reads a source and writes a target. A board is a table of rows x scores;
boards are defined in `lessons.boards`.
"""

import hashlib
import inspect
import json
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from helpers.arguments import check_counts
from helpers.data import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Batch
from helpers.decoding import greedy_decode
from helpers.model import Transformer, eval_mode
from helpers.setup import progress

N_SYMBOLS, LENGTH, D_MODEL = 8, 8, 64  # symbols, sentence length, width of the words on the scoreboard
FIRST_ID = UNK_ID + 1  # the token id of symbol 0 in a sequence task, after the special tokens
RECORDED = Path(__file__).parent / "recorded"  # what the notebooks show
MEASURED = Path(__file__).parent / "measured"  # what was measured on this machine, not in git


@dataclass(frozen=True)
class Task:
    """`target` maps sentences `(B, S)` of symbols to targets `(B, S)`."""

    rule: str  # the target at position i, in words
    target: Callable
    permutation: bool = False  # each symbol occurs exactly once, so a sentence has as many words as symbols
    n_symbols: int = N_SYMBOLS

    def draw(self, n, generator, *, length=LENGTH, held_out=False):
        """`n` sentences and their targets, each `(n, length)`.

        A sentence is held out when the sum of position x symbol, positions from 1, is divisible by 5. Those
        are for scoring; training never draws one.
        """
        check_counts(length=length)
        check_counts(2 + self.permutation, n_symbols=self.n_symbols)  # of fewer, all sentences are held out
        if self.permutation and length != self.n_symbols:
            raise ValueError(
                f"length={length}: a permutation of {self.n_symbols} symbols has length {self.n_symbols}."
            )
        places, found = torch.arange(1, length + 1), torch.empty(0, length, dtype=torch.long)
        while len(found) < n:
            if self.permutation:
                x = torch.rand(2 * n, length, generator=generator).argsort(dim=-1)
            else:
                x = torch.randint(self.n_symbols, (2 * n, length), generator=generator)
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
SEQUENCE_TASKS = {
    "copy": Task("the same symbols", lambda x: x, n_symbols=10),
    "reverse": Task("the symbols from the last to the first", lambda x: x.flip(-1), n_symbols=10),
    "sort": Task("the symbols, smallest first", lambda x: x.sort(dim=-1).values, n_symbols=10),
}


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


def fit(
    model, learn_from, *, steps=400, lr=2e-3, warmup=40, fall=False, optimiser=None, clip=None, on_step=None,
):  # fmt: skip
    """Train `model` until it makes no mistake on three batches in a row, and return it.

    Args:
        learn_from: called with the step, from 1; runs the model on a batch and returns the loss, or a pair:
            the loss, and whether it made no mistake. With the loss alone all steps are taken.
        lr: the rate after `warmup` steps; it stays, or with `fall` goes down in a line to 0 at the last step.
        optimiser: Adam when not given; its rate is set here.
        clip: longer gradients are scaled down to this length.
        on_step: called with `(step, loss)` after each step.
    """
    if fall and 0 < steps <= warmup:
        raise ValueError(f"steps={steps}: a rate that rises for warmup={warmup} steps needs more to fall.")
    optimiser, perfect = optimiser or torch.optim.Adam(model.parameters()), 0
    for step in range(1, steps + 1):
        found = learn_from(step)
        loss, no_mistake = found if isinstance(found, tuple) else (found, False)
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1, step / warmup, (steps - step) / (steps - warmup) if fall else 1)
        optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        if on_step:
            on_step(step, loss.item())
        perfect = perfect + 1 if no_mistake else 0
        if perfect == 3:
            break
    return model


def train_on(task, make_body, *, seed=0, lengths=(LENGTH,), **training):
    """Train `SymbolModel(make_body())` on one task and return it; what is drawn depends on `seed` alone.

    Batches have 128 sentences and go through `lengths` in turn; `training` goes to `fit`. Where a task is not
    solved, rounding alone can move the accuracy by some hundredths on another CPU.
    """
    torch.manual_seed(seed)
    model, generator = SymbolModel(make_body()), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = task.draw(128, generator, length=lengths[step % len(lengths)])
        logits = model(x)  # (B, S, V)
        return label_loss(logits, y), torch.equal(logits.argmax(dim=-1), y)

    return fit(model, learn_from, **training)


def label_loss(logits, labels):
    """Mean cross-entropy of logits `(B, S, V)` and labels `(B, S)`."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def measure_tasks(make_body, seed=0, *, tasks=tuple(TASKS), **training):
    """Train one body per task with one seed: {task: accuracy}. `training` goes to `train_on`."""
    scores = {}
    for name in progress(tasks):
        model = train_on(TASKS[name], make_body, seed=seed, **training)
        scores[name] = accuracy(model, TASKS[name])
    return scores


# Sequence to sequence


def small_transformer(kind=Transformer, **changes):
    """The encoder-decoder of the sequence tasks: two layers on each side, 64 wide, without dropout."""
    vocab_size = FIRST_ID + SEQUENCE_TASKS["copy"].n_symbols
    sizes = dict(d_model=D_MODEL, n_heads=8, d_ff=4 * D_MODEL, n_layers=2, dropout=0.0, joint_vocabulary=True)
    return kind(vocab_size, vocab_size, **(sizes | changes))


def sequence_batch(task, n, generator, *, length=LENGTH, held_out=False):
    """`n` sentences as token ids: a source that ends in `</s>`, tgt_in that starts with `<s>`, and labels."""
    x, y = task.draw(n, generator, length=length, held_out=held_out)
    end = torch.full((n, 1), EOS_ID)  # (B, 1)
    src, labels = (torch.cat([ids + FIRST_ID, end], dim=1) for ids in (x, y))  # (B, S) each
    return Batch(src, torch.cat([torch.full((n, 1), BOS_ID), labels[:, :-1]], dim=1), labels)


def train_sequences(task, make_model, *, seed=0, lengths=(LENGTH,), shift=True, steps=300, **training):
    """Train `make_model()` on one sequence task and return it, like `train_on`.

    With `shift=False` the decoder's input are the labels themselves, a mistake that notebook 11 is about.
    """
    torch.manual_seed(seed)
    model, generator = make_model(), torch.Generator().manual_seed(seed)

    def learn_from(step):
        src, tgt_in, labels = sequence_batch(task, 128, generator, length=lengths[step % len(lengths)])
        logits = model(src, tgt_in if shift else labels)  # (B, T, V)
        return label_loss(logits, labels), torch.equal(logits.argmax(dim=-1), labels)

    return fit(model, learn_from, steps=steps, **training)


def teacher_forced(model, batch, shift=True):
    """Share of right labels when the decoder is given the true target so far, 0 to 1.

    With `shift=False` it is given the labels, as in a training without the shift.
    """
    with eval_mode(model):
        right = model(batch.src, batch.tgt_in if shift else batch.labels).argmax(dim=-1) == batch.labels
    return right[batch.labels != PAD_ID].float().mean().item()


def free_running(model, batch):
    """Share of sentences that the model writes without a mistake from `<s>` on, fed its own words, 0 to 1."""
    written = greedy_decode(model, batch.src, max_len=batch.labels.shape[1])
    wanted = [[i for i in row if i not in (PAD_ID, EOS_ID)] for row in batch.labels.tolist()]
    return mean(float(a == b) for a, b in zip(written, wanted, strict=True))


def measure_sequences(make_model, seed=0, *, tasks=tuple(SEQUENCE_TASKS), shift=True, **training):
    """Train one model per sequence task with one seed: teacher-forced and free-running score of each."""
    scores = {}
    for name in progress(tasks):
        task = SEQUENCE_TASKS[name]
        model = train_sequences(task, make_model, seed=seed, shift=shift, **training)
        batch = sequence_batch(task, 500, torch.Generator().manual_seed(-1), held_out=True)
        scores[f"{name}, teacher-forced"] = teacher_forced(model, batch, shift)
        scores[f"{name}, free-running"] = free_running(model, batch)
    return scores


# Boards


@dataclass(frozen=True)
class Board:
    """A table to be measured: `measure(row, seed)` gives {column: score, 0 to 1} for a value of `rows`."""

    rows: dict
    measure: Callable = measure_tasks
    seeds: tuple = (0, 1, 2)


@cache
def source_of(thing):
    """The source of a function or class, without comments and docstrings."""
    return re.sub(r'#.*|"""[\s\S]*?"""', "", inspect.getsource(thing))


def definition(thing, above=()):
    """What a row is made of, as text: its values, and the code of `lessons.boards` and `lessons.outline`.

    Code is its source, and whatever the names in it stand for. What is elsewhere goes by its name: the model,
    and the tasks and loops of this module. Tests that measure rows again look after those.
    """
    thing = inspect.unwrap(thing)
    if isinstance(thing, Task):
        thing = [thing.target, thing.permutation, thing.n_symbols]
    if isinstance(thing, dict):
        thing = list(thing.items())
    if isinstance(thing, list | tuple):
        return f"[{', '.join(definition(part, above) for part in thing)}]"
    ours = str(getattr(thing, "__module__", "")).startswith(("lessons.boards", "lessons.outline"))
    if not ours or thing in above:
        return getattr(thing, "__name__", repr(thing))
    source, module = source_of(thing), vars(sys.modules[thing.__module__])
    names = [name for name in re.findall(r"\w+", source) if name in module]
    used = {name: module[name] for name in names if module[name] is not globals().get(name)}
    inside = [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    inside.append(getattr(thing, "__defaults__", None))
    return "".join(source.split()) + definition([used, inside], (*above, thing))


def settings_of(board, row):
    """A hash of the `definition` of a row and of what measures it: any edit changes it, harmless ones too."""
    return hashlib.sha256(definition([board.rows[row], board.measure]).encode()).hexdigest()[:12]


def stale(name, board):
    """The recorded rows whose definition has changed since.

    Rows that were `measured` on an unknown machine have the hash of the day on which hashes came in.
    """
    table = read(RECORDED / f"{name}.json")
    return [row for row in board.rows if row in table and table[row]["settings"] != settings_of(board, row)]


def measure_row(board, row):
    """The scores of a row with all seeds, and what they hang on.

    `steps` counts those of all its trainings, seed by seed; a model kept from another row costs none.
    """
    runs, steps, taken = [], [], []
    hook = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    for seed in board.seeds:
        taken.clear()
        runs.append(board.measure(board.rows[row], seed))
        steps.append(len(taken))
    hook.remove()
    chip = f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return {
        "settings": settings_of(board, row),
        "measured": f"{chip}, threads: {torch.get_num_threads()}, {versions}",
        "steps": steps,
        "scores": {column: [round(run[column], 4) for run in runs] for column in runs[0]},
    }


def measure_board(name, board, rows=None, *, replace=False):
    """Measure `rows` of a board (default: all) and print how the scores differ from the record, row by row.

    They are written to `MEASURED`, or with `replace` to the record itself; other rows stay as they are.
    """
    path = (RECORDED if replace else MEASURED) / f"{name}.json"
    table, before = read(path), read(RECORDED / f"{name}.json")
    for row in rows or board.rows:
        if row not in board.rows:
            raise ValueError(f"board {name!r} has no row {row!r}, only: {', '.join(board.rows)}")
        table[row] = measure_row(board, row)
        print(row)
        for column, scores in table[row]["scores"].items():
            old = before[row]["scores"].get(column) if row in before else None
            difference = f"{mean(scores) - mean(old):+.3f} from the record" if old else "not recorded"
            print(f"  {column:26} {min(scores):.3f} to {max(scores):.3f}, {difference}", flush=True)
        table = {row: table[row] for row in board.rows if row in table}
        path.parent.mkdir(exist_ok=True)
        text = re.sub(r"\[[^]]*\]", lambda numbers: str(json.loads(numbers[0])), json.dumps(table, indent=1))
        path.write_text(text + "\n", encoding="utf-8")
    print(f"written to {path}")


def recorded(name, last=None):
    """What `python -m lessons.boards NAME --record` has measured: {row: {column: [score per seed]}}.

    `last="03"` leaves out rows whose name starts with a higher number than 03, the later notebooks.
    Raises FileNotFoundError when the board has not been measured.
    """
    path = RECORDED / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: python -m lessons.boards {name} --record measures it")
    return {row: entry["scores"] for row, entry in read(path).items() if last is None or row[:2] <= last}


def read(path):
    """A file of rows, or no rows where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
