# %% [raw] tags=["card"]
# built: the whole Transformer, equal to PyTorch's own
# questions: How do ids become logits? What is weight tying, and why must a tied table start small?
# Where are the parameters of the paper's base model? Is it the same model as torch.nn.Transformer?

# %% [markdown]
# # 10 - The Transformer
#
# {{badge}}
#
# In 01 you drew two empty towers, and since then you have built every part that belongs into them. Today
# ids of words go in, and a guess of the next word comes out. But so far only you have checked any of it.
# **Is it the real one?** Two witnesses can tell: the paper, which says how many parameters its model has,
# and PyTorch, which brings a Transformer of its own.
#
# - **You need**: the encoder of [08](08_a_stack_of_encoders.ipynb), the decoder, masks and checks of
#   [09](09_decoder.ipynb), and embeddings and positions from [07](07_embeddings_and_positions.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. A class leaves *The whole model starts* and exercise
#   4 for home.
#
# **From two lessons back.** In 08 the pre-norm encoder got one more norm at its very end. Why does the
# post-norm encoder need none, and what would a new model do differently with one?
#
# <details><summary>Answer</summary>
#
# Every post-norm layer ends in a norm, so words leave with mean 0 and standard deviation 1. A second norm,
# whose factors start at 1 and summands at 0, finds nothing to do.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import checks, plots
from helpers import model as helpers_model
from helpers.arguments import check_ids, check_same_batch, check_sizes
from helpers.model import (  # built in 08, 09, 04 and 07
    Decoder,
    Encoder,
    MultiHeadAttention,
    PositionalEncoding,
    causal_mask,
    padding_mask,
)
from helpers.reference import to_torch  # your weights in PyTorch's parts
from lessons import pictures
from lessons.exercises import transformer as check

# %%
today = ["target_embedding", "target_positions", "output_layer"]
built = [part for part in plots.PARTS if part not in today]
plots.show(plots.block_diagram(built, today, title="10: all parts together"))

# %% [markdown]
# Three boxes are left: two whose twins you have built on the left, and on top a new one.
#
# ## Stage 27 - All parts together
#
# Both towers take vectors and give vectors. What is missing is the way in, from ids to vectors, and the way
# out, from vectors to a guess. Here is our sentence in two halves, with its words in one numbered list.

# %%
vocabulary = ("<pad> <s> </s> ein Mann wirft einen Ball sein Hund fängt ihn "
              "a man throws ball his dog catches it").split()  # fmt: skip


def to_ids(*sentences):
    return torch.tensor([[vocabulary.index(word) for word in s.split()] for s in sentences])  # (B, L)


# %%
src = to_ids("ein Mann wirft einen Ball", "sein Hund fängt ihn <pad>")  # (B, S)
tgt = to_ids("<s> a man throws a ball", "<s> his dog catches it <pad>")  # (B, T)
print(src.tolist(), tgt.tolist(), sep="\n")

# %% [markdown]
# Only the last line of the model is new: the **output layer** is a linear layer, here without a bias, that
# gives one number for each word of the vocabulary, at each place. Before the softmax such numbers are called
# **logits**.


# %%
class TransformerV1(nn.Module):
    def __init__(self, n_vocab, d_model, n_heads, d_ff, n_layers):
        super().__init__()
        self.scale = math.sqrt(d_model)
        self.src_embedding = nn.Embedding(n_vocab, d_model)
        self.tgt_embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = Encoder(d_model, n_heads, d_ff, n_layers, dropout=0.0)  # dropout waits for 12
        self.decoder = Decoder(d_model, n_heads, d_ff, n_layers, dropout=0.0)
        self.output = nn.Linear(d_model, n_vocab, bias=False)

    def embed(self, ids, embedding):
        return self.positions(embedding(ids) * self.scale)  # (B, L, D), as in 07

    def forward(self, src, tgt, src_mask=None, tgt_mask=None):
        memory = self.encoder(self.embed(src, self.src_embedding), src_mask)  # (B, S, D)
        y = self.embed(tgt, self.tgt_embedding)  # (B, T, D)
        decoded = self.decoder(y, memory, tgt_mask, src_mask)  # (B, T, D)
        return self.output(decoded)  # (B, T, V)


