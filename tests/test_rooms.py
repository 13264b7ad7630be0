"""The rooms of the house: notebooks may import lessons and helpers, lessons helpers, and helpers neither."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "helpers": {"helpers"},
    "lessons": {"lessons", "helpers"},
    "notebooks/src": {"lessons", "helpers"},
    "tools": {"tools", "helpers"},  # the set-up cell
}
OURS = {"helpers", "lessons", "tools", "tests", "notebooks", "course"}


def imported(source):
    """The rooms that a source imports from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "a relative import" if node.level else node.module.split(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_run_one_way(room):
    paths = list((ROOT / room).rglob("*.py"))
    assert paths
    for path in paths:
        found = set(imported(path.read_text(encoding="utf-8"))) & (OURS | {"a relative import"})
        assert found <= MAY_IMPORT[room], f"{path} imports from {found - MAY_IMPORT[room]}"


def test_an_arrow_the_wrong_way_is_seen():
    source = "def f():\n    from lessons.stages import show_changes\nimport tools.build\nfrom . import x"
    assert set(imported(source)) == {"lessons", "tools", "a relative import"}


def test_names_do_not_collide():
    """No module of lessons is called like one of helpers, so that a name says where a thing is.

    Exercises have the names of their notebooks.
    """
    core = {path.stem for path in (ROOT / "helpers").glob("[a-z]*.py")}
    around = {p.stem for p in (ROOT / "lessons").rglob("[a-z]*.py") if p.parent.name != "exercises"}
    assert core.isdisjoint(around), core & around
