# %% [raw] tags=["card"]
# built: an encoder-only, a decoder-only and an encoder-decoder model, trained on the same sentences
# questions: How does the training data differ? Can a next-word model translate?

# %% [markdown]
# # 16 - Three families
#
# {{badge}}
#
# The Transformer has two towers, and soon after the paper people took them apart. BERT keeps the encoder,
# GPT the decoder without a memory to look at, and T5 keeps both. The parts are the ones that you have
# built, so what made three families of them? **How does the training data differ?**
#
# - **You need**: the masks of [09](09_decoder.ipynb), the model of [10](10_transformer.ipynb), and the
#   grammar of [13](13_translation.ipynb).
# - **It runs** in {{time}} on a laptop with two cores, most of it in four short trainings. In class, *Does
#   it copy?* and exercises 2 to 4 can be left for home.
#
# **From two lessons back.** In 14 a decoder with a cache read one new word at a time, without a mask, and
# wrote what the masked decoder writes. Why does the same decoder need a mask in training?
#
# <details><summary>Answer</summary>
#
# When it writes, the later words do not exist yet. In training the whole sentence is there, all places are
# asked at once, and only the mask hides from each what it must say.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import random

import torch
from torch import nn

from helpers import fast, plots
from helpers.data import BOS_ID, EOS_ID, PAD_ID, pad
from helpers.decoding import greedy_decode
from helpers.grammar import grammar_corpus, words
from helpers.model import (
    Encoder,
    PositionalEncoding,
    Transformer,
    causal_mask,
    eval_mode,
    padding_mask,
    record_attention,
)
from helpers.setup import progress
from helpers.training import TrainingConfig, learning_rate, token_loss
from lessons import pictures
from lessons.exercises import three_families as check

# %%
plots.show(plots.block_diagram(built=plots.PARTS, title="16: one tower, or both"))

# %% [markdown]
# Cover the right half, put the output layer on the encoder, and you have BERT's family. Cover the left
# half and the box of cross-attention, and you have GPT's.
#
# ## Stage 46 - The same sentences, three times
#
# The grammar of 13 writes the sentences. Only those of at most nine words are taken, so that the trainings
# are short, and each word is one id. German and English stand in one line, with a mark before each.

# %%
train_side, unseen = grammar_corpus(n_train=14_000, n_test=600, seed=0)
known = sorted({word for pair in train_side for word in words(pair.german) + words(pair.english)})
EN, MASK, DE = BOS_ID, 3, 4  # the mark of the English side has the id of <s>
vocabulary = ["<pad>", "en", "</s>", "<mask>", "de", *known]
number = {word: i for i, word in enumerate(vocabulary)}


# %%
def line(german, english):
    sides = [[number[word] for word in words(side)] for side in (german, english)]
    return [DE, *sides[0], EN, *sides[1], EOS_ID]


lines, tests = ([line(pair.german, pair.english) for pair in side if len(words(pair.german)) <= 9]
                for side in (train_side, unseen))  # fmt: skip
print(f"{len(lines)} lines to train on, {len(tests)} to test on, {len(vocabulary)} ids")
example = line("Die Frau liest den Brief.", "The woman reads the letter.")  # yours
print(*[f"{i} {vocabulary[i]}" for i in example], sep="  ")

# %% [markdown]
# Every test line has a combination of words that no training line has, as in 13.
#
# Now make training data of such lines. A model gets inputs, a label for each place, and the label 0 where
# nothing is asked. The first kind hides some words and asks for those. It is called **masked language
# modelling**, and BERT hides 15 % of the words.


# %%
drawing = torch.Generator().manual_seed(0)


def masked_words(lines, share=0.15):
    ids = pad(lines)  # (B, L)
    hidden = (torch.rand(ids.shape, generator=drawing) < share) & (ids > DE)  # (B, L), never a mark
    return (ids.masked_fill(hidden, MASK),), ids.masked_fill(~hidden, PAD_ID)


# %% [markdown]
# The second kind asks at every place for the next word, which is **causal language modelling**. The third
# cuts the line in two, one side for the encoder and one for the decoder, as in 13. Which of the three gets
# the most questions out of a line, and which the fewest?


# %%
def next_word(lines):
    ids = pad(lines)  # (B, L)
    return (ids[:, :-1],), ids[:, 1:]


