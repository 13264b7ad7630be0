# %% [raw] tags=["card"]
# built: multi-head attention, the self-attention of the encoder
# questions: What does the projection do? Are several heads better than one of the same width?
# How do 64 numbers become 512 again? Do all ways to write multi-head attention give the same result?

# %% [markdown]
# # 04 - Multi-head attention
#
# {{badge}}
#
# You put eight attention heads side by side, join what they return, and project it back to the width of a
# word. You make three mistakes on the way: eight heads that are one, heads that no optimiser can find,
# and a reshape that scrambles the words. Then you write the same attention in four ways and prove them
# equal.
#
# - **You need**: the layer `SelfAttention` and the function `attention_weights` from
#   [03 - Many words](03_many_words.ipynb).
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math
import time
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import plots
from helpers.arguments import check_heads
from helpers.model import attention_weights  # built in 03
from lessons import scoreboard, stages
from lessons.boards import multi_head as boards
from lessons.exercises import multi_head as check
from lessons.outline import SelfAttention, TransformerOutline  # built in 03 and 01

# %% [markdown]
# ## You are here

# %%
built, today = ["encoder_stack", "decoder_stack"], ["encoder_self_attention"]
fig = plots.block_diagram(built, today, title="04: self-attention with eight heads")
plots.show(fig)

# %% [markdown]
# Self-attention is still hatched: 03 has built one head, and the paper uses eight. Today the box gets its
# final form.
#
# ## Stage 12 - Eight heads in the encoder
#
# One head has one softmax, so a word has one set of attention weights. It shares out its attention once.
# Yet a verb may have to look at its subject and, separately, at a "not" further on. So give the word
# several heads. Each has its own three matrices and makes its own weights.
#
# Start with the three words of 02 and two heads of two numbers each. Head 1 has the matrices of 02. Head
# 2 has others, also written by hand.

# %%
names = ["der", "Hund", "bellt"]
words = torch.tensor([[1.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 1, 1]])  # (S, D)

head_1 = [
    torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]]),  # W_Q (D, dk)
    torch.tensor([[0.0, 1], [1, 0], [0, 0], [1, 1]]),  # W_K (D, dk)
    torch.tensor([[3.0, 0], [0, 3], [6, 0], [0, 0]]),  # W_V (D, dk)
]
head_2 = [
    torch.tensor([[0.0, 0], [0, 1], [2, 0], [0, 0]]),  # W_Q
    torch.tensor([[0.0, 1], [1, 0], [0, 0], [0, 0]]),  # W_K
    torch.tensor([[1.0, 0], [0, 1], [0, 0], [0, 0]]),  # W_V
]

# %% [markdown]
# Look at the row of `bellt` in both maps. Where is its darkest field?

# %%
# alt: Two heat maps of attention weights of der, Hund and bellt. In head 1 bellt looks mostly at der, in
#   head 2 mostly at Hund. In head 2 der looks at all three words equally.
pairs = [(words @ W_Q, words @ W_K) for W_Q, W_K, _ in (head_1, head_2)]  # query and key (S, dk) each
small_weights = [attention_weights(query, key) for query, key in pairs]  # H times (S, S)

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, weights, title in zip(axes, small_weights, ["head 1", "head 2"], strict=True):
    plots.attention_map(weights, names, names, ax=ax, title=title, bar=title == "head 2")
plots.show(fig)
assert [weights[2].argmax().item() for weights in small_weights] == [0, 1], "bellt: der in one, Hund in two"

# %% [markdown]
# In head 1 `bellt` looks mostly at `der`, in head 2 mostly at `Hund`. One softmax could not give both
# words the largest share. Check a row of head 2 on paper: the query of `der` is `[0, 0]`, so its three
# scores are 0 and its three weights are equal.
#
# What becomes of two outputs? Write them side by side. This is called to **concatenate** them.

# %%
small_outputs = [
    weights @ (words @ W_V) for weights, (_, _, W_V) in zip(small_weights, (head_1, head_2), strict=True)
]  # H times (S, dk)
joined = torch.cat(small_outputs, dim=-1)  # (S, H * dk)
for name, row in zip(names, joined.tolist(), strict=True):
    print(f"{name:5} head 1 {[round(x, 2) for x in row[:2]]}  head 2 {[round(x, 2) for x in row[2:]]}")
assert joined.shape == words.shape, "two heads of two numbers: four numbers again"

# %% [markdown]
# Two heads of two numbers give four numbers, the width of the words. That is half of the answer to the
# question of 02, how 64 numbers become 512 again: eight heads of 64 numbers, side by side, are 512.
#
# ### Eight heads that are one
#
# Now the real sizes. `H` is the number of heads, 8. Each head is `dk` = 512 / 8 = 64 numbers wide. It is
# tempting to make the three matrices once and to hand them to all eight heads.

# %%
class HeadsV1(nn.Module):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__()
        scale, d_k = 1 / math.sqrt(d_model), d_model // n_heads
        matrices = [torch.randn(d_model, d_k) * scale for _ in range(3)]  # (D, dk) each
        self.heads = [matrices for _ in range(n_heads)]

    def forward(self, words):
        return torch.cat([self.attend(words, *head) for head in self.heads], dim=-1)  # (S, D)

    def attend(self, words, W_Q, W_K, W_V):
        return attention_weights(words @ W_Q, words @ W_K) @ (words @ W_V)  # (S, dk)


