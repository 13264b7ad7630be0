"""What the set-up cell of every notebook calls, before PyTorch is imported, and the progress bar."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from importlib import metadata

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 6)
# Import name and package name of what the notebooks use besides PyTorch.
PACKAGES = {
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pooch": "pooch",
    "sacrebleu": "sacrebleu",
    "sacremoses": "sacremoses",
    "safetensors": "safetensors",
    "tokenizers": "tokenizers",
    "tqdm": "tqdm",
}


def prepare() -> None:
    """Make the kernel ready for a notebook and print "Ready.".

    On Colab this installs the packages that are missing there, but never PyTorch.

    Raises:
        RuntimeError: Python or PyTorch is too old or a package is missing; the message says what to do.
    """
    # Threads that wait in a busy loop make training up to a hundred times slower on a shared CPU.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if sys.version_info < OLDEST_PYTHON:
        present, needed = _dotted(sys.version_info[:2]), _dotted(OLDEST_PYTHON)
        raise RuntimeError(f"This is Python {present}; the series needs {needed} or newer.")
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing and _on_colab():
        _install(missing)
        missing = []
    if importlib.util.find_spec("torch") is None:
        missing.append("torch")
    if missing:
        raise RuntimeError(
            f"Not installed in this kernel's Python: {', '.join(missing)}. Start the notebook with "
            "`python course.py lab`, or run `pip install -r requirements.txt` and restart the kernel."
        )
    torch_version = tuple(int(part) for part in re.findall(r"\d+", metadata.version("torch"))[:2])
    if torch_version < OLDEST_TORCH:
        raise RuntimeError(
            f"This is PyTorch {_dotted(torch_version)}; the series needs {_dotted(OLDEST_TORCH)} or newer: "
            "`pip install --upgrade torch`, then restart the kernel."
        )
    print("Ready.")


def start_command():
    """What a command does before PyTorch is imported: threads that wait must not keep a core busy, and Ctrl-C
    during the import ends it without a traceback."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_command(main):
    """Run `main` and end with its exit code; from here on Ctrl-C raises KeyboardInterrupt again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())


def progress(iterable=None, **options):
    """A progress bar of tqdm that leaves nothing behind; environment variable TRANSFORMER_QUIET=1 hides it.

    It is text in notebooks too, since a bar made of widgets is missing when a saved notebook is opened again.
    """
    from tqdm import tqdm

    notebook, quiet = "ipykernel" in sys.modules, os.environ.get("TRANSFORMER_QUIET") == "1"
    return tqdm(
        iterable,
        file=sys.stdout if notebook else sys.stderr,
        disable=quiet or not (notebook or (sys.stderr and sys.stderr.isatty())),
        **{"leave": False, "mininterval": 0.5, **options},
    )


def _on_colab() -> bool:
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:
        return False


def _install(packages: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages])
    if done.returncode:
        raise RuntimeError(f"Could not install {', '.join(packages)}. Wait a minute, then run this again.")
    importlib.invalidate_caches()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
