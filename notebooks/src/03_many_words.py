# %% [raw] tags=["card"]
# built: one attention head for whole sentences and batches, as a layer that can be trained
# questions: How do all words look at once? Does attention know the order of the words?
# What does a trained head look at?

# %% [markdown]
# # 03 - Many words
#
# {{badge}}
#
# In 02 the words took turns: one asked, took home its answer, and only then came the next, though nothing
# that the second word does waits for the first. **How do all words look at once?** And can a machine find
# matrices like the three that you wrote by hand?
#
# - **You need**: queries, keys, values and `self_attention_loop` from [02 - One word](02_one_word.ipynb),
#   the product of two matrices, and what a slope is, since training rests on slopes (stage 11).
# - **It runs** in {{time}} on a laptop with two cores. For home: the question from two lessons back, a word
#   of your own in stage 08, the race, what lies between the heat map and the recap, and exercises 2 to 4.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math
import time

import torch
from torch import nn

from helpers import plots
from helpers.arguments import check_mask
from helpers.model import eval_mode  # as for use, not for training; afterwards as before
from lessons import pictures, scoreboard
from lessons.boards import many_words as boards
from lessons.exercises import many_words as check
from lessons.outline import TransformerOutline, self_attention_loop  # built in 01 and 02
from lessons.views import attention_view

# %%
built = ["encoder_stack", "decoder_stack"]
plots.show(plots.close_up(built=built, today=["encoder_self_attention"], title="03: all words at once"))

# %% [markdown]
# **From two lessons back.** In 01 a chain of linear layers was worth one. Is it still, with attention
# between them? Forget the biases, double every number of every word, and say what happens to the output of
# a linear chain, and what happens in attention.
#
# <details><summary>Answer</summary>
#
# The output of a linear chain doubles, always. In attention queries and keys both double, so the scores are
# four times as large and, where they differ, the shares change: the output does not simply double.
#
# </details>
#
# ## Stage 08 - Every word asks every word
#
# These are the words and the matrices of 02. Let every word ask every word, and write down each dot product:
# a row for each word that asks, a column for each that answers.

# %%
names = ["Mann", "Ball", "fängt", "ihn"]
words = torch.tensor(  # (S, D): masculine, person, catching, pronoun
    [[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 2]])
W_Q = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 0]])  # (D, dk)
W_K = torch.tensor([[1.0, 0], [0, 0], [0, 1], [-0.5, 0]])  # (D, dk)
W_V = torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 0]])  # (D, dv): him, it


# %%
def show(table):
    for name, row in zip(names, table.tolist(), strict=True):
        print(f"{name:6}", *(f"{number:6.2f}" for number in row))


def ask_everybody(words):
    table = torch.zeros(len(words), len(words))  # (S, S)
    for i, asks in enumerate(words):
        for j, answers in enumerate(words):
            table[i, j] = (asks @ W_Q) @ (answers @ W_K)
    return table


dots = ask_everybody(words)
show(dots)

# %% [markdown]
# In the last row *ihn* finds the man, first column, with 1, but in the first row the man finds *ihn*, last
# column, with 0, since *ihn* shows nothing on its spine: its key is `[0, 0]`.
#
# Put a word of your own, any four numbers, in the place of *fängt*, and the cell prints by how much each
# score changes. Which of the sixteen can move?

# %%
mine = words.clone()
mine[2] = torch.tensor([1.0, 0, 2, 0])  # yours
show(ask_everybody(mine) - dots)

# %% [markdown]
# Only the third row can, where your word asks, and the third column, where it answers, since the other nine
# belong to pairs that it has no part in. No score needs another, so they can all be made at once.
#
# ## Stage 09 - Q, K and V for many words
#
# The innermost line of `ask_everybody` makes the key of the man four times, once for each word that asks.
# One key is enough, and one product makes them all, since the words are the rows of a matrix already.

# %%
Q, K, V = words @ W_Q, words @ W_K, words @ W_V  # (S, D) @ (D, dk) -> (S, dk); V: (S, dv)
print(f"{'Q':>14}{'K':>14}{'V':>14}")
show(torch.cat([Q, K, V], dim=1))
assert torch.equal(Q[3], words[3] @ W_Q), "row 4 should be what ihn asks by itself"

