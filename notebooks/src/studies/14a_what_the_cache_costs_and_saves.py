# %% [raw] tags=["card"]
# questions: What does a KV cache save, counted and in time? What does it cost in memory?

# %% [markdown]
# # 14a - What does the cache cost, and what does it save?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# A decoder without a cache sends everything it has written through all its layers, for each new word. One
# with a cache sends one word. There are two things to keep: keys and values of the words already written,
# for self-attention, and those of the source, for cross-attention. Place two bets. At the tenth word of an
# answer to a source of twenty, which of the two saves more? And what does the cache of 64 answers of 60 words
# weigh: a hundredth of the model, a tenth, or more than all of it?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import time
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from helpers import plots
from helpers.data import BOS_ID, EOS_ID
from helpers.fast import Steps
from helpers.model import padding_mask
from helpers.translate import load_translator

# %% [markdown]
# ## The same answers
#
# The translator of the series, a source of 20 subwords and an answer of 500, both made of random ids: for
# costs the words do not matter. `Steps` is the cache of `helpers.fast`. First, does it compute the same?

# %%
model, _ = load_translator()
model.eval().requires_grad_(False)
generator = torch.Generator().manual_seed(0)
src = torch.randint(4, 6000, (1, 20), generator=generator)  # (1, S)
tgt = torch.randint(4, 6000, (1, 500), generator=generator)  # (1, T)
src[0, -1], tgt[0, 0] = EOS_ID, BOS_ID
memory, src_mask = model.encode(src), padding_mask(src, model.pad_id)  # (1, S, D), (1, 1, 1, S)


# %%
def without(t):
    return model.decode(tgt[:, :t], memory, src_mask)[:, -1]  # (1, V), from all t words


def with_cache(t):
    steps.length = t - 1  # back to place t - 1, whatever `steps` holds behind it
    return steps(tgt[:, t - 1])  # (1, V), from the newest word and what `steps` keeps


# %%
steps = Steps(model, src, longest=500)
cached = torch.cat([with_cache(t) for t in range(1, 501)])  # (T, V)
together = model.decode(tgt, memory, src_mask)[0]  # (T, V)
assert torch.allclose(cached, together, atol=1e-3)
print("same logits at all 500 places")

# %% [markdown]
# ## Counted
#
# Multiplications can be counted from the shapes alone. For the word after `t` written ones, `<s>` among them:

# %%
S, D, F = 20, 256, model.decoder.layers[0].feed_forward.widen.out_features
N, V = len(model.decoder.layers), model.output.out_features


def multiplications(t, keep_words, keep_source):
    rows = 1 if keep_words else t  # words that go through the decoder
    return {
        # of D x D four for self-attention, two for cross-attention (query and output); two for feed-forward
        "linear layers": N * rows * (6 * D * D + 2 * D * F),
        "source's keys and values": 0 if keep_source else N * S * 2 * D * D,
        "self-attention": N * 2 * rows * t * D,
        "cross-attention": N * 2 * rows * S * D,
        "output layer": rows * V * D,
    }


# %% [markdown]
# Is that what really runs? PyTorch can count too, twice per multiplication, since it adds the additions. It
# counts matrix products, and does not see into the fused attention of `helpers.fast`, so ask for the plain
# one here (`MATH`).


# %%
def counted_by_torch(run, t):
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        run(t)
    return counter.get_total_flops() // 2


for t in (1, 50, 500):
    for run, kept in ((without, False), (with_cache, True)):
        ours = sum(multiplications(t, kept, kept).values())
        assert ours == counted_by_torch(run, t), f"{run.__name__}, word {t}: {counted_by_torch(run, t):,}"
        print(f"word {t:3} {run.__name__:10} {ours:13,}, as PyTorch counts")

# %% [markdown]
# To the last one. Now the four ways to keep something or nothing, in millions for the next word:

# %%
ways = {"nothing kept": (False, False), "source kept": (False, True),
        "words kept": (True, False), "both kept": (True, True)}  # fmt: skip
lengths = (1, 10, 50, 100, 200, 400, 500)
print(f"{'word':12}" + "".join(f"{t:8}" for t in lengths))
counts = {name: [sum(multiplications(t, *way).values()) / 1e6 for t in lengths] for name, way in ways.items()}
for name, row in counts.items():
    print(f"{name:12}" + "".join(f"{count:8.1f}" for count in row))
last_only = counts["nothing kept"][-1] - 499 * V * D / 1e6
print(f"word 500, nothing kept: {counts['nothing kept'][-1] / counts['both kept'][-1]:.0f} times both kept;")
print(f"with only the last place scored: {last_only / counts['both kept'][-1]:.0f} times")

# %% [markdown]
# For the first word only the source's keys and values can be saved; at the tenth, keeping the words already
# saves four times as much (2.3 times, if only the last place is scored), and at word 500 a step that keeps
# nothing costs 500 times one that keeps both. (The last line is for a loop that at least scores the last
# place only.) But look at *words kept*, the cache of lesson 14: it makes the source's keys and values again
# at every step, and with 20 source words stays at three times the cost of *both kept*. Neither cache
# replaces the other.
#
# What is left, and does it stay flat?

