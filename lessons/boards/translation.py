"""Boards of notebook 13: one output scored in many ways, and heads that look, switched off."""

from collections import Counter
from contextlib import contextmanager
from functools import lru_cache, partial

import numpy as np
import torch
from sacrebleu.metrics import CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from helpers import fast
from helpers.card import moses
from helpers.data import EOS_ID, PAD_ID, encode_pairs, make_batch, train_tokenizer
from helpers.decoding import greedy_decode, translate_batch
from helpers.grammar import grammar_corpus, pronoun_pairs, words
from helpers.model import Transformer, eval_mode
from helpers.multi30k import multi30k
from helpers.training import TrainingConfig, train
from helpers.translate import BEAM_SIZE, LENGTH_PENALTY, load_translator
from lessons.alignment import word_weights
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
    right, all_runs = numbers[..., 2::2], numbers[..., 3::2]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.exp(np.nan_to_num(np.log(right / all_runs), nan=-np.inf).mean(axis=-1))
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
    low, high = middle(abs(differences))
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


# --- Looking and using ------------------------------------------------------------------------------------

SIZES = dict(d_model=64, n_heads=8, d_ff=256, n_layers=2, dropout=0.0, norm_first=True)  # as in notebook 13
TRAINING = dict(epochs=5, max_tokens=1000, peak_lr=1e-2, warmup_steps=200, average_last=3)  # there 7 epochs
HEADS = tuple((layer, head) for layer in range(SIZES["n_layers"]) for head in range(SIZES["n_heads"]))


@lru_cache
def corpus():
    """The training side of notebook 13, half of its validation side, its tokenizer, and as many `a` as `an`.

    The sentences with `a` and `an` are further ones with combinations that no training sentence has.
    """
    train_side, unseen = grammar_corpus(n_train=20_000, n_test=2400, seed=0)
    texts = [text for pair in train_side for text in (pair.german, pair.english)]
    with_an, with_a = ([p for p in unseen[600:] if word in words(p.english)] for word in ("an", "a"))
    return train_side, unseen[:150], train_tokenizer(texts, vocab_size=900), with_an + with_a[: len(with_an)]


def new_translator(seed):
    torch.manual_seed(seed)
    n_vocab = corpus()[2].get_vocab_size()
    return Transformer(n_vocab, n_vocab, joint_vocabulary=True, **SIZES)


@lru_cache
def trained_translator(seed):
    train_side, _, tokenizer, _ = corpus()
    model = new_translator(seed)
    train(model, encode_pairs(train_side, tokenizer), TrainingConfig(seed=seed, **TRAINING))
    return model


@contextmanager
def changed_heads(model, heads, change):
    """Run the model with `change(weights)` `(B, T, S)` in these (layer, head) of its cross-attention."""
    hooks = []
    for layer in {layer for layer, _ in heads}:
        chosen = [head for other, head in heads if other == layer]

        def put(_, inputs, chosen=chosen):
            weights = inputs[0].clone()  # (B, H, T, S)
            weights[:, chosen] = change(weights[:, chosen])
            return (weights,)

        dropout = model.decoder.layers[layer].cross_attention.dropout
        hooks.append(dropout.register_forward_pre_hook(put))
    try:
        yield model
    finally:
        for hook in hooks:
            hook.remove()


def off(weights):
    """Nothing is taken from any word: the head hands on zeros."""
    return torch.zeros_like(weights)


def uniform(weights):
    """Every word that may be looked at gets the same; padding has exactly 0 and keeps it."""
    real = (weights > 0).float()
    return real / real.sum(dim=-1, keepdim=True)


def german_places(pair):
    """For each English word the German words that it translates, as a set of columns."""
    return [{i for i, j in pair.alignment if j == place} for place in range(len(words(pair.english)))]


def article_places(pair):
    """Places of `a` or `an` where the next word has German words of its own: (place, those columns)."""
    english, german = words(pair.english), german_places(pair)
    return [
        (place, german[place + 1] - german[place])
        for place in range(len(english) - 1)
        if english[place] in ("a", "an") and german[place + 1] - german[place]
    ]


def looks(model, tokenizer, pairs):
    """For each pair the German word that gets most, at the place of each English word: `(layers, H, T)`."""
    return [word_weights(model, tokenizer, pair)[1].argmax(dim=-1) for pair in pairs]


