"""Plausible wrong answers to the exercises of notebook 08, and what the reader is told."""

import torch


def swapped(x, sublayer, norm, norm_first):
    return norm(x + sublayer(x)) if norm_first else x + sublayer(norm(x))


def order(pre, post=lambda x, sublayer, norm: norm(x + sublayer(x))):
    """Add and norm with one of the two orders changed."""
    return lambda x, sublayer, norm, norm_first: (pre if norm_first else post)(x, sublayer, norm)


def right_pre(x, sublayer, norm):
    return x + sublayer(norm(x))


def no_mask(layers, last_norm, x, mask):
    for layer in layers:
        x = layer(x)
    return last_norm(x)


def norm_each_time(layers, last_norm, x, mask):
    for layer in layers:
        x = last_norm(layer(x, mask))
    return x


def no_norm(layers, last_norm, x, mask):
    for layer in layers:
        x = layer(x, mask)
    return x


def norm_first(layers, last_norm, x, mask):
    x = last_norm(x)
    for layer in layers:
        x = layer(x, mask)
    return x


def all_on_the_input(layers, last_norm, x, mask):
    for layer in layers:
        y = layer(x, mask)
    return last_norm(y)


def backwards(layers, last_norm, x, mask):
    for layer in reversed(layers):
        x = layer(x, mask)
    return last_norm(x)


def close(a, b):
    return torch.allclose(a, b, atol=1e-5)


def turned(encoder, words):
    return encoder(words.flip(0)).flip(0)


def first_word_only(encoder, words):
    return not torch.allclose(encoder(words.flip(0)).flip(0)[0], encoder(words)[0], atol=1e-5)


def turns_in_place(encoder, words):
    before = encoder(words)
    words.copy_(words.flip(0))
    return not torch.allclose(encoder(words).flip(0), before, atol=1e-5)


WRONG = {
    "two_hops_on_paper": [
        ([3, 2, 1, 0], "one hop"),
        ([1, 3, 0, 2], "sentence itself"),
        ([0, 1, 2, 3], "too many"),
        ([2, 2, 3, 1], "occurs once"),
        ([2, 0, 1, 3], "count from 0"),
    ],
    "pre_norm_parameters": [
        (0, "one more"),
        (512, "factors and summands"),
        (6144, "not in each layer"),
        (12288, "which both have"),
        (13312, "only what is added"),
        (2, "what is in a norm"),
    ],
    "either_order": [
        (swapped, "wrong way round"),
        (lambda x, s, norm, norm_first: norm(x + s(x)), "use norm_first"),
        (order(lambda x, s, norm: norm(x) + s(norm(x))), "not the normed ones"),
        (order(lambda x, s, norm: x + norm(s(x))), "before it, not after"),
        (order(lambda x, s, norm: norm(x + s(norm(x)))), "end of the stack"),
        (order(lambda x, s, norm: s(norm(x))), "added back too"),
        (order(right_pre, lambda x, s, norm: norm(s(x))), "with norm_first=False"),
    ],
    "run_stack": [
        (no_mask, "did not get the mask"),
        (norm_each_time, "comes once"),
        (no_norm, "is missing"),
        (norm_first, "not first"),
        (all_on_the_input, "the one before returned"),
        (backwards, "from the first to the last"),
        (lambda layers, last_norm, x, mask: last_norm(layers[-1](x, mask)), "call each layer once"),
    ],
    "notices_order": [
        (lambda encoder, words: not close(encoder(words.flip(0)), encoder(words)), "turn the result back"),
        (lambda encoder, words: not torch.equal(turned(encoder, words), encoder(words)), "torch.allclose"),
        (lambda encoder, words: close(turned(encoder, words), encoder(words)), "wrong way round"),
        (lambda encoder, words: not torch.equal(encoder(words), encoder(words)), "in reverse"),
        (first_word_only, "compare all"),
        (turns_in_place, "changed the words"),
    ],
}
