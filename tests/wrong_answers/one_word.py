"""Plausible wrong answers to the exercises of notebook 02, and what the reader is told."""

import math

import torch


def attend(divisor, mixed=None, weigh=lambda scores: scores.softmax(dim=0)):
    """An attention for one word with one thing changed."""

    def wrong(query, keys, values):
        return weigh(keys @ query / divisor(query, keys)) @ (keys if mixed == "keys" else values)

    return wrong


def root(query, keys):
    return math.sqrt(len(query))


def a_pair(query, keys, values):
    weights = (keys @ query / root(query, keys)).softmax(dim=0)
    return weights @ values, weights


def compares_all_outputs(attention, words):
    edited = words.clone()
    edited[-1] += 1
    return not torch.equal(attention(words), attention(edited))


def changes_the_first_word(attention, words):
    edited = words.clone()
    edited[0] += 1
    return not torch.equal(attention(words)[0], attention(edited)[0])


def changes_nothing(attention, words):
    return not torch.equal(attention(words)[0], attention(words.clone())[0])


def wrong_way_round(attention, words):
    edited = words.clone()
    edited[-1] += 1
    return torch.equal(attention(words)[0], attention(edited)[0])


def changes_the_words_themselves(attention, words):
    before = attention(words)[0]
    words[-1] += 1
    return not torch.equal(before, attention(words)[0])


WRONG = {
    "weights_on_paper": [
        ([0.576, 0.212, 0.212], "not divided yet"),
        ([3, 2, 2], "these are scores"),
        ([0.43, 0.29, 0.29], "exponential of each"),
        ([0.5, 0.3, 0.3], "must add up to 1"),
        ([[0.5, 0.25, 0.25]], "the shape (1, 3)"),
        ([0.25, 0.5, 0.25], "dot products first"),
    ],
    "stable_softmax": [
        (lambda scores: scores.exp() / scores.exp().sum(), "too large"),
        (lambda scores: torch.nan_to_num(scores.exp() / scores.exp().sum()), "1000 and 999"),
        (lambda scores: scores / scores.sum(), "exponential first"),
        (lambda scores: scores.exp(), "divide them"),
        (lambda scores: None, "returns nothing"),
    ],
    "one_word_attention": [
        (attend(root, mixed="keys"), "keys are for finding"),
        (attend(root, weigh=lambda scores: scores), "softmax first"),
        (attend(lambda query, keys: 1), "not divided by the root"),
        (attend(lambda query, keys: len(query)), "by its root"),
        (attend(lambda query, keys: 8), "its own root"),
        (attend(lambda query, keys: math.sqrt(len(keys))), "number of keys"),
        (lambda query, keys, values: values[(keys @ query).argmax()], "best match"),
        (a_pair, "not a pair"),
    ],
    "steer_attention": [
        ([3, 0, 5.0], "as much as at bellt"),
        ([2, 1, 5.0], "column 1 has no effect"),
        ([2, 0, 0.5], "mostly at Hund"),
        ([4, 0, 5.0], "no row 4"),
    ],
    "looks_at_others": [
        (compares_all_outputs, "only the first output"),
        (changes_the_first_word, "you changed word 1"),
        (changes_nothing, "same in both calls"),
        (wrong_way_round, "says False"),
        (changes_the_words_themselves, "words.clone()"),
    ],
}
