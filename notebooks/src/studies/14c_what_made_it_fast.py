# %% [raw] tags=["card"]
# questions: What makes training and translating faster here, and what does not?

# %% [markdown]
# # 14c - What made it fast?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The lessons' model is written to be read. When `helpers.train` trains it, and when `helpers.translate` uses
# it, `helpers.fast` computes the same numbers by other means, and owns no parameter. Before you see what each
# of these means is worth in training on a CPU, bet on four of them: the loss for a few words at a time,
# dropout from fewer random bits, attention one head after the other, and a second core. Which of them gives
# the most?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch

from helpers import fast, plots
from helpers.data import Batch
from helpers.model import Transformer
from helpers.training import token_loss
from lessons import pictures, scoreboard

# %% [markdown]
# ## The same numbers
#
# A faster path that computes something else is a bug, so equality comes first. Here is a small model with a
# batch of drawn ids; dropout is off, because two paths that draw differently cannot be compared with it on.

# %%
torch.manual_seed(0)
model = Transformer(50, 50, d_model=32, n_heads=4, d_ff=64, n_layers=2, dropout=0.0).double()
batch = Batch(*(torch.randint(4, 50, (8, 12)) for _ in range(3)))  # (B, S), (B, T), (B, T)


def gradients(loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])  # all parameters in a row


# %%
plain = token_loss(model(batch.src, batch.tgt_in), batch.labels)
with fast.Kernels():
    quick, _ = fast.token_loss(model, *batch)
print(f"losses:    {(plain - quick).abs():.0e} apart")
plain, quick = gradients(plain), gradients(quick)  # (P,), P parameters
print(f"gradients: {(plain - quick).abs().max():.0e} apart")
assert torch.allclose(plain, quick, atol=1e-10)

# %% [markdown]
# What is left is rounding of 64-bit numbers. The project's tests repeat the comparison over some two hundred
# drawn models, with the same dropout masks fed into both, and every step of generation against the model
# without a cache.
#
# ## The ladder
#
# `python -m helpers.benchmark --ladder` trains a model of three and three layers, 256 wide, on drawn ids:
# 64 sentences of 32 words, and 16 of 128. One part of the fast path after the other is switched on. All
# rows take turns in one run, because the speed of a machine changes from minute to minute, and each is told
# as how many times as fast as `torch.nn.Transformer` it was. MarianMT, a translation model of another
# library, takes part in the same sizes, once with dropout where ours has it, and once only where its own
# settings have it. This is the run that the series keeps.

# %%
record = scoreboard.read(scoreboard.RECORDED / "benchmark.json")
print(record["about"]["machine"], "torch", record["about"]["torch"])
ladder = {size: record["tables"][f"training, {size}"] for size in ("64 x 32", "16 x 128")}
steps = ["the lessons' model", "loss in parts", "and dropout from 16 bits", "and attention head by head"]
for before, row in zip(steps, steps[1:], strict=False):
    gains = [table[row]["ratio"] / table[before]["ratio"] for table in ladder.values()]
    print(f"{row:28} gains", *[f"{gain:.2f} at {size}  " for gain, size in zip(gains, ladder, strict=True)])
twice = [table["what `train` chooses here"]["ratio"] / table[steps[-1]]["ratio"] for table in ladder.values()]
print(f"{'the same program once more':28} gains", *[f"{gain:.2f}" + 14 * " " for gain in twice])

# %%
# alt: Two panels of dots with bars, one row for each way to train, over how many times as fast it is as
#   PyTorch's model. In both, the lessons' model stands at 1, and the rows below move right to about 1.4.
titles = {f"{size} words": table for size, table in ladder.items()}
plots.show(pictures.race(titles, scale="times as fast as torch.nn.Transformer"))

