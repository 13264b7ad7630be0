# %% [raw] tags=["card"]
# built: queries, keys and values, and attention for one word at a time
# questions: What are Q, K and V? Why is attention over a single word pointless?
# How large should the matrices be at the start?

# %% [markdown]
# # 02 - One word
#
# {{badge}}
#
# You build attention for one word: its query, its key, its value, the scores, and the softmax. Then the
# word looks at other words. Along the way you make the mistake that hides best, a word that looks only at
# itself, and a check catches it.
#
# - **You need**: the outline from [01 - The outline](01_outline.ipynb), and the product of a vector with a
#   matrix.
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import checks, plots
from helpers.outline import TransformerOutline  # built in 01

# %% [markdown]
# ## You are here

# %%
fig = plots.block_diagram(
    built=["encoder_stack", "decoder_stack"],
    today=["encoder_self_attention"],
    title="02: inside self-attention",
)
plots.show(
    fig,
    alt="Block diagram of the Transformer. The frames of the two stacks are solid. All parts inside are "
    "hatched placeholders. The encoder's self-attention is outlined as today's work.",
)

# %% [markdown]
# The frames of the two towers are solid now: 01 has built them. Every part inside is still hatched, and one
# part has a thick outline: the self-attention of the encoder. In 01 no word of the source knew its
# neighbours. Today a word begins to look around.
#
# ## Stage 04 - The triad: query, key, value
#
# In attention every word plays three roles, and it gets a vector for each of them:
#
# - its **query** says what the word is looking for,
# - its **key** says what the word can be found by,
# - its **value** says what the word hands over when it is found.
#
# Three short words, written by hand, are enough to start. Each is a vector of four numbers.

# %%
the = torch.tensor([1.0, 0.0, 0.0, 1.0])  # (D,)
dog = torch.tensor([0.0, 2.0, 0.0, 0.0])  # (D,)
barks = torch.tensor([0.0, 0.0, 1.0, 1.0])  # (D,)

# %% [markdown]
# First the outline, as always: a function that returns three vectors of the right width, whatever the word.
# Queries and keys have a width of their own, `d_k`. Here it is 2.

# %%
def triad_v1(word):
    return torch.ones(2), torch.ones(2), torch.ones(2)  # query (dk,), key (dk,), value (dk,)


for name, word in [("the", the), ("dog", dog)]:
    query, key, value = triad_v1(word)
    print(f"{name}: query {query.tolist()}, key {key.tolist()}, value {value.tolist()}")

# %% [markdown]
# The widths are right, but both words get the same query. Then no word can look for anything of its own.
# Ask the property directly.

# %%
def tells_words_apart(triad):
    return not torch.equal(triad(the)[0], triad(dog)[0])


print("different words, different queries:", tells_words_apart(triad_v1))
assert not tells_words_apart(triad_v1), "ones cannot tell words apart"

# %% [markdown]
# The placeholder fails. The three vectors have to come from the word.
#
# ## Stage 05 - One word, three matrices
#
# A matrix turns the word into its query, a second one into its key, a third one into its value. They are
# called `W_Q`, `W_K` and `W_V`. Here are three that you can work through on paper.

# %%
W_Q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # (D, dk)
W_K = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])  # (D, dk)
W_V = torch.tensor([[3.0, 0.0], [0.0, 3.0], [6.0, 0.0], [0.0, 0.0]])  # (D, dv)


def triad_v2(word):
    return word @ W_Q, word @ W_K, word @ W_V  # changed: (D,) -> (dk,), (dk,), (dv,)


for name, word in [("the", the), ("dog", dog), ("barks", barks)]:
    query, key, value = triad_v2(word)
    print(f"{name:5}  query {query.tolist()}  key {key.tolist()}  value {value.tolist()}")

print("different words, different queries:", tells_words_apart(triad_v2))
assert tells_words_apart(triad_v2), "the query must depend on the word"

# %% [markdown]
# Check one line by hand. The word `dog` is two times the second unit vector, so its query is two times the
# second row of `W_Q`.
#
# Now the match. A query and a key match when they point the same way, and the dot product measures it:
# multiply number by number, add up. The result is the **score**.

# %%
query, key, value = triad_v2(dog)
print("query", query.tolist(), " key", key.tolist())
print("score of dog with itself:", (query @ key).item())  # (dk,) @ (dk,) -> one number

