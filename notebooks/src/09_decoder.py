# %% [raw] tags=["card"]
# built: masks, masked self-attention, cross-attention, the decoder layer and a stack of them
# questions: Why are keys masked and not queries? Why was a fixed-length vector not enough?
# Why are the two halves called encoder and decoder?

# %% [markdown]
# # 09 - The decoder
#
# {{badge}}
#
# *Ein Mann wirft einen Ball, und sein Hund fängt ihn.* A translator has written *A man throws a ball, and his
# dog catches*, and must go on with *him* or *it*. It may look back at the ball, in German and in English. But
# in training the whole translation lies on the table, with the answer right beside the question: **who may
# look at whom?**
#
# - **You need**: [04 - Multi-head attention](04_multi_head.ipynb) and
#   [08 - A stack of encoders](08_a_stack_of_encoders.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, *Checks to keep* and exercises 3 and 4 can
#   be left for home.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import checks, plots
from helpers.model import (
    AddAndNorm,
    Encoder,
    EncoderLayer,
    FeedForward,
    MultiHeadAttention,
    PositionalEncoding,
    attention_weights,  # built in 03, all others in 04 to 08
)
from lessons import pictures, scoreboard
from lessons.exercises import decoder as check
from lessons.outline import TransformerOutline  # built in 01

# %%
built = ["encoder_self_attention", "encoder_feed_forward", "encoder_add_norm", "source_embedding",
         "source_positions", "encoder_stack", "decoder_stack"]  # fmt: skip
today = ["decoder_self_attention", "cross_attention", "decoder_feed_forward", "decoder_add_norm"]
plots.show(plots.close_up(built, [*today, "decoder_stack"], title="09: the decoder"))

# %% [markdown]
# The new boxes are *masked* self-attention and cross-attention, where the line from the encoder ends.
#
# **From two lessons back.** In 07 positions are added *before* the encoder, and somebody adds them after it
# instead. Is the memory of *bites* then different in *dog bites man* and *man bites dog*?
#
# <details><summary>Answer</summary>
#
# No. Without positions the encoder sees the same bag of words twice, so *bites* comes out the same, and then
# the same position is added to it.
#
# </details>
#
# ## Stage 23 - The future is hidden
#
# This is the work of a decoder at the end of the sentence, with `<s>` for the start of a translation and
# `</s>` for its end.

# %%
english = ["<s>", "his", "dog", "catches", "it"]
wanted = ["his", "dog", "catches", "it", "</s>"]
for place, word in enumerate(wanted):
    print(f"has read  {' '.join(english[: place + 1]):24}  must propose  {word}")

# %% [markdown]
# In training it gets all five words at once and makes five proposals, one at each place. Take the attention
# of 04 for that, and ask the question of 02 again: when the last word changes, does the first one notice? And
# who notices when another word does?


# %%
def moved(step, words, place):
    """For each output of `step(words)`, whether it moves when the word at `place` is exchanged."""
    edited = words.clone()
    edited[place] = 1 - words[place]
    return (step(words) - step(edited)).abs().amax(dim=-1) > 1e-5  # (T,)


def unmasked(x):
    return attention(x, x, x)  # (T, D)


torch.manual_seed(0)
words, attention = torch.rand(5, 4), MultiHeadAttention(4, 2)  # (T, D): a row for each English word
exchanged = 4  # yours: 0 to 4
answers = moved(unmasked, words, exchanged).tolist()
print("exchange", english[exchanged], "and this moves:", dict(zip(english, answers, strict=True)))

# %% [markdown]
# Everybody notices everybody, and in 02 that was the aim. But here the place *catches* must propose *it*, and
# can look at *it*. Trained like this, a decoder may learn to copy its neighbour, and when it writes by itself
# there is no neighbour to copy (11 trains one).
#
# So whatever comes later must be hidden, by a **mask**: a table of yes and no, with a row for each word that
# looks and a column for each word that is looked at. What comes later lies above the diagonal, where `triu`,
# upper triangle, marks it. Which outputs should move now, when *it* is exchanged?

# %%
later = torch.ones(5, 5, dtype=torch.bool).triu(1)  # (T, T)
print(later.int())


def masked_v1(x):
    return attention(x, x, x, later)  # (T, D), changed


print(dict(zip(english, moved(masked_v1, words, 4).tolist(), strict=True)))

