# %% [raw] tags=["card"]
# built: word embeddings and positional encoding, in front of the encoder
# questions: Are embeddings needed for any kind of data? Why multiply by the root of d_model?
# Why sine and cosine? Why add positions and not concatenate? Do sinusoids or learned positions
# reach places that were never trained?

# %% [markdown]
# # 07 - Embeddings and positions
#
# {{badge}}
#
# You build what stands in front of the first encoder layer: a table that turns words into vectors, and a
# second one that says where each word stands. Then "dog bites man" and "man bites dog" are two sentences.
#
# - **You need**: the encoder layer from [06 - Add and norm](06_add_and_norm.ipynb), and what sine and
#   cosine are.
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import plots
from helpers.arguments import check_even, check_length
from helpers.model import EncoderLayer  # built in 06
from lessons import scoreboard, stages
from lessons.boards import embeddings_and_positions as boards
from lessons.exercises import embeddings_and_positions as check
from lessons.outline import TransformerOutline  # built in 01

# %% [markdown]
# ## You are here

# %%
inside = ["encoder_self_attention", "encoder_feed_forward", "encoder_add_norm"]
today = ["source_embedding", "source_positions"]
fig = plots.block_diagram([*inside, "encoder_stack", "decoder_stack"], today, "07: words, vectors, places")
plots.show(fig)

# %% [markdown]
# The left tower is built. Below it two boxes have a thick outline: the embedding and the positions. So far
# you have made up the vectors of the words, and the encoder does not know their order. Today it gets both.
#
# ## Stage 18 - Words become vectors
#
# You have an encoder that takes vectors. A text is made of words. What is missing is the way from one to
# the other. It has two steps: number the words, and keep a table with one row of numbers for each of them.
# The number of a word is its **id**, and its row is its **embedding**. Here are three words and a table
# written by hand.

# %%
ids = {"dog": 0, "bites": 1, "man": 2}
table = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])  # (n_vocab, D)

sentence = torch.tensor([ids[word] for word in ["man", "bites", "dog"]])  # (S,)
vectors = table[sentence]  # (S, D)
for word, row in zip(["man", "bites", "dog"], vectors.tolist(), strict=True):
    print(f"{word:5} id {ids[word]}  {row}")
assert torch.equal(vectors[0], table[2]), "man is row 2"

# %% [markdown]
# Each word has fetched its row. The same can be written as a product. A **one-hot** vector has a 1 at the
# place of the id and 0 everywhere else. Times the table, it picks out one row.

# %%
one_hot = nn.functional.one_hot(sentence, num_classes=3).float()  # (S, n_vocab)
print(one_hot.tolist())

layer = nn.Embedding.from_pretrained(table)
print("one-hot times table == lookup:", torch.equal(one_hot @ table, vectors))  # (S, D)
print("nn.Embedding        == lookup:", torch.equal(layer(sentence), vectors))
assert torch.equal(one_hot @ table, vectors), "the product should be the lookup"
assert torch.equal(layer(sentence), vectors), "nn.Embedding should be the lookup"

# %% [markdown]
# All three agree. So an embedding is a linear layer without a bias, whose input is one-hot. The lookup only
# skips the multiplications by 0. `nn.Embedding` holds the table as a parameter, so training sets its rows.
#
# ### Are embeddings needed for every kind of data?
#
# An id is a name. That "bites" has 1 and "man" has 2 means nothing. A temperature of 2 degrees lies between
# 1 and 3, and that means a lot. A number needs no table: a linear layer with one input makes a vector of
# it. See what that does to temperatures, and what it would do to ids.

# %%
torch.manual_seed(0)
number_to_vector = nn.Linear(1, 4)
with torch.no_grad():
    low, middle, high = number_to_vector(torch.tensor([[0.0], [1.0], [2.0]]))  # (D,) each
print("the vector of 1 is halfway between those of 0 and 2:", torch.allclose(middle, (low + high) / 2))
halfway = torch.allclose(table[ids["bites"]], (table[ids["dog"]] + table[ids["man"]]) / 2)
print("in the table, bites is halfway between dog and man: ", halfway)
assert torch.allclose(middle, (low + high) / 2) and not halfway, "only a table is free of the order"

# %% [markdown]
# A linear layer puts all numbers on one straight line, whatever its parameters are. For temperatures that
# is right. For ids it would say that "bites" is half dog, half man, and no training could change it.
#
# Now an experiment. A series of 16 noisy values of a sine goes into one encoder layer, and the output of
# the last one has to predict the value that follows. (The experiment borrows the positions of stage 20.
# Without them the layer would not know the order of the values.) The input is made in two ways: by
# `nn.Linear(1, D)`, or by cutting the range into bins, which are numbered and embedded like words. Train
# the first way now (seconds), and look at how close the predictions come to the black lines.

# %% tags=["nbval-ignore-output"]
# alt: Three noisy waves of sixteen points each. At step 16 a diamond, the prediction, lies on or close to
#   a short black line, the true value.
# not compared: predictions of a model trained here
predict = boards.train_on_series(lambda: nn.Linear(1, 64), seed=0)
x, y = boards.noisy_sine(500, torch.Generator().manual_seed(7))  # (500, S, 1), (500, 1)
guess = predict(x)  # (500, 1)
hits = ((guess - y).abs() < 0.1).float().mean().item()

fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), sharey=True, layout="constrained")
for ax, series, truth, found in zip(axes, x, y, guess, strict=False):
    ax.plot(range(16), series, "o-", color=plots.COLOURS[0], label="noisy values")
    ax.plot(16, truth, "k_", markersize=16, markeredgewidth=3, label="what follows")
    ax.plot(16, found, "D", color=plots.COLOURS[1], label="prediction")
    ax.set_xlabel("step", fontsize=13)
    ax.tick_params(labelsize=12)
