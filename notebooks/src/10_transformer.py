# %% [raw] tags=["card"]
# built: the whole Transformer, equal to PyTorch's own
# questions: Where are the parameters of the paper's base model?
# Is it the same model as torch.nn.Transformer? What does the short version of many tutorials leave out?

# %% [markdown]
# # 10 - The Transformer
#
# {{badge}}
#
# You put all parts together. Ids of words go in, and for each word of the vocabulary a number comes out
# that says how likely it is to be the next. Then you copy your weights into PyTorch's own Transformer and
# get the same numbers. Last, you take a short model made of PyTorch's layers, as many tutorials have it,
# and find out what it leaves out.
#
# - **You need**: [07 - Embeddings and positions](07_embeddings_and_positions.ipynb) and
#   [09 - The decoder](09_decoder.ipynb).
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import copy
import itertools
import math
import textwrap

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import checks, plots
from helpers import model as helpers_model
from helpers.arguments import check_ids, check_same_batch, check_sizes
from helpers.model import (
    Decoder,  # built in 09
    Encoder,  # built in 08
    MultiHeadAttention,  # built in 04
    PositionalEncoding,  # built in 07
    causal_mask,  # built in 09
    padding_mask,  # built in 09
)
from helpers.reference import NAMES, to_torch  # your weights in PyTorch's parts
from lessons import stages
from lessons.exercises import transformer as check
from lessons.outline import TransformerOutline  # built in 01

# %% [markdown]
# ## You are here

# %%
today = ["target_embedding", "target_positions", "output_layer"]
built = [part for part in plots.PARTS if part not in today]
fig = plots.block_diagram(built, today, title="10: all parts together")
plots.show(fig)

# %% [markdown]
# Three boxes are left. Two of them stand below the decoder, and you have built their twins below the
# encoder. The third, on top, is new.
#
# ## Stage 27 - All parts together
#
# You have two towers that take vectors. What is missing is the way in and the way out: from ids of words
# to vectors, and from vectors to a guess of the next word. Here are fourteen words, numbered, German and
# English in one list. `<pad>` fills up short sentences and `<s>` starts a translation. `</s>` ends it,
# and is not used today. There is no `<unk>` in this list, so id 3 is a word.

# %%
vocabulary = "<pad> <s> </s> der die Hund Katze bellt schläft the dog cat barks sleeps".split()
n_vocab = len(vocabulary)


def to_ids(*sentences):
    return torch.tensor([[vocabulary.index(word) for word in s.split()] for s in sentences])  # (B, L)

# %% [markdown]
# Two pairs of sentences, of different lengths.

# %%
src = to_ids("der Hund bellt", "die Katze <pad>")  # (B, S)
tgt = to_ids("<s> the dog barks", "<s> the cat <pad>")  # (B, T)
print("source", src.tolist())
print("target", tgt.tolist())

# %% [markdown]
# Now the model. Every part is one that you have built. New is the **output layer**, a linear layer that
# gives one number for each word of the vocabulary. These numbers, before the softmax, are called
# **logits**.

# %%
class TransformerV1(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers):
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)  # no dropout, see 12
        self.src_embedding = nn.Embedding(n_vocab, d_model)
        self.tgt_embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.output = nn.Linear(d_model, n_vocab)

    def forward(self, src, tgt, src_mask=None, tgt_mask=None):
        memory = self.encoder(self.positions(self.src_embedding(src)), src_mask)  # (B, S, D)
        x = self.decoder(self.positions(self.tgt_embedding(tgt)), memory, tgt_mask, src_mask)  # (B, T, D)
        return self.output(x)  # (B, T, n_vocab)

# %%
small = (n_vocab, 16, 4, 32, 2)  # n_vocab, D, H, F, layers
torch.manual_seed(0)
v1 = TransformerV1(*small)
logits = v1(src, tgt)  # (B, T, n_vocab)
shares = logits.softmax(dim=-1)[0, -1]  # (n_vocab,): after "<s> the dog barks"
print("logits", tuple(logits.shape), [vocabulary[i] for i in shares.topk(3).indices])
print("shares of these three", [f"{share:.2f}" for share in shares.topk(3).values])
assert logits.shape == (2, 4, n_vocab) and torch.isclose(shares.sum(), torch.tensor(1.0)), "shares"

# %% [markdown]
# For each of the four places of both targets there are fourteen logits. The softmax makes shares of them,
# which sum to 1. `topk(3)` picks the three largest. What they say is noise: nothing is trained. But it runs
# from end to end.
#
# ### Masks made inside
#
# In 09 you have met three checks to keep. They take any model that is called with a source and a target.
# `assert_positions_matter` is the fourth: it reads the source backwards, and the outputs must move. And
# it makes the target one word again and again, and the outputs at its places must differ. If not,
# positions are missing. `verdicts` puts all four to a model. `checks.verdict` of 09 gives the first words
# of each message.

# %%
four = {"causal": checks.assert_causal, "padding": checks.assert_padding_invariant,
        "source": checks.assert_source_matters, "positions": checks.assert_positions_matter}  # fmt: skip


def verdicts(model, src=src, tgt=tgt):
    found = {name: checks.verdict(check, model, src, tgt) for name, check in four.items()}
    for name, words in found.items():
        print(f"  {name:10} {words}")
    return found


forgotten = verdicts(v1)
assert forgotten["causal"] != "holds" != forgotten["padding"], "the fault: masks can be forgotten"

# %% [markdown]
# Two checks fail, because nobody gave the masks. Give them, and ask again.

# %%
def masks_given(src, tgt):
    return v1(src, tgt, padding_mask(src, 0), causal_mask(tgt.shape[1]) & padding_mask(tgt, 0))


assert set(verdicts(masks_given).values()) == {"holds"}, "with its masks, version 1 is right"

