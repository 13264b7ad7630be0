"""Downloads, subwords and batches. Downloads come from a server on this machine that can misbehave."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from helpers import data
from helpers.data import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    UNK_ID,
    bucketed_batches,
    encode_pairs,
    make_batch,
    multi30k,
    padding_share,
    train_tokenizer,
)

GERMAN = "Ein Hund läuft.\nZwei Kinder spielen.\nEine Frau liest ein Buch.\n" * 40
ENGLISH = "A dog runs.\nTwo children play.\nA woman reads a book.\n" * 40
FILES = {"val.de": GERMAN, "val.en": ENGLISH}
SUMS = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()}
PACKED = {f"/{name}.gz": gzip.compress(text.encode(), mtime=0) for name, text in FILES.items()}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A source of the two files; `server.fault` makes it misbehave, `server.ranges` logs what was asked."""
    monkeypatch.setenv("TRANSFORMER_DATA", str(tmp_path / "cache"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body, wanted = PACKED[self.path], self.headers.get("Range")
            http.ranges.append(wanted)
            if http.fault == "missing":
                return self.send_error(404)
            start = int(wanted[6:-1]) if wanted else 0
            if start >= len(body):
                return self.send_error(416)
            if http.fault == "corrupt":
                body = body[:-20] + b"?" * 20
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start : len(body) // 2] if http.fault == "cut" else body[start:])

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.fault, http.ranges = None, []
    http.url, http.folder = f"http://127.0.0.1:{http.server_port}", tmp_path / "cache" / "multi30k"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


def fetch(server):
    return multi30k("valid", source=server.url, checksums=SUMS)


def test_a_download_is_kept_and_used_again(server):
    pairs = fetch(server)
    assert len(pairs) == 120 and pairs[0] == ("Ein Hund läuft.", "A dog runs.")
    asked = len(server.ranges)
    assert fetch(server) == pairs and len(server.ranges) == asked
    assert sorted(p.name for p in server.folder.iterdir()) == ["val.de.gz", "val.en.gz"]


def test_a_download_that_broke_off_goes_on_where_it_stopped(server):
    server.fault = "cut"
    with pytest.raises(ConnectionError, match="broke off after .* call again to go on"):
        fetch(server)
    half = (server.folder / "val.de.gz.part").stat().st_size
    assert half > 0 and not (server.folder / "val.de.gz").exists()
    server.fault = None
    assert len(fetch(server)) == 120
    assert server.ranges[1] == f"bytes={half}-"
    assert not list(server.folder.glob("*.part"))


def test_a_corrupt_download_is_deleted(server):
    server.fault = "corrupt"
    with pytest.raises(OSError, match="does not have the expected checksum"):
        fetch(server)
    assert list(server.folder.iterdir()) == []
    server.fault = None
    assert len(fetch(server)) == 120


def test_a_part_longer_than_the_file_does_not_stay(server):
    server.folder.mkdir(parents=True)
    (server.folder / "val.de.gz.part").write_bytes(b"x" * 9999)
    with pytest.raises(OSError, match="checksum"):
        fetch(server)
    assert len(fetch(server)) == 120


WHOLE = PACKED["/val.de.gz"]
FLIPPED = [WHOLE[:i] + bytes([WHOLE[i] ^ 255]) + WHOLE[i + 1 :] for i in range(0, len(WHOLE), 7)]


@pytest.mark.parametrize("damage", [b"", b"no gzip", WHOLE[:50], *FLIPPED])
def test_a_damaged_file_in_the_cache_is_fetched_again(server, damage):
    fetch(server)
    (server.folder / "val.de.gz").write_bytes(damage)
    assert len(fetch(server)) == 120


def test_offline_says_what_to_do(server):
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match="cannot reach .*works offline"):
        multi30k("valid", source=url, checksums=SUMS)


def test_a_missing_file_says_what_to_do(server):
    server.fault = "missing"
    with pytest.raises(ConnectionError, match="404 .*works offline"):
        fetch(server)
    assert list(server.folder.iterdir()) == []


def test_an_unwritable_cache_names_the_way_out(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("TRANSFORMER_DATA", str(tmp_path / "file"))
    with pytest.raises(OSError, match="cannot write to the cache folder .* TRANSFORMER_DATA"):
        fetch(server)


def test_an_unknown_split_names_the_known_ones():
    with pytest.raises(ValueError, match="'dev'.*train, valid, test"):
        multi30k("dev")


def test_the_checksums_are_those_of_the_published_text():
    """Where the data lies in the cache already, as it does for whoever has run the download once."""
    folder = data.cache_folder() / "multi30k"
    if not (folder / "train.en.gz").exists():
        pytest.skip("Multi30k is not in the cache; the tests download nothing")
    assert [len(multi30k(split)) for split in data.MULTI30K_SPLITS] == [29000, 1014, 1000]


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
