# %% [raw] tags=["card"]
# built: queries, keys and values, and attention for one word at a time
# questions: What are Q, K and V? Why is attention over a single word pointless?
# How large should their entries be at the start?

# %% [markdown]
# # 02 - One word
#
# {{badge}}
#
# You build attention for one word: its query, its key, its value, the scores, and the softmax. Then the
# word looks at other words. Along the way you make a mistake that raises no error, a word that looks only
# at itself, and a check catches it.
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

from helpers import plots
from lessons import scoreboard
from lessons.exercises import one_word as check
from lessons.outline import SelfAttention, TransformerOutline  # built in 03 and 01

# %% [markdown]
# ## You are here

# %%
fig = plots.block_diagram(
    built=["encoder_stack", "decoder_stack"],
    today=["encoder_self_attention"],
    title="02: inside self-attention",
)
plots.show(fig)

# %% [markdown]
# The frames of the two towers are drawn in black now: 01 has built them. Every part inside is still
# hatched, and one part has a thick outline: the self-attention of the encoder. In 01 no word of the source
# knew its neighbours. A translator needs that: whether "sie" means "she" or "they" depends on the other
# words. Today a word begins to look around.
#
# ## Stage 04 - The triad: query, key, value
#
# You have words as vectors, and nothing that lets one find another. In attention every word plays three
# roles, and it gets a vector for each of them:
#
# - its **query** says what the word is looking for,
# - its **key** says what the word can be found by,
# - its **value** says what the word hands over when it is found.
#
# Three short words, written by hand, are enough to start. Each is a vector of four numbers. The numbers are
# made up; in a trained model they would carry the meaning of the word.

# %%
der = torch.tensor([1.0, 0.0, 0.0, 1.0])  # (D,)
hund = torch.tensor([0.0, 2.0, 0.0, 0.0])  # (D,)
bellt = torch.tensor([0.0, 0.0, 1.0, 1.0])  # (D,)
names = ["der", "Hund", "bellt"]

# %% [markdown]
# First the outline, as always: a function that returns three vectors, whatever the word. Queries and keys
# have the same width, `d_k`. Values may have another one, `d_v`. Here both are 2. In shape comments they
# are `dk` and `dv`.

# %%
def triad_v1(word):
    return torch.ones(2), torch.ones(2), torch.ones(2)  # query (dk,), key (dk,), value (dv,)


for name, word in zip(names, [der, hund, bellt], strict=True):
    query, key, value = triad_v1(word)
    print(f"{name:5}  query {query.tolist()}  key {key.tolist()}  value {value.tolist()}")

# %% [markdown]
# The widths are right, but all words get the same query. Then no word can look for anything of its own. Ask
# for the property directly.

# %%
def tells_words_apart(triad):
    return not torch.equal(triad(der)[0], triad(hund)[0])


print("different words, different queries:", tells_words_apart(triad_v1))
assert not tells_words_apart(triad_v1), "the fault: ones cannot tell words apart"

# %% [markdown]
# The placeholder does not have the property. (The assert holds because of the fault: it keeps it on
# record.) The three vectors have to come from the word.
#
# ## Stage 05 - One word, three matrices
#
# The triad has the right form and says nothing. What is missing is a way from the word to its three
# vectors. A matrix turns the word into its query, a second one into its key, a third one into its value.
# They are called `W_Q`, `W_K` and `W_V`. Here are three small ones that you can work through on paper.

# %%
small_W_Q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # (D, dk)
small_W_K = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])  # (D, dk)
small_W_V = torch.tensor([[3.0, 0.0], [0.0, 3.0], [6.0, 0.0], [0.0, 0.0]])  # (D, dv)


def triad_v2(word):
    return word @ small_W_Q, word @ small_W_K, word @ small_W_V  # changed: (D,) -> (dk,), (dk,), (dv,)


for name, word in zip(names, [der, hund, bellt], strict=True):
    query, key, value = triad_v2(word)
    print(f"{name:5}  query {query.tolist()}  key {key.tolist()}  value {value.tolist()}")

