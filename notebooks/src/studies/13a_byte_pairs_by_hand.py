# %% [raw] tags=["card"]
# questions: How does byte-pair encoding choose its subwords?

# %% [markdown]
# # 13a - Byte pairs by hand
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The tokenizer of 13 came out of a library in less than a second. The method behind it fits on a page:
# start from letters, merge the most frequent pair of neighbours, and repeat. Write it yourself, and place a
# bet: of the 840 merges that a vocabulary of 900 leaves, made by your forty lines on three thousand pairs
# of sentences, how many will be those of the library?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import json
import re
from collections import Counter

from helpers.data import train_tokenizer
from helpers.grammar import grammar_corpus
from helpers.plots import curves, show

# %% [markdown]
# ## Words first
#
# Merges never cross the border of a word, so cut the sentences into words and count them. As in the
# library, the mark `▁` stands for the space before a word, and punctuation stands alone.


# %%
def cut(sentence):
    marked = ("▁" + sentence.replace(" ", " ▁")).split(" ")
    return [word for part in marked for word in re.findall(r"▁?\w+|[^\w\s]", part)]


# %%
pairs, _ = grammar_corpus(n_train=3000, n_test=10, seed=0)
sentences = [sentence for pair in pairs for sentence in (pair.german, pair.english)]
counts = Counter(word for sentence in sentences for word in cut(sentence))
print(cut("Der Hund, der schläft."))
print(f"{counts.total():,} words, of which {len(counts)} are different")

# %% [markdown]
# Only the different words must be kept, each with its count, which is why the method is quick.
#
# ## Merge, and merge again
#
# One step counts all pairs of neighbours, takes the most frequent one, and joins it wherever it stands. Two
# pairs can be equally frequent, and then somebody has to decide. The library takes the pair whose parts
# came into the vocabulary first, where letters come in their order in Unicode, and so does this.


# %%
def joined(pieces, pair):
    result, i = [], 0
    while i < len(pieces):
        found = tuple(pieces[i : i + 2]) == pair
        result.append("".join(pair) if found else pieces[i])
        i += 2 if found else 1
    return result


# %%
def learn(counts, n_merges):
    words = {word: list(word) for word in counts}
    ids = {letter: i for i, letter in enumerate(sorted(set("".join(counts))))}
    merges, frequencies = [], []
    for _ in range(n_merges):
        pairs = Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:], strict=False):
                pairs[pair] += counts[word]
        best = max(pairs, key=lambda pair: (pairs[pair], [-ids[piece] for piece in pair]))
        merges.append(best)
        frequencies.append(pairs[best])
        ids.setdefault("".join(best), len(ids))
        words = {word: joined(pieces, best) for word, pieces in words.items()}
    return merges, frequencies


# %%
merges, frequencies = learn(counts, n_merges=840)
print("first:", *["+".join(pair) for pair in merges[:8]])
print("last: ", *["+".join(pair) for pair in merges[-3:]])

# %% [markdown]
# The first merges are ends and beginnings that many words share, and the last ones finish single words.
#
# ## The same as the library?

# %%
tokenizer = train_tokenizer(sentences, vocab_size=900)
theirs = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
same = sum(ours == pair for ours, pair in zip(merges, theirs, strict=True))
print(f"{same} of {len(theirs)} merges are the same")
assert merges == theirs

# %% [markdown]
# All of them, and in the same order. To cut a new word, make the same merges in the same order, as far as
# they apply.


# %%
def encode(sentence):
    pieces = [list(word) for word in cut(sentence)]
    for pair in merges:
        pieces = [joined(word, pair) for word in pieces]
    return [piece for word in pieces for piece in word]


for text in ("Der alte Hund schläft nicht.", "Hundekuchen", "Kindergarten"):  # yours, in its letters
    print(encode(text))
    assert encode(text) == tokenizer.encode(text).tokens

# %% [markdown]
# ## How many?
#
# Each merge makes the text shorter and the vocabulary larger by one. How far does it pay?

# %%
# alt: A falling curve on logarithmic scale: how often the merged pair occurred, over the number of merges. It
#   starts at some thousands, and ends below a hundred.
show(curves({"merged pair": (range(1, 841), frequencies)}, xlabel="merge", ylabel="occurs", log=True))
for n in (0, 200, 840):
    words = {word: list(word) for word in counts}
    for pair in merges[:n]:
        words = {word: joined(pieces, pair) for word, pieces in words.items()}
    length = sum(len(pieces) * counts[word] for word, pieces in words.items()) / len(sentences)
    print(f"after {n:3} merges a sentence has {length:4.1f} pieces")

# %% [markdown]
# The first two hundred merges shorten the sentences most, because they join what is frequent. The last
# hundred join pairs that hardly occur any more, and spend a row of the embedding on each.
#
# ## The answer
#
# **Byte-pair encoding chooses its subwords by one rule: it starts from letters and merges, again and again,
# the two neighbours that stand side by side most often, within words only. Forty lines make the same merges
# as the library, in the same order.**
#
# ## What this does not say
#
# A grammar of few words is not a language: here 840 merges finish nearly every word, where a real corpus
# has a long tail of rare words that stay in pieces. Sennrich and others put a mark at the end of a word,
# while the mark here stands at its beginning.
#
# ## An open exercise
#
# **BPE-dropout** (Provilkov and others, 2020) leaves out each merge with a small probability while a
# sentence is cut, so that a model sees a word in several ways. Add it to `encode`. Which words change most
# often, frequent ones or rare ones?
#
# <details><summary>What a good answer contains</summary>
#
# The number of different ways to cut a word, over a hundred draws, against the number of merges that it
# takes; a word is not changed by a merge that does not concern it, so it is the number of its own merges
# that counts, and frequent words of the same length have as many or more.
#
# </details>
#
# ## References
#
# - R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*, 2016,
#   [arXiv:1508.07909](https://arxiv.org/abs/1508.07909).
# - I. Provilkov, D. Emelianenko, E. Voita, *BPE-Dropout: Simple and Effective Subword Regularization*, 2020,
#   [arXiv:1910.13267](https://arxiv.org/abs/1910.13267).
# - The Hugging Face course, [Byte-Pair Encoding
#   tokenization](https://huggingface.co/learn/llm-course/chapter6/5).
#
# Back to {{lesson}}.
