"""Checks for the exercises of notebook 08."""

import torch
from torch import nn

from helpers.model import MultiHeadAttention
from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def two_hops_on_paper(answer):
    """a hop, taken home from the place that your word names, makes two."""
    answer = list(answer)
    likely = {
        "this is one hop, what each word holds already: take it from the place that the word names.": (
            1,
            0,
            3,
            2,
        ),
        "this is the sentence itself: go to the places that its words name.": (3, 2, 0, 1),
        "one hop too many: in layer 2 the word looks at the place that it names, not at its hop's.": (
            0,
            1,
            2,
            3,
        ),
    }
    if message := likely_mistake(answer, likely):
        return message
    if sorted(answer) != [0, 1, 2, 3]:
        return "four numbers, and each of 0, 1, 2 and 3 occurs once."
    if answer != [2, 3, 1, 0]:
        return "write down the hop of each word first; word 0 is 3, so it takes home that of place 3."


def attention_of(query, key, value, out, x, n_heads):
    """What `MultiHeadAttention` of `helpers` makes of x with these four matrices `(D, D)` and no biases."""
    attention = MultiHeadAttention(x.shape[-1], n_heads)
    with torch.no_grad():
        for layer, matrix in zip(attention.children(), (query, key, value, out), strict=False):
            layer.weight.copy_(matrix.T)
            layer.bias.zero_()
        return attention(x, x, x)


def split(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def by_hand(x, matrices, n_heads, *, scale=None, dim=-1, cut=split, mirrored=False):
    """Self-attention with one step changed, for the likely mistakes."""
    query, key, value = (cut(x @ matrix, n_heads) for matrix in matrices[:3])
    scores = (key @ query.mT if mirrored else query @ key.mT) / (scale or query.shape[-1] ** 0.5)
    heads = scores.softmax(dim=dim) @ value
    joined = heads.transpose(-3, -2).flatten(-2) if cut is split else heads.reshape(x.shape)
    return joined @ matrices[3]


def scrambled(x, n_heads):
    return x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)


@exercise
def blank_page(answer):
    """equal to MultiHeadAttention of helpers.model, for one head, for several, and for a batch."""
    torch.manual_seed(0)
    x, matrices = torch.randn(2, 3, 8), torch.randn(4, 8, 8)  # (B, S, D), (4, D, D)
    for n_heads in (1, 4):
        result = answer(x.clone(), *[matrix.clone() for matrix in matrices], n_heads)
        if message := unusable(result):
            return message
        right = attention_of(*matrices, x, n_heads)
        if same(result, right, 1e-4):
            continue
        heads = by_hand(x, [*matrices[:3], torch.eye(8)], n_heads)
        query, key, value = (split(x @ matrix, n_heads) for matrix in matrices[:3])
        unjoined = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1) @ value  # (B, H, S, dk)

        def changed(n_heads=n_heads, **step):
            return by_hand(x, matrices, n_heads, **step)

        likely = {
            "the scores are not divided by the root of the width of a head.": changed(scale=1.0),
            "divide by the root of the width of a head, not by the width.": changed(scale=8 / n_heads),
            "the softmax runs over the words that ask: the weights of each row should sum to 1.": changed(
                dim=-2
            ),
            "keys ask and queries answer: it is query times key, transposed.": changed(mirrored=True),
            "the matrix after the heads, W_O, is missing.": heads,
            "with W_Q, W_K and W_V you have the heads: join them, and multiply by W_O.": unjoined,
            "the matrices are used transposed: a word times a matrix is x @ W.": by_hand(
                x, matrices.mT, n_heads
            ),
        }
        if message := likely_mistake(result, likely, 1e-4):
            return message
        if n_heads > 1:
            several = {
                "n_heads is not used.": changed(1),
                "the root is of dk, the width of a head, not of D.": changed(scale=8**0.5),
                "a reshape scrambles the words: unflatten, then swap axes.": changed(cut=scrambled),
                "swap heads and words back before you join them.": unjoined.reshape(x.shape) @ matrices[3],
            }
            message = likely_mistake(result, several, 1e-4)
            return (
                f"right for one head. {message or 'Head h has numbers h * dk to (h + 1) * dk of each word.'}"
            )
        if result.shape != right.shape:
            return f"its shape is {tuple(result.shape)}; the words have {tuple(right.shape)}, and keep it."
        return "wrong with one head already: query, key, value, scores, root, softmax, mix, W_O."
    alone = attention_of(*matrices, x[0], 4)
    if not same(answer(x[0].clone(), *matrices, 4), alone, 1e-4):
        return "right for a batch, wrong for one sentence (S, D): count axes from the end, as in -1 and -2."


@exercise
def either_order(answer):
    """post-norm norms the sum, pre-norm norms what goes into the sub-layer."""
    torch.manual_seed(0)
    x, norm = torch.randn(3, 4), nn.LayerNorm(4)

    def sublayer(y):
        return 2 * y.flip(-1) + 1

    kept = x.clone()
    post, pre = answer(x.clone(), sublayer, norm, False), answer(x, sublayer, norm, True)
    if message := unusable(post) or unusable(pre):
        return message
    changed = not torch.equal(x, kept)
    x = kept.clone()
    answer(x, sublayer, norm, False)
    if changed or not torch.equal(x, kept):
        return "it changes x itself: write x + ..., not x += ..."
    right_post, right_pre = norm(x + sublayer(x)), x + sublayer(norm(x))
    if same(post, right_pre, 1e-5) and same(pre, right_post, 1e-5):
        return "the two orders are the wrong way round: norm_first=True is pre-norm."
    if same(post, pre, 1e-5):
        return "both orders give the same: use norm_first."
    if not same(post, right_post, 1e-5):
        return "with norm_first=False the sum of x and the sub-layer's result is normed."
    likely = {
        "in pre-norm the words themselves are added back, not the normed ones.": norm(x) + sublayer(norm(x)),
        "in pre-norm the sub-layer gets the normed words: norm before it, not after.": x + norm(sublayer(x)),
        "in pre-norm the sum is not normed: that comes once, at the end of the stack.": (
            norm(x + sublayer(norm(x)))
        ),
        "in pre-norm the input is added back too.": sublayer(norm(x)),
    }
    if not same(pre, right_pre, 1e-5):
        return likely_mistake(pre, likely, 1e-5) or (
            "with norm_first=True the sub-layer gets the normed words, and x is added."
        )


@exercise
def three_hops(answer):
    """the word at a place names the next, three times."""
    x = torch.stack([torch.randperm(8, generator=torch.Generator().manual_seed(seed)) for seed in range(4)])
    result = answer(x.clone())
    if message := unusable(result):
        return message
    hop = x.gather(-1, x)
    two = x.gather(-1, hop)
    likely = {
        "these are the words themselves.": x,
        "this is one hop: fetch twice more.": hop,
        "these are two hops: fetch once more.": two,
        "one hop too many.": x.gather(-1, x.gather(-1, two)),
    }
    if not same(result, x.gather(-1, two)):
        if message := likely_mistake(result, likely):
            return message
        return "x.gather(-1, places) fetches the words at these places; two hops are x.gather(-1, hop)."
