# %% [raw] tags=["card"]
# built: six encoders and six decoders, all of them placeholders
# questions: What goes into a Transformer, and what comes out? What does the encoder hand to the decoder?
# Which parts are still empty? What is the scoreboard, and what can a placeholder do?

# %% [markdown]
# # 01 - The outline
#
# {{badge}}
#
# You build the whole Transformer in its first, empty form: six encoders, six decoders, and placeholders
# where the interesting parts will be. It computes nothing useful yet. But it runs from end to end, and from
# here on you always have something that runs.
#
# - **You need**: Python classes, and the refresher on tensors in [00 - Start here](00_start_here.ipynb).
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
from collections import OrderedDict

import torch
from torch import nn

from helpers import plots
from lessons import scoreboard
from lessons.exercises import outline as check

# %% [markdown]
# ## You are here
#
# This is the map of the Transformer. Look for the two towers: encoders on the left, decoders on the right.

# %%
fig = plots.block_diagram(today=["encoder_stack", "decoder_stack"], title="01: the two towers, still empty")
plots.show(fig)

# %% [markdown]
# Every box is hatched: nothing inside the towers works yet. The two frames have a thick outline, so they
# are today's work. The source sentence goes in at the bottom left. The next word of the translation comes
# out at the top right.
#
# Today you write the towers and placeholders for attention and feed-forward. The other boxes (embedding,
# positions, add & norm, output layer) are on the map, but not in today's code. Later notebooks bring them.
#
# ## Stage 01 - A chain of encoders
#
# A word about names. The paper calls the whole left tower the encoder, and each of its six links an encoder
# layer. In this notebook each link is called an encoder, until the towers stand; later notebooks use the
# paper's names. The same goes for the decoder.
#
# An encoder takes words and hands on words. You start in plain Python, without PyTorch, because the
# question of this stage is only who hands what to whom. The first encoder changes nothing. It only says
# that it was there.

# %%
class EncoderV1:
    def __init__(self, number):
        self.number = number

    def __call__(self, words):
        print(f"encoder {self.number} gets {words}")
        return words


EncoderV1(1)(["der", "Hund", "bellt"])

# %% [markdown]
# The words come out as they went in. Two encoders make a chain: the second gets what the first returns.

# %%
first, second = EncoderV1(1), EncoderV1(2)
_ = second(first(["der", "Hund", "bellt"]))

# %% [markdown]
# The paper "Attention Is All You Need" stacks six. A loop would do, and stage 03 comes back to it. Here you
# build a chain whose links hold on to each other, because it shows the handing over. Each encoder makes the
# next one and passes its words on to it.

# %%
class EncoderV2:
    def __init__(self, number):
        self.number = number
        self.next = EncoderV2(number + 1)  # new

    def __call__(self, words):
        print(f"encoder {self.number} gets {words}")
        return self.next(words)  # new


try:
    EncoderV2(1)
except RecursionError as error:
    print("stopped with", type(error).__name__)

# %% [markdown]
# The chain never ends: every encoder makes another one, until Python gives up. A recursion needs a last
# link. Say how many encoders there are, and let the last one have no next.

# %%
class EncoderV3:
    def __init__(self, number, last):
        self.number = number
        self.next = EncoderV3(number + 1, last) if number < last else None  # changed

    def __call__(self, words):
        print(f"encoder {self.number} gets {words}")
        return self.next(words) if self.next else words  # changed


encoders = EncoderV3(1, last=6)
memory = encoders(["der", "Hund", "bellt"])

# %% [markdown]
# Six encoders speak up, in order. What the last one returns has a name in the rest of the series: the
# **memory**. The check collects the links and counts them.

# %%
def links(link):
    return [link, *links(link.next)] if link else []


assert len(links(encoders)) == 6, "the chain should have six encoders"
assert memory == ["der", "Hund", "bellt"], "encoders that do nothing should change nothing"
print("links in the chain:", len(links(encoders)))

