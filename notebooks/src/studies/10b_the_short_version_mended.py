# %% [raw] tags=["card"]
# questions: What does the short version of many tutorials leave out? Which of it do checks find?

# %% [markdown]
# # 10b - The short version of many tutorials, mended
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# PyTorch has the layers of a Transformer, so a whole one takes twenty lines. Below is such a class, put
# together from mistakes that you meet in tutorials and repositories, if seldom all at once. It runs, its
# output has the right shape, and five things are missing. **Which five?** This page is one debugging task:
# read the class, write your list, and mend it before you open the solution.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import checks, plots
from helpers.model import PositionalEncoding, Transformer, causal_mask


# %%
class ShortTransformer(nn.Module):
    def __init__(self, n_vocab, d_model=16, n_heads=4, d_ff=32):
        super().__init__()
        self.embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = nn.TransformerEncoderLayer(d_model, n_heads, d_ff)
        self.decoder = nn.TransformerDecoderLayer(d_model, n_heads, d_ff)
        self.output = nn.Linear(d_model, n_vocab)

    def forward(self, src, tgt):
        memory = self.encoder(self.embedding(src))  # (B, S, D)
        decoded = self.decoder(self.embedding(tgt), memory)  # (B, T, D)
        return self.output(decoded)  # (B, T, V)


# %%
src = torch.tensor([[3, 4, 5, 6], [7, 8, 9, 0]])  # (B, S), 0 is padding
tgt = torch.tensor([[1, 10, 11, 12], [1, 13, 14, 0]])  # (B, T)
torch.manual_seed(0)
short = ShortTransformer(15)
print(tuple(short(src, tgt).shape))  # (B, T, V)

# %% [markdown]
# Put the four checks of the lesson to it. The first words of each answer are enough, and one is printed in
# full.

# %%
four = {"causal": checks.assert_causal, "padding": checks.assert_padding_invariant,
        "source": checks.assert_source_matters, "positions": checks.assert_positions_matter}  # fmt: skip


def verdicts(model):
    return {name: checks.verdict(check, model, src, tgt) for name, check in four.items()}


print(verdicts(short))

# %%
try:
    checks.assert_causal(short, src, tgt)
except AssertionError as message:
    print(message)

# %% [markdown]
# All four fail, and all for the same reason, which has to go before anything else can be tested. What does
# the model say to a source of three words and a target of four? (The error is meant to appear.)

# %% tags=["raises-exception"]
short(src[:, :3], tgt)

# %% [markdown]
# With equal lengths it had run, which is how such a mistake survives.
#
# ## Your turn
#
# Copy the class, mend it, and put `verdicts` to it after each change. Two hints: a layer of `torch.nn` takes
# its masks with True for *blocked*, and one of the five is found by no check.
#
# <details><summary>The five, in the order in which they can be found</summary>
#
# 1. `batch_first=True` is missing. Without it the first axis counts as words and the second as sentences,
#    so a word attends to the words at the same place of the *other* sentences.
# 2. `self.positions` is made and never used.
# 3. The decoder has no causal mask.
# 4. There is no padding mask. It is needed in three places: over the source in the encoder, over the target
#    in the decoder, and over the memory. The last is easily forgotten, for it is the padding of the
#    *source* once more.
# 5. Each tower has one layer and not a stack, which is no mistake where it is meant.
#
# </details>
#
# ## One solution
#
# The five places are numbered. Each can be left out again by its name, for a control that comes below.


# %%
class MendedTransformer(nn.Module):
    def __init__(self, n_vocab, d_model=16, n_heads=4, d_ff=32, n_layers=6, without=""):
        super().__init__()
        how = {"batch_first": without != "batch_first"}  # 1
        n_layers = 1 if without == "stack" else n_layers  # 5
        encoder_layer = nn.TransformerEncoderLayer(d_model, n_heads, d_ff, **how)
        decoder_layer = nn.TransformerDecoderLayer(d_model, n_heads, d_ff, **how)
        self.without = without
        self.embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = nn.TransformerEncoder(encoder_layer, n_layers, enable_nested_tensor=False)  # 5
        self.decoder = nn.TransformerDecoder(decoder_layer, n_layers)  # 5
        self.output = nn.Linear(d_model, n_vocab)

    def embed(self, ids):
        vectors = self.embedding(ids)  # (B, L, D)
        return vectors if self.without == "positions" else self.positions(vectors)  # 2

    def forward(self, src, tgt):
        causal = None if self.without == "causal mask" else ~causal_mask(tgt.shape[1])  # 3
        hidden = (None, None) if self.without == "padding masks" else (src == 0, tgt == 0)  # 4
        memory = self.encoder(self.embed(src), src_key_padding_mask=hidden[0])  # (B, S, D)
        decoded = self.decoder(self.embed(tgt), memory, tgt_mask=causal, tgt_key_padding_mask=hidden[1],
                               memory_key_padding_mask=hidden[0])  # (B, T, D)  # fmt: skip
        return self.output(decoded)  # (B, T, V)


# %%
torch.manual_seed(0)
mended = MendedTransformer(15)
print(verdicts(mended))

# %% [markdown]
# ## What has changed
#
# Exchange one word, the third of the first target, and see which outputs move: in the short version, in one
# with `batch_first=True` and nothing else, and in the mended one. In which of the 2 x 4 places do you
# expect a change?


