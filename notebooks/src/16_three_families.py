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
# - **You need**: the masks of [09](09_decoder.ipynb), the model of [10](10_transformer.ipynb), the loop of
#   [12](12_training_that_generalises.ipynb), and the grammar of [13](13_translation.ipynb).
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
# The grammar of 13 writes the sentences, of which only those with at most nine German words are taken, so
# that the trainings are short. Each word is one id, and German and English stand in one line, with a mark
# before each.

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
example = line("Die Frau schläft.", "The woman sleeps.")  # yours
print(*[f"{i} {vocabulary[i]}" for i in example], sep="  ")

# %% [markdown]
# Each test line has a combination of words that no training line has, as in 13.
#
# Now make training data of such lines: inputs, a label for each place, and the label 0 where nothing is
# asked. The first kind hides some words and asks for those, which is called **masked language modelling**.
# BERT asks for 15 % of the words; take 30 %, so that a short training has more to ask.


# %%
share = 0.3  # yours
drawing = torch.Generator().manual_seed(0)


def hide(ids, hidden):
    return (ids.masked_fill(hidden, MASK),), ids.masked_fill(~hidden, PAD_ID)  # (B, L) each


def masked_words(lines):
    ids = pad(lines)  # (B, L)
    hidden = torch.rand(ids.shape, generator=drawing) < share  # (B, L)
    return hide(ids, hidden & (ids > DE))  # never a mark


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


KINDS = {"masked words": masked_words, "next word": next_word, "two sides": two_sides}
for name, prepare in KINDS.items():
    print(f"{name}: {int((prepare(lines)[1] != PAD_ID).sum()):,} questions in all training lines")
    for what, row in zip(("reads", "asked"), read_and_asked(*prepare([example])), strict=True):
        print(f"  {what}  ", *[f"{word:7}" for word in row])

# %% [markdown]
# The same lines, and nearly four times as many questions in one kind as in another. Set `share` to 0.9 and
# run the cell with it and the last one again: there are more questions, and what is left to answer them
# from? Then set it back and run both cells again, because the training reads it.
#
# ## Stage 47 - Three models from the same parts
#
# The third kind has its model, the Transformer, and for the other two an encoder with an output layer is
# enough. What turns BERT's model into GPT's is one line. Which one do you expect?


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
# Two layers in one tower, or one in each of two. The decoder's layer has a second attention, so single towers
# have 320 units in feed-forward parts instead of 256, and all three are equal to within one percent.
#
# *Going deeper: [What has changed in the layer since 2017?](studies/16a_since_2017.ipynb)* Of four changes,
# rotary positions and SwiGLU translate better here.
#
# To see what an answer may look at, change each word that is read, one at a time, and ask whether the
# answer notices. Take the question *woman* in all three kinds, and mark on paper which words each of them
# will notice.


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
ids, panels = pad([example]), {}
for name, prepare in KINDS.items():
    inputs, labels = hide(ids, ids == ids[0, -4]) if name == "masked words" else prepare([example])
    read, asked = read_and_asked(inputs, labels)
    place = asked.index(vocabulary[ids[0, -4]])
    with eval_mode(models[name]) as model:
        seen = noticed(model, inputs, place - len(read) + labels.shape[1])
    panels[name] = read, asked, place, seen
plots.show(pictures.three_kinds(panels))

# %% [markdown]
# The masked model looks at both sides of its gap, the next-word model at what stands before, and the
# Transformer at the whole source and at what stands before on its own side. **How does the training data
# differ? All three ask for words of the same sentences: a few hidden ones with both sides in view, every
# next one with only what stands before, or those of a translation with its source in view.** Nobody has to
# write labels, since the sentences are their own. (Here each line holds a pair, so that the three can be
# compared. BERT and GPT read plain text. A translator must know which two sentences belong together, and T5
# does without that as well, as exercise 2 shows.)
#
# ## Stage 48 - One loop for all
#
# This is the loop of 12, and `prepare` is all that changes in it. Each model gets the same lines in the
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
# Steps and parameters are equal, and the questions are not: that belongs to the data.
#
# ## Stage 49 - What can each of them do?
#
# One function asks all three for a word, given what stands before it and after it. The next-word model
# cannot read what comes after. The Transformer gets the sentence with its gap as the source, and what stands
# before the gap as the beginning of its answer.


# %%
def german(ids):
    return list(ids[: ids.index(EN)] if EN in ids else ids)


@torch.no_grad()
def guess(name, before, after=()):
    """The likeliest word between the ids before and the ids after it."""
    if name == "masked words":
        logits = models[name](torch.tensor([[*before, MASK, *after]]))[0, len(before)]  # (V,)
    elif name == "next word":
        logits = models[name](torch.tensor([before]))[0, -1]  # (V,)
    else:
        source = torch.tensor([[*before, MASK, *german(after), EOS_ID]])  # (1, S)
        logits = models[name](source, torch.tensor([[EN, *before[1:]]]))[0, -1]  # (V,)
    return logits.argmax().item()


