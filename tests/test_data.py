"""Subwords and batches."""

import pytest
import torch

from helpers.data import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    UNK_ID,
    bucketed_batches,
    encode_pairs,
    make_batch,
    padding_share,
    train_tokenizer,
)

GERMAN = "Ein Hund läuft.\nZwei Kinder spielen.\nEine Frau liest ein Buch.\n" * 40
ENGLISH = "A dog runs.\nTwo children play.\nA woman reads a book.\n" * 40

# --- Subwords -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer((GERMAN + ENGLISH).splitlines(), vocab_size=80)


@pytest.mark.parametrize(
    "text", ["Ein Hund läuft.", "A woman reads; a dog, too.", "Ein Hund liest, ein Kind!"]
)
def test_decoding_gives_the_sentence_back(tokenizer, text):
    known = "".join(c for c in text if c in set(GERMAN + ENGLISH))
    assert tokenizer.decode(tokenizer.encode(known).ids) == known


def test_special_ids_and_unknown_characters(tokenizer):
    assert [tokenizer.id_to_token(i) for i in range(4)] == ["<pad>", "<s>", "</s>", "<unk>"]
    assert UNK_ID in tokenizer.encode("猫").ids
    assert not set(range(4)) & set(tokenizer.encode("Ein Hund").ids)
    assert tokenizer.encode("").ids == []
    assert not {0, 1, 2} & set(tokenizer.encode("</s> <pad><s>").ids)


def test_both_ways_to_write_an_umlaut_are_one(tokenizer):
    assert tokenizer.encode("läuft").ids == tokenizer.encode("la\u0308uft").ids


def test_bad_requests_for_a_tokenizer():
    with pytest.raises(ValueError, match="no sentences"):
        train_tokenizer([], 100)
    with pytest.raises(ValueError, match="vocab_size=8 is too small.*at least"):
        train_tokenizer(["Ein Hund läuft."], 8)


# --- Batches ------------------------------------------------------------------------------------------------


ENCODED = [([5] * n, [6] * (n + n % 3)) for n in range(1, 30)]


def test_a_batch_is_shifted_by_one():
    batch = make_batch([([5, 6], [7, 8, 9]), ([5], [7])])
    assert batch.src.tolist() == [[5, 6, EOS_ID], [5, EOS_ID, PAD_ID]]
    assert batch.tgt_in.tolist() == [[BOS_ID, 7, 8, 9], [BOS_ID, 7, PAD_ID, PAD_ID]]
    assert batch.labels.tolist() == [[7, 8, 9, EOS_ID], [7, EOS_ID, PAD_ID, PAD_ID]]


def test_every_pair_is_in_exactly_one_batch_and_none_is_too_large():
    for seed in (None, 1):
        batches = bucketed_batches(ENCODED, 60, seed)
        lengths = sorted(int((row == 5).sum()) for batch in batches for row in batch.src)
        assert lengths == list(range(1, 30))
        assert all(max(batch.src.numel(), batch.labels.numel()) <= 60 for batch in batches)


def test_a_seed_fixes_the_order_and_another_changes_it():
    def order(seed):
        return [tuple(batch.src.shape) for batch in bucketed_batches(ENCODED, 60, seed)]

    assert order(1) == order(1) != order(2)


def test_buckets_pad_less():
    chunks = [make_batch(ENCODED[i::5]) for i in range(5)]
    assert padding_share(bucketed_batches(ENCODED, 60)) < padding_share(chunks) / 2
    assert padding_share([make_batch([([5], [6])])]) == 0.0


def test_bad_requests_for_batches():
    with pytest.raises(ValueError, match="empty batch"):
        make_batch([])
    with pytest.raises(ValueError, match="32 tokens.*max_tokens=20"):
        bucketed_batches(ENCODED, 20)
    assert bucketed_batches([], 20) == []


def test_no_pairs_encode_to_no_pairs(tokenizer):
    assert encode_pairs([], tokenizer) == []
    ((source, target),) = encode_pairs([("Ein Hund", "A dog")], tokenizer)
    assert tokenizer.decode(source) == "Ein Hund" and tokenizer.decode(target) == "A dog"
    assert torch.tensor(source).dtype == torch.long
