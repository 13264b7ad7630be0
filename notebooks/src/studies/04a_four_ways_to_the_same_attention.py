# %% [raw] tags=["card"]
# questions: Do all ways to write multi-head attention give the same result? Which is the fastest?

# %% [markdown]
# # 04a - Four ways to the same attention
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# Eight heads can be a list of eight layers, a wide layer that is cut into heads, a line of `einsum`, or a
# call of PyTorch's own `scaled_dot_product_attention`. You will meet all four in other people's code. Do
# they compute the same, gradients included? And place a bet: which is the fastest for a sentence of 16
# words, which for 1,024, and how much slower is the list?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import time
from statistics import median

import torch
from torch import nn

from helpers import plots
from helpers.model import attention_weights  # built in 03

# %% [markdown]
# ## The four
#
# All take the same four matrices of 512 x 512. Columns 1 to 64 of `W_Q` belong to head 1, the next 64 to
# head 2, and so on. `mask` says who may look at whom, as in 09: True means "may attend".

# %%
torch.manual_seed(0)
matrices = [torch.randn(512, 512) / 512**0.5 for _ in range(4)]  # W_Q, W_K, W_V, W_O, (D, D) each
H, dk = 8, 64


def list_of_heads(words, W_Q, W_K, W_V, W_O, mask=None):
    heads = []
    for h in range(H):
        own = slice(h * dk, (h + 1) * dk)
        query, key, value = words @ W_Q[:, own], words @ W_K[:, own], words @ W_V[:, own]  # (B, S, dk) each
        heads.append(attention_weights(query, key, mask) @ value)  # (B, S, dk)
    return torch.cat(heads, dim=-1) @ W_O  # (B, S, D)


# %% [markdown]
# The wide layer is that of 04, which the series keeps.


# %%
def split(x):
    return x.unflatten(-1, (H, dk)).transpose(-3, -2)  # (B, H, S, dk)


def join(heads):
    return heads.transpose(-3, -2).flatten(-2)  # (B, S, D)


def wide(words, W_Q, W_K, W_V, W_O, mask=None):
    query, key, value = split(words @ W_Q), split(words @ W_K), split(words @ W_V)  # (B, H, S, dk) each
    return join(attention_weights(query, key, mask) @ value) @ W_O  # (B, S, D)


# %% [markdown]
# In `einsum` every axis has a letter, and a letter that is missing on the right of the arrow is summed
# over: `einsum("sd,dk->sk", words, W)` is `words @ W`, where `d` is gone. Three dots stand for any axes in
# front. The eight matrices are one tensor `(D, H, dk)`, and nothing is transposed, because the letters say
# where each axis goes.


# %%
def einsum(words, W_Q, W_K, W_V, W_O, mask=None):
    kernels = [W.unflatten(1, (H, dk)) for W in (W_Q, W_K, W_V)]  # (D, H, dk) each
    query, key, value = (torch.einsum("...sd,dhk->...hsk", words, kernel) for kernel in kernels)
    scores = torch.einsum("...tk,...sk->...ts", query, key) / dk**0.5  # (B, H, S, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    heads = torch.einsum("...ts,...sk->...tk", scores.softmax(dim=-1), value)  # (B, H, S, dk)
    return torch.einsum("...hsk,hkd->...sd", heads, W_O.unflatten(0, (H, dk)))  # (B, S, D)


# %% [markdown]
# PyTorch's function does scores, mask, softmax and the mix in one call. Cutting and joining stay with you.


# %%
def sdpa(words, W_Q, W_K, W_V, W_O, mask=None):
    query, key, value = split(words @ W_Q), split(words @ W_K), split(words @ W_V)  # (B, H, S, dk) each
    heads = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # (B, H, S, dk)
    return join(heads) @ W_O  # (B, S, D)


# %% [markdown]
# ## The same?
#
# A `detach` in the wrong place would change gradients and no output, so compare both: the output, and the
# gradients of the sum of its squares with respect to the words and the four matrices. They are taken for a
# sentence and for a batch, without a mask, with no looking ahead, and with a mask drawn at random in which
# everybody may look at somebody. A fifth way takes part that must *not* agree: the reshape without a
# transpose.


# %%
def reshape_alone(words, W_Q, W_K, W_V, W_O, mask=None):
    query, key, value = ((words @ W).reshape(*words.shape[:-2], H, -1, dk) for W in (W_Q, W_K, W_V))
    return join(attention_weights(query, key, mask) @ value) @ W_O  # (B, S, D)


# %%
def results(way, words, mask, dtype):
    inputs = [x.to(dtype).requires_grad_() for x in (words.clone(), *(W.clone() for W in matrices))]
    output = way(*inputs, mask=mask)  # (B, S, D)
    return [output, *torch.autograd.grad(output.square().sum(), inputs)]