torch.manual_seed(0)
sentence = torch.randn(3, 512)  # (S, D)
print(tuple(sentence.shape), "->", tuple(HeadsV1()(sentence).shape))

# %% [markdown]
# It runs, and the width is right: eight times 64 is 512. Now ask two questions. Do the heads differ? And
# can training find their matrices? To compare the heads, cut the output apart again:
# `unflatten(-1, (8, 64))` cuts the last axis of 512 into eight pieces of 64, so `(S, 512)` becomes
# `(S, 8, 64)`. `flatten` undoes it.

# %%
def heads_differ(module):
    """Do any two heads return different numbers?"""
    slices = module(sentence).unflatten(-1, (8, 64)).transpose(0, 1)  # (H, S, dk)
    return all(not torch.equal(slices[i], slices[j]) for i in range(8) for j in range(i))


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


heads_v1 = HeadsV1()
print("heads differ:", heads_differ(heads_v1))
print("parameters:  ", count_parameters(heads_v1))
assert not heads_differ(heads_v1), "the fault: eight heads, one set of matrices"
assert count_parameters(heads_v1) == 0, "the fault: plain tensors are not registered"

# %% [markdown]
# Both answers are bad. All eight heads return the same 64 numbers: one head, written down eight times.
# And there is nothing to train, because plain tensors are not parameters (03).
#
# The mend for both: eight layers `SelfAttention` of 03, each with matrices of its own.

# %%
class HeadsV2(nn.Module):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__()
        d_k = d_model // n_heads  # changed
        self.heads = [SelfAttention(d_model, d_k, d_k) for _ in range(n_heads)]  # changed

    def forward(self, words):
        return torch.cat([head(words) for head in self.heads], dim=-1)  # changed: (S, D)


stages.show_changes(HeadsV1, HeadsV2)

# %%
torch.manual_seed(0)
heads_v2 = HeadsV2()
print("heads differ:", heads_differ(heads_v2))
print("parameters of one head:   ", count_parameters(heads_v2.heads[0]))
print("parameters of eight heads:", count_parameters(heads_v2))
assert heads_differ(heads_v2), "each head has its own matrices"
assert count_parameters(heads_v2) == 0, "the fault: a Python list hides its layers"

# %% [markdown]
# The heads differ now. Each has parameters, and yet the module with eight of them has none. PyTorch does
# not look into a Python list, so an optimiser would get nothing to train. No error says so. 01 used the
# mend already: `nn.ModuleList` is a list whose layers PyTorch can find.

# %%
class HeadsV3(nn.Module):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__()
        d_k = d_model // n_heads
        self.heads = nn.ModuleList([SelfAttention(d_model, d_k, d_k) for _ in range(n_heads)])  # changed

    def forward(self, words):
        return torch.cat([head(words) for head in self.heads], dim=-1)  # (S, D)


stages.show_changes(HeadsV2, HeadsV3)

torch.manual_seed(0)
heads_v3 = HeadsV3()
print("heads differ:", heads_differ(heads_v3))
print("parameters of eight heads of 64:", count_parameters(heads_v3))
print("parameters of one head of 512:  ", count_parameters(SelfAttention(512, 512, 512)))
assert heads_differ(heads_v3), "the property must still hold"
assert count_parameters(heads_v3) == 8 * 3 * 512 * 64, "eight heads, three matrices each, all found"

# %% [markdown]
# Both properties hold. The last two lines say something else: eight heads of width 64 have as many
# parameters as one head of width 512. Several heads split the same width, so they cost no parameters.
# They do cost memory: each head has its own table of scores, so there are eight tables of S x S instead
# of one.
#
# ## Stage 13 - Projection
#
# Eight heads stand side by side. What is missing is a way to combine them: so far the first 64 numbers of
# a word come from head 1 and from no other head. The paper multiplies the joined heads by one more
# matrix, `W_O`. This is the **projection**. Begin with the three words and a small `W_O`. The first two
# rows belong to head 1, the last two to head 2.

# %%
small_W_O = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [3, 0, 1, 0], [0, 3, 0, 0]])  # (H * dk, D)
small_projected = joined @ small_W_O  # (S, D)
for name, row in zip(names, small_projected.tolist(), strict=True):
    print(f"{name:5} {[round(x, 2) for x in row]}")
by_hand = torch.tensor([2.234 + 3 * 0.333, 3.021 + 3 * 0.667, 0.333, 2.234])
assert torch.allclose(small_projected[0], by_hand, atol=0.005), "der: both heads write into numbers 1 and 2"

# %% [markdown]
# Check `der` on paper. Its joined numbers above are 2.23 and 3.02 from head 1, 0.33 and 0.67 from head 2.
# The first column of `small_W_O` takes the first number of head 1 and three times the first of head 2:
# 2.23 plus 1 is 3.23. So one number of the result can come from two heads. Now the real size, 512 x 512.