def two_sides(lines):
    cuts = [line.index(EN) for line in lines]
    source = pad([[*line[:cut], EOS_ID] for line, cut in zip(lines, cuts, strict=True)])  # (B, S)
    target = pad([line[cut:] for line, cut in zip(lines, cuts, strict=True)])  # (B, T + 1)
    return (source, target[:, :-1]), target[:, 1:]


# %%
def read_and_asked(inputs, labels):
    """The words of the first row, and the word asked for below each of them, "" for none."""
    read = [vocabulary[i] for ids in inputs for i in ids[0].tolist()]
    asked = [vocabulary[i] if i else "" for i in labels[0].tolist()]
    return read, [""] * (len(read) - len(asked)) + asked


share = 0.3  # yours: more than BERT's 0.15, so that a short line shows something
KINDS = {"masked words": lambda lines: masked_words(lines, share), "next word": next_word,
         "two sides": two_sides}  # fmt: skip
for name, prepare in KINDS.items():
    for what, row in zip(("reads", "asked"), read_and_asked(*prepare([example])), strict=True):
        print(f"{name:13}{what}  ", *[f"{word:7}" for word in row])
    print(f"{'':13}questions in all training lines: {int((prepare(lines)[1] != PAD_ID).sum()):,}\n")

# %% [markdown]
# The same lines, and up to five times as many questions. Set `share` to 0.9: the questions grow in number,
# and what is left to answer them with?
#
# ## Stage 47 - Three models from the same parts
#
# The third kind has its model, the Transformer. For the other two an encoder with an output layer is
# enough. What turns BERT's model into GPT's is one line.


# %%
class OneTower(nn.Module):
    """An encoder with a tied output layer, ids (B, L) to logits (B, L, V)."""

    def __init__(self, n_vocab, causal, d_model=64):
        super().__init__()
        self.causal = causal
        self.embedding = nn.Embedding(n_vocab, d_model)
        self.positions = PositionalEncoding(d_model)
        self.encoder = Encoder(d_model, n_heads=4, d_ff=320, n_layers=2, dropout=0.0, norm_first=True)
        for matrix in [p for p in self.encoder.parameters() if p.dim() == 2]:
            nn.init.xavier_uniform_(matrix)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)

    def forward(self, ids):
        mask = padding_mask(ids, PAD_ID)  # (B, 1, 1, L)
        if self.causal:
            mask = mask & causal_mask(ids.shape[1])  # (B, 1, L, L)
        x = self.positions(self.embedding(ids) * 8)  # (B, L, D), 8 is the root of D
        return self.encoder(x, mask) @ self.embedding.weight.T  # (B, L, V)


# %%
n_vocab, models = len(vocabulary), {}
torch.manual_seed(0)
models["masked words"] = OneTower(n_vocab, causal=False)
models["next word"] = OneTower(n_vocab, causal=True)
models["two sides"] = Transformer(n_vocab, n_vocab, d_model=64, n_heads=4, d_ff=256, n_layers=1, dropout=0.0,
                                  norm_first=True, joint_vocabulary=True)  # fmt: skip
