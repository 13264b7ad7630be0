"""Checks for the exercises of notebook 04."""

import torch

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
def split_on_paper(answer):
    """head 2 gets numbers 3 and 4 of each word."""
    if isinstance(answer, list | tuple):
        answer = [torch.as_tensor(row).tolist() for row in answer]  # a row may be a tensor
    answer = torch.as_tensor(answer)
    if answer.shape != (2, 2):
        return f"two words, two numbers each: write two rows of two; yours has shape {tuple(answer.shape)}."
    answer = answer.tolist()
    if answer == [[5, 6], [7, 8]]:
        return "this is a reshape without a transpose: the head must get two numbers of each word."
    if answer == [[3, 9], [4, 10]]:
        return "the numbers are right, but each row should be a word."
    if answer in ([[1, 2], [7, 8]], [[5, 6], [11, 12]]):
        return "this is another head: the second one gets the second pair of each word."
    if answer == [[2, 5], [8, 11]]:
        return "the numbers of a head stand side by side in the word: cut it into three pairs."
    if answer != [[3, 4], [9, 10]]:
        return "cut each word into three pairs, and take the second pair of each."


@exercise
def join_heads(answer):
    """each word has the numbers of all its heads side by side."""
    heads = torch.arange(48.0).reshape(2, 3, 4, 2)  # (B, H, S, dk)
    result = answer(heads.clone())
    if message := unusable(result):
        return message
    if result.shape == (2, 3, 8):
        return "you joined the words of each head: join the heads of each word."
    if result.shape != (2, 4, 6):
        shape = tuple(result.shape)
        return f"2 sentences, 3 heads, 4 words, 2 numbers give the shape (2, 4, 6); yours is {shape}."
    likely = {
        "the shape is right, but the words are scrambled: swap the axes of heads and words first.": (
            heads.reshape(2, 4, 6)
        ),
        "the numbers of one head should stay side by side: put the axis of heads before that of dk.": (
            heads.permute(0, 2, 3, 1).reshape(2, 4, 6)
        ),
    }
    if not same(result, heads.transpose(1, 2).reshape(2, 4, 6)):
        return likely_mistake(result, likely) or (
            "swap the axes of heads and words, then make one axis of heads and dk."
        )


@exercise
def mix_by_einsum(answer):
    """it sums over the words that are looked at and over the heads, for any axes in front."""
    if not isinstance(answer, str) or "->" not in answer:
        return 'write a string with an arrow, such as "...td,...sd->...ts".'
    torch.manual_seed(0)
    for leading in [(), (2,), (2, 3)]:
        weights, values = torch.randn(*leading, 3, 4, 5), torch.randn(*leading, 3, 5, 6)
        right = (weights @ values).sum(dim=-3)  # (..., T, D)
        try:
            result = torch.einsum(answer, weights, values)
        except RuntimeError:
            if "..." not in answer:
                return "it can fit one number of axes only: put ... in front of both and of the result."
            return (
                "the axes do not fit: the last of the weights and the middle one of the values are the words "
                "that are looked at, so they need the same letter; the heads need one letter in both."
            )
        if result.shape == (weights @ values).shape:
            return "the heads are still apart: leave their letter out of the result, and they are added up."
        if same(result, right.transpose(-2, -1), 1e-4):
            return "the result is turned round: the queries t come before the numbers d."
        if result.shape != right.shape:
            return f"the result should have shape {tuple(right.shape)}; yours has {tuple(result.shape)}."
        if not same(result, right, 1e-4):
            return (
                "the shape is right, the numbers are not: heads and words that are looked at each need one "
                "letter, the same in both."
            )