# %% [markdown]
# Begin with going on, which means to say a word, read it, and say the next. What will the next-word model do
# when its German sentence is complete?


# %%
def go_on(row, longest=40):
    while row[-1] != EOS_ID and len(row) < longest:
        row = [*row, guess("next word", row)]
    return row


def text(row):
    return " ".join(vocabulary[i] for i in row)


# %% tags=["nbval-ignore-output"]
# not compared: words of a model trained here
start = [DE, *[number[word] for word in words("Die Frau")]]  # yours
print(text(go_on(start)))
print(text(go_on([DE])))

# %% [markdown]
# It completes the sentence, writes the mark, and translates its own words, because in its lines that is
# what comes next. With nothing but `de` to begin with it makes up both.
#
# The masked model can be asked in the same way: put a gap behind the beginning, let it fill the gap, put the
# next gap behind that, and so on. How well will it go on?

# %% tags=["nbval-ignore-output"]
# not compared: words of a model trained here
row = start
for _ in range(8):
    row = [*row, guess("masked words", row)]
print(text(row))

# %% [markdown]
# A few words may fit, and then it is no language any more. In its data a gap stood in a whole line, with
# `</s>` at the end, and no line broke off behind one: that is a likely reason, and exercise 4 puts it to the
# test.
#
# ### The table
#
# Now count, on the test lines. *Fill a gap* hides one German word and shows the rest of the line, the
# English side as well (to the Transformer only the German one, since the English is its answer), while
# *continue* shows only what stands before that word. *Translate* shows the German side and `en`, and every
# word must be right. The masked model is told how many words the translation has, and fills as many gaps
# from left to right. Write down nine guesses first: near 0, in between, or more than a half.


# %%
def translate(name, line):
    row = [*german(line), EN]
    if name == "two sides":
        return [*row, *greedy_decode(models[name], torch.tensor([[*row[:-1], EOS_ID]]))[0], EOS_ID]
    if name == "next word":
        return go_on(row)
    for left in reversed(range(len(line) - len(row) - 1)):
        row = [*row, guess(name, row, [*[MASK] * left, EOS_ID])]
    return [*row, EOS_ID]


# %%
chance = random.Random(0)
cuts = [chance.randrange(2, line.index(EN) - 1) for line in tests]  # a German word, not the first
asked = list(zip(tests, cuts, strict=True))
table = {}
for name in models:
    filled = sum(guess(name, line[:k], line[k + 1 :]) == line[k] for line, k in asked)
    continued = sum(guess(name, line[:k]) == line[k] for line, k in asked)
    translated = sum(translate(name, line) == line for line in tests)
    table[name] = [count / len(tests) for count in (filled, continued, translated)]

# %% tags=["nbval-ignore-output"]
# not compared: scores of models trained here
print(f"{'':14}fill a gap   continue   translate")
for name, row in table.items():
    print(f"{name:14}", *[f"{score:<11.2f}" for score in row])

# %%
masked, following, both = table.values()
assert masked[0] > following[0] + 0.1 and following[1] > masked[1] + 0.1 and max(both[:2]) < 0.05
assert min(following[2], both[2]) > 0.4 and masked[2] < 0.2

# %% [markdown]
# The masked model fills more gaps than the next-word model, which cannot read what comes behind them, and it
# does nearly nothing else. Its data may be why: a whole English side was almost never hidden. The Transformer
# was never asked for a German word, and finds none.
#
# **Can a next-word model translate? Yes: given the German sentence and `en` as a beginning, a *prompt*, it
# writes the right translation of more than half of the test sentences, word for word.** Translation was not
# its task. It stood in its lines, and whatever can be written as a line can be asked for as a next word,
# which is one reason why most large language models today belong to this family. The Transformer had the
# same steps and half the questions, and which of the two translates better is not settled by one training
# each.
#
# *Going deeper: [First the language, then the
# task](studies/16b_first_the_language_then_the_task.ipynb)* With few pairs it helps to fill gaps first.
#
# Is a gap out of reach, then, for a model that cannot look behind it? Try every word of the vocabulary there,
# and take the line that the next-word model finds likeliest as a whole, as 14 scored sentences. That costs a
# pass over more than 500 lines for each gap, so take 50 gaps. Will it come near to the masked model?