def disagreement(way, dtype):
    worst = 0.0
    for case in cases:
        for a, b in zip(results(way, *case, dtype), results(list_of_heads, *case, dtype), strict=True):
            worst = max(worst, ((a - b).abs().max() / b.abs().max().clamp(min=1)).item())
    return worst


# %%
batch = torch.randn(2, 6, 512)  # (B, S, D)
not_ahead = torch.ones(6, 6, dtype=torch.bool).tril()  # (S, S)
some = (torch.rand(6, 6) < 0.5) | torch.eye(6, dtype=torch.bool)  # (S, S)
cases = [(words, mask) for words in (batch[0], batch) for mask in (None, not_ahead, some)]
for way in (wide, einsum, sdpa, reshape_alone):
    fine, coarse = disagreement(way, torch.float64) < 1e-10, disagreement(way, torch.float32) < 1e-5
    print(f"{way.__name__:13} float64 within 1e-10: {fine}, float32 within 1e-5: {coarse}")
    assert fine == coarse == (way is not reshape_alone)

# %% [markdown]
# Three agree with the list, in outputs and gradients, up to the rounding of sums taken in another order.
# The fifth does not, so the comparison can fail.
#
# ## As fast?
#
# Sentences of 16 to 1,024 words are run one at a time, on one thread and without gradients. In each round all
# four run, one after the other, and what counts is how long each took against the list of the same round, as
# the median of eleven rounds.


# %%
def seconds(way, words):
    start = time.perf_counter()
    with torch.no_grad():
        way(words, *matrices)
    return time.perf_counter() - start


# %%
def against_the_list(words, rounds=11):
    ways = (list_of_heads, wide, einsum, sdpa)
    taken = [[seconds(way, words) for way in ways] for _ in range(1 + rounds)][1:]  # the first one warms up
    return [median(row[i] / row[0] for row in taken) for i in range(4)]


# %% tags=["nbval-ignore-output"]
# alt: Times as multiples of the list over the length of the sentence. sdpa stays below it at all lengths. The
#   lines of the wide layer and of einsum start below it and end above it at 1,024 words.
# not compared: times differ between machines and from run to run
torch.set_num_threads(1)
lengths = [16, 64, 256, 1024]
rows = [against_the_list(torch.randn(1, n, 512)) for n in lengths]  # (B, S, D)
names = ("list", "wide", "einsum", "sdpa")
lines = {name: (range(4), [row[i] for row in rows]) for i, name in enumerate(names)}
fig = plots.curves(lines, xlabel="words in the sentence", ylabel="time, list = 1")
fig.axes[0].set_xticks(range(4), lengths)
fig.axes[0].set_ylim(bottom=0)
plots.show(fig)

# %% [markdown]
# `scaled_dot_product_attention` stays below the list at every length. The wide layer and `einsum` are ahead
# of the list for short sentences and behind it at 1,024 words, so the way of a beginner wins against two
# cleverer ones where sentences are long. In between, do not trust the order: eleven rounds have no error
# bar here, and in each round the four ran in the same order.
#
# ## The answer
#
# **All four ways to write multi-head attention give the same outputs and the same gradients, up to
# rounding. PyTorch's own function was the fastest for long sentences; the wide layer and `einsum` beat the
# list for short ones (16 and 64 words) and lost to it at 1,024.**
#
# So write what is easy to read, and call `scaled_dot_product_attention` where time counts. The series keeps
# the wide layer because it is short, is ahead of the list for sentences as short as ours, and shows its
# weights, which PyTorch's function does not return.
#
# ## What this does not say
#
# One processor, one thread, `float32`, without gradients and without a mask. On a GPU nothing was measured.
# With `einsum` as written here a row that may look at nothing becomes `nan`, while the other three give 0
# (09a); no such row occurred.
#
# ## An open exercise
#
# Why does the wide layer fall behind? The list holds one table of 1,024 x 1,024 weights at a time, the wide
# layer eight. Is that the reason? Write one more way: the wide layer, with its eight heads taken two at a
# time. Before you measure, say what each explanation predicts for 16 and for 1,024 words.
#
# <details><summary>What a good answer contains</summary>
#
# That it equals the list, first. Then ratios of several rounds for one, two, four and eight heads at a
# time, at both lengths, with a statement about how much two measurements of the same thing differ. If
# smaller tables are the reason, the ratio should fall with the number of heads at 1,024 words and not at
# 16.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.2.
# - PyTorch:
#   [`scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html),
#   [`einsum`](https://docs.pytorch.org/docs/stable/generated/torch.einsum.html).
# - A. Rogozhnikov, [*Einops: Clear and Reliable Tensor
#   Manipulations*](https://openreview.net/forum?id=oapKSVM2bcj), 2022: reshapes that say which axis is
#   which.
#
# Back to {{lesson}}.