# %%
class HeadsV4(HeadsV3):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__(d_model, n_heads)
        self.W_O = nn.Parameter(torch.randn(d_model, d_model) / math.sqrt(d_model))  # new: (D, D)

    def forward(self, words):
        return super().forward(words) @ self.W_O  # changed: (S, D)


torch.manual_seed(0)
heads_v4 = HeadsV4()
print(tuple(sentence.shape), "->", tuple(heads_v4(sentence).shape))
print("parameters:", count_parameters(heads_v4))
assert count_parameters(heads_v4) == 4 * 512 * 512, "four matrices of 512 x 512 in all"

# %% [markdown]
# The shape is the same as before. So what does the projection do? Ask with an experiment. Silence one
# head, that is, set its 64 numbers to 0, and see which numbers of the output move. Do it for each head,
# once without the projection and once with it.

# %%
def moved_slices(project):
    """Silence one head after the other: the share of numbers that moves in each slice of the output."""
    whole = HeadsV3.forward(heads_v4, sentence)  # (S, D), before the projection
    rows = []
    for h in range(8):
        silent = whole.clone()
        silent[:, 64 * h : 64 * (h + 1)] = 0.0
        moved = project(silent) != project(whole)  # (S, D)
        rows.append(moved.unflatten(-1, (8, 64)).float().mean(dim=(0, 2)))  # (H,)
    return torch.stack(rows)  # (H, H): head by slice


with torch.no_grad():
    without, with_projection = moved_slices(lambda x: x), moved_slices(lambda x: x @ heads_v4.W_O)
for name, share in [("without W_O", without), ("with W_O", with_projection)]:
    print(f"{name:11}: silencing head 1 moves about {round(share[0].sum().item()) * 64} of 512 numbers")
assert torch.equal(without, torch.eye(8)), "without the projection each head writes into its own slice"
assert with_projection.min() > 0.9, "with it each head writes everywhere"

# %% [markdown]
# The figure shows all eight heads. Each row is a silenced head, each column a slice of 64 numbers of the
# output. Look for the fields that are dark.

# %%
# alt: Two heat maps, silenced head by slice of the output. Without W_O only the diagonal is dark: each
#   head moves its own slice. With W_O all fields are dark: each head moves every slice.
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
numbers = [str(h) for h in range(1, 9)]
for ax, share, title in zip(axes, (without, with_projection), ("without W_O", "with W_O"), strict=True):
    plots.heat_map(
        share, numbers, numbers, ax=ax, title=title, row_axis="head that is silenced",
        column_axis="slice of 64 output numbers", scale="share that moves" if title == "with W_O" else None,
    )  # fmt: skip
plots.show(fig)

# %% [markdown]
# Without the projection only the diagonal is dark: a head writes into its own slice and nowhere else.
# With it every head writes into all 512 numbers, and every number of the output can draw on all heads.
#
# There is a second way to read the same product. Cut `W_O` into eight blocks of 64 rows. Each head has
# one.

# %%
with torch.no_grad():
    blocks = heads_v4.W_O.unflatten(0, (8, 64))  # (H, dk, D)
    contributions = [head(sentence) @ block for head, block in zip(heads_v4.heads, blocks, strict=True)]
    print("one head's block:", tuple(blocks[0].shape), " its contribution:", tuple(contributions[0].shape))
    same = torch.allclose(sum(contributions), heads_v4(sentence), atol=1e-5)

print("sum of the eight contributions == joined heads @ W_O:", same)
assert same, "concatenate and project = project each head and add"

# %% [markdown]
# That is the full answer to the question of 02. Each head has a matrix of 64 x 512 that brings its 64
# numbers back to 512, and the eight results are added. To concatenate and to multiply by `W_O` is the
# same.
#
# ## Does the projection lift a score?
#
# There is reason to doubt: where a linear layer follows directly, it could do the work of `W_O` as well,
# as two linear layers in a row are one (01). The board below was measured with six seeds for each row by
# `python -m lessons.boards projection`. It trains on the two tasks of the scoreboard that are about
# counting: *count* (how often does this symbol occur in the sentence?) and *odd* (is that number odd?).
# In rows "heads alone" the output layer follows directly. In rows "encoder layer" it does not: there a
# residual connection and a norm come after the projection, as 06 will build them. Below the recorded rows
# stands a live one, heads alone with the projection, trained now with one seed. Compare the two rows of
# each pair. A class may skip this part.

# %% tags=["nbval-ignore-output"]
# alt: Heat map of accuracies on count and odd: best guess, heads alone without and with projection, an
#   encoder layer without and with it, heads alone trained live. Means differ by .03 at most in each pair.
# not compared: accuracies of models trained here
guess = {name: scoreboard.chance(scoreboard.TASKS[name]) for name in ("count", "odd")}
live = boards.BOARDS["projection"].measure(boards.PROJECTION["heads alone, projection"], seed=0)
rows = scoreboard.recorded("projection")
fig = plots.board(rows, live=live, chance=guess, title="The projection, 6 seeds")
plots.show(fig)