print("different words, different queries:", tells_words_apart(triad_v2))
assert tells_words_apart(triad_v2), "the query must depend on the word"

# %% [markdown]
# Check one line by hand. `Hund` is two times the second unit vector, so its query is two times the second
# row of `small_W_Q`.
#
# Now the match. The dot product measures how well a query and a key match: multiply number by number, add
# up. It is large when both point the same way and are long.

# %%
for name, word in [("Hund", hund), ("der", der)]:
    query, key, value = triad_v2(word)
    print(f"{name:4}  query {query.tolist()}  its own key {key.tolist()}  dot product {(query @ key).item()}")

query, key, value = triad_v2(hund)
assert query @ key == 0.0, "by hand: 0 * 2 + 2 * 0"

# %% [markdown]
# `der` matches itself and `Hund` does not. A word need not match itself, because its query and its key come
# from different matrices.
#
# The paper's base model uses 512 numbers for a word and 64 for a query, so these matrices are 512 x 64.
# Their entries are random at first, and training changes them later. The paper also divides the dot product
# by $\sqrt{d_k}$. The result is the **score**. Why one divides is a question for notebook 03.

# %%
torch.manual_seed(0)
d_model, d_k = 512, 64
word = torch.randn(d_model)  # (D,)
W_Q, W_K, W_V = (torch.randn(d_model, d_k) / math.sqrt(d_model) for _ in range(3))  # (D, dk) each

query, key, value = word @ W_Q, word @ W_K, word @ W_V  # (dk,), (dk,), (dv,)
score = query @ key / math.sqrt(d_k)
print("query", tuple(query.shape), " key", tuple(key.shape), " value", tuple(value.shape))
print(f"dot product {query @ key:.3f}, divided by {math.sqrt(d_k)}: score {score:.3f}")
assert torch.isclose(score * 8, query @ key), "the root of 64 is 8"

# %% [markdown]
# One word, one query, one key, one score.
#
# ## Stage 06 - Softmax
#
# A score can be any number. To mix values you need shares: none negative, and together 1. The **softmax**
# turns scores into shares. It takes the exponential of each score, which is never negative, and divides by
# the sum.

# %%
def softmax_v1(scores):
    exponentials = torch.exp(scores)
    return exponentials / exponentials.sum()


equal = softmax_v1(torch.tensor([0.0, 0.0]))  # (2,)
print("scores 0, 0    ->", equal.tolist())
print("scores 0, 1, 2 ->", [round(share, 3) for share in softmax_v1(torch.tensor([0.0, 1.0, 2.0])).tolist()])
assert equal.tolist() == [0.5, 0.5], "equal scores share equally"

# %% [markdown]
# Equal scores share equally. A larger score gets a larger share. In this series the shares are called
# **attention weights**. (Elsewhere you find "softmax scores" for these weights and "attention score" for
# the mixed result; here a score is always what goes *into* the softmax.)
#
# Now give it a large score.

# %%
too_large = softmax_v1(torch.tensor([1000.0, 0.0]))  # (2,)
print(too_large.tolist())
assert too_large.isnan().any(), "the fault: infinity divided by infinity"

# %% [markdown]
# `nan` means "not a number". The exponential of 1000 is too large for the computer and becomes infinity,
# and infinity divided by infinity has no value. There is a way round: subtract the largest score first.
# Every exponential shrinks by the same factor, so the shares stay the same.

# %%
def softmax_v2(scores):
    exponentials = torch.exp(scores - scores.max())  # changed
    return exponentials / exponentials.sum()


print(softmax_v2(torch.tensor([1000.0, 0.0])).tolist())

scores = torch.randn(5)  # (5,)
print("the same as PyTorch's softmax:", torch.allclose(softmax_v2(scores), scores.softmax(dim=0)))
assert torch.allclose(softmax_v2(scores), softmax_v1(scores)), "the shift must not change the shares"
assert torch.allclose(softmax_v2(scores), scores.softmax(dim=0)), "yours should equal PyTorch's softmax"

