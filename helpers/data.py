"""Sentences to batches: a subword tokeniser, and batches of similar length.

A *pair* is `(german, english)`, two strings. An *encoded pair* is two lists of token ids without special ids.
The corpora are in `helpers.grammar` (no download) and `helpers.multi30k`.
"""

import json
import random
from typing import NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from helpers.arguments import (
    check_batches,
    check_counts,
    check_pairs,
    check_rows,
    check_seed,
    check_shares,
    check_texts,
    check_tokenizer,
)

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
SPECIAL_TOKENS = ["<pad>", "<s>", "</s>", "<unk>"]


# --- Subwords -----------------------------------------------------------------------------------------------


def train_tokenizer(sentences, vocab_size):
    """Learn byte-pair subwords (section 5.1) from `sentences`, German and English together.

    "\u2581" stands for the space before a word; punctuation stands alone; a character never seen becomes
    `<unk>`. Ids 0 to 3 are `<pad>`, `<s>`, `</s>` and `<unk>`; no text is encoded to the first three.

    Raises:
        TypeError: one string, or sentences that are not strings.
        ValueError: no sentences, or a vocabulary too small for the characters in them.
    """
    check_counts(vocab_size=vocab_size)
    sentences = check_texts(sentences)
    if not sentences:
        raise ValueError("no sentences to learn subwords from: pass the training side of a corpus.")
    characters = len(set("".join(sentences)))
    if vocab_size < len(SPECIAL_TOKENS) + characters + 1:
        raise ValueError(
            f"vocab_size={vocab_size} is too small: the sentences hold {characters} different characters. "
            f"Use at least {len(SPECIAL_TOKENS) + characters + 1}."
        )
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS[UNK_ID]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    possible = 4 * (len(SPECIAL_TOKENS) + sum(len(sentence) + 1 for sentence in sentences))  # and more
    trainer = trainers.BpeTrainer(
        vocab_size=min(vocab_size, possible), special_tokens=SPECIAL_TOKENS, show_progress=False
    )  # which reserves memory for all of vocab_size at once
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.encode_special_tokens = True  # "</s>" in a text is text
    return tokenizer


def encode_pairs(pairs, tokenizer):
    """Pairs of sentences, or `SentencePair`s of the grammar, to pairs of id lists, without special ids."""
    check_tokenizer(tokenizer)
    pairs = check_pairs((p.german, p.english) if hasattr(p, "german") else p for p in pairs)
    sides = [check_texts(pair[side] for pair in pairs) for side in (0, 1)]
    sides = [[e.ids for e in tokenizer.encode_batch(side)] for side in sides]
    return list(zip(*sides, strict=True))


class SubwordSampler:
    """The sentences of `pairs` with their words cut into subwords differently each time.

    While a word is cut, each merge is left out with probability `dropout` (BPE-dropout, Provilkov and others,
    2020), so a model sees the same word in several spellings. Called with a seed, gives encoded pairs as
    `encode_pairs` does; each word is then cut in at most `ways` ways.

    Raises:
        TypeError: what is no pair of texts.
        ValueError: a `dropout` outside 0 to 1, or a tokeniser without merges.
    """

    def __init__(self, pairs, tokenizer, dropout, ways=16):
        check_tokenizer(tokenizer)
        check_shares(dropout=dropout)
        check_counts(ways=ways)
        bpe = json.loads(tokenizer.to_str())["model"]
        if "merges" not in bpe:
            raise ValueError(f"the tokeniser is {bpe.get('type')}, expected byte pairs: use train_tokenizer.")
        self.ranks = {tuple(merge): rank for rank, merge in enumerate(bpe["merges"])}
        self.vocabulary, self.dropout, self.ways = bpe["vocab"], dropout, ways
        split, normal = tokenizer.pre_tokenizer.pre_tokenize_str, tokenizer.normalizer.normalize_str
        self.pairs = [
            [[word for word, _ in split(normal(text))] for text in check_texts(pair)]
            for pair in check_pairs(pairs)
        ]

    def __call__(self, seed):
        """Encoded pairs; the same ones for the same seed."""
        chance, known = random.Random(check_seed(seed)), {}

        def ids(words):
            for word in words:
                if word not in known:
                    known[word] = [self.cut(word, chance) for _ in range(self.ways)]
                yield from known[word][int(chance.random() * self.ways)]

        return [(list(ids(source)), list(ids(target))) for source, target in self.pairs]

    def cut(self, word, chance):
        """The ids of one word's subwords."""
        parts = list(word)
        while True:
            merges = [
                (self.ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:], strict=False))
                if pair in self.ranks and chance.random() >= self.dropout
            ]  # fmt: skip
            if not merges:
                return [self.vocabulary.get(part, UNK_ID) for part in parts]
            _, i = min(merges)
            parts[i : i + 2] = ["".join(parts[i : i + 2])]