# %% [markdown]
# Within a pair the means are close. Is a small difference the work of the projection? Compare seed by
# seed, and count the parameters.

# %%
table = scoreboard.recorded("projection")
for part in ("heads alone", "encoder layer"):
    pair = [f"{part}, {with_it}" for with_it in ("projection", "no projection")]
    print(f"{part}: {[count_parameters(boards.PROJECTION[row]()) for row in pair]} parameters")
    for task in ("count", "odd"):
        yes, no = table[pair[0]][task], table[pair[1]][task]
        gains = [round(a - b, 3) for a, b in zip(yes, no, strict=True)]
        print(f"  {task:5}: gain with the projection, seed by seed {gains}, mean {sum(gains) / 6:+.3f}")
        assert abs(sum(gains) / 6) < 0.05, "no large difference anywhere"
assert live["count"] > 0.75, "the row trained here solves count"

# %% [markdown]
# Heads alone: *count* rises in five of six seeds, on average by .03. The output layer could do this work,
# so the gain must come from the training, and the row has more parameters. On *odd* nothing can be told.
# In the encoder layer the projection gains nothing on *count*: most seeds differ by less than .01. So the
# experiments above show what the projection *does*: every head can write everywhere. That it is *needed*,
# these small tasks do not show.
#
# ## Are several heads better than one of the same width?
#
# One head of width 512 and eight of width 64 have equally many parameters, so the comparison is fair. The
# next board trains 1, 2, 4, 8 and 16 heads in the scoreboard's width of 64. These rows have the
# projection and the same number of parameters. Two rows give the single head more: six times as many
# steps, or a feed-forward part behind it, which 05 builds. The last row is live: eight heads, trained
# now. The command is `python -m lessons.boards heads`. Follow the column *count* downwards.

# %% tags=["nbval-ignore-output"]
# alt: Heat map of accuracies on count and odd: best guess, 1, 2, 4, 8, 16 heads, 1 head with more steps or
#   feed-forward, 8 heads live. On count one head has .49, with more steps .50, with feed-forward .75, two
#   heads have .85, four .95, eight and sixteen .98 to .99.
# not compared: accuracies of models trained here
live = boards.BOARDS["heads"].measure(boards.HEADS["8 heads"], seed=0)
rows = scoreboard.recorded("heads")
fig = plots.board(rows, live=live, chance=guess, title="Heads in the same width, 3 seeds")
plots.show(fig)

# %% [markdown]
# One head stays near one half, with six times as many steps as well. Two heads reach .85, four .95, eight
# .99, and sixteen cannot be told from eight. *Odd* starts at the best guess with one head and reaches
# about .7. With a feed-forward part behind it one head counts far better, .75. So the answer is: with
# nothing but a linear layer behind them, several heads beat one of the same size, on *count* by far.
#
# Why? One reason can be read off the formula. Say a 3 and a 5 count their own kind. For the 3, every 3
# should add one and every 5 nothing. For the 5 it is the other way round. A value is made from its word
# alone, so with one head a 3 hands over the same value to both. The output layer, which follows directly,
# can only add up. With two heads one can serve the 3 and the other the 5. This fits the numbers; the
# board does not prove it.

# %%
table = scoreboard.recorded("heads")
sizes = {count_parameters(boards.heads(n)) for n in (1, 2, 4, 8, 16)}
print("parameters of 1, 2, 4, 8 and 16 heads:", sizes)
assert len(sizes) == 1, "the rows must be of equal size"
one, eight, helped = table["1 head"], table["8 heads"], table["1 head and feed-forward"]
assert min(eight["count"]) > max(one["count"] + table["1 head, six times the steps"]["count"]) + 0.3
assert max(one["count"]) + 0.1 < min(helped["count"]) < max(helped["count"]) + 0.1 < min(eight["count"])
assert min(eight["odd"]) > max(one["odd"]) + 0.05 and live["count"] > 0.75
print("count: eight heads beat one, also one with more steps or with feed-forward: checked")

# %% [markdown]
# In class, this is a good place for a break.
#
# ## The same result in four ways
#
# A loop over eight heads is easy to read. There are shorter ways to write the same, and each can go wrong
# without an error. So the list of heads becomes the reference: whatever you write next must equal it.
#
# For that, all four ways take the same four matrices of 512 x 512. Columns 1 to 64 of `W_Q` belong to
# head 1, the next 64 to head 2, and so on.

# %%
def list_of_heads(words, W_Q, W_K, W_V, W_O, mask=None, n_heads=8):
    d_k, heads = W_Q.shape[1] // n_heads, []
    if mask is not None and mask.dim() == 4:
        mask = mask[:, 0]  # (B, 1, S): a single head has no axis H
    for h in range(n_heads):
        own = slice(h * d_k, (h + 1) * d_k)
        query, key, value = words @ W_Q[:, own], words @ W_K[:, own], words @ W_V[:, own]  # (B, S, dk) each
        heads.append(attention_weights(query, key, mask) @ value)  # (B, S, dk)
    return torch.cat(heads, dim=-1) @ W_O  # (B, S, D)

