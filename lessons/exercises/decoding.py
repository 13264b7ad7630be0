"""Checks for the exercises of notebook 14."""

import torch

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def greedy_and_beam(answer):
    """greedy writes a and gets .5 x .4; the beam also keeps b, and finds .4 x .9."""
    right = [0.2, 0.36]
    likely = {
        "the wrong way round: greedy takes the best first word and stays with it.": [0.36, 0.2],
        "greedy has chosen a for good: after it no word has more than .4.": [0.36, 0.36],
        "the beam keeps both first words: multiply out what comes after b too.": [0.2, 0.2],
        "these are the first words only: multiply by the word that follows.": [0.5, 0.4],
        "probabilities of words that follow each other are multiplied, not added.": [0.9, 1.3],
        "these are the second words only: multiply by the first.": [0.4, 0.9],
    }
    if not same(answer, right, 1e-6):
        return likely_mistake(answer, likely, 1e-6) or (
            "list all five sentences with their probabilities: which does greedy reach, which is likeliest?"
        )


@exercise
def choose(answer):
    """each log probability is divided by ((5 + length) / 6) ** power, and the largest wins."""
    scores = torch.tensor([[-2.9, -4.7, -4.1, -3.2], [-9.0, -3.3, -5.6, -6.1], [-4.0, -8.0, -5.5, -5.4]])
    lengths = torch.tensor([[4, 16, 12, 5], [19, 4, 11, 1], [7, 22, 2, 13]])  # (B, K)
    if message := unusable(result := answer(scores, lengths, 0.6)):
        return message
    if result.shape != (3,):
        return f"for 3 sources of 4 sentences the shape is {tuple(result.shape)}, not (3,): a place for each."
    divided = scores / ((5 + lengths) / 6) ** 0.6  # (B, K)
    likely = {
        "these are the scores of the best: return their places.": divided.amax(dim=-1),
        "these are the likeliest, as without a penalty: divide by it.": scores.argmax(dim=-1),
        "this divides by the length alone, which is a power of 1.": (scores / lengths).argmax(dim=-1),
        "you multiply by the penalty, which makes long sentences worse still: divide.": (
            (scores * ((5 + lengths) / 6) ** 0.6).argmax(dim=-1)
        ),
        "the power belongs to the whole of (5 + length) / 6, so set it in brackets.": (
            (scores / ((5 + lengths) / 6**0.6)).argmax(dim=-1)
        ),
        "you divide by a power of the length itself: the paper takes (5 + length) / 6.": (
            (scores / lengths**0.6).argmax(dim=-1)
        ),
        "these are the worst: log probabilities are negative, and the largest is nearest to 0.": (
            divided.argmin(dim=-1)
        ),
    }
    if not same(result, divided.argmax(dim=-1), 1e-6):
        return likely_mistake(result, likely, 1e-4) or (
            "with a power of 0.6, -4.1 of 12 subwords becomes -2.2, and -2.9 of 4 becomes -2.3."
        )
    if not same(answer(scores, lengths, 0.0), scores.argmax(dim=-1)):
        return "with a power of 0 nothing is divided: use the power that you are given."


@exercise
def mask_of_new(answer):
    """every new word sees all that is kept, the new ones before it, and itself."""
    for new, kept in ((3, 2), (1, 4), (4, 0), (2, 5)):
        mask, case = answer(new, kept), f"with new={new} and kept={kept}"
        if message := unusable(mask):
            return message
        if mask.shape == (kept + new, kept + new) != (new, kept + new):
            return "this has a row for the kept words too: only the new ones ask, so there are new rows."
        if mask.shape != (new, kept + new):
            return f"{case} the shape is {tuple(mask.shape)}, not ({new}, {kept + new})."
        if mask.dtype != torch.bool:
            return f"the mask is {mask.dtype}: make it boolean, True = may attend."
        table = torch.ones(new, kept + new, dtype=torch.bool)
        right, lower = table.tril(diagonal=kept), table.tril(diagonal=kept - 1)
        likely = {
            "this triangle starts at the upper left, as if nothing were kept: move it by the number of "
            "kept words.": table.tril(),
            "everything is allowed: a new word would see the new words after it.": table,
            "the new words do not see themselves: the diagonal is one too low.": lower,
            "each new word sees one word too many.": table.tril(diagonal=kept + 1),
            "True means may attend, and your mask says the opposite: use ~mask.": ~right,
            "the kept words are hidden: every new word sees all of them.": right.triu(kept),
        }
        if not same(mask, right):
            return likely_mistake(mask, likely) or f"{case}, row i may see the first {kept} + i + 1 words."


