# %% [raw] tags=["card"]
# built: attention within a window, with a faster kernel, and a training in two processes
# questions: What is a usual attention window, and why is it in theory unlimited? What does attention buy over
# a recurrent network, and what does it pay? Why do two processes end with the weights of one?

# %% [markdown]
# # 17 - Going big
#
# {{badge}}
#
# The translator reads twenty words at a time, and there are models that read a million. Their parts are
# nearly the same, so what is in the way? **What is a usual attention window, and why is it in theory
# unlimited?** You will make the sentence longer until it hurts, try what people do about that, and let two
# processes train one model.
#
# - **You need**: the encoder layer of [06](06_add_and_norm.ipynb), and the masks of [09](09_decoder.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, stage 55 and exercises 2 to 4 can be left
#   for home.
#
# **From two lessons back.** In 15 each `forward` kept numbers for its `backward`. What must attention keep
# of its softmax, and how many numbers are that for a sentence of S words?
#
# <details><summary>Answer</summary>
#
# Its output, the attention weights, because the gradient of a softmax is made from them. That is one number
# for each pair of words, S · S in each head.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from helpers import plots
from helpers.checkpoints import read_tensors
from helpers.data import make_batch
from helpers.model import EncoderLayer, PositionalEncoding, Transformer, attention_weights, causal_mask
from helpers.training import token_loss
from lessons import pictures, scoreboard
from lessons.boards import going_big as boards
from lessons.exercises import going_big as check

# %%
plots.show(plots.block_diagram(built=plots.PARTS, title="17: all of it, and longer"))

# %% [markdown]
# Nothing is hatched any more, and what changes today is only how much goes through.
#
# ## Stage 51 - Twice as long
#
# Begin with what can be counted. In an encoder layer each word meets the matrices of the four projections
# and of the feed-forward part. Each word also meets each word twice, for the scores and for the mix of
# values. Change `S` until both kinds of work are equal.

# %%
D, H, F = 256, 4, 1024


def multiplications(S):
    """In one encoder layer that reads S words: in its matrices, and between its words."""
    return S * (4 * D * D + 2 * D * F), 2 * S * S * D


S = 20  # yours
matrices, between = multiplications(S)
print(f"{S} words: {matrices:,} in matrices, {between:,} between words")

# %% [markdown]
# At 20 words the second kind is a hundredth of the first. But twice the words are twice the first and four
# times the second, so they meet, at `2D + F` = 1536 words. PyTorch counts what it runs, with the additions,
# which doubles it.

# %%
torch.manual_seed(0)
layer = EncoderLayer(D, H, F).eval()
with FlopCounterMode(display=False) as counter:
    layer(torch.randn(1, 300, D))
assert counter.get_total_flops() == 2 * sum(multiplications(300))
print(f"300 words: {counter.get_total_flops():,} operations, as counted")

# %% [markdown]
# Now measure, and take the fastest of five runs, because other programs can only make one slower. For eight
# times the words the count says sixteen times the work, and what will the clock say?