axes[0].set_ylabel("value", fontsize=13)
fig.legend(*axes[0].get_legend_handles_labels(), fontsize=12, loc="outside upper center", ncols=3)
plots.show(fig)
print(f"predicted to within 0.1: {hits:.2f}")

# %% [markdown]
# The diamonds lie on or near the black lines, and no embedding was used. The table below has both ways,
# with bins of three widths, each trained with three seeds by `python -m lessons.boards inputs`. "sine"
# is the share of predictions closer than 0.1. "larger sine" is the share closer than 0.15 for curves 1.5
# times as high, with the same noise. The bins reach that high too, but training never touched the rows of
# the outer ones. The last column turns it round: the task "count" of the scoreboard, with the 8 symbols
# written as numbers from -1 to 1. Compare the first row with the best of the others, column by column.

# %%
# alt: Heat map of scores, four ways to make vectors of numbers by three tasks. The linear layer is darkest
#   on both sine columns and palest on count.
inputs = scoreboard.recorded("inputs")
fig = plots.board(inputs, title="A linear layer, or bins and an embedding")
plots.show(fig)

# %% [markdown]
# The first row is ahead on both sine columns and behind on the last one. Check whether that holds for every
# single seed. As a measure for the sines, print what you get by repeating the last value.

# %%
linear, bins = inputs["linear layer"], [scores for row, scores in inputs.items() if "bins" in row]
for column, size in [("sine", 1.0), ("larger sine", 1.5)]:
    ahead = min(linear[column]) > max(max(scores[column]) for scores in bins)
    x, y = boards.noisy_sine(2000, torch.Generator().manual_seed(-1), size)  # (2000, S, 1), (2000, 1)
    repeated = ((x[:, -1] - y).abs() < 0.1 * size).float().mean().item()
    print(f"{column:12} every seed of the linear layer beats all bins: {ahead}   last value: {repeated:.2f}")
    assert ahead, "for series, the linear layer should be ahead"
    assert repeated < min(min(scores[column]) for scores in inputs.values()) / 2, "all should beat repeating"
ahead = min(min(scores["count"]) for scores in bins) > max(linear["count"])
print("count        every seed of all bins beats the linear layer:", ahead)
assert ahead and hits > 0.6, "for symbols, the embedding; and the model trained just now should predict"

# %% [markdown]
# So the answer is no: embeddings are for names. For the series the linear layer is ahead of every width of
# bins, and all of them are far ahead of repeating the last value. A likely reason: wide bins lose detail,
# and narrow ones have many rows to learn, where nothing says that bins 7 and 8 are neighbours. For symbols
# it is the other way round. (Measured for one kind of series and one budget of training steps. Bins may
# catch up with more.)
#
# In class, this is a good place for a break.
#
# ## Stage 19 - Numbers for places
#
# Words have vectors now, and the encoder has no idea of their order. Show it with the three words. Swap dog
# and man, and swap the outputs back: if the order matters, the results must differ.

# %%
def order_matters(encode, words):
    """Does swapping the first and the last word do more than swap the outputs?"""
    swap = [2, 1, 0]
    return not torch.allclose(encode(words), encode(words[swap])[swap], atol=1e-4)


torch.manual_seed(0)
small_layer = EncoderLayer(4, 2, 16, dropout=0.0).requires_grad_(False)
dog_bites_man = table  # (S, D): its rows are dog, bites, man
print("dog in 'dog bites man'", [f"{n:.2f}" for n in small_layer(dog_bites_man)[0].tolist()])
print("dog in 'man bites dog'", [f"{n:.2f}" for n in small_layer(dog_bites_man.flip(0))[2].tolist()])
print("property, order matters:", order_matters(small_layer, dog_bites_man))
assert not order_matters(small_layer, dog_bites_man), "the fault: dog bites man == man bites dog"

# %% [markdown]
# Whether the dog bites or is bitten, its vector is the same. The place of a word has to get into its
# vector. The simplest way: number the places from 0 and add the number of the place to every number of the
# word.

# %%
def positions_v1(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1)  # (S, 1)
    return place.expand(n, d)  # (S, D)


def similarity(a, b):
    """The cosine of the angle between two vectors: 1 for the same direction, 0 for a right angle."""
    return nn.functional.cosine_similarity(a, b, dim=-1).item()


dog, man = table[0].double(), table[2].double()  # (D,) each
for place, row in enumerate(positions_v1(51, 4)):
    if place in (0, 1, 10, 50):
        alike = similarity(dog + row, man + row)
        print(f"place {place:2}  dog {(dog + row).tolist()}  similarity of dog and man {alike:.4f}")

# %% [markdown]
# The places grow beyond the words. At place 10 `dog` is `[11, 10, 10, 11]`, and `man` looks nearly the
# same. Keep the property: at place 50, two words must still be different.

# %%
def words_stay_apart(positions):
    row = positions(51, 4)[50]  # (D,)
    return similarity(dog + row, man + row) < 0.95


print("property, words stay apart:", words_stay_apart(positions_v1))
assert not words_stay_apart(positions_v1), "the fault: the number of the place drowns the word"


def positions_v2(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1) / (n - 1)  # changed: (S, 1)
    return place.expand(n, d)  # (S, D)


stages.show_changes(positions_v1, positions_v2)
print("property, words stay apart:", words_stay_apart(positions_v2))
assert words_stay_apart(positions_v2), "numbers up to 1 should leave the word visible"

# %% [markdown]
# Version 2 divides by the number of the last place, so all numbers lie between 0 and 1. The words stay
# apart. But what is the vector of place 1 now? It depends on how long the sentence is.

# %%
def same_in_every_sentence(positions):
    return torch.allclose(positions(3, 8)[1], positions(9, 8)[1])


for n in [3, 5, 9]:
    print(f"{n} words: place 1 gets {positions_v2(n, 4)[1, 0]:.3f}")
