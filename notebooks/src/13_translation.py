# %% [raw] tags=["card"]
# built: a translator, trained in a minute or two, and scored as translators are scored
# questions: How do sentences become batches? What are subwords for? How is a translation scored?
# Does the model look at what *ihn* stands for?

# %% [markdown]
# # 13 - Translation
#
# {{badge}}
#
# Fluent English is easy to believe. In 00 a translator wrote "her dog catches him", about a sentence with
# no him in it. Today you train one yourself, on sentences whose right translation is known to the last
# word. **Does it translate?**
#
# - **You need**: the model of [10 - The Transformer](10_transformer.ipynb), and teacher forcing and the
#   schedule of [11](11_training_that_is_not_fooled.ipynb) and [12](12_training_that_generalises.ipynb). All
#   of it is imported from `helpers`, so a class can also begin here.
# - **It runs** in {{time}} on a laptop with two cores, and most of that is the training. In class, *On real
#   sentences*, exercise 4 and the project can be left for home.
#
# **From two lessons back.** In 11 a model without a causal mask got every word right while it read the right
# answer, and wrote nonsense by itself. What had it learned to do?
#
# <details><summary>Answer</summary>
#
# To copy. The word that it was to predict stood in its input, one place further on, and nothing hid it. In
# use nobody puts it there.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import json
import random
from collections import Counter
from pathlib import Path

import torch
from sacrebleu.metrics import BLEU

import helpers
from helpers import plots
from helpers.arguments import choose_device
from helpers.data import bucketed_batches, encode_pairs, make_batch, padding_share, train_tokenizer
from helpers.decoding import translate_batch
from helpers.grammar import SentencePair, grammar_corpus, held_out_combinations, pronoun_pairs, words
from helpers.model import Transformer
from helpers.multi30k import multi30k
from helpers.training import TrainingConfig, train
from lessons import alignment, pictures
from lessons.exercises import translation as check

# %%
plots.show(plots.block_diagram(built=plots.PARTS, title="13: everything in place"))

# %% [markdown]
# No part is hatched. What the model does not have is knowledge, and it gets that from pairs of sentences.
#
# ## A corpus that needs no download
#
# Real translation data is large and lies on somebody's server, so this notebook brings its own: a small
# grammar in `helpers/grammar.py` writes German sentences with exactly one English translation each. It
# knows few words and real grammar: gender, case, tenses, verbs at the end, relative clauses, and pronouns
# that refer back. (What the other value of the switch does, the last section says.)

# %%
DATASET = "grammar"  # or "multi30k": a download, and more than an hour of training on a CPU
if DATASET == "grammar":
    train_side, unseen = grammar_corpus(n_train=20_000, n_test=600, seed=0)
    valid_side, test_side = unseen[:300], unseen[300:]
else:
    sides = (multi30k(split) for split in ("train", "valid", "test"))
    train_side, valid_side, test_side = ([SentencePair(*pair, ()) for pair in side] for side in sides)
print(len(train_side), "pairs to train on,", len(valid_side), "to choose by,", len(test_side), "to test on")

# %%
word = "Ball"  # yours: Hund, liest, nicht, weil ...
for pair in [pair for pair in train_side if word in words(pair.german)][:5]:
    print(f"{pair.german}\n    {pair.english}")

# %% [markdown]
# A fair test asks for something new. The grammar keeps some combinations of words out of the training, an
# adjective with a noun, a noun with a verb, a verb with a kind of sentence, while each single word occurs
# there. Every sentence of the other two sides has such a combination.

# %%
held_out = held_out_combinations(seed=0)
for pair in valid_side[:4]:
    print(f"{pair.german:58} new:", *sorted(pair.combinations & held_out)[:1])
by_heart = {pair.german: pair.english for pair in train_side}
print("right, for who has learned the training by heart:", sum(p.german in by_heart for p in valid_side))

# %% [markdown]
# ## Subwords
#
# The model reads numbers, so every piece of text needs an id. A list of whole words fails at the first new
# word, and single letters make long sentences. Between them are **subwords**: frequent words stay whole,
# and rare ones fall into pieces. The method is byte-pair encoding (section 5.1 of the paper), which starts
# from letters and merges the most frequent pair of neighbours again and again. One vocabulary serves both
# languages, and it is learned from the training side only, like everything that learns.

