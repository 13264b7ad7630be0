"""Boards of notebook 06: residual connections and norms left out."""

import torch
from torch import nn

from helpers.model import Encoder, EncoderLayer, eval_mode
from lessons.boards.bodies import D, F, H
from lessons.scoreboard import LENGTH, N_SYMBOLS, TASKS, Board, fit, label_loss, measure_tasks, occurrences


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


# Without residual connections: larger matrices at the start, or attention that mixes no words.
class ItselfOnly(nn.Module):
    """Encoder layers in which each word may attend to itself alone."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x, torch.eye(x.shape[-2], dtype=torch.bool))
        return x


def six_layers_copy(row, seed):
    """`copy` with six layers; `row`: arguments of `wrapped`, and `alone` when no word may see another."""
    wraps = dict(row)
    around = ItselfOnly if wraps.pop("alone", False) else nn.Sequential
    return measure_tasks(lambda: around(wrapped(6, **wraps)), seed, tasks=("copy",))


NO_RESIDUAL = {
    "norm only, each word by itself": round_both(residual=False) | {"alone": True},
    "neither, each word by itself": round_both(residual=False, norm=False) | {"alone": True},
    "norm only, doubled": round_both(residual=False) | {"factor": 2},
    "neither, doubled": round_both(residual=False, norm=False) | {"factor": 2},
}


# Batch normalisation, with statistics of many sentences or few, and sentences of 2 to 8 words with padding.
class BatchNorm(nn.Module):
    """Batch normalisation by hand: `(B, S, D)` to same; `real` `(B, S)`, set from outside, is no padding.

    In training, mean and variance are those of `group` sentences at a time, and running averages of them are
    stored; in use, the stored ones are taken. `padding` counts the padding as well.
    """

    def __init__(self, group=128, padding=False, d_model=D):
        super().__init__()
        self.group, self.padding, self.real, self.momentum = group, padding, None, 0.1
        self.weight, self.bias = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))
        self.register_buffer("stored", torch.stack([torch.zeros(d_model), torch.ones(d_model)]))

    def forward(self, x):
        mean, variance = self.stored
        x = x.unflatten(0, (-1, self.group if self.training else 1))  # (groups, group, S, D)
        if self.training:
            counted = torch.ones_like(self.real) if self.padding else self.real
            counted = counted.view(*x.shape[:-1], 1).to(x)  # (groups, group, S, 1)
            n = counted.sum(dim=(1, 2), keepdim=True)  # (groups, 1, 1, 1)
            mean = (x * counted).sum(dim=(1, 2), keepdim=True) / n  # (groups, 1, 1, D)
            variance = ((x - mean) ** 2 * counted).sum(dim=(1, 2), keepdim=True) / n  # (groups, 1, 1, D)
            new = torch.stack([mean.mean(dim=0).flatten(), variance.mean(dim=0).flatten()])  # (2, D)
            self.stored += self.momentum * (new.detach() - self.stored)
        return ((x - mean) / (variance + 1e-5).sqrt() * self.weight + self.bias).flatten(0, 1)


class PaddedModel(nn.Module):
    """Two encoder layers with other norms: ids `(B, S)`, padding among them, to logits `(B, S, V)`."""

    def __init__(self, make_norm):
        super().__init__()
        self.embedding = nn.Embedding(N_SYMBOLS + 1, D)
        self.encoder = Encoder(D, H, F, 2, 0.0)
        self.output = nn.Linear(D, N_SYMBOLS)
        for layer in self.encoder.layers:
            for wrap in layer.add_and_norm:
                wrap.norm = make_norm()

    def forward(self, x):
        real = x != N_SYMBOLS  # (B, S)
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.real = real
        return self.output(self.encoder(self.embedding(x), real[:, None, None, :]))


def padded_batch(n, generator, held_out=False):
    """`n` sentences of 2 to 8 symbols, filled up, and how often each symbol occurs; -100 at padding."""
    x, _ = TASKS["count"].draw(n, generator, held_out=held_out)
    empty = torch.arange(LENGTH) >= torch.randint(2, LENGTH + 1, (n, 1), generator=generator)  # (B, S)
    numbers = torch.arange(LENGTH) + N_SYMBOLS  # each padding word its own symbol, so that none is counted
    counts = occurrences(torch.where(empty, numbers, x))  # (B, S)
    return x.masked_fill(empty, N_SYMBOLS), (counts - 1).masked_fill(empty, -100)


def settle(model, batches=100):
    """Average the statistics over new batches, while the parameters stay as they are."""
    generator = torch.Generator().manual_seed(-2)
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    with eval_mode(model):
        model.train()
        for number in range(1, batches + 1):
            for norm in norms:
                norm.momentum = 1 / number
            model(padded_batch(128, generator)[0])


def right(model):
    """Share of right counts on sentences that training has not seen, in the mode that the model is in."""
    x, y = padded_batch(1024, torch.Generator().manual_seed(-1), held_out=True)
    with torch.no_grad():
        found = model(x).argmax(dim=-1)
    return (found == y)[y >= 0].float().mean().item()


def in_training_and_in_use(make_norm, seed):
    """Count with two layers, scored with the statistics of its own batches and with stored ones."""
    torch.manual_seed(seed)
    model, generator = PaddedModel(make_norm), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = padded_batch(128, generator)
        return label_loss(model(x), y)

    fit(model, learn_from, steps=300)
    scores = {"in use, as stored": right(model.eval())}
    settle(model)
    scores["in use, settled"] = right(model.eval())
    return {"in training": right(model.train())} | scores


BATCH_NORM = {
    "layer norm": lambda: nn.LayerNorm(D),
    "batch norm of 128 sentences": BatchNorm,
    "batch norm of 128, padding counted": lambda: BatchNorm(padding=True),
    "batch norm of 8": lambda: BatchNorm(8),
    "batch norm of 1": lambda: BatchNorm(1),
}


BOARDS = {
    "add_and_norm": Board(ADD_AND_NORM, one_and_six_layers),
    "no_residual": Board(NO_RESIDUAL, six_layers_copy),
    "batch_norm": Board(BATCH_NORM, in_training_and_in_use),
}