# %% [markdown]
# The parts are right, and the way to call them is a trap. Whoever forgets a mask gets no error, only a
# model that reads the future. All that the masks need to know is in the ids. So version 2 makes them
# itself.

# %%
class TransformerV2(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers, pad_id=0):  # changed
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)  # no dropout, see 12
        self.pad_id = pad_id  # new
        self.src_embedding = nn.Embedding(n_vocab, d_model)
        self.tgt_embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.output = nn.Linear(d_model, n_vocab)

    def forward(self, src, tgt):  # changed
        src_mask = padding_mask(src, self.pad_id)  # new: (B, 1, 1, S)
        tgt_mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, self.pad_id)  # new: (B, 1, T, T)
        memory = self.encoder(self.positions(self.src_embedding(src)), src_mask)  # (B, S, D)
        x = self.decoder(self.positions(self.tgt_embedding(tgt)), memory, tgt_mask, src_mask)  # (B, T, D)
        return self.output(x)  # (B, T, n_vocab)

# %%
stages.show_changes(TransformerV1, TransformerV2)
torch.manual_seed(0)
v2 = TransformerV2(*small)
assert set(verdicts(v2).values()) == {"holds"}, "masks made inside cannot be forgotten"

# %% [markdown]
# All four hold. (The checks run a model in eval mode and leave it as it was.)
#
# ### One matrix for three
#
# Three matrices of the model have one row for each word. The rows of the embeddings say what a word means
# on the way in. The rows of the output layer say what a vector must look like to mean that word. In section
# 3.4 the paper uses one matrix for all three. That takes one vocabulary for both languages, as here. It
# is called **tying**. Copying the values is not enough. Try it, and ask for the
# property: a change in one must be seen in the others.

# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def one_matrix(model):
    """Is a change of the target's embedding seen in the other two?"""
    first, *others = (part.weight for part in (model.tgt_embedding, model.src_embedding, model.output))
    with torch.no_grad():
        first[0, 0] += 1.0
        seen = all(torch.equal(first, other) for other in others)
        first[0, 0] -= 1.0
    return seen


before = count(v2)
with torch.no_grad():
    v2.src_embedding.weight.copy_(v2.tgt_embedding.weight)
    v2.output.weight.copy_(v2.tgt_embedding.weight)
print("copied: parameters", count(v2), "  property, one matrix:", one_matrix(v2))
assert count(v2) == before and not one_matrix(v2), "the fault: three equal matrices are not one"

# %% [markdown]
# Equal now, and after the first step of training no longer. To tie them, assign the parameter itself.
# Version 3 does that. It also multiplies embeddings by $\sqrt{d_{model}}$, for the reason seen in 07, and
# drops the bias of the output layer.

# %%
class TransformerV3(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers, pad_id=0):
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)  # no dropout, see 12
        self.pad_id, self.scale = pad_id, math.sqrt(d_model)  # changed
        self.src_embedding = nn.Embedding(n_vocab, d_model)
        self.tgt_embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.output = nn.Linear(d_model, n_vocab, bias=False)  # changed
        self.output.weight = self.src_embedding.weight = self.tgt_embedding.weight  # new

    def forward(self, src, tgt):
        src_mask = padding_mask(src, self.pad_id)  # (B, 1, 1, S)
        tgt_mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, self.pad_id)  # (B, 1, T, T)
        x = self.positions(self.src_embedding(src) * self.scale)  # changed: (B, S, D)
        memory = self.encoder(x, src_mask)  # (B, S, D)
        x = self.positions(self.tgt_embedding(tgt) * self.scale)  # changed: (B, T, D)
        return self.output(self.decoder(x, memory, tgt_mask, src_mask))  # (B, T, n_vocab)

# %%
stages.show_changes(TransformerV2, TransformerV3)
torch.manual_seed(0)
v3 = TransformerV3(*small)
print("tied: parameters", count(v3), "  property, one matrix:", one_matrix(v3))
print("fewer than before:", before - count(v3), "= 2 matrices of", n_vocab * 16, "and a bias of", n_vocab)
assert one_matrix(v3) and before - count(v3) == 2 * n_vocab * 16 + n_vocab, "two matrices and a bias fewer"

# %% [markdown]
# One matrix, and the count says so too: two matrices and a bias fewer. (`parameters()` lists a shared
# parameter once.)
#
# ### The first loss
#
# How good is the guess of a new model? Draw random words from a vocabulary of 1,000 and take the
# cross-entropy (06) of the next word. A guess that treats all words alike has a loss of log(1000).
# `flatten` lays the sentences end to end, because `cross_entropy` takes a list of rows and a list of
# answers, in this order. Measure two more numbers: the loss if the answer were the word that has just been
# read, and the spread of the logits, their standard deviation.

# %%
def first_look(model, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 1000, (2, 8, 13), generator=generator)  # source and target, (B, T + 1) each
    with torch.no_grad():
        logits = model(ids[0], ids[1][:, :-1]).flatten(0, 1)  # (B * T, n_vocab)
    answers = {"next": ids[1][:, 1:], "same": ids[1][:, :-1]}  # (B, T) each
    found = {name: nn.functional.cross_entropy(logits, a.flatten()).item() for name, a in answers.items()}
    return found | {"spread": logits.std().item()}

# %% [markdown]
# PyTorch draws the entries of an embedding with size 1. A logit is a sum of $d_{model}$ products, so such a
# tied table makes large logits; size $1 / \sqrt{d_{model}}$ is the first mend. The second concerns all
# other matrices. **Xavier's rule** (Glorot and Bengio) draws each entry evenly between -a and a, with $a =
# \sqrt{6 / (in + out)}$, where in and out are the widths of the layer. PyTorch's own start for a linear
# layer is another one. Try version 3 as it is, with each mend alone and with both. And, as a control,
# PyTorch's own start with an output layer that is not tied.