print("property, a place is the same in every sentence:", same_in_every_sentence(positions_v2))
assert not same_in_every_sentence(positions_v2), "the fault: place 1 moves with the length"

# %% [markdown]
# Numbers must not grow, and must not depend on the length. Use more than one column, as a clock has more
# than one hand. Write the place with digits 0 and 1: the first column changes at every step, the next at
# every second one, the next at every fourth.

# %%
def positions_v3(n, d):
    place = torch.arange(n).unsqueeze(1)  # (S, 1)
    return (place // 2 ** torch.arange(d) % 2).double()  # new: (S, D)


digits = positions_v3(9, 8)  # (S, D)
for place, row in enumerate(digits[:8]):
    next_one = (digits[place + 1] - row).norm()
    print(f"place {place}  {row[:4].int().tolist()}  distance to the next {next_one:.2f}")

# %% [markdown]
# Bounded, and the same in every sentence. But look at the distances. From 7 to 8 four digits flip at once.
# Neighbours should all be equally far apart. Ask for that, of the digits and of another idea: sine curves,
# which go up and down too, but smoothly.

# %%
def steps_are_equal(positions):
    rows = positions(50, 8)  # (S, D)
    steps = (rows[1:] - rows[:-1]).norm(dim=1)  # (S - 1,)
    return (steps.max() - steps.min()).item() < 1e-9


def positions_v4(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1)  # (S, 1)
    pace = 10000 ** (torch.arange(d).double() / d)  # new: (D,)
    return torch.sin(place / pace)  # changed: (S, D)


for positions in [positions_v3, positions_v4]:
    assert same_in_every_sentence(positions) and words_stay_apart(positions), "what v1 and v2 lack"
    print(f"{positions.__name__}  property, equal steps: {steps_are_equal(positions)}")
    assert not steps_are_equal(positions), "the fault: uneven steps"

# %% [markdown]
# In version 4 each column is a sine curve, slower than the one before: its place is divided by a larger
# number, towards 10000 (the paper's choice). The steps are still uneven. Why? The figure shows the fastest
# column for the places 0 to 6. On the left is the sine alone: compare the heights of 0 and 3. On the right
# the cosine gives the second direction.

# %%
# alt: Left: a sine curve with the places 0 to 6. Places 0 and 3 have almost the same height. Right: the
#   same places on a circle, evenly spaced, 0 and 3 on opposite sides.
places = torch.arange(7)
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained", width_ratios=[1.35, 1])
fine = torch.linspace(0, 2 * math.pi, 200)
for ax, x_of in zip(axes, [lambda p: p, torch.cos], strict=True):
    ax.plot(x_of(fine), fine.sin(), color=plots.COLOURS[0], linewidth=1.5)
    ax.plot(x_of(places), places.sin(), "o", color=plots.COLOURS[1], markersize=9)
    for place in places:
        ax.annotate(f" {place}", (x_of(place), place.sin() + 0.06), fontsize=14)
    ax.set_ylabel("sine", fontsize=13)
    ax.tick_params(labelsize=12)
    ax.axhline(0, color="#8a8a8a", linewidth=0.8)
axes[0].set_xlabel("place", fontsize=13)
axes[1].set_xlabel("cosine", fontsize=13)
axes[1].set(aspect="equal", xlim=(-1.3, 1.3), ylim=(-1.2, 1.3))
plots.show(fig)
print(f"place 0: sine {math.sin(0):.2f}, cosine {math.cos(0):5.2f}")
print(f"place 3: sine {math.sin(3):.2f}, cosine {math.cos(3):5.2f}")

# %% [markdown]
# With the sine alone, 0 and 3 look alike: on the way up and on the way down the curve has the same heights.
# With sine and cosine a place is a point on a circle, and one step is always the same turn. So version 5
# makes pairs: half as many paces, each with a sine and a cosine. Put it beside version 4.

# %%
def positions_v5(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1)  # (S, 1)
    pace = 10000 ** (torch.arange(0, d, 2).double() / d)  # changed: (D / 2,)
    angle = place / pace  # (S, D / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # changed: (S, D)


stages.show_changes(positions_v4, positions_v5)
for row in positions_v5(3, 4):
    print([f"{number:.3f}" for number in row.tolist()])
properties = [words_stay_apart, same_in_every_sentence, steps_are_equal]
print({check.__name__: check(positions_v5) for check in properties})
assert all(check(positions_v5) for check in properties), "version 5 should pass all three"

# %% [markdown]
# That is the formula of section 3.5: columns 0 and 1 are sine and cosine of the fastest pace, the last two
# of the slowest. All three properties hold.
#
# ### What it looks like
#
# Draw 50 places with 64 columns, and four of the columns as curves over the first 21 places. In the left
# picture read each column from top to bottom. Look for the columns that change fast and those that hardly
# change.

# %%
# alt: Left: heat map of 50 places by 64 columns. Read downwards, the left columns change at every place
#   and the right ones hardly at all; there columns near 0 and near 1 take turns. Right: columns 0 and 1 are
#   fast waves, column 12 a slow one, column 24 rises slowly.
def every_tenth(n):
    return [str(k) if k % 10 == 0 else "" for k in range(n)]


fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
plots.heat_map(positions_v5(50, 64), every_tenth(50), every_tenth(64), low=-1, ax=axes[0], row_axis="place",
               column_axis="column", scale="value")  # fmt: skip
columns = positions_v5(21, 64)[:, [0, 1, 12, 24]].T  # (4, S)
lines = {f"column {c}": (range(21), column) for c, column in zip([0, 1, 12, 24], columns, strict=True)}
plots.curves(lines, xlabel="place", ylabel="value", ax=axes[1])
plots.show(fig)

# %% [markdown]
# The left columns are fast waves, and the right ones hardly change downwards: fine and coarse hands of a
# clock. (The stripes on the right are sines near 0 beside cosines near 1.) Columns 0 and 1 are the same
# wave, a quarter of a turn apart.
#
# How alike are two places? Take place 25 and measure its similarity to all others, then place 10 and 40.
# Look at where each curve falls, and how.

# %%
# alt: Three curves with their peaks of 1 at the places 10, 25 and 40. They have the same form and fall
#   with the distance on both sides.
def similarities(rows):
    unit = nn.functional.normalize(rows, dim=-1)  # (S, D)
    return unit @ unit.T  # (S, S)


profile = similarities(positions_v5(51, 512))  # (S, S)
hills = {f"place {p}": (range(51), profile[p]) for p in [10, 25, 40]}
fig = plots.curves(hills, xlabel="other place", ylabel="similarity")
plots.show(fig)
by_offset = {k: profile.diagonal(k) for k in [1, 2, 5, 20]}
for k, v in by_offset.items():
    print(f"{k:2} places apart: similarity {v.mean():.2f}, between {v.min():.2f} and {v.max():.2f}")
assert all(v.max() - v.min() < 1e-9 for v in by_offset.values()), "only the distance should count"
falls = all(profile[0, k] > profile[0, k + 1] for k in range(40))
print("the farther, the less alike, up to 40 places:", falls)
assert falls, "near places should be more alike than far ones"

# %% [markdown]
# The same hill three times. The similarity depends on the distance alone, not on where you stand. At this
# width it falls with every step, up to 40 places apart.
#
# ### Why sine and cosine: one matrix that shifts
#
# There is a deeper reason for the pair. The authors hoped that attention would learn to look "$k$ places
# further", and chose the formula because the vector of place $p + k$ is a linear function of the vector of
# place $p$ (section 3.5). On the circle, $k$ steps are a turn. For the fastest pair the addition formulas
# say
#
# $$\sin(p + k) = \sin p \cos k + \cos p \sin k \qquad \cos(p + k) = \cos p \cos k - \sin p \sin k$$
#
# and that is the row $[\sin p, \cos p]$ times a 2 x 2 matrix, in which only $k$ occurs. Build it for all
# pairs and check it at every place.

# %%
def shift_matrix(k, d):
    turns = (k / 10000 ** (torch.arange(0, d, 2).double() / d)).tolist()  # D / 2 numbers
    blocks = [[[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]] for t in turns]  # 2 x 2 each
    return torch.block_diag(*torch.tensor(blocks, dtype=torch.float64))  # (D, D)


rows = positions_v5(500, 16)  # (S, D)
for k in [1, 7, 100]:
    difference = (rows[:-k] @ shift_matrix(k, 16) - rows[k:]).abs().max().item()
    print(f"shift by {k:3}: {500 - k} places, largest difference below 1e-9: {difference < 1e-9}")
    assert difference < 1e-9, "one matrix should shift all places"
block = shift_matrix(1, 16)[:2, :2].tolist()
print("the block of the fastest pair, k = 1:", [[round(number, 3) for number in row] for row in block])

# %% [markdown]
# One matrix shifts all 500 places, whichever you start from. Check the block by hand: place 0 has the pair
# `[0, 1]`. Times the block, that is the block's second row, `[0.841, 0.54]`: place 1, as printed above.
#
# Does the sine alone have such a matrix? Do not guess it: let least squares find the best one, for version
# 4 and version 5, and see how much is left over.

# %%
def shift_error(positions, k):
    """What the best matrix leaves over when it shifts all places by k, as a share."""
    rows = positions(500, 8)  # (S, D)
    best = torch.linalg.lstsq(rows[:-k], rows[k:]).solution  # (D, D)
    return ((rows[:-k] @ best - rows[k:]).norm() / rows[k:].norm()).item()


def can_be_shifted(positions):
    return all(shift_error(positions, k) < 1e-6 for k in [1, 2, 5])


for positions in [positions_v4, positions_v5]:
    errors = "  ".join(f"k = {k}: {shift_error(positions, k):.2f}" for k in [1, 2, 5])
    print(f"{positions.__name__}  left over  {errors}  property, can be shifted: {can_be_shifted(positions)}")
assert not can_be_shifted(positions_v4) and can_be_shifted(positions_v5), "only the pair can be shifted"

# %% [markdown]
# With sine alone even the best matrix misses by more than a third, at this width of 8. The next height of a
# wave depends on whether it is rising or falling, and the sine alone does not say which. The cosine says
# it. That is why both.
#
# ### The formula as often copied
#
# A version of this formula is passed on with two faults. Find them before you read on.

# %%
# alt: Two heat maps of 50 places by 64 columns. Left, version 5: waves that get slower to the right.
#   Right, the copied formula: noise without any order.
def positions_copied(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1)  # (S, 1)
    pace = 10000 ** (torch.arange(0, d, 2).double() / d)  # (D / 2,)
    angle = place * pace  # (S, D / 2)
    return torch.stack([angle.sin(), angle.sin()], dim=-1).flatten(1)  # (S, D)


fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
for ax, positions in zip(axes, [positions_v5, positions_copied], strict=True):
    plots.heat_map(positions(50, 64), every_tenth(50), every_tenth(64), low=-1, ax=ax, row_axis="place",
                   column_axis="column", title=positions.__name__, scale="value")  # fmt: skip
plots.show(fig)

# %% [markdown]
# The left picture has waves, the right one is noise. Dividing by $10000^{2i/d}$ is multiplying by
# $10000^{-2i/d}$, and in the copied formula that minus is lost: the place is *multiplied* by the pace. Most
# hands make many turns at every step. And both columns of a pair are sines. It runs, and no error tells
# you. Two properties find the faults: the most similar place must be a neighbour, and the columns of a pair
# must differ.

# %%
def nearest_is_neighbour(positions):
    table = similarities(positions(50, 512)).fill_diagonal_(-2)  # (S, S)
    return ((table.argmax(dim=1) - torch.arange(50)).abs() == 1).all().item()


def pairs_differ(positions):
    rows = positions(50, 512)  # (S, D)
    return not torch.allclose(rows[:, 0::2], rows[:, 1::2], atol=0.1)


def report(positions):
    table = similarities(positions(50, 512))  # (S, S)
    numbers = "  ".join(f"{table.diagonal(k).mean():5.2f}" for k in [1, 2, 5, 20])
    print(f"{positions.__name__:18} similarity 1, 2, 5, 20 places apart {numbers}")
    print(f"{'':18} property, the nearest is a neighbour: {nearest_is_neighbour(positions)}")
    print(f"{'':18} property, columns of a pair differ:   {pairs_differ(positions)}")


report(positions_copied)
assert not nearest_is_neighbour(positions_copied) and not pairs_differ(positions_copied), "the two faults"

# %% [markdown]
# Neighbours are no more alike than places far apart. And half of the columns are copies. Mend one fault at
# a time, and ask for the same two properties.

# %%
def positions_half(n, d):
    place = torch.arange(n, dtype=torch.float64).unsqueeze(1)  # (S, 1)
    pace = 10000 ** (torch.arange(0, d, 2).double() / d)  # (D / 2,)
    angle = place / pace  # changed: (S, D / 2)
    return torch.stack([angle.sin(), angle.sin()], dim=-1).flatten(1)  # (S, D)


stages.show_changes(positions_copied, positions_half)
report(positions_half)
report(positions_v5)
assert nearest_is_neighbour(positions_half) and not pairs_differ(positions_half), "one fault is left"
assert nearest_is_neighbour(positions_v5) and pairs_differ(positions_v5), "both should be mended"

# %% [markdown]
# With the sign mended, neighbours are alike again. With the cosine in place, the pairs differ, and you are
# back at version 5. Would training have shown the faults? The comparison of positions below has the answer.
#
# ## Stage 20 - The empty place is filled
#
# You have a table of words and a table of places. What is missing is the way to bring them together, and
# then the empty place that 06 left in front of the layers can be filled.
#
# ### Why add, and not concatenate?
#
# To **concatenate** is to put the place beside the word: 512 numbers for the word, 512 for the place. Then
# nothing can be mixed up. First the price: count the parameters of one encoder layer.

# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


n_added, n_beside = count(EncoderLayer(512, 8, 2048)), count(EncoderLayer(1024, 8, 4096))
print(f"added:  words of  512, one layer has {n_added:10,} parameters")
print(f"beside: words of 1024, one layer has {n_beside:10,} parameters, {n_beside / n_added:.1f} times")
print(f"beside, and one matrix back to 512:   {1024 * 512:10,} more, once")
assert n_beside > 3.9 * n_added, "twice the width, four times the parameters"

# %% [markdown]
# Twice the width costs four times the parameters in every layer. A matrix that leads back to 512 is
# cheaper. Take the second way: put word and place beside each other, and multiply by a matrix made of two
# identity matrices.

# %%
torch.manual_seed(0)
words, places = torch.randn(5, 8, dtype=torch.float64), positions_v5(5, 8)  # (S, D) each
two_identities = torch.cat([torch.eye(8), torch.eye(8)]).double()  # (2 D, D)
joined = torch.cat([words, places], dim=1) @ two_identities  # (S, 2 D) @ (2 D, D) -> (S, D)
print("concatenated, then this matrix == added:", torch.allclose(joined, words + places))
assert torch.allclose(joined, words + places), "adding should be a special case"

# %% [markdown]
# They agree: adding *is* concatenating, followed by a linear layer whose weight is set to two identity
# matrices. So adding can do less. The sum might lose the word or the place, if one of them is much longer
# than the other. How long is a word?
#
# ### How large are the entries?
#
# At the other end of the model a linear layer scores every word of the vocabulary as the next one. The
# paper uses the *same* table for that (section 3.4): the score of a word is the dot product of the output
# with the word's embedding. The two layers are **tied**. Then the size of the entries decides the size of
# the scores. Take 1,000 words and outputs of size 1, as the layer normalisation of 06 leaves them, and
# measure the first loss. The loss is the cross-entropy of 06: softmax turns the scores into shares, and the
# loss is minus the logarithm of the share that the right word gets. A guess without any knowledge gives
# every word the share 1 / 1000, and costs log 1000.

# %%
torch.manual_seed(0)
n_vocab, d_model = 1000, 512
raw, outputs = torch.randn(n_vocab, d_model), torch.randn(200, d_model)  # (n_vocab, D), (200, D)
next_words = torch.randint(n_vocab, (200,))  # (200,)
print(f"every word alike: loss {math.log(n_vocab):.1f}")
for name, size in [("1", 1.0), ("1 / sqrt(512)", d_model**-0.5)]:
    scores = outputs @ (raw * size).T  # (200, n_vocab)
    first_loss = nn.functional.cross_entropy(scores, next_words)
    print(f"entries of size {name:13}  scores of size {scores.std():4.1f}  first loss {first_loss:4.1f}")

# %% [markdown]
# Entries of size 1 make scores of size 22.6, and the model starts out certain and wrong. Divided by
# $\sqrt{512}$, the first loss is near that of an even guess. A score is a sum of 512 products, and such a
# sum grows like the root of 512, as in 02.
#
# But the same table is also the *input*. There its rows are now short, and every number in them is small.
# Section 3.4 multiplies the embeddings by $\sqrt{d_{model}}$ on the way in. The paper gives no reason. A
# common reading: it gives back the size 1.

# %%
assert first_loss < math.log(n_vocab) + 1, "small entries should start near an even guess"
tied = raw * d_model**-0.5  # (n_vocab, D)
scale = math.sqrt(d_model)
for name, factor in [("as they are", 1.0), ("times sqrt(512)", scale)]:
    words = tied[:10] * factor  # (10, D)
    print(f"{name:15}  size of a number {words.std():.2f}  length of a word {words.norm(dim=1).mean():.1f}")

# %% [markdown]
# Does the factor help the first loss? Add positions to the words, send them through one new encoder layer,
# and score the results with the tied table. The first line has entries of size 1 for comparison.

# %%
torch.manual_seed(0)
new_layer = EncoderLayer(d_model, 8, 2048, dropout=0.0).requires_grad_(False)
some, following = torch.randint(n_vocab, (8, 20)), torch.randint(n_vocab, (8, 20))  # (B, S) each
losses = []
starts = [("entries of size 1", raw, 1), ("without the factor", tied, 1), ("with the factor", tied, scale)]
for name, entries, factor in starts:
    results = new_layer(entries[some] * factor + positions_v5(20, d_model).float())  # (B, S, D)
    scores, own = results @ entries.T, (results * entries[some]).sum(dim=-1).mean()  # (B, S, n_vocab), ()
    losses.append(nn.functional.cross_entropy(scores.flatten(0, 1), following.flatten()).item())
    print(f"{name:18}  first loss {losses[-1]:5.1f}  score of the word itself {own:5.1f}")
assert losses[0] > 10 * losses[2] and losses[2] > 2 * losses[1], "the factor should not help the first loss"

# %% [markdown]
# No, it does not: for this one layer, with PyTorch's initial values, it makes the first loss larger. The
# residual connections hand the word on, so the output is still close to it. The tied table gives that word
# a high score, and any other word costs a lot. Without the factor the word itself gets a low score: its
# place has drowned it. So the loss is no reason for the factor. The sum is one.
#
# ### Does the sum lose the word or the place?
#
# Put 1,000 words at 100 places, and look only at the sum. Find the word whose embedding matches it best,
# and the place whose vector does.

# %%
torch.manual_seed(0)
where, chosen = positions_v5(100, d_model).float(), torch.randint(n_vocab, (50, 100))  # (S, D), (B, S)
for name, factor in [("without the factor", 1.0), ("with the factor", scale)]:
    words = tied[chosen] * factor  # (B, S, D)
    found = ((words + where) @ tied.T).argmax(dim=-1).eq(chosen).float().mean()
    placed = ((words + where) @ where.T).argmax(dim=-1).eq(torch.arange(100)).float().mean()
    lengths = f"word {words.norm(dim=-1).mean():4.1f}, place {where.norm(dim=-1).mean():.1f}"
    print(f"{name:18}  lengths: {lengths}   found: words {found:.2f}, places {placed:.2f}")
    assert placed > 0.85 and (found > 0.99 if factor > 1 else found < 0.3), "words only with the factor"

# %% [markdown]
# Without the factor a word is 16 times shorter than its place. This simple search finds every place, and
# hardly a word. With the factor the two are of similar length. Every word is found, and 93 places in 100:
# 512 numbers have room for both.
#
# ## The final form
#
# The class below is the final form; the same definition is in `helpers/model.py`. `register_buffer` stores
# the table as a **buffer**: it is not a parameter, so training leaves it alone, but it moves with the
# model, to another device or another number type. `persistent=False` leaves it out of saved files, because
# it can be computed again. `dropout` is explained in notebook 12; 0 switches it off. The two checks refuse
# an odd width and a sentence that is too long. The factor is not in this class: it is applied to the
# embedding before.

# %% tags=["final"]
class PositionalEncoding(nn.Module):
    """Adds sinusoids to the embeddings, then dropout: (B, L, D) to same."""

    def __init__(self, d_model, dropout=0.0, max_len=512):
        super().__init__()
        check_even(d_model)
        position = torch.arange(max_len).unsqueeze(1)  # (max_len, 1)
        even = torch.arange(0, d_model, 2)  # (D / 2,)
        angle = position / 10000 ** (even / d_model)  # (max_len, D / 2)
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (max_len, D)
        self.register_buffer("table", table, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        check_length(x.shape[-2], len(self.table))
        return self.dropout(x + self.table[: x.shape[-2]])

# %%
encoding = PositionalEncoding(64)
matches = torch.allclose(encoding.table.double(), positions_v5(512, 64), atol=1e-4)
print("equal to version 5:", matches)
print("parameters:", count(encoding), "  stored:", list(encoding.state_dict()))
print("number type before", encoding.table.dtype, " after .double()", encoding.double().table.dtype)
assert matches and count(encoding) == 0, "the table is computed, not trained"
assert encoding.table.dtype == torch.float64, "a buffer should move with the model"

# %% [markdown]
# The table is version 5, nothing in it is trained, and it moved with the model. Too long a sentence is
# refused. This cell is meant to fail.

# %% tags=["raises-exception"]
PositionalEncoding(4, max_len=2)(table)

# %% [markdown]
# Now the dog. The same layer, with positions in front, and the same property.

# %%
with_places = nn.Sequential(PositionalEncoding(4), small_layer)
print("dog in 'dog bites man'", [f"{n:.2f}" for n in with_places(dog_bites_man)[0].tolist()])
print("dog in 'man bites dog'", [f"{n:.2f}" for n in with_places(dog_bites_man.flip(0))[2].tolist()])
print("property, order matters:", order_matters(with_places, dog_bites_man))
assert order_matters(with_places, dog_bites_man), "with positions, order must matter"

# %% [markdown]
# The dog that bites and the dog that is bitten are two vectors now.
#
# ## Sinusoids or learned positions?
#
# There is an obvious rival: let training find the table of places. It is `nn.Parameter` instead of a
# buffer, one row for each place. The paper tried both and found nearly identical results (section 3.5).
# Before you compare, think about a sentence longer than any in training: what are the learned rows beyond
# it?
#
# The task for this is **before**: the target is the symbol before (the first one: itself), which makes
# sense at every length. Train learned positions on 16 places and look at the rows.

# %%
start = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))  # (max_len, D)
trained = scoreboard.train_on(
    boards.BEFORE,
    lambda: nn.Sequential(boards.AddTable(start.clone(), trained=True), EncoderLayer(64, 8, 256, 0.0)),
    lengths=(16,),
)
untouched = (trained.body[0].table == start).all(dim=1)  # (max_len,)
print("rows that training has changed:", (~untouched).nonzero().flatten().tolist())
assert not untouched[:16].any() and untouched[16:].all(), "rows beyond the longest sentence stay random"