# %% [markdown]
# Send the two pairs through it, part by part. There are `B` = 2 sentences, of `S` = 5 and `T` = 6 words,
# with `D` = 16 numbers per word and `V` = 20 words in the list. Before you look, write down the shapes of
# all seven tensors on the way.

# %%
torch.manual_seed(0)
v1 = TransformerV1(n_vocab=20, d_model=16, n_heads=4, d_ff=32, n_layers=2)
x = v1.embed(src, v1.src_embedding)  # (B, S, D)
memory = v1.encoder(x)  # (B, S, D)
y = v1.embed(tgt, v1.tgt_embedding)  # (B, T, D)
decoded = v1.decoder(y, memory)  # (B, T, D)
logits = v1.output(decoded)  # (B, T, V)
fig = pictures.ids_to_logits([src, x, memory], [tgt, y, decoded, logits], vocabulary)
plots.show(fig)

# %% [markdown]
# Follow one row from left to right: it belongs to the same word all the way, and its width changes only
# twice, from one id to `D` numbers and from those to `V` logits. The memory comes in from above and leaves
# no trace in the shapes.
#
# **Ids become logits in five steps: embed the source and encode it, embed the target and decode it against
# the memory, and score every word of the vocabulary at every place.** Which word has the largest logit is
# noise, since nothing is trained.
#
# Now sentences of your own. Predict the shape of the output first.

# %%
source, target = "ein Ball fängt ihn", "<s> his"  # yours
shares = v1(to_ids(source), to_ids(target)).softmax(dim=-1)  # (B, T, V)
print(tuple(shares.shape), "after the last word:", vocabulary[shares[0, -1].argmax()])
print(f"share {shares[0, -1].max():.2f}, all shares together {shares[0, -1].sum():.2f}")

# %% [markdown]
# The output is as long as the target, whatever the source.
#
# ### Masks that nobody can forget
#
# The checks of 09 can be put to any model. A fourth belongs to them: it reads the source backwards, and if no
# output moves, the model does not know places. Which of the four will version 1 pass, called as you have just
# called it?

# %%
four = {"causal": checks.assert_causal, "padding": checks.assert_padding_invariant,
        "source": checks.assert_source_matters, "positions": checks.assert_positions_matter}  # fmt: skip


def verdicts(model):
    return {name: checks.verdict(check, model, src, tgt) for name, check in four.items()}


print(verdicts(v1))

# %% [markdown]
# Two fail, although every part is right: nobody has passed the masks, and the shapes are the same without
# them. All that a mask needs to know is in the ids, so let the model make its own.


# %%
class TransformerV2(TransformerV1):
    def forward(self, src, tgt):
        src_mask = padding_mask(src, 0)  # new: (B, 1, 1, S)
        tgt_mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, 0)  # new: (B, 1, T, T)
        return super().forward(src, tgt, src_mask, tgt_mask)  # (B, T, V)


torch.manual_seed(0)
v2 = TransformerV2(20, 16, 4, 32, 2)
print(verdicts(v2))
assert set(verdicts(v2).values()) == {"holds"}, "masks made inside cannot be forgotten"

# %% [markdown]
# ### One table for three
#
# Three tables of the model have a row for each word. A row of an embedding says what the word means on its
# way in; a row of the output layer says what a vector must look like to mean that word. In section 3.4 the
# paper uses one table for all three, which takes one vocabulary for both languages, as here. So make the
# three equal, and take one step of training.


# %%
def train_one_step(model):
    logits = model(src, tgt[:, :-1])  # (B, T - 1, V)
    nn.functional.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten()).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()


def apart(model):
    others = model.src_embedding.weight, model.output.weight  # (V, D) each
    return max((table - model.tgt_embedding.weight).abs().max().item() for table in others)


with torch.no_grad():
    v2.src_embedding.weight.copy_(v2.tgt_embedding.weight)
    v2.output.weight.copy_(v2.tgt_embedding.weight)
print(f"largest difference {apart(v2):.2f}", end=", ")
train_one_step(v2)
print(f"after one step {apart(v2):.2f}")