# %%
def small_table(model):
    nn.init.normal_(model.tgt_embedding.weight, std=1 / model.scale)  # the scale is the root of d_model


def xavier(model):
    for module in [*model.encoder.modules(), *model.decoder.modules()]:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)


def own_output(model):
    n_words, d_model = model.tgt_embedding.weight.shape
    model.output = nn.Linear(d_model, n_words, bias=False)  # no longer tied


starts = {"PyTorch's own": [], "small table": [small_table], "Xavier": [xavier],
          "both": [small_table, xavier], "own, not tied": [own_output]}  # fmt: skip


def start_of(mends, n_layers, d_model):
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = TransformerV3(1000, d_model, 8, 4 * d_model, n_layers)
        for mend in mends:
            mend(model)
        found.append(first_look(model, seed))
    return {key: (min(look[key] for look in found), max(look[key] for look in found)) for key in found[0]}

# %% [markdown]
# `start_of` tries three seeds and gives the lowest and the highest number. Measure a small model, and one
# of the paper's sizes. Look for rows near log(1000), and then for a 0 in the middle column.

# %%
looks = {}
print(f"all words alike: log(1000) = {math.log(1000):.1f}")
for n_layers, d_model in [(2, 64), (6, 512)]:
    print(f"{n_layers} layers, {d_model} wide   next word         same word         spread")
    for name, mends in starts.items():
        found = looks[n_layers, name] = start_of(mends, n_layers, d_model)
        print(f"  {name:16}", "   ".join(f"{low:5.1f} to {high:5.1f}" for low, high in found.values()))

for n_layers in (2, 6):
    tied, both, free = (looks[n_layers, name]["next"] for name in ("PyTorch's own", "both", "own, not tied"))
    assert tied[0] > 20, "the fault: a tied table with entries of size 1"
    assert max(both[1], free[1]) < math.log(1000) + 1, "near an even guess"
for name in ("PyTorch's own", "small table"):
    assert looks[6, name]["next"][0] > 10 > 0.1 > looks[6, name]["same"][1], "it says the word just read"
assert looks[6, "Xavier"]["spread"][0] > 10 * looks[6, "both"]["spread"][1], "large logits"

# %% [markdown]
# PyTorch's own start, tied, is far worse than no idea at all. It is sure of the word that it has just read:
# the middle column is 0. That word comes through the residual connections, and a tied table
# gives it a large logit.
#
# With Xavier's rule alone, six layers no longer propose that word. But with entries of size 1 in the table
# the logits are spread nearly as widely, so the model is sure of some word by chance. The small table
# makes the logits small. With it alone, six layers still repeat their word. Both together come near
# log(1000) at both sizes.
#
# The last row of each size is the control. An output layer of its own starts small, and all is well. So who
# ties must mind the start. This says nothing yet about the training that follows; notebook 12 asks when the
# start matters there.
#
# ### The final form
#
# The finished model has one more split. `encode` makes the memory and `decode` reads it. In use the memory
# is made once, and the decoder is asked again for each new word. Dropout is explained in notebook 12,
# `norm_first` is from 08 and `max_len` from 07.

# %% tags=["final"]
class Transformer(nn.Module):
    def __init__(
        self, src_vocab_size, tgt_vocab_size, d_model=512, n_heads=8, d_ff=2048, n_layers=6, dropout=0.1,
        norm_first=False, tie_weights=True, joint_vocabulary=False, max_len=512, pad_id=0,
    ):  # fmt: skip
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, dropout, norm_first)
        check_sizes(src_vocab_size, tgt_vocab_size, *sizes, tie_weights, joint_vocabulary, max_len, pad_id)
        self.pad_id, self.max_len, self.scale = pad_id, max_len, math.sqrt(d_model)
        self.src_embedding = nn.Embedding(src_vocab_size, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab_size, d_model)
        self.positions = PositionalEncoding(d_model, dropout, max_len)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.output = nn.Linear(d_model, tgt_vocab_size, bias=False)
        self.initialise(d_model)
        if tie_weights:
            self.output.weight = self.tgt_embedding.weight
            if joint_vocabulary:
                self.src_embedding.weight = self.tgt_embedding.weight

    def initialise(self, d_model):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in (self.src_embedding, self.tgt_embedding, self.output):
            nn.init.normal_(module.weight, std=d_model**-0.5)

    def embed(self, ids, embedding):
        check_ids(ids, embedding.num_embeddings, self.max_len)
        return self.positions(embedding(ids) * self.scale)  # (B, L, D)

    def encode(self, src):
        return self.encoder(self.embed(src, self.src_embedding), padding_mask(src, self.pad_id))

    def decode(self, tgt, memory, src_mask):
        check_same_batch(tgt, memory)
        mask = causal_mask(tgt.shape[-1]).to(tgt.device) & padding_mask(tgt, self.pad_id)  # (B, 1, T, T)
        x = self.decoder(self.embed(tgt, self.tgt_embedding), memory, mask, src_mask)  # (B, T, D)
        return self.output(x)  # (B, T, n_vocab)

    def forward(self, src, tgt):
        return self.decode(tgt, self.encode(src), padding_mask(src, self.pad_id))

# %% [markdown]
# Much is new beside version 3. The sizes have names, and those of the paper are the default. The two
# vocabularies may differ, so the source has a table of its own; with `joint_vocabulary=True` there is one
# for both. `initialise` is the good start. Its second loop overwrites the first for the output layer, which
# is a table of words too, and tying comes last, so the one matrix that stays is a small one. The functions
# named `check_...` refuse what does not fit, such as an id that is too large, and say what was expected.
# (`.to(tgt.device)` puts the mask where the words are, on a GPU for example.)

