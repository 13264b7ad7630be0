# %% [raw] tags=["card"]
# built: the whole Transformer, equal to PyTorch's own
# questions: Where are the parameters of the paper's base model?
# Is it the same model as torch.nn.Transformer? What does the short version of many tutorials leave out?

# %% [markdown]
# # 10 - The Transformer
#
# {{badge}}
#
# You put all parts together. Ids of words go in, and the chances of the next word come out. Then you copy
# your weights into PyTorch's own Transformer and get the same numbers. Last, you take a short model made of
# PyTorch's layers that runs without complaint, and find out what it leaves out.
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
import warnings

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import checks, plots, stages
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
from helpers.outline import TransformerOutline  # built in 01
from helpers.reference import to_torch  # your weights in PyTorch's parts

# %% [markdown]
# ## You are here

# %%
today = ["target_embedding", "target_positions", "output_layer"]
built = [part for part in plots.PARTS if part not in today]
fig = plots.block_diagram(built, today, title="10: all parts together")
plots.show(
    fig,
    alt="Block diagram of the Transformer. Both towers are in colour. The target's embedding, the target's "
    "positions and the output layer are outlined as today's work, the last hatched boxes.",
)

# %% [markdown]
# Three boxes are left. Two of them stand below the decoder, and you have built their twins below the
# encoder. The third, on top, is new.
#
# ## Stage 27 - All parts together
#
# You have two towers that take vectors. What is missing is the way in and the way out: from ids of words to
# vectors, and from vectors to a guess of the next word. Here are fourteen words, numbered, German and
# English in one list. `<pad>` fills up short sentences, `<s>` starts a translation and `</s>` ends it.

# %%
vocabulary = ["<pad>", "<s>", "</s>", "der", "die", "Hund", "Katze", "bellt", "schläft",
              "the", "dog", "cat", "barks", "sleeps"]  # fmt: skip
n_vocab = len(vocabulary)


def to_ids(*sentences):
    return torch.tensor([[vocabulary.index(word) for word in s.split()] for s in sentences])  # (B, L)


src = to_ids("der Hund bellt", "die Katze <pad>")  # (B, S)
tgt = to_ids("<s> the dog barks", "<s> the cat <pad>")  # (B, T)
print("source", src.tolist())
print("target", tgt.tolist())

# %% [markdown]
# Two pairs, of different lengths. Now the model. Every part is one that you have built. New is the **output
# layer**, a linear layer that gives one number for each word of the vocabulary. These numbers, before the
# softmax, are called **logits**.

# %%
class TransformerV1(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers):
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)
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
chances = logits.softmax(dim=-1)[0, -1]  # (n_vocab,): after "<s> the dog barks"
print("logits", tuple(logits.shape), [vocabulary[i] for i in chances.topk(3).indices])
print("chances of these three", [f"{chance:.2f}" for chance in chances.topk(3).values])
assert logits.shape == (2, 4, n_vocab) and torch.isclose(chances.sum(), torch.tensor(1.0)), "chances"

# %% [markdown]
# For each of the four places of both targets there are fourteen logits. The softmax makes chances of them,
# which sum to 1. `topk(3)` picks the three largest. What they say is noise: nothing is trained. But it runs
# from end to end.
#
# ### Masks made inside
#
# In 09 you have met four checks to keep. They take any model that is called with a source and a target. Put
# them to version 1. The first words of each message are enough.

# %%
four = {
    "causal": checks.assert_causal,
    "padding": checks.assert_padding_invariant,
    "source": checks.assert_source_matters,
    "positions": checks.assert_positions_matter,
}


def verdict(check, model, src, tgt):
    try:
        check(model, src, tgt)
    except AssertionError as message:
        return str(message).split(":")[0]
    return "holds"

# %% [markdown]
# Two small functions put all four to a model and print the answers.

# %%
def verdicts(model, src=src, tgt=tgt):
    return {name: verdict(check, model, src, tgt) for name, check in four.items()}


def show_verdicts(found):
    for name, answer in found.items():
        print(f"  {name:10} {answer}")


forgotten = verdicts(v1)
show_verdicts(forgotten)
assert forgotten["causal"] != "holds" != forgotten["padding"], "the fault: masks can be forgotten"

# %% [markdown]
# Two checks fail, because nobody gave the masks. Give them, and ask again.

# %%
def masks_given(src, tgt):
    return v1(src, tgt, padding_mask(src, 0), causal_mask(tgt.shape[1]) & padding_mask(tgt, 0))


