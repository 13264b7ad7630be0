# %% [raw] tags=["card"]
# built: the feed-forward part of the encoder
# questions: What can attention not do? Why is a function needed between two linear layers?
# What do the units of the feed-forward part do? Where are the parameters?

# %% [markdown]
# # 05 - The feed-forward part
#
# {{badge}}
#
# Eight heads can count: asked how often its own symbol stands in a sentence of eight, the model of 04 is
# right 99 times in 100. Ask it instead whether that number is *odd*, and it falls to 70, where guessing
# gets 55, although anyone who knows that there are three knows that three is odd. **What can attention not
# do?**
#
# - **You need**: multi-head attention from [04 - Multi-head attention](04_multi_head.ipynb), and the outline
#   of [01](01_outline.ipynb), where a linear layer still stands in for today's part.
# - **It runs** in {{time}} on a laptop with two cores. Short of time, a class leaves "Where are the
#   parameters?", "Into the whole model" and exercises 3 and 4 for home.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from helpers.model import DecoderLayer, EncoderLayer, MultiHeadAttention, Transformer  # of 09, 06, 04 and 10
from lessons import pictures, scoreboard
from lessons.exercises import feed_forward as check
from lessons.outline import AttendToItself, TransformerOutline  # built in 04 and 01

# %%
built, today = ["encoder_stack", "decoder_stack", "encoder_self_attention"], ["encoder_feed_forward"]
plots.show(plots.close_up(built, today, title="05: the feed-forward part"))

# %% [markdown]
# Self-attention is in colour, and above it, still hatched, is the second part of every encoder layer.
#
# **From two lessons back.** A word gives three others, whose values are 10, 0 and 4, the attention weights
# .5, .3 and .2. What does it take home, and which weights would bring it 12?
#
# <details><summary>Answer</summary>
#
# .5 · 10 + .3 · 0 + .2 · 4 = 5.8. And none would bring 12: weights are not negative and sum to 1, so the
# output is a mean, which never leaves the range of the values.
#
# </details>
#
# ## Stage 14 - One linear layer
#
# How does a mean count? Let a head look at all eight words equally, and let the value of *a* be 1 and that of
# any other letter 0. The output is then the share of *a*, and times the length it is the count.

# %%
sentences = ["bcdefghi", "abcdefgh", "abacdefg", "abacadef", "aaaabcde", "aaaaabcd"]
values = torch.tensor([[letter == "a" for letter in sentence] for sentence in sentences]).float()  # (B, S)
weights = torch.full((8,), 1 / 8)  # (S,)
counts = 8 * (values @ weights)  # (B,)
print(counts.tolist())

# %% [markdown]
# Now the word has its count `c`, and the answer should be above zero where `c` is odd. What comes after the
# mean so far, a projection and an output layer, is linear, which for a single number means a straight line,
# `w * c + b`. Change `w` and `b` until as many answers as possible are right.

# %%
odd = counts % 2  # (B,): 0, 1, 0, 1, 0, 1
w, b = 1.0, -1.5  # yours
answers = w * counts + b > 0  # (B,)
print(answers.tolist(), f"{(answers == odd.bool()).sum()} of 6 right")

# %% [markdown]
# Four is the most you can get: a line crosses zero once, so along the counts its answer can switch once, and
# *odd* has to switch five times.
#
# Why is counting any easier, then? Because *count* has a score for each answer, and the largest wins. Here
# is a line for each of the answers 0 to 5, shifted so that neighbours cross half-way between two counts.
# Which is largest at `c = 3`?

# %%
k = torch.arange(6.0)  # (6,): the answers
scores = counts[:, None] * k - k**2 / 2  # (B, 6): one line for each
print(scores[3].tolist())
print("largest:", scores.argmax(dim=1).tolist())

# %% [markdown]
# Straight lines can take turns at being largest, but each has its turn in one stretch and never comes back,
# while *odd* would have to win, lose, and win again.
#
# So give the layer more room: instead of one step from one number to one number, take two, widening it to
# five **units** with weights of their own and narrowing it to one again. Write down how often the answer
# will switch now.


# %%
widen, shift = torch.ones(1, 5), torch.tensor([0.0, -1, -2, -3, -4])  # (D, F), (F,)
narrow = torch.tensor([[1.0], [-2], [2], [-2], [2]])  # (F, D)


