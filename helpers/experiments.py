"""The boards that the notebooks show, and the command that measures them.

    python -m helpers.experiments                 # the boards, and what is recorded of each
    python -m helpers.experiments encoder         # measure a board with all its seeds, and record it
    python -m helpers.experiments encoder --rows "03 one head"

Results go to helpers/recorded/. On one core of a laptop the board `encoder` takes about ten minutes.
"""

import argparse
import math

import torch
from torch import nn

from helpers.model import (
    Encoder,
    EncoderLayer,
    FeedForward,
    MultiHeadAttention,
    PositionalEncoding,
    eval_mode,
)
from helpers.outline import AttendToItself, EncoderOutline, SelfAttention
from helpers.scoreboard import (
    D_MODEL,
    LENGTH,
    RECORDED,
    TASKS,
    Board,
    Task,
    accuracy,
    measure_tasks,
    record,
    train_on,
)

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


# 03: a head without the division by the root of d_k, one with the softmax over the wrong axis, tied matrices.
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


WRONG_AXIS = {
    "softmax over keys": lambda: SelfAttention(D, D, D),
    "softmax over queries": lambda: OverQueries(D, D, D),
}
ROOT_OF_DK = {f"d_k = {d_k}": d_k for d_k in (16, 64, 256, 1024)}


def one_head_with_places(d_k=D, d_v=D, **tied):
    """Places, a head, and a linear layer back to width D; `W_K="W_Q"` uses W_Q in the place of W_K too."""
    head = SelfAttention(D, d_k, d_v)
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
    "K = V": {"W_V": "W_K"},
    "Q = K = V": {"W_K": "W_Q", "W_V": "W_Q"},
    "three, 2 wide": {"d_k": 2, "d_v": 2},
    "K = V, 2 wide": {"d_k": 2, "d_v": 2, "W_V": "W_K"},
    "K = V, 3 wide": {"d_k": 3, "d_v": 3, "W_V": "W_K"},
}


# 04: more or fewer heads in the same width, and the projection left out.
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


# 05: what stands between the two linear layers of the feed-forward part.
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


def count_and_odd(make_body, seed):
    """The two tasks about counting."""
    return measure_tasks(make_body, seed, tasks=("count", "odd"))


# 06: parts of add and norm left out, in one layer and in six.
class Wrap(nn.Module):
    """Stands in the place of `AddAndNorm`, with the residual connection or the norm left out."""

    def __init__(self, residual=True, norm=True):
        super().__init__()
        self.residual = residual
        self.norm = nn.LayerNorm(D) if norm else nn.Identity()

    def forward(self, x, sublayer):
        return self.norm(x + sublayer(x) if self.residual else sublayer(x))


def wrapped(n_layers, first, second=None, factor=1):
    """Encoder layers with other wraps: `first()` round attention, `second()` round feed-forward.

    Without `second` one wrap serves both, and so does its norm. `factor` multiplies all matrices when new.
    """
    layers = nn.Sequential(*[EncoderLayer(D, H, F, 0.0) for _ in range(n_layers)])
    for layer in layers:
        wrap = first()
        layer.add_and_norm = nn.ModuleList([wrap, second() if second else wrap])
    with torch.no_grad():
        for module in layers.modules():
            if isinstance(module, nn.Linear):
                module.weight *= factor
    return layers


def one_and_six_layers(row, seed):
    """Two tasks that need no positions, with one layer and with six.

    `row`: arguments of `wrapped` and, if it is not the usual one, the learning rate `lr`.
    """
    wraps, training = dict(row), {"lr": row.get("lr", 2e-3)}
    wraps.pop("lr", None)
    scores = {}
    for n in (1, 6):
        found = measure_tasks(lambda n=n: wrapped(n, **wraps), seed, tasks=("copy", "count"), **training)
        scores |= {f"{task}, {n} layer{'s' * (n > 1)}": score for task, score in found.items()}
    return scores


def round_both(**parts):
    """The same kind of `Wrap` round both sub-layers, as arguments of `wrapped`."""
    return {"first": lambda: Wrap(**parts), "second": lambda: Wrap(**parts)}


ADD_AND_NORM = {
    "residual and norm": round_both(),
    "one norm for both": {"first": Wrap},
    "norm only": round_both(residual=False),
    "residual only": round_both(norm=False),
    "neither": round_both(residual=False, norm=False),
    "neither round feed-forward": {"first": Wrap, "second": lambda: Wrap(False, False)},
}
ADD_AND_NORM |= {
    f"{row}, doubled": ADD_AND_NORM[row] | {"factor": 2} for row in ("residual and norm", "residual only")
}
ADD_AND_NORM |= {
    f"{row}, rate 0.0005": ADD_AND_NORM[row] | {"lr": 5e-4}
    for row in ("norm only", "neither", "neither round feed-forward", "residual only, doubled")
}


# 08: what depth buys, and whether parameters or time buy it too: bodies and training steps.
def wide():
    """One layer for wider words, with a little more parameters than two layers have."""
    layer = EncoderLayer(88, H, 4 * 88, 0.0)
    return nn.Sequential(nn.Linear(D, 88), PositionalEncoding(88), layer, nn.Linear(88, D))


def used_twice():
    """One layer, and the same one again."""
    return nn.Sequential(PositionalEncoding(D), *[EncoderLayer(D, H, F, 0.0)] * 2)


