"""The static checks of the notebooks: nothing is executed here. nbval runs the notebooks themselves."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import guards
import pytest
from guards import GUARDS, ROOT, Built
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.plugin import get_sanitize_patterns

from tools import build, source

NOTEBOOKS = guards.all_built()
LEARNERS = guards.all_built(solved=False)


def label(value):
    return f"{value.name}{'-solved' if value.solved else ''}" if isinstance(value, Built) else value.__name__


@pytest.mark.parametrize("built", NOTEBOOKS, ids=label)
@pytest.mark.parametrize("guard", GUARDS, ids=label)
def test_notebook_keeps_to(guard, built):
    complaints = guard(built)
    assert not complaints, "\n".join(complaints)


def test_there_are_notebooks():
    assert NOTEBOOKS


# A small notebook that keeps to every guard, and the faults planted in it.

CODE, FIGURE, TEXT = 5, 3, 4  # cells of the small notebook


def figure(alt="a line that rises", kind="image/png"):
    return new_output("display_data", data={kind: "iVBORw0KGgo="}, metadata={kind: {"alt": alt}})


def printed(text):
    return new_output("stream", name="stdout", text=text)


@pytest.fixture
def small(tmp_path):
    address = '[project.urls]\nRepository = "https://github.com/OWNER/series"\n'
    (tmp_path / "pyproject.toml").write_text(address, encoding="utf-8")
    built = Built("01_small", new_notebook(), root=tmp_path)
    built.notebook.cells = [
        new_markdown_cell(
            f"# 01 - Small\n\n{source.badge(tmp_path, '01_small')}\n\n[address](../pyproject.toml) $n!$"
        ),
        new_code_cell(source.setup_cell(tmp_path), execution_count=1, metadata={"tags": ["setup"]}),
        new_markdown_cell("Some words. " * 420),
        new_code_cell("plots.show(fig)", execution_count=2, outputs=[figure()]),
        new_markdown_cell("The line rises."),
        new_code_cell("print(1)", execution_count=3, outputs=[printed("1\n")]),
    ]
    build.write(built.path, build.as_text(built.notebook))
    return built


def replace_source(number, text):
    def plant(notebook):
        notebook.cells[number].source = text

    return plant


def replace_outputs(number, *outputs):
    def plant(notebook):
        notebook.cells[number].outputs = list(outputs)

    return plant


def tag(number, *tags):
    def plant(notebook):
        notebook.cells[number].metadata["tags"] = list(tags)

    return plant


def no_count(notebook):
    notebook.cells[CODE].execution_count = None


def widget_state(notebook):
    notebook.metadata["widgets"] = {}


def no_text_below(notebook):
    del notebook.cells[TEXT]


def heading_below(notebook):
    notebook.cells[TEXT].source = "## The line rises."


def two_setup_cells(notebook):
    notebook.cells.append(notebook.cells[1])


def many_code_cells(notebook):
    notebook.cells += [new_code_cell("x") for _ in range(60)]


def a_reason_without_a_tag(notebook):
    notebook.cells[CODE].metadata["not compared"] = "varies"


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
STDERR = new_output("stream", name="stderr", text="no")
WIDGET = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}})
FAULTS = [
    (guards.executed_in_order, no_count),
    (guards.compared, tag(CODE, "nbval-ignore-output")),
    (guards.compared, a_reason_without_a_tag),
    (guards.compared, replace_source(CODE, "# NBVAL_IGNORE_OUTPUT\nprint(1)")),
    (guards.errors_where_expected, tag(CODE, "raises-exception")),
    (guards.errors_where_expected, replace_outputs(CODE, ERROR)),
    (guards.clean_outputs, replace_outputs(CODE, printed("saved in /home/me/file"))),
    (guards.clean_outputs, replace_outputs(CODE, printed(r"saved in C:\Users"))),
    (guards.clean_outputs, replace_outputs(CODE, printed("<object at 0x7f8a12345678>"))),
    (guards.clean_outputs, replace_outputs(CODE, printed("UserWarning: old"))),
    (guards.clean_outputs, replace_outputs(CODE, STDERR)),
    (guards.clean_outputs, replace_outputs(CODE, WIDGET)),
    (guards.clean_outputs, widget_state),
    (guards.short_cells, replace_source(CODE, "x = 1\n" * 46)),
    (guards.short_cells, replace_source(CODE, f"x = '{'a' * 110}'")),
    (guards.short_cells, replace_source(CODE, "x = 1\n" * 10)),
    (guards.one_setup_cell, replace_source(1, "import sys")),
    (guards.one_setup_cell, two_setup_cells),
    (guards.one_setup_cell, tag(1)),
    (guards.pictures_in_words, replace_source(TEXT, "![](picture.png)")),
    (guards.pictures_in_words, replace_source(TEXT, 'A picture: <img src="picture.png">')),
    (guards.pictures_in_words, replace_outputs(FIGURE, figure(alt=""))),
    (guards.pictures_in_words, replace_outputs(FIGURE, figure(kind="image/svg+xml"))),
    (guards.pictures_in_words, no_text_below),
    (guards.pictures_in_words, heading_below),
    (guards.links_resolve, replace_source(TEXT, "[next](99_nothing.ipynb)")),
    (guards.links_resolve, replace_source(TEXT, "[outside](../../other/file.txt)")),
    (guards.links_resolve, replace_source(TEXT, f"[badge]({guards.COLAB}OWNER/other/blob/main/README.md)")),
    (guards.outer_form, replace_source(0, "Words first")),
    (guards.outer_form, replace_source(0, "# A title and no badge")),
    (guards.calm_prose, replace_source(TEXT, "It rises!")),
    (guards.short_pages, replace_source(2, "Many words. " * 2001)),
    (guards.short_pages, many_code_cells),
]


def test_the_small_notebook_is_clean(small):
    assert [complaint for guard in GUARDS for complaint in guard(small)] == []


@pytest.mark.parametrize(("guard", "plant"), FAULTS, ids=label)
def test_guard_catches(guard, plant, small):
    plant(small.notebook)
    assert guard(small) != []


def test_every_guard_has_a_planted_fault():
    assert {guard for guard, _ in FAULTS} == set(GUARDS)


def test_tagged_cells_need_a_reason_and_stay_few(small):
    small.notebook.cells += [new_code_cell(f"print({number})") for number in range(2, 9)]
    for number, complaints in ((CODE, 0), (FIGURE, 1)):
        tag(number, "nbval-ignore-output")(small.notebook)
        small.notebook.cells[number].metadata["not compared"] = "varies"
        assert len(guards.compared(small)) == complaints


@pytest.mark.parametrize(("name", "words"), [("99_small", 2400), ("01a_small", 1600)])
def test_divided_lessons_and_studies_are_shorter(small, name, words):
    small.name = name
    assert guards.short_pages(small) == []
    small.notebook.cells[2].source = "word " * words
    assert guards.short_pages(small) != []


# The series as a whole


def test_sources_notebooks_and_readme_agree():
    complaints = build.differences(ROOT)
    assert not complaints, "\n".join(complaints)


def test_readme_links_resolve():
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert guards.broken_links(links, ROOT, ROOT) == []


def test_stages_are_in_order():
    assert guards.stages_in_order(LEARNERS) == []


@pytest.mark.parametrize(
    "headings",
    [
        ["## Stage 2 - b", "## Stage 1 - a"],
        ["## Stage 1 - a", "## Stage 1 - b"],
        ["## Stage 1-2 - a"],
        ["## Stages 1 and 2 - a"],
        ["### Stage 1 - a"],
    ],
)
def test_stage_headings_that_are_wrong(headings):
    one_each = [Built(f"0{i}_x", new_notebook(cells=[new_markdown_cell(h)])) for i, h in enumerate(headings)]
    assert guards.stages_in_order(one_each) != []


def helpers_definitions():
    paths = [ROOT / module for module in guards.BUILT_IN_THE_OPEN]
    return guards.definitions("\n".join(path.read_text(encoding="utf-8") for path in paths))


def test_final_definitions_equal_helpers():
    in_notebooks, twice = guards.final_definitions(LEARNERS)
    not_a_lesson = guards.NOT_A_LESSON.keys()
    complaints = twice + guards.same_definitions(in_notebooks, helpers_definitions(), not_a_lesson)
    assert not complaints, "\n".join(complaints)
    assert not_a_lesson <= helpers_definitions().keys() and not_a_lesson.isdisjoint(in_notebooks)


FINAL = '''
class Layer(nn.Module):
    """The layer."""

    def forward(self, x, y):
        """Called with two."""
        return torch.sub(self.widen(x).relu(), y)
'''


def final_notebook(code):
    return [Built("01_x", new_notebook(cells=[new_code_cell(code, metadata={"tags": ["final"]})]))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Layer", "Layers"),
        ("sub(self.widen(x).relu(), y)", "sub(y, self.widen(x).relu())"),
        ("relu", "tanh"),
        ("x, y):", "y, x):"),
        (FINAL, "x = 1"),
        (FINAL, FINAL + "\n\ndef more():\n    pass\n"),
    ],
)
def test_a_planted_difference_is_caught(old, new):
    same, _ = guards.final_definitions(final_notebook(FINAL.replace("The layer.", "Shorter.")))
    assert guards.same_definitions(same, guards.definitions(FINAL), set()) == []
    assert old in FINAL
    other, _ = guards.final_definitions(final_notebook(FINAL.replace(old, new)))
    assert guards.same_definitions(other, guards.definitions(FINAL), set()) != []


def test_a_definition_is_final_once():
    assert guards.final_definitions(final_notebook(FINAL) * 2)[1] != []


# nbval and the network


def test_every_sanitise_rule_is_loaded():
    text = (Path(__file__).parent / "nbval_sanitize.cfg").read_text(encoding="utf-8")
    rules = get_sanitize_patterns(text)
    assert len(rules) == text.count("regex") == text.count("replace") == len(re.findall(r"^\[", text, re.M))
    cleaned = "epoch 1: 3.25 s, 12.5it/s"
    for pattern, replacement in rules:
        assert re.search(pattern, cleaned), f"the rule {pattern!r} has no example here"
        cleaned = re.sub(pattern, replacement, cleaned)
    assert cleaned == "epoch 1: TIME, SPEED"


ASKS = """import urllib.request
try:
    urllib.request.urlopen("http://example.org", timeout=1)
except OSError:
    print("offline")
"""


@pytest.mark.parametrize(("code", "status"), [(ASKS, 1), ("print('offline')", 0)])
def test_a_notebook_that_asks_for_the_network_fails_the_session(code, status, tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    shutil.copytree(ROOT / "tests" / "offline", tmp_path / "tests" / "offline")
    cell = new_code_cell(code, execution_count=1, outputs=[printed("offline\n")])
    build.write(tmp_path / "asks.ipynb", build.as_text(new_notebook(cells=[cell])))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    done = subprocess.run([*command, "asks.ipynb"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "1 passed" in done.stdout, done.stdout
    assert ("example.org" in done.stdout) is bool(status)
    assert done.returncode == status
