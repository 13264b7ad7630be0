# %% [raw] tags=["card"]
# questions: What does a word get that may look at nothing?

# %% [markdown]
# # 09a - A row that may look at nothing
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# A mask can leave a word nothing to look at: a row without a single True. The softmax must then share a
# weight of 1 among nobody. Every implementation has to answer something. Which answers are there, and which
# of them does harm? Before you read on, bet on two things: what PyTorch gives, and what becomes of the
# *other* words.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import plots
from helpers.model import attention_weights, causal_mask, padding_mask
from lessons import pictures

# %% [markdown]
# ## How does such a row come about?
#
# Not from a mask of keys, as long as padding stands at the end and each sentence has a word. Put it at the
# front, as some libraries do for text generation, and the causal mask leaves the first place only itself,
# which is padding.

# %%
for name, row in {"padding at the end": [1, 6, 8, 0], "padding at the front": [0, 1, 6, 8]}.items():
    allowed = causal_mask(4) & padding_mask(torch.tensor([row]), pad_id=0)  # (B, 1, T, T)
    print(f"{name:21} may look at something:", allowed.any(dim=-1)[0, 0].tolist())

# %% [markdown]
# A mask turned round has such a row as well, the last of `~causal_mask`, and so has a mask that hides
# queries. Here are four words, of which the last is hidden both as a key and as a query.

# %%
words = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 3.0]])  # (T, D), the last is padding
real = torch.tensor([True, True, True, False])  # (T,)
keys_hidden = real[None, :].expand(4, 4)  # (T, T), as in the lesson
empty_row = real[:, None] & real[None, :]  # (T, T)

# %% [markdown]
# ## Five implementations
#
# By hand there are two habits for "forbidden": a score of minus infinity, whose exponential is exactly 0, and
# a very low one, such as -1e9. Then there are two things that PyTorch brings, the function
# `scaled_dot_product_attention` and the module `nn.MultiheadAttention`. And there is ours.


# %%
def minus_infinity(x, mask):
    scores = x @ x.T / math.sqrt(2)  # (T, T)
    return scores.masked_fill(~mask, -torch.inf).softmax(dim=-1) @ x  # (T, D)


def very_low(x, mask):
    scores = x @ x.T / math.sqrt(2)  # (T, T)
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1) @ x  # (T, D)


def function_of_torch(x, mask):
    x = x[None]  # (B, T, D): it wants a batch
    return nn.functional.scaled_dot_product_attention(x, x, x, mask)[0]  # (T, D)


def ours(x, mask):
    return attention_weights(x, x, mask) @ x  # (T, D)


# %% [markdown]
# What does the padding get, and is the gradient of the words **finite**, made of proper numbers? For the
# low score there is a guess worth making: every score of the row is -1e9, all are equal.

# %%
by_hand = {"by hand, -inf": minus_infinity, "by hand, -1e9": very_low,
           "scaled_dot_product": function_of_torch, "ours": ours}  # fmt: skip
found = {}
for name, attend in by_hand.items():
    x = words.clone().requires_grad_()
    out = attend(x, empty_row)  # (T, D)
    out.sum().backward()
    found[name] = [round(number, 2) for number in out[3].tolist()], x.grad.isfinite().all().item()
    print(f"{name:19} the padding gets {found[name][0]!s:13}  finite gradient: {found[name][1]}")
print("mean of all four words:", words.mean(dim=0).tolist())

# %%
assert math.isnan(found["by hand, -inf"][0][0]) and not found["by hand, -inf"][1]
assert found["by hand, -1e9"][0] == words.mean(dim=0).tolist()
assert found["scaled_dot_product"] == found["ours"] == ([0.0, 0.0], True)

# %% [markdown]
# Minus infinity gives `nan`, not a number, since the softmax divides 0 by 0, and it spoils the gradient.
# -1e9 gives the plain mean of all words, *the forbidden one included*: the mask has been switched off, for
# this row. The function of PyTorch gives zeros, and so does ours: after the softmax, `attention_weights`
# sets every forbidden weight to 0 once more.
#
# ## The module of PyTorch
#
# `nn.MultiheadAttention` has an answer for each of its ways. It can return its weights or not,
# `need_weights`. In use, without a gradient, it may take a **fast path** of its own. In its masks True
# means hidden, so it gets `~mask`.

# %%
torch.manual_seed(0)
module = nn.MultiheadAttention(2, 2, batch_first=True)
x = words[None]  # (B, T, D)


