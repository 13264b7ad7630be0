"""Boards of notebook 08: what depth buys, where the norm belongs, what a probe reads."""

import torch
from torch import nn

from helpers.model import EncoderLayer, PositionalEncoding
from lessons.boards.bodies import D, F, H, stack
from lessons.scoreboard import (
    N_SYMBOLS,
    TASKS,
    Board,
    SymbolModel,
    Task,
    accuracy,
    fit,
    label_loss,
    measure_tasks,
    train_on,
)


# What depth buys, and whether parameters or time buy it too: bodies and training steps.
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


# The normalisation after each addition, as in the paper, or before each sub-layer.
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


# What a linear probe reads from two layers, trained on two hops or not trained at all.
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


# Three hops with one layer, two and three.
THREE_HOPS = Task("hop, hop and hop again", lambda x: x.gather(-1, x.gather(-1, x.gather(-1, x))), True)
DEEPER = {f"{n} layer{'s' * (n > 1)}": n for n in (1, 2, 3)}


def three_hops(n_layers, seed):
    """Train a stack on three hops."""
    return {"three hops": accuracy(train_on(THREE_HOPS, lambda: stack(n_layers), seed=seed), THREE_HOPS)}


# What the words keep of their own in the first steps, and where the gradient goes: study 08a.
class Wrap(nn.Module):
    """Add and norm with the norm at any of three places: before the sub-layer, at its end, on the line."""

    def __init__(self, place):
        super().__init__()
        norms = {
            name: nn.LayerNorm(D) if name == place else nn.Identity() for name in ("before", "end", "line")
        }
        self.norms = nn.ModuleDict(norms)

    def forward(self, x, sublayer):
        return self.norms["line"](x + self.norms["end"](sublayer(self.norms["before"](x))))


def six_layers(place):
    """Positions and six layers with the norm at this place, and one last norm where the line has none."""
    body = nn.Sequential(PositionalEncoding(D), *[EncoderLayer(D, H, F, 0.0) for _ in range(6)])
    for layer in body[1:]:
        layer.add_and_norm = nn.ModuleList([Wrap(place), Wrap(place)])
    return body.append(nn.Identity() if place == "line" else nn.LayerNorm(D))


def own_share(x):
    """How much of words `(B, S, D)` is not shared by all words of the batch, 0 to 1."""
    x = x.flatten(0, 1)  # (B * S, D)
    x = x - x.mean(dim=-1, keepdim=True)
    return ((x - x.mean(dim=0)).norm() / x.norm()).item()


def log_odds(task):
    """The logarithms of how often each symbol is the answer `(V,)`; 1 is added to each count."""
    _, y = task.draw(20_000, torch.Generator().manual_seed(-2))
    counts = torch.bincount(y.flatten(), minlength=N_SYMBOLS) + 1.0  # (V,)
    return (counts / counts.sum()).log()


def train_odd(place, seed=0, *, lr=2e-3, given=False, warmup=40, steps=400, look=None):
    """Train six layers on `odd`; `given`: the output layer starts with the odds of the answers as its bias.

    `look` is called in each step with its number, the model with its gradients, and the words after each
    layer.
    """
    task, generator = TASKS["odd"], torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model, states = SymbolModel(six_layers(place)), []
    for layer in model.body[:-1]:
        layer.register_forward_hook(lambda layer, inputs, output: states.append(output.detach()))
    if given:
        model.output.bias.data = log_odds(task)

    def learn_from(step):
        states.clear()
        x, y = task.draw(128, generator)
        return label_loss(model(x), y)

    on_step = look and (lambda step, loss: look(step, model, states))
    return fit(model, learn_from, lr=lr, warmup=warmup, steps=steps, on_step=on_step)


def gradient_lengths(model):
    """The length of the gradient of each layer's parameters, together: six numbers."""
    return [
        torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]).norm().item()
        for layer in model.body[1:-1]
    ]


FIRST_STEPS = {
    f"{name}, rate {lr}{', odds given' * given}": {"place": place, "lr": lr, "given": given}
    for lr in (5e-4, 2e-3)
    for name, place, given in (
        ("post-norm", "line", False),
        ("pre-norm", "before", False),
        ("norm at the end", "end", False),
        ("post-norm", "line", True),
        ("pre-norm", "before", True),
    )
}


def first_steps(row, seed):
    """At the start and at step 40: the words' own share after layer 6, and the first layer's gradient.

    The gradient is given as its share of the first layer's and the last one's: one half when both are equal.
    """
    found = {}

    def look(step, model, states):
        if step in (1, 40):
            lengths = gradient_lengths(model)
            found[f"own share, step {step}"] = own_share(states[-1])
            found[f"gradient, step {step}"] = lengths[0] / (lengths[0] + lengths[-1])

    train_odd(seed=seed, steps=40, look=look, **row)
    return found


SWITCHES = {
    "post-norm": {"place": "line"},
    "post-norm, odds given": {"place": "line", "given": True},
    "norm at the end": {"place": "end"},
    "pre-norm": {"place": "before"},
}


def higher_rate(row, seed):
    """Odd, with six layers, at the rate at which post-norm stays at the best guess."""
    return {"odd, rate 0.002": accuracy(train_odd(seed=seed, **row), TASKS["odd"])}


BOARDS = {
    "depth": Board(DEPTH, hops),
    "norms": Board(NORMS, learning_rates),
    "probes": Board(PROBES, probes),
    "three_hops": Board(DEEPER, three_hops),
    "first_steps": Board(FIRST_STEPS, first_steps),
    "odds_given": Board(SWITCHES, higher_rate),
}
