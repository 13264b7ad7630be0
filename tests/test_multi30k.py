"""Multi30k is fetched from a server on this machine that can misbehave."""

import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers.multi30k import SPLITS, cache_folder, multi30k

TEXTS = {"val.de": "Ein Hund läuft.\nZwei Kinder spielen.\n", "val.en": "A dog runs.\nTwo children play.\n"}
SUMS = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in TEXTS.items()}
PACKED = {f"/{name}.gz": gzip.compress(text.encode(), mtime=0) for name, text in TEXTS.items()}
PAIRS = list(zip(*(text.splitlines() for text in TEXTS.values()), strict=True))
WHOLE = PACKED["/val.de.gz"]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A source of the two files; `server.answer` changes what it sends, `server.asked` counts requests."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TRANSFORMER_DATA", str(tmp_path / "cache"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            http.asked += 1
            self.send_response(404 if http.answer is None else 200)
            self.send_header("Content-Length", str(len(PACKED[self.path])))
            self.end_headers()
            self.wfile.write(http.answer(PACKED[self.path]) if http.answer else b"")

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.answer, http.asked = bytes, 0
    http.fetch = lambda: multi30k("valid", f"http://127.0.0.1:{http.server_port}", SUMS)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http
    http.shutdown()
    http.server_close()
    thread.join()


def test_a_download_is_kept_and_used_again(server):
    assert server.fetch() == server.fetch() == PAIRS and server.asked == 2
    assert sorted(path.name for path in cache_folder().iterdir()) == ["val.de.gz", "val.en.gz"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda packed: packed[:30], ConnectionError, "call again.*works offline.*30 bytes read"),
        (None, ConnectionError, "call again.*works offline.*404"),
        (lambda packed: packed[:-4] + b"????", OSError, "does not have the expected checksum"),
        (lambda packed: WHOLE, OSError, "val.en.gz does not have the expected checksum"),
    ],
    ids=["broken off", "missing", "corrupt", "another file"],
)
def test_what_did_not_come_whole_is_not_kept(server, answer, error, words):
    server.answer = answer
    with pytest.raises(error, match=words):
        server.fetch()
    assert all(path.read_bytes() == PACKED[f"/{path.name}"] for path in cache_folder().glob("*"))
    server.answer = bytes
    assert server.fetch() == PAIRS


@pytest.mark.parametrize(
    "damage",
    [b"", b"no gzip", WHOLE[:30], WHOLE[:10] + b"\xff" + WHOLE[11:], gzip.compress(b"another text")],
    ids=["empty", "text", "cut", "flipped", "another file"],
)
def test_a_damaged_file_in_the_cache_is_replaced(server, damage):
    cache_folder().mkdir(parents=True)
    (cache_folder() / "val.de.gz").write_bytes(damage)
    assert server.fetch() == PAIRS and (cache_folder() / "val.de.gz").read_bytes() == WHOLE


def test_offline_says_what_to_do():
    with pytest.raises(ConnectionError, match="call again.*works offline. The cause: ."):
        multi30k("valid", "http://127.0.0.1:9", SUMS)


def test_an_unwritable_cache_names_the_way_out(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("TRANSFORMER_DATA", str(tmp_path / "file"))
    with pytest.raises(OSError, match="cannot write to the cache folder .*file.* TRANSFORMER_DATA"):
        server.fetch()


@pytest.mark.parametrize("split", ["dev", ["train"], None])
def test_an_unknown_split_names_the_known_ones(split):
    with pytest.raises(ValueError, match=f"{re.escape(repr(split))}.*train, valid, test"):
        multi30k(split)


def test_the_checksums_are_those_of_the_published_text():
    """Where the data lies in the cache already, as it does for whoever has run the download once."""
    if not (cache_folder() / "train.en.gz").exists():
        pytest.skip("Multi30k is not in the cache; the tests download nothing")
    assert [len(multi30k(split)) for split in SPLITS] == [29000, 1014, 1000]
