# %% [raw] tags=["card"]
# built: residual connections, layer normalisation, the encoder layer and a stack of six
# questions: Why add the input back? Why normalise after each addition? When is a stack of six really six?

# %% [markdown]
# # 06 - Add and norm
#
# {{badge}}
#
# The paper does not use one encoder layer. It uses six, one on top of the other. You have both parts of a
# layer, attention and feed-forward, so pile them up. **How does it get deep?**
#
# - **You need**: [04 - Multi-head attention](04_multi_head.ipynb) and [05 -
#   Feed-forward](05_feed_forward.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, *Does it learn?*, the scoreboard and
#   exercise 4 can be left for home.
#
# **From two lessons back.** In 04, eight heads mix the values of all words, by their attention weights, and
# a projection joins the eight. Suppose that all words happen to have the same attention weights: the first
# word has the same eight rows of weights as the second and the third. What can the output still tell you
# about which word is which?
#
# <details><summary>Answer</summary>
#
# Nothing. The same weights make the same mix of the same values, and the projection treats all words alike,
# so all outputs are equal, however different the words were.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import copy

import torch
from torch import nn

from helpers import plots
from helpers.model import FeedForward, MultiHeadAttention  # built in 04 and 05
from lessons import scoreboard
from lessons.boards.add_and_norm import round_both, wrapped
from lessons.exercises import add_and_norm as check
from lessons.outline import AttendToItself, TransformerOutline  # built in 04 and 01

# %%
built = ["encoder_stack", "decoder_stack", "encoder_self_attention", "encoder_feed_forward"]
plots.show(plots.close_up(built=built, today=["encoder_add_norm"], title="06: add and norm"))

# %% [markdown]
# After each part stands a flat box, *add & norm*, and a line leads round the part into it. The paper calls
# the two parts **sub-layers**. The line and the box are today's work.
#
# ## Stage 16 - Add and norm
#
# First without the box: attention and feed-forward, six times in a row, twelve sub-layers in all. What they
# hold is random, as PyTorch draws it. (`factor` will be needed later.)


# %%
@torch.no_grad()
def new_sublayers(d_model, n_heads, factor=1):
    torch.manual_seed(0)
    layers = nn.Sequential()
    for _ in range(6):
        layers.append(AttendToItself(MultiHeadAttention(d_model, n_heads)))
        layers.append(FeedForward(d_model, 4 * d_model))
    for parameter in layers.parameters():
        parameter *= factor if parameter.dim() == 2 else 1  # the matrices
    return layers


# %%
names = ["der", "Hund", "bellt"]
words = torch.tensor([[1.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 1, 1]])  # (S, D)


def show_rows(rows):
    for name, row in zip(names, rows.tolist(), strict=True):
        print(f"{name:5} {[round(number, 2) for number in row]}")


show_rows(new_sublayers(4, 2)(words))

# %% [markdown]
# Three rows of four numbers, as it should be, and none of them strange. Now cover the names. Which row is
# `Hund`?
#
# You cannot tell: the rows are equal. After how many of the twelve sub-layers is the difference gone? Guess,
# then look at the distance between `der` and `Hund` after each.

# %%
x = words
for sublayer in new_sublayers(4, 2):
    x = sublayer(x)  # (S, D)
    print(f"{(x[0] - x[1]).norm().item():.4f}", end="  ")

# %% [markdown]
# A new attention shares its weights almost evenly, so it hands every word nearly the same mix. That mix
# *replaces* the word. The feed-forward part sees each word alone and cannot bring back what is lost.
#
# How could a word survive this? It takes one plus sign.

# %%
x = words
for sublayer in new_sublayers(4, 2):
    x = x + sublayer(x)  # (S, D), changed
    print(f"{(x[0] - x[1]).norm().item():.4f}", end="  ")
print()
show_rows(x)

# %% [markdown]
# This is a **residual connection**, or skip connection. The sub-layer supplies only what should *change*. One
# that has nothing to say returns zeros, and the word passes as it was.
#
# Three words of four numbers are few. Take 32 sentences of eight random words, 64 numbers wide. How much of a
# word is its own? Subtract the mean of the sentence, and compare what is left with the whole: 1 when nothing
# is shared, 0 when all words of the sentence are the same.


