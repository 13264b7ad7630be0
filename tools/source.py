"""From the text sources in notebooks/src to notebooks without outputs.

A source is `notebooks/src/NN_name.py` (a lesson) or `notebooks/src/studies/NNx_name.py` (a study of lesson
NN) in jupytext's percent format. `compose` turns it into the learner's notebook or the solved one. Besides
ordinary cells a source holds:

- The **card**, its first cell, which feeds the table of notebooks and does not appear in the notebook:

      # %% [raw] tags=["card"]
      # built: six encoders and six decoders made of placeholders
      # questions: What goes in, and what comes out? Which parts are still empty?

  A lesson needs both, a study `questions` alone; a line without a key goes on with the line above.
- The **set-up cell**, a code cell tagged `setup` that holds the line `# SETUP` and nothing else.
- **Notes** at the top of a code cell, which move into its metadata: `# alt: ...` describes its figure to
  readers who cannot see it, and `# not compared: ...` is the reason for a tag that nbval obeys. A note goes
  on in comments that are indented by two more spaces.
- **Marks** in Markdown cells: `{{badge}}` (the link to Colab), `{{next}}` (a link to the next lesson that
  exists), `{{lesson}}` (from a study back to its lesson), `{{time}}` (the run time that the build measured,
  as in "under 30 s"), `{{map}}` (the lessons, and the studies behind them, in short).
- **Solutions** between `### BEGIN SOLUTION` and `### END SOLUTION`. The learner finds a placeholder instead,
  which runs: `name = ...` for each name that the solution assigns, or `return ...` where it returns.
"""

import ast
import hashlib
import json
import re
import textwrap
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
NOTES = ("alt", "not compared")  # what the comments at the top of a code cell may say
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # for JupyterLab and VS Code, and for Colab


class BuildError(Exception):
    """A source, or the project around it, does not allow the build; the message says what to change."""


@dataclass
class Source:
    """One source file: its name (`01_outline`), title, card and cells."""

    name: str
    title: str = ""
    card: dict[str, str] = field(default_factory=dict)
    cells: list[NotebookNode] = field(default_factory=list)

    @property
    def has_exercises(self) -> bool:
        return any(cell.cell_type == "code" and BEGIN in cell.source for cell in self.cells)


def source_names(root: Path) -> list[str]:
    """The names of all sources, each lesson before its studies: `["03_many_words", "03b_why...", ...]`."""
    folder = root / "notebooks" / "src"
    paths = sorted(folder.rglob("[0-9][0-9]*_*.py"), key=lambda path: path.stem)
    for path in paths:
        if path.parent != folder / folder_of(path.stem):
            raise BuildError(f"{path}: lessons lie in notebooks/src, studies in notebooks/src/studies.")
    return [path.stem for path in paths]


def is_study(name: str) -> bool:
    """Whether a name is a study's, such as `03b_why_three_matrices`."""
    return re.match(r"\d\d[a-z]_", name) is not None


def folder_of(name: str) -> str:
    """The folder that a lesson or a study has within `notebooks` and `notebooks/src`."""
    return "studies" if is_study(name) else ""


def notebook_path(root: Path, name: str, solved: bool = False) -> Path:
    """Where the build writes the notebook."""
    return root / "notebooks" / ("solutions" if solved else folder_of(name)) / f"{name}.ipynb"


def read_source(root: Path, name: str) -> Source:
    """Read the source of a notebook; the cells get the ids and metadata that they have in the notebook."""
    path = root / "notebooks" / "src" / folder_of(name) / f"{name}.py"
    source = Source(name)
    taken: dict[str, int] = {}
    for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells:
        tags = cell.metadata.get("tags", [])
        if "card" in tags:
            source.card = _read_card(cell.source, name)
            continue
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.source, notes = take_notes(cell.source)
            cell.metadata |= notes | (FOLDED if "setup" in tags else {})
        digest = hashlib.sha256((cell.cell_type + cell.source).encode("utf-8")).hexdigest()[:8]
        taken[digest] = taken.get(digest, 0) + 1
        cell.id = digest if taken[digest] == 1 else f"{digest}-{taken[digest]}"
        if "setup" in tags and cell.source.strip() != "# SETUP":
            raise BuildError(f"{name}: the cell tagged setup must hold the line `# SETUP` and nothing else.")
        if not source.title and cell.cell_type == "markdown" and cell.source.startswith("# "):
            source.title = cell.source.splitlines()[0].removeprefix("# ").strip()
        source.cells.append(cell)
    if not source.card or not source.title:
        raise BuildError(f"{name}: a source starts with a card (see tools/source.py) and a `# Title`.")
    if is_study(name) and source.has_exercises:
        raise BuildError(f"{name}: the exercise of a study is open, without a {BEGIN!r}.")
    return source