# %%
torch.manual_seed(0)
model = Transformer(n_vocab, n_vocab, 16, 4, 32, 2, dropout=0.0, joint_vocabulary=True)  # no dropout today
v3.load_state_dict(model.state_dict())
same = torch.allclose(model(src, tgt), v3(src, tgt), atol=1e-5)
print("property, one matrix:", one_matrix(model), "  same as version 3:", same)
final = verdicts(model)
assert one_matrix(model) and same, "the same model"
assert set(final.values()) == {"holds"}, "all four properties"

# %% [markdown]
# With the same weights it computes the same, and the four properties hold.
#
# In class, this is a good place for a break.
#
# ## Where are the parameters of the paper's base model?
#
# Section 5.1 of the paper states a vocabulary of about 37,000 tokens, shared by English and German. The
# default sizes are those of the base model. Build it on the device `meta`: there tensors have a shape and
# no content, so a large model takes no memory. All six layers of a tower are of the same size.

# %%
with torch.device("meta"):
    base = Transformer(37_000, 37_000, joint_vocabulary=True)

encoder_layer, decoder_layer = base.encoder.layers[0], base.decoder.layers[0]
table = [
    ("shared", "table of words", 1, base.output),
    ("encoder", "self-attention", 6, encoder_layer.self_attention),
    ("encoder", "feed-forward", 6, encoder_layer.feed_forward),
    ("encoder", "norms", 6, encoder_layer.add_and_norm),
    ("decoder", "self-attention", 6, decoder_layer.self_attention),
    ("decoder", "cross-attention", 6, decoder_layer.cross_attention),
    ("decoder", "feed-forward", 6, decoder_layer.feed_forward),
    ("decoder", "norms", 6, decoder_layer.add_and_norm),
]
for half, name, times, part in table:
    print(f"{half:8} {name:15} {times} x {count(part):10,} = {times * count(part):10,}")
total = sum(times * count(part) for _, _, times, part in table)
print(f"{'together':24} {'':14}= {total:10,}")
print(f"without the biases of the 18 attentions   {total - 18 * 4 * 512:10,}")
assert total == count(base) == 63_082_496, "part by part as in one"

# %% [markdown]
# Some of these you can check on paper. The table is 37,000 times 512. An attention is four linear layers
# from 512 to 512, each with a bias of 512: 4 x (262,144 + 512). Look at the picture for the largest part.

# %%
# alt: Bars of parameters in millions. Feed-forward is the longest, then attention and the table of words,
#   which are about equal. The bar of the norms is hardly visible.
kinds = ["feed-forward", "attention", "table of words", "norms"]
halves = {"shared": ("#EBC4DA", ""), "encoder": ("#A9D5F2", ""), "decoder": ("#F7C99B", "///")}
millions = torch.zeros(3, 4)  # (halves, kinds)
for half, name, times, part in table:
    row, column = list(halves).index(half), [name.endswith(kind) for kind in kinds].index(True)
    millions[row, column] += times * count(part) / 1e6

fig, ax = plt.subplots(figsize=(10.5, 3.8), layout="constrained")
white = {"facecolor": "white", "edgecolor": "none", "pad": 2}
for row, (half, (colour, hatch)) in enumerate(halves.items()):
    left = millions[:row].sum(dim=0)  # (kinds,)
    bars = ax.barh(kinds, millions[row], left=left, color=colour, hatch=hatch, edgecolor=plots.INK)
    words = [half if width > 1 else "" for width in millions[row]]
    ax.bar_label(bars, words, label_type="center", fontsize=13, bbox=white)
for row, end in enumerate(millions.sum(dim=0).tolist()):
    share = f"{end * 1e6 / total:.0%}" if end > 1 else "less than 1%"
    ax.text(end + 0.3, row, f"{end:.2f} million, {share}", va="center", fontsize=13)
ax.set(xlim=(0, 32), xlabel="parameters, in millions")
ax.set_title(f"Parameters of the base model, {total / 1e6:.1f} million", fontsize=15)
ax.xaxis.label.set_size(13)
ax.tick_params(labelsize=13)
ax.invert_yaxis()
plots.show(fig)

# %% [markdown]
# Feed-forward has the most, two fifths of the whole. The table of words has about as many as all
# attention together, and the norms hardly any.
#
# Table 3 of the paper gives 65 million for the base model. With the stated vocabulary and these parts it is
# 63.1 million. (Section 3.2.2 of the paper has no biases in its attention; that changes 63.08 million to
# 63.05.) The paper does not show how it counted, so both numbers are left as they are.
#
# ## Stage 28 - The same model out of PyTorch's parts
#
# You have a Transformer, and PyTorch has one too, `torch.nn.Transformer`. What is missing is the proof that
# they are the same. Copy the weights from one into the other, and compare the numbers.
#
# ### One attention, by hand
#
# Begin with a single attention. All of this is in `float64`, numbers with about 16 digits, so that rounding
# cannot hide a fault. Print the names and shapes of the parameters on both sides.

# %%
torch.manual_seed(0)
attention = MultiHeadAttention(8, 2).double()
torch_attention = nn.MultiheadAttention(8, 2, batch_first=True).double()
for kind, module in [("ours", attention), ("PyTorch", torch_attention)]:
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    print(kind, *[f"\n  {name:18} {shape}" for name, shape in shapes.items()])

# %% [markdown]
# Theirs has a matrix of 24 rows: query, key and value in one, below each other. `torch.cat` joins them. But
# in which order? Try all six, `itertools.permutations` lists them. The biases are joined in the same way.
# (PyTorch's attention returns its outputs and its weights; `[0]` takes the outputs.)

# %%
x = torch.randn(2, 4, 8, dtype=torch.float64)  # (B, T, D)


