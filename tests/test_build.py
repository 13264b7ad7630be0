"""The build of the notebooks, on a small project in a temporary folder."""

import json
import subprocess
import time

import nbformat
import pytest
from nbformat.v4 import new_output

from tools import build, source

ADDRESS = "https://github.com/OWNER/transformer-in-stages"
FIRST = """# %% [raw] tags=["card"]
# built: a sum | a product
# questions: What is a sum?
#   And a product?

# %% [markdown]
# # 01 - Sums
#
# {{badge}} Runs in {{time}}.

# %% tags=["setup"]
# SETUP

# %%
print(1 + 1)

# %%
print(1 + 1)

# %% tags=["raises-exception"]
import json
json.loads("")

# %% tags=["exercise"]
### BEGIN SOLUTION
total = 1 + 2
### END SOLUTION
print(total)

# %% [markdown]
# See [the source](src/01_sums.py), <img alt="x" src="picture.png"> and [the web](https://example.org).
#
# {{next}}
#
# {{map}}
"""
SECOND = """# %% [raw] tags=["card"]
# built: nothing
# questions: Why?

# %% [markdown]
# # 02 - Nothing
#
# {{next}}

# %%
x = 1
"""


@pytest.fixture
def root(tmp_path):
    """A project with two sources and what the set-up cell needs."""
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "helpers").mkdir()
    for path, text in {
        "pyproject.toml": f'[project.urls]\nRepository = "{ADDRESS}"\n',
        "README.md": "# Series\n\ngit clone elsewhere\ncd else\n\n"
        f"{build.TABLE_BEGIN}\nold\n{build.TABLE_END}\n\nEnd.\n",
        "helpers/__init__.py": "",
        "helpers/model.py": "",
        "helpers/setup.py": "def prepare():\n    print('Ready.')\n",
        "notebooks/src/01_sums.py": FIRST,
        "notebooks/src/02_nothing.py": SECOND,
    }.items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def everything(root):
    """Every file of the project, and its bytes."""
    files = [path for path in root.glob("**/*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def output(cell):
    return "".join(out.get("text", "") for out in cell.outputs)


def test_build(root, capsys):
    assert build.main([], root) == 0
    learner, solved = (build.read_notebook(source.notebook_path(root, "01_sums", v)) for v in (False, True))
    nbformat.validate(learner)

    code = [cell for cell in learner.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    assert [output(cell) for cell in code] == ["Ready.\n", "2\n", "2\n", "", "Ellipsis\n"]
    assert code[0].source == source.setup_cell(root)
    assert code[4].source == "total = ...  # your answer\nprint(total)"
    error = "\n".join(code[3].outputs[0].traceback)
    assert "JSONDecodeError" in error and "decoder.py" not in error

    assert solved.cells[5].source == "total = 1 + 2\nprint(total)"
    assert output(solved.cells[5]) == "3\n"
    assert [cell.id for cell in solved.cells] == [cell.id for cell in learner.cells]
    assert "(../src/01_sums.py)" in solved.cells[6].source
    assert 'src="../picture.png"' in solved.cells[6].source
    assert "(https://example.org)" in solved.cells[6].source
    assert "Next: [02 - Nothing](../02_nothing.ipynb)." in solved.cells[6].source
    assert "| [02 - Nothing](02_nothing.ipynb) | nothing | under 10 s |  |" in learner.cells[6].source
    assert "/blob/main/notebooks/solutions/01_sums.ipynb)" in solved.cells[0].source

    assert "Next: [02 - Nothing](02_nothing.ipynb)." in learner.cells[6].source
    assert "Runs in under 10 s." in learner.cells[0].source
    colab = ADDRESS.replace("https://github.com", "https://colab.research.google.com/github")
    assert f"({colab}/blob/main/notebooks/01_sums.ipynb)" in learner.cells[0].source
    assert "| [01 - Sums](01_sums.ipynb) | a sum \\| a product | under 10 s |  |" in learner.cells[6].source
    assert learner.metadata == source.METADATA
    assert "tags=" not in learner.cells[0].source and "built:" not in learner.cells[0].source

    last = build.read_notebook(source.notebook_path(root, "02_nothing"))
    assert "This is the last lesson" in last.cells[0].source
    assert not source.notebook_path(root, "02_nothing", solved=True).exists()
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert (
        "[01 - Sums](notebooks/01_sums.ipynb)" in readme and "old" not in readme and readme.endswith("End.\n")
    )
    assert "| a sum \\| a product | under 10 s | What is a sum? And a product? |" in readme

    assert f"git clone {ADDRESS}\ncd transformer-in-stages\n" in readme

    # Twice the same bytes, and source and notebooks agree.
    before = everything(root)
    assert build.main(["01"], root) == 0
    assert everything(root) == before
    assert build.main(["--check"], root) == 0

    # A cell that fails leaves everything as it was and is named.
    edit(root / "notebooks" / "src" / "01_sums.py", "print(total)", "total.shape")
    before = everything(root)
    capsys.readouterr()
    assert build.main(["01_sums"], root) == 1
    message = capsys.readouterr().err
    assert "01_sums" in message and "code cell 5" in message and "no attribute 'shape'" in message
    assert everything(root) == before
    assert build.main(["--check"], root) == 1
    assert "01_sums.ipynb: the source of cell 6 ('total = ...  # your answer')" in capsys.readouterr().out

    # A fork needs one command, and no execution: the address is that of its repository.
    edit(root / "notebooks" / "src" / "01_sums.py", "total.shape", "print(total)")
    assert build.main(["--refresh", "https://github.com/teacher/attention-course"], root) == 0
    assert build.main(["--check"], root) == 0
    for path in (*root.glob("notebooks/**/*.ipynb"), root / "README.md", root / "pyproject.toml"):
        text = path.read_text(encoding="utf-8")
        assert "OWNER" not in text
        assert "teacher/attention-course" in text or path.name == "02_nothing.ipynb"
    assert "\ncd attention-course\n" in (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def unexecuted(root, monkeypatch):
    """The project with its notebooks built, but without kernels."""

    def pretend(notebook, folder, label):
        for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            cell.execution_count = number

    monkeypatch.setattr(build, "execute", pretend)
    assert build.main([], root) == 0
    assert build.differences(root) == []
    return root


@pytest.mark.parametrize(
    ("old", "new", "complaint", "refreshed"),
    [
        ("1 + 1", "1 + 3", "the source of cell 3", False),
        ("See ", "Look at ", "the source of cell 7", True),
        ('tags=["exercise"]', 'tags=["exercise", "final"]', "the metadata of cell 6", False),
        ("# %%\nprint(1 + 1)\n\n", "", "cell 3", False),
        ("built: a sum", "built: one sum", "cell 7", True),
        ("# 01 - Sums", "# 01 - More sums", "cell 1", True),
    ],
)
def test_check_and_refresh(unexecuted, old, new, complaint, refreshed, capsys):
    edit(unexecuted / "notebooks" / "src" / "01_sums.py", old, new)
    lines = build.differences(unexecuted)
    assert complaint in lines[0] and lines[0].startswith("notebooks/01_sums.ipynb")
    assert build.main(["--refresh"], unexecuted) == (0 if refreshed else 1)
    assert (build.differences(unexecuted) == []) is refreshed


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda nb: nb.cells[0].update(id="0" * 8), "the id of cell 1"),
        (lambda nb: nb.cells[2].metadata.update(collapsed=True), "the metadata of cell 3"),
        (lambda nb: nb.metadata.update(widgets={}), "metadata differ"),
        (lambda nb: nb.cells.pop(), "it has 6 cells, its source 7"),
    ],
)
def test_check_sees_changes_in_the_notebook(unexecuted, change, complaint):
    path = source.notebook_path(unexecuted, "01_sums")
    notebook = build.read_notebook(path)
    change(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert [complaint in line for line in build.differences(unexecuted)] == [True]


def test_check_sees_missing_and_stray_notebooks_and_a_stale_readme(unexecuted):
    source.notebook_path(unexecuted, "02_nothing").rename(unexecuted / "notebooks" / "03_stray.ipynb")
    edit(unexecuted / "README.md", "a sum", "a summary")
    missing, stray, readme = build.differences(unexecuted)
    assert "02_nothing.ipynb is missing" in missing
    assert "03_stray.ipynb has no source" in stray
    assert "README.md: the table of notebooks is stale" in readme
    edit(unexecuted / "README.md", build.TABLE_END, "")
    assert "README.md needs the lines" in build.differences(unexecuted)[-1]


def test_a_new_notebook_changes_the_link_of_the_one_before(unexecuted):
    text = SECOND.replace("02 - Nothing", "03 - More")
    (unexecuted / "notebooks" / "src" / "03_more.py").write_text(text, encoding="utf-8")
    assert build.main(["03"], unexecuted) == 0
    assert "Next: [03 - More](03_more.ipynb)." in source.notebook_path(unexecuted, "02_nothing").read_text(
        "utf-8"
    )
    assert build.differences(unexecuted) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# SETUP", "import sys", "# SETUP"),
        ("{{next}}", "{{nxt}}", "{{nxt}}"),
        ("# built:", "# makes:", "`built: ...`"),
        ("# # 01 - Sums", "# Sums", "# Title"),
        ("### END SOLUTION\n", "", "### BEGIN SOLUTION"),
        ("total = 1 + 2", "print(3)", "neither assigns nor returns"),
    ],
)
def test_sources_that_cannot_be_built(unexecuted, old, new, complaint, capsys):
    edit(unexecuted / "notebooks" / "src" / "01_sums.py", old, new)
    before = everything(unexecuted)
    assert build.main(["01"], unexecuted) == 1
    message = capsys.readouterr().err
    assert complaint in message and "01_sums" in message
    assert everything(unexecuted) == before


