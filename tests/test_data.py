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
    special = [tokenizer.id_to_token(i) for i in (PAD_ID, BOS_ID, EOS_ID, UNK_ID)]
    assert special == ["<pad>", "<s>", "</s>", "<unk>"]
    assert UNK_ID in tokenizer.encode("猫").ids
    assert not set(range(4)) & set(tokenizer.encode("Ein Hund").ids)
    assert tokenizer.encode("").ids == []
    assert not {0, 1, 2} & set(tokenizer.encode("</s> <pad><s>").ids)


def test_both_ways_to_write_an_umlaut_are_one(tokenizer):
    assert tokenizer.encode("läuft").ids == tokenizer.encode("la\u0308uft").ids


def test_bad_requests_for_a_tokenizer():
    with pytest.raises(ValueError, match="no sentences"):
        train_tokenizer([], 100)
    for bad in (0, -1, 80.5, 2**70):
        with pytest.raises(ValueError, match=f"vocab_size={bad}: expected a whole number"):
            train_tokenizer(["Ein Hund läuft."], bad)


def test_the_smallest_vocabulary_is_the_one_that_the_message_names():
    with pytest.raises(ValueError, match="vocab_size=7 is too small.*at least 8") as caught:
        train_tokenizer(["aba", "cab"], 7)
    smallest = train_tokenizer(["aba", "cab"], 8)
    assert smallest.get_vocab_size() == 8 and UNK_ID not in smallest.encode("aba cab").ids, caught.value


def test_a_vocabulary_that_no_text_could_fill_costs_no_memory():
    huge, enough = (train_tokenizer((GERMAN + ENGLISH).splitlines(), size) for size in (2**62, 2000))
    assert huge.get_vocab() == enough.get_vocab() and huge.get_vocab_size() < 2000


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


def test_batches_are_filled_up_to_the_limit():
    assert [len(batch.src) for batch in bucketed_batches([([5] * 4, [6] * 4)] * 25, 60)] == [12, 12, 1]


def test_pairs_of_one_source_length_go_by_the_length_of_their_target():
    batches = bucketed_batches([([5] * 9, [6] * (1 + i % 5)) for i in range(50)], 100, seed=0)
    assert padding_share(batches) == 0.0


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
    for bad in (0, -1, 20.5, float("nan")):
        with pytest.raises(ValueError, match=f"max_tokens={bad}"):
            bucketed_batches(ENCODED, bad)
    assert bucketed_batches([], 20) == []


def test_no_pairs_encode_to_no_pairs(tokenizer):
    assert encode_pairs([], tokenizer) == []
    ((source, target),) = encode_pairs([("Ein Hund", "A dog")], tokenizer)
    assert tokenizer.decode(source) == "Ein Hund" and tokenizer.decode(target) == "A dog"
    assert torch.tensor(source).dtype == torch.long