# %% [markdown]
# ## Stage 10 - Attention for many words
#
# In these three products no word meets another. They meet in the table of stage 08, which holds the dot
# product of each row of $Q$ with each row of $K$. Turn the rows of $K$ into columns, `K.T`, the transpose,
# and a matrix product makes that table.

# %%
product = Q @ K.T  # (S, dk) @ (dk, S) -> (S, S)
assert torch.equal(product, dots), "the table of stage 08, without a loop"
weights = (product / math.sqrt(2)).softmax(dim=1)  # (S, S), over the words that answer; d_k is 2 (02)
show(weights)

# %% [markdown]
# *Going deeper: [Why divide by the root of d_k?](studies/03a_why_divide_by_the_root_of_dk.ipynb)* The more
# products a dot product adds up, the further the scores lie apart, and the division takes that back.
#
# What is left is the mix, in which *ihn* takes home its share of each value. Add them up by hand, and say
# what `weights @ V` has in its last row.

# %%
by_hand = sum(share * value for share, value in zip(weights[3], V, strict=True))  # (dv,)
output = weights @ V  # (S, S) @ (S, dv) -> (S, dv)
print("by hand:", [round(x, 3) for x in by_hand.tolist()])
show(output)

# %% [markdown]
# The same, because row $i$ of a matrix product is a sum of the *rows* of the right matrix, each times a
# number from row $i$ of the left one. That is mixing values, and here is all of it, in two
# products.

# %%
plots.show(pictures.matrix_strip([
    [("Q", "(S, dk)", Q), "@", ("K.T", "(dk, S)", K.T, names), "=", ("dot products", "(S, S)", dots, names)],
    [("weights", "(S, S)", weights, names), "@", ("V", "(S, dv)", V), "=", ("output", "(S, dv)", output)],
], names))  # fmt: skip

# %% [markdown]
# **All words look at once because one product, $Q K^T$, holds the scores of all pairs; the softmax turns each
# row into shares, and a second product mixes the values: $\text{softmax}(Q K^T / \sqrt{d_k})\, V$.**


# %%
def self_attention(words, W_Q, W_K, W_V):
    Q, K, V = words @ W_Q, words @ W_K, words @ W_V  # (S, dk), (S, dk), (S, dv)
    weights = (Q @ K.T / math.sqrt(W_Q.shape[1])).softmax(dim=1)  # (S, S)
    return weights @ V  # (S, dv)


# %% [markdown]
# Let it race against the loop of 02, with 100 words of 512 numbers. Will it be twice as fast, or ten times?

# %% tags=["nbval-ignore-output"]
# not compared: run times differ between machines and moments
torch.manual_seed(0)
many = torch.randn(100, 512)  # (S, D)
matrices = [torch.randn(512, 64) / math.sqrt(512) for _ in range(3)]  # (D, dk) each
outputs, seconds = [], []
for attention in (self_attention_loop, self_attention):
    start = time.perf_counter()
    outputs.append(attention(many, *matrices))  # (S, dv)
    seconds.append(time.perf_counter() - start)
assert torch.allclose(*outputs, atol=1e-4), "the loop and the products should agree"
assert seconds[0] > 5 * seconds[1], "the products should be far ahead"
print(f"the loop takes {seconds[0] / seconds[1]:.0f} times as long")

# %% [markdown]
# The outputs are the same and the loop is far behind, so from here on attention is these three lines.
#
# ### Does attention know the order?
#
# Turn the sentence round, to ihn, fängt, Ball, Mann: which outputs do you expect?

# %%
order = [3, 2, 1, 0]
turned = self_attention(words[order], W_Q, W_K, W_V)  # (S, dv)
for i, row in zip(order, turned.tolist(), strict=True):
    print(f"{names[i]:6}", *(f"{number:6.2f}" for number in row))
assert torch.allclose(turned, output[order]), "each word should keep its output"