# %% [markdown]
# Equal values are not one table: each copy got a gradient of its own and went its own way. Give all three
# layers the same *parameter* instead.


# %%
class TransformerV3(TransformerV2):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.output.weight = self.src_embedding.weight = self.tgt_embedding.weight  # new


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())  # a shared one once


torch.manual_seed(0)
v3 = TransformerV3(20, 16, 4, 32, 2)
train_one_step(v3)
print(f"after one step {apart(v3):.2f}, parameters {count(v2):,} -> {count(v3):,}")

# %% [markdown]
# One table now, and two times 20 · 16 parameters fewer. This is called **weight tying**.
#
# ### The first loss
#
# A new model knows nothing, so its guess should be even. With 1,000 words that is a cross-entropy of log
# 1000 = 6.9. Take the paper's width and depth, once with three tables and once tied. The second number is
# the loss if the right answer were always the word that has just been read.

# %%
torch.manual_seed(0)
sources, targets = torch.randint(3, 1000, (2, 8, 13))  # (B, T + 1) each
read, following = targets[:, :-1], targets[:, 1:]  # (B, T) each


@torch.no_grad()
def first_loss(model):
    logits = model(sources, read).flatten(0, 1)  # (B * T, V)
    loss, again = (nn.functional.cross_entropy(logits, words.flatten()) for words in (following, read))
    print(f"{type(model).__name__}: next word {loss:.1f}, the word just read {again:.1f}")


# %%
for kind in (TransformerV2, TransformerV3):
    torch.manual_seed(0)
    model = kind(1000, 512, 8, 2048, 6)  # the last one, tied, is used below
    first_loss(model)

# %% [markdown]
# Tied, the model is far worse than one that knows nothing, and it is certain: of the word that it has just
# read. To see where such numbers come from, leave the towers out and let 200 random outputs meet a random
# table. A logit is a sum of 512 products, so by what you know from 02, how large will it be?

# %%
torch.manual_seed(0)
table, outputs = torch.randn(1000, 512), torch.randn(200, 512)  # (V, D), (n, D)
answers = torch.randint(1000, (200,))  # (n,)
for size in (1.0, 1 / math.sqrt(512)):  # yours: try others
    scores = outputs @ (table * size).T  # (n, V)
    loss = nn.functional.cross_entropy(scores, answers)
    print(f"entries of size {size:.2f}: logits of size {scores.std():4.1f}, loss {loss:.1f}")

# %% [markdown]
# PyTorch draws the entries of an embedding with size 1, which makes logits of size $\sqrt{512} = 22.6$ and
# bets everything on a random word. (The whole model is worse still, since it bets on the word just read.)
# **Weight tying uses one table as both embeddings and as output layer. Each logit is then a sum of
# $d_{model}$ products with entries of that table, so it must start small. With random outputs and entries
# of size 1 the first loss is 75.8, with $1/\sqrt{512}$ it is 7.5.**
#
# The factor $\sqrt{d_{model}}$ of 07 makes the small entries large again on the way in, and only there.
#
# ### The whole model starts
#
# Does a small table help the whole model as much?

# %%
nn.init.normal_(model.tgt_embedding.weight, std=1 / math.sqrt(512))
first_loss(model)

# %% [markdown]
# Not quite: it still repeats what it has read, and a likely reason is that residual connections hand this
# word on past all that the layers add. If so, layers that add more should help. **Xavier's rule** draws the
# matrix of a linear layer evenly between $-a$ and $a$, where $a = \sqrt{6 / (in + out)}$.

# %%
matrix = model.encoder.layers[0].self_attention.value.weight  # (D, D)
print(f"entries of a value matrix: {matrix.std():.3f}", end="")
for part in [*model.encoder.modules(), *model.decoder.modules()]:
    if isinstance(part, nn.Linear):
        nn.init.xavier_uniform_(part.weight)
print(f" -> {matrix.std():.3f}")
first_loss(model)

# %% [markdown]
# Nearly even, and the word just read is hardly preferred any more. What a start does to the training that
# follows is a question for 12.
#
# ### The final form
#
# The finished model has the sizes of the paper as its default and starts as you have just found out.
# `encode` and `decode` stand apart, because in use the memory is made once and read for every new word. The
# functions named `check_...` refuse what does not fit, such as an id that is too large.


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