# %% [markdown]
# Just the wrong ones: the four words that must not look at *it* have moved, and *it* itself has not. Your
# attention reads the table the other way round, since in this series True means **may attend**. In
# PyTorch's `nn.MultiheadAttention` True means hidden, and a mask turned round raises no error in either.
#
# *Going deeper: [What does a word get that may look at
# nothing?](studies/09a_a_row_that_may_look_at_nothing.ipynb)* For the last row of `later` it depends on who
# wrote the attention: `NaN`, a plain mean, or zeros before the last projection.
#
# What a word may look at is the lower triangle with the diagonal, the **causal mask** or look-ahead mask.


# %% tags=["final"]
def causal_mask(size):
    """The mask (size, size) under which position i may attend to positions 0..i."""
    return torch.ones(size, size, dtype=torch.bool).tril()


# %% [markdown]
# A table can be misread, so measure: exchange every word in turn, and draw a dot wherever an output moves.
# Sketch the second panel before you run the cell.


# %%
def masked(x):
    return attention(x, x, x, causal_mask(len(x)))  # (T, D)


def sight(step, words):
    """Row i, column j: does output i move when word j is exchanged?"""
    return torch.stack([moved(step, words, place) for place in range(len(words))], dim=1)


steps = {"no mask": unmasked, "causal_mask": masked}
panels = {name: (sight(step, words), english, english) for name, step in steps.items()}
plots.show(pictures.who_sees_whom(panels, title="A row for each word that looks, a dot where it sees"))
assert torch.equal(sight(masked, words), causal_mask(5))

# %% [markdown]
# Now the words see what the mask allows, field by field. `attention_weights` of 03 sees to that
# *before* the softmax, where it puts the lowest number there is in the place of a forbidden score. The
# share of that word is then 0, and the words that are left share the whole.
#
# ## Stage 24 - Masked self-attention, and padding
#
# The sentences of a batch differ in length. As in [06](06_add_and_norm.ipynb), short ones are filled up at
# the end, with a word `<pad>` whose id is 0 here.

# %%
vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "his", "the", "dog", "catches", "barks", "it"]
ids = torch.tensor([[1, 4, 6, 7, 9], [1, 5, 6, 8, 0]])  # (B, T)
for row in ids.tolist():
    print([vocabulary[i] for i in row])
real = ids[1] != 0  # (T,)
print(real.tolist())

# %% [markdown]
# `<pad>` is no word and has no business in attention. Its row in the table says where it looks, so hide
# that row. When other numbers stand in the padding, how far do the four real words move without a mask, and
# how far with this one?


# %%
def padding_moves(mask):
    """How far the four real words move when other numbers stand in the padding, the last row."""
    edited = words.clone()
    edited[4] = 1 - words[4]
    change = attention(words, words, words, mask) - attention(edited, edited, edited, mask)  # (T, D)
    return round(change[:4].abs().max().item(), 4)


row_hidden = real[:, None].expand(5, 5)  # (T, T): False in the last row
print("no mask:", padding_moves(None), "  its row hidden:", padding_moves(row_hidden))

# %% [markdown]
# Both move them alike: the padding has stopped looking, while everybody goes on looking at *it*. Rows are
# queries and columns are keys, so what must go is the column.
#
# Ids are (B, T), scores (B, H, T, T): sentences, heads, queries, keys. `None` puts axes of size 1 in
# between, so that one answer for each key holds for all heads and all queries.


# %% tags=["final"]
def padding_mask(ids, pad_id):
    """The mask (B, 1, 1, S) of token ids (B, S): queries may attend to every key that is not padding."""
    return (ids != pad_id)[:, None, None, :]


# %% [markdown]
# The decoder needs both masks, since a key must be real *and* not in the future, and `&` is "and". Which
# fields will the padding mask still take from the triangle?

# %%
column_hidden = padding_mask(ids, pad_id=0)  # (B, 1, 1, T)
print("its column hidden:", padding_moves(column_hidden[1, 0]))
both = causal_mask(5) & column_hidden  # (B, 1, T, T)
second = [vocabulary[i] for i in ids[1].tolist()]
tables = {"causal": causal_mask(5), "padding": column_hidden[1, 0].expand(5, 5), "both": both[1, 0]}
panels = {name: (table, second, second) for name, table in tables.items()}
plots.show(pictures.who_sees_whom(panels, title="The masks of the second sentence"))
assert padding_moves(column_hidden[1, 0]) == 0