query, key, value = triad_v2(the)
print("query", query.tolist(), " key", key.tolist())
print("score of the with itself:", (query @ key).item())

# %% [markdown]
# The word `the` matches itself and `dog` does not. A word need not match itself, because its query and its
# key come from different matrices.
#
# The paper uses 512 numbers for a word and 64 for a query. The three matrices are then 512 x 64. Their
# entries are random at first, and training changes them later. The paper also divides the score by
# $\sqrt{d_k}$, which is 8 here. Why is a question for the next notebook.

# %%
torch.manual_seed(0)
d_model, d_k = 512, 64
word = torch.randn(d_model)  # (D,)
W_Q, W_K, W_V = (torch.randn(d_model, d_k) / math.sqrt(d_model) for _ in range(3))  # (D, dk) each

query, key, value = word @ W_Q, word @ W_K, word @ W_V  # (dk,) each
score = query @ key / math.sqrt(d_k)
print("query", tuple(query.shape), " key", tuple(key.shape), " value", tuple(value.shape))
print("divided by", math.sqrt(d_k))
assert query.shape == key.shape == (d_k,), "query and key need the same width, or they have no dot product"

# %% [markdown]
# ## Stage 06 - Softmax
#
# A score can be any number. To mix values you want shares: none negative, and together 1. The softmax turns
# scores into shares. It takes the exponential of each score and divides by the sum.

# %%
def softmax_v1(scores):
    powers = torch.exp(scores)
    return powers / powers.sum()


print(softmax_v1(torch.tensor([0.0, 0.0])).tolist())
print([round(share, 3) for share in softmax_v1(torch.tensor([0.0, 1.0, 2.0])).tolist()])

# %% [markdown]
# Equal scores share equally. A larger score gets a larger share. In this series the shares are called
# **attention weights**. (Elsewhere you find "softmax scores" for these weights and "attention score" for
# the mixed result; here a score is always what goes *into* the softmax.)
#
# Now give it a large score.

# %%
print(softmax_v1(torch.tensor([1000.0, 0.0])).tolist())

# %% [markdown]
# The result is not a number. The exponential of 1000 is too large for the computer, and infinity divided by
# infinity has no value. There is a way round: subtract the largest score first. Every power shrinks by the
# same factor, so the shares stay the same.

# %%
def softmax_v2(scores):
    powers = torch.exp(scores - scores.max())  # changed
    return powers / powers.sum()


print(softmax_v2(torch.tensor([1000.0, 0.0])).tolist())

scores = torch.randn(5)
assert torch.allclose(softmax_v2(scores), softmax_v1(scores)), "the shift must not change the shares"
assert torch.allclose(softmax_v2(scores), scores.softmax(dim=0)), "ours should equal PyTorch's softmax"
print("ours == PyTorch's:", torch.allclose(softmax_v2(scores), scores.softmax(dim=0)))

# %% [markdown]
# Yours equals PyTorch's. From here on you use PyTorch's.
#
# Now complete the attention of our one word. It has one score, its own.

# %%
for number in [-5.0, 0.0, 0.1, 7.3]:
    print(f"score {number:4}  attention weight {torch.tensor([number]).softmax(dim=0).item()}")

weight = score.reshape(1).softmax(dim=0)  # (1,)
assert torch.equal(weight * value, value), "with one word, the output is its value"

# %% [markdown]
# The softmax of a single score is 1, whatever the score is. So the output is the value, and query and key
# play no part. Change `W_Q` as much as you like, and see what the output does.

# %%
other_query = word @ torch.randn(d_model, d_k)  # (dk,)
other_score = other_query @ key / math.sqrt(d_k)
other_output = other_score.reshape(1).softmax(dim=0) * value  # (dk,)

change = (other_output - weight * value).abs().max().item()
print("another W_Q moves the output by", change)
assert change == 0.0, "one word alone should not depend on W_Q"

# %% [markdown]
# One word alone makes attention pointless. It needs company.
#
# ## Stage 07 - Attention for one word
#
# Go back to the three words written by hand, where you can follow every number. Keep their matrices.

# %%
words = torch.stack([the, dog, barks])  # (S, D)
small_W_Q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # (D, dk)
small_W_K = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])  # (D, dk)
small_W_V = torch.tensor([[3.0, 0.0], [0.0, 3.0], [6.0, 0.0], [0.0, 0.0]])  # (D, dv)

# %% [markdown]
# Three words, so a loop. For each word: its query, its key, the score, the softmax, the value. It is
# tempting to write it like this.

