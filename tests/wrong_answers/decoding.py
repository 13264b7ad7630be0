"""Plausible wrong answers to the exercises of notebook 14, and what the reader is told."""

import torch


def divided(scores, lengths, power):
    return scores / ((5 + lengths) / 6) ** power


def upper_left(new, kept):
    return torch.ones(new, kept + new, dtype=torch.bool).tril()


def square(new, kept):
    return torch.ones(kept + new, kept + new, dtype=torch.bool).tril()


def everything(new, kept):
    return torch.ones(new, kept + new, dtype=torch.bool)


def not_itself(new, kept):
    return torch.ones(new, kept + new, dtype=torch.bool).tril(diagonal=kept - 1)


def of_floats(new, kept):
    return torch.ones(new, kept + new).tril(diagonal=kept)


def as_handed_over(shares, top_p):
    return shares.masked_fill(shares.cumsum(dim=-1) > top_p, 0.0)


def first_only_saved(shares, top_p):
    kept = shares.cumsum(dim=-1) <= top_p
    kept[:, 0] = True
    return shares * kept


def one_more(shares, top_p):
    before = shares.cumsum(dim=-1) - shares
    kept = before < top_p
    kept[:, 1:] |= kept[:, :-1].clone()
    return shares * kept


def in_place(shares, top_p):
    return shares.masked_fill_(shares.cumsum(dim=-1) - shares >= top_p, 0.0)


def strictly_more(shares, top_p):
    return shares.masked_fill(shares.cumsum(dim=-1) - shares > top_p, 0.0)


def never_cuts(shares, top_p):
    return shares


def overlaps(sentences, measure, best=max, skip_equal=False):
    sets = [set(sentence.split()) for sentence in sentences]
    scores = [sum(measure(one, other) for other in sets if not (skip_equal and one == other)) for one in sets]
    return sentences[scores.index(best(scores))]


def jaccard(one, other):
    return len(one & other) / max(1, len(one | other))


def not_divided(sentences):
    return max(sentences, key=lambda s: sum(len({*s.split()} & {*other.split()}) for other in sentences))


WRONG = {
    "greedy_and_beam": [
        ([0.36, 0.2], "the wrong way round"),
        ([0.36, 0.36], "has chosen a for good"),
        ([0.2, 0.2], "keeps both first words"),
        ([0.9, 1.3], "multiplied, not added"),
        ([0.5, 0.4], "the first words only"),
        ([0.4, 0.9], "the second words only"),
    ],
    "choose": [
        (lambda scores, lengths, power: scores.argmax(dim=-1), "as without a penalty"),
        (lambda scores, lengths, power: (scores / lengths).argmax(dim=-1), "a power of 1"),
        (lambda s, n, power: (s * ((5 + n) / 6) ** power).argmax(dim=-1), "you multiply"),
        (lambda s, n, power: (s / ((5 + n) / 6**power)).argmax(dim=-1), "the whole of"),
        (lambda s, n, power: (s / n**power).argmax(dim=-1), "the length itself"),
        (lambda *given: divided(*given).argmin(dim=-1), "the worst"),
        (lambda *given: divided(*given).amax(dim=-1), "return their places"),
        (lambda *given: divided(*given).argmax(), "a place for each"),
        (lambda scores, lengths, power: divided(scores, lengths, 0.6).argmax(dim=-1), "a power of 0"),
        (lambda scores, lengths, power: torch.zeros(len(scores)), "becomes"),
    ],
    "mask_of_new": [
        (upper_left, "starts at the upper left"),
        (square, "only the new ones ask"),
        (everything, "the new words after it"),
        (not_itself, "do not see themselves"),
        (of_floats, "make it boolean"),
    ],
    "nucleus_fixed": [
        (as_handed_over, "a row has become empty"),
        (first_only_saved, "the word that crosses top_p is lost"),
        (one_more, "one word more than needed"),
        (in_place, "it changes shares itself"),
        (never_cuts, "nothing is cut off"),
        (strictly_more, "reaches top_p by itself"),
    ],
    "consensus": [
        (not_divided, "divide"),
        (lambda sentences: max(sentences, key=len), "the longest sentence"),
        (lambda sentences: sentences[0], "the first sentence"),
        (lambda sentences: overlaps(sentences, jaccard, best=min), "least"),
        (lambda sentences: "one of my own", "shares most with the others"),
        (lambda sentences: overlaps(sentences, jaccard, skip_equal=True), "agrees with its twin"),
        (lambda sentences: 2, "one of the sentences"),
    ],
}