def take_notes(code: str) -> tuple[str, dict[str, str]]:
    """Split the notes off the top of a code cell: its code, and {name of the note: text}."""
    lines, notes, key = code.split("\n"), {}, ""
    while lines and (match := re.match(rf"# (?:({'|'.join(NOTES)}): |  (?=\S))(.*)", lines[0])):
        if not (key := match[1] or key):
            break
        notes[key] = f"{notes.get(key, '')} {match[2]}".strip()
        del lines[0]
    return "\n".join(lines), notes


def _read_card(text: str, name: str) -> dict[str, str]:
    card: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        line = line.removeprefix("#").strip()
        if match := re.match(r"([a-z]+): *(.*)", line):
            key, line = match.groups()
        card[key] = f"{card.get(key, '')} {line}".strip()
    needed = {"questions"} if is_study(name) else {"built", "questions"}
    if set(card) != needed:
        wanted = " and ".join(f"`{key}: ...`" for key in sorted(needed))
        raise BuildError(f"{name}: the card needs {wanted}, it has {list(card)}.")
    return card


def repository(root: Path) -> str:
    """The public address of the series, from `[project.urls] Repository` in pyproject.toml."""
    path = root / "pyproject.toml"
    try:
        address = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    except (FileNotFoundError, KeyError):
        raise BuildError(f"{path} must give the public address as Repository under [project.urls].") from None
    return checked(address)


def checked(address: str) -> str:
    """The address without an ending; an error when it is not a repository on GitHub."""
    plain = address.rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", plain):
        raise BuildError(f"the Repository's address is {address!r}; expected https://github.com/OWNER/NAME.")
    return plain


def badge(root: Path, name: str, solved: bool = False) -> str:
    """The Markdown link that opens the notebook on Colab: words, since a picture is broken offline."""
    place = notebook_path(Path(), name, solved).as_posix()
    address = repository(root).replace("https://github.com", "https://colab.research.google.com/github")
    return f"[Open in Colab]({address}/blob/main/{place})"


def lesson_of(root: Path, name: str) -> str:
    """A link from a study to its lesson."""
    for lesson in source_names(root):
        if not is_study(lesson) and lesson[:2] == name[:2]:
            return f"[{read_source(root, lesson).title}](../{lesson}.ipynb)"
    raise BuildError(f"{name}: there is no lesson {name[:2]} for this study.")


def next_link(root: Path, name: str) -> str:
    """A sentence that leads on from lesson `name`."""
    later = [other for other in source_names(root) if other > name and not is_study(other)]
    if not later:
        return "This is the last lesson; [the map](00_start_here.ipynb) shows the whole road."
    return f"Next: [{read_source(root, later[0]).title}]({later[0]}.ipynb)."


def run_times(root: Path) -> dict[str, int]:
    """For each notebook built so far the number of seconds that it stays under."""
    path = root / "notebooks" / "src" / "run_times.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_time(root: Path, name: str) -> str:
    """In words: "under 30 s"."""
    seconds = run_times(root).get(name)
    if seconds is None:
        return "not measured yet"
    return f"under {seconds} s" if seconds <= 60 else f"under {seconds // 60} min"


def table(root: Path, folder: str = "") -> str:
    """The Markdown table of all notebooks; `folder` is put before the links ("notebooks/" for the README)."""
    lines = ["| Notebook | What is built | Run time | Questions it answers | |", "|---|---|---|---|---|"]
    for name in source_names(root):
        source = read_source(root, name)
        card = {"built": "nothing: evidence for one question"} | source.card
        built, questions = (card[key].replace("|", "\\|") for key in ("built", "questions"))
        place = notebook_path(Path(), name).relative_to("notebooks").as_posix()
        link = f"{'↳ Study ' if is_study(name) else ''}[{source.title}]({folder}{place})"
        lines.append(f"| {link} | {built} | {run_time(root, name)} | {questions} | {badge(root, name)} |")
    return "\n".join(lines)