# %% [markdown]
# **Attention does not know the order of the words: shuffle them, and each keeps its output, at its new
# place.** The property is called **permutation equivariance**, and three matrices with their softmax are
# called a **head**. To this one *dog bites man* is *man bites dog*, until 07 gives words their places.
#
# ## Stage 11 - A layer that learns
#
# Let the machine find one number first: $w$, the entry of `W_Q` in the last row and the second column. It
# is 0, since a pronoun does not ask for what is caught, and so *ihn* gives man and ball the same share. The
# **loss** says how far you are from what you want, here how much of *it* is missing in what *ihn* takes
# home. The **gradient** is the slope of the loss where $w$ stands, and a step against it goes downhill.


# %%
def missing(w):
    changed = W_Q.clone()
    changed[3, 1] = w
    return 1 - self_attention(words, changed, W_K, W_V)[3, 1]


w, rate, steps = torch.tensor(0.0, requires_grad=True), 2.0, []  # the rate is yours
for _ in range(5):
    loss = missing(w)
    loss.backward()  # works out the slope, w.grad (15)
    steps.append((w.item(), loss.item(), w.grad.item()))
    w = (w - rate * w.grad).detach().requires_grad_()  # a new w downhill, asked for its slope in turn

# %% [markdown]
# Each dot is a place where $w$ stood, and its line is the slope there.

# %%
ends = [place for place, _, _ in steps]
grid = torch.linspace(min(ends) - 0.3, max(ends) + 0.5, 60).tolist()
losses = [missing(place).item() for place in grid]
plots.show(pictures.downhill(grid, losses, steps, xlabel="w", ylabel="loss: share of 'it' that is missing"))

# %% [markdown]
# Where the curve is steep a step is long, and where it flattens training slows down. In a model every entry
# of every matrix goes downhill at once, and an optimiser, Adam, decides how long the steps are (12).
#
# So make it a layer, a module that owns its matrices and takes many sentences at once, a **batch** `(B, S,
# D)`. The products accept a batch as it is. Only `K.T` is made for a single matrix, and `transpose(-2, -1)`
# stands in for it: it swaps the last two axes, however many stand before them.


# %%
class SelfAttentionV1(nn.Module):
    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        scale = 1 / math.sqrt(d_model)
        self.W_Q = torch.randn(d_model, d_k) * scale  # (D, dk)
        self.W_K = torch.randn(d_model, d_k) * scale  # (D, dk)
        self.W_V = torch.randn(d_model, d_v) * scale  # (D, dv)

    def forward(self, words):
        query, key, value = words @ self.W_Q, words @ self.W_K, words @ self.W_V  # (B, S, dk) or dv
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, S, S)
        return scores.softmax(dim=1) @ value  # (B, S, dv)


# %% [markdown]
# The layer needs something to learn: in the task **previous** eight symbols stand in a ring, and each must
# name the one before it, the first one the last.

# %%
sentence, target = boards.PREVIOUS.draw(1, torch.Generator().manual_seed(0))
print(sentence[0].tolist(), "->", target[0].tolist())

# %% [markdown]
# Attention knows no places, so they are lent: `boards.lent_places` adds to each word one fixed random
# vector for the place where it stands. If these vectors learned, even random matrices could do it, and a
# success would prove nothing about the matrices. What does learn is an embedding in front of places and
# head, and an output layer behind them, which `train_on` puts there; places and head are the `body` of its
# model.


# %% tags=["nbval-ignore-output"]
# not compared: the accuracy of a model trained here
def train(head, d_k=64):
    """At most 400 steps of 128 sentences, fewer when nothing is wrong any more."""
    lent = boards.lent_places
    model = scoreboard.train_on(boards.PREVIOUS, lambda: nn.Sequential(lent(), head(64, d_k, 64)))
    print(f"{scoreboard.accuracy(model, boards.PREVIOUS):.2f} right, on sentences never seen in training")
    return model


model = train(SelfAttentionV1)

# %% [markdown]
# A guess would be right once in eight, so something was learned, but for one step to the left it is poor.
# Before you call the head too weak, ask what training can move at all: which names do you expect?

# %%
for name, parameter in model.named_parameters():
    print(f"{name:18}", tuple(parameter.shape))

# %% [markdown]
# `W_Q`, `W_K` and `W_V` are not among them. A module looks for parameters among its attributes, and a plain
# tensor is none, so no optimiser ever found the three matrices. Embedding and output layer made the best of
# a head that stayed random. What marks a tensor as one to train is `nn.Parameter`.