# %% [markdown]
# Yours equals PyTorch's. From here on you use PyTorch's.
#
# Now finish the attention of the single word. It has one score, its own.

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
other_output = other_score.reshape(1).softmax(dim=0) * value  # (dv,)

change = (other_output - weight * value).abs().max().item()
print("another W_Q moves the output by", change)
assert change == 0.0, "one word alone does not depend on W_Q"

# %% [markdown]
# One word alone makes attention pointless. It needs company.
#
# ## Stage 07 - Attention for one word
#
# You have query, key, value, score and softmax. What is missing is a second word. Go back to the three
# words written by hand, where you can follow every number.
#
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


words = torch.stack([der, hund, bellt])  # (S, D)
result = self_attention_v1(words, small_W_Q, small_W_K, small_W_V)  # (S, dv)
for name, row in zip(names, result.tolist(), strict=True):
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
print("word 1 looks at others:", moved > 0)
assert moved == 0.0, "the fault: no word looks at another"

# %% [markdown]
# It does not move at all. Each word is scored against its own key only. So each softmax sees a single score
# and every weight is 1, as in stage 06. No word ever looks at another.
#
# The mend: the query of *one* word meets the keys of *all* words. Start with `der`. Its $d_k$ is 2.

# %%
query = der @ small_W_Q  # (dk,)
keys = [word @ small_W_K for word in words]  # S times (dk,)
dots = torch.stack([query @ key for key in keys])  # (S,)
scores = dots / math.sqrt(2)  # (S,)

print("query of der:", query.tolist())
for name, key, dot, score in zip(names, keys, dots, scores, strict=True):
    print(f"key of {name:5}  {key.tolist()}  dot product {dot.item()}  score {score:.3f}")
assert scores.argmax() == 1, "by hand: der matches Hund best"

# %% [markdown]
# Three scores for one word. The query of `der` matches the key of `Hund` best. Now apply the softmax, and
# mix the values.

# %%
weights = scores.softmax(dim=0)  # (S,)
values = [word @ small_W_V for word in words]  # S times (dv,)
for name, weight, value in zip(names, weights.tolist(), values, strict=True):
    print(f"{weight:.3f} x value of {name:5} {value.tolist()}")

output = sum(weight * value for weight, value in zip(weights, values, strict=True))  # (dv,)
print("output for der:", [round(number, 3) for number in output.tolist()])
assert weights.argmax() == 1 and torch.isclose(weights.sum(), torch.tensor(1.0)), "shares, Hund's the largest"

# %% [markdown]
# The output for `der` is a mix of all three values, and the value of `Hund` weighs most. It is a weighted
# average, because the weights add up to 1. (The printed weights are rounded, so a sum on paper can be off
# in the last digit.)
#
# That is attention for one word. Here it is as a function, in its final form. The same definition is in
# `lessons/outline.py`.

# %% tags=["final"]
def attend(query, keys, values):
    """Attention for one word: query (dk,), keys (S, dk), values (S, dv) to output (dv,) and weights (S,)."""
    scores = torch.stack([query @ key for key in keys]) / math.sqrt(len(query))  # (S,)
    weights = scores.softmax(dim=0)
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
# Ask for the same property again.

# %%
result = self_attention_loop(words, small_W_Q, small_W_K, small_W_V)  # (S, dv)
for name, row in zip(names, result.tolist(), strict=True):
    print(f"{name:5} {[round(number, 3) for number in row]}")

moved = first_output_moves(self_attention_loop, words, small_W_Q, small_W_K, small_W_V)
print("word 3 changes, the output of word 1 moves by", round(moved, 3))
print("word 1 looks at others:", moved > 0)
assert torch.allclose(result[0], output), "the function should equal the steps above"
assert moved > 0.1, "a word that looks at the others must notice a change"