def course_map(root: Path) -> str:
    """What every lesson builds, in what time, and the studies behind it: the table of notebook 00."""
    lines, names = (
        ["| Lesson | What is built | Run time | Studies |", "|---|---|---|---|"],
        source_names(root),
    )
    for name in names:
        if not is_study(name):
            source = read_source(root, name)
            behind = [study for study in names if is_study(study) and study[:2] == name[:2]]
            links = ", ".join(f"[{study.split('_')[0]}](studies/{study}.ipynb)" for study in behind)
            built = source.card["built"].replace("|", "\\|")
            lines.append(f"| [{source.title}]({name}.ipynb) | {built} | {run_time(root, name)} | {links} |")
    return "\n".join(lines)


def setup_cell(root: Path) -> str:
    """The code of the set-up cell, the same in every notebook."""
    template = Path(__file__).with_name("setup_cell.py").read_text(encoding="utf-8")
    return template.strip().replace("{{repository}}", repository(root))


def compose(root: Path, name: str, solved: bool = False) -> NotebookNode:
    """The notebook without outputs: with placeholders for the learner, or solved."""
    source = read_source(root, name)
    marks = {
        "badge": lambda: badge(root, name, solved),
        "next": lambda: next_link(root, name),
        "lesson": lambda: lesson_of(root, name),
        "time": lambda: run_time(root, name),
        "map": lambda: course_map(root),
    }

    def fill(match: re.Match) -> str:
        if match[1] not in marks:
            raise BuildError(f"{name}: unknown mark {match[0]}; known are {', '.join(marks)}.")
        return marks[match[1]]()

    for cell in source.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_cell(root)
        elif cell.cell_type == "markdown":
            cell.source = re.sub(r"\{\{([a-z]+)\}\}", fill, cell.source)
            if solved:
                cell.source = one_folder_deeper(cell.source)
        elif cell.cell_type == "code":
            try:
                cell.source = solve(cell.source) if solved else strip(cell.source)
            except (ValueError, SyntaxError) as error:
                raise BuildError(f"{name}: {error} in the cell\n\n{cell.source}") from None
            cell.execution_count, cell.outputs = None, []
    notebook = new_notebook(cells=source.cells, metadata=NotebookNode(json.loads(json.dumps(METADATA))))
    notebook.nbformat_minor = 5
    return notebook


def one_folder_deeper(markdown: str) -> str:
    """Put `../` before every relative link and picture."""
    relative = r"(?![a-z]+:|#|/)"
    markdown = re.sub(rf"(\]\(){relative}", r"\1../", markdown)
    return re.sub(rf"(\b(?:src|href)=\"){relative}", r"\1../", markdown)


def solve(code: str) -> str:
    """The cell with its solutions: only the markers go."""
    strip(code)  # complains about markers that do not match
    return "\n".join(line for line in code.split("\n") if line.strip() not in (BEGIN, END))


def strip(code: str) -> str:
    """The cell with a placeholder that runs in the place of every solution."""
    lines: list[str] = []
    block: list[str] | None = None
    for line in code.split("\n"):
        if line.strip() == BEGIN and block is None:
            block, indent = [], line[: -len(BEGIN)]
        elif line.strip() == END and block is not None:
            lines.append(textwrap.indent("\n".join(placeholders("\n".join(block))), indent))
            block = None
        elif line.strip() in (BEGIN, END):
            raise ValueError(f"a `{line.strip()}` without its partner")
        else:
            (lines if block is None else block).append(line)
    if block is not None:
        raise ValueError(f"a `{BEGIN}` without its partner")
    return "\n".join(lines)


def placeholders(solution: str) -> list[str]:
    """What stands for a solution: `return ...` if it returns, or `name = ...` for each name that it assigns.

    A function that is defined whole keeps its first line.
    """
    statements = ast.parse(textwrap.dedent(solution)).body
    functions = [statement for statement in statements if isinstance(statement, ast.FunctionDef)]
    others = [statement for statement in statements if statement not in functions]
    if any(isinstance(node, ast.Return) for statement in others for node in ast.walk(statement)):
        return ["return ...  # your code"]
    found: list[str] = []
    for statement in statements:
        if statement in functions:
            statement.body, statement.decorator_list = [], []
            found.append(f"{ast.unparse(statement)}\n    return ...  # your code")
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                names = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                found += [f"{ast.unparse(name)} = ...  # your answer" for name in names]
    if not found:
        raise ValueError("a solution that neither assigns nor returns anything")
    return list(dict.fromkeys(found))
