"""Plausible wrong answers to the exercises of notebook 13, and what the reader is told."""

import torch


def mean_of_pieces(weights, word_ids):
    columns = [[i for i, w in enumerate(word_ids) if w == word] for word in range(max(word_ids) + 1)]
    return torch.stack([weights[:, pieces].mean(-1) for pieces in columns], dim=-1)


def last_piece_only(weights, word_ids):
    result = torch.zeros(len(weights), max(word_ids) + 1)
    for piece, word in enumerate(word_ids):
        result[:, word] = weights[:, piece]
    return result


def counts_words_without_partner(weights, partners):
    best = weights.argmax(-1).tolist()
    return sum(word in right for word, right in zip(best, partners, strict=True)) / len(partners)


def adds_up_weights(weights, partners):
    rows = [(row, right) for row, right in zip(weights, partners, strict=True) if right]
    return sum(row[sorted(right)].sum().item() for row, right in rows) / len(rows)


def number_of_hits(weights, partners):
    return sum(word in right for word, right in zip(weights.argmax(-1).tolist(), partners, strict=True))


def first_partner_only(weights, partners):
    rows = [(row, right) for row, right in zip(weights, partners, strict=True) if right]
    return sum(int(row.argmax()) == min(right) for row, right in rows) / len(rows)


WRONG = {
    "shifted": [
        (([1, 7, 5, 9], [1, 7, 5, 9]), "input and labels are equal"),
        (([7, 5, 9, 2], [1, 7, 5, 9]), "you swapped the two"),
        (([1, 7, 5, 9, 2], [7, 5, 9, 2]), "does not read </s>"),
        (([1, 7, 5, 9], [7, 5, 9]), "learns to stop"),
    ],
    "pieces_to_words": [
        (mean_of_pieces, "you average over the pieces"),
        (last_piece_only, "only one piece"),
    ],
    "alignment_hits": [
        (counts_words_without_partner, "without a partner"),
        (adds_up_weights, "where the largest weight falls"),
        (number_of_hits, "number of hits"),
        (first_partner_only, "any of them is a hit"),
    ],
}