# %%
def self_attention_v1(words, W_Q, W_K, W_V):
    outputs = []
    for word in words:
        query, key, value = word @ W_Q, word @ W_K, word @ W_V  # (dk,), (dk,), (dv,)
        score = query @ key / math.sqrt(len(query))
        weight = score.reshape(1).softmax(dim=0)  # (1,)
        outputs.append(weight * value)  # (dv,)
    return torch.stack(outputs)  # (S, dv)


result = self_attention_v1(words, small_W_Q, small_W_K, small_W_V)
for name, row in zip(["the", "dog", "barks"], result.tolist(), strict=True):
    print(f"{name:5} {row}")

# %% [markdown]
# It runs, and three rows come out. Nothing looks wrong. So ask for the property that attention is for: **if
# the last word changes, the output of the first word must change.**

# %%
def first_output_moves(attention, words, *matrices):
    """How far the output of word 1 moves when the last word changes."""
    edited = words.clone()
    edited[-1] = edited[-1] + 1.0
    before, after = attention(words, *matrices)[0], attention(edited, *matrices)[0]  # (dv,)
    return (before - after).abs().max().item()


moved = first_output_moves(self_attention_v1, words, small_W_Q, small_W_K, small_W_V)
print("word 3 changes, the output of word 1 moves by", moved)
assert moved == 0.0, "version 1 should still have its fault here"

# %% [markdown]
# It does not move at all. Each word is scored against its own key only. So each softmax sees a single score
# and every weight is 1, as in stage 06. No word ever looks at another.
#
# The mend: the query of *one* word meets the keys of *all* words. Start with the word `the`.

# %%
query = the @ small_W_Q  # (dk,)
keys = [word @ small_W_K for word in words]  # S times (dk,)
scores = torch.stack([query @ key for key in keys])  # (S,)

print("query of the:", query.tolist())
for name, key, score in zip(["the", "dog", "barks"], keys, scores, strict=True):
    print(f"key of {name:5}  {key.tolist()}  score {score.item()}")

# %% [markdown]
# Three scores for one word. The query of `the` matches the key of `dog` best. Now divide, apply the
# softmax, and mix the values.

# %%
weights = (scores / math.sqrt(2)).softmax(dim=0)  # (S,)
values = [word @ small_W_V for word in words]  # S times (dv,)
for name, weight, value in zip(["the", "dog", "barks"], weights.tolist(), values, strict=True):
    print(f"{weight:.3f} x value of {name:5} {value.tolist()}")

output = sum(weight * value for weight, value in zip(weights, values, strict=True))  # (dv,)
print("output for the:", [round(number, 3) for number in output.tolist()])
assert torch.isclose(weights.sum(), torch.tensor(1.0)), "attention weights add up to 1"

# %% [markdown]
# The output for `the` is a mix of all three values, and the value of `dog` weighs most. The weights add up
# to 1, so the output is a weighted average.
#
# That is attention for one word. Here it is as a function, in its final form. The same lines are in
# `helpers/outline.py`.

# %% tags=["final"]
def attend(query, keys, values):
    """Attention for one word: query (dk,), keys (S, dk), values (S, dv) to output (dv,) and weights (S,)."""
    scores = torch.stack([query @ key for key in keys])  # (S,)
    weights = (scores / math.sqrt(len(query))).softmax(dim=0)
    output = sum(weight * value for weight, value in zip(weights, values, strict=True))  # (dv,)
    return output, weights

# %% [markdown]
# And for every word of a sentence, one after the other: the keys and values are made once, then each word
# asks with its own query.

# %% tags=["final"]
def self_attention_loop(words, W_Q, W_K, W_V):
    """Self-attention one word at a time: words (S, D) to outputs (S, dv)."""
    keys = [word @ W_K for word in words]
    values = [word @ W_V for word in words]
    outputs = [attend(word @ W_Q, keys, values)[0] for word in words]
    return torch.stack(outputs)  # (S, dv)

# %% [markdown]
# Ask the same property of the new version, and see that word 1 gives what you computed step by step.

# %%
result = self_attention_loop(words, small_W_Q, small_W_K, small_W_V)
for name, row in zip(["the", "dog", "barks"], result.tolist(), strict=True):
    print(f"{name:5} {[round(number, 3) for number in row]}")

