"""Build the notebooks from their sources.

    python -m tools.build                 build all notebooks
    python -m tools.build 01 02_one_word  build these
    python -m tools.build --refresh       write what needs no execution: text, links, README's table
    python -m tools.build --check         do sources, notebooks and README agree? (nothing is executed)

A build executes the notebook from top to bottom in a fresh kernel and writes `notebooks/NN_name.ipynb`, and
`notebooks/solutions/NN_name.ipynb` when it has exercises: both, or neither when a cell fails. A study goes to
`notebooks/studies`. Building twice gives the same bytes. How a source is written stands in `tools/source.py`.

The public address of the series stands in pyproject.toml, as Repository under [project.urls], and from there
goes into every link to Colab, every set-up cell and README. `--refresh` first takes it from git's `origin`,
when that is on GitHub, and `--refresh ADDRESS` from what you say: a workflow does so on GitHub.
"""

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools.source import (
    METADATA,
    BuildError,
    checked,
    compose,
    notebook_path,
    read_source,
    repository,
    run_times,
    source_names,
    table,
)

ROOT = Path(__file__).resolve().parents[1]
TABLE_BEGIN, TABLE_END = "<!-- notebooks: begin -->", "<!-- notebooks: end -->"
LIMITS = (10, 30, 60, 120, 300, 600)  # seconds, the run times that the table tells apart
CELL_TIMEOUT = 300  # seconds


class ThisPython(AsyncKernelManager):
    """Kernels run in the Python that runs the build, whatever kernels the user has installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict(["--log-level=ERROR"]))


def execute(notebook: NotebookNode, folder: Path, label: str) -> None:
    """Run the notebook in place, in a fresh kernel whose working directory is `folder`."""
    running: list[NotebookNode] = []
    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisPython,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: running.append(cell),
    )
    environment = {**os.environ, "TRANSFORMER_QUIET": "1", "OMP_WAIT_POLICY": "passive"}
    environment.pop("MPLBACKEND", None)  # figures go into the notebook, whatever the user prefers
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = running[-1]
        number = sum(other.cell_type == "code" for other in running)
        reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
        start = "\n".join(f"    {line}" for line in cell.source.splitlines()[:4])
        raise BuildError(f"{label}: code cell {number} (id {cell.id}) failed.\n{start}\n{reason}") from None
    for cell in notebook.cells:
        describe(cell)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = shorten(output.traceback)
    notebook.metadata = NotebookNode(json.loads(json.dumps(METADATA)))


def describe(cell: NotebookNode) -> None:
    """Give the figure in a cell's outputs the description that its source has as a note."""
    for output in cell.get("outputs", []):
        if "alt" in cell.metadata and "image/png" in output.get("data", {}):
            output.metadata.setdefault("image/png", {})["alt"] = cell.metadata["alt"]


def shorten(traceback: list[str]) -> list[str]:
    """An expected error without the frames inside libraries, whose paths differ between machines."""
    return [entry for entry in traceback if not re.sub(r"\x1b\[[0-9;]*m", "", entry).startswith("File ")]


def write(path: Path, text: str) -> bool:
    """Write the file whole or not at all; True when its text changed."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    os.replace(unfinished, path)
    return True


def as_text(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def variants(root: Path, name: str) -> list[bool]:
    """Which notebooks a source makes, as values of `solved`."""
    return [False, True] if read_source(root, name).has_exercises else [False]


def build(root: Path, name: str) -> None:
    """Execute and write the notebook, and the solved one where there are exercises."""
    texts = {}
    for solved in variants(root, name):
        path = notebook_path(root, name, solved)
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = compose(root, name, solved)
        start = time.perf_counter()
        execute(notebook, path.parent, f"{name} ({'solved' if solved else 'as the learner gets it'})")
        if not solved:
            seconds = time.perf_counter() - start
        texts[path] = as_text(notebook)
    for path, text in texts.items():
        write(path, text)
    record_run_time(root, name, seconds)
    print(f"{name}: built, {seconds:.0f} s")


def record_run_time(root: Path, name: str, seconds: float) -> None:
    """Remember the limit that the run stayed under; it sinks only for runs well below."""
    times = run_times(root)
    limit = next((limit for limit in LIMITS if seconds < limit), LIMITS[-1])
    lower = max((other for other in LIMITS if other < times.get(name, 0)), default=0)
    if limit > times.get(name, 0) or seconds < 0.7 * lower:
        times[name] = limit
        text = json.dumps(times, indent=1, sort_keys=True) + "\n"
        write(root / "notebooks" / "src" / "run_times.json", text)


def read_notebook(path: Path) -> NotebookNode:
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def refresh(root: Path, name: str) -> bool:
    """Bring text, links, badges and the set-up cell's address up to date, keeping the outputs.

    Returns False when that is not possible: the code has changed, so the notebook has to be built.
    """
    for solved in variants(root, name):
        path = notebook_path(root, name, solved)
        if not path.exists():
            return False
        fresh = compose(root, name, solved)
        new, old = ([c for c in nb.cells if c.cell_type == "code"] for nb in (fresh, read_notebook(path)))
        if [_code(cell) for cell in new] != [_code(cell) for cell in old]:
            return False
        for cell, executed in zip(new, old, strict=True):
            cell.execution_count, cell.outputs = executed.execution_count, executed.outputs
            describe(cell)
        if write(path, as_text(fresh)):
            print(f"{path.relative_to(root).as_posix()}: text and links refreshed")
    return True


def _code(cell: NotebookNode) -> tuple:
    """What a cell's output depends on; the set-up cell's address is not part of it."""
    tags = cell.metadata.get("tags", [])
    return (re.sub(r"https://github\.com/[^\"]*", "", cell.source) if "setup" in tags else cell.source, tags)


def origin(root: Path) -> str | None:
    """The address of git's `origin`, when that is on GitHub."""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    url = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    place = re.fullmatch(r"(?:\w+://)?(?:[^@/]+@)?github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?", url)
    return f"https://github.com/{place[1]}" if place else None