def feed_forward_v1(x):
    hidden = x @ widen + shift  # (B, F)
    return hidden @ narrow  # (B, D)


print(feed_forward_v1(counts[:, None])[:, 0].tolist())

# %% [markdown]
# Up by one with each count: a straight line again. Multiply out what the function does, and the brackets
# fall away: $(c\,W_1 + b_1)\,W_2 = c\,(W_1 W_2) + b_1 W_2$. All those weights amount to one `w` and one `b`.

# %%
print("w:", (widen @ narrow).item(), " b:", (shift @ narrow).item())

# %% [markdown]
# **Two linear layers in a row are one**, however wide the middle. And attention itself? Its weights hang on
# query and key, so keep these the same and vary only the values. Anything linear, biases included, passes
# this test: $f(u) + f(v) = f(u + v) + f(0)$.

# %%
torch.manual_seed(0)
attention, x = MultiHeadAttention(512, 8), torch.randn(3, 512)  # (S, D)
two_layers = nn.Sequential(nn.Linear(512, 2048), nn.Linear(2048, 512))


def is_straight(f):
    u, v = torch.randn(2, 3, 512)  # (S, D) each
    return torch.allclose(f(u) + f(v), f(u + v) + f(0 * v), atol=1e-4)


print("straight in the values:        ", is_straight(lambda v: attention(x, x, v)))
print("with two linear layers behind: ", is_straight(lambda v: two_layers(attention(x, x, v))))
print("straight in the words:         ", is_straight(lambda v: attention(v, v, v)))

# %% [markdown]
# **What attention cannot do is bend what it brings: once a head has its weights, its output is a weighted
# mean of the values, linear in them, and no linear layer behind changes that.** The third line shows the
# limit of that sentence: the *weights* come out of a softmax and change with the words. How far heads get
# with that alone is measured in 05a.
#
# ## Stage 15 - Widen, bend, narrow
#
# So a function that is no straight line must stand between the two layers. One of the simplest is **ReLU**,
# the rectified linear unit, which keeps positive numbers and sets negative ones to 0, where the unit is
# called *off*. If nothing else changes, not a single weight, what will come out?


# %%
def feed_forward_v2(x):
    hidden = (x @ widen + shift).relu()  # (B, F), changed
    return hidden @ narrow  # (B, D)


print(feed_forward_v2(counts[:, None])[:, 0].tolist())

# %% [markdown]
# Now the answer switches with every count. To see how five units do it, put them in one after the other.

# %%
# alt: Five panels over the counts 0 to 5. The first unit is a rising line. Each further unit turns the line
#   at the count where it comes on, down, up, down, up, so that it meets one more of the wanted 0, 1, 0, 1, 0,
#   1.
plots.show(pictures.unit_by_unit(-shift, narrow[:, 0], odd, title="The zigzag, unit by unit (c: the count)"))

# %% [markdown]
# The first unit gives a line of slope 1, which is right at 1. There its slope must change from +1 to -1, by
# -2, so the unit that comes on there weighs -2, and the next one +2. **A unit of the feed-forward part is a
# bend, off on one side of a point and a slope on the other, and the layer chooses where the point lies and
# how sharply it turns.** Between two such points all is straight.
#
# And what does it say at 6, past the last bend? Let three more units come on, at 5, 6 and 7, of which the
# first weighs -2 and the other two are yours.

# %%
extra = torch.tensor([-2.0, 0, 0])  # yours
more = torch.arange(9.0)[:, None]  # (9, 1): counts 0 to 8
late = (more - torch.tensor([5.0, 6, 7])).relu()  # (9, 3)
print("five units: ", feed_forward_v2(more)[:, 0].tolist())
print("eight units:", (feed_forward_v2(more)[:, 0] + late @ extra).tolist())

# %% [markdown]
# Five units know nothing of what comes after their last bend: the line just goes on, and at 6 it says 2.
# The zigzag holds up to 5, one count for each unit, with the sixth up to 6, and if your two are right,
# they take it to 8.
#
# **Why is a function needed between two linear layers? Without one they are a single linear layer, a
# straight line; with one, each unit can add a bend.** Over any stretch, enough of them follow as closely as
# you like whatever does not jump. That is the universal approximation theorem for functions of one number,
# and the way you went is the idea of its proof.
#
# ## The final form
#
# The paper writes $\mathrm{FFN}(x) = \max(0,\, x W_1 + b_1)\, W_2 + b_2$, its equation 2, with `D` = 512
# numbers per word and `F` = 2048 units. The dropout is off here and belongs to 12.


