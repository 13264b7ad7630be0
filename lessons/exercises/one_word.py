"""Checks for the exercises of notebook 02."""

import math

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def weights_on_paper(answer):
    """the scores 3, 2 and 2, divided by the root of 2, give these shares."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    dots = torch.tensor([3.0, 2.0, 2.0])
    if answer.shape != (3,):
        return f"write a list of three numbers; yours has the shape {tuple(answer.shape)}."
    if same(answer, dots, 0.02) or same(answer, dots / math.sqrt(2), 0.02):
        return "these are scores: the softmax turns them into shares."
    if same(answer, dots / dots.sum(), 0.006):
        return "you divided the scores by their sum: take the exponential of each first."
    if same(answer, dots.softmax(dim=0), 0.006):
        return "the dot products are not divided yet: divide them by the root of d_k, which is 2 here."
    if not same(answer.sum(), 1, 0.02):
        return f"the weights add up to {answer.sum().item():.2f}, and must add up to 1."
    if not same(answer, (dots / math.sqrt(2)).softmax(dim=0), 0.012):
        return "work out the three dot products first: they are whole numbers, and two of them are equal."


@exercise
def one_word_attention(answer):
    """a weighted average of the values."""
    torch.manual_seed(0)
    query, keys, values = torch.randn(16), torch.randn(3, 16), torch.randn(3, 16)
    dots = keys @ query
    result = answer(query.clone(), keys.clone(), values.clone())
    if message := unusable(result):
        return message
    if result.shape != (16,):
        return f"values of 16 numbers give an output of 16 numbers; yours has shape {tuple(result.shape)}."
    likely = {
        "you mixed the keys: keys are for finding, values are handed over.": (dots / 4).softmax(0) @ keys,
        "you mixed with the scores: apply the softmax first.": dots / 4 @ values,
        "you took the value of the best match only: mix all values.": values[dots.argmax()],
        "the dot products are not divided by the root of d_k.": dots.softmax(0) @ values,
        "you divided by d_k: divide by its root.": (dots / 16).softmax(0) @ values,
        "8 is the root of 64; this query has 16 numbers: take its own root.": (dots / 8).softmax(0) @ values,
        "you divided by the root of the number of keys: d_k is the width of the query.": (
            (dots / math.sqrt(3)).softmax(0) @ values
        ),
    }
    if not same(result, (dots / 4).softmax(0) @ values, 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            "multiply each value by its attention weight, and add them up."
        )
    large = answer(query.clone(), 1000 * keys, values.clone())
    if not large.isfinite().all():
        return "right for small scores, but exp(1000) is too large: subtract the largest score first."
    if not same(large, (250 * dots).softmax(0) @ values, 1e-5):
        return "right for small scores, but wrong for scores of 1000: subtract the largest score first."


@exercise
def every_word_notices(answer):
    """whatever word changes, every output moves."""
    torch.manual_seed(0)
    words, (W_Q, W_K, W_V) = torch.randn(4, 6), (torch.randn(6, n) for n in (3, 3, 2))
    result = answer(words.clone(), W_Q.clone(), W_K.clone(), W_V.clone())
    if message := unusable(result):
        return message
    queries, keys, values = words @ W_Q, words @ W_K, words @ W_V
    scores, later = queries @ keys.T / math.sqrt(3), torch.ones(4, 4, dtype=torch.bool).triu(1)

    def mix(hidden):
        return scores.masked_fill(hidden, -torch.inf).softmax(dim=-1) @ values

    right = mix(later & False)
    if result.shape != right.shape:
        return f"4 words and values of 2 numbers give (4, 2); yours has the shape {tuple(result.shape)}."
    likely = {
        "change the last word: the first output should move, and yours does not.": mix(later),
        "change the first word: the last output should move, and yours does not.": mix(later.T),
        "no word looks at another: each needs the keys and values of all.": values,
        "no word looks at itself: its own key belongs to the keys as well.": mix(torch.eye(4).bool()),
    }
    if not same(result, right, 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            "each query must meet the keys of all words, each of them once, with their values in order."
        )


@exercise
def steer_attention(answer):
    """by itself, ihn now finds the ball."""
    row, column, number = answer
    words = torch.tensor([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 2]])
    W_Q = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 0]])
    keys = torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 0]])
    if row not in range(4) or column not in range(2):
        return f"there is no row {row} and column {column}: rows are 0 to 3, columns 0 and 1."
    W_Q[row, column] = number
    if words[3, row] == 0:
        return f"ihn has a 0 for property {row} (counted from 0), so that row never reaches its query."
    if column == 0:
        return "the first number of a query asks for gender, and man and ball have the same: the tie stays."
    scores = keys @ (words[3] @ W_Q)
    if scores[0] == scores[1]:
        return "the second number of the query is still 0, and 0 asks for nothing."
    if scores.argmax() != 1:
        return "ihn now turns away from what is caught, and finds the man: which sign asks?"
