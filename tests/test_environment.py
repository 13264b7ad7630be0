"""The lists of packages agree with each other, with the code and with what is installed."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import course
from helpers import setup

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORT_NAMES = {"ipython": "IPython", "pyyaml": "yaml"}


def ranges(lines):
    """Package name -> admitted versions, of requirements one a line."""
    return {item.name: item.specifier for item in map(Requirement, lines)}


RUNTIME = ranges(PROJECT["dependencies"])
ALL = RUNTIME | ranges(chain(*PROJECT["optional-dependencies"].values()))


def test_pip_and_conda_have_the_packages_of_the_project():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert ranges(line for line in lines if line and not line.startswith("#")) == ALL
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = ranges(environment["dependencies"])
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda == {{"torch": "pytorch"}.get(name, name): specifier for name, specifier in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_installed_version_is_in_range(name):
    assert sorted(part.operator for part in ALL[name]) == ["<", ">="]
    assert ALL[name].contains(version(name), prereleases=True), f"{version(name)} is not in {ALL[name]}"


def imports(folder):
    """The top-level modules that the sources in a folder import, without Python's own and ours."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    ours = {path.stem for place in (ROOT, ROOT / "tests") for path in place.iterdir()}
    return found - ours - set(sys.stdlib_module_names)


def test_runtime_packages_are_those_that_are_imported():
    # IPython is there wherever a notebook is; transformers is only measured where it is installed.
    assert (imports("helpers") | imports("lessons")) - {"IPython", "transformers"} == set(RUNTIME)
    assert {*setup.PACKAGES.values(), "torch"} == set(RUNTIME)


@pytest.mark.parametrize("folder", ["tools", "tests", "notebooks/src"])
def test_imports_are_declared(folder):
    assert imports(folder) <= {IMPORT_NAMES.get(name, name) for name in ALL}


def test_oldest_and_newest_versions_agree():
    oldest, newest = course.TRIED_PYTHONS.split(" to ")
    minor = int(newest.removeprefix("3."))
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(f">={oldest},<3.{minor + 1}")
    assert course.OLDEST_PYTHON == setup.OLDEST_PYTHON == tuple(map(int, oldest.split(".")))
    assert f">={setup.OLDEST_TORCH[0]}.{setup.OLDEST_TORCH[1]}" in str(RUNTIME["torch"]).split(",")
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert {row["python"] for row in jobs["test"]["strategy"]["matrix"]["include"]} == {oldest, newest}


def test_readme_names_both_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\npython course.py lab\n" in readme and "\npython course.py test\n" in readme


@pytest.mark.skipif(os.name == "nt", reason="a script of POSIX systems")
@pytest.mark.parametrize("name", ["python", "python3"])
def test_ci_run_calls_the_test_command(tmp_path, name):
    script = tmp_path / "checkout" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", script)
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("bash", "dirname"):
        (programs / program).symlink_to(shutil.which(program))
    (programs / name).write_text(f'#!{shutil.which("sh")}\necho "$PWD: $*"\nexit 7\n', encoding="utf-8")
    (programs / name).chmod(0o755)
    result = subprocess.run([script], env={"PATH": str(programs)}, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (7, f"{tmp_path}/checkout: course.py test\n"), result.stderr
