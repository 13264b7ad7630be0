"""Checks for the exercises of notebook 13."""

import torch

from helpers.data import BOS_ID, EOS_ID
from lessons.exercises import exercise, likely_mistake, same


@exercise
def shifted(answer):
    """the decoder reads from `<s>` on, and predicts one place further, to `</s>`."""
    tgt_in, labels = answer
    ids = [7, 5, 9]
    if list(tgt_in) == list(labels):
        return "input and labels are equal: a decoder that reads what it must predict learns to copy it."
    if list(tgt_in) == [*ids, EOS_ID] and list(labels) == [BOS_ID, *ids]:
        return "you swapped the two: the decoder reads first and predicts after that."
    if list(tgt_in) == [BOS_ID, *ids, EOS_ID]:
        return "the decoder does not read </s>: after it there is nothing left to predict."
    if list(tgt_in) != [BOS_ID, *ids]:
        return "the decoder's input starts with <s> and holds the three ids."
    if list(labels) != [*ids, EOS_ID]:
        return "the labels are the three ids, and then </s>, so that the model learns to stop."


@exercise
def pieces_to_words(answer):
    """a word gets the weights of all its pieces together."""
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.0, 0.25, 0.25]])  # (T, S)
    right = torch.tensor([[0.3, 0.3, 0.4], [0.5, 0.25, 0.25]])  # (T, words)
    result = answer(weights, [0, 0, 1, 2])
    if result.shape != right.shape:
        return f"there are 2 rows and 3 words, so the shape is (2, 3), not {tuple(result.shape)}."
    if same(result[:, 0], weights[:, :2].mean(-1), 1e-6):
        return "you average over the pieces: a word with two pieces gets what both of them get, the sum."
    if any(same(result[:, 0], piece, 1e-6) for piece in (weights[:, 0], weights[:, 1])):
        return "only one piece of the first word counts: add up all pieces of a word."
    if not same(result, right, 1e-6):
        return "add the column of each piece to the column of its word."


@exercise
def alignment_hits(answer):
    """a row is a hit when its largest weight falls on one of the right words."""
    weights = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.1, 0.2, 0.7]])  # (T, S)
    partners = [{0, 1}, {2}, {0}, set()]
    result = float(answer(weights, partners))
    if not same(float(answer(torch.tensor([[0.2, 0.8]]), [{0, 1}])), 1, 1e-6):
        return "a row may have several right columns, and any of them is a hit."
    likely = {
        "a word without a partner cannot be a hit or a miss: leave it out of the count.": 2 / 4,
        "this is the number of hits: divide it by the number of rows that have a partner.": 2,
        "this is the weight on the right words: only ask where the largest weight falls.": (1.0 + 0.3 + 0.6)
        / 3,
    }
    if not same(result, 2 / 3, 1e-6):
        return likely_mistake(result, likely, 1e-6) or (
            f"two of three rows with a partner are hits, so the share is 0.67, not {result:.2f}."
        )
