"""Checks for the exercises of notebook 04."""

import torch
from torch import nn

from helpers.model import attention_weights
from lessons import scoreboard
from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def heads_and_parameters(answer):
    """16 numbers for each head, and four layers of 256 x 256 with biases."""
    width, n_parameters = answer
    if width == 256:
        return "each head gets only its part of the 256 numbers: divide by the number of heads."
    if width != 16:
        return f"a head of {width} numbers: 16 heads share 256 numbers."
    if n_parameters == 4 * 256 * 256:
        return "the head is right, but nn.Linear also has a bias: 256 numbers for each layer."
    if n_parameters == 3 * (256 * 256 + 256):
        return "these are query, key and value: the projection is a fourth layer."
    if n_parameters in (16 * 4 * (256 * 256 + 256), 16 * 3 * (256 * 256 + 256)):
        return "the heads share the width: one layer of 256 x 256 holds the matrices of all 16 heads."
    if n_parameters != 4 * (256 * 256 + 256):
        return "count four layers, each with a weight of 256 x 256 and a bias of 256."


@exercise
def join_heads(answer):
    """each word has the numbers of all its heads side by side, projected to its width."""
    torch.manual_seed(0)
    heads, W_O = torch.randn(3, 2, 4, 2), torch.randn(6, 5)  # (H, B, S, dk), (H * dk, D)
    result = answer(heads.clone(), W_O.clone())
    if message := unusable(result):
        return message
    joined = heads.permute(1, 2, 0, 3).flatten(2)  # (B, S, H * dk)
    if result.shape == joined.shape:
        return "this is as wide as all heads side by side: the projection is missing."
    if result.shape != (2, 4, 5):
        shape = tuple(result.shape)
        return f"3 heads, 2 sentences, 4 words, and W_O of 6 x 5 give the shape (2, 4, 5); yours is {shape}."
    likely = {
        "the shape is right, the words are scrambled: move the axis of heads behind that of words first.": (
            heads.reshape(2, 4, 6)
        ),
        "sentences and heads are told apart, words and heads are not: (B, H, S, dk) needs one more swap.": (
            heads.transpose(0, 1).reshape(2, 4, 6)
        ),
        "the numbers of one head should stay side by side: put the axis of heads before that of dk.": (
            heads.permute(1, 2, 3, 0).reshape(2, 4, 6)
        ),
    }
    if not same(result, joined @ W_O, 1e-4):
        likely = {message: wrong @ W_O for message, wrong in likely.items()}
        return likely_mistake(result, likely, 1e-4) or (
            "bring the axes into the order sentence, word, head, dk, make one axis of the last two, "
            "then multiply by W_O."
        )


def heads_of(words, n_heads):
    """The mended layer of exercise 3: `(..., S, D)` to same."""
    x = words.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (..., H, S, dk)
    return (attention_weights(x, x) @ x).transpose(-3, -2).flatten(-2)  # (..., S, D)


@exercise
def heads_fixed(answer):
    """alone or in a batch, each sentence gets the same, and its words look at each other."""
    torch.manual_seed(0)
    for leading in [(), (2,), (3,), (2, 2)]:
        for n_heads in (2, 4):
            words = torch.randn(*leading, 3, 8)  # (..., S, D)
            result = answer(words.clone(), n_heads)
            if message := unusable(result):
                return message
            where = "one sentence" if not leading else f"a batch of shape {tuple(words.shape)}"
            if result.shape != words.shape:
                return f"{where}: the shape should stay as it is; yours is {tuple(result.shape)}."
            if same(result, heads_of(words, n_heads), 1e-4):
                continue
            if not leading:
                cut = words.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (S, dk, H)
                fixed_for_batches = (attention_weights(cut, cut) @ cut).transpose(1, 2).flatten(-2)  # (S, D)
                if same(result, fixed_for_batches, 1e-4):
                    return "now one sentence, without a batch, goes wrong: count the axes from the end."
                return "one sentence was right before: keep the cut, the attention and the way back."
            twin = words.clone()
            twin[..., -1, :] += 1.0  # another last word
            moved = not same(answer(twin, n_heads)[..., 0, :], result[..., 0, :], 1e-6)
            return f"{where} must equal its sentences one by one, and does not. " + (
                "Compare both swaps with those of the page."
                if moved
                else "Change the last word: the first does not notice. Which axes are swapped there?"
            )


LARGEST, ENOUGH = 5000, 0.8  # parameters, and the share of right counts that beats one head by far


@exercise
def small_and_counting(answer):
    """it counts far better than one head of the board, and with less than a third of the parameters."""
    body = answer()
    if not isinstance(body, nn.Module):
        return f"return a module, not a {type(body).__name__}."
    n_parameters = sum(parameter.numel() for parameter in body.parameters())
    if n_parameters > LARGEST:
        return f"{n_parameters:,} parameters, more than {LARGEST:,}: make the words narrower first."
    result = body(torch.randn(2, scoreboard.LENGTH, scoreboard.D_MODEL))
    if message := unusable(result):
        return message
    if result.shape != (2, scoreboard.LENGTH, scoreboard.D_MODEL):
        return f"words of shape (2, 8, 64) should come out as (2, 8, 64), not {tuple(result.shape)}."
    if not n_parameters:
        return "it has no parameters: is there a Python list where nn.ModuleList should be?"
    counted = scoreboard.measure_tasks(answer, tasks=("count",))["count"]
    if not counted > ENOUGH:
        return f"{n_parameters:,} parameters count {counted:.2f} right, not more than {ENOUGH}: more heads?"
