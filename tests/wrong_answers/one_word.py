"""Plausible wrong answers to the exercises of notebook 02, and what the reader is told."""

import math

import torch


def no_division(query, keys):
    return keys @ query


def divides_by_d_k(query, keys):
    return keys @ query / len(query)


def divides_by_number_of_keys(query, keys):
    return keys @ query / math.sqrt(len(keys))


def mixes_keys(query, keys, values):
    return (keys @ query / math.sqrt(len(query))).softmax(dim=0) @ keys


def forgets_softmax(query, keys, values):
    return keys @ query / math.sqrt(len(query)) @ values


def takes_the_best(query, keys, values):
    return values[(keys @ query).argmax()]


def compares_all_outputs(attention, words):
    edited = words.clone()
    edited[-1] += 1
    return not torch.equal(attention(words), attention(edited))


def compares_nothing(attention, words):
    return not torch.equal(attention(words)[0], attention(words.clone())[0])


def wrong_way_round(attention, words):
    edited = words.clone()
    edited[-1] += 1
    return torch.equal(attention(words)[0], attention(edited)[0])


WRONG = {
    "equal_scores": [
        ([1.0, 1.0, 1.0], "single score"),
        ([4.0, 4.0, 4.0], "these are the scores"),
        ([0.25, 0.25, 0.5], "different weights"),
        ([0.3, 0.3, 0.3], "must add up to 1"),
    ],
    "stable_softmax": [
        (lambda scores: scores.exp() / scores.exp().sum(), "too large"),
        (lambda scores: scores / scores.sum(), "exponential first"),
        (lambda scores: scores.exp(), "divide them"),
    ],
    "scaled_scores": [
        (no_division, "not divided yet"),
        (divides_by_d_k, "its square root"),
        (divides_by_number_of_keys, "number of keys"),
    ],
    "one_word_attention": [
        (mixes_keys, "keys are for finding"),
        (forgets_softmax, "softmax first"),
        (takes_the_best, "best match"),
    ],
    "looks_at_others": [
        (compares_all_outputs, "only the first output"),
        (compares_nothing, "never says True"),
        (wrong_way_round, "wrong way round"),
    ],
}
