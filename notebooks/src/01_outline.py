# %% [raw] tags=["card"]
# built: six encoders and six decoders, all of them placeholders
# questions: What goes into a Transformer, and what comes out? What does the encoder hand to the decoder?
# Which parts are still empty? What is the scoreboard, and what can a placeholder do?

# %% [markdown]
# # 01 - The outline
#
# {{badge}}
#
# A Transformer has many parts, and when each is explained on its own, you lose sight of what hands what to
# whom. So you build the whole first, with nothing inside. At the end it takes a source and a target, ignores
# every word of the source, and gets the shapes right; from then on you always have something that runs.
#
# - **You need**: Python classes, and tensors as in [00 - Start here](00_start_here.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, leave the third of the three
#   questions and exercise 4 for home.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from lessons import scoreboard
from lessons.exercises import outline as check

# %% [markdown]
# ## You are here

# %%
plots.show(plots.block_diagram(today=["encoder_stack", "decoder_stack"], title="01: two towers, still empty"))

# %% [markdown]
# The two frames with the thick outline are today's work: encoders on the left, decoders on the right.
#
# *From last time*: in the attention map of 00, what did a row stand for, and what a column?
#
# <details><summary>Answer</summary>
#
# A row stands for a token that is being predicted, a column for a token of the source. Each row spreads a
# weight of 1 over the columns.
#
# </details>
#
# ## Stage 01 - A chain of encoders
#
# The left tower of the paper is a stack of six layers, one on top of the other, and for now each of them is
# called an encoder. What an encoder does with words is left to the notebooks to come; that it takes words
# and hands them on fits into one class, without PyTorch. Each encoder says that it was there, and passes the
# words to the next one, which it makes itself.

# %%
class EncoderV1:
    def __init__(self, number, last):
        self.number = number
        self.next = EncoderV1(number + 1, last) if number < last else None

    def __call__(self, words):
        print(f"encoder {self.number} gets {words}")
        return self.next(words) if self.next else words


memory = EncoderV1(1, last=6)(["ein", "Hund", "bellt"])
print("memory:", memory)

# %% [markdown]
# Six encoders speak up in order, and what the last one returns is called the **memory**.
#
# ## Stage 02 - Six decoders
#
# The right tower works on the English words that are already written. It is a chain as well, so take the
# encoder's code. One thing must be added, because a decoder that sees only English words can write fluent
# English about anything: it must be told what the source says. So it gets the memory, and keeps what it got
# as `seen`. Which of the six will have it?

# %%
class DecoderV1:
    def __init__(self, number, last):
        self.number, self.seen = number, None
        self.next = DecoderV1(number + 1, last) if number < last else None

    def __call__(self, words, memory=None):
        self.seen = memory
        return self.next(words) if self.next else words


def who_saw_the_memory(decoder):
    decoder(["a", "dog"], memory)
    while decoder:
        print(f"decoder {decoder.number}:", decoder.seen)
        decoder = decoder.next


who_saw_the_memory(DecoderV1(1, last=6))

# %% [markdown]
# Five of six have never heard of the source. In which line did the memory get lost?
#
# <details><summary>Answer</summary>
#
# In the last line of `__call__`, which calls the next decoder with the words alone, and the default
# `memory=None` keeps that silent. The second version has no default, so whoever forgets the memory there
# gets an error.
#
# </details>
#
# In the Transformer *every* decoder reads the memory, and all of them the same.

# %%
class DecoderV2:
    def __init__(self, number, last):
        self.number, self.seen = number, None
        self.next = DecoderV2(number + 1, last) if number < last else None

    def __call__(self, words, memory):  # changed
        self.seen = memory
        return self.next(words, memory) if self.next else words  # changed


who_saw_the_memory(DecoderV2(1, last=6))