# %%
@torch.no_grad()
def fill_by_trying(line, k):
    rows = torch.tensor([[*line[:k], i, *line[k + 1 :]] for i in range(DE + 1, n_vocab)])  # (N, L)
    logs = models["next word"](rows[:, :-1]).log_softmax(-1).gather(-1, rows[:, 1:, None])  # (N, L - 1, 1)
    return DE + 1 + logs.sum((1, 2)).argmax().item()


# %% tags=["nbval-ignore-output"]
# not compared: scores of models trained here
tried = sum(fill_by_trying(line, k) == line[k] for line, k in asked[:50]) / 50
filled = sum(guess("masked words", line[:k], line[k + 1 :]) == line[k] for line, k in asked[:50]) / 50
print(f"masked words, one pass: {filled:.2f}   next word, every word tried: {tried:.2f}")

# %% [markdown]
# The next-word model leaves the masked one far behind. While it says the word, the next-word model knows
# nothing of what will follow, but a wrong word makes what follows unlikely, and the score of the line holds
# both. What it cannot do is answer in one pass. A likely reason why it wins is the number of its questions,
# nearly four times as many in the same steps, and a masked model trained longer would show whether that is
# all.
#
# ## Stage 50 - Does it copy?
#
# A next-word model could learn one more thing: where has this word come before, and what followed it then?
# That word is a good guess. A head that looks there is called an **induction head**, and large language
# models have them. Does yours? Draw words at random, write them twice, and ask for the second half, in
# which every word but the first can be known.


# %%
def copying(model, length=8):
    """The share of the second half that is right, and how much each head gives to the word to copy."""
    drawn = torch.randint(DE + 1, n_vocab, (64, length), generator=drawing)  # (B, L)
    ids = torch.cat([torch.full((64, 1), DE), drawn, drawn], dim=1)  # (B, 2 L + 1)
    with eval_mode(model), record_attention(model) as maps:
        found = model(ids[:, :-1]).argmax(-1)[:, length + 1 :]  # (B, L - 1)
    # the place behind the earlier copy of a word stands length - 1 places back
    looks = [weights.diagonal(1 - length, -2, -1)[..., 2:].mean((0, -1)) for weights in maps.values()]
    return (found == drawn[:, 1:]).float().mean().item(), torch.stack(looks)  # (layers, H)


# %%
right, looks = copying(models["next word"])
even = sum(1 / n for n in range(10, 17)) / 7  # if a place gave the same to all that it may see
print(f"right: {right:.2f}, best head: {looks.max():.2f}, looking evenly: {even:.2f}")
assert right < 0.1 and looks.max() < 2 * even

# %% [markdown]
# On such rows it shows none: it copies nothing, and no head gives the word to copy twice what an even look
# would. A likely reason is its data, because a line of the grammar uses no noun twice. If that is the
# reason, the same class must grow such heads from lines that repeat themselves. So make rows of drawn words
# that repeat, each with a period of its own, and ask for every word that can be known.


# %%
def periodic(_):
    drawn = torch.randint(DE + 1, n_vocab, (64, 20), generator=drawing)  # (B, T)
    period, places = torch.randint(3, 14, (64, 1), generator=drawing), torch.arange(20)
    ids = torch.cat([torch.full((64, 1), DE), drawn.gather(1, places % period)], dim=1)  # (B, T + 1)
    return (ids[:, :-1],), ids[:, 1:].masked_fill(places <= period, PAD_ID)


torch.manual_seed(0)
copier = OneTower(n_vocab, causal=True)
print(f"{fit(copier, periodic, steps=450):,} questions")


# %% [markdown]
# Find the heads, and switch them off, since without its weights a head says nothing: first each head of
# layer 2 alone, then all four together, and as a control the four of layer 1. How much of the copying will
# be left?


# %%
def switch_off(layer, heads):
    def off(module, inputs, weights):
        return weights.index_fill(1, torch.tensor(heads), 0.0)  # (B, H, T, T)

    return layer.self_attention.dropout.register_forward_hook(off)


# %% tags=["nbval-ignore-output"]
# not compared: numbers of a model trained here
right, looks = copying(copier)
print(f"right: {right:.2f}")
for layer, row in enumerate(looks.tolist(), 1):
    print(f"layer {layer} gives the word to copy:", *[f"{look:.2f}" for look in row])
every = [0, 1, 2, 3]
for layer, heads in ((2, [0]), (2, [1]), (2, [2]), (2, [3]), (2, every), (1, every)):
    hook = switch_off(copier.encoder.layers[layer - 1], heads)
    print(f"without {heads} of layer {layer}: {copying(copier)[0]:.2f}")
    hook.remove()

