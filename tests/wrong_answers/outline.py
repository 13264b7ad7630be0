"""Plausible wrong answers to the exercises of notebook 01, and what the reader is told."""

from torch import nn


def last_block_first(blocks, words):
    for block in reversed(blocks):
        words = block(words)
    return words


def always_the_first_words(blocks, words):
    for block in blocks:
        result = block(words)
    return result


def forgets_the_result(blocks, words):
    for block in blocks:
        block(words)
    return words


def wrong_order(first, second):
    return first.weight @ second.weight, second.weight @ first.bias + second.bias


def bias_lost(first, second):
    return second.weight @ first.weight, second.bias


def biases_added(first, second):
    return second.weight @ first.weight, first.bias + second.bias


WRONG = {
    "linear_parameters": [(512 * 512, "forgot the 512 biases"), (1024, "multiply")],
    "outline_shape": [
        ((7, 512), "follows the target"),
        ((11, 512), "never joined"),
        ((1, 4, 512), "one row"),
    ],
    "run_chain": [
        (last_block_first, "last block runs first"),
        (always_the_first_words, "only one block"),
        (forgets_the_result, "unchanged"),
    ],
    "six_layers": [
        (lambda d_model: [nn.Linear(d_model, d_model) for _ in range(6)], "plain list"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model)] * 6), "same layer"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(5)]), "not six"),
    ],
    "merge": [(wrong_order, "wrong order"), (bias_lost, "is lost"), (biases_added, "multiply it")],
}