# %%
def fastest(run, repeats=5):
    """Milliseconds of the fastest run."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started))
    return min(times)


# %%
lengths = (256, 512, 1024, 2048)
texts = {S: torch.randn(1, S, D) for S in lengths}  # (B, S, D) each
with torch.no_grad():
    times = [fastest(lambda x=x: layer(x)) for x in texts.values()]
for S, found in zip(lengths, times, strict=True):
    print(f"{S} words: {found:.0f} ms")
assert times[-1] > 10 * times[0], "for eight times the words, more than ten times the time"

# %% [markdown]
# PyTorch can also tell what a forward pass keeps for the way back. The layer's own weights are left out.


# %%
def kept(run, but=()):
    """Bytes that `run` keeps for its backward pass, without the tensors `but`."""
    found, known = {}, {tensor.data_ptr() for tensor in but}

    def keep(tensor):
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in known:
            found[memory.data_ptr()] = memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()  # held until all is counted  # noqa: F841
    return sum(found.values())


# %%
kept_by_layer = [kept(lambda x=x: layer(x), layer.parameters()) / 2**20 for x in texts.values()]
weights_alone = [H * S * S * 4 / 2**20 for S in lengths]  # 4 bytes for each attention weight
for S, all_of_it, of_it in zip(lengths, kept_by_layer, weights_alone, strict=True):
    print(f"{S} words: {all_of_it:.1f} MiB kept, {of_it:.1f} of them attention weights")

# %%
# alt: Two panels over the length, 256 to 2048 words, with logarithmic scales. On the left the measured
#   milliseconds rise along the count of multiplications, steeper than in proportion. On the
#   right the bytes kept rise ever steeper and come close to the line of the attention weights alone.
counted = [sum(multiplications(S)) for S in lengths]
time_lines = {
    "measured": (lengths, times),
    "counted": (lengths, [n * times[0] / counted[0] for n in counted]),
}
memory_lines = {"all": (lengths, kept_by_layer), "weights": (lengths, weights_alone)}
panels = {"milliseconds": time_lines, "MiB kept for the way back": memory_lines}
plots.show(pictures.against_length(panels, title="One encoder layer, longer and longer"))

# %% [markdown]
# The line *counted* is drawn to begin where the measured one does. Time follows it roughly. What lies between
# is work that the count leaves out, and whatever else the machine was doing.
# At 2048 words most of what is kept are attention weights, so it is the S · S of the opening question that
# fills the machine.
#
# ## Stage 52 - Without the square
#
# Before 2017 sentences were read by a **recurrent network**, which carries one state from word to word, so
# that its work grows with S and no square appears. Its usual forms are LSTM and **GRU**, whose gates decide
# at each word what to keep. Why was it mostly given up?
#
# Ask how much of the first word arrives at the last place. The gradient of one number there says how
# strongly it hangs on each input. Take its length at the first word, divided by the mean over all words, in
# two layers before any training. What will it be at 64 words?

# %% tags=["nbval-ignore-output"]
# not compared: the last digits of very small numbers
torch.manual_seed(0)
gru, attention = nn.GRU(64, 64, batch_first=True), EncoderLayer(64, 4, 64)
readers = {"GRU": lambda x: gru(x)[0], "attention": attention}  # (B, S, D) to (B, S, D)


def first_at_last(read, S):
    x = torch.randn(1, S, 64, requires_grad=True)  # (B, S, D)
    read(x)[0, -1, 0].backward()  # one number of the last output
    slopes = x.grad[0].norm(dim=-1)  # (S,)
    return (slopes[0] / slopes.mean()).item()


for name, read in readers.items():
    arrives = [first_at_last(read, S) for S in (4, 16, 64)]
    print(name, *[f"{S} words: {share:.0e}  " for S, share in zip((4, 16, 64), arrives, strict=True)])
    assert arrives[-1] < 1e-6 if name == "GRU" else arrives[-1] > 0.01

# %% [markdown]
# In attention the first word is one step away, like any other. In the GRU it goes through every place, and
# each passes on less than it got, which is called the **vanishing gradient**. Training can change that if
# enough arrives to learn from, so let both learn to say the first of 32 symbols at the last place. There
# are eight symbols, each model has 26 thousand parameters, and they get 300 steps of 32 rows.

# %%
for name in ("GRU", "attention"):
    make, steps = boards.FIRST[name]
    model = boards.learn_the_first(make, length=32, seed=0, steps=steps)
    right = boards.share_right(model, length=32)
    print(f"{name}: {'nearly all' if right > 0.9 else 'fewer than 3 in 10' if right < 0.3 else 'some'} right")

# %% [markdown]
# Guessing gets one in eight. How far does that depend on the length, and on patience? The board has four
# lengths, and in its third row the GRU gets three times the steps.

# %%
# alt: Heat map of the share of rows that are right. Attention is at 1.00 or .99 for 8 to 64 symbols. The GRU
#   is at 1.00 for 8, .59 for 16, and .12 for 32 and 64, with 900 steps at 1.00 for 8 and 16, .42 for 32 and
#   .14 for 64.
table = scoreboard.recorded("first_symbol")
plots.show(plots.board(table, means=True, title="The first symbol, said at the last place (means)"))

# %% [markdown]
# Attention learns it at every length. With 300 steps the GRU learns 8 symbols and only sometimes 16, and
# with 900 it learns 16, and 32 in one training of three. So patience helps, and more distance needs more of
# it.
#
# To see the price, time one training step of both, on a single text.

# %%
# alt: Two lines over the length, 64 to 2048 words, both scales logarithmic: the milliseconds of a training
#   step. The GRU rises in proportion to the length. Attention begins far below it and rises more steeply, so
#   that the gap closes.
steps = (64, 256, 1024, 2048)
cost = {name: (steps, []) for name in readers}
for S in steps:
    x = torch.randn(1, S, 64)  # (B, S, D)
    for name, read in readers.items():
        cost[name][1].append(fastest(lambda x=x, read=read: read(x).sum().backward(), repeats=3))
slow, quick = (row for _, row in cost.values())
assert quick[0] < slow[0] and quick[-1] / quick[0] > 2 * slow[-1] / slow[0], "starts lower, grows faster"
plots.show(pictures.against_length({"milliseconds a step": cost}, title="A step of training"))

# %% [markdown]
# Attention starts lower and grows faster. A GRU needs the state of one word before it can read the next,
# while attention reads all words at once and is ahead until its square catches up with it. **What attention
# buys over a recurrent network is that any two words are one step apart and all are read at once, and what
# it pays is a number for every pair of words.**
#
# ## Stage 53 - Where does it end?
#
# So how many words may a text have? Search the layer for a place where that is written down.

# %%
print({name: tuple(p.shape) for name, p in layer.self_attention.named_parameters()})
with torch.no_grad():
    print([tuple(layer(torch.randn(1, S, D)).shape) for S in (1, 3, 2000)])
print("positions in the model:", len(PositionalEncoding(D).table))
print("or as many as you like:", len(PositionalEncoding(D, max_len=100_000).table))

# %% [markdown]
# There is none: the matrices meet one word at a time, and a softmax takes as many scores as there are.
# Sinusoids can be computed for any place, although at places that it never saw a model may be lost, as 07
# has shown. BERT and GPT-3 learned a row for each place, and end with
# the last. These are
# lengths that papers and makers state:
#
# | model | year | tokens | source |
# |---|---|---|---|
# | BERT | 2018 | 512 | [arXiv:1810.04805](https://arxiv.org/abs/1810.04805) |
# | GPT-3 | 2020 | 2,048 | [arXiv:2005.14165](https://arxiv.org/abs/2005.14165) |
# | Llama 2 | 2023 | 4,096 | [arXiv:2307.09288](https://arxiv.org/abs/2307.09288) |
# | Llama 3.1 | 2024 | 128 thousand | [arXiv:2407.21783](https://arxiv.org/abs/2407.21783) |
# | Gemini 3.1 Pro | 2026 | 1,048,576 | [Google][1] |
# | DeepSeek-V4 | 2026 | 1 million | [arXiv:2606.19348](https://arxiv.org/abs/2606.19348) |
# | Claude | 2026 | 200 thousand or 1 million | [Anthropic][2] |
#
# [1]: https://ai.google.dev/gemini-api/docs/models/gemini-3.1-pro-preview
# [2]: https://platform.claude.com/docs/en/build-with-claude/context-windows
#
# In an experiment Gemini 1.5 found single facts in 10 million tokens
# ([arXiv:2403.05530](https://arxiv.org/abs/2403.05530)). **A usual attention window is, as of November
# 2026, a hundred thousand to a million tokens, and in theory it is unlimited because no parameter of
# attention depends on the length.** What limits it is the cost of every pair, and which places training has
# shown.
#
# What would the attention weights of *one* layer take, with 32 heads and two bytes each?

# %%
for S in (512, 4096, 131_072, 1_048_576):
    print(f"{S:,} tokens: {32 * S * S * 2 / 2**30:,.3f} GiB")

# %% [markdown]
# No chip has 65,536 GiB, so models of a million tokens never hold that table. There are two ways out, to
# leave out pairs, or to compute all of them and keep none.
#
# ## Stage 54 - A window
#
# Leave out some first. A decoder's word may look back at everything before it. With a **sliding window** it
# looks at the last `window` words only, itself included, which is one more mask.


# %%
def window_mask(size, window):
    """The causal mask `(size, size)` under which a place sees itself and window - 1 places before it."""
    places = torch.arange(size)
    back = places[:, None] - places  # (T, T): how far back
    return (back >= 0) & (back < window)


window = 3  # yours
assert torch.equal(window_mask(8, 8), causal_mask(8)), "as wide as the text, and it is the mask of 09"
print(window_mask(8, window).int())  # (T, T)

# %% [markdown]
# Word 8 sees 6, 7 and 8. But in the layer below 6 has seen 4, so what can two layers reach, and what three?
# Multiply the mask by itself, and a number above zero says that there is a way.

# %%
seen, names = window_mask(8, window).float(), [f"{place}" for place in range(1, 9)]  # (T, T)
ways = {"one layer": seen, "two layers": seen @ seen, "three layers": seen @ seen @ seen}
panels = {name: (way > 0, names, names) for name, way in ways.items()}
plots.show(pictures.who_sees_whom(panels, title="Which places can have a say in which"))

# %% [markdown]
# Each layer adds `window - 1` places, so n layers reach n · (window - 1) places back. Mistral 7B looks back
# 4,096 tokens in each of 32 layers, and its paper speaks of 131 thousand. Real layers should agree, so
# count the words that move the last output of three. Then ask the clock: a window of 64 in 1024 words
# leaves out nearly nine tenths of what a causal mask allows. How much time will that save?

# %%
stack = [EncoderLayer(64, 4, 64) for _ in range(3)]
x = y = torch.randn(1, 20, 64, requires_grad=True)  # (B, T, D)
for some in stack:
    y = some(y, window_mask(20, window))
y[0, -1, 0].backward()
moved = (x.grad[0].norm(dim=-1) > 0).sum().item()
print(f"{moved} words of 20 move the last output, 3 · ({window} - 1) + 1 = {3 * (window - 1) + 1}")

# %%
x, masks = texts[1024], {"all before": causal_mask(1024), "a window": window_mask(1024, 64)}
for name, mask in masks.items():
    pairs, memory = int(mask.sum()), kept(lambda mask=mask: layer(x, mask), layer.parameters())
    with torch.no_grad():
        spent = fastest(lambda mask=mask: layer(x, mask))
    print(f"{name} ({pairs:,} pairs): {memory / 2**20:.0f} MiB kept in {spent:.0f} ms")

# %% [markdown]
# It saves nothing, because a mask hides scores that have been computed already, and ours keeps a second
# table of weights. A window saves only where the others are never made, T · window scores instead of T · T,
# and that is exercise 2.
#
# ## Stage 55 - The same numbers, sooner
#
# The other way is to compute every pair and keep none. A softmax needs the sum of its row, which can be
# made block by block, and the way back can compute the weights once more. That is **FlashAttention**, and
# PyTorch has it in `scaled_dot_product_attention`. It computes twice, so how much slower will it be?

# %%
query, key, value = torch.randn(3, 1, 2, 2048, 64)  # (B, H, T, dk) each
query.requires_grad_()


def ours():
    return attention_weights(query, key, causal_mask(2048)) @ value  # (B, H, T, dk)


def fused():
    return scaled_dot_product_attention(query, key, value, is_causal=True)  # (B, H, T, dk)


# %%
assert torch.allclose(ours(), fused(), atol=1e-5)
print(f"the same numbers. Ours keeps {kept(ours) / 2**20:.1f} MiB, theirs {kept(fused) / 2**20:.1f}")
spent = [fastest(lambda run=run: run().sum().backward(), repeats=3) for run in (ours, fused)]
print(f"there and back: {spent[0]:.0f} ms and {spent[1]:.0f} ms")
assert spent[1] < 0.7 * spent[0]

# %% [markdown]
# It is faster. It skips the pairs that the mask forbids, and it goes to memory less often, which is slow.
# Two more tools save such trips. **bfloat16** has two bytes a number in place of four, and `autocast` uses
# it for matrix products. `torch.compile` turns several steps into one, so that numbers are fetched once. It
# needs a C++ compiler, and up to a minute the first time.

# %%
x = texts[512]
with torch.no_grad():
    plain = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        off = (layer(x) - plain).abs().max().item()
        half = fastest(lambda: layer(x), repeats=2)
    print(f"float32 {fastest(lambda: layer(x)):.0f} ms, bfloat16 {half:.0f} ms")
assert 0 < off < 0.1, "nearly the same numbers"


# %% tags=["nbval-ignore-output"]
# not compared: what a machine has differs, and so do its times
def gelu(x):  # the bend of 05a, step by step
    return 0.5 * x * (1 + torch.tanh(0.79788 * (x + 0.044715 * x**3)))


x = torch.randn(512, 2048)
try:
    compiled = torch.compile(gelu)
    assert torch.allclose(compiled(x), gelu(x), atol=1e-5)
    before, after = fastest(lambda: gelu(x), repeats=20), fastest(lambda: compiled(x), repeats=20)
    print(f"gelu {before:.1f} ms, compiled {after:.1f} ms")
except RuntimeError as error:
    print("torch.compile does not work here:", type(error).__name__)

# %% [markdown]
# On the machine that built this page bfloat16 is *slower*, since its processor has no instructions for it
# and must imitate them, which GPUs and recent server processors need not. The compiled function is faster,
# and it makes one trip through memory in place of eight.
#
# ## Stage 56 - Two processes, one model
#
# When one machine is too slow, give two of them half the rows of each batch. Both hold the whole model, and
# after each backward pass they average their gradients, which is called **data parallelism**. Start our
# trainer once as it is, and once in two processes by **torchrun**, both in the background.

# %%
settings = "-m helpers.train --data grammar --epochs 1 --max-tokens 8000 --warmup-steps 10 --d-model 16"
settings = [*f"{settings} --n-heads 2 --d-ff 32 --n-layers 1 --vocab-size 300".split(), "--device", "cpu"]
torchrun = "-m torch.distributed.run --standalone --nproc-per-node 2".split()
torchrun = [] if sys.platform == "win32" else torchrun  # which is for Linux and macOS
held = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
folder, series = Path(held.name), Path(plots.__file__).parents[1]
runs = {}
for name, command in {"one": [], "two": torchrun}.items():
    line = [sys.executable, *command, *settings, "--out", str(folder / name)]
    with open(folder / f"{name}.txt", "w") as log:  # what it prints
        runs[name] = subprocess.Popen(line, cwd=series, stdout=log, stderr=subprocess.STDOUT)

# %% [markdown]
# Why should two halves do what the whole does? The loss is a mean, and the gradient of a mean is the mean
# of the gradients. Try it with four sentences, two for each process.

# %%
pairs = [([5, 6, 7], [8, 9]), ([5, 6], [7, 8, 9, 8, 7, 6]), ([9, 8, 7, 6], [5]), ([7], [6, 5, 6, 5])]
torch.manual_seed(0)
whole, small = make_batch(pairs), Transformer(10, 10, 16, 2, 32, 1, dropout=0.0).double()


def gradient(rows):
    src, tgt_in, labels = (ids[rows] for ids in whole)
    slopes = torch.autograd.grad(token_loss(small(src, tgt_in), labels), list(small.parameters()))
    return torch.cat([slope.flatten() for slope in slopes])


all_rows, halves = slice(None), (slice(0, None, 2), slice(1, None, 2))
mean = sum(gradient(rows) for rows in halves) / 2
right = gradient(all_rows)
print(f"largest entry {right.abs().max():.2f}, off by {(mean - right).abs().max():.2f}")

# %% [markdown]
# With `</s>` the targets have 3, 7, 2 and 5 words, so one process has 5 and the other
# 12. In the mean of their two means a word of the first counts more than twice as much. Weigh each half by
#     its words.

# %%
words = [int((whole.labels[rows] != 0).sum()) for rows in halves]
weighted = sum(n / sum(words) * gradient(rows) for n, rows in zip(words, halves, strict=True))
print(f"{words} words, equal to 1e-12:", torch.allclose(weighted, right, atol=1e-12))
assert torch.allclose(weighted, right, atol=1e-12)

# %% [markdown]
# **Why do two processes end with the weights of one? Their gradients, each weighed by its share of the
# words, add up to the gradient of the whole batch, so without dropout, as here, both take the step that
# one process would have taken.** In `helpers/distributed.py` `own_rows` does this, and PyTorch's
# `DistributedDataParallel` sends the gradients. Now wait for both runs.

# %% tags=["nbval-ignore-output"]
# not compared: losses of a training, and its time
codes = {name: run.wait(timeout=280) for name, run in runs.items()}
for name in runs:
    log = (folder / f"{name}.txt").read_text()
    print(f"{name}:", *[line for line in log.splitlines() if line.startswith(("epoch", "helpers"))])
assert set(codes.values()) == {0}, "the files in `folder` say why"

# %% tags=["nbval-ignore-output"]
# not compared: what rounding does with the biases of the keys
(one, about), (two, other) = (read_tensors(folder / name / "checkpoint.safetensors") for name in runs)
apart = {name: (one[name] - two[name]).abs().max().item() for name in one if name.startswith("model.")}
losses = [abs(a - b) for a, b in zip(about["history"]["loss"], other["history"]["loss"], strict=True)]
print(f"{len(losses)} steps, all losses equal to 0.001: {max(losses) < 0.001}")
print(f"tensors of weights equal to 0.001: {sum(d < 0.001 for d in apart.values())} of {len(apart)}")
far = [name for name, difference in apart.items() if difference >= 0.001]
print("the others:", *far, sep="\n  ")
assert max(losses) < 0.001 and all(name.endswith("key.bias") for name in far)

# %% [markdown]
# All losses agree, and so do all weights but the biases of the keys. A key bias adds the same number to all
# scores of a row, which softmax does not notice (15), so Adam makes steps out of its rounding, and two
# processes round differently. The model does not notice, and in float64 a test of this series finds one,
# two and four processes equal to 1e-5. If a process is killed, torchrun starts all of them again from the
# last checkpoint (`--max-restarts`).
#
# *Going deeper: [What would the paper's model cost, and larger ones?](studies/17a_the_bill.ipynb)* Six
# operations for each parameter and token that meet. One chip of 80 GB ends near 5 billion parameters, with
# 16 bytes for each.
#
# ## Recap
#
# 1. Attention grows with the square of the length, and from `2D + F` words on the pairs are more work than
#    the matrices.
# 2. In a recurrent network the first word must pass every place, and attention sees it in one step.
# 3. No parameter of attention depends on the length. Usual windows hold a hundred thousand to a million
#    tokens.
# 4. A window of w reaches n · (w - 1) places back in n layers. As a mask it saves nothing, while
#    FlashAttention makes all pairs and keeps none.
# 5. Two processes take the step of one when each gradient is weighed by its words.
#
# ## Exercises
#
# **1. Warm-up.** On paper: from how many words on does an encoder layer of the paper's big model, with D =
# 1024 and F = 4096, multiply more between words than in matrices? With a window of 5, how many layers does
# place 100 need to hear of place 0? A text of 4,096 words makes how many times the scores that it makes in
# a window of 256?

# %% tags=["exercise"]
### BEGIN SOLUTION
on_paper = [6144, 25, 16]
### END SOLUTION

check.on_paper(on_paper)

# %% [markdown]
# **2. Core.** Write attention in a window that never makes the other scores. `query` and `key` are `(T,
# dk)` and `value` is `(T, dv)`. A place looks at itself and `window - 1` places before it, fewer at the
# beginning. The result is that of full attention with `window_mask`, but no tensor on the way may have T ·
# T numbers. (`key[places]` with places `(T, window)` gathers the keys `(T, window, dk)`.)


# %% tags=["exercise"]
def window_attention(query, key, value, window):
    ### BEGIN SOLUTION
    places = torch.arange(len(query))[:, None] - torch.arange(window)  # (T, w)
    there, places = places >= 0, places.clamp(min=0)
    scores = (key[places] @ query[:, :, None])[:, :, 0] / query.shape[-1] ** 0.5  # (T, w)
    weights = scores.masked_fill(~there, float("-inf")).softmax(dim=-1)  # (T, w)
    return (weights[:, None] @ value[places])[:, 0]  # (T, dv)
    ### END SOLUTION


check.window_attention(window_attention)

# %% [markdown]
# **3. Debug.** Someone trains in bfloat16 to save memory, and the weights do not move. Where should a
# hundred small steps lead, beside one large one? Show that they do not. (Between 0.5 and 1 the numbers of
# bfloat16 are 1/256 apart.) Then fix the training, in which `gradient` must still be asked in bfloat16,
# since its products are the saving.


# %%
def broken_training(weight, gradient, steps, rate=0.001):
    weight = weight.bfloat16()
    for _ in range(steps):
        weight = weight - rate * gradient(weight)
    return weight


print(broken_training(torch.ones(3), torch.ones_like, steps=100))


# %% tags=["exercise"]
def training_mended(weight, gradient, steps, rate=0.001):
    ### BEGIN SOLUTION
    for _ in range(steps):
        weight = weight - rate * gradient(weight.bfloat16()).float()
    return weight
    ### END SOLUTION


check.training_mended(training_mended)

# %% [markdown]
# **4. Stretch.** Beat the row *GRU*: let a recurrent network learn the first of 32 symbols in 300 steps
# (`boards.learn_the_first`). What have you changed in the path from the first word to the last?
#
# <details><summary>What a good answer contains</summary>
#
# Three seeds for the row and for your change, at the same steps and batch. The share of the gradient that
# arrives, as in stage 52: if your change works for the reason that you give, it must be larger. Ideas to
# try are a bias that opens the gate which keeps the old state and lengths that grow from 4 to 32.
#
# </details>
#
# ## References
#
# - T. Dao and others, *FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness*, 2022,
#   [arXiv:2205.14135](https://arxiv.org/abs/2205.14135).
# - A. Jiang and others, *Mistral 7B*, 2023, [arXiv:2310.06825](https://arxiv.org/abs/2310.06825): the
#   window.
# - S. Li and others, *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*, 2020,
#   [arXiv:2006.15704](https://arxiv.org/abs/2006.15704).
# - Told another way: C. Olah, [*Understanding LSTM
#   Networks*](https://colah.github.io/posts/2015-08-Understanding-LSTMs/), and Hugging Face, [*The
#   Ultra-Scale Playbook*](https://huggingface.co/spaces/nanotron/ultrascale-playbook), on many GPUs.
# - PyTorch:
#   [scaled_dot_product_attention](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html),
#   [torchrun](https://docs.pytorch.org/docs/stable/elastic/run.html).
#
# ## What is still a placeholder
#
# Nothing: the road is complete. You began in 01 with boxes that did nothing and have replaced each of
# them. From here it goes to larger data with the same command (`helpers.train --data multi30k`), to a
# next-word model of your own texts with the parts of 16, and to papers, whose claims you can now check in a
# few cells.
#
# {{next}}