def rates(found, wanted):
    """How often each head's largest weight falls on the wanted words, `(layers, H)`.

    `wanted` holds for each pair a list of (place, set of columns).
    """
    hits = [
        torch.isin(look[:, :, place], torch.tensor(sorted(columns)))  # (layers, H)
        for look, places in zip(found, wanted, strict=True)
        for place, columns in places
    ]
    return torch.stack(hits).float().mean(dim=0)


@lru_cache
def looking(seed, trained=True):
    """Of all heads: how often on the translated word, and at `a` and `an` on the next; `(layers, H)` each."""
    _, valid_side, tokenizer, articles = corpus()
    model = trained_translator(seed) if trained else new_translator(seed)
    aligned = [[(j, columns) for j, columns in enumerate(german_places(p)) if columns] for p in valid_side]
    on_next = [article_places(pair) for pair in articles]
    found = (looks(model, tokenizer, pairs) for pairs in (valid_side, articles))
    return [rates(*both) for both in zip(found, (aligned, on_next), strict=True)]


def choices(model, tokenizer, pairs, options):
    """Which of the options is likeliest where the English has one of them, given what stands before it.

    Returns for each pair a list of (wanted, chosen).
    """
    ids = [tokenizer.token_to_id(f"▁{option}") for option in options]
    batch = make_batch(encode_pairs(pairs, tokenizer))
    with eval_mode(model):
        chosen = model(batch.src, batch.tgt_in)[..., ids].argmax(dim=-1)  # (B, T)
    rows = zip(batch.labels.tolist(), chosen.tolist(), strict=True)
    return [
        [
            (options[ids.index(i)], options[guess])
            for i, guess in zip(labels, guesses, strict=True)
            if i in ids
        ]
        for labels, guesses in rows
    ]


def scores_now(model):
    """Exact match, pairs of pronouns of which both are right, and `a` and `an`, the mean of their shares."""
    _, valid_side, tokenizer, articles = corpus()
    decode = partial(greedy_decode, max_len=30)
    written = translate_batch(model, tokenizer, [pair.german for pair in valid_side], 150, decode)
    exact = np.mean([text == pair.english for text, pair in zip(written, valid_side, strict=True)])
    told = [sentence for pair in pronoun_pairs(100) for sentence in pair]
    right = [row[-1][0] == row[-1][1] for row in choices(model, tokenizer, told, ("it", "him", "her"))]
    found = [pair for row in choices(model, tokenizer, articles, ("a", "an")) for pair in row]
    shares = [np.mean([chosen == word for wanted, chosen in found if wanted == word]) for word in ("a", "an")]
    both = np.mean([one and other for one, other in zip(right[::2], right[1::2], strict=True)])
    return {"exact match": exact, "pronouns": both, "a or an": np.mean(shares)}


def looked_and_used(row, seed):
    """How often these heads look where one would expect, and what is left when they are changed.

    A row is a tuple of heads, or (n, True or False): the n heads that are aligned best, or least.
    """
    aligned, on_next = looking(seed)
    if row and isinstance(row[0], int):
        n, best_first = row
        row = sorted(HEADS, key=lambda place: float(aligned[place]), reverse=best_first)[:n]
    untrained, untrained_next = looking(seed, trained=False)
    of_all = {"on its word": aligned, "untrained": untrained}
    of_all |= {"on the next": on_next, "on the next, untrained": untrained_next}
    chosen, model = tuple(zip(*(row or HEADS), strict=True)), trained_translator(seed)
    scores = {name: rate[chosen].mean().item() for name, rate in of_all.items()}
    for name, change in (("off", off), ("uniform", uniform)):
        with changed_heads(model, row, change):
            scores |= {f"{what}, {name}": float(score) for what, score in scores_now(model).items()}
    return scores


ONE_HEAD = {f"layer {layer + 1}, head {head + 1}": ((layer, head),) for layer, head in HEADS}
SEVERAL = {f"{n} aligned best": (n, True) for n in (2, 4, 8)} | {
    f"{n} aligned least": (n, False) for n in (2, 4, 8)
}

BOARDS = {
    "bleu": Board(WAYS, score_and_range),
    "bleu_apart": Board(OUTPUTS, compared),
    "heads_off": Board({"no head": (), **ONE_HEAD, **SEVERAL, "all heads": HEADS}, looked_and_used),
}
