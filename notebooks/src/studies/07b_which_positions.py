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
# The task is *the symbol before*, with eight symbols. Each word must say what stands left of it, and the
# first one says itself.

# %%
x, y = boards.BEFORE.draw(1, torch.Generator().manual_seed(0), length=8)  # (B, S) each
print(x[0].tolist())
print(y[0].tolist())

# %% [markdown]
# That means the same at every place, so a layer that has understood it has no reason to stop at the
# sixteenth. One encoder layer, 400 steps on places 0 to 15, then 1,000 new sentences of 24 words; three
# seeds (`python -m lessons.boards reach`). Here is one row once more, with a new seed. What will it do at
# place 16?

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of a model trained here
live = boards.reach(boards.REACH["sinusoids"], seed=5)
print({place: f"{live[place]:.2f}" for place in ("place 0", "place 15", "place 16", "place 20")})

# %%
assert live["place 15"] > 0.9 and live["place 16"] < 0.7 and live["place 20"] < 0.5

# %% [markdown]
# Now the recorded rows: no positions, sinusoids, a learned table, and two that test the test. In these a
# sentence of the training starts at a random row of a table of 64 (Kiyono and others, 2021). Training sees
# no longer sentences that way, but it sees all rows. If *they* fail too, the task cannot be done at new
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
# nearly. One place further the sinusoids still get .28 to .45 right, learned rows .15 to .20, and behind
# that both are on average worse than no positions at all: a new row does not say "I don't know", it says
# something wrong.
#
# The two curves on top are the control, and it holds. With random starts sinusoids and learned rows alike
# get .97 or more at every new place, with every seed. So the layer can do it, sentences of 24 words are no
# obstacle, and a learned table has nothing against long sentences. It is the rows that training has to
# meet. A price: after the same 400 steps some of the first places are still missing. (The copied formula of
# 07, not drawn, falls at place 16 like the learned rows.)
#
# ## Beside, or added?
#
# At equal width, to concatenate means to take columns from the word. The board has both at 16 columns and
# at 8: *beside* reserves them for the place, *added* puts the same sinusoids on top of the word's numbers.
# *Early* is `reverse` after 100 steps.


# %%
# alt: Board of six rows by four columns. Without positions all is pale. Sinusoids, 48 + 16 beside and
#   16 columns added are at 1 up to place 15 and pale behind 16. With 8 columns the places behind 16 are
#   at .65 to .85, and old ones are lost.
def summary(scores):
    def average(places):  # over places, for each seed
        return [mean(run) for run in zip(*(scores[f"place {p}"] for p in places), strict=True)]

    return {"early": scores["early"], "places 0 to 15": average(range(16)), "place 16": scores["place 16"],
            "places 17 to 23": average(range(17, 24))}  # fmt: skip


rows = ["no positions", "sinusoids", "beside, 48 + 16", "added, 16 columns"]
rows += ["beside, 56 + 8", "added, 8 columns"]
plots.show(plots.board({row: summary(reach[row]) for row in rows}, title="Trained on places 0 to 15"))

# %% [markdown]
# **Early**, it is columns that count: 64 of them, added, are far ahead of 16, beside or added. **On places
# of training** 64 columns, 48 + 16 and 16 added all end near 1.00, so beside and added differ in nothing.
#
# **Beyond**, compare beside and added at the same number of columns. At 16 beside is ahead at place 16,
# and behind after it. At 8 both reach much farther, and both pay with places of training, more so
# where the word keeps writing into the same columns. Yet reach does not simply rise as columns fall: 32
# beside 32 get .38 to .46 over the places 16 to 23 (in the record `positions`), more than 64 or 16.
#
# ## The answer
#
# **Neither sinusoids nor learned positions reach places that were never trained. One place beyond sixteen,
# sinusoids got .28 to .45 and learned rows .15 to .20; behind that both were on average worse than no
# positions. Trained with starts drawn at random, both got .97 or more at each new place.**
#
# **Is it better to add positions or to concatenate them, at equal width? On places that were trained it
# hardly matters: 16 columns solve them either way. Eight columns reach farther than 64, added or beside,
# and lose places that were trained.**
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
