"""Sentences to batches: Multi30k by download, a subword tokeniser, and batches of similar length.

A *pair* is `(german, english)`, two strings. An *encoded pair* is two lists of token ids without special ids.
The corpus that needs no download is in `helpers.grammar`.
"""

import gzip
import hashlib
import http.client
import os
import random
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
SPECIAL_TOKENS = ["<pad>", "<s>", "</s>", "<unk>"]

MULTI30K_URL = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
MULTI30K_SPLITS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
MULTI30K_SHA256 = {  # of the uncompressed text
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
}


# --- Multi30k -----------------------------------------------------------------------------------------------


def cache_folder():
    """Where downloads are kept: environment variable TRANSFORMER_DATA, or ~/.cache/transformer-in-stages."""
    return Path(os.environ.get("TRANSFORMER_DATA") or Path.home() / ".cache" / "transformer-in-stages")


def multi30k(split, source=MULTI30K_URL, checksums=MULTI30K_SHA256):
    """The pairs of one split of Multi30k ("train", "valid" or "test" = test_2016), downloaded once.

    The data may be used for non-commercial research and education; cite Elliott et al. 2016 (W16-3210).

    Raises:
        ValueError: an unknown split.
        ConnectionError: the source cannot be reached or broke off; what has come is kept, call again to
            go on.
        OSError: the cache folder cannot be written, or the file does not have the expected checksum.
    """
    if split not in MULTI30K_SPLITS:
        raise ValueError(f"there is no split {split!r}; choose one of {', '.join(MULTI30K_SPLITS)}.")
    folder = cache_folder() / "multi30k"
    texts = []
    for language in ("de", "en"):
        name = f"{MULTI30K_SPLITS[split]}.{language}"
        texts.append(cached_text(name, folder, source, checksums[name]).splitlines())
    return list(zip(*texts, strict=True))


def cached_text(name, folder, source, sha256):
    """The text of `name`.gz from `folder`, downloaded from `source` unless a whole copy lies there."""
    path = folder / f"{name}.gz"
    text = checked_text(path, sha256)
    if text is None:
        part = download(f"{source}/{name}.gz", folder / f"{name}.gz.part")
        text = checked_text(part, sha256)
        if text is None:
            part.unlink()
            raise OSError(
                f"the download of {name}.gz does not have the expected checksum {sha256[:12]}...; "
                "it was deleted. Call again; if it fails again, the file at the source has changed."
            )
        os.replace(part, path)
    return text.decode("utf-8")


def checked_text(path, sha256):
    """The uncompressed bytes of `path`, or None if the file is missing, damaged or another one."""
    try:
        text = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return None
    return text if hashlib.sha256(text).hexdigest() == sha256 else None


def download(url, part, timeout=20):
    """Download `url` to the file `part` with a progress bar, going on where an earlier try broke off."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        with open(part, "ab") as file:
            whole = fetch(url, file, have, timeout)
    except ConnectionError:
        if not part.stat().st_size:
            part.unlink()
        raise
    except OSError as error:
        raise OSError(
            f"cannot write to the cache folder {part.parent} ({error.strerror}). Free some space, or set the "
            "environment variable TRANSFORMER_DATA to a folder you may write to."
        ) from error
    if whole and part.stat().st_size < whole:
        raise ConnectionError(
            f"the download of {url} broke off after {part.stat().st_size} of {whole} bytes. What has come is "
            "kept: call again to go on."
        )
    return part


def fetch(url, file, have, timeout):
    """Append what `file` lacks after its first `have` bytes; returns the whole length, or 0."""
    from tqdm.auto import tqdm

    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send; the checksum will tell what the part is
            return have
        raise ConnectionError(f"{url} answered {error.code} {error.reason}. {WITHOUT_DOWNLOAD}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(f"cannot reach {url} ({reason}). {WITHOUT_DOWNLOAD}") from error
    with response:
        if response.status != 206:  # the source sends everything again
            file.truncate(0)
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        whole = have + length if length else 0
        with tqdm(total=whole or None, initial=have, unit="B", unit_scale=True, disable=quiet()) as bar:
            while chunk := read_chunk(response, url):
                file.write(chunk)
                bar.update(len(chunk))
    return whole


def read_chunk(response, url):
    try:
        return response.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"the download of {url} broke off ({error}). What has come is kept: call again to go on."
        ) from error


WITHOUT_DOWNLOAD = (
    "Check the connection and call again. No notebook needs this download: the grammar corpus "
    "(helpers.grammar) is the default and works offline."
)


def quiet():
    """True when progress bars stay silent: the environment variable TRANSFORMER_QUIET is set to 1."""
    return os.environ.get("TRANSFORMER_QUIET") == "1"


# --- Subwords -----------------------------------------------------------------------------------------------


def train_tokenizer(sentences, vocab_size):
    """Learn byte-pair subwords (section 5.1) from `sentences`, German and English together.

    "\u2581" stands for the space before a word; punctuation stands alone; a character never seen becomes
    `<unk>`. Ids 0 to 3 are `<pad>`, `<s>`, `</s>` and `<unk>`; no text is encoded to the first three.

    Raises:
        ValueError: no sentences, or a vocabulary too small for the characters in them.
    """
    sentences = list(sentences)
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
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=SPECIAL_TOKENS, show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.encode_special_tokens = True  # "</s>" in a text is text
    return tokenizer


def encode_pairs(pairs, tokenizer):
    """Pairs of sentences to pairs of id lists, without special ids."""
    german, english = zip(*pairs, strict=True) if pairs else ((), ())
    sides = [[e.ids for e in tokenizer.encode_batch(list(side))] for side in (german, english)]
    return list(zip(*sides, strict=True))


# --- Batches ------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """Token ids of several pairs, padded at the end with `PAD_ID`.

    src `(B, S)` ends in `</s>`; tgt_in `(B, T)` starts with `<s>`; labels `(B, T)` are tgt_in one step later
    and end in `</s>`.
    """

    src: torch.Tensor
    tgt_in: torch.Tensor
    labels: torch.Tensor


def pad(rows):
    """Lists of ids to one tensor `(B, L)`, shorter rows filled up with `PAD_ID`."""
    rows = [torch.tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD_ID)


def make_batch(encoded):
    """Encoded pairs to one `Batch`. Raises ValueError when there are none."""
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
        ValueError: a pair longer than `max_tokens`.
    """
    chance = random.Random(seed)
    order = list(range(len(encoded)))
    if seed is not None:
        chance.shuffle(order)

    def length(i):
        return 1 + max(len(encoded[i][0]), len(encoded[i][1]))

    order.sort(key=lambda i: (length(i), len(encoded[i][0])))
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
    ids = [t for batch in batches for t in (batch.src, batch.labels)]
    return sum(int((t == PAD_ID).sum()) for t in ids) / sum(t.numel() for t in ids)