# %%
torch.manual_seed(0)
model = Transformer(20, 20, 16, 4, 32, 2, dropout=0.0, joint_vocabulary=True)
v3.load_state_dict(model.state_dict())
print("as version 3:", torch.allclose(model(src, tgt), v3(src, tgt), atol=1e-5), verdicts(model))

# %% [markdown]
# The same numbers, and all four hold. In class, this is a good place for a break.
#
# ## The first witness: the paper
#
# Section 5.1 of the paper states one vocabulary of about 37,000 tokens. How many parameters does its base
# model have with it? An encoder layer holds one attention, one feed-forward part and two norms, and a
# decoder layer one attention and one norm more. How many of each is that in all? Do the products on paper,
# then compare.

# %%
D, F, V = 512, 2048, 37_000
attention, feed_forward, norm = 4 * (D * D + D), (D * F + F) + (F * D + D), 2 * D
held = {"feed-forward": 12 * feed_forward, "attention": 18 * attention, "table": V * D, "norms": 30 * norm}
for name, number in held.items():
    print(f"{name:13}{number:11,} {number / sum(held.values()):4.0%}")
with torch.device("meta"):  # shapes without numbers, which take no memory
    base = Transformer(V, V, joint_vocabulary=True)
print(f"{'on paper':13}{sum(held.values()):11,}\n{'in the model':13}{count(base):11,}")
assert sum(held.values()) == count(base), "part by part as in one"

# %% [markdown]
# **Where are the parameters of the paper's base model? Two fifths are in the feed-forward parts, and three
# tenths each in the attentions and in the one table of words.** Together they are 63.1 million. Table 3 of
# the paper says 65 and does not say how it was counted, so both numbers stand; exercise 4 looks for the
# missing two million.
#
# ## The second witness: PyTorch
#
# `torch.nn.Transformer` has the sizes of the base model as its default, too. It takes and gives vectors
# (without `batch_first=True` words first), so count your two towers against it. Will it be the same number,
# and if not, which part is too many?

# %%
with torch.device("meta"):
    torch_base = nn.Transformer(batch_first=True)
towers = count(base.encoder) + count(base.decoder)
print(f"yours {towers:,}, PyTorch's {count(torch_base):,}, difference {count(torch_base) - towers:,}")
print("ends of its towers:", torch_base.encoder.norm, torch_base.decoder.norm)

# %% [markdown]
# They are the two norms of the opening question. PyTorch puts one more at the end of each tower, although
# its layers already end in one, and the paper has none there. Would the rest, with the same weights, give
# the same numbers?
#
# ## Stage 28 - The same model out of PyTorch's parts
#
# Begin with a single attention, in `float64`, whose 16 digits leave no room for rounding to hide a mistake.

# %%
torch.manual_seed(0)
ours, theirs = MultiHeadAttention(16, 4).double(), nn.MultiheadAttention(16, 4, batch_first=True).double()
for module in (ours, theirs):
    print({name: tuple(parameter.shape) for name, parameter in module.named_parameters()})

# %% [markdown]
# PyTorch keeps query, key and value in one matrix of 48 rows. Copy yours into it, and compare what both
# make of the same words. (`[0]` leaves PyTorch's attention weights.) Then change the order of the three
# names. What do you expect, an error or other numbers?

# %%
order = ["query", "key", "value"]  # yours
parts = [getattr(ours, name) for name in order]
with torch.no_grad():
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))  # (3 D, D)
    theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))  # (3 D,)
theirs.out_proj.load_state_dict(ours.projection.state_dict())

words = torch.randn(2, 6, 16, dtype=torch.float64)  # (B, T, D)
difference = (theirs(words, words, words)[0] - ours(words, words, words)).abs().max().item()
print("equal to ten digits:", difference < 1e-10)

# %% [markdown]
# In the order query, key, value they are equal. Another order runs just as well and computes something else.
#
# With masks it is easy to go wrong, because PyTorch has more than one convention.
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
# numbers 0 changes nothing and minus infinity blocks.