# %% [markdown]
# ## Stage 02 - Six decoders
#
# The encoders stand. Now the second tower. A decoder gets the words of the translation that are written so
# far, and in the finished model it proposes the next one, as you saw in 00.
#
# The decoders form a chain as well. So you steal the encoder's code: inherit everything, change nothing.

# %%
class DecoderV1(EncoderV3):
    pass


_ = DecoderV1(1, last=6)(["the", "dog"])

# %% [markdown]
# One fault is easy to see: the decoders call themselves encoders. A second one hides. Ask each link what it
# is.

# %%
chain = links(DecoderV1(1, last=6))
print([type(link).__name__ for link in chain])
assert sum(isinstance(link, DecoderV1) for link in chain) == 1, "the fault: only the first is a decoder"

# %% [markdown]
# Only the first link is a decoder. The stolen constructor makes an `EncoderV3` as the next one. Mend it
# with `type(self)`: the next link is of the same class as this one.
#
# The assert in that cell holds because the code is wrong. You will see more of these: they keep a fault on
# record, and the mended code gets the opposite assert.
#
# There is also a gap. A decoder has to know what the source says, so it gets the memory. The new class is
# written without stealing, and it notes what it was shown instead of printing.

# %%
class DecoderV2:
    def __init__(self, number, last):
        self.number, self.seen = number, None
        self.next = type(self)(number + 1, last) if number < last else None  # changed

    def __call__(self, words, memory=None):  # changed
        self.seen = memory  # new
        return self.next(words) if self.next else words


decoders = DecoderV2(1, last=6)
_ = decoders(["the", "dog"], memory)
for decoder in links(decoders):
    print(f"{type(decoder).__name__} {decoder.number} saw the memory {decoder.seen}")

assert [decoder.seen for decoder in links(decoders)[1:]] == [None] * 5, "the fault: five saw nothing"

# %% [markdown]
# All six are decoders now, but only the first one saw the memory. The call of the next link passes the
# words on and forgets the memory. In the Transformer every decoder reads the same memory, so hand it on
# too.

# %%
class DecoderV3(DecoderV2):
    def __call__(self, words, memory):
        self.seen = memory
        return self.next(words, memory) if self.next else words  # changed


decoders = DecoderV3(1, last=6)
answer = decoders(["the", "dog"], memory)
seen = [decoder.seen == memory for decoder in links(decoders)]
assert all(seen), "every decoder must get the memory of the last encoder"
print("decoders that saw the memory:", sum(seen), "of", len(seen))

# %% [markdown]
# Six of six. Look at the two lengths as well.

# %%
print("source words:", len(memory), " words written so far:", len(answer))
assert len(answer) == 2 != len(memory), "the two lengths are independent"

# %% [markdown]
# The source has three words, and two are written so far. Nothing forces the two lengths to be equal, and in
# a translation they rarely are.
#
# ## Stage 03 - Placeholders inside
#
# The chains pass words around, but nothing in them computes. From here on a word is a list of numbers, a
# vector. The paper uses 512 numbers for a word and calls this width `d_model`. In shape comments `D` is
# this width, `S` the number of source words and `T` the number of target words.
#
# The simplest thing that computes is a linear layer: it multiplies by a matrix, the weight, and adds a
# vector, the bias. Both are parameters, numbers that training will set. Take the smallest layer there is
# and push a word through it. This cell is meant to fail.

# %% tags=["raises-exception"]
word = torch.rand(512)  # (D,)
nn.Linear(1, 1)(word)

# %% [markdown]
# Read the last line. The layer multiplies by a 1 x 1 matrix and expects a word of one number; it got a word
# of 512. A layer must be as wide as the word. If it also returns 512 numbers, you can put layers in a
# chain.

# %%
layer = nn.Linear(512, 512)
print("one word:     ", tuple(word.shape), "->", tuple(layer(word).shape))  # (D,) -> (D,)

sentence = torch.rand(3, 512)  # (S, D)
print("three words:  ", tuple(sentence.shape), "->", tuple(layer(sentence).shape))  # (S, D) -> (S, D)
print("weight", tuple(layer.weight.shape), " bias", tuple(layer.bias.shape))

