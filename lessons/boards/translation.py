"""Boards of notebook 13: one output of the shipped translator scored in many ways; sentences of 13c."""

from collections import Counter
from functools import lru_cache, partial

import numpy as np
from sacrebleu.metrics import CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from helpers import fast
from helpers.card import moses
from helpers.data import EOS_ID, PAD_ID, encode_pairs, make_batch
from helpers.grammar import SentencePair, words
from helpers.model import eval_mode
from helpers.multi30k import multi30k
from helpers.translate import BEAM_SIZE, LENGTH_PENALTY, load_translator
from lessons.scoreboard import Board

# --- One output, many scores ----------------------------------------------------------------------------
# The sentences of Multi30k stay where they are; only scores are recorded.


def runs(sequence, n):
    return Counter(tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1))


def counts(hypothesis, reference):
    """Of two sequences: both lengths, then for runs of 1 to 4 those that match and all, ten numbers."""
    found = [len(hypothesis), len(reference)]
    for n in (1, 2, 3, 4):
        ours, theirs = runs(hypothesis, n), runs(reference, n)
        found += [(ours & theirs).total(), ours.total()]
    return found


def bleu(numbers):
    """BLEU, 0 to 1, of `counts` or of sums of them, `(..., 10)`; 0 where no run of some length matches."""
    numbers = np.asarray(numbers, dtype=float)
    right, every = numbers[..., 2::2], numbers[..., 3::2]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(right > 0, right / every, 0)
        precision = np.exp(np.log(shares).mean(axis=-1))
        brevity = np.exp(np.minimum(0, 1 - numbers[..., 1] / numbers[..., 0]))
    return np.nan_to_num(precision * brevity)


def by_13a(texts):
    return [Tokenizer13a()(text).split() for text in texts]


def by_13a_lower(texts):
    return by_13a([text.lower() for text in texts])


def at_spaces(texts):
    return [text.split() for text in texts]


def by_moses(texts):
    return at_spaces(moses(texts, "en"))


def as_letters(texts):
    return texts


@lru_cache
def most_frequent(n):
    """The n most frequent words of the training side, as Moses cuts them."""
    sentences = by_moses([english for _, english in multi30k("train")])
    return frozenset(word for word, _ in Counter(w for s in sentences for w in s).most_common(n))


def of_1000_words(texts):
    """Any other word than the 1,000 most frequent ones becomes `<unk>`, on both sides."""
    known = most_frequent(1000)
    return [[word if word in known else "<unk>" for word in words] for words in by_moses(texts)]


def whole(cut, hypotheses, references):
    """The BLEU of the corpus: counts are added up first. Returns counts `(N, 10)` and what scores sums."""
    pairs = zip(cut(hypotheses), cut(references), strict=True)
    return np.array([counts(*pair) for pair in pairs], dtype=float), bleu


def mean_of_sentences(cut, hypotheses, references):
    """A BLEU for each sentence, and their mean: `(N, 2)`, scores and ones."""
    scores = bleu(whole(cut, hypotheses, references)[0])
    return np.stack([scores, np.ones_like(scores)], axis=1), lambda sums: sums[..., 0] / sums[..., 1]


def letters_of_words(cut, hypotheses, references):
    """Words at the same place are compared letter by letter, each sentence by itself; then the mean."""
    scores = []
    for hypothesis, reference in zip(cut(hypotheses), cut(references), strict=True):
        pairs = zip(hypothesis, reference, strict=False)
        scores.append(bleu(np.sum([counts(*pair) for pair in pairs], axis=0)))
    return np.stack([scores, np.ones(len(scores))], axis=1), lambda sums: sums[..., 0] / sums[..., 1]


@lru_cache
def captions(decoding="greedy"):
    """The test sentences as the shipped translator renders them, and their references."""
    sources, references = zip(*multi30k("test"), strict=True)
    translator = load_translator()
    if decoding == "teacher-forced":
        return teacher_forced(translator, list(zip(sources, references, strict=True))), list(references)
    beam = partial(fast.beam_search, beam_size=BEAM_SIZE, length_penalty=LENGTH_PENALTY)
    decode = beam if decoding == "beam" else fast.greedy_decode
    return translator.translate(list(sources), decode=decode), list(references)


def teacher_forced(translator, pairs):
    """The most likely word at each place, with the reference up to there before it."""
    found = []
    for start in range(0, len(pairs), 100):
        batch = make_batch(encode_pairs(pairs[start : start + 100], translator.tokenizer))
        with eval_mode(translator.model) as model:
            guesses = model(batch.src, batch.tgt_in).argmax(dim=-1)  # (B, T)
        for row, labels in zip(guesses.tolist(), batch.labels.tolist(), strict=True):
            real = row[: len(labels) - labels.count(PAD_ID)]
            found.append(translator.tokenizer.decode([i for i in real if i != EOS_ID]))
    return found


def drawn_again(n, seed, times=1000):
    """How often each of n sentences is drawn, in `times` draws of n with replacement: `(times, n)`."""
    return np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=times)


def middle(numbers):
    """Where the middle 95 % of numbers begin and end."""
    return np.percentile(numbers, [2.5, 97.5])


def score_and_range(row, seed):
    """The score, 95 % of the scores of 1,000 draws of the sentences, and the score of wrong sentences.

    For the last one each translation stands beside the reference of the next sentence.
    """
    decoding, way, cut = row
    hypotheses, references = captions(decoding)
    numbers, score = way(cut, hypotheses, references)
    low, high = middle(score(drawn_again(len(numbers), seed) @ numbers))
    wrong, _ = way(cut, hypotheses, references[1:] + references[:1])
    return {
        "score": float(score(numbers.sum(axis=0))),
        "from": float(low),
        "to": float(high),
        "wrong sentences": float(score(wrong.sum(axis=0))),
    }


