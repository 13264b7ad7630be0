"""Checks for the exercises of notebook 03."""

import math

import torch
from torch import nn

from lessons import scoreboard
from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def attention_shapes(answer):
    """one row of weights per query, one column per key; the outputs are as wide as the values."""
    weights, output = (tuple(shape) for shape in answer)
    if weights == (5, 5) or output == (5, 32):
        return "these are the shapes for one sentence: the batch of 8 stays in front."
    if weights == (8, 5, 64):
        return "(8, 5, 64) is the shape of the queries: each query meets the 5 keys of its sentence."
    if weights == (8, 5, 512):
        return "(8, 5, 512) is the shape of the words: a weight belongs to a query and a key."
    if weights != (8, 5, 5):
        return f"attention weights have one row for each query and one column for each key, not {weights}."
    if output in [(8, 5, 64), (8, 5, 512)]:
        return f"the output mixes values, and a value has 32 numbers, not {output[-1]}."
    if output != (8, 5, 32):
        return f"each of the 5 words gets an output as wide as a value, so not {output}."


@exercise
def many_words_attention(answer):
    """each word that asks takes home a mix of the others' values, in a batch as alone."""
    torch.manual_seed(0)
    words, others = torch.randn(2, 3, 6), torch.randn(2, 4, 6)  # (B, T, D), (B, S, D)
    W_Q, W_K, W_V = torch.randn(6, 4), torch.randn(6, 4), torch.randn(6, 5)
    dots, values = (words @ W_Q) @ (others @ W_K).transpose(-2, -1), others @ W_V
    right = (dots / 2).softmax(-1) @ values
    alone = answer(*(t.clone() for t in (words[0], others[0], W_Q, W_K, W_V)))
    if message := unusable(alone):
        return message
    dots, values = dots[0], values[0]  # of the first pair
    if alone.shape == (3, 4):
        return "you returned the attention weights: multiply them by the values."
    if alone.shape == (4, 5):
        return "one row for each of the others: the words ask, so the rows belong to them."
    itself = (words[0] @ W_Q) @ (words[0] @ W_K).T / 2
    likely = {
        "the dot products are not divided by the root of d_k.": dots.softmax(-1) @ values,
        "you divided by d_k: divide by its root.": (dots / 4).softmax(-1) @ values,
        "you divided by the root of d_model: a query has d_k numbers.": (
            (dots / math.sqrt(6)).softmax(-1) @ values
        ),
        "there is no softmax: the scores must become shares.": dots / 2 @ values,
        "your softmax runs over the queries: each row of weights must add up to 1.": (
            (dots / 2).softmax(0) @ values
        ),
        "the words ask themselves: keys and values come from the others.": (
            itself.softmax(-1) @ (words[0] @ W_V)
        ),
    }
    if not same(alone, right[0], 1e-4):
        return likely_mistake(alone, likely, 1e-4) or (
            "for one sentence the output should be softmax(Q K^T / sqrt(d_k)) V, Q from the words, K and V "
            "from the others."
        )
    try:
        result = answer(*(t.clone() for t in (words, others, W_Q, W_K, W_V)))
    except Exception as stopped:
        return (
            f"right for one sentence, but a batch stops with: {stopped.__cause__ or stopped} "
            "(.T is for a matrix: swap the last two axes with transpose(-2, -1), and count from the end.)"
        )
    if message := unusable(result):
        return message
    if not same(result, right, 1e-4):
        return "right for one sentence, but not for a batch: count the axes from the end, -1 and -2."