# %% [markdown]
# All four heads of layer 2 give most of their weight to the word to copy, and layer 1 gives it little. Any
# one of them can be spared, but without all four nothing is copied, and little without the four of layer 1:
# switching off shows that both layers are needed, and the weights which of them does the looking. So the
# same class grows induction heads in fewer steps when its lines repeat, and shows none on such rows after
# the grammar. The two kinds of lines differ in more than repetition. To find the word *behind* an earlier
# copy, layer 2 needs words that know what stood before them. Presumably layer 1 tells them, like the first
# hop in 08, and `record_attention` could show it.
#
# ## Recap
#
# 1. The three kinds of training data hide words of the same sentences and ask for them. They differ in what
#    is in view, and in how many questions a line gives.
# 2. An encoder with an output layer is the masked model, and a causal mask makes it the next-word model.
# 3. The masked model fills gaps and can hardly go on. The next-word model goes on, translates when prompted,
#    and fills gaps when every word is tried. The Transformer translates, and finds no German word.
# 4. The next-word model copies nothing after the grammar, and has induction heads after lines that repeat.
#
# ## Exercises
#
# **1. Warm-up.** On paper: a line has `de`, 9 German words, `en`, 11 English words and `</s>`. One word in
# five is hidden for the masked model, and never a mark. How many labels does the line hold for each of the
# three kinds, masked words, next word and two sides?

# %% tags=["exercise"]
### BEGIN SOLUTION
labels_asked = [4, 22, 12]
### END SOLUTION

check.labels_on_paper(labels_asked)

# %% [markdown]
# **2. Core.** T5 trains encoder and decoder on *one* sentence, in which some spans of words are hidden. In
# the source each span, however long, is replaced by one mark of its own. The target holds, for each span, its
# mark and then its words, and it ends with one more mark. So `[10, 11, 12, 13, 14]` with the spans
# `[(1, 3), (4, 5)]` and the marks `[97, 98, 99]` gives the source `[10, 97, 13, 98]` and the target
# `[97, 11, 12, 98, 14, 99]`. A span ends before its second number, and marks are one more than spans.


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
# **3. Debug.** With this function the loss of a masked model soon falls nearly to 0, and then the model fills
# no gap. Which property must inputs and labels have together? Show that they do not have it, and fix the
# function. (3 is `<mask>`, and the label 0 asks for nothing.)


# %%
def broken_mask(ids, hidden):
    inputs = ids
    inputs[hidden] = 3
    return inputs, torch.where(hidden, ids, 0)


few = torch.tensor([[4, 50, 60, 70, 2]])
inputs, labels = broken_mask(few, few == 60)
print("inputs", inputs.tolist(), "labels", labels.tolist())


# %% tags=["exercise"]
def mask_mended(ids, hidden):
    ### BEGIN SOLUTION
    return ids.masked_fill(hidden, 3), ids.masked_fill(~hidden, 0)
    ### END SOLUTION


check.mask_mended(mask_mended)

# %% [markdown]
# **4. Stretch.** Teach the masked model to continue, by changing its training data and nothing else. Then
# fill the table again: what does it gain under *continue*, and what does it lose under *fill a gap*?
#
# <details><summary>What a good answer contains</summary>
#
# Lines that are cut at a place drawn at random, with a gap as their last word: what the model is asked for
# in use must occur in its data. Both columns before and after, at equal steps. And a count: such a line
# holds one question about what comes next where the next-word data asks about sixteen, so even a model that
# learns it pays in steps. With half of the lines cut and half as before, the price for the gaps can be read
# off. If *continue* does not rise with several times the steps either, the reason given in stage 49 was
# wrong.
#
# </details>
#
# ## References
#
# - J. Devlin and others, *BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding*,
#   2018, [arXiv:1810.04805](https://arxiv.org/abs/1810.04805). That 15 % is not sacred: A. Wettig and others,
#   *Should You Mask 15% in Masked Language Modeling?*, 2022,
#   [arXiv:2202.08005](https://arxiv.org/abs/2202.08005).
# - T. Brown and others, *Language Models are Few-Shot Learners*, 2020,
#   [arXiv:2005.14165](https://arxiv.org/abs/2005.14165): GPT-3, translation by prompt in section 3.3.
# - C. Raffel and others, *Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer*,
#   2019, [arXiv:1910.10683](https://arxiv.org/abs/1910.10683): T5, and the families side by side.
# - C. Olsson and others, [*In-context Learning and Induction
#   Heads*](https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads/index.html), 2022.
# - Told another way: J. Alammar, [*The Illustrated GPT-2*](https://jalammar.github.io/illustrated-gpt2/); the
#   Hugging Face course trains both kinds on real text,
#   [masked](https://huggingface.co/learn/llm-course/chapter7/3) and
#   [causal](https://huggingface.co/learn/llm-course/chapter7/6).
#
# ## What is still a placeholder
#
# Nothing in the model.
#
# {{next}}