# %% [markdown]
# A dot is the median over the rounds, and its bar the middle half of them. On this processor the row *what
# `train` chooses* is the same program as *attention head by head*, so the last line of the table above is
# an example of what chance does in such a run. At 16 x 128 dropout stands out from it clearly, and
# attention head by head a little; at 64 x 32 no single step does, and only all of them together. Dropout
# makes do with 16 random bits for each number, and MarianMT points the same way: with less dropout it is
# faster. The idea of one head after the other is that its table of weights stays in the processor's cache,
# and tables grow with the square of the length.
#
# ## What does not pay
#
# The same run measured what `train` leaves out, now against what it chooses.

# %%
for size in ladder:
    for name, row in record["tables"][f"tried, {size}"].items():
        print(f"{size:9} {name:28} {row['ratio']:5.2f}   {row['from']:.2f} to {row['to']:.2f}")
peaks = {kind: f"{peak / 1e9:.1f}" for kind, peak in record["share of peak"]["peaks"].items()}
print("billion operations per second in a large product:", peaks)
print(f"share of that in training: {record['share of peak']['share']:.2f}")

# %% [markdown]
# PyTorch's `scaled_dot_product_attention` is level with one head after the other for short sentences and
# slower for long ones. A second thread gives a gain as large as a step of the ladder, and far from a factor
# of two. Linear layers by another library, oneDNN, gain too little here: `helpers.fast` measures that when
# it starts, and asks for 1.2. Numbers of 16 bits in *bfloat16* would be a loss on a processor that has no
# instructions for them, as the last lines show. Training runs at .70 of the speed of a bare matrix product,
# so rewriting could still gain up to 1.4 times, as much as the whole ladder. So of the four bets dropout
# wins for long sentences, and for short ones the four lie too close to call.
#
# ## Translating
#
# In generation there is the cache of 14, and beside it matrices are joined and small operations saved; no
# row separates these. The rows are told against MarianMT, the translation model of the *transformers*
# library, in the same sizes and with its own cache.

# %%
for case in ("1 x 60", "64 x 30"):
    for name, row in record["tables"][f"generation, {case}"].items():
        print(f"{case:8} {name:24} {row['ratio']:5.2f} {row['tokens per second']:7,.0f} tokens/s")

# %%
# alt: Two panels of dots with bars over how many times as fast each is as MarianMT. For one sentence
#   the fast path is at about 2.2 and the lessons' decoding below 1; in a batch of 64 the fast path is
#   slightly above 1, and the lessons' decoding far below.
cases = {f"{case} tokens": record["tables"][f"generation, {case}"] for case in ("1 x 60", "64 x 30")}
plots.show(pictures.race(cases, scale="times as fast as MarianMT"))

# %% [markdown]
# For a single sentence the fast path takes less than half of MarianMT's time, although both have a cache,
# so joining small operations seems to help. In a batch of 64 the two are about equal, and what they wait
# for was not measured.
#
# ## The answer
#
# **Training is 1.3 to 1.4 times as fast here as PyTorch's own model: for long sentences because dropout
# draws fewer bits and attention works head by head, for short ones by several small gains together.
# Translating gains by the cache together with smaller things, and over another library with a cache for
# single sentences only. What does not pay on this processor are 16-bit numbers.**
#
# ## What this does not say
#
# One kind of processor, one thread, one size of model, six rounds. On a GPU, or on a processor with 16-bit
# instructions, other rows would win. Ratios differ less from machine to machine than seconds do, and still
# differ: run the benchmark on yours.
#
# ## An open exercise
#
# Run `python -m helpers.benchmark --ladder --rounds 5 --steps 0` on your machine (some ten minutes). Which
# row gains more there than here, and what does your processor have that explains it?
#
# <details><summary>What a good answer contains</summary>
#
# The range beside the ratio, since a difference inside the middle half is none; the two peaks at the end of
# the table, which tell whether 16-bit numbers can pay; and a machine that did nothing else meanwhile.
#
# </details>
#
# ## References
#
# - A. Ivanov and others, *Data Movement Is All You Need: A Case Study on Optimizing Transformers*, 2021,
#   [arXiv:2007.00072](https://arxiv.org/abs/2007.00072).
# - PyTorch,
#   [scaled_dot_product_attention](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html).
#
# Back to {{lesson}}.
