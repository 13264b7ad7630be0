# %% [raw] tags=["card"]
# questions: Could one matrix make both queries and keys? Is a matrix of its own for the values worth having?

# %% [markdown]
# # 03b - Why three matrices?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# A head has three matrices. `W_Q` makes what a word asks for, its query, `W_K` what it is found by, its key,
# and `W_V` what it hands over, its value. Would two do? One matrix could serve as two of them, and a third of
# the parameters would be saved. Place a bet before you read on: which two would you merge, and what would it
# cost?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import plots
from helpers.model import attention_weights, eval_mode
from lessons import pictures, scoreboard
from lessons.boards.many_words import PREVIOUS, NotItself, places
from lessons.outline import SelfAttention

# %% [markdown]
# ## A word that asks with its own key
#
# Merge queries and keys: take the words of 03 and their `W_Q`, written by hand, and let each word be found
# by what it asks for. In 03 *ihn* found the man with 1, while the man found *ihn* with 0.

# %%
names = ["Mann", "Ball", "fängt", "ihn"]
words = torch.tensor([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 2]])  # (S, D)
W_Q = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 0]])  # (D, dk)
query = words @ W_Q  # (S, dk)
for name, row in zip(names, (query @ query.T).tolist(), strict=True):  # (S, S)
    print(f"{name:5} asks {', '.join(names)}: {row}")

# %% [markdown]
# The table shows a first rule, and a line of algebra gives a second. Both hold for any numbers in `W_Q`, and
# neither the division by the root of $d_k$ nor the softmax changes which word of a row comes first.
#
# 1. **Scores are mirrored.** Now the man finds *ihn* exactly as well as *ihn* finds the man.
# 2. **Liking another best has a price.** The squared length of $q_i - q_j$ is never negative, and multiplied
#    out that says $2\, q_i \cdot q_j \le q_i \cdot q_i + q_j \cdot q_j$. If a word scores another higher than
#    itself, the other must score *itself* higher still. So two words can never both prefer the other to
#    themselves.
#
# Where would that hurt? Let eight words stand in a ring, and let each look at the one before it, the first
# one at the last: a task called **previous**. By rule 2, own scores would have to rise from each word to
# the one before, all the way round, until word 1 outdoes itself. So in no sentence can one matrix for
# queries and keys close the ring. How badly does it fail, once it is trained?
#
# ## The ring, trained
#
# Each place has a vector that is added to its word. Here, unlike in 03, these are trained along, so that a
# failure cannot lie in them. Three heads learn *previous*, in at most 400 steps each. The second has one
# matrix in two roles, and so has the third, but there no word may look at itself, which puts rule 2 out of
# force.

# %%
def three_matrices(head=SelfAttention):
    return nn.Sequential(places(), head(64, 64, 64))


def query_is_key(head=SelfAttention):
    body = three_matrices(head)
    body[1].W_K = body[1].W_Q  # one matrix in two roles
    return body


make = {"three matrices": three_matrices, "Q = K": query_is_key,
        "Q = K, itself hidden": lambda: query_is_key(NotItself)}  # fmt: skip
trained = {name: scoreboard.train_on(PREVIOUS, make_body) for name, make_body in make.items()}

# %% [markdown]
# Draw an arrow from each place to the one that it looks at most, on average over 500 sentences that
# training has never seen. How many places will go wrong in the second ring, and in the third?

# %% tags=["nbval-ignore-output"]
# alt: Three rings of eight places. With three matrices each place points to the one before it and the ring
#   is closed. With Q = K some places point to themselves. With Q = K and itself hidden no place points to
#   itself, but some arrows go the wrong way, and the ring is broken too.
# not compared: where the heads trained here look
sentences, _ = PREVIOUS.draw(500, torch.Generator().manual_seed(1), held_out=True)  # (B, S)
fig, axes = plt.subplots(1, 3, figsize=(11, 4.1), layout="constrained")
looks = {}
for ax, (name, model) in zip(axes, trained.items(), strict=True):
    with eval_mode(model):
        x = model.body[0](model.embedding(sentences))  # (B, S, D)
        others = ~torch.eye(8, dtype=torch.bool) if "hidden" in name else None  # (S, S), True: may look
        weights = attention_weights(x @ model.body[1].W_Q, x @ model.body[1].W_K, others)  # (B, S, S)
    right = scoreboard.accuracy(model, PREVIOUS)
    pictures.ring(weights.mean(dim=0).argmax(dim=1), ax=ax, title=f"{name}: {right:.2f}")
    looks[name] = weights
plots.show(fig)