# --- Batches ------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """Token ids of several pairs, padded at the end with `PAD_ID`.

    src `(B, S)` ends in `</s>`; tgt_in `(B, T)` starts with `<s>`; labels `(B, T)` are tgt_in one step later
    and end in `</s>`.
    """

    src: torch.Tensor
    tgt_in: torch.Tensor
    labels: torch.Tensor

    def to(self, device):
        """The same batch on `device`."""
        return Batch(*(ids.to(device) for ids in self))


def pad(rows):
    """Lists of ids to one tensor `(B, L)`, shorter rows filled up with `PAD_ID`.

    Raises:
        TypeError: ids that are not whole numbers.
        ValueError: no lists.
    """
    rows = check_rows(rows)
    length = max(map(len, rows))
    return torch.tensor([[*row, *[PAD_ID] * (length - len(row))] for row in rows], dtype=torch.long)


def make_batch(encoded):
    """Encoded pairs to one `Batch`. Raises ValueError when there are none, TypeError as `pad`."""
    encoded = check_pairs(encoded)
    if not encoded:
        raise ValueError("an empty batch: pass at least one encoded pair.")
    src = pad([[*source, EOS_ID] for source, _ in encoded])
    tgt_in = pad([[BOS_ID, *target] for _, target in encoded])
    labels = pad([[*target, EOS_ID] for _, target in encoded])
    return Batch(src, tgt_in, labels)


def bucketed_batches(encoded, max_tokens, seed=None):
    """Batches of pairs of similar length, each of at most `max_tokens` padded tokens per side.

    `seed=None` keeps the batches in order of length; a seed shuffles pairs of equal length and the batches.

    Raises:
        TypeError: what is no pair of lists of whole numbers.
        ValueError: a pair longer than `max_tokens`.
    """
    check_counts(max_tokens=max_tokens)
    encoded, seed = check_pairs(encoded), check_seed(seed)
    chance = random.Random(seed)
    order = list(range(len(encoded)))
    if seed is not None:
        chance.shuffle(order)

    def length(i):
        return 1 + max(len(encoded[i][0]), len(encoded[i][1]))

    order.sort(key=lambda i: (length(i), len(encoded[i][0]), len(encoded[i][1])))
    if order and length(order[-1]) > max_tokens:
        raise ValueError(
            f"a pair of {length(order[-1])} tokens does not fit into max_tokens={max_tokens}. "
            "Raise max_tokens."
        )
    groups, group = [], []
    for i in order:
        if group and length(i) * (len(group) + 1) > max_tokens:
            groups.append(group)
            group = []
        group.append(encoded[i])
    if group:
        groups.append(group)
    if seed is not None:
        chance.shuffle(groups)
    return [make_batch(group) for group in groups]


def padding_share(batches):
    """The share of padding among all ids of `src` and `labels`, from 0 to 1."""
    check_batches(batches)
    ids = [t for batch in batches for t in (batch.src, batch.labels)]
    if not ids:
        raise ValueError("no batches to look at: pass a list of at least one.")
    return sum(int((t == PAD_ID).sum()) for t in ids) / sum(t.numel() for t in ids)
