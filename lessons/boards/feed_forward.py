"""Boards of notebook 05: what stands between the two linear layers."""

from torch import nn

from lessons.boards.bodies import D, F, count_and_odd, heads
from lessons.scoreboard import Board, measure_tasks


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


class Gated(nn.Module):
    """SwiGLU (Shazeer, 2020): one linear layer, through a SiLU, opens and closes the units of another."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff)
        self.widen = nn.Linear(d_model, d_ff)
        self.narrow = nn.Linear(d_ff, d_model)

    def forward(self, x):
        hidden = nn.functional.silu(self.gate(x)) * self.widen(x)  # (B, L, F)
        return self.narrow(hidden)  # (B, L, D)


def bend(function, d_ff):
    """Two layers with a function between, on `d_ff` units; a gated one on two thirds of them."""
    if function is Gated:
        return Gated(D, 2 * d_ff // 3)
    return nn.Sequential(nn.Linear(D, d_ff), function(), nn.Linear(d_ff, D))


FUNCTIONS = {"ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU, "GELU": nn.GELU, "SwiGLU": Gated}


# Row: (function, units, steps); units of a gated one are two thirds, for as many parameters.
BENDS = {
    "heads alone, 6000 steps": (None, 0, 6000),
    **{f"{name}, 6": (function, 6, 400) for name, function in FUNCTIONS.items()},
    **{f"{name}, 256": (function, 256, 400) for name, function in FUNCTIONS.items()},
}


def odd_after_heads(row, seed):
    """The score on *odd* of eight heads, and two layers with a bend unless there is no function."""
    function, d_ff, steps = row
    make_body = (lambda: after_heads(bend(function, d_ff))) if function else heads
    return measure_tasks(make_body, seed, tasks=("odd",), steps=steps)


# Is a function worse, or late? Row: (function, whether a layer norm scales what it gets, steps), 256 units.
AGAIN_WITH = ("ReLU", "GELU", "SwiGLU")
BENDS_AGAIN = {
    **{f"{name}, 1200 steps": (FUNCTIONS[name], False, 1200) for name in AGAIN_WITH},
    **{f"norm, {name}": (FUNCTIONS[name], True, 400) for name in AGAIN_WITH},
}


def odd_again(row, seed):
    """The score on *odd* of eight heads, perhaps a layer norm, and two layers with a bend."""
    function, norm, steps = row

    def make_body():
        return after_heads(nn.LayerNorm(D) if norm else nn.Identity(), bend(function, F))

    return measure_tasks(make_body, seed, tasks=("odd",), steps=steps)


class Times8(nn.Module):
    """Makes the numbers larger, as a layer norm does, but bends nothing."""

    def forward(self, x):
        return 8 * x


# Is it the scale, or the norm? Row: (what stands before the layers, function), 256 units, 400 steps.
BENDS_SCALED = {
    "norm, no function": (lambda: nn.LayerNorm(D), nn.Identity),
    "times 8, no function": (Times8, nn.Identity),
    **{f"times 8, {name}": (Times8, FUNCTIONS[name]) for name in AGAIN_WITH},
}


def odd_scaled(row, seed):
    """The score on *odd* of eight heads, what makes their numbers larger, and two layers."""
    before, function = row
    return measure_tasks(lambda: after_heads(before(), bend(function, F)), seed, tasks=("odd",))


BOARDS = {
    "between": Board(BETWEEN, count_and_odd, tuple(range(6))),
    "bends": Board(BENDS, odd_after_heads),
    "bends_again": Board(BENDS_AGAIN, odd_again),
    "bends_scaled": Board(BENDS_SCALED, odd_scaled),
}
