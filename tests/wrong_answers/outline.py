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


WRONG = {
    "linear_parameters": [
        (512 * 64, "forgot the 64 biases"),
        (512 * 64 + 512, "that comes out, not"),
        (576, "multiply"),
        ("32832", "without quotes"),
    ],
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
        (lambda d_model: None, "returns nothing"),
        (lambda d_model: [nn.Linear(d_model, d_model) for _ in range(6)], "plain list"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model)] * 6), "same layer"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(5)]), "not six"),
    ],
    "doubling": [
        ([[[2, 2], [2, 2]], [0, 0], 1024], "mixes the two"),
        ([[[2, 0], [0, 2]], [2, 2], 1024], "nothing is to be added"),
        ([[[2, 0], [0, 2]], [0, 0], 20], "do not add"),
        ([[2, 2], [0, 0], 1024], "two rows of two"),
    ],
}
