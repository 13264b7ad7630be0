"""Notebook 15: its parts without PyTorch, and their gradients on shapes drawn anew.

Each gradient is compared with autograd, and with central differences written here once more.
"""

import guards
import numpy as np
import pytest
import torch
from guards import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from helpers import model as reference
from tools import source

NAME = "15_backprop_by_hand"
CELLS = [cell.source for cell in source.compose(ROOT, NAME, solved=True).cells if "part" in guards.tags(cell)]
HAND: dict = {"np": np}
for _cell in CELLS:
    exec(compile(_cell, NAME, "exec"), HAND)

drawn = settings(max_examples=20, derandomize=True, deadline=None, database=None)
seeds, few, heads = (
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from([(1, 4), (2, 8), (3, 12), (4, 8)]),
)


def slopes(loss, numbers, step=1e-5):
    result = np.zeros_like(numbers)
    for place in np.ndindex(numbers.shape):
        kept = numbers[place]
        numbers[place] = kept + step
        up = loss()
        numbers[place] = kept - step
        result[place] = (up - loss()) / (2 * step)
        numbers[place] = kept
    return result


def assert_equal(found, wanted, most):
    """The largest difference is under `most` of the largest entry, of 0.1 where all entries are smaller."""
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].shape == wanted[name].shape, name
        size = max(np.abs(wanted[name]).max(), 0.1)
        assert np.abs(found[name] - wanted[name]).max() < most * size, name


def our_name(name):
    return name.replace("layers.0.", "").replace("add_and_norm.", "norm").replace(".norm.", ".")


def shake(part, rng):
    """Give every parameter drawn values: ones and zeros hide mistakes."""
    for array in part.named().values():
        array += rng.normal(size=array.shape) / 2


def relu_inputs(part):
    if isinstance(part, HAND["FeedForward"]):
        return [np.abs(part.widen.forward(part.widen.x)).min()]
    inside = [value for value in vars(part).values() if isinstance(value, HAND["Part"])]
    return [nearest for value in inside for nearest in relu_inputs(value)]


def check(part, module, *inputs, seed):
    rng = np.random.default_rng(seed)
    shake(part, rng)
    output = part.forward(*inputs)
    assume(min(relu_inputs(part), default=1) > 1e-3)
    grad = rng.normal(size=np.shape(output))
    back = part.backward(grad)
    back = back if isinstance(back, tuple) else (back,)
    found = {str(n): g for n, g in enumerate(back) if g is not None}
    found |= {name: array.copy() for name, array in part.named("grads").items()}

    numbers = {str(n): x for n, x in enumerate(inputs) if x.dtype == float} | part.named()
    loss = lambda: (part.forward(*inputs) * grad).sum()  # noqa: E731
    assert_equal(found, {name: slopes(loss, array) for name, array in numbers.items()}, 1e-7)

    ours = part.named()
    module.double().load_state_dict(
        {n: torch.tensor(ours[our_name(n)]) for n, _ in module.named_parameters()}
    )
    tensors = [torch.tensor(x, requires_grad=x.dtype == float) for x in inputs]
    result = module.eval()(*tensors)
    assert np.allclose(result.detach().numpy(), output, rtol=0, atol=1e-10)
    result.backward(torch.tensor(grad))
    wanted = {str(n): x.grad.numpy() for n, x in enumerate(tensors) if x.requires_grad}
    assert_equal(found, wanted | {our_name(n): p.grad.numpy() for n, p in module.named_parameters()}, 1e-9)


def test_the_parts_are_numpy_only():
    assert len(CELLS) > 10
    assert not [
        cell for cell in CELLS if "torch" in cell or "import" in cell or "helpers." in cell.split('"""')[0]
    ]


@drawn
@given(seed=seeds, b=few, n=few, d_in=few, d_out=few, bias=st.booleans())
def test_linear(seed, b, n, d_in, d_out, bias):
    rng = np.random.default_rng(seed)
    part = HAND["Linear"](rng, d_in, d_out, bias)
    check(part, nn.Linear(d_in, d_out, bias), rng.normal(size=(b, n, d_in)), seed=seed)