# %% [markdown]
# **What does the encoder hand to the decoder? The memory: what the last encoder returns, and every decoder
# gets the same one.** It holds three words while only two are written so far, and nothing forces the two
# lengths to be equal.
#
# ## Stage 03 - Placeholders inside
#
# The chain has shown who hands what to whom; now something must compute. From here on a word is a vector of
# `d_model` numbers, 512 in the paper, and the simplest thing that computes on it is a linear layer. Will
# this one do, and what must its two numbers be?

# %% tags=["raises-exception"]
word = torch.rand(512)  # (D,)
nn.Linear(1, 1)(word)

# %% [markdown]
# A layer must be as wide as the word that goes in, and if the same width comes out, layers can be stacked.

# %%
layer = nn.Linear(512, 512)
sentence = torch.rand(3, 512)  # (S, D)
print(tuple(layer(word).shape), tuple(layer(sentence).shape))  # (D,), (S, D)

one_by_one = torch.stack([layer(word) for word in sentence])  # (S, D)
print("word by word == all at once:", torch.allclose(one_by_one, layer(sentence), atol=1e-6))

# %% [markdown]
# One word or three, the layer treats each by itself.
#
# A real encoder has two parts: in **self-attention** the words exchange what they know, and the
# **feed-forward** part then works on each word alone. Until they are built, a linear layer stands in for
# each, and all other boxes of the picture above are left out. `nn.Sequential` runs two layers one after the
# other, and Python can repeat a list. How many parameters should six encoders have, compared with one?

# %%
def encoder_v2(d_model=512):
    return nn.Sequential(nn.Linear(d_model, d_model), nn.Linear(d_model, d_model))


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


six = nn.Sequential(*[encoder_v2()] * 6)
print(f"one encoder  {count_parameters(encoder_v2()):,}\nsix encoders {count_parameters(six):,}")

# %% [markdown]
# Six encoders have as many parameters as one, because they *are* one: the list holds the same object six
# times, and what one of them learns, all of them learn. It runs and the shapes are right, so only the count
# gives it away. A loop that makes a new object in every round makes six.

# %%
six = nn.Sequential(*[encoder_v2() for _ in range(6)])  # changed
print(f"six encoders {count_parameters(six):,}")

# %% [markdown]
# ### The outline as modules
#
# `nn.Sequential` hands on one thing, and a decoder needs two, its own words and the memory. So the final
# form has small classes, whose parts can be replaced one by one; later notebooks import them from
# `lessons/outline.py`. First come the encoder, and a stand-in for the part of the decoder that will read the
# memory, the **cross-attention**, which takes the memory and does nothing with it.

# %% tags=["final"]
class EncoderOutline(nn.Module):
    """One encoder with placeholders for self-attention and feed-forward: (S, D) to (S, D)."""

    def __init__(self, d_model):
        super().__init__()
        self.self_attention = nn.Linear(d_model, d_model)
        self.feed_forward = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.feed_forward(self.self_attention(x))


class CrossPlaceholder(nn.Module):
    """Stands where encoder-decoder attention will be: takes the memory and ignores it."""

    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x, memory):
        return self.linear(x)

# %% [markdown]
# The decoder has one part more than the encoder, and its `forward` one argument more.

# %% tags=["final"]
class DecoderOutline(nn.Module):
    """One decoder with three placeholders: (T, D) and the memory (S, D) to (T, D)."""

    def __init__(self, d_model):
        super().__init__()
        self.self_attention = nn.Linear(d_model, d_model)
        self.cross_attention = CrossPlaceholder(d_model)
        self.feed_forward = nn.Linear(d_model, d_model)

    def forward(self, x, memory):
        x = self.self_attention(x)
        x = self.cross_attention(x, memory)
        return self.feed_forward(x)

# %% [markdown]
# Last come the two towers. `nn.ModuleList` is a list in which PyTorch finds the parameters, while in a plain
# list it looks for none. Before you run the next two cells, multiply: how many linear layers will there be?