moved = first_output_moves(self_attention_loop, words, small_W_Q, small_W_K, small_W_V)
print("word 3 changes, the output of word 1 moves by", round(moved, 3))
assert torch.allclose(result[0], output), "the function should equal the steps above"
assert moved > 0.1, "a word that looks at the others must notice a change"

# %% [markdown]
# Now it moves. The check that failed passes. Keep this check in mind: a wrong shape stops the program, but
# this fault ran without a complaint.
#
# ### Who looks at whom
#
# Collect the weights of every word and draw them. Each row is one word that asks. Each column is a word
# that it looks at. Look for the darkest and the lightest field of each row.

# %%
def all_weights(words, W_Q, W_K, W_V):
    keys, values = [word @ W_K for word in words], [word @ W_V for word in words]
    return torch.stack([attend(word @ W_Q, keys, values)[1] for word in words])  # (S, S)


names = ["the", "dog", "barks"]
weights = all_weights(words, small_W_Q, small_W_K, small_W_V)  # (S, S)
fig = plots.attention_map(weights, names, names, title="Attention weights of three words")
plots.show(
    fig,
    alt="Heat map of the attention weights of the, dog and barks. The row of the has its largest weight at "
    "dog. Each row adds up to 1.",
)
assert torch.allclose(weights.sum(dim=1), torch.ones(3)), "each row must add up to 1"

# %% [markdown]
# The row of `the` has its largest weight at `dog`, as you computed. Each row adds up to 1, and a check has
# confirmed it. The columns do not: a word may be looked at by everyone or by no one.
#
# ### How large should the matrices be?
#
# In the paper's size the matrices are random at first. `torch.randn` makes numbers of size 1. You divided
# them by $\sqrt{512}$ above, without a reason. Compare three sizes on five random words of 512 numbers. The
# question: how do the weights of word 1 spread over the five words?

# %%
torch.manual_seed(1)
five = torch.randn(5, d_model)  # (S, D)
raw = [torch.randn(d_model, d_k) for _ in range(3)]  # (D, dk) each
sizes = {"randn": 1.0, "randn / sqrt(512)": math.sqrt(d_model), "randn / 100": 100.0}

by_size = {name: all_weights(five, *(W / size for W in raw)) for name, size in sizes.items()}  # (S, S) each
for name, weights in by_size.items():
    print(f"{name:18} weights of word 1: {[f'{weight:.2f}' for weight in weights[0].tolist()]}")

# %% [markdown]
# The figure shows all five words. Look at the contrast inside each row: one dark field, a mix, or five
# equal ones.

# %%
fig, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
numbers = [f"{i}" for i in range(1, 6)]
for ax, (name, weights) in zip(axes, by_size.items(), strict=True):
    plots.attention_map(weights, numbers, numbers, ax=ax, title=name)
plots.show(
    fig,
    alt="Three heat maps of attention weights over five words. With randn each row has one weight of 1 and "
    "four of 0. With randn divided by the root of 512 the weights are mixed. With randn divided by 100 all "
    "weights are close to 0.2.",
)

# %% [markdown]
# With `randn` each row has one weight of 1 and four of 0: every word looks at a single word. With `randn /
# 100` all weights are about equal: every word looks everywhere alike. In between, with `randn / sqrt(512)`,
# words differ and each keeps a share. The next cell puts the picture into numbers: the largest weight of
# each row, averaged over the rows.

# %%
for name, weights in by_size.items():
    print(f"{name:18} mean largest weight {weights.max(dim=1).values.mean():.2f}")

largest = [weights.max(dim=1).values.mean().item() for weights in by_size.values()]
assert largest[0] > 0.99, "large matrices should give one-hot weights"
assert abs(largest[2] - 0.2) < 0.05, "small matrices should give equal weights"
assert 0.25 < largest[1] < 0.75, "the matrices in between should give mixed weights"

# %% [markdown]
# Both extremes are a bad start for training, which works by small nudges. Nudge one score by 0.1 and see
# how far the attention weights of word 1 move.

# %%
for name, size in sizes.items():
    query = five[0] @ (raw[0] / size)  # (dk,)
    scores = torch.stack([query @ (word @ (raw[1] / size)) for word in five]) / math.sqrt(d_k)  # (S,)
    nudged = scores.clone()
    nudged[1] += 0.1
    moved = (nudged.softmax(dim=0) - scores.softmax(dim=0)).abs().max()
    print(f"{name:18} scores {scores.min():8.2f} to {scores.max():6.2f}  weights move by {moved:.4f}")

