"""Plausible wrong answers to the exercises of notebook 11, and what the reader is told."""

import torch

READS, LABELS = [[1, 7, 8, 9], [1, 6, 0, 0]], [[7, 8, 9, 2], [6, 2, 0, 0]]


def batch_of(reads, labels=slice(1, None), mask=torch.tril):
    """What a fix of the third exercise returns, when input, labels and mask are these."""
    return lambda rows: (rows[:, reads], rows[:, labels], mask(torch.ones(4, 4, dtype=torch.bool)))


FRONT, BACK = slice(None, -1), slice(1, None)


def greedy(start=(1,), stop=True, keep_start=False, keep_end=False, extra=0, pick=max):
    """Greedy decoding with one part of it changed."""

    def write(next_scores, max_len):
        ids = list(start)
        while len(ids) - len(start) < max_len + extra:
            scores = next_scores(ids)
            best = scores.index(pick(scores))
            if best == 2 and stop:
                return ids[0 if keep_start else len(start) :] + ([2] if keep_end else [])
            ids.append(best)
        return ids[0 if keep_start else len(start) :]

    return write


def always_one_word(next_scores, max_len):
    scores = next_scores([1])
    best = scores.index(max(scores))
    return [best, best, best]


def one_at_least(next_scores, max_len):
    ids = [1]
    while len(ids) == 1 or (ids[-1] != 2 and len(ids) <= max_len):
        scores = next_scores(ids)
        ids.append(scores.index(max(scores)))
    return ids[1:-1] if ids[-1] == 2 and len(ids) > 2 else ids[1:]


WRONG = {
    "shift_on_paper": [
        ([LABELS, READS], "wrong way round"),
        ([LABELS, LABELS], "the same"),
        ([[[1, 7, 8, 9, 2], [1, 6, 2, 0, 0]], [[7, 8, 9, 2, 0], [6, 2, 0, 0, 0]]], "need not read"),
        ([READS, [[1, 7, 8, 9], [1, 6, 0, 2]]], "never a label"),
        ([READS, [[7, 8, 9, 0], [6, 0, 0, 0]]], "ends in </s>"),
        ([[[1, 7, 8, 9], [1, 6]], [[7, 8, 9, 2], [6, 2]]], "same length"),
        ([READS, [[7, 8, 9, 2], [6, 0, 0, 2]]], "right after the last word"),
        ([READS, [[8, 9, 2, 0], [2, 0, 0, 0]]], "one place later"),
        ([[[7, 8, 9, 0], [6, 0, 0, 0]], LABELS], "starts with <s>"),
    ],
    "label_hidden": [
        (batch_of(BACK, BACK, lambda full: full.tril(-1)), "residual"),
        (batch_of(FRONT, FRONT), "residual"),
        (batch_of(BACK, FRONT), "wrong way round"),
        (batch_of(slice(None)), "one place fewer"),
        (batch_of(FRONT, slice(2, None)), "labels were right"),
        (batch_of(slice(1, -1)), "labels are right"),
        (batch_of(FRONT, BACK, lambda full: full.tril(-1)), "look at itself again"),
        (batch_of(FRONT, BACK, lambda full: full), "a later one"),
        (batch_of(FRONT, BACK, lambda full: full.tril(1)), "a later one"),
        (batch_of(FRONT, BACK, lambda full: full.triu()), "a later one"),
        (batch_of(FRONT, BACK, lambda full: full.tril() & full.triu()), "all places before it"),
        (batch_of(FRONT, BACK, lambda full: full.tril().float()), "boolean"),
        (lambda rows: (rows[:, :-1], rows[:, 1:]), "three tensors"),
    ],
    "my_greedy": [
        (greedy(start=()), "begin with <s>"),
        (greedy(start=(2,)), "begin with <s>"),
        (greedy(keep_start=True), "leave <s> out"),
        (greedy(keep_end=True), "leave </s> out"),
        (greedy(stop=False), "after </s>"),
        (greedy(pick=min), "best scores"),
        (always_one_word, "best scores"),
        (greedy(extra=1), "at most four"),
        (greedy(extra=-1), "at most four"),
        (one_at_least, "empty list"),
    ],
    "which_fault": [
        ({"A": "no causal mask", "B": "no cross-attention", "C": "no label shift"}, "not in the model"),
        ({"A": "no cross-attention", "B": "no label shift", "C": "no causal mask"}, "brings the source"),
        ({"A": "no label shift", "B": "no cross-attention", "C": "no label shift"}, "occurs once"),
        ({"A": "no positions", "B": "no cross-attention", "C": "no causal mask"}, "none of the three"),
        ({"A": "no label shift", "B": "no cross-attention"}, "keys"),
        ({"no label shift", "no cross-attention", "no causal mask"}, "no order"),
        (["no label shift", "no cross-attention"], "three names"),
        ("no label shift", "three names"),
        (["no causal mask", "no cross-attention", "no label shift"], "not in the model"),
    ],
}