show_verdicts(verdicts(masks_given))
assert set(verdicts(masks_given).values()) == {"holds"}, "with its masks, version 1 is right"

# %% [markdown]
# The parts are right, and the way to call them is a trap. Whoever forgets a mask gets no error, only a
# model that reads the future. All that the masks need to know is in the ids. So version 2 makes them
# itself.

# %%
class TransformerV2(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers, pad_id=0):  # changed
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)
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
show_verdicts(verdicts(v2))
assert set(verdicts(v2).values()) == {"holds"}, "masks made inside cannot be forgotten"

# %% [markdown]
# All four hold. (The checks run a model in eval mode and leave it as it was.)
#
# ### One matrix for three
#
# Three matrices of the model have one row for each word. The rows of the embeddings say what a word means
# on the way in. The rows of the output layer say what a vector must look like to mean that word. In section
# 3.4 the paper uses one matrix for all three. That takes one vocabulary for both languages, as here. It
# is called **tying**, and you have met it in 07. Copying the values is not enough. Try it, and ask for the
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

# %%
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
        sizes = (d_model, n_heads, d_ff, n_layers, 0.0)
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
# cross-entropy of the next word, as in 07. A guess that treats all words alike has a loss of log(1000).
# `flatten` lays the sentences end to end, because `cross_entropy` takes a list of rows and a list of
# answers, in this order. The model has the paper's sizes, but for the vocabulary.