@exercise
def ignores_order(answer):
    """shuffling first and shuffling last is the same for attention, and not for everything."""
    words = torch.tensor([[5.0, 2.0], [3.0, 1.0], [1.0, 4.0], [0.0, 6.0]])

    def times(*factors):
        return lambda x: x * torch.tensor(factors).unsqueeze(1)

    def moved_unless_first_is_largest(step):
        return lambda x: x + step * float(x[0, 0] < x[:, 0].max())

    if not answer(lambda x: x + x.mean(dim=0), words.clone()):
        return "False for a function that ignores the order: shuffle the outputs as well before comparing."
    needs_places = {
        "treats each place in its own way: shuffle first, shuffle last, and compare.": [
            times(1.0, 2.0, 3.0, 4.0)
        ],
        "adds another number at each place: compare outputs, not their sum.": [
            lambda x: x + torch.tensor([1.0, 0.0, -1.0, 0.0]).unsqueeze(1)
        ],
        "adds to each word its two neighbours: roll alone does not show it, nor does flip; swap two.": [
            lambda x: x + x.roll(1, 0) + x.roll(-1, 0)
        ],
        "changes only some of the places: use both shuffles, and compare all outputs.": [
            times(1.0, 2.0, 2.0, 1.0), times(1.0, 1.0, 2.0, 3.0), times(1.0, 1.0, 2.0, 1.0),
            times(2.0, 1.0, 1.0, 1.0), times(1.0, 2.0, 1.0, 1.0),
        ],
        "moves all outputs the same way: differences can be negative, so take abs() or allclose.": [
            moved_unless_first_is_largest(-1.0), moved_unless_first_is_largest(1.0)
        ],
    }  # fmt: skip
    for what, functions in needs_places.items():
        if any(answer(function, words.clone()) for function in functions):
            return f"True for a function that {what}"


def attention(words, W_Q, W_K, W_V, turn=lambda key: key.transpose(-2, -1)):
    """Self-attention, with another way to turn the keys."""
    scores = (words @ W_Q) @ turn(words @ W_K) / math.sqrt(W_Q.shape[-1])  # (..., S, S)
    return scores.softmax(dim=-1) @ (words @ W_V)  # (..., S, dv)


@exercise
def keys_turned(answer):
    """each column holds the key of one word again, and no output hangs on the order."""
    torch.manual_seed(0)
    words = torch.randn(2, 3, 6)  # (B, S, D)
    matrices = [torch.randn(6, 4), torch.randn(6, 4), torch.randn(6, 5)]
    for where, given in {"one sentence": words[0], "a batch": words}.items():
        result = answer(given.clone(), *(matrix.clone() for matrix in matrices))
        if message := unusable(result):
            return message
        if same(result, attention(given, *matrices), 1e-4):
            continue
        reshaped = lambda key: key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2])  # noqa: E731
        if same(result, attention(given, *matrices, reshaped), 1e-4):
            return "nothing has changed yet: each column of the reshaped keys holds numbers of several words."
        if where == "a batch":
            return "right for one sentence, but not for a batch: swap the last two axes, -2 and -1."
        return f"{where}: only the line that turns the keys is broken; keep the division, softmax and values."


@exercise
def narrow_enough(answer):
    """two numbers are enough; one is not, since it can put only the largest or the smallest key first."""
    if not isinstance(answer, nn.Module):
        return f"hand over the trained model, not a {type(answer).__name__}: what `train_on` returns."
    widths = [matrix.shape[-1] for name, matrix in answer.named_parameters() if name.endswith("W_Q")]
    if not widths:
        return "the optimiser finds no W_Q in it: use a head whose matrices are parameters."
    score = scoreboard.accuracy(answer, scoreboard.TASKS["reverse"])
    symbols = torch.tensor([[3, 1, 3, 0, 7, 2, 3, 1]])  # (B, S)
    with torch.no_grad():
        places_matter = not torch.allclose(answer(symbols.flip(1)), answer(symbols).flip(1), atol=1e-4)
    if not places_matter:
        return f"{score:.2f} right: no word knows its place, and reverse asks for one. Lend the places."
    if score < 0.95 and min(widths) == 1:
        return f"{score:.2f} right with one number: which places can such a query put first? Try more."
    if score < 0.95:
        return f"{score:.2f} right: was it trained on reverse, for up to 400 steps?"
    if min(widths) > 2:
        return f"{score:.2f} right with d_k {min(widths)}: it can be narrower."