@pytest.mark.parametrize("text", ["[project]\n", '[project.urls]\nRepository = "git@example.org:series"\n'])
def test_the_address_is_needed(root, text, capsys):
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    assert build.main(["01"], root) == 1
    assert "Repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/teacher/course.git", "https://github.com/teacher/course"),
        ("git@github.com:teacher/course.git", "https://github.com/teacher/course"),
        ("ssh://git@github.com/teacher/course", "https://github.com/teacher/course"),
        ("https://token@github.com/teacher/course/", "https://github.com/teacher/course"),
        ("https://example.org/teacher/course", ADDRESS),
        ("../elsewhere", ADDRESS),
        (None, ADDRESS),
    ],
)
def test_refresh_takes_the_address_from_git(unexecuted, url, address):
    git = ["git", "-C", str(unexecuted)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    if url:
        subprocess.run([*git, "remote", "add", "origin", url], check=True)
    assert build.main(["--refresh"], unexecuted) == 0
    assert source.repository(unexecuted) == address
    assert build.differences(unexecuted) == []


def test_an_address_that_is_none_changes_nothing(unexecuted, capsys):
    before = everything(unexecuted)
    assert build.main(["--refresh", "https://example.org/course"], unexecuted) == 1
    assert "https://example.org/course" in capsys.readouterr().err
    assert everything(unexecuted) == before


STUDY = """# %% [raw] tags=["card"]
# questions: How much?

# %% [markdown]
# # 01a - How much?
#
# {{badge}}, a study of {{lesson}}

# %% tags=["setup"]
# SETUP

# %% tags=["nbval-ignore-output"]
# alt: A line that
#   rises.
# not compared: it varies
# a comment of the code
x = 1
"""


def test_a_study_stands_beside_its_lesson(unexecuted, capsys):
    path = unexecuted / "notebooks" / "src" / "studies" / "01a_how_much.py"
    path.parent.mkdir()
    path.write_text(STUDY, encoding="utf-8")
    assert build.main(["01a"], unexecuted) == 0
    study = build.read_notebook(unexecuted / "notebooks" / "studies" / "01a_how_much.ipynb")
    assert "a study of [01 - Sums](../01_sums.ipynb)" in study.cells[0].source
    assert "/notebooks/studies/01a_how_much.ipynb" in study.cells[0].source
    assert study.cells[1].metadata["jupyter"] == {"source_hidden": True}
    notes = {key: study.cells[2].metadata[key] for key in ("alt", "not compared")}
    assert notes == {"alt": "A line that rises.", "not compared": "it varies"}
    assert study.cells[2].source == "# a comment of the code\nx = 1"
    readme = (unexecuted / "README.md").read_text(encoding="utf-8").splitlines()
    places = [next(i for i, line in enumerate(readme) if word in line) for word in ("01 -", "01a -", "02 -")]
    assert places == list(range(places[0], places[0] + 3))
    assert "[01a - How much?](notebooks/studies/01a_how_much.ipynb)" in readme[places[1]]
    first = build.read_notebook(source.notebook_path(unexecuted, "01_sums")).cells[6].source
    assert "Next: [02 - Nothing]" in first and "(studies/01a_how_much.ipynb)" in first
    assert build.differences(unexecuted) == []
    edit(path, "x = 1", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION")
    assert build.main(["01a"], unexecuted) == 1
    path.rename(path.parents[1] / path.name)
    assert build.main(["01a"], unexecuted) == 1
    assert "studies in notebooks/src/studies" in capsys.readouterr().err


def test_a_description_ends_up_in_the_output(root):
    cell = source.read_source(root, "01_sums").cells[2]
    cell.metadata["alt"] = "A line."
    cell.outputs = [new_output("display_data", {"image/png": "x"}), new_output("stream", text="1")]
    build.describe(cell)
    assert cell.outputs[0].metadata == {"image/png": {"alt": "A line."}}


def test_unknown_notebook(root, capsys):
    assert build.main(["07"], root) == 1
    assert "01_sums, 02_nothing" in capsys.readouterr().err


def test_ids_are_stable_and_distinct(root):
    cells = source.read_source(root, "01_sums").cells
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    assert ids[3] == ids[2] + "-2"  # the same cell twice
    edit(root / "notebooks" / "src" / "01_sums.py", "# # 01 - Sums", "# # 01 - More")
    changed = [cell.id for cell in source.read_source(root, "01_sums").cells]
    assert changed[0] != ids[0] and changed[1:] == ids[1:]


def test_run_times_do_not_flap(root):
    def recorded(seconds):
        build.record_run_time(root, "01_sums", seconds)
        return source.run_time(root, "01_sums")

    seconds = [9, 11, 8, 6, 25, 45, 29, 80, 100]
    words = ["10 s", "30 s", "30 s", "10 s", "30 s", "60 s", "60 s", "2 min", "2 min"]
    assert [recorded(measured) for measured in seconds] == [f"under {word}" for word in words]
    assert json.loads((root / "notebooks" / "src" / "run_times.json").read_text("utf-8")) == {"01_sums": 120}


def test_a_dead_kernel_is_an_error_in_words(root):
    edit(root / "notebooks" / "src" / "02_nothing.py", "x = 1", "import os\nos._exit(1)")
    start = time.monotonic()
    with pytest.raises(source.BuildError, match="02_nothing .*code cell 1 .*failed"):
        build.build(root, "02_nothing")
    assert time.monotonic() - start < 60
    assert not source.notebook_path(root, "02_nothing").exists()


@pytest.mark.parametrize(
    ("solution", "placeholder"),
    [
        ("x = 1", "x = ...  # your answer"),
        (
            "x, y = 1, 2\nx += 1\nz: int = 3",
            "x = ...  # your answer|y = ...  # your answer|z = ...  # your answer",
        ),
        ("self.head = 1", "self.head = ...  # your answer"),
        ("y = 1\nreturn y", "return ...  # your code"),
        ("if y:\n    return 1\nz = 2", "return ...  # your code"),
        ("def f(a, b=2):\n    return a", "def f(a, b=2):\n    return ...  # your code"),
        ("    # a comment\n    scores = 2", "scores = ...  # your answer"),
    ],
)
def test_placeholders(solution, placeholder):
    assert source.placeholders(solution) == placeholder.split("|")


def test_stripper_keeps_the_indent_and_the_rest():
    code = (
        "def f(x):\n    y = 1\n    ### BEGIN SOLUTION\n    z = x\n    return z\n    ### END SOLUTION\n\nf(1)"
    )
    assert source.strip(code) == "def f(x):\n    y = 1\n    return ...  # your code\n\nf(1)"
    assert source.solve(code) == "def f(x):\n    y = 1\n    z = x\n    return z\n\nf(1)"
    untouched = "x = 1\n"
    assert source.strip(untouched) == source.solve(untouched) == untouched


@pytest.mark.parametrize(
    "code", ["### BEGIN SOLUTION\nx = 1", "### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION"]
)
def test_markers_without_a_partner(code):
    with pytest.raises(ValueError, match="partner"):
        source.strip(code)


def test_readme_pictures_come_from_tagged_cells(root, monkeypatch):
    def pretend(notebook, folder, label):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.execution_count, data = 1, {"image/png": "UE5H"}
                cell.outputs = [nbformat.v4.new_output("display_data", data=data)]

    monkeypatch.setattr(build, "execute", pretend)
    edit(root / "notebooks" / "src" / "02_nothing.py", "# %%\nx = 1", '# %% tags=["readme-map"]\nx = 1')
    assert build.main([], root) == 0
    picture = root / "notebooks" / "images" / "map.png"
    assert [path.name for path in picture.parent.iterdir()] == ["map.png"] and picture.read_bytes() == b"PNG"
    picture.write_bytes(b"old")
    assert "notebooks/images/map.png is stale: python -m tools.build --refresh" in build.differences(root)