# %% tags=["final"]
class TransformerOutline(nn.Module):
    """Six encoders and six decoders of placeholders: source (S, D) and target (T, D) to (T, D)."""

    def __init__(self, d_model=512, n_layers=6):
        super().__init__()
        self.encoders = nn.ModuleList([EncoderOutline(d_model) for _ in range(n_layers)])
        self.decoders = nn.ModuleList([DecoderOutline(d_model) for _ in range(n_layers)])

    def encode(self, source):
        for encoder in self.encoders:
            source = encoder(source)
        return source

    def forward(self, source, target):
        memory = self.encode(source)  # (S, D)
        for decoder in self.decoders:
            target = decoder(target, memory)
        return target

# %%
torch.manual_seed(0)
model = TransformerOutline()
source, target = torch.rand(3, 512), torch.rand(2, 512)  # (S, D), (T, D)
output = model(source, target)  # (T, D)
print("source", tuple(source.shape), " target", tuple(target.shape), " output", tuple(output.shape))
linear = sum(isinstance(part, nn.Linear) for part in model.modules())
print(f"{linear} linear layers, {count_parameters(model):,} parameters")

# %% [markdown]
# **What goes into a Transformer, and what comes out? The source and the target written so far go in, and
# one vector for each target word comes out**, however long the source is. In the finished model each of
# these vectors becomes a guess of the next word.
#
# ### Three questions for the empty model
#
# A model can run and still be wrong, so you ask it questions, and these three go with you through the series.
# The first: does the output change when the source does?

# %%
other = torch.rand(3, 512)  # (S, D)
print("the output moves by", (output - model(other, target)).abs().max().item())

# %% [markdown]
# Not at all: whatever the source says, the answer is the same. In 09 you ask this again, and there the output
# must move. The second: does the first word of the source notice when the last one changes?

# %%
edited = torch.cat([source[:2], other[2:]])  # (S, D): another third word
moved = (model.encode(source) - model.encode(edited)).abs().amax(dim=1)  # (S,)
print([name for name, change in zip(["word 1", "word 2", "word 3"], moved, strict=True) if change > 1e-6])

# %% [markdown]
# Only word 3 moves, so no word knows its neighbours. The third: does a tower do more than a single layer?
# Two layers on one number are enough to see it: the first doubles and adds 1, the second triples and adds
# 10. Is there a single layer that does the same? The cell holds the obvious try, which you can repair.

# %%
factor, summand = 2 * 3, 1 + 10  # yours
for x in [0, 1, 5]:
    print(3 * (2 * x + 1) + 10, factor * x + summand)

# %% [markdown]
# <details><summary>Answer</summary>
#
# `summand = 3 * 1 + 10`. The factors multiply, and the first summand goes through the second layer.
#
# </details>
#
# The product of two matrices is a matrix as well, so all twelve linear layers of the encoder tower are worth
# one. Depth buys no new function until something that is not linear stands between them.
#
# ## The scoreboard
#
# Yes and no are not enough to see what a part buys. **What is the scoreboard? Small tasks, on which the
# encoder of each notebook is trained for some seconds, so that every part shows what it is good for.** A
# sentence is eight symbols long, there are eight symbols, and each task asks for one answer at every place.
# Today you meet two tasks of six:

# %%
eight = torch.tensor([[3, 1, 3, 0, 7, 2, 3, 1]])  # (B, S)
for name in ("copy", "reverse"):
    print(f"{name:8}", eight[0].tolist(), "->", scoreboard.TASKS[name].target(eight)[0].tolist())

# %% [markdown]
# To take part, the encoder borrows what turns symbols into vectors and vectors back into guesses, and a
# loop that trains all of it (later lessons open them). It is one encoder, with words of 64 numbers, so that
# training takes seconds, and its score is the share of places with the right symbol. What will placeholders
# get on each task?