by_hand = layer.weight @ word + layer.bias  # (D,)
assert torch.allclose(layer(word), by_hand, atol=1e-5), "weight times word, plus bias"

# %% [markdown]
# The same layer takes one word or three. How does it treat the three? Give it one word at a time and
# compare.

# %%
one_by_one = torch.stack([layer(word) for word in sentence])  # (S, D)
print("word by word == all at once:", torch.allclose(one_by_one, layer(sentence), atol=1e-6))
assert torch.allclose(one_by_one, layer(sentence), atol=1e-6), "a linear layer treats each row by itself"

# %% [markdown]
# A linear layer treats every word by itself.
#
# An encoder has two parts. In **self-attention** the words exchange information: "it" looks for the noun
# that it stands for. The **feed-forward** part then works on each word alone. Until you have built them, a
# linear layer stands in each place. For attention it is a poor stand-in, since it never relates one word to
# another.
#
# `nn.Sequential` runs its layers one after the other, and the names say what each one stands for.

# %%
def encoder_v4(d_model=512):
    return nn.Sequential(
        OrderedDict(
            self_attention=nn.Linear(d_model, d_model),  # placeholder
            feed_forward=nn.Linear(d_model, d_model),  # placeholder
        )
    )


print(encoder_v4())
print("shape:", tuple(encoder_v4()(sentence).shape))  # (S, D)
assert encoder_v4()(sentence).shape == sentence.shape, "what comes out must fit into the next encoder"

# %% [markdown]
# Six of them make the stack. Python can repeat a list with `* 6`. Do that, and count the parameters.

# %%
def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


stack_v1 = nn.Sequential(*[encoder_v4()] * 6)
print("one encoder: ", count_parameters(encoder_v4()))
print("six encoders:", count_parameters(stack_v1))
assert count_parameters(stack_v1) == count_parameters(encoder_v4()), "the fault: six are one"

# %% [markdown]
# Six encoders have exactly as many parameters as one. The list holds the *same* encoder six times, so
# whatever one layer learns, all of them learn. Make a new encoder in every round instead.

# %%
stack_v2 = nn.Sequential(*[encoder_v4() for _ in range(6)])
print("six encoders:", count_parameters(stack_v2))
assert count_parameters(stack_v2) == 6 * count_parameters(encoder_v4()), "the six must not share parameters"

# %% [markdown]
# Six times as many: now they are six. `nn.Sequential` also replaces the recursion of stage 01. It does the
# same as a plain loop, which you can check.

# %%
by_loop = sentence
for encoder in stack_v2:
    by_loop = encoder(by_loop)  # (S, D)

print("loop == nn.Sequential:", torch.equal(by_loop, stack_v2(sentence)))
assert torch.equal(by_loop, stack_v2(sentence)), "nn.Sequential should run the encoders in order"

# %% [markdown]
# The recursion has done its work: it showed you what a chain is. You throw it away here.
#
# Now the decoder. It has a third part between the two: encoder-decoder attention, also called
# cross-attention, which reads the memory. Try `nn.Sequential` again. This cell is meant to fail as well.

# %% tags=["raises-exception"]
decoder_v4 = nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 512), nn.Linear(512, 512))
target_vectors, memory_vectors = torch.rand(2, 512), torch.rand(3, 512)  # (T, D), (S, D)
decoder_v4(target_vectors, memory_vectors)

# %% [markdown]
# `nn.Sequential` passes on one thing, and a decoder needs two: its own words and the memory. So the decoder
# becomes a class of its own.
#
# ## The outline as modules
#
# Four small classes are the final form of the outline. The same definitions are in `lessons/outline.py`,
# and the later notebooks import them from there.
#
# The first is the placeholder of cross-attention. It takes the memory, and ignores it.

# %% tags=["final"]
class CrossPlaceholder(nn.Module):
    """Stands where encoder-decoder attention will be: takes the memory and ignores it."""

    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x, memory):
        return self.linear(x)

