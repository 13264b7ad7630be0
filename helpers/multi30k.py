"""Multi30k, captions in German and English: downloaded once, and checked whenever it is read."""

import gzip
import hashlib
import io
import os
import tempfile
import warnings
import zlib
from pathlib import Path

from helpers.setup import progress

SOURCE = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
SPLITS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
SHA256 = {  # of the uncompressed text
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
}


def multi30k(split, source=SOURCE, checksums=SHA256):
    """The pairs `(german, english)` of one split: "train", "valid" or "test" (test_2016_flickr).

    The data may be used for non-commercial research and education; cite Elliott et al. 2016 (W16-3210).

    Raises:
        ValueError: an unknown split.
        ConnectionError: the source cannot be reached or broke off.
        OSError: the cache folder cannot be written, or the download is not the expected text.
    """
    if split not in list(SPLITS):
        raise ValueError(f"there is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    names = [f"{SPLITS[split]}.{language}" for language in ("de", "en")]
    return list(zip(*(load(name, source, checksums[name]).splitlines() for name in names), strict=True))


def cache_folder():
    """In the folder of environment variable TRANSFORMER_DATA, or in ~/.cache/transformer-in-stages."""
    base = os.environ.get("TRANSFORMER_DATA") or Path.home() / ".cache" / "transformer-in-stages"
    return Path(base) / "multi30k"


def load(name, source, sha256):
    """The text of `name`.gz in the cache, which is downloaded first where it is missing or damaged."""
    path = cache_folder() / f"{name}.gz"
    try:
        text = unpack(path.read_bytes(), sha256)
    except OSError:
        text = None
    if text is None:
        packed = download(f"{source}/{name}.gz")
        text = unpack(packed, sha256)
        if text is None:
            raise OSError(
                f"{source}/{name}.gz does not have the expected checksum {sha256[:12]}...; nothing was kept. "
                "Call again; if it fails again, the file at the source has changed."
            )
        keep(path, packed)
    return text.decode("utf-8")


def unpack(packed, sha256):
    """The uncompressed bytes, or None if they are damaged or not those with the checksum."""
    try:
        text = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        return None
    return text if hashlib.sha256(text).hexdigest() == sha256 else None


def download(url):
    """The bytes at `url`, with a progress bar."""
    with warnings.catch_warnings(action="ignore"):  # it loads tqdm's widget bar, which misses the widgets
        import pooch

    file = io.BytesIO()
    try:
        with progress(total=1, desc=url.split("/")[-1], unit="B", unit_scale=True) as bar:
            pooch.HTTPDownloader(progressbar=bar, timeout=20)(url, file, None)  # sets the bar's total
    except OSError as error:
        raise ConnectionError(
            f"cannot download {url}. Check the connection and call again. No notebook needs this download: "
            f"the grammar corpus (helpers.grammar) is the default and works offline. The cause: {error}"
        ) from None
    return file.getvalue()


def keep(path, content):
    """Write a file that is whole or absent, whoever else writes it at the same time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            Path(folder, path.name).write_bytes(content)
            Path(folder, path.name).replace(path)
    except OSError as error:
        raise OSError(
            f"cannot write to the cache folder {path.parent} ({error.strerror}). Free some space, or set the "
            "environment variable TRANSFORMER_DATA to a folder you may write to."
        ) from error