# %% [markdown]
# Three matrices close the ring, and the number above each ring is the share of right answers. With two
# roles in one matrix the ring falls into pieces, since here and there a place gives up and looks at itself
# (hatched), and behind it the rise can start anew.
#
# Hiding a word from itself does not close it, because rule 1 alone forbids that too. Let $s_{32}$ be what
# word 3 scores word 2. Word 3 must score 2 above 4, word 4 must score 3 above 5, and so on, while mirrored
# scores are equal. Then $s_{32} > s_{34} = s_{43} > s_{45} = s_{54} > \dots$, all the way round to $s_{32}$
# again, which is impossible. So at least one place looks the wrong way.
#
# The arrows are averages, while the rules speak of each single sentence, so count those in which all eight
# places look where they should.

# %%
before = torch.tensor([7, 0, 1, 2, 3, 4, 5, 6])  # (S,): the place before each place
for name, weights in looks.items():
    closed = (weights.argmax(dim=-1) == before).all(dim=-1)  # (B,)
    print(f"{name:20}  the ring is closed in {closed.float().mean().item():4.0%} of the sentences")
    assert closed.any() == (name == "three matrices"), "one matrix in two roles should never close it"

# %% [markdown]
# ## The board
#
# One training each is an anecdote. The board has three seeds for each way to merge, the mean on top and the
# range below (`python -m lessons.boards tied` measures it again). Here a linear layer behind the head
# brings its output back to 64 numbers, so that narrow heads can be compared too. Two tasks stand beside
# *previous* to test the explanation: *copy* needs nobody but the word itself, and in *reverse* the places
# look at each other in pairs, 1 with 8 and 8 with 1, against which rule 1 has nothing and rule 2 has.

# %%
# alt: Board of ten rows and three tasks. Three matrices, K = V and Q = V solve all. Q = K solves copy only.
#   With itself hidden it solves reverse, and neither copy nor previous. Two wide, three matrices still solve
#   all and K = V copy only; three wide, K = V does so with some seeds.
plots.show(plots.board(scoreboard.recorded("tied"), title="Which matrices may be the same?"))

# %% [markdown]
# **Queries with keys.** Merged, they fail on *previous* and on *reverse*. It is not the number of parameters:
# longer queries do not help, and three matrices of two numbers have far fewer and solve both. Hide a word
# from itself, and rule 2 is gone: *reverse* comes out at 1.00 with every seed, while *previous*, which rule 1
# forbids as well, stays broken. (*Copy* now suffers, for a word can no longer hand itself its own symbol.)
#
# The scores can even be counted. A place that looks wrong must guess one of eight symbols. It is one place
# of eight, and wrong seven times in eight, so it costs 7/64. If it is the same place in every sentence, .89
# is left, and the third ring above got there, while no seed on this board did, where a linear layer follows
# the head. Two leave .78 and three .67, and there most seeds of these rows stand; two of the doubled head
# lie lower. On *reverse* one word of each pair must guess, four of eight, which leaves about .56.
#
# **The values with either.** At width 64 it costs nothing, since the scores of such a head need not be
# mirrored, and 64 numbers have room for two roles. In a narrow head only K = V was tried, and it loses
# *previous* and *reverse*. With two numbers it always fails, and with three, which gives the head as many
# parameters as three matrices of two, the seed decides.
#
# ## The answer
#
# **One matrix for queries and keys mirrors the scores, and with mirrored scores a head cannot look round a
# ring: trained to do it, it left at least one of eight places guessing, mostly two or three, and got .51 to
# .89 right, where three matrices got everything. Keys and values could share a matrix at no cost in a head
# of 64 numbers, with some seeds in a head of three, and with none of three seeds in a head of two.**
#
# ## What this does not say
#
# This is one head, with eight places, one learning rate and three tasks, chosen because the two rules point
# at them. Whole models have ways round, and where nobody may look ahead (09), no ring needs to close. The
# Reformer (Kitaev and others, 2020) is such a case, a language model with shared queries and keys, in which
# a word does not look at itself while there is another one to look at. Its authors report no loss.
#
# ## An open exercise
#
# Can two heads with Q = K close the ring together? Put two of them side by side, add their outputs, train on
# *previous* with three seeds, and draw where each of them looks.
#
# <details><summary>What a good answer contains</summary>
#
# The accuracy of three seeds beside a single head of the same number of parameters, and a ring for each
# head. Then a reason, whichever way it goes. Each head is bound by both rules, so neither closes the ring
# alone. But the sum may: where one head looks at itself, or the wrong way, the other can be right and louder.
# Say how the output could tell which of the two to believe.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.
# - N. Kitaev, Ł. Kaiser and A. Levskaya, *Reformer: The Efficient Transformer*, 2020, sections 2 and 5.
#
# Back to {{lesson}}.