# %%
def blocked(mask):
    return ~mask


def key_padding(ids, pad_id=0):
    return ids == pad_id  # (B, S), True = blocked


def per_head(mask, n_heads):
    return mask.expand(-1, n_heads, -1, -1).flatten(0, 1)  # (B, 1, T, S) -> (B * H, T, S)


def added(mask, dtype=torch.float64):
    return torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, -torch.inf)


# %% [markdown]
# Pass both masks of `tgt` on as they are, then converted. Only real words are compared, since nobody reads
# what comes out at padding.

# %%
causal, real = causal_mask(6), tgt != 0  # (T, T), (B, T)
wanted = ours(words, words, words, causal & padding_mask(tgt, 0))[real]  # (real words, D)
for name, masks in {"as they are": (causal, real), "converted": (blocked(causal), key_padding(tgt))}.items():
    found = theirs(words, words, words, attn_mask=masks[0], key_padding_mask=masks[1])[0][real]
    print(f"{name:12} equal: {(found - wanted).abs().max().item() < 1e-10}")

# %% [markdown]
# As they are, they hide what a word may see, and nothing raises an error: a word that is left with nothing
# comes out as `nan`. (10a tries
# every row.)
#
# In the whole model every layer needs the same: rename, and join three into one. `to_torch` of
# `helpers.reference` does that and leaves the two norms out. (It takes the class of `helpers`, yours line
# for line.) Biases start at 0 and the factors of norms at 1, where a mix-up would not show, so add
# something random to them first.

# %%
torch.manual_seed(0)
model = helpers_model.Transformer(20, 20, 16, 4, 32, 2, dropout=0.0, joint_vocabulary=True).double()
with torch.no_grad():
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases, and the factors and summands of norms
            parameter.add_(0.3 * torch.randn_like(parameter))

twin = to_torch(model)
difference = (twin(src, tgt) - model(src, tgt))[tgt != 0].abs().max().item()
print("inside:", type(twin.transformer), " equal to ten digits:", difference < 1e-10)
assert difference < 1e-10, "the same weights, the same logits"

# %% [markdown]
# **It is the same model as torch.nn.Transformer in every layer: with the same weights both give the same
# logits. As it comes, PyTorch's has one norm more at the end of each tower, which the paper does not have.**
#
# *Going deeper: [The same model in torch.nn, number for
# number](studies/10a_the_same_model_in_torch_nn.ipynb)* Gradients agree as well. Of eight mistakes planted
# in the copy of a new model, logits to five digits would have shown three.
#
# *Going deeper: [The short version of many tutorials, mended](studies/10b_the_short_version_mended.ipynb)*
# Built from PyTorch's layers in a few lines, it leaves out five things, and your checks find four of them.
#
# ## Nothing is empty
#
# Here is the map of 01 for the last time.

# %%
plots.show(plots.block_diagram(built=list(plots.PARTS), title="The Transformer, built"))

# %% [markdown]
# Every box is in colour, PyTorch agrees to ten digits, and the paper to two million in 65.
#
# ## Recap
#
# 1. Ids become logits in five steps, and the model makes its masks itself.
# 2. Weight tying is one parameter in three places, and such a table must start small.
# 3. The base model has 63.1 million parameters with the stated vocabulary, two fifths of them in feed-forward
#    parts.
# 4. Layer by layer it is PyTorch's model, which has two norms more at the ends, and in whose modules True
#    means blocked.
#
# ## Exercises
#
# **1. Warm-up.** On paper. The base model has a joint vocabulary of 37,000 and `d_model=512`. How many
# parameters *more* has it with `tie_weights=False`?

# %% tags=["exercise"]
### BEGIN SOLUTION
more_untied = 2 * 37_000 * 512
### END SOLUTION

check.untied_parameters(more_untied)

# %% [markdown]
# **2. Core.** A PyTorch model brings its masks along. `tgt_mask` `(T, T)` holds numbers to be added to the
# scores, 0 or minus infinity, and in the boolean `key_padding` `(B, T)` True means blocked. Return one
# boolean mask `(B, 1, T, T)` in which True means "may attend".