# %% [markdown]
# The real words do not move any more. **Why are keys masked and not queries? What harms a real word is
# looking at padding, and only a hidden key, a column, is out of its sight; a hidden query, a row, just
# looks at nothing itself.** From the triangle one field is gone, where `<pad>` looks at itself. The rest of
# its row may stay, because nobody looks at `<pad>` and its proposal is thrown away.
#
# ## Stage 25 - Cross-attention and the decoder layer
#
# The sentence to be translated lies in the memory, the output of the encoder. **Cross-attention**, or
# encoder-decoder attention, is the attention you have with other inputs: queries come from the target, keys
# and values from the memory.
#
# In small numbers: a word says whether it is a noun, a verb, a pronoun, a noun asks for a verb, and a verb
# for a pronoun. The two numbers of a value call for *catches* and for *it*. At which German word will *dog*
# look?

# %%
german, asking = ["sein", "Hund", "fängt", "ihn"], ["dog", "catches"]
memory = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # (S, D): noun, verb, pronoun
target = torch.tensor([[1.0, 0, 0], [0, 1, 0]])  # (T, D)
W_Q = torch.tensor([[0.0, 6, 0], [0, 0, 6], [0, 0, 0]])  # (D, dk): noun asks for verb, verb for pronoun
W_K = torch.eye(3)  # (D, dk)
W_V = torch.tensor([[0.0, 0], [1, 0], [0, 1]])  # (D, dv): catches, it
query, key, value = target @ W_Q, memory @ W_K, memory @ W_V  # (T, dk), (S, dk), (S, dv)
weights = attention_weights(query, key)  # (T, S)
sides = ("target", asking, target), ("memory", german, memory)
plots.show(pictures.where_from(*sides, query, key, value, weights, weights @ value))

# %% [markdown]
# In the upper row *dog* asks for a verb, finds *fängt*, and brings home a call for *catches*. The weights
# have a row for each word that asks and a column for each word that answers, so they need not be square.
#
# Now take `MultiHeadAttention`, and let the memory go first, since it is what informs the words. Which shape
# comes out for five English words and four German ones?

# %%
memory = torch.rand(4, 4)  # (S, D): a row for each German word
cross_attention = MultiHeadAttention(4, 2)
print(tuple(cross_attention(memory, words, words).shape))

# %% [markdown]
# Four rows, where the decoder needs five proposals: the German words have asked. Whoever asks goes first,
# so it is `cross_attention(words, memory, memory)`. With two sentences of equal length nothing would have
# shown.
#
# Three parts make the layer, in the order of the paper and each inside an add & norm: masked self-attention,
# cross-attention, feed-forward. Both attentions take a mask, and you have one.

# %%
self_attention, feed_forward = MultiHeadAttention(4, 2), FeedForward(4, 16)
wraps = [AddAndNorm(4) for _ in range(3)]


def layer_v1(x, memory, mask):
    x = wraps[0](x, lambda y: self_attention(y, y, y, mask))
    x = wraps[1](x, lambda y: cross_attention(y, memory, memory, mask))
    return wraps[2](x, feed_forward)  # (T, D)


four, mask = words[:4], causal_mask(4)
print("output", tuple(layer_v1(four, memory, mask).shape))
print("causal:", torch.equal(sight(lambda x: layer_v1(x, memory, mask), four), mask))

# %% [markdown]
# The shape is right, and no word sees a later one. Now exchange the *German* words: whom should the four
# English words see, and whom do they?

# %%
panel = sight(lambda source: layer_v1(four, source, mask), memory), english[:4], german  # (T, S)
plots.show(pictures.who_sees_whom({"layer_v1": panel}))

# %% [markdown]
# `<s>` must propose the first English word and sees *sein* alone, although German may put at its end what
# English needs first. Nothing of the source lies in the future, so all that must be hidden there is *its*
# padding, and for that the layer needs a second mask.


