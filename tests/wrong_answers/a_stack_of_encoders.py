"""Plausible wrong answers to the exercises of notebook 08, and what the reader is told."""

import math

import torch


def split(y, n_heads):
    return y.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def join(heads):
    return heads.transpose(-3, -2).flatten(-2)


def attention(*, split=split, join=join, root=None, dim=-1, times=lambda x, W: x @ W, out=True):
    """Self-attention with several heads, with one step changed."""

    def answer(x, W_Q, W_K, W_V, W_O, n_heads):
        query, key, value = (split(times(x, W), n_heads) for W in (W_Q, W_K, W_V))
        scores = query @ key.mT / (root(x, query) if root else math.sqrt(query.shape[-1]))
        joined = join(scores.softmax(dim=dim) @ value)
        return times(joined, W_O) if out else joined

    return answer


def keys_ask(x, W_Q, W_K, W_V, W_O, n_heads):
    return attention()(x, W_K, W_Q, W_V, W_O, n_heads)


def one_head(x, W_Q, W_K, W_V, W_O, n_heads):
    return attention()(x, W_Q, W_K, W_V, W_O, 1)


def batch_only(x, W_Q, W_K, W_V, W_O, n_heads):
    B, S, D = x.shape if x.dim() == 3 else (1, *x.shape)
    result = attention()(x, W_Q, W_K, W_V, W_O, n_heads)
    return result.reshape(B, S, D)


def wrong_values(x, W_Q, W_K, W_V, W_O, n_heads):
    return attention()(x, W_Q, W_K, W_K, W_O, n_heads)


def heads_reversed(x, W_Q, W_K, W_V, W_O, n_heads):
    return attention(join=lambda heads: join(heads.flip(-3)))(x, W_Q, W_K, W_V, W_O, n_heads)


def scramble(y, n_heads):
    return y.reshape(*y.shape[:-2], n_heads, y.shape[-2], -1)


def flat(heads):
    return heads.reshape(*heads.shape[:-3], heads.shape[-2], -1)


def swapped(x, sublayer, norm, norm_first):
    return norm(x + sublayer(x)) if norm_first else x + sublayer(norm(x))


def order(pre, post=lambda x, sublayer, norm: norm(x + sublayer(x))):
    """Add and norm with one of the two orders changed."""
    return lambda x, sublayer, norm, norm_first: (pre if norm_first else post)(x, sublayer, norm)


def right_pre(x, sublayer, norm):
    return x + sublayer(norm(x))


def handed_over(x, sublayer, norm, norm_first):
    """The broken layer of the exercise, as it is."""
    if norm_first:
        x = norm(x)
    y = x + sublayer(x)
    return y if norm_first else norm(y)


def in_place(x, sublayer, norm, norm_first):
    x += sublayer(norm(x)) if norm_first else sublayer(x)
    return x if norm_first else norm(x)


def hop(x):
    return x.gather(-1, x)


def two_hops(x):
    return x.gather(-1, hop(x))


WRONG = {
    "two_hops_on_paper": [
        ([1, 0, 3, 2], "one hop"),
        ([3, 2, 0, 1], "sentence itself"),
        ([0, 1, 2, 3], "too many"),
        ([2, 2, 1, 0], "occurs once"),
        ([2, 3, 0, 1], "hop of each word first"),
    ],
    "blank_page": [
        (attention(root=lambda x, query: 1), "not divided by the root"),
        (attention(root=lambda x, query: query.shape[-1]), "not by the width"),
        (attention(dim=-2), "words that ask"),
        (keys_ask, "keys ask"),
        (attention(out=False), "W_O, is missing"),
        (attention(join=lambda heads: heads, out=False), "join them"),
        (attention(times=lambda x, W: x @ W.T), "used transposed"),
        (wrong_values, "wrong with one head already"),
        (lambda x, *others: x.new_zeros(2, 3), "its shape is"),
        (one_head, "n_heads is not used"),
        (attention(root=lambda x, query: math.sqrt(x.shape[-1])), "not of D"),
        (attention(split=scramble, join=lambda heads: heads.reshape(2, 3, 8)), "reshape scrambles"),
        (attention(join=flat), "before you join them"),
        (heads_reversed, "Head h has numbers"),
        (batch_only, "wrong for one sentence"),
    ],
    "either_order": [
        (handed_over, "not the normed ones"),
        (swapped, "wrong way round"),
        (lambda x, s, norm, norm_first: norm(x + s(x)), "use norm_first"),
        (order(lambda x, s, norm: x + norm(s(x))), "before it, not after"),
        (order(lambda x, s, norm: norm(x + s(norm(x)))), "end of the stack"),
        (order(lambda x, s, norm: s(norm(x))), "added back too"),
        (in_place, "changes x itself"),
        (order(right_pre, lambda x, s, norm: norm(s(x))), "with norm_first=False"),
    ],
    "three_hops": [
        (lambda x: x, "words themselves"),
        (hop, "one hop"),
        (two_hops, "two hops"),
        (lambda x: x.gather(-1, x.gather(-1, two_hops(x))), "one hop too many"),
        (lambda x: torch.zeros_like(x), "fetches the words"),
    ],
}
