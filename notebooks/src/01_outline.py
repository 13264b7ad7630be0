# %% [raw] tags=["card"]
# built: six encoders and six decoders, all of them placeholders
# questions: What goes into a Transformer, and what comes out? What does the encoder hand to the decoder?
# Which parts are still empty? What is the scoreboard, and what can a placeholder do?

# %% [markdown]
# # 01 - The outline
#
# {{badge}}
#
# A Transformer is a lot of parts, and each of them can be explained on its own. What gets lost that way is
# the question that this page asks: what hands what to whom? So you build the whole thing first, with
# nothing inside. At the end it takes a source and a target, ignores every word of the source, and is right
# about the shapes. From then on you always have something that runs.
#
# - **You need**: Python classes, and tensors as in [00 - Start here](00_start_here.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, the third of the three questions and
#   exercise 4 can be left for home.

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
# The two frames with the thick outline are today's work: encoders on the left, decoders on the right. **Which
# parts are still empty? All of them**, today and at the end of today.
#
# *From last time*: in the map of 00, what did a row stand for, and what a column?
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
# The left tower of the paper is a stack of six layers, one on top of the other. For now each layer is
# called an encoder. What an encoder does with words is a question for the notebooks to come; *that* it
# takes words and hands them on is a question for one class. So begin without PyTorch. Each encoder says
# that it was there, and passes the words to the next one, which it makes itself.

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
# Six encoders speak up in order. What the last one returns is called the **memory**. (Try a tower of two:
# change one number.)
#
# ## Stage 02 - Six decoders
#
# The right tower works on the English words that are already written. It is a chain as well, so take the
# encoder's code. One thing must be added: a decoder that sees English words only can write fluent English
# about anything, so it must be told what the source says. It gets the memory, and instead of printing it
# notes what it was shown.

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
        print(f"decoder {decoder.number} saw {decoder.seen}")
        decoder = decoder.next


who_saw_the_memory(DecoderV1(1, last=6))

# %% [markdown]
# Five of six have never heard of the source. Where did the memory get lost? Find the line before you read on.
#
# It is the last one: the next link is called with the words alone. In the Transformer *every* decoder reads
# the memory, and all of them the same.

# %%
class DecoderV2:
    def __init__(self, number, last):
        self.number, self.seen = number, None
        self.next = DecoderV2(number + 1, last) if number < last else None

    def __call__(self, words, memory):
        self.seen = memory
        return self.next(words, memory) if self.next else words  # changed


who_saw_the_memory(DecoderV2(1, last=6))

# %% [markdown]
# **What does the encoder hand to the decoder? The memory: what the last encoder returns, and every decoder
# gets the same one.** Three words are in it and two are written so far. Nothing forces the two lengths to
# be equal.
#
# ## Stage 03 - Placeholders inside
#
# The chain has shown who hands what to whom, and has done its work. Now something must compute. From here
# on a word is a vector of `d_model` numbers, 512 in the paper, and the simplest thing that computes on it
# is a linear layer. Push a word through the smallest one there is.

# %% tags=["raises-exception"]
word = torch.rand(512)  # (D,)
nn.Linear(1, 1)(word)

# %% [markdown]
# The last line says why: this layer expects words of one number. A layer must be as wide as the word that
# goes in, and if the same width comes out, layers can be stacked.

# %%
layer = nn.Linear(512, 512)
sentence = torch.rand(3, 512)  # (S, D)
print(tuple(layer(word).shape), tuple(layer(sentence).shape))  # (D,), (S, D)

one_by_one = torch.stack([layer(word) for word in sentence])  # (S, D)
print("word by word == all at once:", torch.allclose(one_by_one, layer(sentence), atol=1e-6))

# %% [markdown]
# One word or three, the layer treats each by itself. Keep that in mind.
#
# A real encoder has two parts. In **self-attention** the words exchange what they know, and the
# **feed-forward** part then works on each word alone. Until they are built, a linear layer stands in for
# each; all other boxes of the map are left out for now. `nn.Sequential` runs two layers one after the
# other, and Python can repeat a list.

# %%
def encoder_v2(d_model=512):
    return nn.Sequential(nn.Linear(d_model, d_model), nn.Linear(d_model, d_model))


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


six = nn.Sequential(*[encoder_v2()] * 6)
print(f"one encoder  {count_parameters(encoder_v2()):,}\nsix encoders {count_parameters(six):,}")

# %% [markdown]
# Six encoders have as many parameters as one. They *are* one: the list holds the same object six times, and
# what one of them learns, all of them learn. It runs, the shapes are right, and only the count tells. A new
# object in every round of a loop makes six.

# %%
six = nn.Sequential(*[encoder_v2() for _ in range(6)])  # changed
print(f"six encoders {count_parameters(six):,}")

# %% [markdown]
# ### The outline as modules
#
# `nn.Sequential` hands on one thing, and a decoder needs two, its own words and the memory. So the final
# form has small classes, whose parts can be replaced one by one. Later notebooks import them from
# `lessons/outline.py`. First the encoder, and a stand-in for the part of the decoder that will read the
# memory, the **cross-attention**. It takes the memory, and does nothing with it.

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
# And the two towers. `nn.ModuleList` is a list in which PyTorch finds the parameters; in a plain list it
# looks for none.

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
print(f"{count_parameters(model):,} parameters")

# %% [markdown]
# **What goes into a Transformer, and what comes out? The source and the target written so far go in, and
# one vector for each target word comes out**, however long the source is. In the finished model each of
# these vectors becomes a guess of the next word.
#
# ### Three questions for the empty model
#
# A model can run and still be wrong, so you ask it questions. These three go with you through the series.
# First: change the source. Does the output change?

