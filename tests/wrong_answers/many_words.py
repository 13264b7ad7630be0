"""Plausible wrong answers to the exercises of notebook 03, and what the reader is told."""

import math

import torch


def attention(divide=lambda scores: scores / 2, weigh=lambda scores: scores.softmax(dim=-1), swap=False):
    """Self-attention with one thing changed."""

    def wrong(words, W_Q, W_K, W_V):
        query, key, value = words @ W_Q, words @ W_K, words @ W_V
        if swap:
            query, key = key, query
        return weigh(divide(query @ key.transpose(-2, -1))) @ value

    return wrong


def only_the_weights(words, W_Q, W_K, W_V):
    return ((words @ W_Q) @ (words @ W_K).transpose(-2, -1) / 2).softmax(dim=-1)


def turns_only_the_input(function, words):
    return torch.allclose(function(words.flip(0)), function(words))


def turns_only_the_output(function, words):
    return torch.allclose(function(words), function(words).flip(0))


def compares_sums(function, words):
    return torch.allclose(function(words.flip(0)).sum(), function(words).sum())


def compares_the_middle(function, words):
    return torch.allclose(function(words.flip(0))[1], function(words)[1])


WRONG = {
    "attention_shapes": [
        ([(5, 5), (5, 32)], "the batch of 8"),
        ([(8, 5, 64), (8, 5, 32)], "shape of the queries"),
        ([(8, 5, 5), (8, 5, 64)], "a value has 32"),
        ([(8, 8, 5), (8, 5, 32)], "one row for each query"),
        ([(8, 5, 5), (8, 32)], "as wide as a value"),
    ],
    "mix_on_paper": [
        ([[4, 8 / 3], [4, 4]], "plain mean"),
        ([[3, 3], [0, 4]], "own value"),
        ([[3, 2], [4, 4]], "first output"),
        ([[3, 3], [1, 1]], "second output"),
        ([3, 3, 4, 4], "the shape (4,)"),
    ],
    "right_divisor": [
        (4, "root of d_k"),
        (8, "only one factor"),
        (64, "partly cancel"),
        (256, "the variance"),
        (2, "one product"),
    ],
    "many_words_attention": [
        (attention(divide=lambda dots: dots), "not divided"),
        (attention(divide=lambda dots: dots / 4), "by its root"),
        (attention(divide=lambda dots: dots / math.sqrt(6)), "root of d_model"),
        (attention(swap=True), "changed roles"),
        (attention(weigh=lambda scores: scores), "no softmax"),
        (attention(weigh=lambda scores: scores.softmax(dim=1)), "not for a batch"),
        (attention(weigh=lambda scores: scores.softmax(dim=-2)), "over the queries"),
        (only_the_weights, "multiply them by the values"),
    ],
    "ignores_order": [
        (turns_only_the_input, "turn the outputs round"),
        (turns_only_the_output, "turn the outputs round"),
        (compares_sums, "not their sum"),
        (compares_the_middle, "turn round input and output"),
        (lambda function, words: True, "turn round input and output"),
        (lambda function, words: False, "turn the outputs round"),
    ],
}
