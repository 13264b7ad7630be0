"""Checks for the exercises of notebook 09."""

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def fields_allowed(answer):
    """rows of 1, 2 and 3, and the row of the padding has 3 as well: its own column is hidden."""
    likely = {
        "this is the causal mask alone: the column of the padding is hidden too.": 10,
        "this is the padding mask alone: a query may not look at later keys.": 12,
        "you hid the row of the padding as a query: keys are masked, queries are not.": 6,
        "these are the fields that are False.": 7,
        "this is the whole table, without any mask.": 16,
        "count the fields, do not average them.": 2.25,
    }
    if isinstance(answer, list | tuple):
        return "these are the rows: add them up."
    if answer != 9:
        return likely_mistake(answer, likely) or (
            "go row by row: how many of the keys 1, 7, 8 stand at the row's place or before it?"
        )


@exercise
def cross_weights_shape(answer):
    """one table for each sentence and head, a row for each target word, a column for each source word."""
    answer = tuple(answer)
    likely = {
        "the other way round: the target asks, so its words are the rows.": (2, 8, 7, 5),
        "this is the decoder's self-attention: the keys come from the source.": (2, 8, 5, 5),
        "this is the encoder's self-attention: the queries come from the target.": (2, 8, 7, 7),
        "this is what the heads answer, the sums of values: the weights come before.": (2, 8, 5, 64),
        "the sentences stand before the heads: (B, H, queries, keys).": (8, 2, 5, 7),
        "each of the 8 heads has weights of its own.": (2, 5, 7),
        "the heads stand before the words: (B, H, queries, keys).": (2, 5, 8, 7),
        "each of the 2 sentences has weights of its own.": (8, 5, 7),
        "this is one head of one sentence.": (5, 7),
    }
    if answer != (2, 8, 5, 7):
        return likely_mistake(answer, likely) or (
            "sentences, heads, queries, keys: who asks, and who is looked at?"
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
def my_decoder_layer(answer):
    """self-attention under its mask, the memory under the other, feed-forward, and each is added."""
    x, memory = torch.tensor([[1.0, 2.0], [0.0, 3.0], [5.0, 1.0]]), torch.tensor([[1.0, -1.0], [2.0, 4.0]])
    mask, memory_mask = torch.ones(3, 3).tril().bool(), torch.tensor([[True, False]])
    calls = []

    def part(name, mixed):
        def run(query, key=None, value=None, mask=None):
            calls.append((name, query.clone(), key, value, mask))
            return mixed(query) if query.shape == x.shape else torch.zeros_like(x)

        return run

    kept = x.clone()
    result = answer(
        part("self-attention", lambda y: 2 * y + 1), part("cross-attention", lambda y: y.flip(-1)),
        part("feed-forward", lambda y: y * y), x, memory, mask, memory_mask,
    )  # fmt: skip
    if message := unusable(result):
        return message
    if not torch.equal(x, kept):
        return "it changes x itself: write x = x + ..., not x += ..."
    names = [name for name, *_ in calls]
    if names != ["self-attention", "cross-attention", "feed-forward"]:
        return f"the order is self-attention, cross-attention, feed-forward, each once; yours is {names}."
    (_, query, key, value, own), (_, asks, key_2, value_2, other), _ = calls
    if any(given is None or not torch.equal(given, x) for given in (query, key, value)):
        return "in self-attention the target's words are query, key and value."
    if own is not mask:
        return "self-attention gets mask, the causal one."
    if asks.shape == memory.shape and torch.equal(asks, memory):
        return "in cross-attention the target asks: the query comes from x, not from the memory."
    if any(given is None or not torch.equal(given, memory) for given in (key_2, value_2)):
        return "in cross-attention keys and values both come from the memory."
    if other is not memory_mask:
        return "cross-attention gets memory_mask: the causal mask would hide source words."
    first = x + (2 * x + 1)
    second = first + first.flip(-1)
    if torch.equal(asks, x):
        return "cross-attention gets the words as self-attention has left them, not the first ones."
    if torch.equal(asks, 2 * x + 1):
        return "the residual connection round self-attention is missing."
    if torch.equal(result, second * second) or torch.equal(calls[2][1], first.flip(-1)):
        return "a residual connection is missing: each sub-layer adds its result to its input."
    if not torch.equal(result, second + second * second):
        return "each sub-layer gets the words of the one before and adds its result to them."


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