# %%
def own_share(x):
    own = x - x.mean(dim=-2, keepdim=True)  # (B, S, D)
    return (own.norm() / x.norm()).item()


lines = {}
for name, keep in {"added": 1, "replaced": 0}.items():
    sublayers, x = new_sublayers(64, 8), torch.randn(32, 8, 64)  # (B, S, D)
    found = [own_share(x)]
    for sublayer in sublayers:
        x = keep * x + sublayer(x)  # (B, S, D)
        found.append(own_share(x))
    lines[name] = (range(13), found)

# %%
# alt: Two lines over the sub-layers 0 to 12, on a logarithmic scale. Added, the share stays near 1. Replaced,
#   it falls within four sub-layers to a ten-millionth and stays there.
title = "How much of a word is its own?"
plots.show(plots.curves(lines, xlabel="sub-layer", ylabel="share", title=title, log=True))

# %% [markdown]
# The lower line ends where numbers of 32 bits end: what is left is rounding.
#
# **Why add the input back? So that a word survives being mixed with the others. After six new layers that
# replace, all words of a sentence are one and the same; after six that add, they still differ.**
#
# *Going deeper: [Six layers with and without](studies/06b_six_layers_with_and_without.ipynb)*. It is the
# mixing that does it: where no word may see another, six layers need no residual connection to learn to
# copy.
#
# ### Numbers that grow
#
# Adding has a price. Here is the standard deviation of the numbers after each of the six layers, with the
# matrices as drawn, and with matrices of your choice. Twice as large, what do you expect after six?

# %%
factor = 2  # yours: try 0.5 and 3
for matrices in (1, factor):
    x, found = torch.randn(32, 8, 64), []  # (B, S, D)
    for number, sublayer in enumerate(new_sublayers(64, 8, matrices)):
        x = x + sublayer(x)  # (B, S, D)
        found += [x.std().item()] if number % 2 else []
    print(f"matrices times {matrices}:", *[f"{deviation:6.1f}" for deviation in found])

# %% [markdown]
# As drawn, hardly anything happens. Twice as large, the last layer gets numbers about a hundred times as
# large, and nobody promises how large matrices become in training. Hence the second half of the box.
#
# **Why normalise after each addition? So that every part gets numbers of about one standard deviation,
# however large the matrices below it are.** (As long as they stay small, a stack can do without: 06b.)
#
# ### Layer normalisation by hand
#
# Take the numbers of one word. Subtract their mean, divide by their standard deviation: the root of the mean
# of the squared differences. On paper, `[0, 0, 4, 4]` has the mean 2, and all its differences are 2 or -2. So
# the result must be `[-1, -1, 1, 1]`.


# %%
def layer_norm_1(x):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    return (x - mean) / x.std(dim=-1, keepdim=True)  # (..., D)


by_hand = torch.tensor([[0.0, 0, 4, 4], [5, 5, 5, 5]])  # (S, D)
print(layer_norm_1(by_hand))

# %% [markdown]
# 0.866 is not 1, and the row of fives came out as `nan`. PyTorch's `std` divides the sum of squares by 3,
# not by 4: the **unbiased** estimate, made for samples. And the fives have the deviation 0, so 0 was
# divided by 0.
#
# Two fixes. The mean of the squared differences is the **variance**; with `correction=0` it divides by `D`.
# And a small number, `eps`, keeps the divisor away from 0.