# %%
sentences = [sentence for pair in train_side for sentence in (pair.german, pair.english)]
tokenizer = train_tokenizer(sentences, vocab_size=900 if DATASET == "grammar" else 6000)
for text in ("Der Hund schläft.", "Hundekuchen", "schlaflos", "Señor"):  # yours
    print(f"{text:18}", *tokenizer.encode(text).tokens)

# %% [markdown]
# The mark `▁` stands for the space before a word. **What are subwords for? With a small vocabulary nearly
# every word can be read, since a new one falls into known pieces**, down to letters. Only a letter that
# never occurred has no piece, and becomes `<unk>`.
#
# *Going deeper: [Byte pairs by hand](studies/13a_byte_pairs_by_hand.ipynb)* Forty lines make the same
# merges as the library.
#
# ## Batches
#
# A batch is a rectangle of ids `(B, S)`, so short sentences are filled up with `<pad>`, which costs time
# and teaches nothing. Sentences may be put together at random, or sorted by length first. How much of the
# rectangles is padding in each case?

# %%
encoded = encode_pairs([(pair.german, pair.english) for pair in train_side], tokenizer)
bucketed = bucketed_batches(encoded, max_tokens=1000, seed=0)
order = random.Random(0).sample(encoded, len(encoded))
size = len(encoded) // len(bucketed)
mixed = [make_batch(order[i : i + size]) for i in range(0, len(order), size)]
print(f"at random {padding_share(mixed):.0%} padding, sorted by length {padding_share(bucketed):.0%}")
print("shapes (B, S) of the first batches:", *(tuple(batch.src.shape) for batch in bucketed[:3]))

# %% [markdown]
# **How do sentences become batches? Cut into subwords, sorted by length, and filled up to a rectangle**,
# many short sentences or few long ones. The batches themselves are shuffled, or the model would read all
# short sentences first.
#
# ## Training, for some minutes
#
# It is the model of 10, only smaller, with two layers in each tower, 64 numbers per word and eight heads.
# It norms before each part (`norm_first`) and needs no dropout. These settings, and those of the training,
# were chosen on the validation side.

# %%
SIZES = {
    "grammar": dict(d_model=64, n_heads=8, d_ff=256, n_layers=2, dropout=0.0, norm_first=True),
    "multi30k": dict(d_model=256, n_heads=8, d_ff=512, n_layers=3, dropout=0.2),
}
CONFIGS = {
    "grammar": dict(epochs=7, max_tokens=1000, peak_lr=1e-2, warmup_steps=200, average_last=3),
    "multi30k": dict(epochs=24, max_tokens=3000, peak_lr=1.5e-3, warmup_steps=800, average_last=5),
}


def new_model():
    torch.manual_seed(0)
    n_vocab = tokenizer.get_vocab_size()
    return Transformer(n_vocab, n_vocab, joint_vocabulary=True, **SIZES[DATASET])


model = new_model()
print(f"{sum(p.numel() for p in model.parameters()):,} parameters, of which the tables of subwords hold "
      f"{model.src_embedding.weight.numel():,}")  # fmt: skip
source = "Die Frau liest den Brief nicht."
print("before training:", repr(translate_batch(model, tokenizer, [source])[0][:40]))

# %%
device = "cpu" if DATASET == "grammar" else choose_device("auto")  # a GPU, where there is one
history = train(model, encoded, TrainingConfig(**CONFIGS[DATASET]), device=device)
model.cpu()
print(len(history.step), "steps")

# %%
# alt: Three pictures over the steps. The training loss falls steeply, then flattens near 1. The
#   teacher-forced accuracy rises towards 1. The learning rate rises, then falls.
plots.show(plots.training_curves(history, title="Training, with label smoothing"))

