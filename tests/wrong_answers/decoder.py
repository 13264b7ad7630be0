"""Plausible wrong answers to the exercises of notebook 09, and what the reader is told."""

import torch


def band(lowest, highest):
    """The fields where query minus key is from `lowest(n)` to `highest(n)`."""

    def mask(size, n):
        offset = torch.arange(size)[:, None] - torch.arange(size)
        return (offset >= lowest(n)) & (offset <= highest(n))

    return mask


right_window = band(lambda n: 0, lambda n: n - 1)


def layer(attend=lambda x, a, mask: a(x, x, x, mask), look=None, last=lambda x, f: x + f(x)):
    """A decoder layer with one of its steps changed."""
    look = look or (lambda x, start, c, memory, mask, memory_mask: x + c(x, memory, memory, memory_mask))

    def run(self_attention, cross_attention, feed_forward, x, memory, mask, memory_mask):
        y = x + attend(x, self_attention, mask)
        y = look(y, x, cross_attention, memory, mask, memory_mask)
        return last(y, feed_forward)

    return run


def cross_first(self_attention, cross_attention, feed_forward, x, memory, mask, memory_mask):
    x = x + cross_attention(x, memory, memory, memory_mask)
    x = x + self_attention(x, x, x, mask)
    return x + feed_forward(x)


def no_residuals(self_attention, cross_attention, feed_forward, x, memory, mask, memory_mask):
    x = self_attention(x, x, x, mask)
    x = cross_attention(x, memory, memory, memory_mask)
    return feed_forward(x)


def in_place(self_attention, cross_attention, feed_forward, x, memory, mask, memory_mask):
    x += self_attention(x, x, x, mask)
    x += cross_attention(x, memory, memory, memory_mask)
    x += feed_forward(x)
    return x


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
        (12, "padding mask alone"),
        (6, "as a query"),
        (7, "that are False"),
        (16, "without any mask"),
        ([1, 2, 3, 3], "add them up"),
        (8, "row by row"),
    ],
    "cross_weights_shape": [
        ((2, 8, 7, 5), "the target asks"),
        ((2, 8, 5, 5), "decoder's self-attention"),
        ((2, 8, 7, 7), "encoder's self-attention"),
        ((2, 5, 7), "8 heads"),
        ((2, 5, 8, 7), "before the words"),
        ((5, 7), "one head of one sentence"),
        ((2, 8, 5, 64), "sums of values"),
        ((8, 2, 5, 7), "before the heads"),
        ((2, 5, 512), "who asks"),
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
    "my_decoder_layer": [
        (cross_first, "the order is"),
        (no_residuals, "round self-attention is missing"),
        (in_place, "changes x itself"),
        (layer(look=lambda x, s, c, m, mask, mm: x + c(x, m, m, mask)), "gets memory_mask"),
        (layer(look=lambda x, s, c, m, mask, mm: x + c(m, x, x, mm).sum(0)), "the target asks"),
        (layer(look=lambda x, s, c, m, mask, mm: x + c(m, x, x, mm)), "the target asks"),
        (layer(look=lambda x, s, c, m, mask, mm: x + c(x, m, x, mm)), "keys and values both"),
        (layer(look=lambda x, s, c, m, mask, mm: x + c(s, m, m, mm)), "not the first ones"),
        (layer(attend=lambda x, a, mask: a(x, x, x)), "self-attention gets mask"),
        (layer(last=lambda x, f: f(x)), "a residual connection is missing"),
        (layer(look=lambda x, s, c, m, mask, mm: c(x, m, m, mm)), "a residual connection is missing"),
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
