# %% [raw] tags=["card"]
# built: residual connections, layer normalisation, the encoder layer and a stack of six
# questions: Why add the input back? Why normalise after each addition? When is a stack of six really six?

# %% [markdown]
# # 06 - Add and norm
#
# {{badge}}
#
# The paper does not use one encoder layer but six, one on top of the other. You have both parts of a layer,
# attention and feed-forward, so pile them up. **How does it get deep?**
#
# - **You need**: [04 - Multi-head attention](04_multi_head.ipynb) and [05 -
#   Feed-forward](05_feed_forward.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. *Layer norm or batch norm?*, the whole model at the
#   end of stage 17, the last board and exercises 2 to 4 are for home.
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
from helpers.model import FeedForward, MultiHeadAttention, record_attention  # 05, 04 and 00
from lessons import pictures, scoreboard
from lessons.boards.add_and_norm import round_both, wrapped
from lessons.exercises import add_and_norm as check
from lessons.outline import AttendToItself, TransformerOutline  # built in 04 and 01

# %%
built = ["encoder_stack", "decoder_stack", "encoder_self_attention", "encoder_feed_forward"]
plots.show(plots.close_up(built=built, today=["encoder_add_norm"], title="06: add and norm"))

# %% [markdown]
# After each part stands a flat box, *add & norm*, and a line leads round the part into it. The paper calls
# the two parts **sub-layers**, and the line and the box are today's work.
#
# ## Stage 16 - Add and norm
#
# First without the box: attention and feed-forward, six times in a row, which makes twelve sub-layers. What
# they hold is random, as PyTorch draws it.


# %%
def new_sublayers(d_model, n_heads):
    torch.manual_seed(0)
    layers = nn.Sequential()
    for _ in range(6):
        layers.append(AttendToItself(MultiHeadAttention(d_model, n_heads)))
        layers.append(FeedForward(d_model, 4 * d_model))
    return layers


# %%
names = ["der", "Hund", "bellt"]
words = torch.tensor([[1.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 1, 1]])  # (S, D)


def show_rows(rows):
    for name, row in zip(names, rows.tolist(), strict=True):
        print(f"{name:5} {[round(number, 2) for number in row]}")


show_rows(new_sublayers(4, 2)(words))

# %% [markdown]
# Three rows of four numbers, as it should be, and none of them strange. Now cover the names: which row is
# `Hund`?
#
# You cannot tell, because the three rows are equal. After how many of the twelve sub-layers is the
# difference gone? Guess, then look at the distance between `der` and `Hund` after each. Below are the first
# attention weights of `der`, one list a head.

# %%
x, sublayers = words, new_sublayers(4, 2)
with record_attention(sublayers) as maps:
    for sublayer in sublayers:
        x = sublayer(x)  # (S, D)
        print(f"{(x[0] - x[1]).norm().item():.4f}", end="  ")
print("\nweights of der:", [[round(share, 2) for share in head[0]] for head in maps["0.attention"].tolist()])

# %% [markdown]
# A new attention shares its weights almost evenly, so it hands every word nearly the same mix, and that mix
# *replaces* the word. The feed-forward part sees each word alone and does not bring back what is lost.
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
# This is a **residual connection**, or skip connection. The sub-layer supplies only what should *change*, so
# one that has nothing to say returns zeros, and the word passes as it was.
#
# Three words of four numbers are few, so take 32 sentences of eight random words, 64 numbers wide. How much
# of a word is its own? Subtract the mean of the sentence, and compare what is left with the whole: it is 1
# when that mean is 0, and 0 when all words are the same.


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
# Numbers of 32 bits carry about seven digits, so what is left of the lower line at 1e-07 is rounding.
#
# **Why add the input back? So that a word survives being mixed with the others: after six new layers that
# replace, all words of a sentence are one and the same, while after six that add they still differ.**
#
# *Going deeper: [Six layers with and without](studies/06b_six_layers_with_and_without.ipynb)*. It is the
# mixing that does it, since where no word may see another, six layers need no residual connection to learn
# to copy.
#
# ### Numbers that grow
#
# Adding has a price. Here is the standard deviation of the numbers after each of the six layers, with the
# matrices as drawn and with matrices of your choice. Twice as large, what do you expect after six?

