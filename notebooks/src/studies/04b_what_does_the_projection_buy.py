# %% [raw] tags=["card"]
# questions: What does the projection buy? Could the layer behind it do its work?

# %% [markdown]
# # 04b - What does the projection buy?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# `W_O` holds a quarter of the parameters of eight heads. In 04 you saw what it does: every head writes into
# every number of a word. But a linear layer that follows could do that too, since two linear layers in a
# row are one (01). So what is lost without it, and does it matter how wide the heads are? Place a bet: how
# much of *count* do eight heads of 8 numbers, of 2, and of 1 lose without a projection?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
from statistics import mean

import torch

from helpers import plots
from lessons import scoreboard
from lessons.boards.multi_head import AnyWidth

# %% [markdown]
# ## Can it be folded away?
#
# `AnyWidth(dk, dv)` is the layer of 04 for words of 64 numbers, but its eight heads may have any width:
# queries and keys of `dk` numbers, values of `dv`. Side by side the heads give 8 x `dv` numbers. With a
# projection, `W_O` makes 64 of them; without one, they are the first numbers of the word, and zeros fill it
# up.
#
# On the scoreboard a linear output layer stands right behind. Take a model with a projection. Is there one
# without that says the same, with the same queries, keys and values, and with `W_O` multiplied into its
# output layer?


# %%
def folded(model, d_k, d_v):
    without = scoreboard.SymbolModel(AnyWidth(d_k, d_v, project=False))
    with torch.no_grad():
        without.load_state_dict(model.state_dict(), strict=False)  # all but the projection
        W_O, output = model.body.projection, model.output
        without.output.weight[:, : 8 * d_v] = output.weight @ W_O.weight  # (V, H * dv)
        without.output.bias += output.weight @ W_O.bias  # (V,)
    return without


torch.manual_seed(0)
x, _ = scoreboard.TASKS["count"].draw(100, torch.Generator().manual_seed(0))  # (B, S)
for width in (8, 2, 1):
    model = scoreboard.SymbolModel(AnyWidth(width, width))
    same = torch.allclose(folded(model, width, width)(x), model(x), atol=1e-5)
    print(f"heads of {width}: a model without a projection says the same: {same}")
    assert same

# %% [markdown]
# Whatever training finds with a projection exists without one as well, at each of these widths. As a
# function, the projection buys nothing here. If it helps all the same, the help must come from training.
#
# ## The board
#
# Each row has six seeds and 400 steps, on *count*. *Wider queries and keys* is a control: it has no
# projection, and spends those parameters on queries and keys of 12 numbers, so that it has exactly as many
# as the row with the projection. If parameters are what counts, these two should be level.

# %%
# alt: Board with mean and range. Count, without and with a projection: heads of 8 .95 and .98, heads of 2 .83
#   and .97, heads of 1 .56 and .88. With wider queries and keys and no projection .95.
old, new = scoreboard.recorded("projection"), scoreboard.recorded("head_width")
rows = {
    "heads of 8, no projection": old["heads alone, no projection"],
    "wider queries and keys, no projection": new["wider queries and keys, no projection"],
    "heads of 8, projection": old["heads alone, projection"],
} | {row: scores for row, scores in new.items() if row.startswith("heads of")}
board = {row: {"count": scores["count"]} for row, scores in rows.items()}
plots.show(plots.board(board, title="With and without a projection, 6 seeds"))

# %% [markdown]
# The same seed draws the same sentences in every row, so compare seed by seed.

# %%
for width in (8, 2, 1):
    pair = (board[f"heads of {width}, {way}"]["count"] for way in ("projection", "no projection"))
    gains = [a - b for a, b in zip(*pair, strict=True)]
    by_seed = " ".join(f"{gain:+.2f}" for gain in gains)
    print(f"heads of {width}: mean {mean(gains):+.2f}, seeds {by_seed}")

# %% [markdown]
# The projection helps at every width, with every seed but one, and the more the narrower the heads are.
# With heads of 8 it is not the number of parameters: spent on queries and keys instead, they leave *count*
# at .95.
#
# ## Is it only faster?
#
# If the function can be had without a projection, longer training should find it. Here are at most 2,400
# steps on *count*, ended early where it is solved, beside the 400 of the board above:

# %%
longer = scoreboard.recorded("head_width_longer")
for row, scores in longer.items():
    short, long = rows[row]["count"][:3], scores["count"]  # the same sentences
    print(f"{row:26} 400 steps: {mean(short):.2f}, up to 2,400: {mean(long):.2f}, seeds",
          *(f"{score:.2f}" for score in long))  # fmt: skip

# %% [markdown]
# With heads of 8 the gap is gone: all six trainings ended early, with a projection before 1,200 steps and
# without one after 1,500. With heads of 1 it shrinks from three tenths to one, and has not closed within
# these steps.
#
# ## Where no linear layer follows
#
# In a real encoder the word itself is added to what the heads say, and a norm follows (06), so that `W_O`
# can no longer be multiplied into a later layer. Here are *count* and *odd* with such a layer, the
# `EncoderLayer` that 06 completes.

# %%
for task in ("count", "odd"):
    for way in ("no projection", "projection"):
        scores = old[f"encoder layer, {way}"][task]
        print(f"{task:5} {way:13} mean {mean(scores):.2f}, seeds", *(f"{score:.2f}" for score in scores))

# %% [markdown]
# *Count* has no room left, since all six seeds are at .99 without a projection; with one, five are lower by
# less than .01 and one by more. *Odd* has room, and there the ranges over the seeds lie one inside the
# other. No gain that six seeds could tell.
#
# ## The answer
#
# **What does the projection buy? Where a linear layer follows, no function but an easier training: heads of
# 8 numbers get .98 of *count* with it and .95 without, heads of 1 number .88 and .56. In an encoder layer,
# with the word added and a norm, nothing was gained that six seeds could tell.**
#
# It also lets a model choose how wide its heads are, since eight of them need no longer add up to a word:
# heads of 2 with a projection count as well here as heads of 8 without one, with a third of the parameters.
#
# ## What this does not say
#
# One task, 64 numbers a word, one layer, one learning rate. A product of two matrices can train faster than
# one (Arora and others), and whether that is the reason here is a matter for the exercise.
#
# ## An open exercise
#
# Is it the two matrices, or that the output layer reads 64 numbers instead of 8? Put a *fixed* random
# matrix in the place of the projection of heads of 1, and train the rest. Say first what each explanation
# predicts.
#
# <details><summary>What a good answer contains</summary>
#
# Three seeds for each of: no projection, fixed projection, trained projection. The number of parameters that
# are trained. If the fixed one does as well as the trained one, what helps is the width that the output layer
# reads; if it does no better than none, it is the training of two matrices in a row. Something between is an
# answer too, with the range over the seeds beside it.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.2.
# - S. Arora, N. Cohen and E. Hazan, *On the Optimization of Deep Networks: Implicit Acceleration by
#   Overparameterization*, 2018, [arXiv:1802.06509](https://arxiv.org/abs/1802.06509): two linear layers in
#   a row can train faster than one.
# - S. Bhojanapalli and others, *Low-Rank Bottleneck in Multi-head Attention Models*, 2020,
#   [arXiv:2002.07028](https://arxiv.org/abs/2002.07028): heads too narrow for their sentence.
#
# Back to {{lesson}}.
