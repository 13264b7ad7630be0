# %% [raw] tags=["card"]
# questions: Do sinusoids or learned positions reach places that were never trained?
# Is it better to add positions or to concatenate them, at equal width?

# %% [markdown]
# # 07b - Which positions, and how far do they reach?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The paper chose sinusoids over learned positions because they "may allow the model to extrapolate to
# sequence lengths longer than the ones encountered during training" (section 3.5). It did not measure that.
# Train a layer on sentences of 16 words, then give it 24. With which table would you bet on the new places?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
from statistics import mean

import torch

from helpers import plots
from lessons import scoreboard
from lessons.boards import embeddings_and_positions as boards

# %% [markdown]
# ## What is measured
#
# The task is *the symbol before*, with eight symbols: each word must say what stands left of it, and the
# first one says itself.

# %%
x, y = boards.BEFORE.draw(1, torch.Generator().manual_seed(0), length=8)  # (B, S) each
print(x[0].tolist())
print(y[0].tolist())

# %% [markdown]
# That means the same at every place, so a layer that has understood it has no reason to stop at the
# sixteenth. One encoder layer is trained for 400 steps on places 0 to 15, and then reads 1,000 new
# sentences of 24 words, with three seeds (`python -m lessons.boards reach`). Here is one row once more,
# with a new seed. What will it do at place 16?

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of a model trained here
live = boards.reach(boards.REACH["sinusoids"], seed=5)
print({place: f"{live[place]:.2f}" for place in ("place 0", "place 15", "place 16", "place 20")})

# %%
assert live["place 15"] > 0.9 and live["place 16"] < 0.7 and live["place 20"] < 0.5

# %% [markdown]
# The recorded rows are no positions, sinusoids, a learned table, and two that test the test. In these a
# sentence of the training starts at a random row of a table of 64 (Kiyono and others, 2021), so that
# training sees all rows, but never a longer sentence. If *they* fail too, the task cannot be done at new
# lengths, and the other curves mean nothing.

# %%
# alt: Accuracy at the places 0 to 23. All curves but the one without positions are near 1 up to place
#   15, but for some early dips of the two with random starts. At place 16 the learned table falls to
#   about .15, the sinusoids to .4, and one place later to the same. The two with random starts stay near 1
#   to the end.
reach = scoreboard.recorded("reach")
rows = ["no positions", "learned", "sinusoids", "learned, random start", "sinusoids, random start"]
curves = {row: (range(24), [mean(reach[row][f"place {p}"]) for p in range(24)]) for row in rows}
fig = plots.curves(curves, xlabel="place", ylabel="accuracy, mean of three seeds")
fig.axes[0].axvspan(0, 15, color="#e8e8e8", zorder=0)  # the places of training
plots.show(fig)

# %% [markdown]
# In grey are the places of training. There sinusoids and learned rows are as good as they can be, or
# nearly. One place further the sinusoids still get .28 to .45 right and learned rows .15 to .20, and behind
# that both are on average worse than no positions at all: a new row does not say "I don't know", it says
# something wrong.
#
# The two curves on top are the control, and it holds. With random starts sinusoids and learned rows alike
# get .97 or more at every new place, with every seed, so the layer can do it, and a learned table has
# nothing against long sentences. Once training has met the rows, both kinds reach them. The price is that
# after the same 400 steps some of the first places are still missing.
#
# But 07 has shown that one place further is the same rotation everywhere. Why is that not enough? Likely
# because the rotation is only *one* way to find the word before. Training needed something that works for
# 16 rows, and took what was nearest.
#
# ## Beside, or added?
#
# If training finds something special about 16 rows, a place with fewer columns leaves it less room. At
# equal width, to concatenate means to take columns from the word, so the board has both at 16 and at 8
# columns: *beside* reserves them for the place, and *added* puts the same sinusoids on top of the word's
# numbers. Each model reads sentences of 16 words, of 17, and of 24 (`python -m lessons.boards lengths`).
# With 8 columns of 64 for the place, what will be lost, and what gained?

# %%
# alt: Board of five rows by four columns. With 64 or 16 columns, added or beside, old places are at 1 and new
#   ones far below. With 8 columns place 16 is near 1 in sentences of 17 words; in sentences of 24 words new
#   places are at .7 to .8, and old places fall below 1.
plots.show(plots.board(scoreboard.recorded("lengths"), title="Trained on sentences of 16 words"))

# %% [markdown]
# With 8 columns kept free of the word, hardly anything is lost in sentences of the old length, and at the
# first new place all seeds are right. Sinusoids in all 64 columns got .30 to .44 there, in sentences of 17
# words. With the same 8 columns added, word and place share them, and an eighth of the words at old places
# is still wrong after the 400 steps.
#
# In sentences of 24 words even the *old* places suffer with 8 columns. A likely reason is that with few
# columns two places look alike, since the fastest hand has come round once after some six places, so a word
# finds more than one that seems to stand before it.
#
# ## The answer
#
# **Neither sinusoids nor learned positions reach places that were never trained: one place beyond sixteen,
# sinusoids got .28 to .45 and learned rows .15 to .20. Trained with starts drawn at random, both got .97 or
# more at each new place.**
#
# **Is it better to add positions or to concatenate them, at equal width? On places that were trained, 64
# columns added and 16 beside the word are equally good. What reaches farther is fewer columns, and to keep
# them free of the word spares the old places: eight of them get the first new place right in sentences of
# 17 words, while in sentences of 24 they miss a part of the old places and of the new.**
#
# ## What this does not say
#
# One layer, one task that looks one word back, 16 places of training. That sinusoids hardly reach has been
# found in large models too (Press and others, 2021, figure 1). Positions that enter the *scores* instead of
# the words are another family.
#
# ## An open exercise
#
# Give the layer no table at all. Take away from each score a bit for every place between query and key, as
# Press and others do, and put it on the figure.
#
# <details><summary>What a good answer contains</summary>
#
# First what a distance without a sign can say: is the symbol before told apart from the one behind? Then
# the curve, three seeds, beside *sinusoids* and *sinusoids, random start*; what you changed to give each
# head its own slope; and whether a failure lies in the range or in the side.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 3.5.
# - S. Kiyono and others, [*SHAPE: Shifted Absolute Position Embedding for
#   Transformers*](https://arxiv.org/abs/2109.05644), 2021: random starts.
# - O. Press, N. A. Smith and M. Lewis, [*Train Short, Test Long*](https://arxiv.org/abs/2108.12409), 2021.
#
# Back to {{lesson}}.
