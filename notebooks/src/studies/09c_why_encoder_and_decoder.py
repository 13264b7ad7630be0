# %% [raw] tags=["card"]
# questions: Is there more to the names encoder and decoder than that one comes first?

# %% [markdown]
# # 09c - Why are they called encoder and decoder?
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The two halves are built of the same parts. So why should one of them *encode*, and the other *decode*? If
# the names mean something, then one decoder with two codes must write two sentences, and with no code it
# cannot know which. And if the parts do not make the difference, an encoder should be able to do a
# decoder's work. What would it need for that?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import plots
from helpers.model import Encoder, PositionalEncoding, Transformer, causal_mask, eval_mode
from lessons.scoreboard import fit, label_loss

# %% [markdown]
# ## Four sentences
#
# They are few enough to know every right answer. Two have a dog and two a cat, so after `<s> the` each word
# is right in half of them.

# %%
vocabulary = ("<pad> <s> </s> <unk> der die Hund Katze schläft wartet the dog cat sleeps waits").split()
german = ["der Hund schläft", "der Hund wartet", "die Katze schläft", "die Katze wartet"]
english = ["the dog sleeps", "the dog waits", "the cat sleeps", "the cat waits"]


def to_ids(sentences):
    return torch.tensor([[vocabulary.index(word) for word in s.split()] for s in sentences])  # (B, L)


source = to_ids([f"{s} </s>" for s in german])  # (B, S)
target = to_ids([f"<s> {s} </s>" for s in english])  # (B, T + 1)
read, wanted = target[:, :-1], target[:, 1:]  # (B, T) each: the next word is wanted

# %% [markdown]
# ## One decoder, two codes
#
# Train two small models of the whole architecture, which 10 puts together. The first decoder reads the
# memory of its encoder. The second gets zeros in its place, in training as well, so it knows its own words
# and nothing else.


# %%
def small():
    torch.manual_seed(0)
    sizes = {"d_model": 32, "n_heads": 4, "d_ff": 128, "n_layers": 1, "dropout": 0.0}
    return Transformer(len(vocabulary), len(vocabulary), **sizes, joint_vocabulary=True)


with_memory, without = small(), small()
nothing = torch.zeros(4, 4, 32)  # (B, S, D)
fit(with_memory, lambda step: label_loss(with_memory(source, read), wanted), steps=400, lr=3e-3)
fit(without, lambda step: label_loss(without.decode(read, nothing, None), wanted), steps=400, lr=3e-3)
print("trained: 400 steps each")

# %% [markdown]
# Now both decoders get the very same words, `<s> the`, and the first of them gets two memories, one after the
# other. What will the three say?


# %%
def next_word(model, memory, words):
    """The shares of dog, cat and all other words as the next one."""
    with eval_mode(model):
        logits = model.decode(to_ids([words]), memory, None)[0, -1]  # (V,)
    shares = logits.softmax(dim=-1)[[vocabulary.index("dog"), vocabulary.index("cat")]].tolist()
    return {"dog": shares[0], "cat": shares[1], "other": 1 - sum(shares)}


with eval_mode(with_memory):
    codes = with_memory.encode(source)  # (B, S, D)
panels = {
    "memory of\nder Hund schläft": next_word(with_memory, codes[:1], "<s> the"),
    "memory of\ndie Katze schläft": next_word(with_memory, codes[2:3], "<s> the"),
    "no memory": next_word(without, nothing[:1], "<s> the"),
}

# %%
# alt: Three panels of bars for dog, cat and other. With the memory of der Hund nearly all of the bar is dog,
#   with that of die Katze nearly all is cat, and without memory both have .50.
plots.show(plots.share_bars(panels, title="The next word after <s> the"))

# %% [markdown]
# With one code it is *dog*, with the other *cat*. Without any, half and half, which is the right answer to
# another question: what usually comes next in English? A model that answers it is a **language model**.

# %%
first, second, none = panels.values()
assert first["dog"] > 0.95 and second["cat"] > 0.95 and abs(none["dog"] - 0.5) < 0.05
print({name: {word: round(share, 2) for word, share in shares.items()} for name, shares in panels.items()})