def copy_attention(order):
    parts = [getattr(attention, name) for name in order]
    with torch.no_grad():
        torch_attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))  # (3 D, D)
        torch_attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))  # (3 D,)
        torch_attention.out_proj.load_state_dict(attention.projection.state_dict())


equal_orders = []
for order in itertools.permutations(["query", "key", "value"]):
    copy_attention(order)
    difference = (torch_attention(x, x, x)[0] - attention(x, x, x)).abs().max().item()
    print(f"{', '.join(order):18} equal: {difference < 1e-10}")
    if difference < 1e-10:
        equal_orders.append(order)
assert equal_orders == [("query", "key", "value")], "one order is right, and five run just as well"
copy_attention(("query", "key", "value"))

# %% [markdown]
# Query, key, value: equal. The other five orders run as well and compute something else.
#
# ### Masks, there and here
#
# Now the masks. Here it is easy to go wrong, because PyTorch has more than one convention.
#
# | Who takes it | Argument | Shape | True means | converter |
# |---|---|---|---|---|
# | this series | `mask` | fits (B, H, T, S) | may attend | |
# | `scaled_dot_product_attention` | `attn_mask` | fits (B, H, T, S) | may attend | none |
# | `nn.MultiheadAttention` | `attn_mask` | (T, S) or (B * H, T, S) | **blocked** | `blocked`, `per_head` |
# | `nn.MultiheadAttention` | `key_padding_mask` | (B, S) | **blocked** | `key_padding` |
# | `nn.Transformer` | `src_mask`, `tgt_mask`, ... | (T, S) or (B * H, T, S) | **blocked** | `blocked` |
# | `nn.Transformer` | `..._key_padding_mask` | (B, S) | **blocked** | `key_padding` |
# | all of PyTorch's | numbers in place of True and False | the same | *added* to the scores | `added` |
#
# In `src_mask` and `tgt_mask` queries and keys are the same words, so S or T stands twice. In a mask of
# numbers 0 changes nothing, and minus infinity blocks; they must be of the dtype of the model. Each
# converter is one line.

# %%
def blocked(mask):
    return ~mask


def per_head(mask, n_heads):
    return mask.expand(-1, n_heads, -1, -1).flatten(0, 1)  # (B, 1, T, S) -> (B * H, T, S)


def key_padding(ids, pad_id=0):
    return ids == pad_id  # (B, S), True = blocked


def added(mask, dtype=torch.float64):
    return torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, -torch.inf)


for row in added(causal_mask(3)).tolist():
    print(row)
assert torch.equal(added(causal_mask(4)) == 0, causal_mask(4)), "and the way back is == 0"

# %% [markdown]
# Try the rows of the two attentions on yours and its copy, with the mask of `tgt`: causal, and the last
# word of sentence 2 is padding. (Those of `nn.Transformer` are used in the whole model below.) Compare real
# words only: what comes out at padding is nobody's concern. (In eval mode PyTorch may take a faster
# path that fills padded places with 0, so there they can differ.)

# %%
mask = causal_mask(4) & padding_mask(tgt, 0)  # (B, 1, T, T)
real = tgt != 0  # (B, T)
wanted = attention(x, x, x, mask)[real]  # (real words, D)


def by_module(**masks):
    return torch_attention(x, x, x, need_weights=False, **masks)[0][real]


def by_function(mask):
    q, k, v = (attention.split_heads(part(x)) for part in (attention.query, attention.key, attention.value))
    heads = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B, H, T, dk)
    return attention.projection(heads.transpose(1, 2).flatten(2))[real]  # (real words, D)


def equal(result):
    return (result - wanted).abs().max().item() < 1e-10  # nan is not below anything

# %% [markdown]
# Each pair below is tried with its converter first, and then with the mask passed on as it is. The first
# row needs no converter.

# %%
rows = per_head(mask, 2)  # (B * H, T, T)
tried = {
    "function, attn_mask": (None, by_function(mask)),
    "function, numbers": (by_function(added(mask)), by_function(mask.double())),
    "module, attn_mask": (by_module(attn_mask=blocked(rows)), by_module(attn_mask=rows)),
    "module, numbers": (by_module(attn_mask=added(rows)), by_module(attn_mask=rows.double())),
    "module, two masks": (
        by_module(attn_mask=blocked(causal_mask(4)), key_padding_mask=key_padding(tgt)),
        by_module(attn_mask=causal_mask(4), key_padding_mask=real),
    ),
}
for name, (converted, as_it_is) in tried.items():
    converter = "-" if converted is None else equal(converted)
    print(f"{name:20} equal with converter: {converter!s:5}   passed on as it is: {equal(as_it_is)}")
assert all(equal(c) for c, _ in tried.values() if c is not None), "with converters, all are equal"
assert [equal(as_it_is) for _, as_it_is in tried.values()] == [True, False, False, False, False], "no errors"

# %% [markdown]
# With the converters all are equal. Only a boolean mask for the function may be passed on as it is. In the
# other four rows that gives other numbers, and nothing raised an error. A mask of numbers made by
# `.double()`, 1 for True and 0 for False, blocks nothing at all.
#
# ### The whole model
#
# The rest is the same work for every layer: rename, and join three into one. `helpers.reference.to_torch`
# does it. It takes the `Transformer` from `helpers`, which is yours line for line, and returns a module
# with `nn.Transformer` inside and the same weights. The way back is `from_torch`. These are the names that
# it changes.

# %%
for our_name, their_name in NAMES:
    print(f"{our_name:23} -> {their_name}")
print("query, key, value       -> in_proj, joined in this order")

# %% [markdown]
# Compare the logits at real places, and all gradients. `randomise` first draws every parameter with one
# dimension at random: biases, and the factors and summands of norms. (They get a size of 0.3 around 0.5.
# Any numbers but 1 and 0 will do, and you will see why.) The gradients are those of a loss that weighs each
# logit differently. With equal weights two mistakes could cancel.

