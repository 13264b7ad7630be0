"""Checks for the exercises of notebook 15."""

import numpy as np

from lessons.exercises import exercise, likely_mistake, same


def not_an_array(result, shape):
    """What to say when a function did not return one array of this shape, else None."""
    if isinstance(result, tuple):
        return "return one array, not a pair."
    if np.shape(result) != shape:
        return f"the gradient must have the shape {shape}, and yours has {np.shape(result)}."


@exercise
def gradient_on_paper(answer):
    """from the loss back: 2 * (y - 1), then times x, times 1, times w."""
    found = [float(number) for number in answer]
    if len(found) != 3:
        return f"three numbers, for w, b and x; yours are {len(found)}."
    likely = {
        "the derivative of (y - 1) ** 2 is 2 * (y - 1): the factor 2 is missing.": (8, 4, 12),
        "w and x are swapped: the gradient of w is made with x.": (24, 8, 16),
        "the square is of y - 1, not of y.": (20, 10, 30),
        "these are the slopes of y: go on to the loss.": (2, 1, 3),
        "b is added, so moving b up moves y up.": (16, -8, 24),
        "5 is above 0, so ReLU passes the gradient.": (0, 0, 0),
        "the sign: y is above 1, so the loss grows with y.": (-16, -8, -24),
    }
    if message := likely_mistake(found, likely):
        return message
    if sorted(found) == [8, 16, 24] and found != [16, 8, 24]:
        return "the numbers are right and their order is not: w, b, x."
    if not same(found, [16, 8, 24], 1e-4):
        return "y is 5 and the loss 16. How far does the loss move with y? Then go on to w, b and x."


@exercise
def tanh_backward(answer):
    """1 - tanh(x) ** 2, times the gradient that comes in."""
    x, grad = np.array([[0.0, 0.5, -2.0]]), np.array([[1.0, -3.0, 0.25]])
    result = answer(x.copy(), grad.copy())
    if message := not_an_array(result, x.shape):
        return message
    slope = 1 - np.tanh(x) ** 2
    likely = {
        "multiply by grad: it is the gradient of the output.": slope,
        "the derivative is 1 - tanh(x) ** 2: square the tanh.": grad * (1 - np.tanh(x)),
        "take the tanh of x before you square it.": grad * (1 - x**2),
        "this is the forward pass times grad, not its derivative.": grad * np.tanh(x),
        "the chain rule multiplies the two: it does not add them.": grad + slope,
        "the derivative is taken at x, not at grad.": grad * (1 - np.tanh(grad) ** 2),
    }
    if not same(result, grad * slope, 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            "move x a little and watch tanh(x): that slope, times grad."
        )


@exercise
def dropout_backward(answer):
    """the same places are dropped, and the same factor is applied, as on the way there."""
    grad, kept = np.array([[2.0, -4.0, 6.0, 1.0]]), np.array([[True, False, True, False]])
    for rate in (0.5, 0.2):
        result = answer(grad.copy(), kept.copy(), rate)
        if message := not_an_array(result, grad.shape):
            return message
        likely = {
            "what stays was divided by 1 - rate on the way there: do so on the way back.": grad * kept,
            "dropped numbers did not reach the output, so their gradient is 0.": grad / (1 - rate),
            "divide by 1 - rate, the share that stays, and not by rate.": grad * kept / rate,
            "divide by 1 - rate; you multiply.": grad * kept * (1 - rate),
            "the wrong places are dropped: True in kept means that the number stays.": (
                grad * ~kept / (1 - rate)
            ),
        }
        if not same(result, grad * kept / (1 - rate), 1e-5):
            return likely_mistake(result, likely, 1e-5) or (
                "the forward pass is x * kept / (1 - rate): a factor for each number."
            )


@exercise
def tied_gradient(answer):
    """the table is used twice, so both gradients are added, and repeated words too."""
    rng = np.random.default_rng(0)
    ids, n_vocab, d_model = np.array([[3, 1, 3], [3, 0, 1]]), 5, 2
    grad_rows, x = rng.normal(size=(2, 3, d_model)), rng.normal(size=(2, 3, d_model))
    grad_logits = rng.normal(size=(2, 3, n_vocab))
    result = answer(ids.copy(), grad_rows.copy(), x.copy(), grad_logits.copy())
    if message := not_an_array(result, (n_vocab, d_model)):
        return message
    lookup, lost = np.zeros((n_vocab, d_model)), np.zeros((n_vocab, d_model))
    np.add.at(lookup, ids, grad_rows)
    lost[ids] += grad_rows
    output = grad_logits.reshape(-1, n_vocab).T @ x.reshape(-1, d_model)
    overwritten = output.copy()
    overwritten[ids] = grad_rows
    lost_on_top = output.copy()
    lost_on_top[ids] += grad_rows
    likely = {
        "this is the embedding's share: the table is used in the output layer as well.": lookup,
        "this is the output layer's share: the table is used as an embedding as well.": output,
        "repeated words lose gradients: use np.add.at.": lost,
        "repeated words lose gradients: use np.add.at, not +=.": lost_on_top,
        "the embedding's share replaces the other: it must be added.": overwritten,
        "both uses are added, not averaged.": (lookup + output) / 2,
    }
    if not same(result, lookup + output, 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            "rows of grad_rows go to the rows ids; grad_logits and x give a matrix like the table. Add both."
        )