# %% [markdown]
# The loss flattens near 1 and would not go to 0, because label smoothing asks for a little less than
# certainty (12). The accuracy in the middle is teacher-forced, since the decoder reads the right words
# whatever it would have said. So it is not yet a score for translations.
#
# ## Is it right?
#
# Now the decoder reads its own words. The strictest score is the **exact match**, which wants every word,
# every ending and every comma as in the reference. What do you expect after so short a training?

# %% tags=["nbval-ignore-output"]
# not compared: sentences by the model trained here
def translate(pairs):
    return translate_batch(model, tokenizer, [pair.german for pair in pairs])


found = translate(valid_side)
wrong = [(pair, text) for pair, text in zip(valid_side, found, strict=True) if text != pair.english]
print(f"{len(wrong)} of {len(valid_side)} are not exactly right")
for pair, text in wrong[:3]:
    print(f"\ngerman  {pair.german}\nright   {pair.english}\nmodel   {text}")

# %% [markdown]
# Do the wrong ones sound wrong? Here most do, and the *him* of 00 did not: a decoder is also a model of
# English, so a fluent translation is no proof of a right one.
#
# Real sentences have many good translations, and there an exact match says little. **How is a translation
# scored? By BLEU, the share of its runs of one to four words that stand in a reference, with a penalty for
# being too short, and always with the signature that says how it was computed.** Now that nothing is left
# to choose, score the test side, once.

# %% tags=["nbval-ignore-output"]
# not compared: the scores of the model trained here, and the version of sacreBLEU
found, references = translate(test_side), [pair.english for pair in test_side]
exact = sum(text == right for text, right in zip(found, references, strict=True)) / len(references)
metric = BLEU()
print(f"exact match {exact:.1%}, BLEU {metric.corpus_score(found, [references]).score:.1f}")
print(metric.get_signature())

# %%
assert exact >= 0.95 or DATASET != "grammar", f"only {exact:.1%}"

# %% [markdown]
# A BLEU this high means an easy test and no perfect translator, because the grammar has one way to say each
# thing.
#
# *Going deeper: [What does a BLEU score say?](studies/13b_what_does_a_bleu_score_say.ipynb)* How much a text
# resembles a reference: one and the same output gets anything from 31 to 67, as one counts.
#
# ## It, him or her?
#
# English must say whether *ihn* is a man or a ball. `pronoun_pairs` writes sentences in twos that differ in
# one German word. Either the pronoun differs, and its gender tells, or the verb differs, and only what is
# done tells. Person and thing of each pair never stood together in such a training sentence.

# %%
told = pronoun_pairs(200, seed=0) if DATASET == "grammar" else []
for pair in told[:2]:
    print("\n".join(f"{p.german:62} {p.english}" for p in pair), "\n")

# %% [markdown]
# A translator that always says *it* gets half of these sentences right, so count pairs: both right, or
# neither counts. What will yours get, and what will it make of the sentence of the series and its twin?


# %%
def pronoun(english):
    return [word for word in words(english) if word in ("it", "him", "her")][-1:]


def both_right(pairs):
    right = [[pronoun(text) == pronoun(p.english) for text, p in zip(translate(pair), pair, strict=True)]
             for pair in pairs]  # fmt: skip
    return sum(map(all, right)) / max(1, len(right))


# %%
by_gender, by_verb = both_right(told[0::2]), both_right(told[1::2])  # the two kinds come in turn
print("both right in at least nine pairs of ten, where gender tells:", by_gender >= 0.9)
print("and where the verb tells:", by_verb >= 0.9)

for german in ("Ein Mann wirft einen Ball, und sein Hund fängt ihn.",
               "Eine Frau wirft einen Ball, und ihr Hund fängt ihn.",
               "Ein Mann wirft einen Ball, und sein Hund begrüßt ihn."):  # fmt: skip
    print(f"{german:55} {translate_batch(model, tokenizer, [german])[0]}")
assert min(by_gender, by_verb) >= 0.9 or DATASET != "grammar"

# %% [markdown]
# The small model gets right what the large one of 00 got wrong, in the words of its grammar, outside of
# which it knows nothing.
#
# ## Does it look there?
#
# It writes the right pronoun. Has it gone back to the noun, as you did in 02? At the place where the
# pronoun is predicted, ask each of the 16 heads of cross-attention which German word gets most. On which
# words do you bet? Beside it stands a model that has learned nothing.