# %%
def randomise(model):
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_().mul_(0.3).add_(0.5)
    return model


def new_model(norm_first=False, kind=helpers_model.Transformer):
    torch.manual_seed(0)
    return kind(n_vocab, n_vocab, 16, 4, 32, 3, dropout=0.0, norm_first=norm_first).double()


def logits_and_gradients(model):
    logits = model(src, tgt)[tgt != 0]  # (real words, n_vocab)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    return logits.detach(), {name: p.grad for name, p in model.named_parameters()}


yours, held = new_model(kind=Transformer)(src, tgt), new_model()(src, tgt)  # (B, T, n_vocab) each
assert torch.equal(yours, held), "the same seed, the same numbers: both are one definition"

# %% [markdown]
# Their gradients have other names and are joined as well. So put your gradients into a copy of your model
# as if they were weights, and let `to_torch` translate them. Post-norm and pre-norm are
# both compared.

# %%
def differences(model):
    """The largest difference to PyTorch: of the logits, and of the gradients."""
    (ours, our_gradients), (theirs, their_gradients) = map(logits_and_gradients, (model, to_torch(model)))
    holder = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in holder.named_parameters():
            parameter.copy_(our_gradients[name])
    translated = dict(to_torch(holder).named_parameters())
    assert translated.keys() == their_gradients.keys(), "every parameter has its partner"
    gradients = max((translated[name] - their_gradients[name]).abs().max() for name in translated)
    return (ours - theirs).abs().max().item(), gradients.item()


for name, norm_first in [("post-norm", False), ("pre-norm", True)]:
    logit, gradient = differences(randomise(new_model(norm_first)))
    print(f"{name:9} logits equal: {logit < 1e-10}   gradients equal: {gradient < 1e-10}")
    assert max(logit, gradient) < 1e-10, "both should be equal in all digits that count"

# %% [markdown]
# Number for number the same, logits and gradients, in both orders. What you have built by hand is the model
# of the library.
#
# ### A norm too many
#
# A class may skip this part. The two are not quite the same: `to_torch` had to take something away.
# `nn.Transformer` ends both stacks in one more `LayerNorm`, also in post-norm, where each layer already
# ends in one. The paper has none there. Does it make a difference? Add it to the decoder, in a fresh
# model and in a randomised one.

# %%
print("end of PyTorch's decoder:", nn.Transformer(16, 4, 1, 1, 32, batch_first=True).decoder.norm)
moved = {}
for name, prepare in [("fresh", lambda model: model), ("randomised", randomise)]:
    ours = prepare(new_model())
    with_norm = to_torch(ours)
    with_norm.transformer.decoder.norm = nn.LayerNorm(16).double()
    moved[name] = (ours(src, tgt) - with_norm(src, tgt))[tgt != 0].abs().max().item()  # at real words
    print(f"{name:10} one norm more moves logits by more than 0.00001: {moved[name] > 1e-5}")
assert moved["fresh"] < 1e-5 < 1e-2 < moved["randomised"], "only the randomised model shows it"

# %% [markdown]
# In a fresh model the factors of all norms are 1 and the summands 0. To norm what is normed changes almost
# nothing, less than 0.00001, so even a comparison to five digits passes. Training changes the factors, and
# then it shows. So draw them at random *before* you compare two models.
#
# In class, this is a good place to stop. The rest is a lesson of its own.
#
# ## What does the short version of many tutorials leave out?
#
# PyTorch's layers make it easy to write a Transformer in a few lines. Here is one as you may meet it. It
# has five faults that matter here. Read it and look for them before you go on. `TransformerEncoderLayer`
# and `TransformerDecoderLayer` are PyTorch's layers. The parts and their use are written apart, so that you
# can mend one line at a time. `Short` joins them to a model.

# %%
def parts_1(d_model=16, n_heads=4, d_ff=32):
    return nn.ModuleDict(
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoderLayer(d_model, n_heads, d_ff),
            decoder=nn.TransformerDecoderLayer(d_model, n_heads, d_ff),
            output=nn.Linear(d_model, n_vocab),
        )
    )


def run_1(parts, src, tgt):
    memory = parts.encoder(parts.embedding(src))  # (B, S, D)
    x = parts.decoder(parts.embedding(tgt), memory)  # (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


class Short(nn.Module):
    def __init__(self, parts, run):
        super().__init__()
        self.parts, self.run = parts, run

    def forward(self, src, tgt):
        return self.run(self.parts, src, tgt)

# %% [markdown]
# Short 1 runs when source and target are equally long. `nn.functional.pad` fills the source up to four
# places. With three source words and four target words the same model stops, and the error is meant to
# appear.

# %% tags=["raises-exception"]
src_4 = nn.functional.pad(src, (0, 1), value=0)  # (B, S): one <pad> more at the end
torch.manual_seed(0)
short_1 = Short(parts_1(), run_1)
print("equally long:", tuple(short_1(src_4, tgt).shape))
short_1(src, tgt)

# %% [markdown]
# The decoder took the first axis, 2, for words and the second, 4, for sentences. 4 sentences with 4
# heads each make 16. The memory has 2 x 3 x 16 = 96 numbers, and 2 x 16 x 4 = 128 are wanted. Ask the
# checks too. This time read a message in full. Each of the four asks this first, so all four fail.

# %%
try:
    checks.assert_causal(short_1, src_4, tgt)
except AssertionError as message:
    print(textwrap.fill(str(message), 80))

history = {"short 1": verdicts(short_1, src_4, tgt)}
assert "holds" not in history["short 1"].values(), "the fault: sentences read each other"