@exercise
def nucleus_fixed(answer):
    """the likeliest word always stays, and so does the one that crosses top_p."""
    shares = torch.tensor([[0.5, 0.3, 0.1, 0.1], [0.96, 0.02, 0.01, 0.01]])  # (B, V)
    kept = shares.clone()
    result = answer(shares, 0.7)
    if message := unusable(result):
        return message
    if not torch.equal(shares, kept):
        return "it changes shares itself: masked_fill without an underscore makes a copy."
    right = torch.tensor([[0.5, 0.3, 0.0, 0.0], [0.96, 0.0, 0.0, 0.0]])
    likely = {
        "a row has become empty: a word goes only when those before it hold top_p already.": (
            shares.masked_fill(shares.cumsum(dim=-1) > 0.7, 0.0)
        ),
        "nothing is cut off: words go once those before them hold top_p.": shares,
        "the likeliest stays, but the word that crosses top_p is lost: .5 alone is less than .7.": (
            torch.tensor([[0.5, 0.0, 0.0, 0.0], [0.96, 0.0, 0.0, 0.0]])
        ),
        "this keeps one word more than needed: those before it hold top_p already.": (
            torch.tensor([[0.5, 0.3, 0.1, 0.0], [0.96, 0.02, 0.0, 0.0]])
        ),
    }
    scaled = right / right.sum(dim=-1, keepdim=True)
    if not same(result, right, 1e-6) and not same(result, scaled, 1e-6):
        return likely_mistake(result, likely, 1e-6) or (
            "of .5, .3, .1, .1 the first two are needed to reach .7, of .96, .02, .01, .01 the first."
        )
    whole = answer(shares, 1.0)
    if not same(whole > 0, shares > 0):
        return "with top_p=1 every word may be drawn."
    even = answer(torch.tensor([[0.5, 0.25, 0.25]]), 0.5)
    if not same(even > 0, [[True, False, False]]):
        return "with top_p=0.5 the first of .5, .25, .25 is enough: it reaches top_p by itself."


@exercise
def consensus(answer):
    """the sentence that the others agree with most, wherever it stands in the list."""
    given = ["a cat runs", "a dog runs fast", "a dog runs", "nothing here", "the end of all dog days is near"]
    kept = list(given)
    result = answer(given)
    if given != kept:
        return "it changes the list that it was given."
    if not isinstance(result, str):
        return f"return one of the sentences, a str, not a {type(result).__name__}."
    likely = {
        "this is the longest sentence: compare the words, not the lengths.": given[4],
        "this is the first sentence: compare each with all of them.": given[0],
        "it has a word that nobody shares: divide by all words that occur in either.": given[1],
        "this is the sentence that agrees with the others least.": given[3],
    }
    if result != given[2]:
        return next((message for message, wrong in likely.items() if result == wrong), None) or (
            "of the five, 'a dog runs' shares most with the others."
        )
    if answer(["one two", "three", "three"]) != "three":
        return "a sentence that was drawn twice agrees with its twin: it counts as another one."
    if answer(["a b c d e f g h", "a b", "a c", "a b"]) != "a b":
        return "a long sentence shares a word with everyone: divide by all words that occur in either."
