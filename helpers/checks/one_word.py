"""Checks for the exercises of notebook 02."""

import math

import torch

from helpers.checks.core import exercise


@exercise
def equal_scores(answer):
    """equal scores share equally, whatever they are."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.shape != (3,):
        return f"write three weights, one for each score; there are {answer.numel()}."
    if torch.allclose(answer, torch.tensor([4.0, 4.0, 4.0])):
        return "these are the scores: the softmax turns them into shares."
    if torch.allclose(answer, torch.ones(3)):
        return "a weight of 1 is for a single score: three weights must add up to 1."
    if not math.isclose(answer.sum().item(), 1.0, abs_tol=0.02):
        return f"the weights add up to {answer.sum().item():.2f}, and must add up to 1."
    if not torch.allclose(answer, torch.full((3,), 1 / 3), atol=0.01):
        return "equal scores have no reason to get different weights."


@exercise
def stable_softmax(answer):
    """the shares are right, also for a score of 1000."""
    scores = torch.tensor([0.0, 1.0, 2.0])
    result = answer(scores)
    if torch.allclose(result, scores / scores.sum()):
        return "you divided the scores by their sum: take the exponential first."
    if torch.allclose(result, scores.exp()):
        return "these are the exponentials: divide them by their sum."
    if not torch.allclose(result, scores.softmax(dim=0), atol=1e-6):
        return (
            f"for the scores 0, 1, 2 the shares are {[round(x, 3) for x in scores.softmax(dim=0).tolist()]}."
        )
    if not answer(torch.tensor([1000.0, 0.0])).isfinite().all():
        return "right for small scores, but exp(1000) is too large: subtract the largest score first."


@exercise
def scaled_scores(answer):
    """one score for each key, divided by the square root of d_k."""
    torch.manual_seed(0)
    query, keys = torch.randn(16), torch.randn(3, 16)
    result, raw = answer(query, keys), keys @ query
    if result.shape != (3,):
        shape = tuple(result.shape)
        return f"there are three keys, so there should be three scores; your result has shape {shape}."
    if torch.allclose(result, raw):
        return "the scores are not divided yet: divide them by the square root of d_k."
    if torch.allclose(result, raw / 16):
        return "you divided by d_k: divide by its square root."
    if torch.allclose(result, raw / math.sqrt(3)):
        return "you divided by the square root of the number of keys: d_k is the width of the query."
    if torch.allclose(result, (raw / 4).softmax(dim=0)):
        return "these are attention weights already: leave the softmax for the next exercise."
    if not torch.allclose(result, raw / 4, atol=1e-5):
        return "take the dot product of the query with each key, then divide by the square root of d_k."


@exercise
def one_word_attention(answer):
    """a weighted average of the values."""
    torch.manual_seed(0)
    query, keys, values = torch.randn(4), torch.randn(3, 4), torch.randn(3, 4)
    scores = keys @ query / 2
    weights, result = scores.softmax(dim=0), answer(query, keys, values)
    if result.shape != (4,):
        return f"the output of one word is one vector (4,) here; yours has shape {tuple(result.shape)}."
    if torch.allclose(result, weights @ keys):
        return "you mixed the keys: keys are for finding, values are what is handed over."
    if torch.allclose(result, scores @ values):
        return "you mixed with the scores: apply the softmax first."
    if torch.allclose(result, values[weights.argmax()]):
        return "you took the value of the best match only: mix all values by their weights."
    if torch.allclose(result, (2 * scores).softmax(dim=0) @ values):
        return "the scores are not divided by the square root of d_k."
    if not torch.allclose(result, weights @ values, atol=1e-5):
        return "multiply each value by its attention weight, and add them up."


@exercise
def looks_at_others(answer):
    """your check tells an attention that looks around from one that does not."""
    words = torch.tensor([[1.0, 2.0], [3.0, 1.0], [0.0, 5.0]])
    kept = words.clone()

    def looks_around(x):
        return x + x.mean(dim=0)

    def looks_at_itself(x):
        return 2 * x

    if answer(looks_at_itself, words) and answer(looks_around, words):
        return "it says True for a function that treats every word by itself: compare only the first output."
    if not answer(looks_around, words) and not answer(looks_at_itself, words):
        return "it never says True: change the last word between the two calls, in a copy of the words."
    if answer(looks_at_itself, words) and not answer(looks_around, words):
        return "it says True and False the wrong way round."
    if not torch.equal(words, kept):
        return "your check changed the words it was given: work on words.clone()."
