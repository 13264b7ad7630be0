# %% [raw] tags=["card"]
# questions: Is one vector too short for a sentence, or does the decoder need more than one to look at?

# %% [markdown]
# # 09b - Why was one vector not enough?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# Before cross-attention could look at every word, models with two halves handed over one vector of fixed
# length, however long the sentence. With the mean of the memory the decoder of the lesson writes short
# sentences backwards, and no long ones. Two explanations come to mind: one vector holds **too few
# numbers**, or there must be **several to look at**. Which is it? Bet on one: is a vector twice as long
# better, or two vectors?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch

from helpers import plots
from helpers.model import attention_weights
from lessons import pictures, scoreboard
from lessons.boards import decoder as boards

# %% [markdown]
# ## What the decoder gets
#
# The mean is put in the place of every word, so that all shapes stay. Attention over equal vectors then gives
# that vector, whoever asks, and so the decoder gets the same for each word that it writes.

# %%
torch.manual_seed(0)
memory, queries = torch.rand(1, 5, 4), torch.rand(1, 3, 4)  # (B, S, D), (B, T, D)
mean = boards.mean_of_it(memory)  # (B, S, D)
print(attention_weights(queries, mean)[0])  # (T, S)
print((attention_weights(queries, mean) @ mean)[0])  # (T, D)

# %% [markdown]
# ## Longer sentences
#
# The task is to write 4, 8 or 12 symbols backwards, and a sentence counts when all of it is right. A model
# has one layer in each half and 64 numbers a word, and learns for 300 steps at most, or until three batches
# in a row are right. The mean is not the only way to make one vector. So in a second row the decoder gets
# the first word of the memory, and the encoder can learn to gather the sentence there. Each line is the
# mean of three seeds (`python -m lessons.boards memory`).

# %%
# alt: Four lines over the lengths 4, 8 and 12. All of the memory stays near 1. The mean and the first word
#   fall from .85 and .94 at 4 to .05 and .14 at 8 and 0 at 12. The mean with 900 steps falls from .97 to .68
#   and .11.
table, lengths = scoreboard.recorded("memory"), (4, 8, 12)
names = ["all of the memory", "mean of the memory", "first word of it", "mean, 900 steps"]
lines = {name: (lengths, [sum(table[name][f"reverse {n}"]) / 3 for n in lengths]) for name in names}
fig = plots.curves(lines, xlabel="symbols", ylabel="sentences right", title="Written backwards")
fig.axes[0].set_xticks(lengths)
plots.show(fig)

# %% [markdown]
# With one vector, either way, more symbols are more trouble, and with all of the memory they are not. Is it
# really the order that gets lost? To *sort* twelve symbols it is enough to know how often each occurs,
# which a mean can hold. And is the mean unable, or only slow? Three times the steps, and a quarter of the
# learning rate, are there to tell.

# %%
print(f"{'':22} {'reverse 4':13} {'reverse 8':13} {'reverse 12':13} sort 12")
for name, scores in table.items():
    print(f"{name:22}", *[f"{min(three):.2f} to {max(three):.2f} " for three in scores.values()])

# %% [markdown]
# One vector sorts, so length alone is no trouble, nor is the number of possible answers, which is 29 times
# as large as for 4 symbols backwards. Slow is a part of it: with 900 steps the mean writes half to three
# quarters of the sentences of 8 symbols, and a tenth of those of 12. At a quarter of the rate the gap to
# all of the memory is as wide. And with none of the memory no column can be guessed.
#
# ## Longer, or more of them?
#
# Now the bet. Cut the memory into two stretches, or four, and let the decoder look at the mean of each. Or
# leave it one mean, in a model in which every vector has 128 numbers. Two means of 64 are as many numbers as
# one of 128, so by the first explanation they do equally well. A dot is one seed
# (`python -m lessons.boards vectors`).

# %%
# alt: Dots of three seeds on five rows, the share of sentences of 8 symbols written backwards. One mean of
#   64 is near .05, one of 128 near .1, two means of 64 at .33 to .52, four at .76 to .87. All of the memory,
#   128 wide, is near 1.
vectors = {"one mean of 64": table["mean of the memory"]["reverse 8"]}
vectors |= {row: scores["reverse 8"] for row, scores in scoreboard.recorded("vectors").items()}
plots.show(pictures.seed_dots(vectors, scale="sentences right", title="8 symbols backwards"))

# %% [markdown]
# A vector of twice the length gains some hundredths. The same numbers as two vectors gain nearly seven
# times that, four vectors still more, and with all of the memory the wide model learns at this rate as well
# as the narrow one. So within these steps it is not the count of numbers that is missing. It is more than
# one thing to look at.
#
# A likely reason is that each of two means has only half of the sentence to hold, and that the decoder can
# turn to the half it needs. Where it looks was not measured.
#
# Train two of the rows once more, with one seed.

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of models trained here
live = {}
for row in ("one mean of 128", "two means of 64"):
    live[row] = boards.eight_backwards(boards.VECTORS[row], seed=0)["reverse 8"]
    print(f"{row:16} {live[row]:.2f}")

# %%
assert live["two means of 64"] > 0.25 > live["one mean of 128"]
print("two vectors do better than one of twice the length")

# %% [markdown]
# ## The answer
#
# **One vector was not enough because it leaves the decoder one thing to look at, however many symbols there
# are: with more of them it falls to nothing, and all of the memory stays above .89 at both rates. A longer
# vector hardly helps: one of twice the length wrote .11 of the sentences of 8 symbols backwards, two
# vectors wrote .44.**
#
# ## What this does not say
#
# One layer, one rate, 300 steps and a task that is all about order. A model of 2014 made its one vector
# with a recurrent network, trained for days, and did translate, and with more steps a wide vector may catch
# up.
#
# ## An open exercise
#
# Which two vectors should it be? Write a `keep` of your own: the means of odd and of even places, the first
# word and the last, or two words that the encoder is free to fill. Put it beside *two means of 64*.
#
# <details><summary>What a good answer contains</summary>
#
# Three seeds for each, at the same steps and rate, and the number of vectors that the decoder can tell
# apart, since that is what is compared. A prediction made before the run. And a look at where the decoder
# looks, with `record_attention`: does it change from one half to the other in the middle of the sentence?
#
# </details>
#
# ## References
#
# - I. Sutskever, O. Vinyals and Q. V. Le, [*Sequence to Sequence Learning with Neural
#   Networks*](https://arxiv.org/abs/1409.3215), 2014: one vector of fixed length, and sources read backwards.
# - D. Bahdanau, K. Cho and Y. Bengio, [*Neural Machine Translation by Jointly Learning to Align and
#   Translate*](https://arxiv.org/abs/1409.0473), 2014: the bottleneck, and scores over the length of the
#   sentence.
#
# Back to {{lesson}}.