# %%
def layer_norm_2(x, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    variance = x.var(dim=-1, keepdim=True, correction=0)  # (..., 1), changed
    return (x - mean) / (variance.sqrt() + eps)  # (..., D), changed


print(layer_norm_2(by_hand))

# %% [markdown]
# As on paper. Is it also what `nn.LayerNorm` computes? Its `eps` is 0.00001 too. Compare both versions on
# rows of three kinds, by the largest difference.

# %%
torch.manual_seed(0)
wide, narrow = torch.randn(4, 512, dtype=torch.double), torch.randn(4, 4, dtype=torch.double)  # (S, D)
rows = {"512 numbers": wide, "4 numbers": narrow, "4 small numbers": narrow / 1000}


def compare(norm):
    for kind, x in rows.items():
        difference = (norm(x) - nn.functional.layer_norm(x, x.shape[-1:])).abs().max().item()
        print(f"{norm.__name__}  {kind:15}  {difference:.6f}")


compare(layer_norm_1)
compare(layer_norm_2)

# %% [markdown]
# Version 1 is off everywhere, on wide rows by so little that a loose test would let it pass. Version 2 looks
# right, until the numbers are about a thousandth. There the variance is a millionth, smaller than `eps`, and
# it matters where `eps` is added. PyTorch adds it to the variance, *inside* the root.


# %%
def layer_norm_3(x, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    variance = x.var(dim=-1, keepdim=True, correction=0)  # (..., 1)
    return (x - mean) / (variance + eps).sqrt()  # (..., D), changed


compare(layer_norm_3)

# %% [markdown]
# Equal. One thing is missing: every word now has mean 0 and standard deviation 1, and the next part may
# want something else. So each of the `D` columns gets a factor and a summand that are trained, 1 and 0 at
# the start.


# %%
class LayerNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))  # (D,)
        self.bias = nn.Parameter(torch.zeros(d_model))  # (D,)
        self.eps = eps

    def forward(self, x):
        return layer_norm_3(x, self.eps) * self.weight + self.bias  # (B, S, D)


ours, theirs = LayerNorm(4), nn.LayerNorm(4)
nn.init.normal_(ours.weight)
theirs.load_state_dict(ours.state_dict())
print("equal to nn.LayerNorm:", torch.allclose(ours(words), theirs(words), atol=1e-6))

# %% [markdown]
# From here on you use `nn.LayerNorm`.
#
# An older way is **batch normalisation**. It takes mean and deviation over all words of all sentences, for
# each of the `D` columns. Here are both, in a batch of two sentences. The second one is shorter, and has been
# filled up with an empty word (hatched), the **padding**.

# %%
# alt: A batch of two sentences as cells with numbers, twice. Layer norm takes together the four numbers of
#   one word, der. Batch norm takes together the first number of all six words, the hatched one included.
batch = torch.stack([words, words.roll(-1, 0)])  # (B, S, D)
batch[1, 2] = 0
one_word, one_column = torch.zeros(2, 3, 1, dtype=torch.bool), torch.tensor([True, False, False, False])
one_word[0, 0] = True
sentences, real = [names, ["Hund", "bellt", "(empty)"]], torch.tensor([[True] * 3, [True, True, False]])
panels = {"layer norm: one word": one_word, "batch norm: one column": one_column}
plots.show(plots.taken_together(batch, panels, words=sentences, real=real))

# %% [markdown]
# On the left, nobody but `der` decides what becomes of `der`. On the right its company does, padding
# included.
#
# *Going deeper: [Layer norm or batch norm?](studies/06a_layer_norm_or_batch_norm.ipynb)* In a fair trial
# batch norm counts as well as layer norm. But it makes a word depend on its company, and when it was
# trained on one sentence at a time it was of no use afterwards.
#
# ### Both, round each sub-layer
#
# Section 3.1 of the paper says it in one formula: `LayerNorm(x + Sublayer(x))`. Put it round both parts. A
# norm is a norm, so one will do.


# %%
class EncoderLayer1(nn.Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x):
        x = self.norm(x + self.self_attention(x, x, x))  # (B, S, D)
        return self.norm(x + self.feed_forward(x))  # (B, S, D)


torch.manual_seed(0)
layer_1 = EncoderLayer1(4, 2, 16)
show_rows(layer_1(words))

# %% [markdown]
# It runs, and each row has mean 0. Now count on paper: two norms, with a factor and a summand for each of 4
# places. How many parameters is that? Then ask the layer.


# %%
def norm_parameters(layer):
    norms = [module for module in layer.modules() if isinstance(module, nn.LayerNorm)]
    return sum(parameter.numel() for norm in norms for parameter in norm.parameters())


