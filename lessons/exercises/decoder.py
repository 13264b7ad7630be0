"""Checks for the exercises of notebook 09."""

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def fields_allowed(answer):
    """rows of 1, 2, 2 and 2: both columns of the padding are hidden, and its rows stay."""
    likely = {
        "this is the causal mask alone: the columns of the padding are hidden too.": 10,
        "this is the padding mask alone: a query may not look at later keys.": 8,
        "you hid the rows of the padding as queries: keys are masked, queries are not.": 3,
        "these are the fields that are False.": 9,
        "this is the whole table, without any mask.": 16,
        "count the fields, do not average them.": 1.75,
    }
    if isinstance(answer, list | tuple):
        return "these are the rows: add them up."
    if answer != 7:
        return likely_mistake(answer, likely) or (
            "go row by row: how many of the keys 1 and 7 stand at the row's place or before it?"
        )


@exercise
def window_mask(answer):
    """a band of n fields that ends on the diagonal."""

    def right(size, n):
        offset = torch.arange(size)[:, None] - torch.arange(size)  # (size, size): query minus key
        return (offset >= 0) & (offset < n)

    for size, n in ((5, 2), (4, 1), (6, 3), (3, 5)):
        mask, case = answer(size, n), f"with size={size} and n={n}"
        if message := unusable(mask):
            return message
        if mask.shape != (size, size):
            return f"{case} the shape is {tuple(mask.shape)}, not ({size}, {size})."
        if mask.dtype != torch.bool:
            return f"the mask is {mask.dtype}: make it boolean, True = may attend."
        offset = torch.arange(size)[:, None] - torch.arange(size)  # (size, size)
        likely = {
            "True means may attend, and your mask says the opposite: use ~mask.": ~right(size, n),
            "it sees too far back: n counts the place itself.": right(size, n + 1),
            "it does not see far enough: n counts the place itself, and n - 1 before it.": right(size, n - 1),
            "it sees everything before: keep only the last n.": offset >= 0,
            "it sees the places after and not those before: rows are queries.": right(size, n).T,
            "it sees places after its own too: they are in the future.": offset.abs() < n,
        }
        if not same(mask, right(size, n)):
            return likely_mistake(mask, likely) or (
                f"{case} row 0 should allow key 0 only, and each row the last {n} keys up to its own place."
            )


@exercise
def masked_attention_fixed(answer):
    """hidden before the softmax: no output reads a later word, and the weights of each row sum to 1."""
    words = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    masks = [triangle(4), torch.tensor([True, True, True, False]).expand(4, 4)]
    for mask in masks:
        result = answer(words.clone(), mask.clone())
        if message := unusable(result):
            return message
        if result.shape != words.shape:
            return f"the shape is {tuple(result.shape)}, not {tuple(words.shape)}."
        scores = words @ words.T / 3**0.5
        low = torch.finfo(scores.dtype).min
        weights = scores.masked_fill(~mask, low).softmax(dim=-1)
        likely = {
            "the softmax has divided by the scores of all words, later ones too: change the last word, and "
            "the first output moves. Hide the scores before it.": (scores.softmax(dim=-1) * mask) @ words,
            "a score of 0 is not hidden, its share is exp(0) before the softmax divides: put a very low "
            "number there.": (scores * mask).softmax(dim=-1) @ words,
            "there is no mask left: everybody sees everybody.": scores.softmax(dim=-1) @ words,
            "the mask is turned round: True means may attend.": scores.masked_fill(mask, low).softmax(dim=-1)
            @ words,
            "the softmax runs over the queries: a row must sum to 1, dim=-1.": scores.masked_fill(
                ~mask, low
            ).softmax(dim=0)
            @ words,
            "divide the scores by the root of d_k, as before.": (words @ words.T)
            .masked_fill(~mask, low)
            .softmax(dim=-1)
            @ words,
            "this is the weights alone: multiply by words.": weights[:, : words.shape[1]],
        }
        if not same(result, weights @ words, atol=1e-5):
            return likely_mistake(result, likely, atol=1e-5) or (
                "each row should share the whole weight among the words that its mask allows."
            )


def attention(mask, after_softmax=False):
    """Attention of words `(T, D)` to themselves under `mask(T)`; after the softmax it leaks."""

    def step(words):
        allowed = mask(len(words))
        scores = words @ words.T / 2
        if after_softmax:
            return (scores.softmax(dim=-1) * allowed) @ words
        weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(dim=-1)
        return weights.masked_fill(~allowed, 0.0) @ words

    return step


def triangle(size, diagonal=0):
    return torch.ones(size, size, dtype=torch.bool).tril(diagonal)


def leaks_at(place, normed=False):
    """Causal, but the output at `place` also reads the word after it."""

    def step(words):
        read = words - words.mean(dim=-1, keepdim=True) if normed else words
        result = attention(triangle)(words)
        if place + 1 >= len(words):  # the sentence was cut off before the word that leaks
            return result
        return result + torch.eye(len(words))[:, place, None] * read[place + 1]

    return step


@exercise
def my_causal_check(answer):
    """your check passes what is causal, and finds every leak, the small ones too."""
    words = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    kept = words.clone()
    for name, step in {
        "for attention under the causal mask: only outputs before the change or the cut must stay, up to "
        "rounding": attention(triangle),
        "for words that see only the words before them, and not themselves": attention(
            lambda size: triangle(size, -1)
        ),
    }.items():
        if not answer(step, words):
            return f"it says False {name}."
    if not torch.equal(words, kept):
        return "it changes words itself: take words.clone() and change that."
    leaks = {
        "for attention without a mask.": attention(lambda size: torch.ones(size, size).bool()),
        "for the mask of the wrong polarity.": attention(lambda size: ~triangle(size)),
        "where each word sees one word too many.": attention(lambda size: triangle(size, 1)),
        "where only the first output reads the second word: change, or cut off, every later word and not "
        "only the last.": leaks_at(0),
        "where only the last but one reads the last word: look at every output before the change or "
        "the cut.": leaks_at(3),
        "where the mask comes after the softmax: the sum of all weights has seen the future. "
        "The difference can be small.": attention(triangle, after_softmax=True),
        "where the leak shows only when the numbers of a word change by different amounts: do not add the "
        "same to all, and look at each number of the output.": leaks_at(2, normed=True),
    }
    for where, step in leaks.items():
        if answer(step, words.clone()):
            return f"it says True {where}"
    if not answer(attention(triangle), words[:2].double()):
        return "it says False for causal attention on two words in float64."
