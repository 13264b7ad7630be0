"""The set-up cell and `helpers.setup`: on this machine, and on a stand-in for Colab without any network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import setup
from tools import source

ROOT = Path(__file__).resolve().parents[1]
CELL = source.setup_cell(ROOT)
posix = pytest.mark.skipif(os.name == "nt", reason="Colab is a Linux")


def run(code, folder, **environment):
    """Run code in a fresh Python whose working directory is `folder`."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def tell(expression):
    return f"\nprint({expression})"


@pytest.mark.parametrize("folder", ["notebooks", "notebooks/src", "."])
def test_finds_the_series_above(folder):
    done = run(
        CELL + tell("sys.path[0], os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules"), ROOT / folder
    )
    assert done.stdout == f"Ready.\n{ROOT} passive False\n", done.stderr


def test_keeps_the_reader_s_own_wait_policy():
    done = run(CELL + tell("os.environ['OMP_WAIT_POLICY']"), ROOT / "notebooks", OMP_WAIT_POLICY="active")
    assert done.stdout == "Ready.\nactive\n", done.stderr


def test_outside_the_series(tmp_path):
    done = run(CELL, tmp_path)
    assert done.returncode and "Ready." not in done.stdout
    assert "FileNotFoundError: Open this in the folder of the series." in done.stderr


def test_another_package_called_helpers_makes_room(tmp_path):
    (tmp_path / "helpers.py").write_text("", encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import helpers\n{CELL}"
    assert run(code, ROOT / "notebooks").stdout == "Ready.\n"


def test_the_cell_again_in_the_middle_of_a_notebook():
    use = """
from helpers import data, model
from helpers.model import Transformer
print(model.Transformer is Transformer)
"""
    done = run(CELL + use + CELL + use, ROOT / "notebooks")
    assert done.stdout == "Ready.\nTrue\nReady.\nTrue\n", done.stderr


def test_the_cell_is_short_and_folded():
    assert len(CELL.splitlines()) <= 12 and CELL.startswith("# @title ")  # a form on Colab has a title
    cell = next(c for c in source.compose(ROOT, "00_start_here").cells if c.cell_type == "code")
    assert (
        cell.source == CELL
        and cell.metadata["jupyter"]["source_hidden"]
        and cell.metadata["cellView"] == "form"
    )


def test_another_package_called_helpers_on_the_path_does_not_matter(tmp_path):
    (tmp_path / "helpers.py").write_text("", encoding="utf-8")
    done = run(CELL, ROOT / "notebooks", PYTHONPATH=str(tmp_path))
    assert done.stdout == "Ready.\n", done.stderr


# Colab


@pytest.fixture
def colab(tmp_path):
    """A stand-in for Colab: its module, a local repository, a pip that writes down what it is asked."""
    stand_in, origin, content = tmp_path / "stand-in", tmp_path / "origin", tmp_path / "content"
    (stand_in / "google" / "colab").mkdir(parents=True)
    (stand_in / "google" / "colab" / "__init__.py").touch()
    (stand_in / "pip").mkdir()
    (stand_in / "pip" / "__init__.py").touch()
    pip = "import os, sys\nprint(*sys.argv[1:], file=open(os.environ['ASKED'], 'a', encoding='utf-8'))\n"
    (stand_in / "pip" / "__main__.py").write_text(pip, encoding="utf-8")
    content.mkdir()
    (origin / "helpers").mkdir(parents=True)
    for name in ("__init__.py", "model.py", "setup.py"):
        shutil.copy(ROOT / "helpers" / name, origin / "helpers" / name)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *command], cwd=origin, check=True)

    def start(code=CELL, address=None, **environment):
        code = code.replace('"/content/', f'"{content}/')
        code = code.replace(source.repository(ROOT), address or origin.as_uri())
        usual = {"PYTHONPATH": str(stand_in), "ASKED": str(tmp_path / "pip.log")}
        return run(f"import google.colab\n{code}", content, **(usual | environment))

    start.content, start.origin, start.pip_log = content, origin, tmp_path / "pip.log"
    return start