# %% [markdown]
# Now it moves, and the first row is what you computed step by step. Keep this check in mind: a wrong shape
# stops the program, but version 1 ran without a complaint. In class, this is a good place for a break.
#
# ### Who looks at whom
#
# Collect the weights of every word and draw them. Each row is one word that asks. Each column is a word
# that it looks at. Look for the darkest field of each row.

# %%
# alt: Heat map of the attention weights of der, Hund and bellt. The darkest field of the row of der is at
#   Hund, those of the rows of Hund and bellt are at der.
def all_weights(words, W_Q, W_K):
    keys = [word @ W_K for word in words]
    return torch.stack([attend(word @ W_Q, keys, keys)[1] for word in words])  # (S, S)


weights = all_weights(words, small_W_Q, small_W_K)  # (S, S)
fig = plots.attention_map(weights, names, names, title="Attention weights of three words")
plots.show(fig)
print("rows add up to   ", [round(number, 2) for number in weights.sum(dim=1).tolist()])
print("columns add up to", [round(number, 2) for number in weights.sum(dim=0).tolist()])
assert weights.argmax(dim=1).tolist() == [1, 0, 0], "der looks at Hund, Hund and bellt look at der"

# %% [markdown]
# `der` looks mostly at `Hund`, and `Hund` and `bellt` look mostly at `der`. `Hund` hardly looks at itself.
# Each row adds up to 1. The columns do not: one word may be looked at a lot and another little.
#
# ### How large should the entries be?
#
# The matrices are random at first, and `torch.randn` makes entries with mean 0 and standard deviation 1: of
# size 1, for short. Above you divided them by $\sqrt{512}$, without a reason. Try three divisors on five
# random words, and see how large the queries get and how the weights of word 1 spread over the five words.

# %%
torch.manual_seed(1)
five = torch.randn(5, d_model)  # (S, D)
raw_W_Q, raw_W_K, raw_W_V = (torch.randn(d_model, d_k) for _ in range(3))  # (D, dk) each
divisors = {"randn": 1.0, "randn / sqrt(512)": math.sqrt(d_model), "randn / 100": 100.0}

maps = {}
for name, divisor in divisors.items():
    maps[name] = all_weights(five, raw_W_Q / divisor, raw_W_K / divisor)  # (S, S)
    spread = (five @ raw_W_Q / divisor).std()
    print(f"{name:18} queries of size {spread:5.2f}  weights {[f'{w:.2f}' for w in maps[name][0].tolist()]}")

# %% [markdown]
# One number of a query is a sum of 512 products. They have either sign and partly cancel, so the sum does
# not grow to 512 but like $\sqrt{512}$, which is about 23. Dividing by it brings the query back to size 1,
# the size of the words. (This root belongs to the matrices and the width of a word. The other one,
# $\sqrt{d_k}$, belongs to the scores.)
#
# The figure shows the weights of all five words. Look at the contrast inside each row: one dark field, a
# mix, or five equal ones.

# %%
# alt: Three heat maps of attention weights over five words. With randn each row has one weight of 1 and
#   four of 0. With randn divided by the root of 512 the weights are mixed. With randn divided by 100 all
#   weights are close to 0.2.
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), layout="constrained")
numbers = ["1", "2", "3", "4", "5"]
for ax, (name, weights) in zip(axes, maps.items(), strict=True):
    plots.attention_map(weights, numbers, numbers, ax=ax, title=name, bar=name == "randn / 100")
plots.show(fig)
largest = {name: weights.max(dim=1).values.mean().item() for name, weights in maps.items()}
print("mean of the largest weight in each row:", {name: round(weight, 2) for name, weight in largest.items()})

# %% [markdown]
# With `randn` each row has one weight of 1 and four of 0: every word looks at a single word. With `randn /
# 100` all weights are about equal: every word looks everywhere alike. In between, with `randn / sqrt(512)`,
# the weights are mixed. The check puts that into bounds.