# %% [markdown]
# New here is the `mask`, a table of yes and no that says which word may look at which: True means "may
# attend". Where it says False, the weight becomes 0. It stands in `attention_weights` of 03. Notebook 09
# needs it and explains it; here it only has to give the same in all four ways.
#
# Copy the matrices of the eight layers side by side, and compare with the module.

# %%
with torch.no_grad():
    W_Q, W_K, W_V = (
        torch.cat([getattr(head, name) for head in heads_v4.heads], dim=1) for name in ("W_Q", "W_K", "W_V")
    )  # (D, D) each
    matrices = [W_Q, W_K, W_V, heads_v4.W_O]
    same = torch.allclose(list_of_heads(sentence, *matrices), heads_v4(sentence), atol=1e-5)
print("four matrices:", [tuple(W.shape) for W in matrices])
print("list of heads == module of stage 13:", same)
assert same, "the copied weights must give the copied result"

# %% [markdown]
# **Second way: one wide layer and a reshape.** Multiply by all of `W_Q` at once. Then each word has 512
# numbers, and they have to become eight heads of 64: from `(S, D)` to `(H, S, dk)`. PyTorch can reshape,
# so ask for that shape.

# %%
def wide_v1(words, W_Q, W_K, W_V, W_O, mask=None, n_heads=8):
    def split(x):
        return x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)  # (B, H, S, dk)

    query, key, value = split(words @ W_Q), split(words @ W_K), split(words @ W_V)  # (B, H, S, dk) each
    heads = attention_weights(query, key, mask) @ value  # (B, H, S, dk)
    joined = heads.transpose(-3, -2).flatten(-2)  # (B, S, D): the heads of a word side by side
    return joined @ W_O

# %% [markdown]
# It raises no error. Does word 1 still notice word 3, as 02 asked? And does it equal the list of heads?

# %%
def first_output_moves(attention, words, *matrices):
    """How far the output of word 1 moves when the last word changes (02)."""
    edited = words.clone()
    edited[-1] = edited[-1] + 1.0
    return (attention(words, *matrices)[0] - attention(edited, *matrices)[0]).abs().max().item()


def equals_the_list(way):
    return torch.allclose(way(sentence, *matrices), list_of_heads(sentence, *matrices), atol=1e-4)


wrong, right = wide_v1(sentence, *matrices), list_of_heads(sentence, *matrices)  # (S, D) each
print("shape:", tuple(wrong.shape))
print("word 1 notices word 3:", first_output_moves(wide_v1, sentence, *matrices) > 0.01)
print(f"mean size of an output {right.abs().mean():.1f}, of a difference {(wrong - right).abs().mean():.1f}")
print("property, equals the list of heads:", equals_the_list(wide_v1))
assert first_output_moves(wide_v1, sentence, *matrices) > 0.01, "the property of 02 holds"
assert not equals_the_list(wide_v1), "the fault: the reshape scrambles words and heads"

# %% [markdown]
# The shape is right, and word 1 notices word 3. Yet the result is something else altogether: the
# differences are as large as the outputs, and larger. Use numbers that you can follow. Three words of
# four numbers each: 21 is number 1 of word 2. Two heads should get two numbers of each word.

# %%
labelled = torch.tensor([[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34]])  # (S, D)
print("head 1 by reshape alone:          ", labelled.reshape(2, 3, 2)[0].tolist())  # (H, S, dk)
print("head 1 by unflatten and transpose:", labelled.unflatten(-1, (2, 2)).transpose(0, 1)[0].tolist())
assert labelled.reshape(2, 3, 2)[0, 1].tolist() == [13, 14], "the fault: 'word 2' of head 1 is from word 1"

# %% [markdown]
# A reshape only cuts the row of numbers in memory into new pieces. What head 1 takes for word 2 is the
# second half of word 1. The mend has two steps. First cut each word into heads (`unflatten`), then swap
# the axes of words and heads (`transpose`). The way back, in the line of `joined`, has the same two steps
# in reverse.

# %%
def wide_v2(words, W_Q, W_K, W_V, W_O, mask=None, n_heads=8):
    def split(x):
        return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # changed: (B, H, S, dk)

    query, key, value = split(words @ W_Q), split(words @ W_K), split(words @ W_V)  # (B, H, S, dk) each
    heads = attention_weights(query, key, mask) @ value  # (B, H, S, dk)
    joined = heads.transpose(-3, -2).flatten(-2)  # (B, S, D): the heads of a word side by side
    return joined @ W_O


stages.show_changes(wide_v1, wide_v2)

print("property, equals the list of heads:", equals_the_list(wide_v2))
assert equals_the_list(wide_v2), "with the transpose the wide layer must equal the list"

# %% [markdown]
# **Third way: einsum.** In `torch.einsum` you name the axes with letters. What appears on the left and
# not on the right of the arrow is summed over. Three dots, an ellipsis, stand for any axes in front. So
# one line makes the scores of one sentence, of a batch, and of a batch with heads.