# %%
x, memory_vectors = torch.rand(2, 512), torch.rand(3, 512)  # (T, D), (S, D)
print(tuple(CrossPlaceholder(512)(x, memory_vectors).shape))  # (T, D)
assert CrossPlaceholder(512)(x, memory_vectors).shape == x.shape, "two target words in, two out"

# %% [markdown]
# Two words go in with a memory of three, and two come out. The encoder becomes a class too, so that its
# parts can be replaced one by one.

# %% tags=["final"]
class EncoderOutline(nn.Module):
    """One encoder with placeholders for self-attention and feed-forward: (S, D) to (S, D)."""

    def __init__(self, d_model):
        super().__init__()
        self.self_attention = nn.Linear(d_model, d_model)
        self.feed_forward = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.feed_forward(self.self_attention(x))

# %% [markdown]
# The decoder has one part more, and `forward` has one argument more.

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

# %%
print("encoder", tuple(EncoderOutline(512)(memory_vectors).shape))  # (S, D)
print("decoder", tuple(DecoderOutline(512)(x, memory_vectors).shape))  # (T, D)
assert DecoderOutline(512)(x, memory_vectors).shape == x.shape, "the decoder keeps the target's shape"

# %% [markdown]
# Each keeps the shape of its own words. Last, the two towers together. `nn.ModuleList` is a list whose
# parameters PyTorch can find.

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

# %% [markdown]
# ### Run the whole thing
#
# Three source words go in on the left, two target words on the right.

# %%
torch.manual_seed(0)
model = TransformerOutline()
source, target = torch.rand(3, 512), torch.rand(2, 512)  # (S, D), (T, D)
output = model(source, target)  # (T, D)

n_linear = sum(isinstance(module, nn.Linear) for module in model.modules())
print("source", tuple(source.shape), " target", tuple(target.shape), " output", tuple(output.shape))
print(f"{count_parameters(model):,} parameters in {n_linear} linear layers")
assert output.shape == target.shape, "the output has one vector for each target word"
assert count_parameters(model) == n_linear * count_parameters(nn.Linear(512, 512)), "there is nothing else"

# %% [markdown]
# The output has one vector for each *target* word, however long the source is. In the finished model each
# of these vectors becomes a guess of the next word. All parameters are in the linear layers: two for each
# encoder, three for each decoder.
#
# ### Three questions for the empty model
#
# A model can run and still be wrong, so you ask it questions. A good translator passes the three below; the
# outline fails all three, and the asserts keep that on record. The first: if the source changes, does the
# output change?

# %%
def largest_change(before, after):
    return (before - after).abs().max().item()


other_source = torch.rand(3, 512)  # (S, D)
change = largest_change(output, model(other_source, target))
print("another source moves the output by", change)
print("the source matters:", change > 0)
assert change == 0.0, "the placeholder ignores the memory, so nothing should move"

# %% [markdown]
# Nothing moves. Whatever the source says, the answer is the same: the placeholder ignores the memory. This
# is the check that notebook 09 turns round. There the output must move.
#
# The second question: if the last source word changes, does the memory of the first word change?

# %%
edited = source.clone()
edited[2] = torch.rand(512)  # another third word
change_by_word = (model.encode(source) - model.encode(edited)).abs().max(dim=1).values  # (S,)
for name, change in zip(["word 1", "word 2", "word 3"], change_by_word.tolist(), strict=True):
    print(name, "moves" if change > 1e-6 else "does not move")

assert (change_by_word > 1e-6).tolist() == [False, False, True], "each word by itself"

# %% [markdown]
# Only word 3 moves. In this encoder no word knows its neighbours. The next notebook makes a first word look
# at the others.
#
# The third question: does a tower of layers do more than a single layer? Try it with numbers. One layer
# doubles and adds 1, the next triples and adds 10.

# %%
for x in [0.0, 1.0, 5.0]:
    print(x, "->", 3 * (2 * x + 1) + 10, " and in one step ", 6 * x + 13)
    assert 3 * (2 * x + 1) + 10 == 6 * x + 13, "two steps should equal one"

