"""Boards of study 16b: a small translator that learns two languages first, and then to translate.

Every sentence is a row of word ids, and a pair to train on is (what is read, what is to be written). The
first id that is read is a mark, DE or EN, which says in what language to write.
"""

import copy
import random
from functools import cache
from itertools import chain, count
from typing import NamedTuple

import torch

from helpers.data import EOS_ID, bucketed_batches, pad
from helpers.fast import greedy_decode
from helpers.grammar import grammar_corpus, words
from helpers.model import Transformer
from helpers.training import Run, TrainingConfig, evaluate
from lessons.exercises import exercise, likely_mistake
from lessons.scoreboard import Board

MASK, DE, EN = 3, 4, 5
FIRST, THEN = 1000, 500  # steps on single sentences, steps on pairs


# --- Sentences ------------------------------------------------------------------------------------------


@cache
def corpus():
    """The words of all ids, pairs of the training side, and 577 pairs with held-out combinations.

    Only pairs with at most nine German words are taken, as in lesson 16.
    """
    sides = grammar_corpus(n_train=24_000, n_test=2_000, seed=0)
    train, unseen = ([(words(p.german), words(p.english)) for p in side] for side in sides)
    train = [pair for pair in train if len(pair[0]) <= 9]
    known = {word for german, english in train for word in german + english}
    unseen = [(g, e) for g, e in unseen if len(g) <= 9 and known.issuperset(g + e)]
    vocabulary = ["<pad>", "<s>", "</s>", "<mask>", "de", "en", *sorted(known)]
    number = {word: i for i, word in enumerate(vocabulary)}
    ids = [[[[number[word] for word in side] for side in pair] for pair in part] for part in (train, unseen)]
    return vocabulary, *ids


class Drawn(NamedTuple):
    """What one seed learns from and is measured on; the first three come from different pairs."""

    german: list  # 3,500 sentences
    english: list  # 3,500 sentences
    pairs: list
    valid: list  # 200 pairs that choose a step
    test: list  # 377 pairs


@cache
def drawn(seed):
    _, train, unseen = corpus()
    train = random.Random(seed).sample(train, len(train))
    german, english = [g for g, _ in train[:3500]], [e for _, e in train[3500:7000]]
    return Drawn(german, english, train[7000:], unseen[:200], unseen[200:])


def asked(pairs):
    """Pairs to train on: the mark EN and the German words, and the English words."""
    return [([EN, *german], english) for german, english in pairs]


def shuffled(sentences, chance):
    """The words of all sentences in another order, dealt out anew: as many sentences, as long as before."""
    pool = [word for sentence in sentences for word in sentence]
    chance.shuffle(pool)
    return [[pool.pop() for _ in sentence] for sentence in sentences]


def hidden(mark, sentences, chance):
    """Pairs to train on: the mark and the words, three in ten of them hidden, and all the words."""
    return [([mark, *[MASK if chance.random() < 0.3 else i for i in ids]], ids) for ids in sentences]


# --- Training -------------------------------------------------------------------------------------------


def new_model(dropout=0.0):
    size = len(corpus()[0])
    return Transformer(size, size, 64, 4, 256, 1, dropout, norm_first=True, joint_vocabulary=True)


def fit(model, pairs_of, steps, seed, valid=None):
    """Train on `pairs_of(epoch)`; {steps so far: (best step, its weights)} at THEN and at the last step.

    The best step is that with the lowest loss on `valid`, looked at every 50 steps.
    """
    run = Run(model, TrainingConfig(1, 700, 5e-3, 100, label_smoothing=0.0, seed=seed))
    epochs = (bucketed_batches(pairs_of(epoch), 700, seed=1000 * seed + epoch) for epoch in count())
    lowest, best, kept = float("inf"), None, {}
    for step, batch in zip(range(1, steps + 1), chain.from_iterable(epochs), strict=False):
        run.step(batch)
        if valid and step % 50 == 0:
            loss = evaluate(model, valid)
            if loss < lowest:
                lowest, best = loss, (step, copy.deepcopy(model.state_dict()))
        if step in (THEN, steps):
            kept[step] = best
    return kept


@cache
def pretrained(first, seed):
    """The weights after FIRST steps on single sentences with hidden words, "shuffled" first or not."""
    german, english, *_ = drawn(seed)
    chance = random.Random(seed)
    if first == "shuffled":
        german, english = shuffled(german, chance), shuffled(english, chance)
    torch.manual_seed(seed)
    model = new_model()
    fit(model, lambda _: hidden(DE, german, chance) + hidden(EN, english, chance), FIRST, seed)
    return model.state_dict()