# %% [markdown]
# Which does it follow where they disagree, its own words or the code?  Change it in the middle. The decoder
# has read `<s> the dog` and gets the memory of *die Katze wartet*. A decoder that went by its own words
# alone would let the dog sleep.


# %%
def goes_on(words, memory):
    with eval_mode(with_memory):
        return vocabulary[with_memory.decode(to_ids([words]), memory, None)[0, -1].argmax()]


for name, code in zip(german, codes, strict=True):
    print(f"<s> the dog, memory of {name:18} goes on with", goes_on("<s> the dog", code[None]))

# %% [markdown]
# ## The same parts
#
# What is left of a decoder layer without cross-attention and its norm? Count the parameters.


# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


layer = with_memory.decoder.layers[0]
left = count(layer) - count(layer.cross_attention) - count(layer.add_and_norm[1])
print("decoder layer without:", left, "  encoder layer:", count(with_memory.encoder.layers[0]))

# %% [markdown]
# An encoder layer. So take an *encoder*, and let it write English: once under the causal mask, and once as it
# is, without a mask. Both see all four sentences in training, and are asked for the next word at each place.
# Which gets the lower loss? And which can write?


# %%
class Writer(nn.Module):
    """An encoder that is asked for the next word: ids (B, T) to logits (B, T, V)."""

    def __init__(self, masked):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(15, 32), PositionalEncoding(32)
        self.encoder, self.output = Encoder(32, 4, 128, 1, dropout=0.0), nn.Linear(32, 15)
        self.masked = masked

    def forward(self, ids):
        mask = causal_mask(ids.shape[1]) if self.masked else None
        return self.output(self.encoder(self.positions(self.embedding(ids)), mask))  # (B, T, V)


writers = {}
for name, masked in {"causal mask": True, "no mask": False}.items():
    torch.manual_seed(0)
    writer = Writer(masked)
    fit(writer, lambda step, writer=writer: label_loss(writer(read), wanted), steps=400, lr=3e-3)
    writers[name] = writer

# %% tags=["nbval-ignore-output"]
# not compared: shares of models trained here
for name, writer in writers.items():
    with eval_mode(writer):
        print(f"{name}: loss {label_loss(writer(read), wanted).item():.2f}")
        for words in ("<s>", "<s> the", "<s> the dog"):
            best = writer(to_ids([words]))[0, -1].softmax(dim=-1).topk(2)  # two shares and their ids
            says = [f"{vocabulary[i]} {share:.2f}" for share, i in zip(*best, strict=True)]
            print(f"   after {words:12}", *says)
print(f"two words of four by the toss of a coin: {2 * math.log(2) / 4:.2f}")

# %% [markdown]
# Under the mask the encoder has become a language model, and its loss is the least that is possible: two of
# the four words are a toss-up, whatever one has read. Without the mask the loss is 0, which is better than
# can be known, since each place but the last can read its answer one place to the right. When it writes
# there is no such place, and its shares mean nothing: after *the dog* it is sure of one verb, though half
# of the dogs do the other.
#
# ## The answer
#
# **The names say what each half is for: the encoder makes a code of the sentence, and the decoder a
# sentence of the code. After the same `<s> the` one decoder was sure of *dog* with one memory and of *cat*
# with another, and one that was trained without a memory gave each .50. The parts do not make the
# difference: an encoder under a causal mask gives the next word as well.**
#
# ## What this does not say
#
# Four sentences and one layer show what the names mean, not how well it works. Whether translation needs two
# towers at all is another question: models exist that read the source and write the target in one tower,
# under one mask.
#
# ## An open exercise
#
# Let one tower translate. Write source and target in one row, `der Hund schläft </s> <s> the dog sleeps`, and
# train the writer on it. Which mask should the German words have, and which loss?
#
# <details><summary>What a good answer contains</summary>
#
# A mask with two parts: all German words see each other, English words see all the German ones and the
# English ones before them. The loss of the English places only. Two sentences held out, with the remark
# that four are too few to show it. And the comparison of parameters: one tower has no cross-attention.
#
# </details>
#
# ## References
#
# - K. Cho and others, [*Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
#   Translation*](https://arxiv.org/abs/1406.1078), 2014: where the two names come from in translation.
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017, section 3.1.
#
# Back to {{lesson}}.