# %% tags=["final"]
class DecoderLayer(nn.Module):
    """Masked self-attention, attention over the memory (B, S, D), feed-forward: (B, T, D) to same."""

    def __init__(self, d_model, n_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.cross_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        wraps = [AddAndNorm(d_model, dropout, norm_first) for _ in range(3)]
        self.add_and_norm = nn.ModuleList(wraps)

    def forward(self, x, memory, mask=None, memory_mask=None):
        x = self.add_and_norm[0](x, lambda y: self.self_attention(y, y, y, mask))
        x = self.add_and_norm[1](x, lambda y: self.cross_attention(y, memory, memory, memory_mask))
        return self.add_and_norm[2](x, self.feed_forward)


# %%
layer, mask = DecoderLayer(4, 2, 16, dropout=0.0), causal_mask(5)
print("causal:", torch.equal(sight(lambda x: layer(x, memory, mask), words), mask))
sees_source = sight(lambda source: layer(words, source, mask), memory)  # (T, S)
print("every word sees all of the source:", sees_source.all().item())
assert sees_source.all()

# %% [markdown]
# ## Stage 26 - The stack of decoders
#
# On the map six encoders stand beside six decoders. So let decoder layer 1 read encoder layer 1, layer 2 read
# layer 2, and so on, with three of each. Then the last encoder layer hands on something else. Which decoder
# layers notice?

# %%
layers, memories = [DecoderLayer(4, 2, 16, dropout=0.0) for _ in range(3)], [memory]
for encoder_layer in [EncoderLayer(4, 2, 16, dropout=0.0) for _ in range(3)]:
    memories.append(encoder_layer(memories[-1]))  # (S, D)
others = [*memories[:3], 1 - memories[3]]

x, y = words, words
for number in (1, 2, 3):
    x = layers[number - 1](x, memories[number], mask)  # (T, D)
    y = layers[number - 1](y, others[number], mask)  # (T, D)
    print(f"decoder layer {number} notices:", not torch.allclose(x, y, atol=1e-5))

# %% [markdown]
# Two of three never see the finished memory, whereas in the paper all of them read the *last* encoder
# layer, as in the chain of 01. That also lets the towers differ in height. Whether a model trained side by
# side translates worse is not measured here. (The last line below is the norm that pre-norm needs at its
# end, as in 08.)


# %% tags=["final"]
class Decoder(nn.Module):
    """A stack of decoder layers on vectors (B, T, D); every layer reads the same memory (B, S, D)."""

    def __init__(self, d_model, n_heads, d_ff, n_layers, dropout=0.1, norm_first=False):
        super().__init__()
        layers = [DecoderLayer(d_model, n_heads, d_ff, dropout, norm_first) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if norm_first else nn.Identity()

    def forward(self, x, memory, mask=None, memory_mask=None):
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask)
        return self.norm(x)


# %% [markdown]
# ### Into the whole model
#
# In 01 you exchanged the source, and the output moved by 0.0. Put both towers into the outline, where a small
# module adds positions and the mask, and ask again.


# %%
class DecoderTower(nn.Module):
    def __init__(self, d_model=512):
        super().__init__()
        self.positions = PositionalEncoding(d_model)
        self.decoder = Decoder(d_model, 8, 4 * d_model, 6, dropout=0.0)

    def forward(self, x, memory):
        return self.decoder(self.positions(x), memory, causal_mask(len(x)))  # (T, D)


def source_moves(model):
    return round((model(source, written) - model(1 - source, written)).abs().max().item(), 2)


model, source, written = TransformerOutline(), torch.rand(4, 512), torch.rand(5, 512)  # (S, D), (T, D)
print("before:", source_moves(model))
model.encoders = nn.ModuleList([PositionalEncoding(512), Encoder(512, 8, 2048, 6, dropout=0.0)])
model.decoders = nn.ModuleList([DecoderTower()])
print("now:   ", source_moves(model))

# %% [markdown]
# For the first time the source matters. Now put the question of this lesson to all twelve layers at once, and
# draw the three panels before you run the cell.

# %%
with torch.no_grad():
    panels = {
        "source at source": (sight(model.encode, source), german, german),
        "target at target": (sight(lambda x: model(source, x), written), english, english),
        "target at source": (sight(lambda x: model(x, written), source), english, german),
    }
plots.show(pictures.who_sees_whom(panels, title="Who looks at whom in the whole model"))
assert torch.equal(panels["target at target"][0], causal_mask(5))

# %% [markdown]
# **Who may look at whom? Source words look at the whole source, target words at themselves, at those before
# them and at the whole source, and nobody looks at padding.** With the whole German sentence as its source,
# the model may look back at *Ball* when it stands at *catches*, and not ahead at what it is about to write.
#
# ### Checks to keep
#
# For finished models, which take ids, the properties of today lie in `helpers.checks`. Change what comes
# later, and earlier outputs must not move; append padding, and real outputs must not move; change the
# source, and outputs *must* move. Try them on a small model with all parts, which is given a function to
# make its masks.


# %%
class Tiny(nn.Module):
    def __init__(self, n_vocab, make_masks, d_model=32):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(n_vocab, d_model), PositionalEncoding(d_model)
        self.encoder = Encoder(d_model, 4, 64, 1, dropout=0.0)
        self.decoder = Decoder(d_model, 4, 64, 1, dropout=0.0)
        self.output, self.make_masks = nn.Linear(d_model, n_vocab), make_masks

    def forward(self, src, tgt):
        memory = self.encoder(self.positions(self.embedding(src)), padding_mask(src, 0))  # (B, S, D)
        x = self.positions(self.embedding(tgt))  # (B, T, D)
        return self.output(self.decoder(x, memory, *self.make_masks(src, tgt)))  # (B, T, n_vocab)


# %% [markdown]
# The second function has the causal mask turned round, the third forgets the padding of the source. Which
# check will see which? Then break `right` in your own ways: leave out the padding of the target, or hide
# all of the memory with `& False`.


# %%
def right(src, tgt):  # yours, once you have seen the table
    return causal_mask(tgt.shape[1]) & padding_mask(tgt, 0), padding_mask(src, 0)


def turned_round(src, tgt):
    return ~causal_mask(tgt.shape[1]) & padding_mask(tgt, 0), padding_mask(src, 0)


def no_source_mask(src, tgt):
    return causal_mask(tgt.shape[1]) & padding_mask(tgt, 0), None


src, tgt = torch.tensor([[4, 5, 6, 7, 2], [4, 5, 2, 0, 0]]), ids  # (B, S), (B, T)
kept = checks.assert_causal, checks.assert_padding_invariant, checks.assert_source_matters
for make_masks in (right, turned_round, no_source_mask):
    torch.manual_seed(0)
    tiny = Tiny(10, make_masks)
    print(f"{make_masks.__name__:15}", [checks.verdict(kept_check, tiny, src, tgt) for kept_check in kept])

# %% [markdown]
# Each mistake is seen by the check that was made for it, and by no other.
#
# <details><summary>And yours?</summary>
#
# Without the padding of the target all three hold, since the triangle hides what stands at the end from every
# real word. With the memory hidden the source does not matter.
#
# </details>
#
# ## Two questions about the memory
#
# **Why are the two halves called encoder and decoder? The one turns a sentence into a code, the memory, and
# the other turns this code into a sentence: the same decoder, given another memory, writes another
# sentence.** Trained without a memory it writes what is likely in English, and is a **language model**.
#
# *Going deeper: [Is there more to the names encoder and decoder?](studies/09c_why_encoder_and_decoder.ipynb)*
# After `<s> the` one decoder says *dog* with one memory and *cat* with another; the parts, cross-attention
# aside, are the same in both halves.
#
# The memory has a row for each source word. Models before often handed over *one* vector of fixed length,
# and Bahdanau and others, who suspected a **bottleneck** there, let the decoder look at every word. Try it:
# one layer in each half learns to write 4, 8 or 12 symbols backwards, in at most 300 steps (the last row:
# 900), mean of three seeds. In the second row the decoder gets only the mean of the memory, 64 numbers. In
# the last column 12 symbols are to be sorted. Which columns will the mean leave as they are?

# %%
# alt: Board of three rows. With all of the memory every column is near 1. With its mean the model writes .85
#   of the sentences of 4 symbols backwards, .05 of 8 and none of 12, and sorts 12. With 900 steps it gets .68
#   at 8 symbols.
table = scoreboard.recorded("memory")
rows = {row: table[row] for row in ("all of the memory", "mean of the memory", "mean, 900 steps")}
plots.show(plots.board(rows, means=True, scale="sentences right", title="What the decoder may read"))

# %% [markdown]
# Sorting survives, since there it is enough to know how often each symbol occurs. **Why was a
# fixed-length vector not enough? It does not grow with the sentence: backwards, one vector was good for .85
# of the sentences of 4 symbols and for none of 12, where cross-attention over the whole memory got 1.00.**
# It is no wall, though, since with three times the steps one vector gets further.
#
# *Going deeper: [Why was one vector not enough?](studies/09b_why_one_vector_was_not_enough.ipynb)* A vector
# of twice the length hardly helps here, while two vectors do.
#
# ## Recap
#
# 1. A mask says who may look at whom, True for "may attend". The causal mask hides what comes later.
# 2. Padding is hidden as a key, because a real word must not look at it.
# 3. In cross-attention the target asks and the memory answers, under the padding mask of the source.
# 4. Every decoder layer reads all of the last encoder layer; one vector instead fails as sentences grow.
# 5. The encoder makes a code of a sentence, the decoder a sentence of the code.
#
# ## Exercises
#
# **1. Warm-up.** On paper: a target has the ids `[1, 7, 0, 0]`, and 0 is padding. How many fields of
# `causal_mask(4) & padding_mask(ids, 0)` are True?

# %% tags=["exercise"]
### BEGIN SOLUTION
allowed_fields = 1 + 2 + 2 + 2
### END SOLUTION

check.fields_allowed(allowed_fields)

# %% [markdown]
# **2. Core.** Models for long texts may let a word look back only so far. Write the mask `(size, size)` under
# which each place may look at itself and at the `n - 1` places before it, and at nothing else.


# %% tags=["exercise"]
def window_mask(size, n):
    ### BEGIN SOLUTION
    allowed = torch.ones(size, size, dtype=torch.bool)
    return allowed.tril() & allowed.triu(1 - n)
    ### END SOLUTION


check.window_mask(window_mask)

# %% [markdown]
# **3. Debug.** An attention of words `(T, D)` to themselves under a mask `(T, T)`. Above the diagonal its
# weights are all 0, as they should be, and yet a property of this lesson is broken. Show that with words of
# your own, and fix the function.


# %%
def broken(words, mask):
    scores = words @ words.T / words.shape[-1] ** 0.5  # (T, T)
    weights = scores.softmax(dim=-1) * mask  # (T, T)
    return weights @ words  # (T, D)


example = torch.tensor([[1.0, 0], [0, 1], [1, 1]])  # (T, D)
print(broken(example, torch.ones(3, 3).tril().bool()))


# %% tags=["exercise"]
def fixed(words, mask):
    ### BEGIN SOLUTION
    scores = words @ words.T / words.shape[-1] ** 0.5  # (T, T)
    weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)  # (T, T)
    return weights @ words  # (T, D)
    ### END SOLUTION


