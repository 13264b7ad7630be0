"""Checks for the exercises of notebook 03."""

import math

import torch

from helpers.checks.core import exercise
from helpers.checks.one_word import unusable


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
    answer = torch.as_tensor(answer, dtype=torch.float)
    values = torch.tensor([[8.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    weights = torch.tensor([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    if answer.shape != (2, 2):
        return f"write two lists of two numbers; yours has the shape {tuple(answer.shape)}."
    if torch.allclose(answer, (weights @ values).flip(0)):
        return "the two outputs have changed places: the first word comes first."
    if torch.allclose(answer[0], values.mean(dim=0), atol=0.01):
        return "the first output is the plain mean of the values: its weights are 1/4, 1/2, 1/4."
    if torch.allclose(answer[1], values[1]):
        return "the second output is the second word's own value: it looks only at the third word."
    for name, mine, right in zip(["first", "second"], answer, weights @ values, strict=True):
        if not torch.allclose(mine, right, atol=0.01):
            return f"the {name} output is wrong: multiply each value by its weight, and add up."


@exercise
def right_divisor(answer):
    """each product has standard deviation 2 x 2, and the sum of 16 of them 4 times that."""
    number = float(answer)
    if number == 4:
        return "4 is the root of d_k, right for standard deviation 1: here each product is larger."
    if number == 8:
        return "only one factor of each product is counted: queries and keys both have standard deviation 2."
    if number == 64:
        return "the 16 products partly cancel: their sum grows like the root of 16."
    if number == 256:
        return "256 is the variance: the standard deviation is its root."
    if abs(number - 16) > 0.5:
        return "what is the standard deviation of one product, and by which factor does a sum of 16 grow?"


@exercise
def many_words_attention(answer):
    """one sentence and a batch, without a loop."""
    torch.manual_seed(0)
    words = torch.randn(2, 3, 6)
    W_Q, W_K, W_V = torch.randn(6, 4), torch.randn(6, 4), torch.randn(6, 5)
    dots, values = (words @ W_Q) @ (words @ W_K).transpose(-2, -1), words @ W_V
    right = (dots / 2).softmax(-1) @ values
    alone, result = answer(words[0], W_Q, W_K, W_V), answer(words, W_Q, W_K, W_V)
    if message := unusable(alone) or unusable(result):
        return message
    if result.shape == (2, 3, 3):
        return "you returned the attention weights: multiply them by the values."
    likely = {
        "the dot products are not divided by the root of d_k.": dots.softmax(-1) @ values,
        "you divided by d_k: divide by its root.": (dots / 4).softmax(-1) @ values,
        "you divided by the root of d_model: a query has d_k numbers.": (
            (dots / math.sqrt(6)).softmax(-1) @ values
        ),
        "keys and queries have changed roles: one row of scores belongs to one query.": (
            (dots / 2).transpose(-2, -1).softmax(-1) @ values
        ),
        "there is no softmax: the scores must become shares.": dots / 2 @ values,
    }
    for message, wrong in likely.items():
        if alone.shape == wrong[0].shape and torch.allclose(alone, wrong[0], atol=1e-5):
            return message
    over_queries = (dots[0] / 2).softmax(0) @ values[0]
    if alone.shape == over_queries.shape and torch.allclose(alone, over_queries, atol=1e-5):
        return "your softmax runs over the queries: each row of weights must add up to 1."
    if alone.shape != right[0].shape or not torch.allclose(alone, right[0], atol=1e-5):
        return "for one sentence the output should be softmax(Q K^T / sqrt(d_k)) V."
    if result.shape != right.shape or not torch.allclose(result, right, atol=1e-5):
        return "right for one sentence, but not for a batch: count the axes from the end, -1 and -2."


@exercise
def ignores_order(answer):
    """shuffling first and shuffling last is the same for attention, and not for everything."""
    words = torch.tensor([[1.0, 2.0], [3.0, 1.0], [0.0, 5.0]])

    def by_place(x):
        return x * torch.tensor([[1.0], [2.0], [3.0]])

    def itself_and_mean(x):
        return x + x.mean(dim=0)

    if not answer(itself_and_mean, words):
        return "False for a function that ignores the order: turn the outputs round as well before comparing."
    if answer(by_place, words):
        return "True for a function that treats each place in its own way: turn round input and output."
    if answer(lambda x: x + torch.tensor([[1.0], [0.0], [-1.0]]), words):
        return "True for a function that adds another number at each place: compare outputs, not their sum."