# %% tags=["nbval-ignore-output"]
# alt: Scoreboard with the tasks copy and reverse. The best guess from the symbol and the placeholders trained
#   just now both have 1.00 on copy and about 0.12 on reverse.
# not compared: accuracies of models trained here
tasks = ("copy", "reverse")
live = scoreboard.measure_tasks(lambda: EncoderOutline(64), tasks=tasks)
chance = {name: scoreboard.chance(scoreboard.TASKS[name]) for name in tasks}
plots.show(plots.board({}, live=live, chance=chance, title="After notebook 01"))

# %% [markdown]
# **What can a placeholder do? Copy, and no more than guess where it must look at another word.** The top
# row is the best that anyone can do who sees the symbol itself and nothing else, and your live row ends
# there too.
#
# ## Recap
#
# 1. A Transformer is two chains: encoders that hand on words, and decoders that also read the memory.
#    Source and target go in, one vector for each target word comes out, and the shapes are right.
# 2. The memory is what the last encoder returns, and every decoder gets the same one.
# 3. Each part keeps the shape of its input, so parts can be stacked and replaced one at a time.
# 4. `[layer] * 6` is one layer six times. A loop makes six.
# 5. Three questions for any model: does the output notice the source? Does a word notice its neighbours? Is
#    the tower more than one layer? Today the answers are no, no and no. On the scoreboard it can copy, and no
#    more.
#
# ## Exercises
#
# Replace the `...` and run the cell, and the check answers at once.
#
# **1. Warm-up.** On paper, how many parameters has `nn.Linear(512, 64)`, which takes 512 numbers and
# returns 64?

# %% tags=["exercise"]
### BEGIN SOLUTION
n_parameters = 512 * 64 + 64
### END SOLUTION

check.linear_parameters(n_parameters)

# %% [markdown]
# **2. Core.** Write a function that says how many parameters `TransformerOutline(d_model, n_layers)` has,
# without building the model.

# %% tags=["exercise"]
def outline_parameters(d_model, n_layers):
    ### BEGIN SOLUTION
    one_layer = d_model * d_model + d_model
    return n_layers * (2 + 3) * one_layer
    ### END SOLUTION


check.outline_parameters(outline_parameters)

# %% [markdown]
# **3. Debug.** A colleague keeps her tower in a module, as `self.layers = six_layers(512)`, and the
# module's `parameters()` is empty. She fixes that and trains, and now all six layers stay equal. What would
# `count_parameters` have shown before each fix? Then return six layers that PyTorch finds and that can
# differ.
#
# ```python
# def six_layers(d_model):
#     return [nn.Linear(d_model, d_model)] * 6
# ```

# %% tags=["exercise"]
def six_layers(d_model):
    ### BEGIN SOLUTION
    return nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(6)])
    ### END SOLUTION


check.six_layers(six_layers)

# %% [markdown]
# **4. Stretch.** However wide or deep, linear layers cannot lift *reverse* above guessing. Which smallest
# change to the `forward` of `EncoderOutline`, without any new parameter, would? Write it as a class,
# measure it with `scoreboard.measure_tasks(lambda: YourEncoder(64), tasks=["copy", "reverse"])`, and
# explain in two sentences, to somebody who stopped at 00, what it wins and costs.
#
# <details><summary>What a good answer contains</summary>
#
# Both scores, and the reason: each place must be handed a word that is not its own. `x.flip(-2)` at the
# start of `forward` solves *reverse* and leaves *copy* to guessing, and `x + x.flip(-2)` gets part of both.
# A very good answer adds that you chose who looks where, for one task, and that the encoder should find it
# out itself.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017: figure 1 and
#   section 3.1.
# - A. Huang and others, [The Annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/),
#   2022, after A. Rush's original of 2018: the whole model in code.
# - J. Alammar, [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/): the
#   towers in pictures.
# - [`nn.Module`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html) in the PyTorch
#   documentation.
#
# ## What is still a placeholder
#
# **Which parts are still empty? All of them**, inside the towers and round them. In the next notebook a word
# looks at another for the first time.
#
# {{next}}