# %%
torch.manual_seed(0)
for shape in [(3, 64), (2, 3, 64), (2, 8, 3, 64)]:  # (S, D), (B, S, D), (B, H, S, dk)
    query, key = torch.randn(shape), torch.randn(shape)
    scores = torch.einsum("...td,...sd->...ts", query, key)  # (..., S, S)
    same = torch.allclose(scores, query @ key.transpose(-2, -1), atol=1e-4)
    print(f"{str(shape):14} -> {str(tuple(scores.shape)):12} equal to query @ key.transpose: {same}")
    assert same, "einsum must give the matrix product"

# %% [markdown]
# The same line serves all three. With einsum you can also give each head a kernel, a matrix of its own,
# in one tensor of shape `(D, H, dk)`. Then nothing has to be transposed: the letters say where each axis
# goes.

# %%
def by_einsum(words, W_Q, W_K, W_V, W_O, mask=None, n_heads=8):
    kernels = [W.unflatten(1, (n_heads, -1)) for W in (W_Q, W_K, W_V)]  # (D, H, dk) each
    query, key, value = (torch.einsum("...sd,dhk->...hsk", words, kernel) for kernel in kernels)
    scores = torch.einsum("...tk,...sk->...ts", query, key) / math.sqrt(query.shape[-1])  # (B, H, S, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)  # (B, H, S, S)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # as in 03: matters where a whole row is masked
    heads = torch.einsum("...ts,...sk->...tk", weights, value)  # (B, H, S, dk)
    return torch.einsum("...hsk,hkd->...sd", heads, W_O.unflatten(0, (n_heads, -1)))  # (B, S, D)


print("property, equals the list of heads:", equals_the_list(by_einsum))
assert equals_the_list(by_einsum), "einsum must equal the list"

# %% [markdown]
# Some libraries keep their weights in this form. Keras is one: the layer `MultiHeadAttention` has query
# kernels of shape `(D, H, dk)`, an output kernel of shape `(H, dk, D)`, and computes with einsum. If you
# move weights between such a library and PyTorch, you `flatten` or `unflatten` them, as `by_einsum` does.
#
# **Fourth way: PyTorch's own function.** `scaled_dot_product_attention` does scores, mask, softmax and
# the weighted sum in one call. Splitting and joining stays with you.

# %%
def by_sdpa(words, W_Q, W_K, W_V, W_O, mask=None, n_heads=8):
    def split(x):
        return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (B, H, S, dk)

    query, key, value = split(words @ W_Q), split(words @ W_K), split(words @ W_V)  # (B, H, S, dk) each
    heads = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # changed
    return heads.transpose(-3, -2).flatten(-2) @ W_O  # (B, S, D)


print("property, equals the list of heads:", equals_the_list(by_sdpa))
assert equals_the_list(by_sdpa), "PyTorch's function must equal the list"

# %% [markdown]
# ### Do they really agree?
#
# One sentence proves little. The next cells compare each way with the list of heads: for one sentence and
# for a batch, without a mask and with several, and not only the outputs. The gradients say how training
# would change the words and the four matrices, and they must agree as well.

# %%
def outputs_and_gradients(way, words, mask, dtype):
    inputs = [x.detach().to(dtype).requires_grad_() for x in (words, *matrices)]
    output = way(*inputs, mask=mask)  # (B, S, D)
    gradients = torch.autograd.grad(output.square().sum(), inputs)  # as backward() of 03, but returned
    return [output, *gradients]


def disagreement(way, words, mask, dtype):
    """The largest difference to the list of heads, over max(1, largest entry)."""
    pairs = zip(
        outputs_and_gradients(way, words, mask, dtype),
        outputs_and_gradients(list_of_heads, words, mask, dtype),
        strict=True,
    )
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in pairs)

# %%
torch.manual_seed(0)
batch = torch.randn(2, 5, 512)  # (B, S, D)
not_later = torch.ones(5, 5, dtype=torch.bool).tril()  # True up to the diagonal: no later words allowed
some = torch.rand(5, 5) < 0.5  # (S, S), by chance
some[2] = False  # and word 3 may look at nothing: its weights are all 0
pad = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()[:, None, None, :]  # (B, 1, 1, S)
cases = [(words, mask) for words in (batch[0], batch) for mask in (None, not_later, some)] + [(batch, pad)]
moved = first_output_moves(lambda words: list_of_heads(words, *matrices, mask=not_later), batch[0])
print("no later words allowed: word 1 notices word 5:", moved > 1e-6)
assert moved < 1e-6, "under this mask word 1 may look at itself only"

# %% [markdown]
# The mask works: word 1 may look at itself only, and notices nothing. `pad` is a mask for each sentence:
# in the second one nobody looks at words 4 and 5. Now seven cases for each way, in two precisions. The
# cell prints the largest difference over all cases.

# %% tags=["nbval-ignore-output"]
# not compared: rounding differs between machines
off = {}
for way in (wide_v1, wide_v2, by_einsum, by_sdpa):
    for dtype in (torch.float64, torch.float32):
        off[way, dtype] = max(disagreement(way, words, mask, dtype) for words, mask in cases)
    print(f"{way.__name__:10} float64 {off[way, torch.float64]:.0e}   float32 {off[way, torch.float32]:.0e}")

# %%
for way in (wide_v2, by_einsum, by_sdpa):
    assert off[way, torch.float64] < 1e-10 and off[way, torch.float32] < 1e-5, f"{way.__name__} differs"