check.masked_attention_fixed(fixed)

# %% [markdown]
# **4. Stretch.** `sight` exchanges words. Write a check that *cuts them off*: `step` takes words `(T, D)`,
# any number of them, and returns as many; the check returns `True` if no output reads a later word. Compare
# with `torch.allclose(..., atol=1e-6)`; seven attentions that leak are waiting. Then explain in two
# sentences why a decoder that passes may be trained on all places at once, and yet write word by word.


# %% tags=["exercise"]
def my_causal_check(step, words):
    ### BEGIN SOLUTION
    whole = step(words)
    for count in range(1, len(words)):
        if not torch.allclose(step(words[:count]), whole[:count], atol=1e-6):
            return False
    return True
    ### END SOLUTION


check.my_causal_check(my_causal_check)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# A decoder that writes has only the words so far: a sentence cut off. If no output depends on what comes
# later, one pass over the whole sentence makes the same proposals as writing word by word, so training may
# judge all of them together. A good answer also names a limit: the check has seen these words only, and a
# function that returns zeros passes it.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017: section 3.1
#   for the decoder stack, section 3.2.3 for the three attentions and the mask.
# - D. Bahdanau, K. Cho and Y. Bengio, [*Neural Machine Translation by Jointly Learning to Align and
#   Translate*](https://arxiv.org/abs/1409.0473), 2014: the fixed-length vector as a bottleneck, and
#   attention.
# - J. Alammar, [*The Illustrated Transformer*](https://jalammar.github.io/illustrated-transformer/): the
#   decoder in drawings.
# - S. Rush and others, [*The Annotated Transformer*](https://nlp.seas.harvard.edu/annotated-transformer/):
#   the same decoder in another code.
# - [`torch.tril`](https://docs.pytorch.org/docs/stable/generated/torch.tril.html) and
#   [`nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html)
#   in PyTorch, with True for hidden.
#
# ## What is still a placeholder
#
# Both towers stand. The target's embedding and its positions are borrowed, and the output layer that turns
# words into a guess of the next word is missing.
#
# {{next}}