# %% [markdown]
# Rows 16 to 63 are as random as at the start. A learned table knows nothing about places it was not trained
# on.
#
# The recorded table compares nine kinds of positions in front of one encoder layer, three seeds each
# (`python -m lessons.boards positions`). The live row is "sinusoids" again, trained just now with one
# seed.
#
# The columns: "early" is `reverse` after 100 of the 400 steps, then come `reverse` and `hop` from the
# scoreboard. "before" is trained and tested on the places 0 to 15. "place 16" and "16 to 23" test the same
# model at places it has never seen.
#
# The rows: the scoreboard's embedding starts with entries of size 1, as if the factor were applied already;
# "small words" divides them by $\sqrt{64}$. "random, not trained" is a table of random rows that stays as
# it is. "beside" gives half of the width to the word and half to the place. The three rows above the live
# one are faulty formulas: "sine twice" is `positions_half`, "wrong sign" has the cosine and multiplies by
# the pace, and "both faults" is `positions_copied`. Look for the columns in which the rows differ.

# %% tags=["nbval-ignore-output"]
# alt: Heat map of accuracies, nine kinds of positions by six columns. All kinds but no positions reach 1
#   on reverse, hop and before. At places never trained all rows are pale, the row beside the least.
# not compared: accuracies of models trained here
kinds = scoreboard.recorded("positions")
live_kind = boards.with_positions(boards.POSITIONS["sinusoids"], seed=5)
fig = plots.board(kinds, live=live_kind, title="Kinds of positions, one encoder layer")
plots.show(fig)

