"""Plausible wrong answers to the exercises of notebook 09, and what the reader is told."""

import torch


def band(lowest, highest):
    """The fields where query minus key is from `lowest(n)` to `highest(n)`."""

    def mask(size, n):
        offset = torch.arange(size)[:, None] - torch.arange(size)
        return (offset >= lowest(n)) & (offset <= highest(n))

    return mask


right_window = band(lambda n: 0, lambda n: n - 1)


def attends(weights):
    """Attention of words to themselves with the given weights `(scores, mask)`."""

    def run(words, mask):
        return weights(words @ words.T / words.shape[1] ** 0.5, mask) @ words

    return run


def hidden(scores, mask):
    return scores.masked_fill(~mask, -torch.inf)


def another(words, place):
    edited = words.clone()
    edited[place] += torch.arange(1, words.shape[1] + 1)
    return edited


def check(places=lambda n: range(1, n), watched=lambda place: slice(place), change=another, atol=1e-6):
    """A check for leaks with one of its steps changed."""

    def causal(step, words):
        before = step(words)
        pairs = [(step(change(words, p))[watched(p)], before[watched(p)]) for p in places(len(words))]
        return all(torch.allclose(a, b, atol=atol) for a, b in pairs)

    return causal


def all_alike(words, place):
    edited = words.clone()
    edited[place] += 1.0
    return edited


def cuts_off(counts):
    """A check that compares with the sentence cut off, at some places only."""

    def causal(step, words):
        return all(torch.allclose(step(words[:n]), step(words)[:n], atol=1e-6) for n in counts(len(words)))

    return causal


def looks_at_the_last(step, words):
    """Compares only the last output of each shortened sentence, and stops one too early."""
    whole = step(words)
    return all(torch.allclose(step(words[:n])[-1], whole[n - 1]) for n in range(1, len(words) - 1))


def changes_its_input(step, words):
    before = step(words)
    for place in range(1, len(words)):
        words[place] += torch.arange(1, words.shape[1] + 1)
        if not torch.allclose(step(words)[:place], before[:place], atol=1e-6):
            return False
        before = step(words)
    return True


WRONG = {
    "fields_allowed": [
        (10, "causal mask alone"),
        (8, "padding mask alone"),
        (3, "as queries"),
        (9, "that are False"),
        (16, "without any mask"),
        ([1, 2, 2, 2], "add them up"),
        (6, "row by row"),
    ],
    "window_mask": [
        (lambda size, n: ~right_window(size, n), "the opposite"),
        (lambda size, n: right_window(size, n).float(), "boolean"),
        (band(lambda n: 0, lambda n: n), "too far back"),
        (band(lambda n: 0, lambda n: n - 2), "far enough"),
        (lambda size, n: torch.ones(size, size, dtype=torch.bool).tril(), "everything before"),
        (lambda size, n: right_window(size, n).T, "rows are queries"),
        (band(lambda n: 1 - n, lambda n: n - 1), "in the future"),
        (lambda size, n: right_window(size + 1, n), "the shape is"),
    ],
    "masked_attention_fixed": [
        (attends(lambda scores, mask: scores.softmax(dim=-1) * mask), "Hide the scores before it"),
        (attends(lambda scores, mask: (scores * mask).softmax(dim=-1)), "a score of 0 is not hidden"),
        (attends(lambda scores, mask: scores.softmax(dim=-1)), "everybody sees everybody"),
        (attends(lambda scores, mask: scores.masked_fill(mask, -1e9).softmax(dim=-1)), "turned round"),
        (attends(lambda scores, mask: hidden(scores, mask).softmax(dim=0).nan_to_num()), "over the queries"),
        (attends(lambda scores, mask: hidden(scores * 3**0.5, mask).softmax(dim=-1)), "root of d_k"),
        (attends(lambda scores, mask: mask.float()), "share the whole weight"),
        (lambda words, mask: words[0], "the shape is"),
    ],
    "my_causal_check": [
        (check(watched=lambda place: slice(None)), "must stay"),
        (check(watched=lambda place: slice(place + 1)), "must stay"),
        (check(places=lambda n: [n - 1]), "and not only the last"),
        (check(watched=lambda place: slice(1)), "every output before"),
        (check(change=all_alike), "do not add the same"),
        (cuts_off(lambda n: [n - 1]), "only the first output"),
        (cuts_off(lambda n: range(2, n)), "only the first output"),
        (cuts_off(lambda n: [1]), "says True"),
        (looks_at_the_last, "says True"),
        (check(atol=1.0), "says True"),
        (changes_its_input, "words.clone()"),
        (lambda step, words: True, "without a mask"),
        (lambda step, words: False, "must stay"),
    ],
}