# %% tags=["nbval-ignore-output"]
# not compared: looks of the model trained here
shares = {}
for name, some_model in {"trained": model, "untrained": new_model()}.items():
    looks = [alignment.looked_at(some_model, tokenizer, p) for pair in told for p in pair]
    counted = Counter(look for row in looks for look in row)
    shares[name] = {look: counted[look] / max(1, counted.total()) for look in alignment.LOOKS}
for look in alignment.LOOKS:
    print(f"{look:24}", *[f"{name} {row[look]:.2f}   " for name, row in shares.items()])
if told:
    assert shares["trained"]["the noun that is meant"] < 0.03 < 0.25 < shares["trained"]["the pronoun"]

# %% [markdown]
# **Does the model look at what *ihn* stands for? It writes the right pronoun in nearly all pairs, and
# hardly ever does a head of cross-attention look at the noun that is meant: less often than in a model that
# has learned nothing.** The heads look at the pronoun itself, and at *sein* or *ihr*. And these are enough:
# where gender tells, *sein* with *ihn* is a man and *ihr* with *ihn* a thing; elsewhere what is caught is a
# thing, and who is greeted a person. But the verb is hardly looked at either: what the decoder reads at
# *ihn* is a vector into which the encoder has mixed other words (08), perhaps the noun too. These maps
# cannot tell. Here are the heads of the last layer on one pair.

# %%
# alt: Eight rows of bars, one for each head of the last layer, over the German words of a pair. Most heads
#   give most to the pronoun, to sein or ihr, or to the full stop; none to a noun of the first clause.
if told:
    pair = told[3]
    columns = [a if a == b else f"{a}/\n{b}" for a, b in zip(*(words(p.german) for p in pair), strict=True)]
    looks = {}
    for p in pair:
        last_layer, place = alignment.word_weights(model, tokenizer, p)[1][-1], len(words(p.english)) - 2
        looks[pronoun(p.english)[0]] = last_layer[:, place]  # (H, S)
    plots.show(pictures.heads_of_word(looks, columns, title="Where it looks while it predicts the pronoun"))

# %% [markdown]
# So a right answer does not show how it was found, and a pair that differs in one word catches only who
# makes nothing of that word.
#
# *Going deeper: [Looking is not using](studies/13c_looking_is_not_using.ipynb)* Of ten heads that look at
# the word that decides between *a* and *an*, five are needed together, and the other five can be switched
# off.
#
# ## On real sentences
#
# With `DATASET = "multi30k"` the same cells download captions of photographs, check their checksum, and
# train a larger model, on a GPU where there is one. That takes long, so the result of such a run comes with
# the series: it is the translator of 00.

# %%
card = json.loads((Path(helpers.__file__).parent / "translator" / "card.json").read_text(encoding="utf-8"))
training = card["training"]
print(f"{card['training_pairs']:,} pairs, {card['parameters']:,} parameters, {training['epochs']} epochs, "
      f"{training['minutes']} minutes on {training['machine']}")  # fmt: skip
for name, result in list(card["scores"].items())[:3]:
    print(f"{name:22} {result['score']:6.2f}   {result['signature']}")

# %% [markdown]
# Three BLEU scores of the same translations, which differ in what counts as the same word: with capitals,
# without, and with words that another tool has cut and lower-cased. Compare a score only with one of the
# same kind, on the same sentences. The BLEU of the grammar above can be compared with none of them.
#
# ## Recap
#
# 1. A fair test asks for combinations that were not in training, everything that learns sees the training
#    side only, and the test is scored once.
# 2. Subwords read nearly every word with a small vocabulary, and batches of similar length hold little
#    padding.
# 3. Exact match is strict, BLEU is usual, and a BLEU without its signature says little.
# 4. It translates: nearly all test sentences are exactly right, and the pronoun is right in nearly all
#    pairs that differ in one word.
# 5. While it predicts the pronoun, hardly a head of cross-attention looks at the noun. *Sein* and *ihn*, or
#    the verb, would be enough.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once. No exercise needs the training.
#
# **1. Warm-up.** The target sentence has the ids 7, 5 and 9; `<s>` is 1 and `</s>` is 2. Write the ids that
# the decoder reads, and its labels.