# %% tags=["final"]
class FeedForward(nn.Module):
    """Two linear layers with a ReLU between, word by word: (B, L, D) to (B, L, D)."""

    def __init__(self, d_model, d_ff, dropout=0.0):
        super().__init__()
        self.widen = nn.Linear(d_model, d_ff)
        self.narrow = nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        hidden = self.widen(x).relu()  # (B, L, F)
        return self.narrow(self.dropout(hidden))  # (B, L, D)


# %%
torch.manual_seed(0)
feed_forward, batch = FeedForward(512, 2048), torch.randn(2, 3, 512)  # (B, S, D)
print("straight:", is_straight(feed_forward))
one_by_one = [torch.stack([feed_forward(word) for word in words]) for words in batch]  # B times (S, D)
same = torch.allclose(torch.stack(one_by_one), feed_forward(batch), atol=1e-5)
print("word by word = all at once:", same)
assert same, "each word by itself"

# %% [markdown]
# Six words, one after the other, give what the batch gives, which the paper calls *position-wise*. Now the
# question of 02: when the last word changes, should the first one notice?


# %%
def mixes_words(part, words):
    edited = words.clone()
    edited[-1] += 1.0
    return not torch.allclose(part(words)[0], part(edited)[0], atol=1e-6)


print("attention:   ", mixes_words(AttendToItself(attention), x))
print("feed-forward:", mixes_words(feed_forward, x))

# %% [markdown]
# There it had to, and here it must not, because the two parts of a layer share the work. Attention brings
# together, and the feed-forward part makes something of it, in each word alone and in all words by the same
# weights.
#
# ## Does training find the bends?
#
# You placed the units by hand, but behind eight heads, trained on the six tasks, the class has to find its
# own. Which columns will move?


# %% tags=["nbval-ignore-output"]
# alt: Scoreboard of best guess, eight heads, feed-forward and a live row. With feed-forward odd rises from
#   .70 to about .95. Copy and count are near 1, reverse, hop and two hops stay low.
# not compared: accuracies of models trained here
def heads():
    return AttendToItself(MultiHeadAttention(64, 8))


def body():
    return nn.Sequential(heads(), FeedForward(64, 256))


models = {name: scoreboard.train_on(task, body) for name, task in scoreboard.TASKS.items()}
live = {name: scoreboard.accuracy(model, scoreboard.TASKS[name]) for name, model in models.items()}
table = scoreboard.recorded("encoder", last="05")
rows = {row: table[row] for row in ("04 eight heads", "05 feed-forward")}
guess = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
plots.show(plots.board(rows, live=live, chance=guess, means=True, repeats="05", title="The encoder (means)"))

# %% [markdown]
# *odd* rises from .70 to about .95, while the other columns hardly move. *count* needed no bend, and the
# last three wait for positions (07), *two hops* for a second layer (08). Other random numbers at the start
# move *odd* by up to a tenth, so read nothing into less.
#
# Is there a zigzag inside? For each count, see what share of the words is called odd in sentences that
# training has never seen, with the feed-forward part and for eight heads alone. Sketch both lines up to 4,
# since higher counts are too rare.

# %% tags=["nbval-ignore-output"]
# alt: Three curves over the counts 1 to 4: the share of words called odd. Wanted: 1, 0, 1, 0. With
#   feed-forward the share is near 1, 0 and 1 at the counts 1 to 3. That of eight heads alone falls from 1 at
#   the count 1 to less than a half at the count 3.
# not compared: answers of models trained here
task = scoreboard.TASKS["odd"]
models |= {"heads": scoreboard.train_on(task, heads)}
sentences, _ = task.draw(2000, torch.Generator().manual_seed(0), held_out=True)  # (B, S)
count, by_count = scoreboard.occurrences(sentences), [1, 2, 3, 4]  # (B, S)
lines = {"wanted": (by_count, [1, 0, 1, 0])}
for label, name in [("eight heads", "heads"), ("feed-forward", "odd")]:
    says_odd = (models[name](sentences).argmax(dim=-1) == 1).float()  # (B, S)
    lines[label] = by_count, [says_odd[count == c].mean().item() for c in by_count]