@drawn
@given(seed=seeds, b=few, n=few)
def test_relu(seed, b, n):
    x = np.random.default_rng(seed).normal(size=(b, n, 3))
    assume(np.abs(x).min() > 1e-3)
    check(HAND["ReLU"](), nn.ReLU(), x, seed=seed)


@drawn
@given(seed=seeds, b=few, n=few, d=few, width=st.integers(1, 9), residual=st.booleans())
def test_feed_forward_and_residual(seed, b, n, d, width, residual):
    rng = np.random.default_rng(seed)
    part, module = HAND["FeedForward"](rng, d, width), reference.FeedForward(d, width)
    if residual:
        part, inner = HAND["Residual"](part), module
        module = nn.Module()
        module.inner, module.forward = inner, lambda x: x + inner(x)
    check(part, module, rng.normal(size=(b, n, d)), seed=seed)


@drawn
@given(seed=seeds, n=st.integers(2, 7), n_vocab=st.integers(3, 8))
def test_cross_entropy(seed, n, n_vocab):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_vocab, n)
    labels[0] = 1  # at least one that is not padding
    module = nn.CrossEntropyLoss(ignore_index=0)
    check(HAND["CrossEntropy"](), module, rng.normal(size=(n, n_vocab)), labels, seed=seed)


def test_cross_entropy_of_extreme_logits_is_finite():
    """Also where the probability of the answer is rounded to 0."""
    cross_entropy, logits = HAND["CrossEntropy"](), np.array([[1000.0, 0.0, 999.0]])
    for label, loss in ((2, 1.3132617), (1, 1000.3132617)):
        assert cross_entropy.forward(logits, np.array([label])) == pytest.approx(loss)
        assert np.isfinite(cross_entropy.backward()).all()


@drawn
@given(seed=seeds, b=few, n=few, d=st.sampled_from([8, 12, 16]))
def test_layer_norm(seed, b, n, d):
    check(
        HAND["LayerNorm"](d), nn.LayerNorm(d), np.random.default_rng(seed).normal(size=(b, n, d)), seed=seed
    )


class Attention(nn.Module):
    def forward(self, *inputs):
        return nn.functional.scaled_dot_product_attention(*inputs)


def draw_mask(rng, *shape):
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True  # no row may be empty
    return mask


@drawn
@given(seed=seeds, b=few, t=few, s=few, d=few, masked=st.booleans())
def test_attention(seed, b, t, s, d, masked):
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=(b, length, d)) for length in (t, s, s)]
    inputs += [draw_mask(rng, t, s)] if masked else []
    check(HAND["Attention"](), Attention(), *inputs, seed=seed)


@drawn
@given(seed=seeds, b=few, t=few, s=few, sizes=heads)
def test_multi_head_attention(seed, b, t, s, sizes):
    rng, (n_heads, d) = np.random.default_rng(seed), sizes
    inputs = [rng.normal(size=(b, length, d)) for length in (t, s, s)]
    part, module = HAND["MultiHeadAttention"](rng, d, n_heads), reference.MultiHeadAttention(d, n_heads)
    check(part, module, *inputs, draw_mask(rng, b, 1, t, s), seed=seed)


@drawn
@given(seed=seeds, b=few, n=few, n_vocab=st.integers(1, 5), d=few)
def test_embedding(seed, b, n, n_vocab, d):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, n_vocab, (b, n))
    check(HAND["Embedding"](rng, n_vocab, d), nn.Embedding(n_vocab, d), ids, seed=seed)