# %%
assert largest["randn"] > 0.99, "entries of size 1 give one weight of 1"
assert 0.3 < largest["randn / sqrt(512)"] < 0.8, "in between the weights are mixed"
assert largest["randn / 100"] < 0.25, "small entries give five weights near 1/5"
print("one weight of 1, a mix, five equal ones: checked")

# %% [markdown]
# What do the extremes cost? Training works by small nudges: it changes a score a little and follows what
# helps. Add 0.1 to the score of word 5, and see how far the weights of word 1 move.

# %%
for name, divisor in divisors.items():
    W_Q, W_K = raw_W_Q / divisor, raw_W_K / divisor  # (D, dk) each
    query = five[0] @ W_Q  # (dk,)
    scores = torch.stack([query @ (word @ W_K) for word in five]) / math.sqrt(d_k)  # (S,)
    nudge = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.1])  # (S,)
    moved = ((scores + nudge).softmax(dim=0) - scores.softmax(dim=0)).abs().max()
    print(f"{name:18} scores {scores.min():8.2f} to {scores.max():6.2f}  weights move by {moved:.4f}")
    assert (moved == 0) == (name == "randn"), "only randn should block the nudge"

# %% [markdown]
# With `randn` the scores are hundreds apart, and the nudge changes nothing. Here training has nothing to
# follow. The small entries of `randn / 100` let the nudge through. Their price is another one: all words
# mix the five values in the same way, so the outputs hardly differ. Measure it, against the values
# themselves.

# %%
values = five @ raw_W_V / math.sqrt(d_model)  # (S, dv)
for name, weights in maps.items():
    outputs = weights @ values  # (S, dv): each row mixes the values by its weights
    share = outputs.std(dim=0).mean() / values.std(dim=0).mean()
    print(f"{name:18} the outputs differ {share:.2f} times as much as the values")

assert share < 0.1, "the last one, randn / 100, should make all outputs alike"

# %% [markdown]
# With `randn / 100` the five outputs are nearly the same vector: what tells the words apart is lost. So you
# start with $\sqrt{d_{model}}$. Scores then have a size where a nudge counts, and words stay different.
# This is about the start only: training can make entries grow. The paper does not say how it starts.
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

print("output", tuple(model(source, target).shape))  # (T, D)
print("the memory of word 1 notices word 3:  before", before > 1e-6, "  after", after > 1e-6)
assert before < 1e-6 < after, "only with attention should word 1 notice word 3"

# %% [markdown]
# The whole model still runs, and one property has changed. Before, the memory of word 1 did not know about
# word 3. Now it does. One more number: count the parameters of the new part.

# %%
n_parameters = sum(parameter.numel() for parameter in model.encoders[0].self_attention.parameters())
print("parameters of LoopAttention:", n_parameters)
assert n_parameters == 0, "the fault: PyTorch finds none of the three matrices"

# %% [markdown]
# None. It holds three matrices, and PyTorch does not know that they should be trained. Notebook 03 mends
# that.
#
# ### The scoreboard
#
# What does it buy that words see each other, with matrices that stay as they were drawn? Ask the
# scoreboard of 01. The loop is too slow for thousands of sentences. So this cell borrows `SelfAttention`
# from the next notebook, which computes the same for many sentences at once, and shows there that it does.
# `requires_grad_(False)` keeps training away from its matrices. Only the embedding and the output layer
# learn.

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: SelfAttention(64, 64, 64).requires_grad_(False))
print({name: round(share, 2) for name, share in live.items()})

# %% [markdown]
# Look at `count` and `reverse` in the figure: did the second row rise above the first, by more than its
# three seeds differ?

# %%
# alt: Heat map of accuracies with four rows: the best guess, the placeholders of 01, attention that is not
#   trained, and the same trained just now. Count rises from .39 to about .45 and reverse from .12 to about
#   .34. Copy falls a little below 1.00. The other tasks stay at the best guess.
recorded = scoreboard.recorded("encoder", last="02")
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
fig = plots.board(recorded, live=live, chance=chance, title="The scoreboard after notebook 02")
plots.show(fig)