@posix
def test_colab_clones_once(colab):
    clone = colab.content / "transformer-in-stages"
    for _ in range(2):
        done = colab(CELL + tell("sys.path[0]"))
        assert done.stdout == f"Ready.\n{clone}\n", done.stderr
    assert [path.name for path in colab.content.iterdir()] == [clone.name]
    assert not colab.pip_log.exists()  # nothing was missing
    again = colab(CELL + "\n" + CELL, address="file:///gone")  # twice in one kernel, and offline by now
    assert again.stdout == "Ready.\nReady.\n", again.stderr


@posix
def test_colab_in_a_copy_of_the_series_uses_it(colab):
    shutil.copytree(colab.origin, colab.content / "my copy")
    go = f"import os; os.chdir({str(colab.content / 'my copy')!r})\n"
    done = colab(go + CELL, address="file:///gone")
    assert done.stdout == "Ready.\n", done.stderr


@posix
def test_colab_clone_that_fails(colab):
    done = colab(address="file:///gone")
    assert done.stdout == "" and "On Colab: could not fetch file:///gone." in done.stderr
    assert colab().stdout == "Ready.\n"


@posix
def test_colab_clone_that_stopped_halfway(colab):
    unfinished = colab.content / "transformer-in-stages.new"
    (unfinished / "helpers").mkdir(parents=True)
    (unfinished / "helpers" / "setup.py").touch()
    assert colab().stdout == "Ready.\n"
    assert not unfinished.exists()


def hide(*modules):
    """Code after which `modules` look as if they were not installed."""
    return (
        "import importlib.util\n"
        "find_spec = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name: None if name in {modules} else find_spec(name)\n"
    )


@posix
def test_colab_installs_what_is_missing_but_never_torch(colab):
    done = colab(hide("sacrebleu", "tokenizers") + CELL)
    assert done.stdout == "Ready.\n", done.stderr
    assert colab.pip_log.read_text(encoding="utf-8") == "install --quiet sacrebleu tokenizers\n"
    done = colab(hide("torch") + CELL)
    assert "Not installed in this kernel's Python: torch." in done.stderr
    assert "torch" not in colab.pip_log.read_text(encoding="utf-8")


@posix
def test_colab_install_that_fails(colab):
    done = colab(hide("sacrebleu") + CELL, ASKED=str(colab.content / "no" / "folder"))
    assert "Could not install sacrebleu. Wait a minute, then run this again." in done.stderr


# prepare


def test_elsewhere_nothing_is_installed():
    done = run(hide("sacrebleu", "torch") + CELL, ROOT / "notebooks")
    assert "Not installed in this kernel's Python: sacrebleu, torch." in done.stderr
    assert "python course.py lab" in done.stderr


def test_old_versions(monkeypatch):
    monkeypatch.setattr(setup, "OLDEST_TORCH", (99, 0))
    with pytest.raises(RuntimeError, match="needs 99.0 or newer"):
        setup.prepare()
    monkeypatch.setattr(setup, "OLDEST_PYTHON", (4, 0))
    with pytest.raises(RuntimeError, match="This is Python 3.* needs 4.0 or newer"):
        setup.prepare()


def test_a_progress_bar_is_seen_in_notebooks_and_leaves_nothing_behind():
    bar = "import sys\nfrom helpers.setup import progress\nfor _ in progress(range(3)): pass"
    notebook = "import sys; sys.modules['ipykernel'] = sys\n"
    for code, quiet, shown in ((bar, "", False), (notebook + bar, "", True), (notebook + bar, "1", False)):
        done = run(code, ROOT, TRANSFORMER_QUIET=quiet)
        assert done.returncode == 0 and done.stderr == "" and ("0/3" in done.stdout) is shown, done
        assert done.stdout.split("\n")[-2:][0].strip() == ""


def test_packages_are_those_of_requirements():
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([A-Za-z0-9_.-]+)", requirements, re.MULTILINE))
    assert {*setup.PACKAGES.values(), "torch"} <= listed


def test_the_tests_themselves_are_offline(tmp_path):
    log = tmp_path / "network.log"
    loopback = (
        "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())"
    )
    for code, refused in {
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)": True,
        "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)": True,
        f"import socket; {loopback}": False,
    }.items():
        log.unlink(missing_ok=True)
        done = run(code, tmp_path, TRANSFORMER_NETWORK_LOG=str(log))
        assert ("the tests run offline" in done.stderr) is refused, done.stderr
        assert log.exists() is refused