def set_and_read(after_attention, after_feed_forward):
    nn.init.constant_(after_attention.weight, 3.0)
    nn.init.constant_(after_feed_forward.weight, 5.0)
    return after_attention.weight[0].item(), after_feed_forward.weight[0].item()


print("parameters in norms:", norm_parameters(layer_1))
print("set to 3 and 5, they are:", set_and_read(layer_1.norm, layer_1.norm))

# %% [markdown]
# Eight, not sixteen, and the 5 has overwritten the 3: there is one norm, used twice. What training does to it
# after attention it also does to it after feed-forward. You would not find this bug in the accuracy. Trained
# with three seeds, the shared norm counts as well as two (.99 each, in one layer), so only the count of
# parameters tells.
#
# The fix is a module for add and norm, and one of them for each sub-layer. Two arguments come later:
# `dropout` in 12, and `norm_first` in 08.


# %% tags=["final"]
class AddAndNorm(nn.Module):
    """A residual connection and a layer normalisation round one sub-layer: (B, L, D) to same."""

    def __init__(self, d_model, dropout=0.0, norm_first=False):
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x, sublayer):
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


# %% [markdown]
# Attention takes three inputs and a sub-layer one, so a small function, made with `lambda`, hands the same
# words over three times. The `mask` comes in 09.