@cache
def trained(first, n, seed):
    """`fit` on n pairs, from the start (`first` None, for FIRST + THEN steps) or from what came first."""
    data = drawn(seed)
    torch.manual_seed(seed)
    model = new_model(dropout=0.2)
    if first:
        model.load_state_dict(pretrained(first, seed))
    steps = THEN if first else FIRST + THEN
    valid = bucketed_batches(asked(data.valid), 3000)
    return fit(model, lambda _: asked(data.pairs[:n]), steps, seed, valid)


def written(model, pairs):
    """What the model writes for the German side of pairs, as lists of ids."""
    return greedy_decode(model, pad([[*source, EOS_ID] for source, _ in asked(pairs)]))


def on_unseen(row, seed):
    """Shares of the test pairs translated word for word, and the loss on them in nats a word."""
    first, n, steps = row
    data, (step, weights) = drawn(seed), trained(first, n, seed)[steps]
    model = new_model()
    model.load_state_dict(weights)
    right = [a == b for a, (_, b) in zip(written(model, data.test), data.test, strict=True)]
    in_pairs = {word for german, english in data.pairs[:n] for word in german + english}
    known = [in_pairs.issuperset(german + english) for german, english in data.test]
    groups = {"known words": known, "a new word": [not is_known for is_known in known]}
    found = {"translated": sum(right) / len(right)}
    for name, group in groups.items():
        found[name] = sum(r for r, chosen in zip(right, group, strict=True) if chosen) / max(1, sum(group))
    loss = evaluate(model, bucketed_batches(asked(data.test), 3000))
    return found | {"share with a new word": 1 - sum(known) / len(known), "loss": loss, "step": step}


ROWS = {
    "pairs alone, 500 pairs": (None, 500, THEN),
    "pairs alone, three times the steps, 500 pairs": (None, 500, FIRST + THEN),
    "first shuffled words, 500 pairs": ("shuffled", 500, THEN),
    "first the languages, 500 pairs": ("languages", 500, THEN),
}
BOARDS = {"first_the_language": Board(ROWS, on_unseen)}


# --- The exercise ---------------------------------------------------------------------------------------


@exercise
def adapters(answer):
    """at the start nothing has changed, and a training moves the adapters alone."""
    torch.manual_seed(0)
    model = Transformer(20, 20, 16, 2, 32, 1, dropout=0.0, joint_vocabulary=True)
    ids, old = torch.tensor([[5, 6, 7, 8]]), list(model.parameters())
    before, numbers = model(ids, ids).detach(), [p.detach().clone() for p in old]
    adapted, rank = answer(model, 3), 3
    if not isinstance(adapted, Transformer):
        return f"return the model with its adapters, not a {type(adapted).__name__}."
    if not torch.allclose(adapted(ids, ids), before, atol=1e-5):
        return "the output has changed before any training: B begins with zeros, and A B adds nothing."
    if any(p.requires_grad for p in old):
        return "parameters of the model still train: set their requires_grad to False."
    new = [p for p in adapted.parameters() if p.requires_grad]
    found, each = sum(p.numel() for p in new), 2 * rank * (16 + 16)  # of the queries and values of a block
    if found != 3 * each:
        likely = {
            "no adapter is a parameter: wrap A and B in nn.Parameter.": 0,
            "one of the three attentions has adapters: encoder, decoder and cross-attention need them.": each,
            "the cross-attention, or another of the three attentions, has none.": 2 * each,
            "query and value have adapters, and each of the three attentions holds both.": 3 * each // 2,
            "queries and values have adapters, keys and projections have none.": 6 * each,
        }
        return likely_mistake(found, likely) or (
            f"{found} numbers train, and with rank 3 it should be {3 * each}: A and B hold "
            "rank * (inputs + outputs) in each query and value."
        )
    optimizer = torch.optim.SGD(new, lr=1.0)
    for _ in range(3):
        loss = adapted(ids, ids).log_softmax(-1)[..., 9].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if torch.allclose(adapted(ids, ids), before, atol=1e-5):
        return "training changes nothing: with A and B both 0 neither has a gradient, so draw A at random."
    if not all(map(torch.equal, old, numbers)):
        return "the training has moved numbers of the model: only A and B may move."