DEPTH = {
    "one layer": (lambda: stack(1), 400),
    "one layer, 2400 steps": (lambda: stack(1), 2400),
    "one layer, wider words": (wide, 400),
    "one layer, wider words, 2400 steps": (wide, 2400),
    "one layer, used twice": (used_twice, 400),
    "two layers": (lambda: stack(2), 400),
}


def hops(row, seed):
    """One hop and two hops with a body and a number of steps."""
    make_body, steps = row
    return measure_tasks(make_body, seed, tasks=("hop", "two hops"), steps=steps)


# 08: the normalisation after each addition, as in the paper, or before each sub-layer.
NORMS = {
    f"{'pre' if norm_first else 'post'}-norm, {n} layers": (n, norm_first)
    for n in (2, 6) for norm_first in (False, True)
}  # fmt: skip


def learning_rates(row, seed):
    """One task of a stack with two learning rates."""
    n_layers, norm_first = row
    found = {}
    for lr in (2e-3, 5e-4):
        scores = measure_tasks(lambda: stack(n_layers, norm_first), seed, tasks=("odd",), lr=lr)
        found[f"odd, rate {lr}"] = scores["odd"]
    return found


# 08: what a linear probe reads from two layers, trained on two hops or not trained at all.
PROBES = {
    "words and positions": (0, 400),
    "after layer 1": (1, 400),
    "after layer 2": (2, 400),
    "untrained, after layer 1": (1, 0),
    "untrained, after layer 2": (2, 0),
}


def probe(states, targets, new_states, new_targets):
    """Accuracy on new states of the linear map that fits `targets` to `states` by least squares."""
    ones = [torch.cat([s, torch.ones(len(s), 1)], dim=1).double() for s in (states, new_states)]
    solution = torch.linalg.lstsq(ones[0], nn.functional.one_hot(targets).double()).solution
    return ((ones[1] @ solution).argmax(dim=1) == new_targets).double().mean().item()


def probes(row, seed):
    """Train two layers on two hops; what can be read from the states after some of them."""
    n_layers, steps = row
    model = train_on(TASKS["two hops"], lambda: stack(2), seed=seed, steps=steps)
    body = nn.Sequential(model.embedding, model.body[0], *model.body[1].layers[:n_layers])
    generator, found = torch.Generator().manual_seed(seed), []
    for n, held_out in ((2000, False), (1000, True)):
        x, two_hops = TASKS["two hops"].draw(n, generator, held_out=held_out)
        labels = {"own symbol": x, "hop": x.gather(-1, x), "two hops": two_hops}
        labels["place"] = torch.arange(x.shape[1]).expand_as(x)
        with torch.no_grad():
            found.append((body(x).flatten(0, 1), labels))
    (states, labels), (new_states, new_labels) = found
    return {
        name: probe(states, labels[name].flatten(), new_states, new_labels[name].flatten()) for name in labels
    }


# 07: kinds of positions, added to the words in front of one encoder layer.
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


# 07: ways to turn a number into a vector, on a noisy sine and on symbols written as numbers.
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


def train_on_numbers(make_input, draw, n_outputs, loss_of, seed, steps=400):
    """Train `make_input()` and an encoder layer like `train_on`, on numbers from `draw(n, generator)`."""
    torch.manual_seed(seed)
    layers = PositionalEncoding(D), EncoderLayer(D, H, F, 0.0), nn.Linear(D, n_outputs)
    model, generator = nn.Sequential(make_input(), *layers), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(1, steps + 1):
        x, y = draw(128, generator)
        optimiser.param_groups[0]["lr"] = 2e-3 * min(1, step / 40)
        loss = loss_of(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


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

    def loss_of(out, y):
        return nn.functional.cross_entropy(out.flatten(0, 1), y.flatten())

    model = train_on_numbers(make_input, symbols_as_numbers, 8, loss_of, seed)
    x, y = symbols_as_numbers(1000, torch.Generator().manual_seed(-1), held_out=True)
    return scores | {"count": (model(x).argmax(dim=-1) == y).float().mean().item()}


INPUTS = {
    "linear layer": lambda: nn.Linear(1, D),
    "16 bins, embedded": lambda: Bins(16),
    "32 bins, embedded": lambda: Bins(32),
    "128 bins, embedded": lambda: Bins(128),
}


BOARDS = {
    "encoder": Board(ENCODER),
    "root_of_dk": Board(ROOT_OF_DK, with_and_without_root),
    "wrong_axis": Board(WRONG_AXIS),
    "tied": Board(TIED, place_tasks),
    "heads": Board(HEADS, counting_in_steps),
    "projection": Board(PROJECTION, count_and_odd, tuple(range(6))),
    "between": Board(BETWEEN, count_and_odd, tuple(range(6))),
    "add_and_norm": Board(ADD_AND_NORM, one_and_six_layers),
    "depth": Board(DEPTH, hops),
    "norms": Board(NORMS, learning_rates),
    "probes": Board(PROBES, probes),
    "positions": Board(POSITIONS, with_positions),
    "inputs": Board(INPUTS, inputs),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m helpers.experiments", description="Measure a board.")
    parser.add_argument("board", nargs="?", choices=BOARDS, help="default: list the boards")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows (default: all)")
    options = parser.parse_args(arguments)
    if not options.board:
        for name, board in BOARDS.items():
            state = "recorded" if (RECORDED / f"{name}.json").exists() else "not recorded"
            print(f"{name}: {len(board.rows)} rows, seeds {board.seeds}, {state}")
        return
    board = BOARDS[options.board]
    try:
        record(options.board, board, options.rows)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