# %% [markdown]
# On trained places every kind of positions ends at 1, the faulty ones as well. **Accuracy on eight places
# does not show the faults.** With both faults the model even gets there sooner than with the right formula:
# look at "early". The random table does so too, so a likely reason is that their rows lie far apart.
# Whether the rows are trained makes no difference there. On places that were never trained all rows but
# "beside" are poor. The next cell puts that into numbers. The row without positions is the measure there:
# it has nothing but the symbols to go by.

# %%
for row, scores in kinds.items():
    columns = {c: scores[c] for c in ["early", "reverse", "place 16", "16 to 23"]}
    print(f"{row:22}", "  ".join(f"{c} {min(v):.2f} to {max(v):.2f}" for c, v in columns.items()))

none, right, learned = kinds["no positions"], kinds["sinusoids"], kinds["learned"]
beside = kinds["sinusoids, beside"]
for column in ["reverse", "hop", "before"]:
    assert all(min(scores[column]) > 0.99 for row, scores in kinds.items() if row != "no positions"), column
for row in ["both faults", "random, not trained", "learned"]:
    assert min(kinds[row]["early"]) > max(right["early"]), f"{row}: should be learned sooner"
assert min(right["place 16"]) > max(none["place 16"]) > max(learned["place 16"]), "one place further"
assert abs(sum(right["16 to 23"]) - sum(none["16 to 23"])) < 0.2, "all eight new places together: no gain"
assert max(beside["early"]) < min(right["early"]), "beside learns reverse more slowly"
assert min(beside["place 16"]) > max(right["place 16"]), "beside reaches farther"
assert live_kind["reverse"] > 0.95 and live_kind["hop"] > 0.95, "the live row should agree"
assert live_kind["place 16"] < 0.7, "the live row should find new places hard"