# %% [markdown]
# Two steps are one step: the weights multiply, and the first bias passes through the second layer. With
# matrices it is the same, and the layer that runs last stands on the left. Fold all layers of the encoder
# tower into one.

# %%
weight, bias = torch.eye(512), torch.zeros(512)  # (D, D), (D,): a layer that changes nothing
for layer in [module for module in model.encoders.modules() if isinstance(module, nn.Linear)]:
    weight, bias = layer.weight @ weight, layer.weight @ bias + layer.bias  # (D, D), (D,)

one_layer = source @ weight.T + bias  # (S, D)
difference = largest_change(model.encode(source), one_layer)
print("the tower does more than one layer:", difference > 1e-5)
assert difference < 1e-5, "linear layers in a row should equal one"

# %% [markdown]
# One layer does the work of the whole tower. Depth buys nothing here until something that is not linear
# stands between the layers: attention, and in the feed-forward part a function that sets negative numbers
# to 0.

# %% [markdown]
# ### The scoreboard
#
# Yes and no are not enough. You want to see what each part of the encoder *buys*, so the series keeps a
# scoreboard: six small tasks, and a row for the encoder of each notebook. A sentence has eight symbols, 0
# to 7. Each task asks for one symbol at each position.

# %%
eight = torch.tensor([[3, 1, 3, 0, 7, 2, 3, 1]])  # (B, S)
each_once = torch.tensor([[2, 0, 1, 3, 5, 4, 7, 6]])  # (B, S): each symbol once
for name, task in scoreboard.TASKS.items():
    symbols = each_once if task.permutation else eight
    print(f"{name:8}", symbols[0].tolist(), "->", task.target(symbols)[0].tolist(), "", task.rule)

assert scoreboard.TASKS["hop"].target(each_once)[0].tolist() == [1, 2, 0, 3, 4, 5, 6, 7], "by hand"

# %% [markdown]
# Redo one of each on paper. In `hop` the first symbol is a 2, so look at place 2, counted from 0. There is
# a 1. In `two hops` you look once more: at place 1 there is a 0.
#
# Some tasks ask about a symbol alone, some about its neighbours, some about its place. An encoder that sees
# only one word at a time can solve the first kind at best.
#
# To take part, the encoder borrows three things that later notebooks open:
#
# - an **embedding**, which turns each symbol into a vector (07),
# - an **output layer**, which gives each of the eight symbols a number; the largest is the guess (10),
# - a **training loop**, which shows the model 128 sentences at a time, compares its best guesses with the
#   targets and nudges every parameter a little in the direction that helps (11). It does so at most 400
#   times: these are the steps.
#
# The word is 64 numbers wide here, so that the training takes seconds.

# %%
model_of_symbols = scoreboard.SymbolModel(EncoderOutline(64))
numbers = model_of_symbols(eight)  # (B, S, V): V symbols to choose from
print("sentence", tuple(eight.shape), " numbers", tuple(numbers.shape))
assert numbers.shape == (1, 8, 8), "eight positions, and a number for each of eight symbols"

# %% [markdown]
# What would a good score be? You need something to compare with: the best guess that knows the word's own
# symbol and nothing else. In `copy` it is always right. In `count` it says 1 all the time, class 0, or 2,
# class 1, which is about as frequent. It is tested on 1,000 sentences that no training sees.

# %%
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
for name, share in chance.items():
    print(f"{name:8} {share:.2f}")

assert chance["copy"] == 1.0 and chance["reverse"] < 0.2, "copy needs no neighbour, reverse does"

# %% [markdown]
# Now train one encoder of placeholders on each task, and test it on the same 1,000 sentences. The accuracy
# is the share of symbols that it gets right.

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: EncoderOutline(64))
print({name: round(share, 2) for name, share in live.items()})

# %% [markdown]
# One training proves little: another start gives another number. So all rows have also been trained with
# three seeds each (a seed fixes the random start and the sentences), by the command
# `python -m lessons.boards encoder`. The figure shows the mean, and below it the lowest and the highest
# of the three. Look at the columns where the placeholders stay at the best guess.

