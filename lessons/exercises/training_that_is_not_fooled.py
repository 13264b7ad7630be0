"""Checks for the exercises of notebook 11."""

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


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
def input_and_labels(answer):
    """the same row without its last place, and without its first."""
    rows = torch.tensor([[1, 7, 8, 9, 2], [1, 6, 2, 0, 0], [1, 5, 5, 2, 0]])
    pair = answer(rows.clone())
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return "return two tensors: what the decoder reads, and the labels."
    reads, labels = pair
    if message := unusable(reads) or unusable(labels):
        return message
    without_end = rows[:, :-1].masked_fill(rows[:, :-1] == 2, 0)  # its label is padding, so both are right
    if torch.equal(labels, rows[:, 1:]) and any(torch.equal(reads, r) for r in (rows[:, :-1], without_end)):
        return None
    if torch.equal(reads, rows[:, 1:]) and torch.equal(labels, rows[:, :-1]):
        return "the two are the wrong way round: the decoder reads <s> first."
    if torch.equal(reads, labels):
        return "input and labels are the same: then the decoder only has to repeat what it reads."
    if reads.shape == rows.shape or labels.shape == rows.shape:
        shapes = f"{tuple(reads.shape)} and {tuple(labels.shape)}"
        return f"both have one place fewer than the rows; yours are {shapes}."
    if torch.equal(reads, rows[:-1]) or torch.equal(labels, rows[1:]):
        return "you left out a sentence: cut along the second axis, the places."
    if torch.equal(labels, rows[:, 1:]):
        return "the labels are right. The decoder reads from <s> on, without the last place."
    if torch.equal(reads, rows[:, :-1]):
        return "the decoder's input is right. The labels are the places after <s>, up to the last one."
    return "the decoder reads all but the last place, and the labels are all but the first."


@exercise
def accuracy_on_labels(answer):
    """padding counts neither as right nor as a label."""
    torch.manual_seed(0)
    labels = torch.tensor([[3, 2, 4, 1], [5, 2, 0, 0], [2, 0, 0, 0]])
    guesses = torch.tensor([[3, 2, 5, 1], [4, 2, 0, 0], [2, 0, 3, 3]])
    logits = torch.nn.functional.one_hot(guesses, 6).float() + 0.1 * torch.rand(3, 4, 6)  # (B, T, n_vocab)
    result = torch.as_tensor(answer(logits.clone(), labels.clone(), 0))
    if result.numel() != 1:
        return f"return one number for the whole batch; yours has the shape {tuple(result.shape)}."
    result, right, real = float(result), guesses == labels, labels != 0
    likely = {
        "you count the padding: leave out the places whose label is padding.": right.float().mean(),
        "right answers on padding still count: leave them out above the line too.": right.sum() / real.sum(),
        "you divide by all places: divide by the number of real labels.": (right & real).float().mean(),
        "you leave out the places where the model *says* padding: go by the labels.": (
            right[guesses != 0].float().mean()
        ),
        "this is the mean over sentences: each real label counts the same.": (
            ((right & real).sum(1) / real.sum(1)).mean()
        ),
        "this is the number of right labels: divide by the number of real ones.": (right & real).sum(),
    }
    wanted = right[real].float().mean()
    if not same(result, wanted, 1e-5):
        return likely_mistake(result, likely, 1e-5) or (
            f"of the 7 real labels 5 are right, {wanted:.3f}; yours is {result:.3f}."
        )
    other = answer(logits.clone(), torch.where(labels == 0, 1, labels), 1)
    if not same(float(other), right[labels > 1].float().mean(), 1e-5):
        return "right when padding has the id 0: use pad_id."
    other = answer(torch.cat([logits, torch.zeros(3, 4, 2)], dim=2), torch.where(labels == 0, 7, labels), 7)
    if not same(float(other), wanted, 1e-5):
        return "padding may have any id, the largest too: compare with !=, not with >."


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
