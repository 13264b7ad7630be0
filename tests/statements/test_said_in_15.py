"""What lesson 15 and study 15a say without a cell that shows it, sentence by sentence."""

import ast
from itertools import count
from pathlib import Path

import numpy as np
import torch

from helpers.model import Transformer
from helpers.translate import load_translator
from lessons.boards import backprop_by_hand as judges
from tools import source

ROOT = Path(__file__).resolve().parents[2]
CELLS = source.compose(ROOT, "15_backprop_by_hand", solved=True).cells
HAND: dict = {"np": np}
for _cell in CELLS:
    if "part" in _cell.metadata.get("tags", []):
        exec(compile(_cell.source, "15", "exec"), HAND)
BATCH = HAND["task_batch"]([HAND["task_pair"](np.random.default_rng(0), first, 3) for first in (4, 5)])


def model(seed=0):
    return HAND["Transformer"](np.random.default_rng(seed), 6, d_model=8, n_heads=2, d_ff=12)


def test_the_optimiser_is_the_adam_of_12_with_weight_decay():
    """Three steps equal those of PyTorch's AdamW, with decay for the matrices alone."""
    ours, twin = model(), judges.twin_of(model(), HAND["sinusoids"](16, 8))
    groups = [
        {"params": [p for p in twin.parameters() if p.ndim > 1], "weight_decay": 1.0},
        {"params": [p for p in twin.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    adam = HAND["Adam"](ours, 0.01, decay=1.0)
    adam_w = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-9)
    for _ in range(3):
        HAND["loss_and_gradients"](ours, *BATCH)
        adam.step()
        judges.loss_by_autograd(twin, *BATCH)
        adam_w.step()
    moved = {judges.our_name(name): p.detach().numpy() for name, p in twin.named_parameters()}
    for name, p in ours.named().items():
        assert np.allclose(p, moved[name], rtol=0, atol=1e-7), name


def test_all_biases_start_at_0():
    small = Transformer(6, 6, d_model=8, n_heads=2, d_ff=12, n_layers=1)
    assert set(judges.bias_sizes(small).values()) == {0.0}


def test_the_loss_does_not_depend_on_the_key_bias():
    ours = model()
    before = HAND["loss_and_gradients"](ours, *BATCH)
    for name, p in ours.named().items():
        if name.endswith("key.bias"):
            p += np.random.default_rng(1).normal(size=p.shape)
    assert abs(HAND["loss_and_gradients"](ours, *BATCH) - before) < 1e-12


def test_the_key_biases_of_the_translator_have_moved_furthest():
    sizes = judges.bias_sizes(load_translator().model)
    assert sizes["key"] > sizes["query"] > sizes["value"]


def test_the_broken_way_back_of_tanh_is_right_at_a_tenth_to_two_decimals():
    assert abs((1 - 0.1**2) - (1 - np.tanh(0.1) ** 2)) < 0.005
    assert abs((1 - 2.0**2) - (1 - np.tanh(2.0) ** 2)) > 1


# The engine of 15a

ENGINE = [
    cell.source
    for cell in source.compose(ROOT, "15a_an_autograd_engine_in_forty_lines").cells
    if "engine" in cell.metadata.get("tags", [])
]


def test_the_engine_has_forty_lines_without_the_blank_ones():
    assert sum(bool(line.strip()) for cell in ENGINE for line in cell.splitlines()) == 40


def test_eight_operations_have_a_way_back():
    made: dict = {"np": np, "count": count}
    exec("\n\n\n".join(ENGINE), made)
    with_a_way_back = {
        function.name
        for function in ast.parse("\n\n\n".join(ENGINE)).body
        if isinstance(function, ast.FunctionDef) and "(a, " in ast.unparse(function)
    }
    wanted = {"add", "multiply", "matmul", "power", "exp", "log", "total", "moved"}
    assert with_a_way_back == wanted <= made.keys()


def test_thirteen_classes_of_15_have_a_backward():
    parts = [value for value in HAND.values() if isinstance(value, type) and "backward" in vars(value)]
    assert len(parts) == 13


def test_layer_norm_of_15_keeps_the_normed_words_and_a_deviation_for_each():
    norm = HAND["LayerNorm"](4)
    norm.forward(np.random.default_rng(0).normal(size=(2, 3, 4)))
    kept = {name: value.size for name, value in vars(norm).items() if isinstance(value, np.ndarray)}
    assert kept == {"normed": 24, "deviation": 6}