# %%
factor = 2  # yours: try 0.5 and 3
for matrices in (1, factor):
    sublayers, x, found = new_sublayers(64, 8), torch.randn(32, 8, 64), []  # (B, S, D)
    for parameter in sublayers.parameters():
        parameter.data *= matrices if parameter.dim() == 2 else 1
    for number, sublayer in enumerate(sublayers):
        x = x + sublayer(x)  # (B, S, D)
        found += [x.std().item()] if number % 2 else []
    print(f"matrices times {matrices}:", *[f"{deviation:6.1f}" for deviation in found])

# %% [markdown]
# As drawn, the numbers hardly grow, but with matrices twice as large, what comes out is about a hundred times
# what went in. And nobody promises how large matrices become in training. Hence the second half of the box.
#
# **Why normalise after each addition? So that every part gets numbers whose standard deviation is about 1,
# however large the matrices below it are.** (From matrices as drawn, six layers learn two tasks as well
# without it: 06b.)
#
# ### Layer normalisation by hand
#
# Take the numbers of one word, subtract their mean, and divide by their standard deviation, which is the root
# of the mean of the squared differences. On paper, `[0, 0, 4, 4]` has the mean 2, and all its differences are
# 2 or -2, so the result must be `[-1, -1, 1, 1]`.


# %%
def layer_norm_1(x):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    return (x - mean) / x.std(dim=-1, keepdim=True)  # (..., D)


by_hand = torch.tensor([[0.0, 0, 4, 4], [5, 5, 5, 5]])  # (S, D)
print(layer_norm_1(by_hand))

# %% [markdown]
# 0.866 is not 1, and the row of fives came out as `nan`. PyTorch's `std` divides the sum of squares by 3,
# not by 4, which is the **unbiased** estimate, made for samples. And because the fives have the deviation 0,
# 0 was divided by 0.
#
# Two fixes, then. The mean of the squared differences is the **variance**, which `correction=0` divides by
# `D`, and a small number, `eps`, keeps the divisor away from 0.