# %%
# alt: Heat map of accuracies with three rows: the best guess from the symbol, the recorded placeholders,
#   and the placeholders trained just now. Copy is 1.00 in all rows. In the five other tasks the placeholders
#   are as good as the best guess.
recorded = scoreboard.recorded("encoder", last="01")
fig = plots.board(recorded, live=live, chance=chance, title="The scoreboard after notebook 01")
plots.show(fig)

# %% [markdown]
# The placeholders copy, and that is all. In every other column they do about what the best guess does,
# because no word of the encoder knows its neighbours. The check says it for the recorded seeds and for yours.

# %%
for name in scoreboard.TASKS:
    for share in [*recorded["01 placeholders"][name], live[name]]:
        assert abs(share - chance[name]) < 0.05, f"{name}: placeholders should do no better than the guess"
print("six tasks, and the placeholders do as well as the best guess in each of them")

# %% [markdown]
# ## What survives
#
# | code of today | what happens to it |
# |---|---|
# | the recursion of stages 01 and 02 | gone since stage 03 |
# | `nn.Sequential` for an encoder | gone: a class lets you replace one part |
# | the linear layers named `self_attention` | replaced by attention |
# | `CrossPlaceholder`, which ignores the memory | replaced by attention over the memory |
# | the linear layers named `feed_forward` | replaced by two layers with a function between |
# | the shape of the whole: two towers, one memory | stays to the end |
#
# ## Recap
#
# 1. A Transformer is two chains: encoders that hand on words, and decoders that also read the memory.
# 2. The memory is what the last encoder returns, and every decoder gets the same one.
# 3. Each part keeps the shape of its input, so parts can be stacked and swapped.
# 4. `[layer] * 6` is one layer six times. A loop makes six layers.
# 5. Linear layers treat words one by one, and a chain of them is no more than one of them.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** How many parameters does `nn.Linear(512, 64)` have? It takes 512 numbers and returns 64.
# Work it out on paper before you type the number.

# %% tags=["exercise"]
### BEGIN SOLUTION
n_parameters = 512 * 64 + 64
### END SOLUTION

check.linear_parameters(n_parameters)

# %% [markdown]
# **2. Predict.** `model = TransformerOutline()` gets a source of 7 words and a target of 4 words, each of
# 512 numbers. Which shape has `model(source, target)`? Write a tuple.

# %% tags=["exercise"]
### BEGIN SOLUTION
output_shape = (4, 512)
### END SOLUTION

check.outline_shape(output_shape)

# %% [markdown]
# **3. Implement.** Write the chain of encoders as a loop. `blocks` is a list of functions. The first one
# gets `words`, each other one gets what the one before returned.

# %% tags=["exercise"]
def run_chain(blocks, words):
    ### BEGIN SOLUTION
    for block in blocks:
        words = block(words)
    return words
    ### END SOLUTION


check.run_chain(run_chain)

# %% [markdown]
# **4. Implement.** Return six *different* linear layers of width `d_model` in an `nn.ModuleList`.

# %% tags=["exercise"]
def six_layers(d_model):
    ### BEGIN SOLUTION
    return nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(6)])
    ### END SOLUTION


check.six_layers(six_layers)

# %% [markdown]
# **5. Find out.** `double` is a linear layer for 2 numbers that doubles both and adds nothing. Write its
# weight as a list of rows, and its bias as a list. Then think: what does a chain of ten such layers
# multiply by?

# %% tags=["exercise"]
### BEGIN SOLUTION
double_weight = [[2, 0], [0, 2]]
double_bias = [0, 0]
ten_layers = 1024
### END SOLUTION

check.doubling([double_weight, double_bias, ten_layers])

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): figure 1 is the map above, section 3.1 describes
#   the two stacks.
# - [`nn.Sequential`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html) and
#   [`nn.ModuleList`](https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html) in the
#   PyTorch documentation.
#
# ## What is still a placeholder
#
# Everything inside the towers. They stand, and no word in them sees another word.
#
# {{next}}
