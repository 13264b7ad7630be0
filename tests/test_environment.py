"""The lists of packages agree with each other, with the code and with what is installed.

CI runs what readers run.
"""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
TEST_COMMAND = "python course.py test"

CONDA_NAMES = {"torch": "pytorch"}
# Packages that are imported under another name than the one they are installed by.
IMPORT_NAMES = {"IPython": "ipython", "yaml": "pyyaml"}
# Imported only where it exists: Colab brings it.
NOT_INSTALLED = {"google"}


def requirements():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def python_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["requires-python"]


def course_constant(name):
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name]
    return ast.literal_eval(values[0])


def test_conda_has_the_same_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "transformer-in-stages" and environment["channels"] == ["conda-forge"]
    conda = {item.name: item.specifier for item in map(Requirement, environment["dependencies"])}
    assert str(conda.pop("python")).split(",")[-1] == python_range()
    assert conda == {CONDA_NAMES.get(item.name, item.name): item.specifier for item in requirements()}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_installed_version_is_in_range(requirement):
    assert sorted(part.operator for part in requirement.specifier) == ["<", ">="]
    installed = version(requirement.name)
    assert requirement.specifier.contains(installed, prereleases=True), f"{installed} is not in {requirement}"


def imports(source):
    """Return the top-level names of all modules that a source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def undeclared(source, own=()):
    declared = {item.name for item in requirements()}
    names = set(imports(source)) - set(sys.stdlib_module_names) - NOT_INSTALLED - set(own)
    return {name for name in names if IMPORT_NAMES.get(name, name) not in declared}


def test_imports_are_declared():
    folders = ["helpers", "tools", "tests", "notebooks/src"]
    sources = [ROOT / "course.py", *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    own = {"helpers", "tools", "tests"} | {path.stem for path in (ROOT / "tests").iterdir()} | {"course"}
    found = {str(path): undeclared(path.read_text(encoding="utf-8"), own) for path in sources}
    assert {path: names for path, names in found.items() if names} == {}


def test_an_undeclared_import_is_found():
    source = (
        "import os, torch.nn\nfrom yaml import dump\nfrom . import x\ndef f():\n    import torchtext.data"
    )
    assert undeclared(source) == {"torchtext"}


def test_ranges_of_python_agree():
    oldest, newest = course_constant("TRIED_PYTHONS").split(" to ")
    assert course_constant("OLDEST_PYTHON") == tuple(map(int, oldest.split(".")))
    assert python_range() == f">={oldest}"
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    rows = jobs["test"]["strategy"]["matrix"]["include"]
    assert {row["python"] for row in rows} == {oldest, newest}
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = SpecifierSet(re.search(r"python(>=\S+)", environment).group(1))
    major, minor = map(int, newest.split("."))
    assert oldest in conda and newest in conda and f"{major}.{minor + 1}" not in conda


def test_workflow_runs_the_test_command():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        TEST_COMMAND + " ${{ matrix.options }}"
    ]
    rows = job["strategy"]["matrix"]["include"]
    systems = ["ubuntu-latest", "macos-latest", "windows-latest"]
    pythons = {row["python"] for row in rows}
    expected = itertools.product(systems, pythons)
    assert sorted((row["os"], row["python"]) for row in rows) == sorted(expected)
    strict = [(row["os"], row["python"]) for row in rows if row["options"] != "--nbval-lax"]
    assert strict == [("ubuntu-latest", "3.11")]


def test_readme_names_both_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert TEST_COMMAND in readme and "python course.py lab" in readme


@pytest.mark.skipif(os.name == "nt", reason="a script of POSIX systems")
@pytest.mark.parametrize("name", ["python", "python3"])
def test_ci_run_calls_the_test_command(tmp_path, name):
    script = tmp_path / "checkout" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", script)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("bash", "dirname"):
        (programs / program).symlink_to(shutil.which(program))
    (programs / name).write_text(f'#!{shutil.which("sh")}\necho "$PWD: $*"\nexit 7\n', encoding="utf-8")
    (programs / name).chmod(0o755)
    result = subprocess.run([script], env={"PATH": str(programs)}, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (7, f"{tmp_path}/checkout: course.py test\n"), result.stderr
    assert f"\n{TEST_COMMAND}\n" in script.read_text(encoding="utf-8")