def asked(need_weights, in_use):
    module.train(not in_use)
    with torch.set_grad_enabled(not in_use):
        out, _ = module(x, x, x, attn_mask=~empty_row, need_weights=need_weights)
    return out[0, 3].tolist()


for in_use in (False, True):
    for need_weights in (True, False):
        print(f"in use: {in_use!s:6} need_weights: {need_weights!s:6} {asked(need_weights, in_use)}")

# %% [markdown]
# Where it returns its weights, it gives `nan`. Where it does not, it gives zeros in training (plus the bias
# of its last projection, which starts at 0), and `nan` again in use. So a model can train without complaint
# and answer `nan` afterwards. Is it the fast path that does this? That can be switched off.

# %%
torch.backends.mha.set_fastpath_enabled(False)
print("in use, without the fast path:", asked(need_weights=False, in_use=True))
torch.backends.mha.set_fastpath_enabled(True)
assert math.isnan(asked(need_weights=False, in_use=True)[0])

# %% [markdown]
# It is.
#
# ## What becomes of the other words?
#
# The row belongs to padding, and nobody looks at padding. Let it be `nan`, then. Does anybody notice? Stack
# the attention, three times, and draw a dot for every word that is still made of numbers.


# %%
def still_numbers(attend, mask):
    """Row: word; column: after so many layers; is the word made of numbers?"""
    x, columns = words, [words.isfinite().all(dim=-1)]
    for _ in range(3):
        x = attend(x, mask)  # (T, D)
        columns.append(x.isfinite().all(dim=-1))
    return torch.stack(columns, dim=1)  # (T, 4)


rows, columns = ["word 1", "word 2", "word 3", "<pad>"], ["at first", "layer 1", "layer 2", "layer 3"]
panels = {
    "-inf, empty row": (still_numbers(minus_infinity, empty_row), rows, columns),
    "-inf, keys hidden": (still_numbers(minus_infinity, keys_hidden), rows, columns),
    "ours, empty row": (still_numbers(ours, empty_row), rows, columns),
}
plots.show(pictures.who_sees_whom(panels, title="A dot for every word that is made of numbers"))

# %% [markdown]
# After layer 1 the padding alone is lost. After layer 2 *every* word is. The weight on the padding is 0,
# but 0 times `nan` is `nan`. The control is the panel in the middle: the same minus infinity, with keys
# hidden and no row empty, and nothing is lost. So it is the row that does the harm, and not the infinity.

# %%
lost = still_numbers(minus_infinity, empty_row)
assert lost[:3, 1].all() and not lost[:, 2].any()
assert still_numbers(minus_infinity, keys_hidden).all() and still_numbers(ours, empty_row).all()
print("0 * nan =", 0 * math.nan)

# %% [markdown]
# Zeros look like the best of the three answers, but they have a price, which is that they make no noise.
# Turn a mask round, so that words see the future and the last one sees nobody. Which implementation will
# tell you?

# %%
turned_round = ~causal_mask(4)
for name, attend in by_hand.items():
    print(f"{name:19} a mask turned round, all finite:", attend(words, turned_round).isfinite().all().item())

# %% [markdown]
# Only minus infinity does. With ours such a model would train, read the future and say nothing, and that is
# why the lesson measures who sees whom.
#
# ## The answer
#
# **A word that may look at nothing has no right answer and gets what somebody chose: `NaN` from minus
# infinity, the plain mean of all words from -1e9, zeros from `scaled_dot_product_attention` and from ours,
# and zeros or `NaN` from `nn.MultiheadAttention`, depending on `need_weights` and on its fast path. Only
# `NaN` spreads: one layer later it is in every word.**
#
# ## What this does not say
#
# One version of PyTorch, on a CPU: other versions, and the fused attention of a GPU, may answer otherwise.
# Which answer trains better where such rows cannot be avoided was not measured.
#
# ## An open exercise
#
# Generate text in batches with padding at the front. Which of the answers does no harm there, and can the
# empty row be avoided by another mask?
#
# <details><summary>What a good answer contains</summary>
#
# The rows that are empty, found with `any`. A mask that lets padding look at itself, since `causal |
# identity` leaves no row empty, and a check that no real word moves when the padding is exchanged. And the
# positions: with padding at the front the first word no longer stands at place 0, unless that is mended
# too.
#
# </details>
#
# ## References
#
# -
# [`scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
# and
# [`nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html)
# in PyTorch.
#
# Back to {{lesson}}.