# %%
other = torch.rand(3, 512)  # (S, D)
print("the output moves by", (output - model(other, target)).abs().max().item())

# %% [markdown]
# Not at all. Whatever the source says, the answer is the same. In 09 you ask this again, and there the
# output must move. Second: change the last word of the source. Does its first word notice?

# %%
edited = torch.cat([source[:2], other[2:]])  # (S, D): another third word
moved = (model.encode(source) - model.encode(edited)).abs().amax(dim=1)  # (S,)
print([name for name, change in zip(["word 1", "word 2", "word 3"], moved, strict=True) if change > 1e-6])

# %% [markdown]
# Only word 3 moves: no word knows its neighbours. Third: does a tower do more than a single layer? Two
# layers with one number each will do. The first doubles and adds 1, the second triples and adds 10. Is
# there a single layer that does the same? The obvious try is in the cell. Repair it.

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
# The product of two matrices is a matrix as well, so all twelve layers of the encoder tower are worth one.
# Depth buys nothing until something that is not linear stands between them.
#
# ## The scoreboard
#
# Yes and no are not enough to see what a part buys. **What is the scoreboard? Small tasks, on which the
# encoder of each notebook is trained for some seconds, so that every part shows what it is good for.** A
# sentence has eight symbols, and each task asks for one symbol at every place. Two tasks for today, and
# later there are six:

# %%
eight = torch.tensor([[3, 1, 3, 0, 7, 2, 3, 1]])  # (B, S)
for name in ("copy", "reverse"):
    print(f"{name:8}", eight[0].tolist(), "->", scoreboard.TASKS[name].target(eight)[0].tolist())

# %% [markdown]
# To take part, the encoder borrows what turns symbols into vectors and vectors back into guesses, and a
# loop that trains all of it (07, 10 and 11 open them). Training makes the right symbol more likely, bit by
# bit: the number that it lowers is called the **cross-entropy**. The score below only counts at how many
# places the likeliest symbol is the right one, and a count does not move bit by bit.
#
# Which of the two tasks can placeholders learn? What will they get on the other, if they guess one of
# eight? The top row is the best that anyone can do who sees the symbol itself and nothing else.

# %% tags=["nbval-ignore-output"]
# alt: Scoreboard with the tasks copy and reverse. Best guess, recorded placeholders and those trained now
#   have 1.00 on copy and about 0.12 on reverse.
# not compared: accuracies of models trained here
tasks = ("copy", "reverse")
live = scoreboard.measure_tasks(lambda: EncoderOutline(64), tasks=tasks)
chance = {name: scoreboard.chance(scoreboard.TASKS[name]) for name in tasks}
record = scoreboard.recorded("encoder", last="01")["01 placeholders"]
fig = plots.board({"01 placeholders": {name: record[name] for name in tasks}}, live=live, chance=chance,
                  title="After notebook 01", means=True, repeats="01")  # fmt: skip
plots.show(fig)

# %% [markdown]
# **What can a placeholder do? Copy, and no more than guess where it must look at another word.** (The
# middle row was recorded once, the mean of three trainings; the last one is yours.)
#
# ## Recap
#
# 1. A Transformer is two chains: encoders that hand on words, and decoders that also read the memory.
#    Source and target go in, one vector for each target word comes out.
# 2. The memory is what the last encoder returns, and every decoder gets the same one.
# 3. Each part keeps the shape of its input. So parts can be stacked, and replaced one at a time; today all
#    of them are empty.
# 4. `[layer] * 6` is one layer six times. A loop makes six.
# 5. Linear layers treat words one by one, and a chain of them is worth one. On the scoreboard they can copy.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Warm-up.** How many parameters has `nn.Linear(512, 64)`, which takes 512 numbers and returns 64? Work
# it out on paper.

# %% tags=["exercise"]
### BEGIN SOLUTION
n_parameters = 512 * 64 + 64
### END SOLUTION

check.linear_parameters(n_parameters)

# %% [markdown]
# **2. Core.** How many parameters has `TransformerOutline(d_model, n_layers)`? Write the count as a
# function of the two, without building the model.

# %% tags=["exercise"]
def outline_parameters(d_model, n_layers):
    ### BEGIN SOLUTION
    one_layer = d_model * d_model + d_model
    return n_layers * (2 + 3) * one_layer
    ### END SOLUTION


check.outline_parameters(outline_parameters)

# %% [markdown]
# **3. Debug.** A colleague builds her tower like this. An optimiser asks it for its parameters and gets an
# empty list. She fixes that, trains, and now all six layers stay equal to the last digit. Find both bugs,
# and return six layers of width `d_model` that PyTorch finds and that can differ.
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
# **4. Stretch.** Can you lift *reverse* above one in eight with linear layers alone? Try a wider encoder,
# or six in a row: `scoreboard.measure_tasks(lambda: nn.Sequential(*[EncoderOutline(64) for _ in range(6)]),
# tasks=["reverse"])`. Then explain to somebody who stopped at 00, in two sentences, what you found.
#
# <details><summary>What a good answer contains</summary>
#
# Numbers of at least two attempts beside the best guess. The reason, and why it needs no more attempts:
# every layer treats each word by itself, so the last place never hears of the first symbol, however wide or
# deep the tower is.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017: figure 1 and
#   section 3.1.
# - A. Rush and others, [The Annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/):
#   the whole model in code, from the top down.
# - J. Alammar, [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/): the
#   towers in pictures.
# - [`nn.Module`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html) in the PyTorch
#   documentation.
#
# ## What is still a placeholder
#
# Everything inside the towers, and everything round them. In the next notebook a word looks at another for
# the first time.
#
# {{next}}
