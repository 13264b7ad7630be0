# %% [raw] tags=["card"]
# questions: When do warm-up and initialisation matter?

# %% [markdown]
# # 12a - When do warm-up and initialisation matter?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The lesson has shown one rate at which six post-norm layers learn nothing without a warm-up. From which
# rate on is that so? Would pre-norm need it too, would clipping do instead, and do the matrices at the
# start decide anything? Bet on each before you read on: on *reverse*, with Adam at the rates 0.004, 0.008,
# 0.016 and 0.032, which stacks of six layers fail without a warm-up, and which of them does a warm-up of 20
# steps save?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from lessons import scoreboard
from lessons.boards import training_that_generalises as boards

# %% [markdown]
# ## Four rates
#
# At most 200 steps of 128 sentences, three seeds (`python -m lessons.boards warmup`). Guessing gets .12.

# %%
# alt: Board of four rows and four rates. Post-norm without warm-up scores near .12 from rate 0.008 on, with 20 steps
#   of warm-up at 0.032. Pre-norm without warm-up falls at 0.032 alone, and with 20 steps nowhere.
warm = scoreboard.recorded("warmup")
plots.show(plots.board(warm, title="Six layers on reverse, by the rate after the warm-up"))

# %% [markdown]
# Without a warm-up, post-norm fails from 0.008 on with every seed, and pre-norm only at 0.032. Twenty steps
# move both borders up: post-norm's to 0.016, where it learns with one seed of three, and pre-norm's beyond
# the last rate. At rates where all learn, the warm-up changes nothing that the board shows.
#
# ## A longer warm-up
#
# Perhaps 20 steps are too few for 0.032. But here is a trap: training stops once three batches in a row are
# perfect, so with a long warm-up a model might be done before the high rate is there. In these rows all
# 200 steps are taken, and what counts is the accuracy at the end.

# %%
def ranges(name):
    for row, scores in scoreboard.recorded(name).items():
        found = [f"{column} {min(three):.2f} to {max(three):.2f}" for column, three in scores.items()]
        print(f"{row:38}", "   ".join(found))


ranges("longer_warmup")

# %% [markdown]
# XXX
#
# ## Clipping
#
# If the first steps are too wild, one could shorten the gradient instead: **clipping**. The quick way is to
# cap each number. Is the arrow `(3, 4)` still the same arrow, only shorter?

# %%
gradient = nn.Parameter(torch.zeros(2))
gradient.grad = torch.tensor([3.0, 4.0])
print("capped:   ", gradient.grad.clamp(-1, 1).tolist())
nn.utils.clip_grad_norm_([gradient], 1.0)
print("shortened:", [round(number, 2) for number in gradient.grad.tolist()])

# %% [markdown]
# Capped, it points elsewhere, and it is still 1.4 long. `clip_grad_norm_` shortens the gradient of a whole
# model as one long arrow, and leaves it alone when it is shorter than that. Now the rows of above, clipped.

# %%
ranges("clipping")

# %% [markdown]
# XXX Why? Adam divides by the length of its gradients. Multiply every gradient by 0.1: what becomes of
# the steps?

# %%
ends = [boards.by_torch(torch.optim.Adam, torch.ones(2), lambda x: shorter * x, 20, lr=0.05) for shorter in (1, 0.1)]
print([[round(place, 4) for place in end.tolist()] for end in ends])

# %% [markdown]
# Nothing. XXX
#
# ## Plain steps
#
# XXX

# %%
ranges("plain_steps")

# %% [markdown]
# XXX
#
# ## The matrices at the start
#
# `nn.Linear` draws evenly between plus and minus `1 / sqrt(inputs)`, our `Transformer` by **Xavier's
# rule**, evenly between plus and minus `sqrt(6 / (inputs + outputs))`, and GPT-2 normally with a standard
# deviation of 0.02, those that write into a residual sum divided by the root of their number, here twelve:
# **depth-scaled**. What does one matrix of each kind make of numbers with standard deviation 1?

# %%
print("rule      matrix   result")
for rule in ("default", "Xavier", 0.02, 1.0):
    torch.manual_seed(0)
    linear = nn.Linear(64, 64, bias=False)
    if rule == "Xavier":
        nn.init.xavier_uniform_(linear.weight)
    elif rule != "default":
        nn.init.normal_(linear.weight, std=rule)
    print(f"{rule!s:8} {linear.weight.std():7.3f} {linear(torch.randn(5000, 64)).std():8.2f}")

# %% [markdown]
# Only Xavier keeps them. 0.02 is meant for 768 numbers a word and is small for 64. So bet on the six layers
# once more, with 100 steps of warm-up, which of these starts fail.

# %%
for name in ("initialisation", "more_starts"):
    ranges(name)

# %% [markdown]
# XXX
#
# ## The answer
#
# **XXX**
#
# ## What this does not say
#
# XXX
#
# ## An open exercise
#
# Find the border of pre-norm more closely, between 0.016 and 0.032, for a warm-up of 1, 5 and 20 steps
# (`boards.stays_on_reverse(lr, seed, norm_first=True, warmup=...)`). Does it rise with the length of the
# warm-up?
#
# <details><summary>What a good answer contains</summary>
#
# At least three rates and three seeds for each, and the seed that disagrees. A sentence about what else
# grows with a longer warm-up: the number of steps taken at low rates. And a control for it, such as the
# same steps at a low rate throughout.
#
# </details>
#
# ## References
#
# - R. Xiong and others, [On Layer Normalization in the Transformer
#   Architecture](https://arxiv.org/abs/2002.04745), 2020: large gradients near the output of post-norm, as
#   a reason for the warm-up.
# - L. Liu and others, [Understanding the Difficulty of Training
#   Transformers](https://arxiv.org/abs/2004.08249), 2020: another reason, the weight of the residual
#   branches.
# - X. Glorot and Y. Bengio, [Understanding the difficulty of training deep feedforward neural
#   networks](https://proceedings.mlr.press/v9/glorot10a.html), 2010: Xavier's rule.
#
# Back to {{lesson}}.