# %% [markdown]
# Both rose, `count` by a little and `reverse` by a lot. `copy` has lost a little, because a word's own symbol
# now reaches the output only in a mix with the others. The other tasks stay where they were.

# %%
before, after = recorded["01 placeholders"], recorded["02 attention, not trained"]
for name in ["count", "reverse"]:
    assert min(after[name]) > max(before[name]), f"{name}: every seed above every seed of the row before"
    assert live[name] > chance[name], f"{name}: also in the training of today"
assert max(after["copy"]) < min(before["copy"]), "copy: every seed below"
for name in ["odd", "hop", "two hops"]:
    assert abs(live[name] - chance[name]) < 0.05, f"{name}: as good as the best guess"
print("count and reverse rise, copy falls, the rest stays")

# %% [markdown]
# How can `reverse` rise, if no word knows its place? Suppose you know which seven other symbols occur, and
# not where. Then your best guess is the most frequent of them. How often is it right?

# %%
torch.manual_seed(0)
sentences = torch.randint(8, (2000, 8))  # (B, S)
counts = nn.functional.one_hot(sentences, 8).sum(dim=1, keepdim=True)  # (B, 1, V): how often each occurs
others = counts - nn.functional.one_hot(sentences, 8)  # (B, S, V): the same, without the word itself
best_guess = others.max(dim=-1).values.float().mean().item() / 7
print(f"reverse, knowing which symbols occur: {best_guess:.2f}")
assert all(abs(share - best_guess) < 0.03 for share in after["reverse"]), "all three seeds do just that"

# %% [markdown]
# That is the share that the recorded row reaches. So the words see each other now, and do not know who
# stands where. Notebook 07 gives them places.
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
# **1. On paper.** A fourth word asks with the query `[1, 1]`. It may look at `der`, `Hund` and `bellt`,
# whose keys are `[1, 2]`, `[2, 0]` and `[1, 1]`. Which three attention weights does it get? Two decimals
# are enough; a pocket calculator is allowed.

# %% tags=["exercise"]
### BEGIN SOLUTION
fourth_word_weights = [0.50, 0.25, 0.25]
### END SOLUTION

check.weights_on_paper(fourth_word_weights)

# %% [markdown]
# **2. Implement.** Write the softmax of a vector so that it also survives a score of 1000. Write it
# yourself, without PyTorch's `softmax`.

# %% tags=["exercise"]
def my_softmax(scores):
    ### BEGIN SOLUTION
    exponentials = torch.exp(scores - scores.max())
    return exponentials / exponentials.sum()
    ### END SOLUTION


check.stable_softmax(my_softmax)

# %% [markdown]
# **3. Implement.** Return the output `(dv,)` of one word, and nothing else: a query `(dk,)` looks at keys
# `(S, dk)` with values `(S, dv)`. Divide by the root of the query's own width.

# %% tags=["exercise"]
def my_attend(query, keys, values):
    ### BEGIN SOLUTION
    scores = torch.stack([query @ key for key in keys]) / math.sqrt(len(query))
    weights = torch.softmax(scores, dim=0)
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
    ### END SOLUTION


check.one_word_attention(my_attend)

# %% [markdown]
# **4. Steer it.** `der` looks mostly at `Hund`. Change *one* entry of `small_W_K` so that the largest
# weight of `der` falls on `bellt`. Give the row, the column (both counted from 0) and the new number. The
# words and matrices are those of stages 04 and 05.

# %% tags=["exercise"]
### BEGIN SOLUTION
row, column, number = 2, 0, 5.0
### END SOLUTION

check.steer_attention([row, column, number])

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


check.looks_at_others(looks_at_others)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.2.1 and equation 1 for the scores and
#   the softmax, section 3.2.2 for the three matrices and the width of 64.
#
# ## What is still a placeholder
#
# The attention of one encoder is a slow loop that cannot learn. The five other encoders and all decoders
# still use linear layers.
#
# {{next}}
