"""Checks for the exercises of notebook 03."""

import math

import torch

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
def mix_on_paper(answer):
    """each output is a sum of the values, weighted."""
    rows = answer if isinstance(answer, torch.Tensor) else [torch.as_tensor(row).float() for row in answer]
    answer = torch.stack(list(rows)).float()
    values = torch.tensor([[8.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    weights = torch.tensor([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    if answer.shape != (2, 2):
        return f"write two lists of two numbers; yours has the shape {tuple(answer.shape)}."
    if same(answer, (weights @ values).flip(0), 1e-4):
        return "the two outputs have changed places: the first word comes first."
    if same(answer[0], values.mean(dim=0), 0.01):
        return "the first output is the plain mean of the values: its weights are 1/4, 1/2, 1/4."
    if same(answer[1], values[1], 1e-4):
        return "the second output is the second word's own value: it looks only at the third word."
    for name, mine, right in zip(["first", "second"], answer, weights @ values, strict=True):
        if not same(mine, right, 0.01):
            return f"the {name} output is wrong: multiply each value by its weight, and add up."


@exercise
def right_divisor(answer):
    """each product has standard deviation 2 x 2, and the sum of 64 of them 8 times that: 32."""
    number = float(answer)
    likely = {
        "8 is the root of d_k, right for standard deviation 1: here each product is larger.": 8,
        "only one factor of each product is counted: queries and keys both have standard deviation 2.": 16,
        "64 is d_k itself: a sum of 64 such products grows like the root of 64, and each is larger here.": 64,
        "the 64 products partly cancel, and queries and keys both have standard deviation 2.": 128,
        "the 64 products partly cancel: their sum grows like the root of 64.": 256,
        "1024 is the variance: the standard deviation is its root.": 1024,
    }
    if not same(number, 32, 2):  # a measured number may be a little off
        return likely_mistake(number, likely) or (
            "what is the standard deviation of one product, and by which factor does a sum of 64 grow?"
        )


@exercise
def many_words_attention(answer):
    """softmax(Q K^T / sqrt(d_k)) V, for one sentence and for a batch."""
    torch.manual_seed(0)
    words = torch.randn(2, 3, 6)
    W_Q, W_K, W_V = torch.randn(6, 4), torch.randn(6, 4), torch.randn(6, 5)
    dots, values = (words @ W_Q) @ (words @ W_K).transpose(-2, -1), words @ W_V
    right = (dots / 2).softmax(-1) @ values
    alone = answer(*(t.clone() for t in (words[0], W_Q, W_K, W_V)))
    if message := unusable(alone):
        return message
    dots, values = dots[0], values[0]  # of the first sentence
    if alone.shape == (3, 3):
        return "you returned the attention weights: multiply them by the values."
    likely = {
        "the dot products are not divided by the root of d_k.": dots.softmax(-1) @ values,
        "you divided by d_k: divide by its root.": (dots / 4).softmax(-1) @ values,
        "you divided by the root of d_model: a query has d_k numbers.": (
            (dots / math.sqrt(6)).softmax(-1) @ values
        ),
        "keys and queries have changed roles: one row of scores belongs to one query.": (
            (dots / 2).T.softmax(-1) @ values
        ),
        "there is no softmax: the scores must become shares.": dots / 2 @ values,
        "your softmax runs over the queries: each row of weights must add up to 1.": (
            (dots / 2).softmax(0) @ values
        ),
    }
    if not same(alone, right[0], 1e-4):
        return likely_mistake(alone, likely, 1e-4) or (
            "for one sentence the output should be softmax(Q K^T / sqrt(d_k)) V."
        )
    try:
        result = answer(*(t.clone() for t in (words, W_Q, W_K, W_V)))
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