fig = plots.curves(lines, xlabel="count", ylabel="share called odd", title="Does the trained model bend?")
fig.axes[0].set_xticks(by_count)
plots.show(fig)

# %% [markdown]
# Heads alone fall where they should rise again, at 3, while with the feed-forward part the line comes down
# and goes up, as yours did. At 4 it is wrong here for most words, but few have that count.
#
# Look at single units as well: for which counts is each of the 256 on? One that switches where the count
# changes is on for most words on one side and off for most on the other.


# %% tags=["nbval-ignore-output"]
# not compared: how many units of the model trained here switch
def switching(model):
    """How many units change from one count to the next by more than half of the words: 1-2, 2-3, 3-4."""
    with torch.no_grad():
        on = (model.body[1].widen(model.body[0](model.embedding(sentences))) > 0).float()  # (B, S, F)
    share = torch.stack([on[count == c].mean(dim=0) for c in range(1, 5)])  # (4, F)
    return (share.diff(dim=0).abs() > 0.5).sum(dim=1).tolist()


before, after = switching(scoreboard.train_on(task, body, steps=0)), switching(models["odd"])
print(f"before training: {before}\nafter training:  {after}")

# %% [markdown]
# Before training no unit switches where the count changes, and after it many do, most of them where most of
# the words are.
#
# *Going deeper: [ReLU, LeakyReLU, GELU or SwiGLU?](studies/05a_which_bend.ipynb)* What matters for *odd* is
# that something bends at all.
#
# ## Where are the parameters?
#
# Attention has four matrices of `D` x `D`, and the feed-forward part has two of `D` x `4D`. Which share of
# an encoder layer is that, and of a decoder layer, which has two attentions? Do it on paper, then count in
# the finished classes of `helpers`: single layers, and the base model with the paper's 37,000 tokens, one
# table for both languages.

# %%
with torch.device("meta"):  # shapes without numbers
    base_model = Transformer(37_000, 37_000, joint_vocabulary=True)
    finished = {"encoder layer": EncoderLayer(512, 8, 2048), "decoder layer": DecoderLayer(512, 8, 2048)}
finished["base model"] = base_model


def held_by(model, kind=""):
    parts = [part for part in model.modules() if kind in type(part).__name__]
    return sum(p.numel() for p in {p for part in parts for p in part.parameters()})  # a shared one once


# %%
# alt: Three panels of bars, the share of the parameters. Encoder layer: attention .33, feed-forward .67.
#   Decoder layer: .50 and .50. Base model: attention .30, feed-forward .40, embedding .30.
kinds = {"attention": "Attention", "feed-forward": "FeedForward", "embedding": "Embedding"}
panels = {}
for name, model in finished.items():
    total = held_by(model)
    panels[f"{name}\n{total:,}"] = {label: held_by(model, kind) / total for label, kind in kinds.items()}
plots.show(plots.share_bars(panels, title="Where the parameters are"))

# %% [markdown]
# **The feed-forward parts hold two thirds of an encoder layer, half of a decoder layer, and two fifths of
# the base model.** On paper, feed-forward has 8 `D` x `D` and one attention 4, so it is 8 of 12, then 8 of
# 16, and the norms are too few to be seen.
#
# ## Into the whole model
#
# Every encoder of the outline gets eight heads and a feed-forward part of its own.

# %%
torch.manual_seed(0)
model = TransformerOutline()
for encoder in model.encoders:
    encoder.self_attention = AttendToItself(MultiHeadAttention(512, 8))
    encoder.feed_forward = FeedForward(512, 2048)
print("output", tuple(model(torch.randn(3, 512), torch.randn(2, 512)).shape))  # (T, D)
missing = held_by(finished["encoder layer"]) - held_by(encoder)
print("parameters that one encoder still lacks:", missing)