def set_address(root: Path, address: str) -> None:
    """Write the public address into pyproject.toml."""
    path = root / "pyproject.toml"
    write(path, path.read_text(encoding="utf-8").replace(f'"{repository(root)}"', f'"{checked(address)}"'))


def readme_pictures(root: Path) -> dict[Path, bytes]:
    """The pictures of README: a cell tagged `readme-NAME` gives its figure to notebooks/images/NAME.png."""
    pictures = {}
    for name in source_names(root):
        path = notebook_path(root, name)
        for cell in read_notebook(path).cells if path.exists() else []:
            for tag in cell.metadata.get("tags", []):
                for output in cell.get("outputs", []) if tag.startswith("readme-") else []:
                    if png := output.get("data", {}).get("image/png"):
                        target = root / "notebooks" / "images" / f"{tag.removeprefix('readme-')}.png"
                        pictures[target] = base64.b64decode(png)
    return pictures


def readme_with_table(root: Path) -> str:
    """README.md as it should be: the present table between its two marker lines, and the present address."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(TABLE_BEGIN) != 1 or text.count(TABLE_END) != 1:
        raise BuildError(f"README.md needs the lines `{TABLE_BEGIN}` and `{TABLE_END}` round the table.")
    address = repository(root)
    clone = f"git clone {address}\ncd {address.split('/')[-1]}\n"
    text = re.sub(r"(?m)^git clone \S+\ncd \S+\n", clone, text)
    before, rest = text.split(TABLE_BEGIN)
    after = rest.split(TABLE_END)[1]
    return f"{before}{TABLE_BEGIN}\n{table(root, 'notebooks/')}\n{TABLE_END}{after}"


def differences(root: Path) -> list[str]:
    """Where sources, notebooks and README disagree, one line each; empty when all is well."""
    lines = []
    expected = set()
    for name in source_names(root):
        for solved in variants(root, name):
            path = notebook_path(root, name, solved)
            expected.add(path)
            where = path.relative_to(root).as_posix()
            if not path.exists():
                lines.append(f"{where} is missing: python -m tools.build {name}")
            elif difference := first_difference(compose(root, name, solved), read_notebook(path)):
                lines.append(f"{where}: {difference}")
    for path in sorted((root / "notebooks").glob("**/*.ipynb")):
        if path not in expected and ".ipynb_checkpoints" not in path.parts:
            lines.append(f"{path.relative_to(root).as_posix()} has no source.")
    try:
        if readme_with_table(root) != (root / "README.md").read_text(encoding="utf-8"):
            lines.append("README.md: the table of notebooks is stale: python -m tools.build --refresh")
        for path, picture in readme_pictures(root).items():
            if not path.exists() or path.read_bytes() != picture:
                lines.append(f"{path.relative_to(root).as_posix()} is stale: python -m tools.build --refresh")
    except BuildError as error:
        lines.append(str(error))
    return lines


def first_difference(fresh: NotebookNode, built: NotebookNode) -> str | None:
    """The first cell in which the source and the built notebook differ, in words."""
    for number, (new, old) in enumerate(zip(fresh.cells, built.cells, strict=False), 1):
        for key in ("cell_type", "source", "id", "metadata"):
            if new[key] != old.get(key):
                advice = "--refresh" if new.cell_type == "markdown" == old.cell_type else "a build"
                start = next(iter(new.source.splitlines()), "")
                return f"the {key} of cell {number} ({start!r}) differs from the source; {advice} mends it."
    if len(fresh.cells) != len(built.cells):
        return f"it has {len(built.cells)} cells, its source {len(fresh.cells)}."
    if fresh.metadata != built.metadata or fresh.nbformat_minor != built.nbformat_minor:
        return "its metadata differ from the build's."
    return None


def select(root: Path, wanted: list[str]) -> list[str]:
    """Names of sources for what the user typed (`01` or `01_outline`); all when nothing was typed."""
    names = source_names(root)
    chosen = []
    for word in wanted:
        matches = [name for name in names if name == word or name.split("_")[0] == word]
        if not matches:
            raise BuildError(f"There is no notebook {word!r}; there are {', '.join(names) or 'none'}.")
        chosen += matches
    return chosen or names


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tools.build", description=__doc__, formatter_class=as_written)
    parser.add_argument("names", nargs="*", help="notebooks, as 01 or 01_outline; all when left out")
    parser.add_argument("--refresh", nargs="?", const="", metavar="ADDRESS", help="text, links; no execution")
    parser.add_argument("--check", action="store_true", help="say where sources, notebooks, README disagree")
    options = parser.parse_args(arguments)
    try:
        if options.check and options.names:
            parser.error("--check looks at all notebooks: leave the names out.")
        if options.check:
            lines = differences(root)
            print("\n".join(lines) or "Sources, notebooks and README agree.")
            return bool(lines)
        if options.refresh is None:
            for name in select(root, options.names):
                build(root, name)
        elif address := options.refresh or origin(root):
            set_address(root, address)
        complete = True
        for name in source_names(root):
            if not refresh(root, name):
                complete = False
                print(f"{name}: not built from its present source yet: python -m tools.build {name}")
        if not (root / "README.md").exists():
            print("README.md does not exist yet: its table was not written.")
        else:
            write(root / "README.md", readme_with_table(root))
        for path, picture in readme_pictures(root).items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(picture)
        return 0 if complete or options.refresh is None else 1
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
