"""Subwords and batches."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from helpers.arguments import check_texts, check_tokenizer
from helpers.data import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    UNK_ID,
    SubwordSampler,
    bucketed_batches,
    encode_pairs,
    make_batch,
    pad,
    padding_share,
    train_tokenizer,
)
from helpers.grammar import SentencePair

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


def test_words_are_cut_differently_each_time_and_mean_the_same(tokenizer):
    pairs = list(zip(GERMAN.splitlines(), ENGLISH.splitlines(), strict=True))[:30]
    encoded = encode_pairs(pairs, tokenizer)
    assert SubwordSampler(pairs, tokenizer, 0.0)(1) == encoded
    sampler = SubwordSampler(pairs, tokenizer, 0.3)
    one, two = sampler(1), sampler(2)
    assert one == sampler(1) == SubwordSampler(pairs, tokenizer, 0.3)(1)
    assert one != two and len({tuple(source) for source, _ in one}) > len({a for a, _ in pairs})
    assert [tuple(map(tokenizer.decode, pair)) for pair in one] == [
        tuple(map(tokenizer.decode, pair)) for pair in encoded
    ]
    assert sum(map(len, one[0])) > sum(map(len, encoded[0]))
    letters = SubwordSampler(pairs, tokenizer, 0.999, ways=1)(0)[0][0]
    assert len(letters) == len("▁Ein▁Hund▁läuft.")
    assert SubwordSampler([("§", "dog")], tokenizer, 0.1)(0)[0][0][-1] == UNK_ID


def test_each_merge_is_left_out_with_the_probability_that_was_asked_for():
    """Two letters, one merge: they stay apart as often as the merge is left out."""
    tokenizer = train_tokenizer(["ab"] * 10, 8)
    assert tokenizer.encode("ab").tokens == ["▁", "ab"]
    sampler = SubwordSampler([("ab", "ab")] * 2000, tokenizer, 0.25, ways=2000)
    pieces = [len(source) for source, _ in sampler(0)]
    assert set(pieces) == {2, 3} and pieces.count(3) / len(pieces) == pytest.approx(0.25, abs=0.04)


def test_bad_sampling_is_refused(tokenizer):
    with pytest.raises(ValueError, match="dropout=1"):
        SubwordSampler([("ab", "cd")], tokenizer, 1)
    with pytest.raises(ValueError, match="ways=0"):
        SubwordSampler([("ab", "cd")], tokenizer, 0.1, ways=0)
    with pytest.raises(ValueError, match="seed='a'"):
        SubwordSampler([("ab", "cd")], tokenizer, 0.1)("a")
    with pytest.raises(TypeError, match="is no pair"):
        SubwordSampler(["abc"], tokenizer, 0.1)
    with pytest.raises(ValueError, match="WordLevel, expected byte pairs"):
        SubwordSampler([("ab", "cd")], Tokenizer(WordLevel({"a": 0})), 0.1)


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        ("one string", TypeError, "'one string' is one string"),
        (None, TypeError, "NoneType"),
        (["ab", 3], TypeError, "3 among the texts is int"),
        (["ab", None], TypeError, "None among the texts"),
        (["ab", "\ud800"], ValueError, "half a character"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, error, words):
    for use in (check_texts, lambda texts: train_tokenizer(texts, 80)):
        with pytest.raises(error, match=words):
            use(texts)


def test_what_is_no_text_in_a_pair_is_refused(tokenizer):
    with pytest.raises(TypeError, match="among the texts is list, expected str"):
        encode_pairs([([5], [6])], tokenizer)
    with pytest.raises(ValueError, match="half a character"):
        encode_pairs([("ab", "\ud800")], tokenizer)


@pytest.mark.parametrize("pairs", ["ab", ["ab", "cd"], [("a", "b", "c")], [("a", None)], [{"a", "b"}], [3]])
def test_what_is_no_pair_is_refused(tokenizer, pairs):
    for use in (lambda pairs: encode_pairs(pairs, tokenizer), make_batch, lambda p: bucketed_batches(p, 60)):
        with pytest.raises(TypeError, match="is no pair"):
            use(pairs)


def test_pairs_of_the_grammar_encode_like_others(tokenizer):
    pair = SentencePair("Ein Hund", "A dog", ())
    assert encode_pairs((p for p in [pair]), tokenizer) == encode_pairs([("Ein Hund", "A dog")], tokenizer)


def test_a_tokenizer_that_pads_cuts_or_is_of_another_model_is_refused():
    ours = train_tokenizer(["abcde"], 10)
    check_tokenizer(ours, 10)
    with pytest.raises(ValueError, match="10 subwords, the model knows 9"):
        check_tokenizer(ours, 9)
    for switch, words in (
        (ours.enable_padding, "no_padding"),
        (lambda: ours.enable_truncation(2), "no_trunc"),
    ):
        switch()
        with pytest.raises(ValueError, match=words):
            encode_pairs([("ab", "cd")], ours)
        ours.no_padding()


@pytest.mark.parametrize("row", [[5.0], [True], [[5]], ["ab"], [None], [torch.tensor(5)], "ab"])
def test_rows_of_anything_but_whole_numbers_are_refused(row):
    for use in (lambda row: pad([row]), lambda row: make_batch([([4], row)])):
        with pytest.raises(TypeError, match="expected whole numbers"):
            use(row)


def test_anything_that_can_be_gone_through_makes_batches():
    assert pad((n, n) for n in (4, 5)).tolist() == [[4, 4], [5, 5]]
    assert pad([np.array([4, 5]), (6,)]).tolist() == [[4, 5], [6, PAD_ID]]
    assert torch.equal(make_batch(iter(ENCODED)).src, make_batch(ENCODED).src)
    assert len(bucketed_batches(iter(ENCODED), 60)) == len(bucketed_batches(ENCODED, 60))
    orders = [[b.src.tolist() for b in bucketed_batches(ENCODED, 60, seed)] for seed in (3, np.int32(3))]
    assert orders[0] == orders[1]


def test_bad_seeds_and_no_batches():
    with pytest.raises(ValueError, match="no rows"):
        pad([])
    for seed in ("3", 1.5, True, [1]):
        with pytest.raises(ValueError, match="seed=.*expected a whole number, or None"):
            bucketed_batches(ENCODED, 60, seed)
    with pytest.raises(ValueError, match="no batches"):
        padding_share([])
    with pytest.raises(TypeError, match="single Batch"):
        padding_share(make_batch(ENCODED))