# %%
def first_loss(model, seed=0):
    """The loss for the next word, and the loss if the answer were the word just read."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 1000, (2, 8, 13), generator=generator)  # source and target, (B, T + 1) each
    with torch.no_grad():
        logits = model(ids[0], ids[1][:, :-1]).flatten(0, 1)  # (B * T, n_vocab)
    answers = {"next": ids[1][:, 1:], "same": ids[1][:, :-1]}  # (B, T) each
    return {name: nn.functional.cross_entropy(logits, a.flatten()).item() for name, a in answers.items()}


base_sizes = (1000, 512, 8, 2048, 6)
torch.manual_seed(0)
print(f"all words alike {math.log(1000):6.1f}")
print(f"version 3       {first_loss(TransformerV3(*base_sizes))['next']:6.1f}")

# %% [markdown]
# Version 3 is far worse than no idea at all. Something is wrong with its start. PyTorch draws the entries
# of an embedding with size 1, and 07 has shown that a tied table needs entries of size
# $1 / \sqrt{d_{model}}$. That is the first mend. The second concerns all other matrices. **Xavier's rule**
# (Glorot and Bengio) draws each entry evenly between -a and a, with $a = \sqrt{6 / (in + out)}$, where in
# and out are the widths of the layer. PyTorch's own start for a linear layer is another one. Try each mend
# alone and both. And, as a control, PyTorch's own start with an output layer that is not tied.

# %%
def small_table(model):
    nn.init.normal_(model.tgt_embedding.weight, std=model.scale**-1)  # the root of d_model is the scale


def xavier(model):
    for module in [*model.encoder.modules(), *model.decoder.modules()]:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)


def own_output(model):
    model.output = nn.Linear(*model.tgt_embedding.weight.shape[::-1], bias=False)  # no longer tied


starts = {"PyTorch's own": [], "small table": [small_table], "Xavier": [xavier],
          "both": [small_table, xavier], "own, not tied": [own_output]}  # fmt: skip

# %% [markdown]
# Measure each start with three seeds. `start_of` gives the lowest and the highest first loss, for the next
# word and for the same word.

# %%
def start_of(mends, n_layers, d_model):
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = TransformerV3(1000, d_model, 8, 4 * d_model, n_layers)
        for mend in mends:
            mend(model)
        found.append(first_loss(model, seed))
    return {key: (min(loss[key] for loss in found), max(loss[key] for loss in found)) for key in found[0]}

# %% [markdown]
# Two sizes of the model. The last column is the loss if the answer were the word that has just been read.
# Look for rows near log(1000), and then for a 0 in the last column.

# %%
losses = {}
for n_layers, d_model in [(2, 64), (6, 512)]:
    print(n_layers, "layers, words of", d_model)
    for name, mends in starts.items():
        found = losses[n_layers, name] = start_of(mends, n_layers, d_model)
        text = [f"{low:5.1f} to {high:5.1f}" for low, high in found.values()]
        print(f"  {name:14} next word {text[0]}   same word {text[1]}")

for n_layers in (2, 6):
    tied, both, free = (losses[n_layers, name]["next"] for name in ("PyTorch's own", "both", "own, not tied"))
    assert tied[0] > 20, "the fault: a tied table with entries of size 1"
    assert max(both[1], free[1]) < math.log(1000) + 1, "near an even guess"
assert losses[6, "small table"]["next"][0] > 10 > 0.1 > losses[6, "small table"]["same"][1], "its own word"

# %% [markdown]
# The small table does most of it: without it the loss is many times that of an even guess. With it alone,
# six layers are still sure of something: the last column is 0. They propose the word that they have just
# read: it passes through the residual connections, and the tied table gives it a large logit, as in 07.
# Xavier's rule alone does not help enough. Both together come near log(1000) at both sizes.
#
# The last row of each size is the control. An output layer of its own starts small, and all is well. So who
# ties must mind the start. This says nothing yet about the training that follows; notebook 12 asks when the
# start matters there.
#
# ### The final form
#
# The finished model has one more split. `encode` makes the memory and `decode` reads it. In use the memory
# is made once, and the decoder is asked again for each new word. Dropout is explained in notebook 12.

# %% tags=["final"]
class Transformer(nn.Module):
    def __init__(
        self, src_vocab_size, tgt_vocab_size, d_model=512, n_heads=8, d_ff=2048, n_layers=6, dropout=0.1,
        norm_first=False, tie_weights=True, max_len=512, pad_id=0,
    ):  # fmt: skip
        super().__init__()
        check_sizes(src_vocab_size, tgt_vocab_size, n_layers, pad_id)
        sizes = (d_model, n_heads, d_ff, n_layers, dropout, norm_first)
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
            if src_vocab_size == tgt_vocab_size:
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
        return self.output(x)  # (B, T, V)

    def forward(self, src, tgt):
        return self.decode(tgt, self.encode(src), padding_mask(src, self.pad_id))

# %% [markdown]
# It has more arguments than version 3. The sizes have names, and those of the paper are the default. The
# two vocabularies may differ; then the source keeps a table of its own. `initialise` is the good start. The
# functions named `check_...` refuse what does not fit. (V is `n_vocab` here. `.to(tgt.device)` puts the
# mask where the words are, on a GPU for example.)

# %%
stages.show_changes(TransformerV3, Transformer)
torch.manual_seed(0)
model = Transformer(n_vocab, n_vocab, 16, 4, 32, 2, dropout=0.0)
v3.load_state_dict(model.state_dict())
same = torch.allclose(model(src, tgt), v3(src, tgt), atol=1e-5)
print("property, one matrix:", one_matrix(model), "  same as version 3:", same)
show_verdicts(verdicts(model))
assert one_matrix(model) and same, "the same model"
assert set(verdicts(model).values()) == {"holds"}, "all four properties"

# %% [markdown]
# With the same weights it computes the same, and the four properties hold. Now compare how version 3 and
# the final form answer an id that is not in the vocabulary, and see three more refusals.

# %%
unfit = {
    "an id too large": (torch.tensor([[3, 14]]), tgt[:1]),
    "no whole numbers": (src.float(), tgt),
    "one sentence, no batch": (src[0], tgt[0]),
    "two sources, one target": (src, tgt[:1]),
}

# %%
try:
    v3(*unfit["an id too large"])
except IndexError as error:
    print("version 3:", error)
for name, (bad_src, bad_tgt) in unfit.items():
    try:
        model(bad_src, bad_tgt)
    except (TypeError, ValueError) as error:
        print(f"{name}: {str(error).split('. ')[0]}.")

# %% [markdown]
# Version 3 says that an index is out of range "in self", and leaves you to guess which. The final form
# names the number, and what was expected.
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
    base = Transformer(37_000, 37_000)

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
assert total == count(base) == 63_082_496, "part by part as in one"

# %% [markdown]
# Some of these you can check on paper. The table is 37,000 times 512. An attention is four linear layers
# from 512 to 512, each with a bias of 512: 4 x (262,144 + 512). Look at the picture for the largest part.

# %%
kinds = ["feed-forward", "attention", "table of words", "norms"]
ends = [0.0] * len(kinds)
halves = {"shared": ("#EBC4DA", ""), "encoder": ("#A9D5F2", ""), "decoder": ("#F7C99B", "///")}
fig, ax = plt.subplots(figsize=(10.5, 3.6), layout="constrained")
for half, (colour, hatch) in halves.items():
    for row, kind in enumerate(kinds):
        found = [times * count(part) for h, name, times, part in table if h == half and name.endswith(kind)]
        width = sum(found) / 1e6
        ax.barh(row, width, left=ends[row], color=colour, hatch=hatch, edgecolor=plots.INK)
        if width > 1:
            ax.text(ends[row] + width / 2, row, half, ha="center", va="center", fontsize=13,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})  # fmt: skip
        ends[row] += width
for row, end in enumerate(ends):
    share = f"{end * 1e6 / total:.0%}" if end > 1 else "less than 1%"
    ax.text(end + 0.3, row, f"{end:.2f} million, {share}", va="center", fontsize=13)
ax.set_yticks(range(len(kinds)), kinds, fontsize=13)
ax.invert_yaxis()
ax.set_xlim(0, 32)
ax.set_xlabel("parameters, in millions", fontsize=13)
ax.tick_params(axis="x", labelsize=12)
plots.show(
    fig,
    alt="Bars of parameters in millions. Feed-forward is the longest, then attention and the table of words, "
    "which are about equal. The bar of the norms is hardly visible.",
)

# %% [markdown]
# Feed-forward has the most, two fifths of the whole. The table of words has as many as all attention
# together, and the norms hardly any.
#
# Table 3 of the paper gives 65 million for the base model. With the stated vocabulary and these parts it is
# 63.1 million. The paper does not show how it counted, so both numbers are left as they are.
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

# %%
x = torch.randn(2, 4, 8, dtype=torch.float64)  # (B, T, D)


def copy_attention(order):
    parts = [getattr(attention, name) for name in order]
    with torch.no_grad():
        torch_attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))  # (3 D, D)
        torch_attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))  # (3 D,)
        torch_attention.out_proj.load_state_dict(attention.projection.state_dict())

# %% [markdown]
# And now all six orders.

# %%
equal_orders = []
for order in itertools.permutations(["query", "key", "value"]):
    copy_attention(order)
    difference = (torch_attention(x, x, x)[0] - attention(x, x, x)).abs().max().item()
    print(f"{', '.join(order):18} equal: {difference < 1e-10}")
    equal_orders += [order] if difference < 1e-10 else []
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
# | `nn.MultiheadAttention` | `attn_mask` | (T, S) or (B H, T, S) | **blocked** | `blocked`, `per_head` |
# | `nn.MultiheadAttention` | `key_padding_mask` | (B, S) | **blocked** | `key_padding` |
# | `nn.Transformer` | `src_mask`, `tgt_mask` and so on | (T, S) or (B H, T, S) | **blocked** | `blocked` |
# | `nn.Transformer` | `..._key_padding_mask` | (B, S) | **blocked** | `key_padding` |
# | all of PyTorch's | numbers in place of True and False | the same | *added* to the scores | `added` |
#
# In `src_mask` and `tgt_mask` queries and keys are the same words, so S or T stands twice. In a mask of
# numbers 0 changes nothing, and minus infinity blocks. Each converter is one line.

# %%
def blocked(mask):
    return ~mask


def per_head(mask, n_heads):
    return mask.expand(-1, n_heads, -1, -1).flatten(0, 1)  # (B, 1, T, S) -> (B * H, T, S)


def key_padding(ids, pad_id=0):
    return ids == pad_id  # (B, S), True = blocked


def added(mask):
    return torch.zeros(mask.shape).double().masked_fill(~mask, -torch.inf)


for row in added(causal_mask(3)).tolist():
    print(row)
assert torch.equal(added(causal_mask(4)) == 0, causal_mask(4)), "and the way back is == 0"

# %% [markdown]
# Try the rows of the two attentions on yours and its copy, with the mask of `tgt`: causal, and the last
# word of sentence 2 is padding. (Those of `nn.Transformer` are used in the whole model below.) Compare real
# words only: what comes out at padding is nobody's concern.

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
# Each pair below is tried with the converter first, and then with the mask passed on as it is.

# %%
rows = per_head(mask, 2)  # (B * H, T, T)
tried = {
    "function, attn_mask": (by_function(mask), by_function(mask)),
    "function, numbers": (by_function(added(mask)), by_function(mask.double())),
    "module, attn_mask": (by_module(attn_mask=blocked(rows)), by_module(attn_mask=rows)),
    "module, numbers": (by_module(attn_mask=added(rows)), by_module(attn_mask=rows.double())),
    "module, two masks": (
        by_module(attn_mask=blocked(causal_mask(4)), key_padding_mask=key_padding(tgt)),
        by_module(attn_mask=causal_mask(4), key_padding_mask=real),
    ),
}
for name, (converted, as_it_is) in tried.items():
    print(f"{name:20} equal with converter: {equal(converted)}   passed on as it is: {equal(as_it_is)}")
assert all(equal(converted) for converted, _ in tried.values()), "with converters, all are equal"
assert [equal(as_it_is) for _, as_it_is in tried.values()] == [True, False, False, False, False], "no errors"

# %% [markdown]
# With the converters all are equal. Without them only the function is right, and nothing raised an error.
# A mask of numbers made by `.double()`, 1 for True and 0 for False, blocks nothing at all.
#
# ### The whole model
#
# The rest is the same work for every layer: rename, and join three into one. `helpers.reference.to_torch`
# does it. It takes the `Transformer` from `helpers`, which is yours line for line, and returns a module
# with `nn.Transformer` inside and the same weights. The way back is `from_torch`. Compare outputs and all
# gradients, for post-norm and pre-norm.
#
# `randomise` draws every parameter with one dimension at random first: biases, and the factors and summands
# of norms. You will see why.

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


yours, held = new_model(kind=Transformer)(src, tgt), new_model()(src, tgt)  # (B, T, n_vocab) each
assert torch.equal(yours, held), "the same seed, the same numbers: both are one definition"

# %% [markdown]
# What is compared: logits at real places, and the gradients of a loss that weighs each logit differently.

# %%
def logits_and_gradients(model):
    logits = model(src, tgt)[tgt != 0]  # (real words, n_vocab)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    return logits.detach(), {name: p.grad for name, p in model.named_parameters()}

# %% [markdown]
# Their gradients have other names and are joined as well. So put your gradients into a copy of your model
# as if they were weights, and let `to_torch` translate them.

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
# Not quite: `to_torch` had to take something away. Ask `nn.Transformer` for the end of its stacks.

# %%
theirs = nn.Transformer(16, 4, 1, 1, 32, batch_first=True)  # post-norm is its default too
print("end of the encoder", theirs.encoder.norm)
print("end of the decoder", theirs.decoder.norm)

# %% [markdown]
# It ends both stacks in one more norm, also in post-norm, where each layer already ends in one. The paper
# has none there. Does it make a difference? Add it to the decoder, in a fresh model and in a randomised
# one.

# %%
moved = {}
for name, prepare in [("fresh", lambda model: model), ("randomised", randomise)]:
    ours = prepare(new_model())
    with_norm = to_torch(ours)
    with_norm.transformer.decoder.norm = nn.LayerNorm(16).double()
    difference = (ours(src, tgt) - with_norm(src, tgt))[tgt != 0]  # (real words, n_vocab)
    moved[name] = difference.abs().max().item()
    print(f"{name:10} one norm more moves logits by more than 0.0001: {moved[name] > 1e-4}")
assert moved["fresh"] < 1e-4 < 1e-2 < moved["randomised"], "only the randomised model shows it"

# %% [markdown]
# In a fresh model the factors of all norms are 1 and the summands 0. To norm what is normed changes almost
# nothing, and a loose comparison passes. Training changes the factors, and then it shows. So draw
# them at random *before* you compare two models.
#
# ### Padded places
#
# A class may skip this. There is one more reason to compare real places only. In eval mode without
# gradients PyTorch may take a faster way, its fast path, and may pack the words of a batch without the
# padding (`enable_nested_tensor`). It also warns that this is a prototype, and the cell hides that warning.
# The last two places are padding.

# %%
torch.manual_seed(0)
torch_layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
packing = nn.TransformerEncoder(torch_layer, 2).eval()
words, hidden = torch.randn(1, 4, 8), torch.tensor([[False, False, True, True]])  # (B, S, D), (B, S)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    slow = packing(words, src_key_padding_mask=hidden)[0].detach()  # (S, D)
    with torch.no_grad():
        fast = packing(words, src_key_padding_mask=hidden)[0]  # (S, D)
for name, rows in [("with gradients", slow), ("without", fast)]:
    print(f"{name:15} row is all 0: {(rows == 0).all(dim=1).tolist()}")
assert torch.allclose(slow[:2], fast[:2], atol=1e-5) and (fast[2:] == 0).all(), "real rows are the same"

# %% [markdown]
# The same module gives other numbers at padded places, depending on the mode. At real places both agree.
#
# ## What does the short version of many tutorials leave out?
#
# PyTorch's layers make it easy to write a Transformer in a few lines. Here is one as you may meet it. It
# has five faults. Read it and look for them before you go on. `TransformerEncoderLayer` and
# `TransformerDecoderLayer` are PyTorch's layers.

# %%
def parts_v1(d_model=16, n_heads=4, d_ff=32):
    return nn.ModuleDict(
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoderLayer(d_model, n_heads, d_ff),
            decoder=nn.TransformerDecoderLayer(d_model, n_heads, d_ff),
            output=nn.Linear(d_model, n_vocab),
        )
    )


def run_v1(parts, src, tgt):
    memory = parts.encoder(parts.embedding(src))  # (B, S, D)
    x = parts.decoder(parts.embedding(tgt), memory)  # (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)

# %% [markdown]
# The parts and their use are written apart, so that you can mend one line at a time. A small class joins
# them to a model.

# %%
class Short(nn.Module):
    def __init__(self, parts, run):
        super().__init__()
        self.parts, self.run = parts, run

    def forward(self, src, tgt):
        return self.run(self.parts, src, tgt)

# %% [markdown]
# It runs when source and target are equally long. `nn.functional.pad` fills the source up to four places.
# With three source words and four target words the same model stops, and the error is meant to appear.

# %% tags=["raises-exception"]
src_4 = nn.functional.pad(src, (0, 1), value=0)  # (B, S): one <pad> more at the end
torch.manual_seed(0)
short_v1 = Short(parts_v1(), run_v1)
print("equally long:", tuple(short_v1(src_4, tgt).shape))
short_v1(src, tgt)

# %% [markdown]
# A model that needs equal lengths mixes up something. Ask the checks. This time read a message in full.

# %%
try:
    checks.assert_causal(short_v1, src_4, tgt)
except AssertionError as message:
    print(textwrap.fill(str(message), 100))

history = {"v1": verdicts(short_v1, src_4, tgt)}
assert "holds" not in history["v1"].values(), "the fault: sentences read each other"

# %% [markdown]
# By default these layers take the words along the *first* axis and the sentences along the second. So with
# (B, S, D) a word attends to the words at the same place of the other sentences. Nothing else can be tested
# before that is mended. Version 2 says `batch_first=True`.

# %%
def parts_v2(d_model=16, n_heads=4, d_ff=32):
    return nn.ModuleDict(
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True),  # changed
            decoder=nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True),  # changed
            output=nn.Linear(d_model, n_vocab),
        )
    )


stages.show_changes(parts_v1, parts_v2)

# %%
def examine(name, parts, run):
    torch.manual_seed(0)
    history[name] = verdicts(Short(parts(), run), src_4, tgt)
    show_verdicts(history[name])
    return [check for check, answer in history[name].items() if answer != "holds"]


failing = examine("v2", parts_v2, run_v1)
assert failing == ["causal", "padding", "positions"], "the faults: three are left"

# %% [markdown]
# Three checks fail, and each now names something of its own. Positions first: they are among the parts, and
# `run_v1` never uses them. Version 3 does.

# %%
def run_v3(parts, src, tgt):
    memory = parts.encoder(parts.positions(parts.embedding(src)))  # changed: (B, S, D)
    x = parts.decoder(parts.positions(parts.embedding(tgt)), memory)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_v1, run_v3)
assert examine("v3", parts_v2, run_v3) == ["causal", "padding"], "positions should hold now"

# %% [markdown]
# Next, the causal mask. Here is the trap of the table above. First with the mask as it is in this series.

# %%
def run_turned_round(parts, src, tgt):
    memory = parts.encoder(parts.positions(parts.embedding(src)))  # (B, S, D)
    mask = causal_mask(tgt.shape[1])  # new: (T, T)
    x = parts.decoder(parts.positions(parts.embedding(tgt)), memory, tgt_mask=mask)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


failing = examine("v4, mask turned round", parts_v2, run_turned_round)
assert "causal" in failing, "the fault: in PyTorch's layers True means blocked"

# %% [markdown]
# Not causal. Version 4 uses the converter.

# %%
def run_v4(parts, src, tgt):
    memory = parts.encoder(parts.positions(parts.embedding(src)))  # (B, S, D)
    mask = blocked(causal_mask(tgt.shape[1]))  # changed: (T, T)
    x = parts.decoder(parts.positions(parts.embedding(tgt)), memory, tgt_mask=mask)  # (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_turned_round, run_v4)
assert examine("v4", parts_v2, run_v4) == ["padding"], "causal should hold now"

# %% [markdown]
# Only padding is left. It needs a mask in three places: over the source in the encoder, over the target in
# the decoder, and over the memory. The last one is easily forgotten: it is the padding of the *source* once
# more.

# %%
def run_v5(parts, src, tgt):
    hide = key_padding(src)  # new: (B, S)
    memory = parts.encoder(parts.positions(parts.embedding(src)), src_key_padding_mask=hide)  # changed
    mask = blocked(causal_mask(tgt.shape[1]))  # (T, T)
    padding = {"tgt_key_padding_mask": key_padding(tgt), "memory_key_padding_mask": hide}  # new
    x = parts.positions(parts.embedding(tgt))  # changed: (B, T, D)
    x = parts.decoder(x, memory, tgt_mask=mask, **padding)  # changed: (B, T, D)
    return parts.output(x)  # (B, T, n_vocab)


stages.show_changes(run_v4, run_v5)
assert examine("v5", parts_v2, run_v5) == [], "all four should hold"

# %% [markdown]
# All four hold. Yet one fault is left that no check of this kind can see: there is one layer in the place
# of a stack. A single layer has all four properties. What shows it is the number of parameters.
#
# `nn.TransformerEncoder(layer, 6)` stacks six *copies* of a layer. You know from 06 what is wrong with
# copies: all six start alike. Ask for the parameters, for the layers, and for the four properties.

# %%
def parts_v6(d_model=16, n_heads=4, d_ff=32, n_layers=6):  # changed
    encoder_layer = nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True)  # new
    decoder_layer = nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True)  # new
    return nn.ModuleDict(
        dict(
            embedding=nn.Embedding(n_vocab, d_model),
            positions=PositionalEncoding(d_model),
            encoder=nn.TransformerEncoder(encoder_layer, n_layers, enable_nested_tensor=False),  # changed
            decoder=nn.TransformerDecoder(decoder_layer, n_layers),  # changed
            output=nn.Linear(d_model, n_vocab),
        )
    )


stages.show_changes(parts_v2, parts_v6)

# %%
def different_layers(stack):
    return len({layer.linear1.weight[0, 0].item() for layer in stack.layers})


copies = parts_v6()
print("parameters: v5", count(parts_v2()), "  v6", count(copies))
print("different encoder layers:", different_layers(copies.encoder))
assert count(copies) > 5 * count(parts_v2()) and different_layers(copies.encoder) == 1, "the fault: copies"
assert examine("v6", parts_v6, run_v5) == [], "the four checks do not see it"

# %% [markdown]
# Many more parameters, and six layers that start as one and the same. The four checks do not see it. The
# mend is a start that draws each matrix anew. `nn.Transformer` does that by itself, the two stacks alone do
# not.

# %%
def parts_v7():
    parts = parts_v6()
    for parameter in parts.parameters():
        if parameter.dim() > 1:  # a matrix
            nn.init.xavier_uniform_(parameter)
    return parts


drawn, whole = parts_v7(), nn.Transformer(16, 4, 6, 6, 32, batch_first=True)
for name, model_or_parts in [("v7", drawn), ("nn.Transformer", whole)]:
    both = [different_layers(model_or_parts.encoder), different_layers(model_or_parts.decoder)]
    print(f"{name:14} different layers, encoder and decoder: {both}")
    assert both == [6, 6], "really six"
assert examine("v7", parts_v7, run_v5) == [], "all four hold through the stack"

# %% [markdown]
# Six different layers in each tower, and the four checks still pass.
#
# ## Put it into the whole model
#
# In notebook 01 everything was a placeholder. Print what stands in each place of a decoder layer now, and
# ask 01's question again: does another source change the output?

# %%
outline = TransformerOutline()
for name in ["self_attention", "cross_attention", "feed_forward"]:
    was, now = getattr(outline.decoders[0], name), getattr(model.decoder.layers[0], name)
    print(f"{name:16} in 01: {type(was).__name__:17} now: {type(now).__name__}")

# %%
vectors = [torch.rand(3, 512), torch.rand(3, 512), torch.rand(2, 512)]  # (S, D), (S, D), (T, D)
outline_moves = not torch.equal(outline(vectors[0], vectors[2]), outline(vectors[1], vectors[2]))
model_moves = verdicts(model)["source"] == "holds"
print("another source changes the output:  in 01", outline_moves, "  now", model_moves)
here = {type(part).__name__ for part in model.modules()}
assert model_moves and not outline_moves, "01's check, turned round"
assert not any(name.endswith(("Outline", "Placeholder")) for name in here), "no placeholder is left"

# %% [markdown]
# No placeholder is left. Look at the map of 01 once more, for the last time.

# %%
fig = plots.block_diagram(built=list(plots.PARTS), title="The Transformer, built")
plots.show(fig, alt="Block diagram of the Transformer. Every part is in colour, and none is hatched.")

# %% [markdown]
# Every box is in colour.
#
# ## The scoreboard
#
# Nothing was trained today, so there is nothing to score. Today's board is the table of the short versions
# against the checks, with your model in the last row. Read each column from top to bottom: where does it
# turn dark? The board of whole sentences follows in notebook 11, where training knocks out one part at a
# time.

# %%
history["ours"] = verdicts(model, src_4, tgt)
passed = torch.tensor([[float(v == "holds") for v in row.values()] for row in history.values()])  # (rows, 4)
texts = [["holds" if value else "fails" for value in row] for row in passed.tolist()]
holds = dict(zip(history, passed.sum(dim=1).int().tolist(), strict=True))
assert [holds[name] for name in ["v1", "v2", "v3", "v4", "v5", "v6", "v7"]] == [0, 1, 2, 3, 4, 4, 4]
assert holds["ours"] == 4, "all four hold for yours"

_, ax = plt.subplots(figsize=(10.5, 5.4), layout="constrained")
fig = plots.heat_map(passed, list(history), list(four), texts=texts, ax=ax, title="Versions against checks")
plots.show(
    fig,
    alt="Grid of versions and four checks. v1 fails all. v2 passes source, v3 also positions, v4 also "
    "causal, and v5, v6, v7 and ours pass all four. v4 with its mask turned round is not causal.",
)

# %% [markdown]
# One mend after the other turns a column dark. Between v5, v6 and v7 the table shows no difference: a
# check sees only the property it asks for.
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

checks.untied_parameters(more_untied)

# %% [markdown]
# **2. Implement.** The masks of a PyTorch model are to be used here. `tgt_mask` `(T, T)` holds numbers to
# be added to the scores, 0 or minus infinity. `key_padding` `(B, T)` is boolean, and True means blocked.
# Return one boolean mask `(B, 1, T, T)` in which True means "may attend".

# %% tags=["exercise"]
def masks_from_pytorch(tgt_mask, key_padding):
    ### BEGIN SOLUTION
    return (tgt_mask == 0) & ~key_padding[:, None, None, :]
    ### END SOLUTION


checks.masks_from_pytorch(masks_from_pytorch)

# %% [markdown]
# **3. Implement.** `in_proj_weight` `(3 D, D)` belongs to an `nn.MultiheadAttention` with `n_heads` heads.
# Cut out the value matrix of the head with the number `head`, counted from 0. Its shape is `(dk, D)`.

# %% tags=["exercise"]
def value_of_head(in_proj_weight, n_heads, head):
    ### BEGIN SOLUTION
    value = in_proj_weight.chunk(3)[2]
    return value.chunk(n_heads)[head]
    ### END SOLUTION


checks.value_of_head(value_of_head)

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


checks.tie_weights(tie_weights)

# %% [markdown]
# **5. Find the leaks.** Each of the three models changes one method of the right one. For each of them name
# the one check that fails: `"causal"`, `"padding"`, `"source"` or `"positions"`. Guess first. Then try
# `verdicts` of stage 27 on them, for example on `LeakA(n_vocab, n_vocab, 16, 4, 32, 2)`.

# %% tags=["exercise"]
from helpers.model import Transformer as Right


class LeakA(Right):
    def encode(self, src):  # the memory is one vector, the mean
        memory = super().encode(src)  # (B, S, D)
        return memory.mean(dim=1, keepdim=True).expand_as(memory)  # (B, S, D)


class LeakB(Right):
    def forward(self, src, tgt):  # the sum over all real words is added to every word
        logits, real = super().forward(src, tgt), (tgt != self.pad_id).unsqueeze(-1)  # (B, T, V), (B, T, 1)
        return logits + (logits * real).sum(dim=1, keepdim=True)  # (B, T, V)


class LeakC(Right):
    def embed(self, ids, embedding):  # the vectors go on as they were
        vectors = embedding(ids) * self.scale  # (B, L, D)
        self.positions(vectors)
        return vectors


### BEGIN SOLUTION
failing_checks = ["padding", "causal", "positions"]
### END SOLUTION

checks.which_check_fails(failing_checks)

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
#   and [scaled_dot_product_attention](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
#   for the masks.
#
# ## What is still a placeholder
#
# Nothing. But the model knows nothing either: all its numbers are drawn at random. The next notebook trains
# it.
#
# {{next}}