# %% tags=["exercise"]
def masks_from_pytorch(tgt_mask, key_padding):
    ### BEGIN SOLUTION
    return (tgt_mask == 0) & ~key_padding[:, None, None, :]
    ### END SOLUTION


check.masks_from_pytorch(masks_from_pytorch)

# %% [markdown]
# **3. Debug.** "Cross-attention needs no mask, because I set the memory to 0 wherever the source is
# padding, and zeros say nothing." It runs without an error. Yet the same sentence gets other logits when it
# stands beside a longer one. Which of the four checks must fail, and why are zeros not enough? Fix it.


# %%
def decode_with_zeros(model, tgt, memory, src):
    memory = memory * (src != model.pad_id).unsqueeze(-1)  # (B, S, D): 0 at padding
    mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, model.pad_id)  # (B, 1, T, T)
    x = model.decoder(model.embed(tgt, model.tgt_embedding), memory, mask)  # (B, T, D)
    return model.output(x)  # (B, T, V)


for places in (0, 1, 10):
    longer = nn.functional.pad(src, (0, places))  # (B, S + places)
    logits = decode_with_zeros(model, tgt, model.encode(longer), longer)  # (B, T, V)
    print(f"{places:2} more places of <pad>:", [f"{logit:.2f}" for logit in logits[0, -1, :4]])


# %% tags=["exercise"]
def decode_fixed(model, tgt, memory, src):
    ### BEGIN SOLUTION
    mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, model.pad_id)  # (B, 1, T, T)
    x = model.embed(tgt, model.tgt_embedding)  # (B, T, D)
    return model.output(model.decoder(x, memory, mask, padding_mask(src, model.pad_id)))  # (B, T, V)
    ### END SOLUTION


check.decode_fixed(decode_fixed)

# %% [markdown]
# **4. Stretch.** Table 3 of the paper gives, among others, nine models. Write a function for the number of
# parameters, with all three tables tied. Then find for each row the vocabularies with which it would round
# to the paper's number of millions, and say what you make of the gap.
#
# | | base | 2 layers | 4 layers | 8 layers | D 256 | D 1024 | F 1024 | F 4096 | big |
# |---|---|---|---|---|---|---|---|---|---|
# | paper, in millions | 65 | 36 | 50 | 80 | 28 | 168 | 53 | 90 | 213 |
#
# (D is `d_model`, F is `d_ff`, and layers are those of each tower. What is not named is as in the base
# model, and *big* has D 1024 and F 4096.)


# %% tags=["exercise"]
def count_parameters(n_vocab, d_model, d_ff, n_layers):
    ### BEGIN SOLUTION
    attention = 4 * (d_model * d_model + d_model)
    feed_forward = 2 * d_model * d_ff + d_ff + d_model
    norm = 2 * d_model
    layers = n_layers * (3 * attention + 2 * feed_forward + 5 * norm)
    return n_vocab * d_model + layers
    ### END SOLUTION


check.count_parameters(count_parameters)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# Two bounds for each row, from the paper's number less and plus half a million. Any vocabulary from 40,932
# to 41,160 fits the first eight rows, and 37,000 fits none of them; for *big* it is already too many. So in
# eight rows the gap grows with `d_model` alone, as a table of words does. What the authors counted, that
# does not say, since a larger vocabulary and a second table of some 4,000 rows look the same.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017: section
#   3.4 for the shared table, 5.1 for the vocabulary, table 3 for the sizes.
# - O. Press and L. Wolf, [*Using the Output Embedding to Improve Language
#   Models*](https://arxiv.org/abs/1608.05859), 2017: tying.
# - S. Rush and others, [*The Annotated Transformer*](https://nlp.seas.harvard.edu/annotated-transformer/):
#   the whole model in another hand.
# - X. Glorot and Y. Bengio, [*Understanding the difficulty of training deep feedforward neural
#   networks*](https://proceedings.mlr.press/v9/glorot10a.html), 2010: Xavier's rule.
# - PyTorch on [nn.Transformer](https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html) and
#   [nn.MultiheadAttention](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html).
#
# ## What is still a placeholder
#
# Nothing. But the model knows nothing either, for all its numbers are drawn at random. The next lesson
# trains it.
#
# {{next}}
