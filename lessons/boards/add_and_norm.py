"""Board of notebook 06: residual connections and norms left out."""

import torch
from torch import nn

from helpers.model import EncoderLayer
from lessons.boards.bodies import D, F, H
from lessons.scoreboard import Board, measure_tasks


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


BOARDS = {
    "add_and_norm": Board(ADD_AND_NORM, one_and_six_layers),
}
