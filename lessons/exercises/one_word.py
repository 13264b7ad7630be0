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
def stable_softmax(answer):
    """the shares are right, also for a score of 1000."""
    scores, large = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1000.0, 999.0])
    result = answer(scores.clone())
    if message := unusable(result):
        return message
    likely = {
        "you divided the scores by their sum: take the exponential first.": scores / scores.sum(),
        "these are the exponentials: divide them by their sum.": scores.exp(),
    }
    if not same(result, scores.softmax(dim=0), 1e-5):
        return likely_mistake(result, likely, 1e-4) or (
            "for the scores 0, 1, 2 the shares should be about 0.09, 0.24 and 0.67."
        )
    if not answer(large.clone()).isfinite().all():
        return "right for small scores, but exp(1000) is too large: subtract the largest score first."
    if not same(answer(large.clone()), large.softmax(dim=0), 1e-4):
        return "for the scores 1000 and 999 the shares are wrong: subtract the largest score first."


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


@exercise
def steer_attention(answer):
    """the query of der now finds the key of bellt."""
    row, column, number = answer
    words = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    W_K = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    if row not in range(4) or column not in range(2):
        return f"there is no row {row} and column {column}: rows are 0 to 3, columns 0 and 1."
    W_K[row, column] = number
    if column == 1:
        return "the query of der is [1, 0], it reads the first number of a key: column 1 has no effect."
    scores = words @ W_K @ torch.tensor([1.0, 0.0])
    if scores[2] == scores[0] and scores[2] > scores[1]:
        return "der now looks at itself as much as at bellt: choose a row that only bellt uses."
    if scores.argmax() != 2:
        best = ["der", "Hund", "bellt"][int(scores.argmax())]
        return f"der now looks mostly at {best}: which row does only bellt use, and how much is enough?"


@exercise
def looks_at_others(answer):
    """your check tells an attention that looks around from one that does not."""
    words = torch.tensor([[1.0, 2.0], [3.0, 1.0], [0.0, 5.0]])
    kept, seen = words.clone(), []

    def looks_around(x):
        seen.append(x.clone())
        return x + x.mean(dim=0)

    found = answer(looks_around, words)
    if not torch.equal(words, kept):
        return "your check changed the words it was given: work on words.clone()."
    if len(seen) < 2:
        return "call attention twice, before and after the change."
    changed = (seen[0] != seen[-1]).any(dim=1).tolist()
    if not any(changed):
        return "the words are the same in both calls: change the last word in a copy."
    if changed != [False, False, True]:
        return f"you changed word {changed.index(True) + 1}: change the last word, and no other."
    if not found:
        return "it says False for an attention that looks around: True is for first outputs that differ."
    if answer(lambda x: 2 * x, words):
        return "it says True where every word is treated by itself: compare only the first output."
