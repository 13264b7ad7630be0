"""Checks for the exercises of notebook 05."""

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def feed_forward_parameters(answer):
    """two weights of 256 x 1024, and a bias of 1024 and one of 256."""
    answer = torch.as_tensor(answer).flatten().tolist()
    if len(answer) != 1:
        return f"write one number; yours are {len(answer)}."
    (answer,) = answer
    weights = 2 * 256 * 1024
    likely = {
        "right for the weights, but both layers also have a bias.": weights,
        "this is the first layer only: the second one leads back to 256 numbers.": weights // 2 + 1024,
        "the layers are 256 x 1024 and 1024 x 256.": 2 * (256 * 256 + 256),
    }
    if answer in (weights + 2 * 1024, weights + 2 * 256):
        return "a bias is as long as what its layer returns: 1024 numbers, then 256."
    if answer != weights + 1024 + 256:
        return likely_mistake(answer, likely) or (
            "count two layers: a weight of 256 x 1024 and a bias each, one widening, one narrowing."
        )


@exercise
def feed_forward_on_paper(answer):
    """of the four units only the first and the last are on."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.shape != (2,):
        return f"the output has two numbers; yours has the shape {tuple(answer.shape)}."
    hidden = torch.tensor([2.0, 1.0]) @ torch.tensor([[1.0, -1, 0, 1], [0, 1, -2, 1]])
    narrow = torch.tensor([[1.0, 0], [2, 1], [0, 1], [1, -1]])
    right = hidden.relu() @ narrow
    likely = {
        "you left out the ReLU: negative numbers become 0 before the second layer.": hidden @ narrow,
        "the ReLU sets negative numbers to 0; it does not drop their sign.": hidden.abs() @ narrow,
        "the ReLU stands between the layers only: the result may be negative.": right.relu(),
    }
    if not same(answer, right):
        return likely_mistake(answer, likely) or (
            "first the four units, [2, 1] times the first matrix; then the ReLU; then the second matrix."
        )


@exercise
def word_by_word(answer):
    """for one sentence, and for a batch."""
    torch.manual_seed(0)
    W_1, b_1, W_2, b_2 = torch.randn(4, 6), torch.randn(6), torch.randn(6, 4), torch.randn(4)
    for shape in [(3, 4), (2, 3, 4)]:
        x = torch.randn(shape)
        result = answer(*(t.clone() for t in (x, W_1, b_1, W_2, b_2)))
        if message := unusable(result):
            return message
        hidden = x @ W_1 + b_1
        likely = {
            "there is no function between the two layers.": hidden @ W_2 + b_2,
            "the ReLU stands between the layers only: the result may be negative.": (
                (hidden.relu() @ W_2 + b_2).relu()
            ),
            "the ReLU stands between the two layers, not behind the second.": (hidden @ W_2 + b_2).relu(),
            "the first bias is missing.": (x @ W_1).relu() @ W_2 + b_2,
            "the first bias belongs inside the ReLU.": ((x @ W_1).relu() + b_1) @ W_2 + b_2,
            "the second bias is missing.": hidden.relu() @ W_2,
        }
        right = hidden.relu() @ W_2 + b_2
        if result.shape != right.shape:
            return f"words of shape {shape} give outputs of the same shape; yours is {tuple(result.shape)}."
        if not same(result, right, 1e-4):
            return likely_mistake(result, likely, 1e-4) or (
                "first x W_1 + b_1, then the ReLU, then W_2 and b_2 (equation 2)."
            )


@exercise
def tent_by_hand(answer):
    """only at 2 the result is 1: the units say whether the number is 2."""
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.shape != (3,):
        return f"write three numbers, one for each unit; yours has the shape {tuple(answer.shape)}."
    numbers = torch.arange(6.0)
    result = (numbers[:, None] - torch.tensor([1.0, 2.0, 3.0])).relu() @ answer
    if answer[0] != 1:
        return f"at 2 only the first unit is on, and it is 1 there: the result is {result[2]:g}, not 1."
    if result[3] != 0:
        return f"at 3 the first unit is 2 and the second is 1: the result is {result[3]:g}, not 0."
    if result[4] != 0:
        return f"at 4 the units are 3, 2 and 1: the result is {result[4]:g}, not 0."


@exercise
def share_that_is_on(answer):
    """a unit is on where it is above 0."""
    hidden = torch.tensor([[3.0, 0.0, -1.0, 0.5], [-2.0, 0.0, 0.0, 4.0]])
    result = torch.as_tensor(answer(hidden), dtype=torch.float)
    if result.shape != ():
        return f"return one number for all words and units; yours has the shape {tuple(result.shape)}."
    likely = {
        "a unit that is exactly 0 is off: ask for greater than 0.": 6 / 8,
        "negative units are off as well: ask for greater than 0, not for different from 0.": 5 / 8,
        "this is how many are on: divide by how many there are.": 3,
        "this is the mean of the units: count those above 0.": hidden.relu().mean(),
    }
    if not same(result, 3 / 8, 1e-5):
        return likely_mistake(result, likely, 1e-5) or "three of the eight numbers are above 0."