# %% [markdown]
# What these numbers carry, for one layer and 8 symbols:
#
# - **Sinusoids or learned?** On trained places both solve everything, and the learned table sooner. But so
#   does the random one: it is not the learning that helps here.
# - **Places never trained.** Sinusoids help a little at place 16, one step beyond. Over the places 16 to 23
#   together, they are no better than no positions at all. The learned rows there are random, and score
#   below the row without positions. The paper hoped that sinusoids would carry over to longer sentences
#   (section 3.5). In this experiment they hardly do.
# - **Add or concatenate?** At equal width, "beside" learns `reverse` more slowly, ends at the same scores
#   and reaches farther: it is the best row at place 16 and after. So adding does not win everywhere. What
#   speaks for it: all of the width stays with the word, and by these numbers it is ahead early and loses
#   nothing on trained places. How much half a width costs with thousands of words instead of 8 is not
#   measured here.
# - **The size of the words.** "small words" does about as well as "sinusoids", and early its mean is even a
#   little higher. The simple search above needed the factor; at this size a trained layer does not.
#
# ## Put it into the whole model
#
# Back to the outline of 01, as 06 left it: six encoder layers, with an empty place in front. Words come
# from an embedding now, and the place gets its positions.

# %%
torch.manual_seed(0)
model = TransformerOutline()
model.encoders = nn.ModuleList([nn.Identity(), *[EncoderLayer(512, 8, 2048, dropout=0.0) for _ in range(6)]])
embedding = nn.Embedding(n_vocab, 512)
nn.init.normal_(embedding.weight, std=512**-0.5)
model.requires_grad_(False)