# %%
class SelfAttentionV2(SelfAttentionV1):
    def __init__(self, d_model, d_k, d_v):
        super().__init__(d_model, d_k, d_v)
        for name in ("W_Q", "W_K", "W_V"):
            setattr(self, name, nn.Parameter(getattr(self, name)))  # changed


model = train(SelfAttentionV2)

# %% [markdown]
# All of it is right, after seconds of training. Would you hand it over? It was trained on 128 sentences at
# a time, and whoever uses it has one, `(S, D)`, without a batch axis. So ask for a property: a sentence
# must give alone what it gives in a batch.

# %%
sentences, _ = boards.PREVIOUS.draw(500, torch.Generator().manual_seed(1), held_out=True)  # (B, S)


def alone_as_in_batch(model):
    with eval_mode(model):
        alone = torch.stack([model(sentence) for sentence in sentences[:20]])  # (B, S, V)
        return torch.allclose(model(sentences[:20]), alone, atol=1e-4)


print("alone = in a batch:", alone_as_in_batch(model))

# %% [markdown]
# It does not, although it scores 1.00. Look at the weights in a batch of two, our four words and the same
# turned round.

# %%
batch = torch.stack([words, words[order]])  # (B, S, D)
scores = (batch @ W_Q) @ (batch @ W_K).transpose(-2, -1) / math.sqrt(2)  # (B, S, S)
for dim in (1, -1):
    weights = scores.softmax(dim)[0]  # (S, S), of the first sentence
    for name, axis in {"rows": 1, "columns": 0}.items():
        print(f"dim={dim:2}  {name} add up to", [round(x, 2) for x in weights.sum(dim=axis).tolist()])

# %% [markdown]
# For one sentence the axes are (query, key), and 1 is the key. In a batch they are (sentence, query, key),
# so 1 is the *query*, and the words that ask compete for each answer. Counted from the end the keys are
# always last, which makes `dim=-1` right for both. The layer could learn all the same: in a ring each word
# is looked at by one word only, and rows and columns can both add up to 1. **A perfect score can hide a
# bug.**
#
# The fix goes into the final form, where scores and softmax become a function of their own, since later
# parts need them too. Without a mask, as today, only two of its lines count, `scores` and the first
# `return`, and the rest is for 09. `T` counts the words that ask and `S` those that answer, which here are
# the same.

# %% tags=["final"]
def attention_weights(query, key, mask=None):
    """Weights softmax(query key^T / sqrt(dk)): (..., T, dk) and (..., S, dk) to (..., T, S)."""
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    if mask is None:
        return scores.softmax(dim=-1)
    check_mask(mask, scores)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return weights.masked_fill(~mask, 0.0)


class SelfAttention(nn.Module):
    """One attention head as a layer with three matrices to train: (B, S, D) to (B, S, dv)."""

    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        scale = 1 / math.sqrt(d_model)
        self.W_Q = nn.Parameter(torch.randn(d_model, d_k) * scale)  # (D, dk)
        self.W_K = nn.Parameter(torch.randn(d_model, d_k) * scale)  # (D, dk)
        self.W_V = nn.Parameter(torch.randn(d_model, d_v) * scale)  # (D, dv)

    def forward(self, words):
        query, key = words @ self.W_Q, words @ self.W_K  # (B, S, dk) each
        value = words @ self.W_V  # (B, S, dv)
        return attention_weights(query, key) @ value  # (B, S, dv)

# %%
model = train(SelfAttention)
print("alone = in a batch:", alone_as_in_batch(model))
assert alone_as_in_batch(model), "a batch must not change a sentence"

# %% [markdown]
# It is right, alone as in a batch. To see how it does it, the next cell draws where each place looks,
# averaged over 500 sentences. Before you run it: where must place 5 look, and where place 1?

# %% tags=["nbval-ignore-output"]
# alt: Heat map of attention weights over eight places. The dark fields form a line one step left of the
#   diagonal, and place 1 looks at place 8.
# not compared: where the head trained here looks
with eval_mode(model):
    x = model.body[0](model.embedding(sentences))  # (B, S, D): embedded symbols, and their places added
    looks = attention_weights(x @ model.body[1].W_Q, x @ model.body[1].W_K).mean(dim=0)  # (S, S)
