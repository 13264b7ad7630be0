"""Plausible wrong answers to the exercises of notebook 15, and what the reader is told."""

import numpy as np


def output_share(x, grad_logits):
    return grad_logits.reshape(-1, grad_logits.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def embedding_share(ids, grad_rows, n_vocab):
    table = np.zeros((n_vocab, grad_rows.shape[-1]))
    np.add.at(table, ids, grad_rows)
    return table


def lost_repeats(ids, grad_rows, x, grad_logits):
    table = output_share(x, grad_logits)
    table[ids] += grad_rows
    return table


def overwritten(ids, grad_rows, x, grad_logits):
    table = output_share(x, grad_logits)
    table[ids] = grad_rows
    return table


def averaged(ids, grad_rows, x, grad_logits):
    return (embedding_share(ids, grad_rows, grad_logits.shape[-1]) + output_share(x, grad_logits)) / 2


WRONG = {
    "gradient_on_paper": [
        ([8, 4, 12], "factor 2"),
        ([24, 8, 16], "swapped"),
        ([20, 10, 30], "not of y"),
        ([2, 1, 3], "slopes of y"),
        ([0, 0, 0], "ReLU passes"),
        ([-16, -8, -24], "sign"),
        ([16, 8], "three numbers"),
        ([16, 24, 8], "order is not"),
        ([16, 8, 25], "y is 5"),
    ],
    "tanh_backward": [
        (lambda x, grad: 1 - np.tanh(x) ** 2, "multiply by grad"),
        (lambda x, grad: grad * (1 - np.tanh(x)), "square the tanh"),
        (lambda x, grad: grad * (1 - x**2), "take the tanh of x"),
        (lambda x, grad: grad * np.tanh(x), "forward pass"),
        (lambda x, grad: grad * (1 - np.tanh(grad) ** 2), "at x, not at grad"),
        (lambda x, grad: (grad * (1 - np.tanh(x) ** 2)).sum(), "the shape (1, 3)"),
        (lambda x, grad: grad, "that slope"),
    ],
    "dropout_backward": [
        (lambda grad, kept, rate: grad * kept, "was divided by 1 - rate"),
        (lambda grad, kept, rate: grad / (1 - rate), "did not reach the output"),
        (lambda grad, kept, rate: grad * kept / rate, "not by rate"),
        (lambda grad, kept, rate: grad * kept * (1 - rate), "you multiply"),
        (lambda grad, kept, rate: grad * ~kept / (1 - rate), "wrong places"),
        (lambda grad, kept, rate: grad[kept] / (1 - rate), "the shape (1, 4)"),
        (lambda grad, kept, rate: grad * 2, "did not reach the output"),
    ],
    "tied_gradient": [
        (lambda ids, rows, x, logits: embedding_share(ids, rows, logits.shape[-1]), "embedding's share"),
        (lambda ids, rows, x, logits: output_share(x, logits), "output layer's share"),
        (lost_repeats, "not +="),
        (overwritten, "must be added"),
        (averaged, "not averaged"),
        (lambda ids, rows, x, logits: output_share(x, logits).T, "the shape (5, 2)"),
        (lambda ids, rows, x, logits: 2 * output_share(x, logits), "Add both"),
    ],
}