source = embedding(torch.tensor([17, 4, 256])).detach() * math.sqrt(512)  # (S, D)
target = torch.randn(2, 512)  # (T, D)
before = order_matters(model.encode, source)
model.encoders[0] = PositionalEncoding(512)
after = order_matters(model.encode, source)

print("output", tuple(model(source, target).shape))  # (T, D)
print("the memory depends on the order of the words:  before", before, "  after", after)
assert not before and after, "only with positions should the order matter"

# %% [markdown]
# The whole model runs, and the memory of three words now depends on their order. (The parameters have not
# been trained yet.)
#
# ## The scoreboard
#
# Today's row is the encoder layer of 06 with positions in front. Look at the three columns on the right.

# %% tags=["nbval-ignore-output"]
# alt: Heat map of accuracies, notebooks 01 to 07 by six tasks. In the row of 07, reverse and hop reach 1.
#   Two hops rises above its best guess. Odd is a little paler than in the row before.
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: nn.Sequential(PositionalEncoding(64), EncoderLayer(64, 8, 256, 0.0)))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
board = scoreboard.recorded("encoder", last="07")
fig = plots.board(board, live=live, chance=chance, title="The encoder so far, on six tasks")
plots.show(fig)

# %% [markdown]
# `reverse` and `hop` jump to 1. Both ask for a place, and nothing before today could name one. `two hops`
# rises, but stays below a half. `odd` and `count` gain nothing: the mean of `odd` is a little lower than in
# the row of 06, by less than one seed can move on another processor.
#
# Are these jumps larger than the seeds differ? Print the ranges of both rows.

