"""Two stages side by side."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from lessons.stages import _unmarked, changes_as_html, show_changes, source_of

CELL = """
import torch


class Layer_v1:
    def forward(self, x):
        return x


class Layer_v2:
    def forward(self, x):
        y = x < 1  # new
        return y


class Layer_v3:
    def forward(self, x):
        y = x < 1
        return y  # changed


def loop_v1(x):
    return x
"""


@pytest.fixture
def cell(tmp_path):
    """The names of `CELL`, run in a notebook's shell."""
    shell = InteractiveShell.instance()
    shell.run_cell(CELL)
    yield shell.user_ns
    InteractiveShell.clear_instance()


def test_classes_of_a_cell_have_a_source(cell):
    assert source_of(cell["Layer_v1"]).startswith("class Layer_v1:")
    assert source_of(cell["Layer_v2"]).endswith("return y")
    assert source_of(cell["loop_v1"]) == "def loop_v1(x):\n    return x"


def test_what_goes_is_marked_minus_and_what_comes_plus(cell):
    rows = changes_as_html(cell["Layer_v1"], cell["Layer_v2"]).split("\n")
    marked = [row for row in rows if "<b>" in row]
    assert len(marked) == 3  # the names, the new line, the result
    assert "<b>-</b>" in marked[0] and "<b>+</b>" in marked[0]
    assert any("&lt;" in row and "<b>+</b>" in row for row in marked)
    same = next(row for row in rows if "forward" in row)
    assert same.count("forward") == 2 and "<b>" not in same


def test_the_marks_of_the_reader_are_not_compared(cell):
    rows = changes_as_html(cell["Layer_v2"], cell["Layer_v3"]).split("\n")
    assert [row for row in rows if "<b>" in row] == [row for row in rows if "class" in row]
    # The new stage shows its marks; the old one hides those it had towards the stage before.
    assert sum("# changed" in row for row in rows) == 1 and not any("# new" in row for row in rows)


def test_a_mark_with_a_shape_leaves_the_shape():
    assert _unmarked("x = y.T  # new: (S, D)") == "x = y.T  # (S, D)"
    assert _unmarked("x = y.T  # (S, D)  # changed") == "x = y.T  # (S, D)"


def test_show_displays_one_table(cell, capsys):
    show_changes(cell["Layer_v1"], cell["Layer_v2"])
    assert "HTML" in capsys.readouterr().out


def test_a_class_without_source():
    with pytest.raises(ValueError, match="no source of Bare"):
        source_of(type("Bare", (), {}))