# %%
def layer_norm_2(x, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    variance = x.var(dim=-1, keepdim=True, correction=0)  # (..., 1), changed
    return (x - mean) / (variance.sqrt() + eps)  # (..., D), changed


print(layer_norm_2(by_hand))

# %% [markdown]
# As on paper, but is it also what `nn.LayerNorm` computes, whose `eps` is 0.00001 too? Compare both
# versions on rows of three kinds, by the largest difference.

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
# Version 1 is off everywhere, though on wide rows by so little that a loose test would let it pass. Version 2
# looks right until the numbers are about a thousandth. There the variance is a millionth, smaller than `eps`,
# so it matters where `eps` is added, and PyTorch adds it to the variance, *inside* the root.


# %%
def layer_norm_3(x, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
    variance = x.var(dim=-1, keepdim=True, correction=0)  # (..., 1)
    return (x - mean) / (variance + eps).sqrt()  # (..., D), changed


compare(layer_norm_3)

# %% [markdown]
# Equal, but every word, unless its numbers are tiny, now has mean 0 and standard deviation 1, and the next
# part may want something else. So each of the `D` columns gets a factor and a summand that are trained, and
# start as 1 and 0.


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
for parameter in ours.parameters():
    nn.init.normal_(parameter)
theirs.load_state_dict(ours.state_dict())
print("equal to nn.LayerNorm:", torch.allclose(ours(words), theirs(words), atol=1e-6))

# %% [markdown]
# From here on you use `nn.LayerNorm`.
#
# ### Both, round each sub-layer
#
# Section 3.1 of the paper says it in one formula, `LayerNorm(x + Sublayer(x))`, to be put round both parts. A
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
# It runs, and each row has mean 0. Count on paper before you ask the layer: two norms, with a factor and a
# summand for each of 4 places, have how many parameters?


# %%
def norm_parameters(layer):
    norms = [module for module in layer.modules() if isinstance(module, nn.LayerNorm)]
    return sum(parameter.numel() for norm in norms for parameter in norm.parameters())


print("parameters in norms:", norm_parameters(layer_1))

# %% [markdown]
# Eight, not sixteen: there is one norm, used twice, so training cannot change it after attention alone. You
# would not find this bug in the accuracy here. Trained with three seeds, a layer with one shared norm
# counts as well as one with two, so only the parameters tell.
#
# The fix is a module for add and norm, one for each sub-layer. Two of its arguments come later, `dropout`
# in 12 and `norm_first` in 08.


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
print("parameters in norms:", norm_parameters(EncoderLayer(4, 2, 16)))

# %% [markdown]
# ### Layer norm or batch norm?
#
# An older way is **batch normalisation**, which takes mean and deviation over all words of all sentences, for
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
plots.show(pictures.taken_together(batch, panels, words=sentences, real=real))

# %% [markdown]
# On the left, nobody but `der` decides what becomes of `der`, while on the right its company does, padding
# included.
#
# *Going deeper: [Layer norm or batch norm?](studies/06a_layer_norm_or_batch_norm.ipynb)* In a fair trial
# batch norm counted a little better. But it makes a word depend on its company, and with the statistics of
# one sentence at a time it was useless afterwards.
#
# ## Stage 17 - The stack and an empty place for positions
#
# You could make one layer and copy it, or make six one by one. Both go into an
# `nn.ModuleList`, where PyTorch finds them (04). Compare the parameters, and how many first matrices differ.


# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


torch.manual_seed(0)
one = EncoderLayer(4, 2, 16)
stacks = {
    "six copies": nn.ModuleList([copy.deepcopy(one) for _ in range(6)]),
    "six, one by one": nn.ModuleList([EncoderLayer(4, 2, 16) for _ in range(6)]),
}
print("one layer:", count(one), "parameters, so six:", 6 * count(one))
for name, layers in stacks.items():
    different = {tuple(layer.self_attention.query.weight.flatten().tolist()) for layer in layers}
    print(f"{name:16} parameters {count(layers):4}  different layers {len(different)}")

# %% [markdown]
# The copies have all their parameters, but start as six times the same layer. **A stack of six is really
# six, with six times the parameters of one and six different starts, when its layers are made one by one
# and kept in an `nn.ModuleList`.** (Copies would part in training. Whether an equal start does harm was not
# tried.)
#
# `nn.Sequential` would spare you the loop, but it hands on one thing, and each layer also takes the mask. So
# there will be a loop, `for layer in layers: x = layer(x, mask)`.
#
# The map has one more box below the layers, *positions*. Like one head (03), the stack does not know the
# order of the words. Until 07, `nn.Identity`, which returns what it gets, keeps the place.
#
# Now the whole model of 01, with six real layers at full width and the empty place in front.

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
# New layers with a residual connection keep their words apart, but does that help six of them to learn?
# Take the plainest task, `copy`, on which each word must only repeat itself. The **loss**, here the
# **cross-entropy**, says how wrong a model is. Softmax turns its outputs at a place into shares, and the
# loss is minus the logarithm of the share of the right symbol, averaged over all places. Eight equal shares
# cost log 8 = 2.08, and being sure and right costs 0.
#
# `wrapped` builds six encoder layers as above and leaves out what you name, so bet on where the second line
# ends.


# %% tags=["nbval-ignore-output"]
# alt: Two lines of the loss over 150 steps of training. With residual and norm it falls to 0 within the first
#   steps. With the norm only, it stays far above.
# not compared: losses of models trained here
def learn_to_copy(**parts):
    torch.manual_seed(0)
    model = scoreboard.SymbolModel(wrapped(6, **round_both(**parts)))
    generator, losses = torch.Generator().manual_seed(0), []

    def learn_from(step):
        symbols, wanted = copy_task.draw(128, generator)  # (B, S) each
        losses.append(scoreboard.label_loss(model(symbols), wanted))
        return losses[-1]

    scoreboard.fit(model, learn_from, steps=150)
    print(f"{scoreboard.accuracy(model, copy_task):.2f} right")
    return range(1, 151), [loss.item() for loss in losses]


copy_task = scoreboard.TASKS["copy"]
lines = {"residual and norm": learn_to_copy(), "norm only": learn_to_copy(residual=False)}
plots.show(plots.curves(lines, title="six layers learn to copy"))

# %% [markdown]
# With residual connections the stack soon makes no more mistakes. With the norm only it gets a third right,
# which is what naming the sentence's most frequent symbol at every place gets: it answers as if its words
# were one (06b).
#
# Here are means over three seeds and up to 400 steps, one layer beside six. The rows called *doubled* start
# with matrices twice as large.

# %%
# alt: Board of four rows. With one layer all score near 1. With six, norm only fails on copy and count, and
#   so does residual only, doubled. Both together solve copy, and doubled nearly solve count.
board = scoreboard.recorded("add_and_norm")
rows = ["residual and norm", "norm only", "residual and norm, doubled", "residual only, doubled"]
plots.show(plots.board({row: board[row] for row in rows}, means=True, title="One layer and six"))

# %% [markdown]
# One layer can do without the one or the other. Six need the residual connection and, where the matrices
# start large, the norm as well.
#
# And the scoreboard of this part, with one encoder layer as its body: which column will gain?

# %% tags=["nbval-ignore-output"]
# alt: Board of four rows and six tasks. The rows of 05, 06 and the live one are alike: copy and count near 1,
#   odd above .8, reverse near a third, hop and two hops at the best guess.
# not compared: accuracies of a body trained here
live = scoreboard.measure_tasks(lambda: EncoderLayer(64, 8, 256, dropout=0.0))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
so_far = {row: scores for row, scores in scoreboard.recorded("encoder", last="06").items() if row[:2] > "04"}
plots.show(plots.board(so_far, live=live, chance=chance, means=True, repeats="06"))

# %% [markdown]
# None: where a ReLU already bends, add and norm brings no new skill, but it lets skills be stacked. On the
# right, three columns still wait to know where a word stands.
#
# ## Recap
#
# 1. How does it get deep? Each sub-layer only adds to its input, and after each addition the numbers are
#    brought back to a standard deviation of about 1.
# 2. Without the added input, new layers make all words alike, and six of them do not learn to copy.
# 3. Layer normalisation takes each word by itself, divides the squares by `D`, and adds `eps` inside the
#    root.
# 4. Each sub-layer has a norm of its own. The parameter count shows a shared one, the accuracy of these
#    tasks does not.
# 5. Six layers are made one by one, in an `nn.ModuleList`.
#
# ## Exercises
#
# **1. Warm-up.** Which five numbers does layer normalisation make of `[1, 1, 1, 1, 6]`, on paper, without
# `eps`, all factors 1 and all summands 0?

# %% tags=["exercise"]
### BEGIN SOLUTION
normed_row = [-0.5, -0.5, -0.5, -0.5, 2.0]
### END SOLUTION

check.norm_on_paper(normed_row)

# %% [markdown]
# **2. Core.** Many models of today use a simpler norm, the **RMS norm**, which subtracts no mean: each word
# is divided by the root of the mean of its squares. Write it for any shape `(..., D)`, with `eps` where
# layer normalisation has it, and without factors or `rms_norm`.


# %% tags=["exercise"]
def my_rms_norm(x, eps=1e-5):
    ### BEGIN SOLUTION
    return x / ((x**2).mean(dim=-1, keepdim=True) + eps).sqrt()
    ### END SOLUTION


check.my_rms_norm(my_rms_norm)

# %% [markdown]
# **3. Debug.** This layer has two residual connections and two norms, and it runs. Below, its feed-forward
# part returns zeros, and so does attention in the first line, but not in the second. What should hold, and
# does not? Fix the line.


# %%
def broken_layer(x, attend, think, norm_1, norm_2):
    seen = norm_1(x + attend(x))  # (S, D)
    return norm_2(x + think(seen))  # (S, D)


norm_1, norm_2, sentence = nn.LayerNorm(4), nn.LayerNorm(4), torch.eye(4)
for attend in (torch.zeros_like, lambda x: x.flip(0)):
    print(broken_layer(sentence, attend, torch.zeros_like, norm_1, norm_2)[0].detach())


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
# - B. Zhang and R. Sennrich, [Root Mean Square Layer Normalization](https://arxiv.org/abs/1910.07467), 2019.
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