# %% [markdown]
# With `randn` the scores are hundreds apart, and a nudge changes no weight. Training would have nothing to
# follow. With `randn / 100` the nudge is felt, but the scores hardly differ, so the words all look alike.
#
# ### Put it into the whole model
#
# Back to the outline of 01. Its first encoder has a linear layer where self-attention belongs. Replace it
# by today's loop. The next part expects words of 512 numbers, so this time `W_V` is 512 x 512. How 64
# numbers become 512 again is a question for notebook 04.

# %%
class LoopAttention(nn.Module):
    def __init__(self, d_model, d_k):
        super().__init__()
        scale = 1 / math.sqrt(d_model)
        self.W_Q, self.W_K = (torch.randn(d_model, d_k) * scale for _ in range(2))  # (D, dk) each
        self.W_V = torch.randn(d_model, d_model) * scale  # (D, D)

    def forward(self, words):
        return self_attention_loop(words, self.W_Q, self.W_K, self.W_V)  # (S, D)


torch.manual_seed(0)
model = TransformerOutline()
source, target = torch.randn(3, 512), torch.randn(2, 512)  # (S, D), (T, D)
before = first_output_moves(model.encode, source)
model.encoders[0].self_attention = LoopAttention(512, 64)
after = first_output_moves(model.encode, source)

print("output", tuple(model(source, target).shape))
print("word 3 changes, the memory of word 1 moves:  before", before > 1e-6, "  after", after > 1e-6)
assert before < 1e-6 < after, "only with attention should word 1 notice word 3"

# %% [markdown]
# The whole model still runs, and one property has changed. Before, the memory of word 1 did not know about
# word 3. Now it does. There is also something wrong with this layer: its matrices cannot be trained. You
# find out why in the next notebook.
#
# ## Recap
#
# 1. Every word has a query, a key and a value, made by three matrices.
# 2. A score is the dot product of a query and a key, divided by $\sqrt{d_k}$.
# 3. The softmax turns scores into attention weights, which add up to 1. For a single score the weight is
#    always 1.
# 4. The output is the average of all values, weighted. One query meets *all* keys.
# 5. A wrong attention can run without a complaint. A property finds it: change word 3, word 1 must notice.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** Three scores are all 4.0. What are the three attention weights? Write a list of three
# numbers.

# %% tags=["exercise"]
### BEGIN SOLUTION
three_weights = [1 / 3, 1 / 3, 1 / 3]
### END SOLUTION

checks.equal_scores(three_weights)

# %% [markdown]
# **2. Implement.** Write the softmax of a vector so that it also survives a score of 1000. Do not use
# PyTorch's.

# %% tags=["exercise"]
def my_softmax(scores):
    ### BEGIN SOLUTION
    powers = torch.exp(scores - scores.max())
    return powers / powers.sum()
    ### END SOLUTION


checks.stable_softmax(my_softmax)

# %% [markdown]
# **3. Implement.** Return the scores of one query `(dk,)` with all keys `(S, dk)`, divided as in the paper.
# No softmax yet.

# %% tags=["exercise"]
def my_scores(query, keys):
    ### BEGIN SOLUTION
    return torch.stack([query @ key for key in keys]) / math.sqrt(len(query))
    ### END SOLUTION


checks.scaled_scores(my_scores)

# %% [markdown]
# **4. Implement.** Return the output `(dv,)` of one word: mix the values `(S, dv)`. You may use your two
# functions.

# %% tags=["exercise"]
def my_attend(query, keys, values):
    ### BEGIN SOLUTION
    weights = my_softmax(my_scores(query, keys))
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
    ### END SOLUTION


checks.one_word_attention(my_attend)

# %% [markdown]
# **5. Write the check yourself.** `attention` is a function from words `(S, D)` to outputs `(S, D)`. Return
# `True` if the first output changes when the last word changes, and `False` if it does not.

# %% tags=["exercise"]
def looks_at_others(attention, words):
    ### BEGIN SOLUTION
    edited = words.clone()
    edited[-1] = edited[-1] + 1.0
    return not torch.allclose(attention(words)[0], attention(edited)[0])
    ### END SOLUTION


checks.looks_at_others(looks_at_others)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.2.1 and equation 1.
#
# ## What is still a placeholder
#
# The attention of one encoder is a slow loop that cannot learn. The five other encoders and all decoders
# still use linear layers.
#
# {{next}}
