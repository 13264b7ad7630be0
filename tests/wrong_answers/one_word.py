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


def softmax_by_hand(exponential):
    return attend(root, weigh=lambda scores: exponential(scores) / exponential(scores).sum())


def loop(hidden, mixed=lambda outputs: outputs):
    """A self-attention in which word i does not see word j where hidden(i, j)."""

    def wrong(words, W_Q, W_K, W_V):
        seen = torch.tensor([[not hidden(i, j) for j in range(len(words))] for i in range(len(words))])
        scores = (words @ W_Q) @ (words @ W_K).T / math.sqrt(W_Q.shape[1])
        return mixed(scores.masked_fill(~seen, -torch.inf).softmax(dim=-1) @ (words @ W_V))

    return wrong


def keys_twice(words, W_Q, W_K, W_V):
    """Makes all keys beforehand, and makes them again on the way."""
    keys, values, outputs = list(words @ W_K), list(words @ W_V), []
    for word in words:
        keys.append(word @ W_K)
        values.append(word @ W_V)
        weights = (torch.stack(keys) @ (word @ W_Q) / math.sqrt(W_Q.shape[1])).softmax(dim=0)
        outputs.append(weights @ torch.stack(values))
    return torch.stack(outputs)


WRONG = {
    "weights_on_paper": [
        ([0.576, 0.212, 0.212], "not divided yet"),
        ([3, 2, 2], "these are scores"),
        ([0.43, 0.29, 0.29], "exponential of each"),
        ([0.5, 0.3, 0.3], "must add up to 1"),
        ([[0.5, 0.25, 0.25]], "the shape (1, 3)"),
        ([0.25, 0.5, 0.25], "dot products first"),
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
        (softmax_by_hand(torch.exp), "too large"),
        (softmax_by_hand(lambda scores: scores.clamp(max=80).exp()), "wrong for scores of 1000"),
    ],
    "every_word_notices": [
        (loop(lambda i, j: j > i), "change the last word"),
        (loop(lambda i, j: j < i), "change the first word"),
        (loop(lambda i, j: i != j), "no word looks at another"),
        (loop(lambda i, j: i == j), "no word looks at itself"),
        (loop(lambda i, j: False, mixed=lambda outputs: outputs[0]), "the shape (2,)"),
        (loop(lambda i, j: False, mixed=list), "list"),
        (keys_twice, "each of them once"),
    ],
    "steer_attention": [
        ([3, 0, 5.0], "the tie stays"),
        ([2, 1, 5.0], "never reaches its query"),
        ([3, 1, 0.0], "0 asks for nothing"),
        ([3, 1, -1.0], "finds the man"),
        ([4, 0, 5.0], "no row 4"),
    ],
}