WAYS = {
    "as sacreBLEU does": ("greedy", whole, by_13a),
    "lower-cased": ("greedy", whole, by_13a_lower),
    "tokenised, lower-cased": ("greedy", whole, by_moses),
    "cut at spaces only": ("greedy", whole, at_spaces),
    "rare words unknown": ("greedy", whole, of_1000_words),
    "mean of sentences": ("greedy", mean_of_sentences, by_moses),
    "mean of sentences, letters": ("greedy", mean_of_sentences, as_letters),
    "teacher-forced": ("teacher-forced", whole, by_13a),
    "teacher-forced, letters of words": ("teacher-forced", letters_of_words, by_moses),
}


# What another decoding, or a change of the words, does to BLEU and to chrF.
def as_it_is(text):
    return text


def without_articles(text):
    return " ".join(word for word in text.split() if word.lower() not in ("a", "an", "the"))


def swapped(text):
    """Men for women and women for men."""
    turned = {"man": "woman", "woman": "man", "men": "women", "women": "men"}
    turned |= {one.capitalize(): other.capitalize() for one, other in turned.items()}
    return " ".join(turned.get(word, word) for word in text.split())


def compared(row, seed):
    """BLEU and chrF of a changed output, and how far its BLEU is from the unchanged greedy one's.

    "Apart" is the middle 95 % of the distances in 1,000 draws of the sentences, the same for both outputs.
    """
    decoding, change = row
    hypotheses, references = captions(decoding)
    after = [change(text) for text in hypotheses]
    numbers, plain = (whole(by_13a, *pair)[0] for pair in ((after, references), captions()))
    draws = drawn_again(len(numbers), seed)
    differences = bleu(draws @ numbers) - bleu(draws @ plain)
    low, high = middle(differences)
    return {
        "BLEU": float(bleu(numbers.sum(axis=0))),
        "chrF": CHRF().corpus_score(after, [references]).score / 100,
        "sentences changed": float(np.mean([a != b for a, b in zip(hypotheses, after, strict=True)])),
        "apart, from": float(low),
        "apart, to": float(high),
        "better in draws": float((differences > 0).mean()),
    }


OUTPUTS = {
    "greedy": ("greedy", as_it_is),
    "beam of 4": ("beam", as_it_is),
    "men and women swapped": ("greedy", swapped),
    "without a and the": ("greedy", without_articles),
}


# --- Looking and using, which study 13c measures while it runs ------------------------------------------

WITH_AN = """
    Ein Mann hält einen Regenschirm. | A man holds an umbrella.
    Eine Frau hält ein Instrument. | A woman holds an instrument.
    Ein Kind isst eine Orange. | A child eats an orange.
    Ein Junge isst einen Apfel. | A boy eats an apple.
    Zwei Männer sehen einen Elefanten. | Two men see an elephant.
    Eine Frau spricht mit einer alten Frau. | A woman talks to an old woman.
    Ein Hund läuft mit einem alten Mann. | A dog runs with an old man.
    Die Frau trägt einen orangefarbenen Hut. | The woman wears an orange hat.
    Ein Mann repariert ein altes Auto. | A man repairs an old car.
    Der Junge steht auf einer leeren Straße. | The boy stands on an empty street.
"""
WITH_A = """
    Ein Mann hält einen Ball. | A man holds a ball.
    Eine Frau hält ein Buch. | A woman holds a book.
    Ein Kind isst eine Banane. | A child eats a banana.
    Ein Junge isst einen Kuchen. | A boy eats a cake.
    Zwei Männer sehen einen Hund. | Two men see a dog.
    Eine Frau spricht mit einer jungen Frau. | A woman talks to a young woman.
    Ein Hund läuft mit einem jungen Mann. | A dog runs with a young man.
    Die Frau trägt einen roten Hut. | The woman wears a red hat.
    Ein Mann repariert ein kleines Auto. | A man repairs a small car.
    Der Junge steht auf einer nassen Straße. | The boy stands on a wet street.
"""


def with_articles(text):
    """Of each line: the pair, the place of its last `a` or `an`, and the German word that decides it.

    That is the word behind the last German article; places count words.
    """
    found = []
    for line in text.strip().splitlines():
        pair = SentencePair(*(side.strip() for side in line.split("|")), ())
        english, german = words(pair.english), words(pair.german)
        place = max(i for i, word in enumerate(english) if word in ("a", "an"))
        found.append((pair, place, 1 + max(i for i, word in enumerate(german) if word.startswith("ein"))))
    return found


def share_of_an(model, tokenizer, pairs):
    """How likely `an` is at the last article, as its share of `a` and `an` together, for each pair."""
    a, an = (tokenizer.token_to_id(f"▁{word}") for word in ("a", "an"))
    batch, shares = make_batch(encode_pairs(pairs, tokenizer)), []
    with eval_mode(model):
        probabilities = model(batch.src, batch.tgt_in).softmax(dim=-1)  # (B, T, V)
    for row, labels in zip(probabilities, batch.labels.tolist(), strict=True):
        place = max(i for i, label in enumerate(labels) if label in (a, an))
        shares.append((row[place, an] / row[place, [a, an]].sum()).item())
    return shares


BOARDS = {
    "bleu": Board(WAYS, score_and_range),
    "bleu_apart": Board(OUTPUTS, compared),
}