# %% tags=["exercise"]
### BEGIN SOLUTION
tgt_in = [1, 7, 5, 9]
labels = [7, 5, 9, 2]
### END SOLUTION

check.shifted([tgt_in, labels])

# %% [markdown]
# **2. Core.** Score a head against a gold alignment. `weights` is `(T, S)` between words, and `partners`
# holds a set of right columns for each row. Return the share of rows whose largest weight falls on a right
# column. Rows without a partner are left out.


# %% tags=["exercise"]
def alignment_hits(weights, partners):
    ### BEGIN SOLUTION
    rows = [(row, right) for row, right in zip(weights, partners, strict=True) if right]
    return sum(int(row.argmax()) in right for row, right in rows) / len(rows)
    ### END SOLUTION


check.alignment_hits(alignment_hits)

# %% [markdown]
# **3. Debug.** Weights lie on pieces, and a map of words needs columns for words. `word_ids` holds the
# number of the word that each piece belongs to. This version runs, and its maps look pale wherever a word
# has several pieces. Which property of attention weights does it break? Find it, then fix the function.


# %%
def pale(weights, word_ids):
    columns = [[piece for piece, w in enumerate(word_ids) if w == word] for word in range(max(word_ids) + 1)]
    return torch.stack([weights[:, pieces].mean(dim=1) for pieces in columns], dim=1)  # (T, words)


print(pale(torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.9, 0.1]]), [0, 1, 1]))


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
# **4. Stretch.** The model finds the pronoun by *sein* and *ihn*, or by the verb: so it seems. Write down
# an experiment with the model of this page that could refute that, and what it would give if the model
# looked at the nouns after all.
#
# <details><summary>What a good answer contains</summary>
#
# Sentences in which the two ways disagree, and no others: *Eine Frau kauft einen Apfel, und sein Hund sieht
# ihn*, with a *sein* that is not hers, or a noun that the model has never seen in that place. A prediction
# of each explanation, written down first, and a count. (English has *his* and *her* by then, which the
# decoder reads too: change them as well, or one at a time.)
#
# </details>
#
# ## Project of Part III: teach it one more phenomenon
#
# The grammar has no *ihm* and *ihr*: *Ein Mann hilft einer Frau, und sein Hund folgt ihr.* Add pronouns in
# the dative, or another phenomenon of a language that you know, to `helpers/grammar.py`, write pairs that
# differ in one word, and train.
#
# <details><summary>How to judge it</summary>
#
# | | is there | is well done |
# |---|---|---|
# | pairs | they differ in one word | nothing else gives the answer away, and you have counted that |
# | test | combinations that training has not seen | chosen on a validation side, scored once |
# | measurement | both right, or neither counts | several seeds, and the old phenomena beside it |
# | report | where it fails | a guess why, and what would refute it |
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): sections 3.4, 5 and 6.1.
# - R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*, 2016,
#   [arXiv:1508.07909](https://arxiv.org/abs/1508.07909).
# - M. Post, *A Call for Clarity in Reporting BLEU Scores*, 2018,
#   [arXiv:1804.08771](https://arxiv.org/abs/1804.08771).
# - D. Elliott, S. Frank, K. Sima'an, L. Specia, *Multi30K: Multilingual English-German Image Descriptions*,
#   2016, [arXiv:1605.00459](https://arxiv.org/abs/1605.00459).
# - Told another way: B. Trevett, [pytorch-seq2seq](https://github.com/bentrevett/pytorch-seq2seq), on the
#   same captions; the Hugging Face [course](https://huggingface.co/learn/llm-course/chapter7/4), on
#   fine-tuning a translator.
#
# ## What is still a placeholder
#
# Nothing in the model. But the decoder takes the most likely word at every step and never looks back, and
# it computes everything again for each new word. Both can be done better.
#
# {{next}}