for name, model in models.items():
    print(f"{name:13} {sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown]
# Two layers in one tower, or one in each of two. The decoder's layer has a second attention, so the single
# towers are a little wider in their feed-forward parts (320 instead of 256), and all three come out equal
# to within one percent.
#
# What may an answer look at? Change each word that is read, one at a time, and see whether one answer
# notices. The line is the same in all three rows, and the thick box is the answer.


# %%
def noticed(model, inputs, place):
    """For each word that is read: does the answer at this place change when the word does?"""
    found = []
    for ids in inputs:
        for i in range(ids.shape[1]):
            other = ids.clone()
            other[0, i] = DE + 1 + (ids[0, i] == DE + 1)  # another word
            changed = [other if some is ids else some for some in inputs]
            found.append(not torch.allclose(model(*changed)[0, place], model(*inputs)[0, place], atol=1e-5))
    return found


# %%
panels = {}
for name, prepare in KINDS.items():
    inputs, labels = prepare([example])
    place = int(labels[0].nonzero()[len(labels[0].nonzero()) // 2])  # a question in the middle
    read, asked = read_and_asked(inputs, labels)
    with eval_mode(models[name]) as model:
        panels[name] = read, asked, place + len(read) - labels.shape[1], noticed(model, inputs, place)
plots.show(pictures.three_kinds(panels))

# %% [markdown]
# The masked model sees both sides of the gap, the other gaps as gaps. The next-word model sees what stands
# before. The Transformer sees the whole source, and what stands before on its own side. **How does the
# training data differ? All three kinds ask for words of the same sentences: for a few hidden ones with both
# sides in view, for each next one with only what stands before it in view, or for each word of a second
# sentence with the whole first one in view.** Nobody labels anything, as the sentences are their own labels;
# only the third kind needs to know which sentences belong together.
#
# ## Stage 48 - One loop for all
#
# This is the loop of 12, and `prepare` is all that differs in it. Each model sees the same lines in the
# same order, 64 at a time, 700 times.


# %%
def fit(model, prepare, steps=700):
    """Train on 64 lines at a time, neighbours in length; returns the number of questions asked."""
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    config, chance, asked = TrainingConfig(epochs=1, peak_lr=5e-3, warmup_steps=100), random.Random(0), 0
    for step in progress(range(1, steps + 1), desc="training"):
        start = chance.randrange(len(by_length) - 64)
        inputs, labels = prepare(by_length[start : start + 64])
        optimizer.param_groups[0]["lr"] = learning_rate(step, config)
        with fast.Kernels():  # the same results, sooner
            loss = token_loss(model(*inputs), labels)
            optimizer.zero_grad()
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        asked += int((labels != PAD_ID).sum())
    return asked


by_length = sorted(lines, key=len)
print(f"masked words: {fit(models['masked words'], masked_words):,} questions")

# %%
print(f"next word: {fit(models['next word'], next_word):,} questions")

# %%
print(f"two sides: {fit(models['two sides'], two_sides):,} questions")

# %% [markdown]
# Steps and parameters are equal, and the questions are not: that is a property of the data.
#
# ## Stage 49 - What can each of them do?
#
# Begin with going on. The next-word model gets a beginning, says a word, reads it, and so on, as in 14.
# What will it do when the German sentence is complete?


# %%
@torch.no_grad()
def say(model, row, place=-1):
    """The likeliest word at one place of one row of ids."""
    return model(torch.tensor([row]))[0, place].argmax().item()


def go_on(row, longest=40):
    while row[-1] != EOS_ID and len(row) < longest:
        row = [*row, say(models["next word"], row)]
    return row


def text(row):
    return " ".join(vocabulary[i] for i in row)


# %% tags=["nbval-ignore-output"]
# not compared: words of a model trained here
start = "Die Frau"  # yours
print(text(go_on([DE, *[number[word] for word in words(start)]])))
print(text(go_on([DE])))

# %% [markdown]
# It ends the sentence, and then it writes the mark and translates its own words: in its data, that is what
# comes next.
#
# The masked model can be made to go on as well. Put a gap behind the beginning, let it fill the gap, and put
# the next gap behind that. What would you expect?

# %% tags=["nbval-ignore-output"]
# not compared: words of a model trained here
row = [DE, *[number[word] for word in words(start)]]
for _ in range(8):
    row = [*row, say(models["masked words"], [*row, MASK])]
print(text(row))

# %% [markdown]
# TODO
#
# ### The table

# %%
def right(found, wanted):
    return sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted)


chance = random.Random(0)
gaps = [chance.randrange(2, line.index(EN) - 1) for line in tests]  # a German word, not the first
hidden = [line[k] for line, k in zip(tests, gaps, strict=True)]
before = [line[:k] for line, k in zip(tests, gaps, strict=True)]
holed = [[*line[:k], MASK, *line[k + 1 :]] for line, k in zip(tests, gaps, strict=True)]
masked, following, both = models.values()
score = {name: {} for name in models}

score["masked words"]["fill a gap"] = right([say(masked, r, k) for r, k in zip(holed, gaps)], hidden)
score["masked words"]["continue"] = right([say(masked, [*r, MASK]) for r in before], hidden)
for column in ("fill a gap", "continue"):
    score["next word"][column] = right([say(following, r) for r in before], hidden)


# %%
@torch.no_grad()
def say_two(source, target):
    return both(torch.tensor([[*source, EOS_ID]]), torch.tensor([target]))[0, -1].argmax().item()


def german(row):
    return row[: row.index(EN)]


score["two sides"]["fill a gap"] = right([say_two(german(h), [EN, *b[1:]]) for h, b in zip(holed, before)], hidden)
score["two sides"]["continue"] = right([say_two(b, [EN, *b[1:]]) for b in before], hidden)


# %%
def fill_all(row):
    for k in [k for k, i in enumerate(row) if i == MASK]:
        row = [*row[:k], say(masked, row, k), *row[k + 1 :]]
    return row


emptied = [[*german(r), EN, *[MASK] * (len(r) - len(german(r)) - 2), EOS_ID] for r in tests]
score["masked words"]["translate"] = right([fill_all(row) for row in emptied], tests)
score["next word"]["translate"] = right([go_on([*german(row), EN]) for row in tests], tests)
found = greedy_decode(both, pad([[*german(row), EOS_ID] for row in tests]))
score["two sides"]["translate"] = right([[*german(r), EN, *f, EOS_ID] for r, f in zip(tests, found)], tests)

# %% tags=["nbval-ignore-output"]
# not compared: scores of models trained here
for name, row in score.items():
    print(f"{name:14}", *[f"{column}: {share:.2f}   " for column, share in row.items()])

# %% [markdown]
# TODO
#
# ## Stage 50 - Does it copy?

# %%
def drawn_twice(length, size=64):
    drawn = torch.randint(DE + 1, n_vocab, (size, length), generator=drawing)  # (B, L)
    ids = torch.cat([torch.full((size, 1), DE), drawn, drawn], dim=1)  # (B, 2 L + 1)
    labels = ids[:, 1:].clone()
    labels[:, : length + 1] = PAD_ID  # what nobody can know
    return (ids[:, :-1],), labels


def copies(model, length=8):
    (ids,), labels = drawn_twice(length)
    with eval_mode(model), record_attention(model) as maps:
        found = model(ids).argmax(-1)
    heads = [w.diagonal(1 - length, -2, -1)[..., 2:].mean((0, -1)) for w in maps.values()]
    return (found == labels)[labels > 0].float().mean().item(), torch.stack(heads)


# %% tags=["nbval-ignore-output"]
# not compared: a model trained here
for length in (4, 8):
    print(copies(following, length))

# %%
copier = OneTower(n_vocab, causal=True)
fit(copier, lambda lines: drawn_twice(4 + int(torch.randint(9, (1,), generator=drawing))), steps=500)
print(*copies(copier), *copies(copier, 14))

# %% [markdown]
# TODO
#
# ## Recap
#
# 1. TODO
#
# ## Exercises
#
# **1. Warm-up.** On paper: a line has `de`, 9 German words, `en`, 11 English words and `</s>`. One word in
# five is hidden for the masked model, and never a mark. How many labels does the line hold for each of the
# three kinds, masked words, next word and two sides?

# %% tags=["exercise"]
### BEGIN SOLUTION
asked = [4, 22, 12]
### END SOLUTION

check.labels_on_paper(asked)

# %% [markdown]
# **2. Core.** T5 trains encoder and decoder on *one* sentence. Some spans of it are hidden. In the source each
# span, however long, is replaced by one mark of its own. The target holds, for each span, its mark and then
# its words, and ends with one more mark. Of `[10, 11, 12, 13, 14]` with the spans `[(1, 3), (4, 5)]` and the
# marks `[97, 98, 99]` come the source `[10, 97, 13, 98]` and the target `[97, 11, 12, 98, 14, 99]`. A span
# ends before its second number, and there is one mark more than there are spans.


# %% tags=["exercise"]
def hide_spans(ids, spans, marks):
    ### BEGIN SOLUTION
    source, target, last = [], [], 0
    for (start, end), mark in zip(spans, marks, strict=False):
        source += [*ids[last:start], mark]
        target += [mark, *ids[start:end]]
        last = end
    return source + ids[last:], [*target, marks[len(spans)]]
    ### END SOLUTION


check.hide_spans(hide_spans)

# %% [markdown]
# **3. Debug.** With this function the loss of a masked model falls to 0 within a few steps, and then it
# fills no gap. Which property must inputs and labels have together? Show that they do not have it, and fix
# the function. (3 is `<mask>`, and the label 0 asks for nothing.)


# %%
def broken_mask(ids, hidden):
    inputs = ids
    inputs[hidden] = 3
    return inputs, torch.where(hidden, ids, 0)


few = torch.tensor([[4, 50, 60, 70, 2]])
inputs, labels = broken_mask(few, few == 60)


# %% tags=["exercise"]
def mask_mended(ids, hidden):
    ### BEGIN SOLUTION
    return ids.masked_fill(hidden, 3), ids.masked_fill(~hidden, 0)
    ### END SOLUTION


check.mask_mended(mask_mended)

# %% [markdown]
# **4. Stretch.** TODO
#
# ## References
#
# TODO
#
# {{next}}