# %% [markdown]
# By default these layers take the words along the *first* axis and the sentences along the second. So with
# (B, S, D) a word attends to the words at the same place of the other sentences. Nothing else can be tested
# before that is mended. Short 2 says `batch_first=True`.

# %%
def parts_2(d_model=16, n_heads=4, d_ff=32):
    return nn.ModuleDict(
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True),  # changed
            decoder=nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True),  # changed
            output=nn.Linear(d_model, n_vocab),
        )
    )


stages.show_changes(parts_1, parts_2)


def examine(name, parts, run):
    torch.manual_seed(0)
    history[name] = verdicts(Short(parts(), run), src_4, tgt)
    return [check for check, answer in history[name].items() if answer != "holds"]


failing = examine("short 2", parts_2, run_1)
assert failing == ["causal", "padding", "positions"], "the faults: three are left"

# %% [markdown]
# Three checks fail, and each now names something of its own. Positions first: they are among the parts, and
# `run_1` never uses them. Short 3 does.

# %%
def run_3(parts, src, tgt):
    memory = parts.encoder(parts.positions(parts.embedding(src)))  # changed: (B, S, D)
    x = parts.decoder(parts.positions(parts.embedding(tgt)), memory)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_1, run_3)
assert examine("short 3", parts_2, run_3) == ["causal", "padding"], "positions should hold now"

# %% [markdown]
# Next, the causal mask. Short 4 passes it on with its converter. Without `blocked` each word would see only
# later ones: that is the trap of the table above.

# %%
def run_4(parts, src, tgt):
    memory = parts.encoder(parts.positions(parts.embedding(src)))  # (B, S, D)
    mask = blocked(causal_mask(tgt.shape[1]))  # new: (T, T)
    x = parts.decoder(parts.positions(parts.embedding(tgt)), memory, tgt_mask=mask)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_3, run_4)
assert examine("short 4", parts_2, run_4) == ["padding"], "causal should hold now"

# %% [markdown]
# Only padding is left. It needs a mask in three places: over the source in the encoder, over the target in
# the decoder, and over the memory. The last one is easily forgotten: it is the padding of the *source* once
# more. Short 5 gives all three.

# %%
def run_5(parts, src, tgt):
    hide = key_padding(src)  # new: (B, S)
    memory = parts.encoder(parts.positions(parts.embedding(src)), src_key_padding_mask=hide)  # changed
    mask = blocked(causal_mask(tgt.shape[1]))  # (T, T)
    padding = {"tgt_key_padding_mask": key_padding(tgt), "memory_key_padding_mask": hide}  # new
    x = parts.positions(parts.embedding(tgt))  # changed: (B, T, D)
    x = parts.decoder(x, memory, tgt_mask=mask, **padding)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_4, run_5)
assert examine("short 5", parts_2, run_5) == [], "all four should hold"

# %% [markdown]
# All four hold. Yet one fault is left that no check of this kind can see: there is one layer in the place
# of a stack. A single layer has all four properties. What shows it is the number of parameters.
#
# `nn.TransformerEncoder(layer, 6)` stacks six *copies* of a layer. You have met copies in 06: they have
# all the parameters, but start with the same values. Count the parameters, and the layers that differ.

# %%
def different_layers(stack):
    return len({layer.linear1.weight[0, 0].item() for layer in stack.layers})


torch.manual_seed(0)
one = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
copies = nn.TransformerEncoder(one, 6, enable_nested_tensor=False)
print("parameters: one layer", count(one), "  six", count(copies), "  different:", different_layers(copies))
assert count(copies) == 6 * count(one) and different_layers(copies) == 1, "six layers that start alike"

# %% [markdown]
# Six times the parameters, and six layers that start alike. Training moves them apart, since each gets
# another gradient; whether the equal start costs anything was not measured here. PyTorch's documentation
# recommends to draw them anew. Short 6 has stacks, and draws each matrix by Xavier's rule.

# %%
def parts_6(d_model=16, n_heads=4, d_ff=32, n_layers=6):  # changed
    encoder_layer = nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True)  # new
    decoder_layer = nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True)  # new
    parts = nn.ModuleDict(  # changed
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoder(encoder_layer, n_layers, enable_nested_tensor=False),  # changed
            decoder=nn.TransformerDecoder(decoder_layer, n_layers),  # changed
            output=nn.Linear(d_model, n_vocab),
        )
    )
    for parameter in parts.parameters():  # new
        if parameter.dim() > 1:  # new: a matrix
            nn.init.xavier_uniform_(parameter)  # new
    return parts  # new


stages.show_changes(parts_2, parts_6)

# %%
assert examine("short 6", parts_6, run_5) == [], "all four hold through the stack"
drawn = parts_6()
print("parameters: short 5", count(parts_2()), "  short 6", count(drawn))
print("different layers:", [different_layers(tower) for tower in (drawn.encoder, drawn.decoder)])
assert different_layers(drawn.encoder) == different_layers(drawn.decoder) == 6, "six different ones"

# %% [markdown]
# Six different layers in each tower, and the four checks still pass. Short 6 still has no factor at the
# embeddings, and its output layer does not share their matrix, as it does in stage 27. No check asks for
# that.
#
# ## Put it into the whole model
#
# In notebook 01 everything was a placeholder. Print what stands in each place of a decoder layer now, and
# ask 01's question again: does another source change the output? Then look at the map of 01 for the last
# time.

# %%
outline = TransformerOutline()
for name in ["self_attention", "cross_attention", "feed_forward"]:
    was, now = getattr(outline.decoders[0], name), getattr(model.decoder.layers[0], name)
    print(f"{name:16} in 01: {type(was).__name__:17} now: {type(now).__name__}")
print("source check:", final["source"])
here = {type(part).__name__ for part in model.modules()}
assert not any(name.endswith(("Outline", "Placeholder")) for name in here), "no placeholder is left"
fig = plots.block_diagram(built=list(plots.PARTS), title="The Transformer, built")
plots.show(fig)