assert off[wide_v1, torch.float64] > 0.1, "the comparison must find the scrambled version"
print("all but wide_v1 equal the list: below 1e-10 in float64, below 1e-5 in float32")

# %% [markdown]
# All four agree, in outputs and gradients. The numbers are not equal to the last digit, because sums in
# another order round differently. That is why the bound depends on the precision: `float64` keeps about
# 16 digits, `float32` about 7. And the comparison can fail: `wide_v1`, without the transpose, is far off.
#
# How long do they take? The cell runs all four in turn, eleven times at two sizes, and takes the medians:
# one short sentence, and a batch of sixteen longer ones. A number below 1 means faster than the list.

# %% tags=["nbval-ignore-output"]
# not compared: how long each way takes on this machine
def milliseconds(ways, words, runs=11):
    taken = {way: [] for way in ways}
    for _ in range(1 + runs):
        for way in ways:
            start = time.perf_counter()
            with torch.no_grad():
                way(words, *matrices)
            taken[way].append(1000 * (time.perf_counter() - start))
    return [median(times[1:]) for times in taken.values()]  # the first round warms up


for words_to_time in (torch.randn(6, 512), torch.randn(16, 32, 512)):  # (S, D), (B, S, D)
    reference, *others = milliseconds([list_of_heads, wide_v2, by_einsum, by_sdpa], words_to_time)
    print(f"{tuple(words_to_time.shape)}: list of heads {reference:.1f} ms, as a multiple of that:", end="")
    for way, taken in zip((wide_v2, by_einsum, by_sdpa), others, strict=True):
        print(f"  {way.__name__} {taken / reference:.2f}", end="")
    print()

# %% [markdown]
# These numbers belong to this machine and these sizes; expect others on yours, and another order. Nothing
# here makes one way the best for speed. So choose by what is easy to read.
#
# ## The final form
#
# The series goes on with the wide layer and the transpose: it is short, and each step can be seen. Here
# is the final class. The same definition is in `helpers/model.py`. Four things are new.
#
# - The matrices are `nn.Linear` layers. They add a bias that the paper's formulas do not have.
# - `query`, `key` and `value` are three arguments. In self-attention all three are the words. In notebook
#   09 the query comes from the decoder, and key and value from the memory.
# - `check_heads` stops with a clear message when `d_model` cannot be split.
# - `dropout` is explained in 12. It is off here.

# %% tags=["final"]
class MultiHeadAttention(nn.Module):
    """Attention with several heads: query (B, T, D), key and value (B, S, D) to (B, T, D)."""

    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        check_heads(d_model, n_heads)
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.projection = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def split_heads(self, x):
        """(B, L, D) to (B, H, L, dk)."""
        x = x.unflatten(-1, (self.n_heads, -1))  # (B, L, H, dk)
        return x.transpose(-3, -2)  # (B, H, L, dk)

    def forward(self, query, key, value, mask=None):
        query = self.split_heads(self.query(query))  # (B, H, T, dk)
        key = self.split_heads(self.key(key))  # (B, H, S, dk)
        value = self.split_heads(self.value(value))  # (B, H, S, dk)
        weights = attention_weights(query, key, mask)  # (B, H, T, S)
        heads = self.dropout(weights) @ value  # (B, H, T, dk)
        joined = heads.transpose(-3, -2).flatten(-2)  # (B, T, D)
        return self.projection(joined)

# %% [markdown]
# Copy the four matrices into it and compare with the list of heads, with and without a mask. `nn.Linear`
# stores its weight the other way round, so it gets the transposed matrix.

# %%
attention = MultiHeadAttention(512, 8)
layers = [attention.query, attention.key, attention.value, attention.projection]
with torch.no_grad():
    for layer, W in zip(layers, matrices, strict=True):
        layer.weight.copy_(W.T)  # (D, D)
        layer.bias.zero_()
    for mask in (None, not_later, some, pad):
        expected = list_of_heads(batch, *matrices, mask)  # (B, S, D)
        same = torch.allclose(attention(batch, batch, batch, mask), expected, atol=1e-4)
        print("with a mask:   " if mask is not None else "without a mask:", same)
        assert same, "the final class must equal the list of heads"

# %% [markdown]
# It is the list of heads, written short. Now ask for seven heads. This cell is meant to fail.

# %% tags=["raises-exception"]
MultiHeadAttention(512, 7)

# %% [markdown]
# 512 is not divisible by 7, and the message lists the numbers up to 16 that fit.
#
# ## Put it into the whole model
#
# The outline of 01 hands its self-attention the words alone. A small class passes them on three times.