ring = range(1, 9)
plots.show(plots.heat_map(looks, ring, ring, row_axis="place that asks", column_axis="place it looks at",
                          scale="attention weight"))  # fmt: skip

# %% [markdown]
# One dark diagonal, a step to the left, and place 1 looks at place 8. **Training found matrices that nobody
# wrote, and on the ring the trained head looks where its task sends it.** A control shows that it takes the
# matrices (`python -m lessons.boards ring`): with plain tensors and `dim=-1` three seeds get .38 on
# average, with trained ones 1.00.
#
# *Going deeper: [Why three matrices?](studies/03b_why_three_matrices.ipynb)* One matrix for queries and
# keys could not close this ring, while keys and values could share one, if the head is wide.
#
# ### A head to watch
#
# With queries of only two numbers you can watch a head look. Choose a place, and its query is the dot,
# while the lines are the keys of places 1 to 8. Then drag the dot, and make it look somewhere else.

# %% tags=["nbval-ignore-output"]
# not compared: the numbers of a head trained here
narrow, sentence = train(SelfAttention, d_k=2), sentences[0]  # (S,)
with eval_mode(narrow):
    x = narrow.body[0](narrow.embedding(sentence))  # (S, D)
    query, key = x @ narrow.body[1].W_Q, x @ narrow.body[1].W_K  # (S, dk) each
attention_view(query, key, sentence[:, None], [str(n) for n in ring], value_names=["symbol"])

# %% [markdown]
# Here the keys lie all round, so that each can be found by a direction, and each query fits the
# key of the place before it best.
#
# ### Put it into the whole model
#
# In 02 one encoder got the loop, and now all six get the layer, with a batch for a source.

# %%
torch.manual_seed(0)
outline, source = TransformerOutline(), torch.randn(2, 3, 512)  # (B, S, D)
for encoder in outline.encoders:
    encoder.self_attention = SelfAttention(512, 64, 512)
edited = source.clone()
edited[:, 2] += 1.0
moved = (outline.encode(source) - outline.encode(edited))[:, 0].abs().max().item()
print("word 1 notices word 3:", moved > 1e-6)

# %% [markdown]
# ### The scoreboard
#
# For *previous* places were lent, while the three tasks of 02 lend nothing. What do three trained matrices
# buy there, over the random ones?

# %%
# alt: Heat map of accuracies with four rows: the best guess, 01, 02 and 03. From 02 to 03 count rises from
#   .45 to .50; copy and reverse stay where they were.
tasks = ("copy", "count", "reverse")
chance = {name: scoreboard.chance(scoreboard.TASKS[name]) for name in tasks}
rows = scoreboard.recorded("encoder", last="03")
board = {row: {name: scores[name] for name in tasks} for row, scores in rows.items()}
plots.show(plots.board(board, chance=chance, means=True, title="After 03"))

# %% [markdown]
# *Count* rises a little, and nothing else does. More heads come next, and they help *count*. *Reverse*
# waits for places (07).
#
# ## Recap
#
# 1. All words look at once: $\text{softmax}(Q K^T / \sqrt{d_k})\, V$ is two matrix products with a softmax
#    between, and equals the loop.
# 2. Attention does not know the order of the words: it is permutation equivariant.
# 3. A gradient is a slope of the loss. Training steps against it, and so finds matrices that nobody wrote.
# 4. A plain tensor is not trained, `nn.Parameter` is. `dim=1` is right for a sentence, wrong in a batch.
# 5. The trained head looks where its task sends it: on the ring, one step to the left.
#
# ## Exercises
#
# Replace the `...` and run the cell, and the check answers at once.
#
# **1. Warm-up.** On paper: a head with `d_model` 512, `d_k` 64 and `d_v` 32 gets a batch of 8 sentences of
# 5 words. Which shapes, as two tuples, have its attention weights and its output?

# %% tags=["exercise"]
### BEGIN SOLUTION
weights_shape = (8, 5, 5)
output_shape = (8, 5, 32)
### END SOLUTION

check.attention_shapes([weights_shape, output_shape])

# %% [markdown]
# **2. Core.** The words of one sentence ask, and the words of *another* answer. `words` `(T, D)` write the
# queries; `others` `(S, D)` show the keys and hand over the values. Return what each of the words takes
# home, `(T, dv)`. Two batches, `(B, T, D)` and `(B, S, D)`, must work too.