# %%
class BatchFirst(ShortTransformer):
    def __init__(self, n_vocab):
        super().__init__(n_vocab)
        self.encoder = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)


# %%
@torch.no_grad()
def moves(model):
    model.eval()
    edited = tgt.clone()
    edited[0, 2] = 13
    return (model(src, edited) - model(src, tgt)).abs().amax(dim=-1) > 1e-5  # (B, T)


# %%
# alt: Three grids of two sentences by four places, with the outputs that move. In the short version only the
#   third place, in both sentences. With batch_first all four places of the first sentence. In the mended
#   version the third and fourth place of the first sentence.
fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
versions = {"short": short, "only batch_first": BatchFirst(15), "mended": mended}
for ax, (name, model) in zip(axes, versions.items(), strict=True):
    moved = moves(model)  # (B, T)
    texts = [["moves" if yes else "" for yes in row] for row in moved.tolist()]
    plots.heat_map(0.5 * moved, ["first", "second"], [1, 2, 3, 4], texts=texts, ax=ax, title=name)
    for text in ax.texts:
        text.set_fontsize(13)
plots.show(fig)

# %% [markdown]
# In the short version a word tells its neighbours nothing and the other sentence everything. With
# `batch_first` alone, the places before the third see it too, so the model reads what it is to predict.
# In the mended version a change travels forwards only, and stays in its sentence.
#
# ## One at a time
#
# Is each of the five needed, and which check speaks for which? Take one after the other out of the mended
# model and keep the rest.

# %%
for part in ["nothing", "batch_first", "positions", "causal mask", "padding masks", "stack"]:
    torch.manual_seed(0)
    model = MendedTransformer(15, without=part)
    failing = [name for name, words in verdicts(model).items() if words != "holds"]
    number = sum(parameter.numel() for parameter in model.parameters())
    print(f"without {part:13} {number:6,} parameters, fails: {', '.join(failing) or 'no check'}")

# %% [markdown]
# **The short version above leaves out `batch_first=True`, the positions, the causal mask, the padding masks
# and the stack. Checks find the first four, positions and the two masks by the check that is made for each,
# and `batch_first` by the batch test with which every check begins. No check finds the missing stack, and
# the number of parameters does.**
#
# In the mended model without `batch_first` the masks no longer fit, so PyTorch itself stops it, and that
# row of the list is no finding of the checks: what they say to the short version is.
#
# A single layer has all four properties, so they cannot show that the other five are missing. And
# `nn.TransformerEncoder` holds a surprise that no check shows either: it stacks *copies* of the layer that
# it is given.


# %%
def different_layers(stack):
    return len({layer.linear1.weight[0, 0].item() for layer in stack.layers})


print("different layers of six:", different_layers(mended.encoder))
for parameter in mended.parameters():
    if parameter.dim() > 1:  # a matrix
        nn.init.xavier_uniform_(parameter)
print("drawn anew:", different_layers(mended.encoder), verdicts(mended))

# %% [markdown]
# Six layers that start alike. PyTorch's documentation recommends to draw them anew; what the equal start
# costs was not measured here.
#
# ## What this does not say
#
# Checks see the property that they ask for, and nothing else. The mended model still has no factor at its
# embeddings and no tied table, and nothing here says how well any of the versions trains.
#
# ## An open exercise
#
# Three more models, each with one method changed. For each of them, which check fails? Guess first, then put
# `verdicts` to `LeakA(15, 15, 16, 4, 32, 2)`. Then write a fourth that is wrong and passes all four.


# %%
class LeakA(Transformer):
    def encode(self, src):  # the memory is one vector, the mean
        memory = super().encode(src)  # (B, S, D)
        return memory.mean(dim=1, keepdim=True).expand_as(memory)  # (B, S, D)


class LeakB(Transformer):
    def forward(self, src, tgt):  # the sum over all real words is added to every word
        logits, real = super().forward(src, tgt), (tgt != self.pad_id).unsqueeze(-1)  # and (B, T, 1)
        return logits + (logits * real).sum(dim=1, keepdim=True)  # (B, T, V)


class LeakC(Transformer):
    def embed(self, ids, embedding):  # the vectors go on as they were
        vectors = embedding(ids) * self.scale  # (B, L, D)
        self.positions(vectors)
        return vectors


# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# A: padding, because the mean runs over padded places too, and the mask over the memory comes too late. B:
# causal, because the sum runs over words that the first may not see. C: positions, because their result is
# thrown away. For the fourth, a property that nobody asks for, and the check that would: heads that are all
# alike, a layer whose gradient is cut, a table that is equal but not tied.
#
# </details>
#
# ## References
#
# - `batch_first` forgotten, in repositories of others: [IBM's
#   TabFormer](https://github.com/IBM/TabFormer/pull/14) and
#   [TorchLeet](https://github.com/Exorust/TorchLeet/issues/5); padding masks as well in
#   [Molecule-Generator](https://github.com/DaoyuanLi2816/Molecule-Generator/pull/22).
# - PyTorch on
#   [nn.TransformerEncoder](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html),
#   with the warning about layers that start alike.
#
# Back to {{lesson}}.