# %% tags=["final"]
class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each inside `AddAndNorm`: (B, S, D) to same."""

    def __init__(self, d_model, n_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        wraps = [AddAndNorm(d_model, dropout, norm_first) for _ in range(2)]
        self.add_and_norm = nn.ModuleList(wraps)

    def forward(self, x, mask=None):
        x = self.add_and_norm[0](x, lambda y: self.self_attention(y, y, y, mask))
        return self.add_and_norm[1](x, self.feed_forward)


# %%
torch.manual_seed(0)
layer_1, layer = EncoderLayer1(4, 2, 16), EncoderLayer(4, 2, 16, dropout=0.0)
layer.load_state_dict(layer_1.state_dict(), strict=False)  # all but the norms, which are new in both
print("new, both compute the same:", torch.allclose(layer(words), layer_1(words), atol=1e-6))
print("parameters in norms:", norm_parameters(layer))
print("set to 3 and 5, they are:", set_and_read(*[wrap.norm for wrap in layer.add_and_norm]))

# %% [markdown]
# ## Stage 17 - The stack and an empty place for positions
#
# Six of them. Four ways to write that come to mind, and all four run. Which would you trust?


# %%
def new_layer():
    return EncoderLayer(4, 2, 16, dropout=0.0)


torch.manual_seed(0)
one = new_layer()
stacks = {
    "six in a list": [new_layer() for _ in range(6)],
    "one, six times": nn.ModuleList([one] * 6),
    "six copies": nn.ModuleList([copy.deepcopy(one) for _ in range(6)]),
    "six, one by one": nn.ModuleList([new_layer() for _ in range(6)]),
}

# %% [markdown]
# Put each into a module as its `layers`. Ask how many parameters PyTorch finds, where six layers should have
# six times as many as one, and how many different first matrices there are.


# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


print("one layer:", count(one), "parameters, so six:", 6 * count(one))
for name, layers in stacks.items():
    stack = nn.Module()
    stack.layers = layers
    different = {tuple(layer.self_attention.query.weight.flatten().tolist()) for layer in layers}
    print(f"{name:16} parameters {count(stack):4}  different layers {len(different)}")

# %% [markdown]
# Nobody finds what is in a Python list (04). The second stack is one layer that is used six times. The
# copies have all their parameters, but start as six times the same. **A stack of six is really six when its
# layers are made one by one and kept in an `nn.ModuleList`: six times the parameters of one, and no two
# alike.**
#
# Why not `nn.Sequential`, which would spare you the loop? Hide `bellt` with a mask, and see.

# %% tags=["raises-exception"]
six = nn.Sequential(*stacks["six, one by one"])
hide_bellt = torch.tensor([[True, True, False]] * 3)  # (S, S), True means: may attend
six(words, hide_bellt)

# %% [markdown]
# `nn.Sequential` hands on one thing, and each layer also takes the mask. So there will be a loop:
# `for layer in layers: x = layer(x, mask)`.
#
# The map has one more box below the layers, *positions*. Does the stack need it? Turn the sentence round:
# what do you expect of `der`?

# %%
show_rows(six(words))
print("turned round and back:")
show_rows(six(words.flip(0)).flip(0))

# %% [markdown]
# "bellt Hund der" gives the same three vectors as "der Hund bellt". Nothing in the stack knows where a word
# stands. That is for 07; today you leave the place empty. `nn.Identity` returns what it gets.
#
# Now the whole model of 01, with six real layers at full width, and the empty place in front.

# %%
torch.manual_seed(0)
model = TransformerOutline()
model.encoders = nn.ModuleList([nn.Identity(), *[EncoderLayer(512, 8, 2048, dropout=0.0) for _ in range(6)]])
source, target = torch.randn(3, 512), torch.randn(2, 512)  # (S, D), (T, D)
memory = model.encode(source)  # (S, D)
print("memory", tuple(memory.shape), " output", tuple(model(source, target).shape))
print("deviation of each word:", [f"{word.std(correction=0).item():.2f}" for word in memory])
print(f"parameters of the six layers: {count(model.encoders):,}")

# %% [markdown]
# But for embedding and positions, the left tower is complete: 18,914,304 parameters.
#
# ## Does it learn?
#
# New layers with a residual connection keep their words apart. Does that help six of them to learn? Take
# the plainest task, `copy`, on which each word must only repeat itself. The **loss** says how wrong a model
# is: softmax turns its outputs at a place into shares, and the loss is minus the logarithm of the share of
# the right symbol, averaged over all places. It is called **cross-entropy**. Eight equal shares cost log 8
# = 2.08, and being sure and right costs 0.
#
# `wrapped` builds six encoder layers as above, and leaves out what you name. Bet on where the second line
# ends.

# %% tags=["nbval-ignore-output"]
# alt: Two lines of the loss over 150 steps of training. With residual connections it falls to 0 within the
#   first steps. Without, it stays far above.
# not compared: losses of models trained here
losses, copy_task = {}, scoreboard.TASKS["copy"]
for name, parts in {"with residual": round_both(), "without": round_both(residual=False)}.items():
    found = []  # (step, loss)
    model = scoreboard.train_on(
        copy_task, lambda parts=parts: wrapped(6, **parts), steps=150,
        on_step=lambda *pair, pairs=found: pairs.append(pair))  # fmt: skip
    losses[name] = tuple(zip(*found, strict=True))
    print(f"{name}: {scoreboard.accuracy(model, copy_task):.2f} right")
plots.show(plots.curves(losses, title="six layers learn to copy"))

# %% [markdown]
# With residual connections the stack soon makes no more mistakes, and its training stops there. Without, it
# gets a third right.
#
# Here are means over three seeds and 400 steps, one layer beside six. *Doubled* rows start with matrices
# twice as large.

# %%
# alt: Board of four rows. With one layer all score near 1. With six, norm only fails on copy and count, and
#   so does residual only, doubled. Both together solve copy, and doubled nearly solve count.
board = scoreboard.recorded("add_and_norm")
rows = ["residual and norm", "norm only", "residual and norm, doubled", "residual only, doubled"]
plots.show(plots.board({row: board[row] for row in rows}, means=True, title="One layer and six"))

# %% [markdown]
# One layer can do without. Six need the residual connection, and where the matrices are large the norm as
# well.
#
# And the scoreboard of this part, with one encoder layer as its body. Which column will gain?

# %% tags=["nbval-ignore-output"]
# alt: Board of four rows and six tasks. The rows of 05, 06 and the live one are alike: copy and count near 1,
#   odd above .8, reverse near a third, hop and two hops at the best guess.
# not compared: accuracies of a body trained here
live = scoreboard.measure_tasks(lambda: EncoderLayer(64, 8, 256, dropout=0.0))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
so_far = {row: scores for row, scores in scoreboard.recorded("encoder", last="06").items() if row[:2] > "04"}
plots.show(plots.board(so_far, live=live, chance=chance, means=True, repeats="06"))

# %% [markdown]
# None. Add and norm is no new skill; it is what lets skills be stacked. On the right, three columns still
# wait for something else: to know where a word stands.
#
# ## Recap
#
# 1. How does it get deep? Each sub-layer only adds to its input, and after each addition the numbers are
#    brought back to one standard deviation.
# 2. Without the added input, new layers make all words alike, and six of them do not learn to copy.
# 3. Layer normalisation takes each word by itself. It divides the squares by `D`, and `eps` stands inside the
#    root.
# 4. Each sub-layer has a norm of its own. The parameter count shows a shared one, the accuracy does not.
# 5. Six layers are made one by one, in an `nn.ModuleList`.
#
# ## Exercises
#
# **1. Warm-up.** On paper: layer normalisation of `[1, 1, 1, 1, 6]`, without `eps`, all factors 1 and all
# summands 0. Which five numbers come out?

# %% tags=["exercise"]
### BEGIN SOLUTION
normed_row = [-0.5, -0.5, -0.5, -0.5, 2.0]
### END SOLUTION

check.norm_on_paper(normed_row)

# %% [markdown]
# **2. Core.** Write layer normalisation from its definition, for any shape `(..., D)`: no `var`, no `std`, no
# `layer_norm`. Mean 0 and standard deviation 1 for each word, `eps` in its right place, no factors and no
# summands.


# %% tags=["exercise"]
def my_layer_norm(x, eps=1e-5):
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / ((centred**2).mean(dim=-1, keepdim=True) + eps).sqrt()
    ### END SOLUTION


check.my_layer_norm(my_layer_norm)

# %% [markdown]
# **3. Debug.** This layer has two residual connections and two norms, and it runs. Below, its feed-forward
# part returns zeros. In the first line attention returns zeros too, in the second it has collected
# something. What should hold, and does not? Fix the line.


# %%
def broken_layer(x, attend, think, norm_1, norm_2):
    seen = norm_1(x + attend(x))  # (S, D)
    return norm_2(x + think(seen))  # (S, D)


norm, sentence = nn.LayerNorm(4), torch.eye(4)
for attend in (torch.zeros_like, lambda x: x.flip(0)):
    print(broken_layer(sentence, attend, torch.zeros_like, norm, norm)[0].detach())


# %% tags=["exercise"]
def fixed_layer(x, attend, think, norm_1, norm_2):
    ### BEGIN SOLUTION
    seen = norm_1(x + attend(x))  # (S, D)
    return norm_2(seen + think(seen))  # (S, D)
    ### END SOLUTION


check.fixed_layer(fixed_layer)

# %% [markdown]
# **4. Stretch.** Six doubled layers without a norm get .34 of `copy` right, on the board above. Beat that,
# still without a norm: multiply what a sub-layer adds by one trained number, which is 0 at the start. Write
# `forward`, and train it with `scoreboard.train_on(scoreboard.TASKS["copy"], lambda: wrapped(6, Scaled,
# Scaled, factor=2))`.


# %% tags=["exercise"]
class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, x, sublayer):
        ### BEGIN SOLUTION
        return x + self.scale * sublayer(x)
        ### END SOLUTION


check.scaled(Scaled)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# The score of three seeds, on `copy` and on `count`. What the twelve numbers have become. Why the doubled
# matrices do no harm at the start (a stack of layers that add nothing passes the words on as they are), and
# one thing that the norm still does and this does not. Published as ReZero, by T. Bachlechner and others,
# 2020.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017, section 3.1.
# - J. L. Ba, J. R. Kiros and G. E. Hinton, [Layer Normalization](https://arxiv.org/abs/1607.06450), 2016.
# - K. He and others, [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385),
#   2015.
# - The same told another way: J. Alammar, [The Illustrated
#   Transformer](https://jalammar.github.io/illustrated-transformer/), *The Residuals*; and A. Rush and
#   others, [The Annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/), with its code
#   beside the paper's text.
# - PyTorch's [nn.LayerNorm](https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html).
#
# ## What is still a placeholder
#
# The place in front of the layers, and the words themselves, which are still made up. And the whole decoder.
#
# {{next}}