# %%
before, after = board["06 add and norm"], board["07 positions"]
for task in scoreboard.TASKS:
    ranges = [f"{min(row[task]):.2f} to {max(row[task]):.2f}" for row in (before, after)]
    print(f"{task:9} 06: {ranges[0]}   07: {ranges[1]}")
assert min(after["reverse"]) > 0.99 and min(after["hop"]) > 0.99, "positions unlock reverse and hop"
assert min(after["two hops"]) > max(before["two hops"]), "two hops rises with every seed"
assert live["reverse"] > 0.95 and live["hop"] > 0.95 and live["two hops"] < 0.8, "the live row should agree"

# %% [markdown]
# They are: on `reverse`, `hop` and `two hops` every seed of 07 is above every seed of 06. (Why `reverse`
# reaches .34 without positions is told in [02 - One word](02_one_word.ipynb).)
#
# ## Recap
#
# 1. An embedding is a lookup in a trained table, the same as one-hot times a matrix. It is for names;
#    numbers go through a linear layer.
# 2. With a tied table, entries of size $1 / \sqrt{d_{model}}$ keep the scores of other words at size 1, and
#    the factor $\sqrt{d_{model}}$ gives a word about the length of its position.
# 3. Without positions, the encoder cannot tell "dog bites man" from "man bites dog".
# 4. Sine and cosine are a point on a circle: equal steps, and one matrix that shifts every place by $k$.
# 5. A faulty formula can score 1.00. Its properties show the fault, its accuracy does not.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** Which four numbers does `PositionalEncoding(4)` add to the word at place 0? Work them out
# without running it.

# %% tags=["exercise"]
### BEGIN SOLUTION
place_zero = [0.0, 1.0, 0.0, 1.0]
### END SOLUTION

check.first_place(place_zero)

# %% [markdown]
# **2. Implement.** Write the table of sinusoids `(n, d)` yourself. Column $2i$ at place $p$ is $\sin(p /
# 10000^{2i/d})$, column $2i + 1$ is the cosine of the same angle.

# %% tags=["exercise"]
def my_sinusoids(n, d):
    ### BEGIN SOLUTION
    place = torch.arange(n).unsqueeze(1)  # (n, 1)
    angle = place / 10000 ** (torch.arange(0, d, 2) / d)  # (n, d / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (n, d)
    ### END SOLUTION


check.sinusoids(my_sinusoids)

# %% [markdown]
# **3. Implement.** One pair of columns is the row `[sin(p / pace), cos(p / pace)]`. Return the 2 x 2 matrix
# that shifts it by `k` places: row times matrix is the row of place `p + k`.

# %% tags=["exercise"]
def my_shift(k, pace):
    ### BEGIN SOLUTION
    sine, cosine = math.sin(k / pace), math.cos(k / pace)
    return torch.tensor([[cosine, -sine], [sine, cosine]])
    ### END SOLUTION


check.shift_by(my_shift)

# %% [markdown]
# **4. Implement.** Learned positions: a module with a trained table `(max_len, d_model)`, whose row $p$ is
# added to word $p$. Sentences `(B, S, D)` may be shorter than `max_len`.

# %% tags=["exercise"]
class LearnedPositions(nn.Module):
    def __init__(self, d_model, max_len):
        super().__init__()
        ### BEGIN SOLUTION
        self.table = nn.Parameter(torch.randn(max_len, d_model))  # (max_len, D)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return x + self.table[: x.shape[-2]]  # (B, S, D)
        ### END SOLUTION


check.learned_positions(LearnedPositions)

# %% [markdown]
# **5. Write the check yourself.** `encode` is a function from words `(S, D)` to vectors `(S, D)`. Return
# `True` if the order of the words matters to it, and `False` if other orders give the same vectors in
# another order. A sentence may have any number of words; `words.flip(0)` turns them round.

# %% tags=["exercise"]
def knows_the_order(encode, words):
    ### BEGIN SOLUTION
    return not torch.allclose(encode(words.flip(0)).flip(0), encode(words), atol=1e-5)
    ### END SOLUTION


check.knows_the_order(knows_the_order)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.4 for the embeddings, the shared table
#   and the factor, section 3.5 for the sinusoids and learned positions.
# - [`nn.Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html) in the PyTorch
#   documentation.
#
# ## What is still a placeholder
#
# The encoder has all its parts. One question about it is open: what does a stack of layers do that a single
# one cannot? The whole decoder is still a placeholder.
#
# {{next}}