# %% tags=["final"]
class AttendToItself(nn.Module):
    """Lets `MultiHeadAttention` stand where a part gets the words alone: (B, S, D) to (B, S, D)."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, words):
        return self.attention(words, words, words)

# %% [markdown]
# All six encoders get eight heads of their own.

# %%
torch.manual_seed(0)
model = TransformerOutline()
source, target = torch.randn(3, 512), torch.randn(2, 512)  # (S, D), (T, D)
before = first_output_moves(model.encode, source)
for encoder in model.encoders:
    encoder.self_attention = AttendToItself(MultiHeadAttention(512, 8))
after = first_output_moves(model.encode, source)

print("output", tuple(model(source, target).shape))  # (T, D)
print("the memory of word 1 notices word 3:  before", before > 1e-6, "  after", after > 1e-6)
print(f"parameters of one self-attention: {count_parameters(model.encoders[0].self_attention):,}")
assert before < 1e-6 < after, "only with attention should word 1 notice word 3"
assert count_parameters(model.encoders[0].self_attention) == 4 * (512 * 512 + 512), "four layers with biases"

# %% [markdown]
# The whole model runs, word 1 notices word 3, and all parameters of the new part are found. A batch of
# sentences works too, and so do the decoders, which still hold placeholders.
#
# ## The scoreboard
#
# Now train the new part on all six tasks. Compare the row of 04 with the row of 03, above all in *count*
# and *odd*. The last row is trained while the cell runs, with one seed.

# %% tags=["nbval-ignore-output"]
# alt: Scoreboard: rows 01 to 04 by six tasks. Eight heads have about .99 on count and .70 on odd.
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: AttendToItself(MultiHeadAttention(64, 8)))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
rows = scoreboard.recorded("encoder", last="04")
fig = plots.board(rows, live=live, chance=chance, title="The encoder so far")
plots.show(fig)

# %% [markdown]
# *Count* rises from about one half to almost 1, and *odd* begins to move: its three seeds lie between .65
# and .76. The tasks that need positions stay where they were: *reverse* is no better than with one head,
# and *hop* and *two hops* are no better than the best guess from the symbol alone. The row of 03 has no
# projection and so fewer parameters; the board of heads above is the fair comparison, and it says the
# same.

# %%
table = scoreboard.recorded("encoder", last="04")
one, eight = table["03 one head"], table["04 eight heads"]
assert min(eight["count"]) > max(one["count"]) + 0.4 and min(eight["odd"]) > max(one["odd"]) + 0.05
for task in ("reverse", "hop", "two hops"):
    assert abs(sum(eight[task]) - sum(one[task])) / 3 < 0.03, "nothing gained where positions are needed"
assert live["count"] > 0.75 and live["hop"] < 0.25, "the row trained here tells the same"
print("eight heads lift count and odd, and no task that needs positions: checked")

# %% [markdown]
# ## Recap
#
# 1. A head has its own matrices and its own attention weights. Several heads let a word look for several
#    things at once, with no more parameters than one wide head. With a linear layer behind them, eight
#    count and one does not.
# 2. Eight heads made of the same matrices are one head. Layers in a Python list are hidden from training;
#    `nn.ModuleList` shows them.
# 3. Side by side, eight times 64 numbers are 512. The projection mixes them, so that every head can write
#    into every number of the result.
# 4. Cut each word into heads, then transpose. A reshape alone scrambles the words and raises no error.
# 5. List, wide layer, einsum and PyTorch's function give the same outputs and gradients.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** `MultiHeadAttention(256, 16)`: how many numbers has one head, and how many parameters
# has the whole layer? Do not forget the biases.

# %% tags=["exercise"]
### BEGIN SOLUTION
head_width = 16
n_parameters = 4 * (256 * 256 + 256)
### END SOLUTION

check.heads_and_parameters([head_width, n_parameters])

# %% [markdown]
# **2. On paper.** Two words of six numbers, `[1, 2, 3, 4, 5, 6]` and `[7, 8, 9, 10, 11, 12]`, are split
# among three heads. What does the second head get? Write a list of two rows.

# %% tags=["exercise"]
### BEGIN SOLUTION
second_head = [[3, 4], [9, 10]]
### END SOLUTION

check.split_on_paper(second_head)

# %% [markdown]
# **3. Implement.** The way back: join heads `(B, H, S, dk)` to words `(B, S, H * dk)`.

# %% tags=["exercise"]
def my_join(heads):
    ### BEGIN SOLUTION
    return heads.transpose(1, 2).flatten(2)
    ### END SOLUTION


check.join_heads(my_join)

# %% [markdown]
# **4. Write the equation.** Each head has already projected its values to the width of a word, as in
# stage 13: weights `(..., H, T, S)`, projected values `(..., H, S, D)`. Which equation mixes the values
# in each head and adds up the heads, to `(..., T, D)`? It should work for any axes in front.

# %% tags=["exercise"]
### BEGIN SOLUTION
equation = "...hts,...hsd->...td"
### END SOLUTION

check.mix_by_einsum(equation)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.2.2 describes the heads, their
#   concatenation and the projection.
# - [`scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
#   and [`einsum`](https://docs.pytorch.org/docs/stable/generated/torch.einsum.html) in the PyTorch
#   documentation, [`MultiHeadAttention`](https://keras.io/api/layers/attention_layers/multi_head_attention/)
#   in that of Keras.
#
# ## What is still a placeholder
#
# The encoder's feed-forward part is one linear layer. Embeddings, positions, add and norm and the whole
# decoder are placeholders as well.
#
# {{next}}