# %% [markdown]
# The source matters now. No placeholder is left, and every box is in colour.
#
# ## The scoreboard
#
# Nothing was trained today, so there is nothing to score. Today's board is the table of the short versions
# against the checks, with your model in the last row. Read each column from top to bottom: where does it
# turn dark? The board of whole sentences follows in notebook 11, where training knocks out one part at a
# time.

# %%
# alt: Short 1 fails all. Short 2 passes source, 3 also positions, 4 also causal, others all.
history["yours"] = verdicts(model, src_4, tgt)
passed = [[float(answer == "holds") for answer in row.values()] for row in history.values()]  # (rows, 4)
assert [sum(row) for row in passed] == [0, 1, 2, 3, 4, 4, 4], "each mend adds a check, and yours has all"
texts = [["holds" if value else "fails" for value in row] for row in passed]
fig = plots.heat_map(torch.tensor(passed), list(history), list(four), texts=texts, title="Which checks hold")
for text in fig.axes[0].texts:
    text.set_fontsize(13)
plots.show(fig)

# %% [markdown]
# One mend after the other turns a column dark. Between short 5 and short 6 the table shows no
# difference: a check sees only the property it asks for.
#
# ## Recap
#
# 1. Ids go in, logits come out: one number for each word of the vocabulary, at each place of the target.
#    The model makes its masks itself, so nobody can forget them.
# 2. Embeddings and output layer share one matrix. Then a small start matters: without it the first loss is
#    many times that of an even guess.
# 3. The base model with the stated vocabulary has 63.1 million parameters. Two fifths are in the
#    feed-forward parts.
# 4. With the same weights, yours and PyTorch's give the same logits and gradients. In their modules True
#    means blocked. Draw one-dimensional parameters at random before you compare.
# 5. A model that runs can leave out nearly everything. Four checks find it, and the parameter count finds
#    the missing stack.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** The base model has a joint vocabulary of 37,000 and `d_model=512`. How many parameters
# *more* has it with `tie_weights=False`?

# %% tags=["exercise"]
### BEGIN SOLUTION
more_untied = 2 * 37_000 * 512
### END SOLUTION

check.untied_parameters(more_untied)

# %% [markdown]
# **2. Implement.** The masks of a PyTorch model are to be used here. `tgt_mask` `(T, T)` holds numbers to
# be added to the scores, 0 or minus infinity. `key_padding` `(B, T)` is boolean, and True means blocked.
# Return one boolean mask `(B, 1, T, T)` in which True means "may attend".

# %% tags=["exercise"]
def masks_from_pytorch(tgt_mask, key_padding):
    ### BEGIN SOLUTION
    return (tgt_mask == 0) & ~key_padding[:, None, None, :]
    ### END SOLUTION


check.masks_from_pytorch(masks_from_pytorch)

# %% [markdown]
# **3. Implement.** `in_proj_weight` `(3 D, D)` belongs to an `nn.MultiheadAttention` with `n_heads` heads.
# Cut out the value matrix of the head with the number `head`, counted from 0. Its shape is `(dk, D)`.

# %% tags=["exercise"]
def value_of_head(in_proj_weight, n_heads, head):
    ### BEGIN SOLUTION
    value = in_proj_weight.chunk(3)[2]
    return value.chunk(n_heads)[head]
    ### END SOLUTION


check.value_of_head(value_of_head)

# %% [markdown]
# **4. Implement.** `model` has an embedding `model.embedding` and a linear layer without a bias,
# `model.output`. Tie them: afterwards both use the values of the embedding, and training changes both
# at once. Return the model.

# %% tags=["exercise"]
def tie_weights(model):
    ### BEGIN SOLUTION
    model.output.weight = model.embedding.weight
    return model
    ### END SOLUTION


check.tie_weights(tie_weights)

# %% [markdown]
# **5. Find the leaks.** Each of the three models changes one method of the right one. For each of them name
# the one check that fails: `"causal"`, `"padding"`, `"source"` or `"positions"`. Answer with a list of
# three names, for A, B and C. Guess first. Then run the cell once as it is, so that the three classes
# exist, and try `verdicts` of stage 27 on them, for example on `LeakA(n_vocab, n_vocab, 16, 4, 32, 2)`.

# %% tags=["exercise"]
from helpers.model import Transformer as Right


class LeakA(Right):
    def encode(self, src):  # the memory is one vector, the mean
        memory = super().encode(src)  # (B, S, D)
        return memory.mean(dim=1, keepdim=True).expand_as(memory)  # (B, S, D)


class LeakB(Right):
    def forward(self, src, tgt):  # the sum over all real words is added to every word
        logits, real = super().forward(src, tgt), (tgt != self.pad_id).unsqueeze(-1)  # and (B, T, 1)
        return logits + (logits * real).sum(dim=1, keepdim=True)  # (B, T, n_vocab)


class LeakC(Right):
    def embed(self, ids, embedding):  # the vectors go on as they were
        vectors = embedding(ids) * self.scale  # (B, L, D)
        self.positions(vectors)
        return vectors


### BEGIN SOLUTION
failing_checks = ["padding", "causal", "positions"]
### END SOLUTION

check.which_check_fails(failing_checks)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.4 for the shared matrix, section 5.1 for
#   the vocabulary, table 3 for the sizes of the base model.
# - X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
#   2010, for Xavier's rule.
# - PyTorch's documentation of
#   [nn.Transformer](https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html),
#   [nn.MultiheadAttention](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html)
#   and
#   [scaled_dot_product_attention](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
#   for the masks.
#
# ## What is still a placeholder
#
# Nothing. But the model knows nothing either: all its numbers are drawn at random. The next notebook trains
# it.
#
# {{next}}
