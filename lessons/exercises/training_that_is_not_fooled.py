"""Checks for the exercises of notebook 11."""

import torch

from lessons.exercises import exercise, unusable


def rows_of(ids):
    """Ids as a list of lists, from lists or a tensor."""
    return [torch.as_tensor(row).tolist() for row in ids]


@exercise
def shift_on_paper(answer):
    """the same words, one place apart, and padding at the end."""
    reads, labels = (rows_of(side) for side in answer)
    right_reads, right_labels = [[1, 7, 8, 9], [1, 6, 0, 0]], [[7, 8, 9, 2], [6, 2, 0, 0]]
    if (reads, labels) == (right_reads, right_labels):
        return None
    if (reads, labels) == (right_labels, right_reads):
        return "the two are the wrong way round: the decoder reads <s> first."
    if reads == labels:
        return "input and labels are the same: then the decoder only has to repeat what it reads."
    if reads == [[1, 7, 8, 9], [1, 6, 2, 0]] and labels == right_labels:
        return None  # read where the label is padding, </s> does not count
    if any(2 in row for row in reads):
        return "the longest row need not read </s>: after it there is nothing to say."
    if any(1 in row for row in labels):
        return "<s> is never a label: the decoder reads it and does not write it."
    if any(2 not in row for row in labels):
        return "each row of the labels ends in </s>, or the model never learns to stop."
    if len({len(row) for row in reads + labels}) > 1:
        return "all rows have the same length: fill up the shorter sentence with padding, 0."
    if labels[1:] == [[6, 0, 0, 2]]:
        return "</s> follows right after the last word, and the padding comes behind it."
    if reads == right_reads:
        return "the input is right. Each label is what is read one place later, and </s> comes last."
    return "each row starts with <s>; then come the words of the target, then padding."


@exercise
def label_hidden(answer):
    """each place reads the word before its label, so that no residual connection can carry the label up."""
    rows = torch.tensor([[1, 7, 8, 9, 2], [1, 6, 2, 0, 0], [1, 5, 5, 2, 0]])
    three = answer(rows.clone())
    if not isinstance(three, tuple | list) or len(three) != 3:
        return "return three tensors: what the decoder reads, the labels, and the mask."
    reads, labels, mask = three
    if message := unusable(reads) or unusable(labels) or unusable(mask):
        return message
    if torch.equal(reads, rows[:, 1:]) and torch.equal(labels, rows[:, :-1]):
        return "the two are the wrong way round: the decoder reads <s> first."
    if torch.equal(reads, labels):
        return "input and labels are the same, and the residual connection carries them up past any mask."
    if reads.shape == rows.shape or labels.shape == rows.shape:
        shapes = f"{tuple(reads.shape)} and {tuple(labels.shape)}"
        return f"both have one place fewer than the rows; yours are {shapes}."
    if not torch.equal(labels, rows[:, 1:]):
        return "the labels were right: all places but the first."
    without_end = rows[:, :-1].masked_fill(rows[:, :-1] == 2, 0)  # its label is padding, so both are right
    if not any(torch.equal(reads, right) for right in (rows[:, :-1], without_end)):
        return "the labels are right. The decoder reads from <s> on, without the last place."
    full = torch.ones(4, 4, dtype=torch.bool)
    if mask.shape != full.shape or mask.dtype != torch.bool:
        return f"the mask is boolean (T, T), here (4, 4); yours is {mask.dtype} of shape {tuple(mask.shape)}."
    if torch.equal(mask, full.tril(-1)):
        return "the input is shifted now, so a place may look at itself again: it holds the last word read."
    if mask.triu(1).any():
        return "the mask lets a place look at a later one, and there stands its label."
    if not torch.equal(mask, full.tril()):
        return "each place may look at itself and at all places before it."


@exercise
def my_greedy(answer):
    """it reads its own words, and stops at </s> or at max_len."""
    seen = []

    def scores_for(wanted):
        def next_scores(ids):
            ids = [int(i) for i in ids]
            seen.append(ids)
            follows = wanted[len(ids) - 1] if ids == [1, *wanted[: len(ids) - 1]] else 3
            return [-3.0 + (i == follows) - 0.1 * i for i in range(8)]

        return next_scores

    def run(wanted, max_len):
        seen.clear()
        return [int(i) for i in answer(scores_for([*wanted, 2, 3, 3, 3, 3, 3, 3]), max_len)]

    result = run([5, 7, 5], 6)
    if seen and seen[0] != [1]:
        return f"begin with <s> alone, the list [1]; your first call gets {seen[0]}."
    if result == [1, 5, 7, 5] or result == [1, 5, 7, 5, 2]:
        return "leave <s> out of the result."
    if result == [5, 7, 5, 2]:
        return "leave </s> out of the result."
    if result[:3] == [5, 7, 5] and len(result) > 3:
        return "it goes on after </s>: stop there."
    if result != [5, 7, 5]:
        return f"the ids with the best scores are 5, 7, 5 and then </s>; yours writes {result}."
    if run([], 6) != []:
        return "when </s> comes at once, the result is the empty list."
    longest = run([5, 7, 5, 7, 5, 7], 4)
    if longest != [5, 7, 5, 7]:
        return f"with max_len=4 at most four ids are written; yours writes {len(longest)}."


@exercise
def which_fault(answer):
    """a leak scores 1 and writes nothing, and only a leak in the model is found by a check of the model."""
    right = {"A": "no label shift", "B": "no cross-attention", "C": "no causal mask"}
    if isinstance(answer, set | frozenset):
        return "a set has no order: use a dict, or a list in the order A, B, C."
    if isinstance(answer, str):
        answer = answer.split(",")
    if not isinstance(answer, dict):
        answer = list(answer)
        if len(answer) != 3:
            return "three names, one for each model."
        answer = dict(zip("ABC", answer, strict=True))
    answer = {str(k).strip().upper(): str(v).strip().lower() for k, v in answer.items()}
    if set(answer) != set(right):
        return 'a dict with the keys "A", "B" and "C".'
    if unknown := sorted(set(answer.values()) - set(right.values())):
        return f"{unknown[0]!r} is none of the three faults."
    if answer["B"] != right["B"]:
        return "B: which part brings the source into the decoder?"
    if answer["A"] == right["C"]:
        return "A: without its causal mask a model fails the first check. Which fault is not in the model?"
    if answer != right:
        return "each fault occurs once."