# %% tags=["exercise"]
def ask_others(words, others, W_Q, W_K, W_V):
    ### BEGIN SOLUTION
    query, key, value = words @ W_Q, others @ W_K, others @ W_V  # (..., T, dk), (..., S, dk), (..., S, dv)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    return scores.softmax(dim=-1) @ value  # (..., T, dv)
    ### END SOLUTION


check.many_words_attention(ask_others)

# %% [markdown]
# **3. Debug.** Somebody wrote the layer once more, and all shapes are right. Each sentence gives in a batch
# what it gives alone, and each row of weights adds up to 1.


# %%
def attention_again(words, W_Q, W_K, W_V):
    query, key, value = words @ W_Q, words @ W_K, words @ W_V  # (B, S, dk), (B, S, dk), (B, S, dv)
    turned = key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2])  # (B, dk, S)
    return (query @ turned / math.sqrt(query.shape[-1])).softmax(dim=-1) @ value  # (B, S, dv)


# %% [markdown]
# Which property of today does it break? Write a check whose `function` maps words `(S, D)` to a row of
# output for each, and return `True` if shuffling first and shuffling last are the same. Use two shuffles,
# `words.roll(1, 0)`, which puts the last word first, and a swap of the first two.

# %% tags=["exercise"]
def ignores_order(function, words):
    ### BEGIN SOLUTION
    swap = [1, 0, *range(2, len(words))]
    shuffles = [lambda x: x[swap], lambda x: x.roll(1, 0)]
    return all(torch.allclose(function(s(words)), s(function(words)), atol=1e-5) for s in shuffles)
    ### END SOLUTION


check.ignores_order(ignores_order)

# %% [markdown]
# Then fix the layer. Of the broken one, `ignores_order(lambda x: attention_again(x, W_Q, W_K, W_V),
# words)`, your check must say `False`, and of yours `True`.

# %% tags=["exercise"]
def attention_fixed(words, W_Q, W_K, W_V):
    ### BEGIN SOLUTION
    query, key, value = words @ W_Q, words @ W_K, words @ W_V  # (B, S, dk), (B, S, dk), (B, S, dv)
    turned = key.transpose(-2, -1)  # (B, dk, S)
    return (query @ turned / math.sqrt(query.shape[-1])).softmax(dim=-1) @ value  # (B, S, dv)
    ### END SOLUTION


check.keys_turned(attention_fixed)

# %% [markdown]
# **4. Stretch.** *Reverse* is a task of the scoreboard where row 03 has .34: each place names the symbol
# that stands as far from the other end. Lend places, train a head on it, and get everything right, with
# queries as narrow as you can: how small may `d_k` be? Put the trained model into `narrowest`. (Call
# `scoreboard.train_on` with `reverse`, as `train` does with *previous*.) Then explain why one number less
# is not enough.

# %% tags=["exercise"]
reverse = scoreboard.TASKS["reverse"]
### BEGIN SOLUTION
from lessons.outline import SelfAttention  # that of stage 11

narrowest = scoreboard.train_on(
    reverse, lambda: nn.Sequential(boards.lent_places(), SelfAttention(64, 2, 64))
)
### END SOLUTION

check.narrow_enough(narrowest)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# Accuracies for at least two widths, beside .34. The reason: with one number a score is a plain product, and
# a positive query puts the largest key first, a negative one the smallest. Only two of eight places can ever
# come first. In a plane the keys can stand all round, each with a direction in which it lies farthest out.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017, section
#   3.2.1: equation 1 is today's formula.
# - A. Karpathy, [*Let's build GPT*](https://www.youtube.com/watch?v=kCc8FmEb1nY), a film: from an average in
#   a loop to a matrix product, line by line.
# - 3Blue1Brown, [*Gradient descent*](https://www.3blue1brown.com/lessons/gradient-descent): slopes, from one
#   number to thousands.
# - [`nn.Parameter`](https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html) in the
#   PyTorch documentation.
#
# ## What is still a placeholder
#
# Self-attention has one head, and the paper has eight. Feed-forward, add and norm, positions and all decoders
# are still empty.
#
# {{next}}