# %% [markdown]
# It runs, and each encoder layer lacks only 2,048 parameters, those of two norms.
#
# ## Recap
#
# 1. Attention cannot bend what it brings. Its output is a weighted mean of the values.
# 2. Two linear layers are one. With a ReLU between them each unit is a bend.
# 3. Bends make a zigzag, one for each count, and training finds those that most words need: *odd* rises
#    from .70 to about .95.
# 4. The feed-forward part mixes no words.
# 5. It holds two thirds of an encoder layer, half of a decoder layer, two fifths of the base model.
#
# ## Exercises
#
# **1. Warm-up.** On paper, take three units, `relu(c - 1)`, `relu(c - 2)` and `relu(c - 3)`. Which three
# numbers must they be multiplied by, so that the sum is 1 at the count 2 and 0 at every other count?

# %% tags=["exercise"]
### BEGIN SOLUTION
tent = [1, -2, 1]
### END SOLUTION

check.tent_by_hand(tent)

# %% [markdown]
# **2. Core.** `wanted` `(n + 1,)` holds the results wanted at the counts 0 to `n`, the first of them 0.
# Return the weights `(n,)` of the units `relu(c)`, `relu(c - 1)`, ..., whose sum meets them all. For 0, 1,
# 0, 1, 0, 1 they are the weights of stage 15.


# %% tags=["exercise"]
def weights_of_bends(wanted):
    ### BEGIN SOLUTION
    slopes = wanted.diff()  # (n,): from each count to the next
    return slopes.diff(prepend=torch.zeros(1))  # (n,): by how much the slope changes
    ### END SOLUTION


check.weights_of_bends(weights_of_bends)

# %% [markdown]
# **3. Debug.** To have about half of each word's units on, somebody subtracts their mean before the ReLU.
# It runs and it trains, but a sentence of a single word, whichever word that is, always gives the same
# output. Find the property of this lesson that is broken, and fix one line.


# %%
def centred(x, widen, narrow):  # (B, S, D), and two linear layers
    hidden = widen(x)  # (B, S, F)
    hidden = hidden - hidden.mean(dim=1, keepdim=True)  # (B, S, F)
    return narrow(hidden.relu())  # (B, S, D)


torch.manual_seed(0)
layers, one_word = (nn.Linear(4, 6), nn.Linear(6, 4)), torch.randn(2, 1, 4)  # two sentences of one word
print((centred(one_word, *layers) * 100).round().int().tolist())


# %% tags=["exercise"]
def centred_fixed(x, widen, narrow):
    ### BEGIN SOLUTION
    hidden = widen(x)  # (B, S, F)
    hidden = hidden - hidden.mean(dim=-1, keepdim=True)  # (B, S, F)
    return narrow(hidden.relu())  # (B, S, D)
    ### END SOLUTION


check.centred_fixed(centred_fixed)

# %% [markdown]
# **4. Stretch.** Before you read 05a: how good can an answer be that switches
# only once? `share[i]` is the share of the words with the count `i + 1`. Return the best accuracy on *odd*
# of an answer that, along the counts, switches once or never. Then train eight heads with 1, 2, 4 and 8
# units, three seeds each (`scoreboard.measure_tasks(body, seed, tasks=("odd",))`). How few units beat row
# 04, and how few beat your one switch?


# %% tags=["exercise"]
def best_with_one_switch(share):
    ### BEGIN SOLUTION
    places = torch.arange(len(share))  # place i is the count i + 1
    odd = places % 2 == 0
    right = torch.stack([share[(places < cut) == odd].sum() for cut in range(len(share) + 1)])
    return torch.maximum(right, share.sum() - right).max()
    ### END SOLUTION


check.best_with_one_switch(best_with_one_switch)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# The shares, counted on sentences that the task draws, and your bound for them; mean and range of three
# seeds for each number of units; whether two rows overlap. Then a reason why one unit need not mean one
# switch of the answer: the unit sees eight numbers of heads for each word, not one count.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.3 and equation 2, section 5.1 for the
#   vocabulary.
# - M. Nielsen, *Neural Networks and Deep Learning*,
#   [chapter 4](http://neuralnetworksanddeeplearning.com/chap4.html): a visual proof, with steps made of
#   sigmoids in place of bends.
# - M. Geva and others, "Transformer Feed-Forward Layers Are Key-Value Memories", 2021,
#   [arXiv:2012.14913](https://arxiv.org/abs/2012.14913): the same layer read as a memory, with units of a
#   trained language model.
# - [`nn.ReLU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html) in PyTorch.
#
# ## What is still a placeholder
#
# Add and norm round both parts, embeddings, positions and the whole decoder.
#
# {{next}}