@drawn
@given(seed=seeds, b=few, t=few, s=few, n_heads=st.sampled_from([1, 2, 4]), decoder=st.booleans())
def test_layers(seed, b, t, s, n_heads, decoder):
    rng, sizes = np.random.default_rng(seed), (8, n_heads, 6)
    x, memory = rng.normal(size=(b, t, 8)), rng.normal(size=(b, s, 8))
    inputs = [x, memory, np.tri(t, dtype=bool), draw_mask(rng, b, 1, 1, s)]
    inputs = inputs if decoder else [x, draw_mask(rng, b, 1, 1, t)]
    name = "DecoderLayer" if decoder else "EncoderLayer"
    check(HAND[name](rng, *sizes), getattr(reference, name)(*sizes), *inputs, seed=seed)


@settings(drawn, max_examples=5)
@given(seed=seeds, b=few, t=few, s=few, n_heads=st.sampled_from([1, 2, 4]))
def test_whole_model(seed, b, t, s, n_heads):
    rng, sizes = np.random.default_rng(seed), dict(d_model=8, n_heads=n_heads, d_ff=6)
    module = reference.Transformer(7, 7, n_layers=1, tie_weights=False, **sizes)
    module.positions.table = torch.tensor(HAND["sinusoids"](8, 8))
    src, tgt = rng.integers(1, 7, (b, s)), rng.integers(1, 7, (b, t))
    src[0, 1:], tgt[0, 1:] = 0, 0  # padding
    check(HAND["Transformer"](rng, 7, **sizes), module, src, tgt, seed=seed)


def test_positions_are_those_of_the_series():
    table = reference.PositionalEncoding(12, max_len=30).table.numpy()
    assert np.allclose(HAND["sinusoids"](30, 12), table, atol=1e-5)


def test_the_task():
    rng = np.random.default_rng(0)
    src, tgt, labels = HAND["task_batch"]([HAND["task_pair"](rng, 5, 3), HAND["task_pair"](rng, 4, 2)])
    assert src[0, 0] == 5 and src[1].tolist()[0] == 4 and src[1, 2:].tolist() == [2, 0]
    assert tgt.tolist() == [[1, 5, 4, 5], [1, 4, 5, 0]] and labels.tolist() == [[5, 4, 5, 2], [4, 5, 2, 0]]
    assert HAND["others"]([5, 9, 14]) == [1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20]


def test_training_never_sees_the_lengths_left_out(monkeypatch):
    seen, task_pair = set(), HAND["task_pair"]

    def noted(rng, first, length):
        seen.add(int(length))
        return task_pair(rng, first, length)

    monkeypatch.setitem(HAND, "task_pair", noted)
    HAND["fit"](0, 1.0, HAND["HELD_OUT"], steps=30)
    assert seen == set(HAND["others"](HAND["HELD_OUT"]))


def test_the_score_asks_for_the_whole_answer_and_its_end():
    """A model that writes the right symbols for ever, or stops too early, scores 0."""

    class Writes:
        def __init__(self, early):
            self.early = early

        def forward(self, src, tgt):
            place, length = tgt.shape[1] - 1, (src > 2).sum(axis=1)
            symbols = np.where(place % 2 == 0, src[:, 0], 9 - src[:, 0])
            symbols = np.where(place >= length - self.early, 2, symbols)
            return np.eye(6)[symbols][:, None]

    scores = [HAND["exact_match"](Writes(early), [1, 3, 4]) for early in (0, 1, -1)]
    assert scores == [1, 0, 0]


def test_a_row_that_may_look_at_nothing_is_not_promised():
    """The text says that the mask needs no line in `backward` while no row is empty: here one is."""
    rng, part = np.random.default_rng(0), HAND["Attention"]()
    query, key, value, grad = (rng.normal(size=(2, 3)) for _ in range(4))
    mask = np.array([[True, True], [False, False]])
    part.forward(query, key, value, mask)
    found = part.backward(grad)[0]
    wanted = slopes(lambda: (part.forward(query, key, value, mask) * grad).sum(), query)
    assert np.allclose(found[0], wanted[0]) and not np.allclose(found[1], wanted[1])
