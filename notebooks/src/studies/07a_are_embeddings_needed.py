# %% [raw] tags=["card"]
# questions: Does a series of measurements need embeddings? Can a number stand for a symbol?

# %% [markdown]
# # 07a - Are embeddings needed for any kind of data?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# A Transformer reads vectors, and words become vectors through a table, as in 07. Suppose that your data
# are the heights of a wave instead, sixteen measurements with noise on them, and the model is to say what
# comes next. You can multiply each number by a vector (`nn.Linear(1, 64)`), or treat it as language: cut
# the range into bins, number the bins, and give each a row of a table. And suppose the same choice for
# symbols. What would you bet on?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from lessons import pictures, scoreboard
from lessons.boards import embeddings_and_positions as boards

# %% [markdown]
# ## What each knows at the start
#
# Take three measurements, two of them close together, and compare their vectors before any training. How
# far is 0.1 from 0.2, and from 0.9?

# %%
torch.manual_seed(0)
three = torch.tensor([0.1, 0.2, 0.9])[None, :, None]  # (B, S, 1), yours
for name, way_in in [("linear layer", nn.Linear(1, 64)), ("32 bins", boards.Bins(32))]:
    near, middle, far = way_in(three)[0]  # (D,) each
    print(f"{name:12} distances {(near - middle).norm().item():5.2f} and {(near - far).norm().item():5.2f}")

# %% [markdown]
# The linear layer keeps distances: eight times as far stays eight times as far. In the table any two rows
# are about equally far apart, and that 0.1 and 0.2 are almost the same it has to find out. Which two of
# your own numbers does the table give the same vector? (The 32 bins cut -1.7 to 1.7.)
#
# ## The wave, without a table
#
# The waves differ in frequency, phase and height, and each measurement carries noise with a standard
# deviation of .05. What follows is the next value without noise. How often would you come within a tenth of
# it by repeating the last measurement?

# %%
x, y = boards.noisy_sine(500, torch.Generator().manual_seed(7))  # (B, S, 1), (B, 1)
print(f"the last value, within 0.1: {((x[:, -1] - y).abs() < 0.1).float().mean().item():.2f}")

# %% [markdown]
# Now a linear layer, sinusoids, one encoder layer and a linear output, trained for some seconds.

# %% tags=["nbval-ignore-output"]
# alt: Three noisy waves of sixteen points each; behind each a square, the prediction, on or near a cross, the
#   true value.
# not compared: predictions of a model trained here
guess = boards.train_on_series(lambda: nn.Linear(1, 64), seed=0)(x)  # (B, 1)
hits = ((guess - y).abs() < 0.1).float().mean().item()
plots.show(pictures.next_values(x[:3, :, 0], y[:3, 0], guess[:3, 0]))
print(f"trained just now, within 0.1: {hits:.2f}")

# %% [markdown]
# The squares, what it predicts, sit on the crosses, what follows, or close.

# %%
assert hits > 0.6, "far more often than the last value"

# %% [markdown]
# ## Five ways in, two kinds of data
#
# The board has the same model with five ways in, three seeds each (`python -m lessons.boards inputs`).
# *Sine* is the share of next values within 0.1, on 2,000 other waves. In *larger sine* the waves and the
# margin are 1.5 times as large, while the noise stays, so compare within the column. The bins reach that
# far, and training has never touched the outer ones. *Count* turns the question round: its eight symbols
# are names, which are written here as numbers from -1 to 1, and for each one the model says how often it
# occurs in its sentence. (Guessing gets .39 there.)
#
# The second row is the control. It has no table either, but it may bend the line of numbers, with two
# linear layers and a ReLU. Before you look, will it count?

# %%
# alt: Board of five input layers by three tasks. The two ways without a table lead on both sine columns. On
#   count the three widths of bins get .99, the linear layer .59, and two linear layers from .49 to .91.
plots.show(plots.board(scoreboard.recorded("inputs"), title="How a number becomes a vector"))

# %% [markdown]
# **The wave.** On both sine columns every seed of both rows without a table is ahead of every seed of all
# bins. A likely reason is that wide bins lose detail, and that narrow ones have many rows to learn, where
# nothing says that bins 7 and 8 are neighbours. A table gives its rows in no order, and order is what the
# wave is made of.
#
# **The symbols.** On *count* it is the other way round, again with every seed. Two linear layers with a
# ReLU count from .49 to .91 of the symbols, so it can mostly be done without a table; perhaps a bent line
# pulls the eight symbols apart. But in 400 steps the seed decides how well, and with a row each all seeds
# get .99.
#
# ## The answer
#
# **Not for every kind of data: numbers for what has an order, a table for what has none. A series of
# measurements does better without embeddings, and a number can stand for a symbol, but badly in 400
# steps.** Without a table .79 of the next values of a noisy wave are hit, or .83 when the line may bend,
# and .71 with the best bins; of the symbols .59 or .74 are counted right, and .99 with a row each.
#
# ## What this does not say
#
# One kind of wave, one budget of 400 steps, eight symbols. With more steps or data bins may catch up:
# Chronos, a forecasting model of 2024, cuts real series into thousands of bins, embeds them like words, and
# reports good forecasts. With ten thousand symbols, a curve might have to bend at each of them.
#
# ## An open exercise
#
# The hour of the day runs from 0 to 23, and 23 is next to 0. Is it a number or a name? Make a task in
# which that matters (say: the hour five hours later), and compare a linear layer, a table of 24 rows, and
# the point on a circle of 07.
#
# <details><summary>What a good answer contains</summary>
#
# The prediction first: what each input knows at the start, and what it must learn. Three seeds; a test on
# hours of the day that training has left out, since on the others a table can learn anything; and the
# reason why the linear layer stumbles between 23 and 0.
#
# </details>
#
# ## References
#
# - A. F. Ansari and others, [*Chronos: Learning the Language of Time
#   Series*](https://arxiv.org/abs/2403.07815), 2024.
#
# Back to {{lesson}}.