# %%
at_10, at_500 = (multiplications(t, True, True) for t in (10, 500))
for part in at_10:
    print(f"{part:25} word 10: {at_10[part] / 1e6:.2f}, word 500: {at_500[part] / 1e6:.2f}")
rest = sum(multiplications(0, True, True).values())
print(f"self-attention costs as much as all the rest at word {rest / (N * 2 * D):,.0f}")

# %% [markdown]
# At word 500 four fifths of it are linear layers and the output layer, whose cost does not depend on how
# much is written. Self-attention grows with every word, and catches up with the rest at a length that this
# model, with its 512 places, never reaches.
#
# ## In time
#
# Each length is timed five times, with and without in turn, and the median counts.


# %%
def milliseconds(run, t):
    started = time.perf_counter()
    run(t)
    return 1000 * (time.perf_counter() - started)


# %% tags=["nbval-ignore-output"]
# not compared: times differ between machines and from run to run
measured = {without: [], with_cache: []}
for t in lengths[1:6]:
    rounds = [[milliseconds(run, t) for run in measured] for _ in range(5)]
    for row, times in zip(measured.values(), zip(*rounds, strict=True), strict=True):
        row.append(median(times))
    print(f"word {t:3}:", ", ".join(f"{run.__name__} {row[-1]:.1f} ms" for run, row in measured.items()))

# %%
ratio = measured[without][-1] / measured[with_cache][-1]
print("at word 400 more than three times as fast:", ratio > 3)
assert ratio > 3, f"only {ratio:.1f} times; is the machine busy?"

# %%
# alt: Two pictures over the number of words, with logarithmic scales. On the left millions of
#   multiplications for the next word: with nothing kept the line rises steeply, with the words kept it is
#   flat, and with both kept it is flat at a third of that. On the right the measured milliseconds: without a
#   cache they rise, with it they stay nearly level.
fig, axes = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
shown = {name: (lengths, counts[name]) for name in ("nothing kept", "both kept", "words kept")}
plots.curves(shown, ax=axes[0], xlabel="word", ylabel="million multiplications", title="Counted", log=True)
times = {"nothing kept": (lengths[1:6], measured[without]), "both kept": (lengths[1:6], measured[with_cache])}
plots.curves(times, ax=axes[1], xlabel="word", ylabel="milliseconds", title="Measured", log=True)
axes[1].set_ylim(1, 1000)
plots.show(fig)

# %% [markdown]
# The gap in time is far smaller than the gap in multiplications. Two candidates are that each small
# operation has a fixed price, and that each step reads all matrices once, however few rows they meet; this
# study has not taken them apart.
#
# ## In memory
#
# Each written word leaves a key and a value in each layer, for every sentence and every beam. The sources
# leave theirs once. Count them in what `Steps` has laid out.


# %%
def kept_numbers(sentences, written, source, beams=1):
    some = torch.full((sentences, source), EOS_ID)  # (B, S)
    layers = Steps(model, some, longest=written, beams=beams).layers
    own = sum(kept.numel() for layer in layers for kept in layer.own)
    return own, sum(kept.numel() for layer in layers for kept in layer.source)


# %%
parameters = sum(p.numel() for p in model.parameters())
print(f"the model: {parameters:,} parameters")
for case in ((1, 1, 20), (1, 500, 20), (64, 60, 20), (64, 60, 20, 4)):
    own, source = kept_numbers(*case)
    print(f"{str(case):16} words {own:10,}, sources {source:9,}: {(own + source) / parameters:5.2f} models")
assert sum(kept_numbers(64, 60, 20)) > parameters > sum(kept_numbers(1, 500, 20))

# %% [markdown]
# (sentences, words, words of the source, and beams.) One sentence weighs little. A batch of 64 with room
# for 60 words weighs more than the model, and a beam of 4 four times that, sources aside. In large language
# models it is often this memory that limits how many readers a machine can serve; fewer heads for keys and
# values than for queries is the usual way out.
#
# ## The answer
#
# **At its 500th word this decoder multiplies 2,158 million times without a cache (1,392 million if it
# scores the last place only), and 4.3 million times with one. Without the source's keys in it, a step costs
# three times as much. The price is 1,536 numbers for every word of every sentence: 64 answers of 60 words
# keep more of them than the model has parameters.**
#
# ## What this does not say
#
# One model, small, with a short source, on a CPU, and one sentence at a time for the times. Counts carry
# over to other sizes by the formula, times do not. And `Steps` is also written for speed, so its times
# tell of more than the cache.
#
# ## An open exercise
#
# From which length on does the cache pay in time on your machine, and with a batch of 32? Measure it for
# lengths of 1 to 20.
#
# <details><summary>What a good answer contains</summary>
#
# Medians of several rounds, with and without in turn; a statement about how much two medians of the same
# thing differ; the batch beside the single sentence. Building `Steps` costs something once
# per sentence: say whether you counted it.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.
# - N. Shazeer, *Fast Transformer Decoding: One Write-Head is All You Need*, 2019.
#
# Back to {{lesson}}.
