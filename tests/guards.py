"""What every built notebook must keep to. A guard returns its complaints, one line each, or none.

The tests are in test_notebooks.py: each guard runs on every notebook, and on a small one with a planted
fault.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

from tools import build, source

ROOT = Path(__file__).resolve().parents[1]

NOT_COMPARED_TAGS = {"nbval-ignore-output", "nbval-skip"}
NOT_COMPARED_SHARE = 0.15

# The modules that the notebooks build in the open, in cells tagged `final`.
BUILT_IN_THE_OPEN = ("helpers/model.py", "helpers/decoding.py", "lessons/outline.py")
# Their definitions that no notebook builds, with the reason.
NOT_A_LESSON: dict[str, str] = {
    "record_attention": "it only looks on, for the pictures",
    "eval_mode": "it switches a mode of PyTorch and switches it back",
    "source_and_limits": "it checks, and counts how long an answer may be",
    "cut": "it cuts a row at its end mark",
    "translate_batch": "it sorts sentences into batches and back",
}

COLAB = "https://colab.research.google.com/github/"


@dataclass
class Built:
    """A built notebook and where it lies."""

    name: str
    notebook: NotebookNode
    solved: bool = False
    root: Path = ROOT

    @property
    def path(self) -> Path:
        return source.notebook_path(self.root, self.name, self.solved)

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def markdown(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def first_line(cell: NotebookNode) -> str:
    return next(iter(cell.source.splitlines()), "")


# Running


def executed_in_order(built: Built) -> list[str]:
    """nbval runs a cell without a count but does not compare it: the counts must be 1..N."""
    counts = [cell.execution_count for cell in built.code]
    wanted = list(range(1, len(counts) + 1))
    return [] if counts == wanted else [f"execution counts are {counts}, not 1 to {len(counts)}"]


def compared(built: Built) -> list[str]:
    """Every code cell is compared, or tagged and its source says why; at most 15 % are tagged."""
    tagged = [cell for cell in built.code if tags(cell) & NOT_COMPARED_TAGS]
    complaints = [
        f"a tag without a reason, or a reason without a tag (`# not compared: ...`): {first_line(cell)}"
        for cell in built.code
        if (cell in tagged) != bool(cell.metadata.get("not compared"))
    ]
    complaints += [
        f"nbval reads tags, not comments: {first_line(cell)}"
        for cell in built.code
        if re.search(r"# *(NBVAL_|PYTEST_VALIDATE)", cell.source)
    ]
    if len(tagged) > NOT_COMPARED_SHARE * len(built.code):
        complaints.append(f"{len(tagged)} of {len(built.code)} code cells are not compared, more than 15 %")
    return complaints


def errors_where_expected(built: Built) -> list[str]:
    """nbval passes a cell tagged raises-exception without an error too: the output must hold one."""
    complaints = []
    for cell in built.code:
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised != ("raises-exception" in tags(cell)):
            what = "an unexpected error" if raised else "no error, though tagged raises-exception"
            complaints.append(f"{what}: {first_line(cell)}")
    return complaints


def output_texts(cell: NotebookNode) -> list[str]:
    """All text in a cell's outputs, without colours and pictures."""
    texts = []
    for output in cell.outputs:
        texts.append(output.get("text", ""))
        texts += output.get("traceback", [])
        data = output.get("data", {})
        texts += [str(data[kind]) for kind in data if not kind.startswith("image/")]
    return [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in texts]


FOLDERS = "home|Users|tmp|usr|opt|root|work|var|content|mnt|private"
FORBIDDEN_IN_OUTPUTS = {
    "an absolute path": rf"(?<![\w.:/<])/({FOLDERS})/|\b[A-Z]:\\",
    "a memory address": r"\b0x[0-9a-f]{6,}",
    "a warning": r"Warning\b",
}


def clean_outputs(built: Built) -> list[str]:
    """Outputs hold nothing that belongs to one machine: paths, addresses, warnings, stderr, widgets."""
    complaints = ["the notebook stores widget state"] if "widgets" in built.notebook.metadata else []
    for cell in built.code:
        text = "\n".join(output_texts(cell))
        found = {what for what, pattern in FORBIDDEN_IN_OUTPUTS.items() if re.search(pattern, text)}
        for output in cell.outputs:
            found |= {"stderr"} if output.get("name") == "stderr" else set()
            found |= {"a widget" for kind in output.get("data", {}) if "widget" in kind}
        complaints += [f"{what} in the output of: {first_line(cell)}" for what in sorted(found)]
    return complaints


# Form


def short_cells(built: Built) -> list[str]:
    """Cells are small enough for a screen in class: median at most 9 lines, none over 45, lines of 110."""
    lengths = [len(cell.source.splitlines()) for cell in built.code]
    complaints = []
    for cell, length in zip(built.code, lengths, strict=True):
        if length > 45:
            complaints.append(f"a cell of {length} lines: {first_line(cell)}")
        long = [line for line in cell.source.splitlines() if len(line) > 110]
        complaints += [f"a line of {len(line)} characters: {line}" for line in long]
    if lengths and median(lengths) > 9:
        complaints.append(f"the median code cell has {median(lengths)} lines, more than 9")
    return complaints


def one_setup_cell(built: Built) -> list[str]:
    """The first code cell is the set-up cell, and it is the same everywhere."""
    wanted = source.setup_cell(built.root)
    found = [number for number, cell in enumerate(built.code) if "setup" in tags(cell)]
    if found != [0]:
        return [f"the set-up cell must be the first code cell, once; cells tagged setup: {found}"]
    return [] if built.code[0].source == wanted else ["the set-up cell differs from tools/setup_cell.py"]


def pictures_in_words(built: Built) -> list[str]:
    """Pictures have alternative text, and a text below each figure says what to see."""
    complaints = []
    for cell in built.markdown:
        if re.search(r"!\[\s*\]\(", cell.source):
            complaints.append(f"a picture without alternative text: {first_line(cell)}")
        for image in re.findall(r"<img\b[^>]*>", cell.source):
            if not re.search(r"\balt=\"[^\"]+\"", image):
                complaints.append(f"a picture without alternative text: {image}")
    cells = built.notebook.cells
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        figures = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        for figure in figures:
            if not figure.metadata.get("image/png", {}).get("alt", "").strip():
                complaints.append(f"a figure without a note `# alt: ...` above it: {first_line(cell)}")
        text_follows = following is not None and following.cell_type == "markdown"
        if figures and not (text_follows and not following.source.startswith("#")):
            complaints.append(f"no sentence right below the figure of: {first_line(cell)}")
        for output in cell.get("outputs", []):
            if {"image/jpeg", "image/svg+xml"} & set(output.get("data", {})):
                complaints.append(f"a figure that is not PNG: {first_line(cell)}")
    return complaints


def links_resolve(built: Built) -> list[str]:
    """Relative links lead to files of the repository, badges to notebooks that exist."""
    text = "\n".join(cell.source for cell in built.markdown)
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r"\b(?:src|href)=\"([^\"]+)\"", text)
    return broken_links(links, built.path.parent, built.root)


def broken_links(links: list[str], folder: Path, root: Path) -> list[str]:
    """Those links of a text in `folder` that lead nowhere within the repository."""
    address = source.repository(root).replace("https://github.com/", COLAB) + "/blob/main/"
    complaints = []
    for link in links:
        if link.startswith(COLAB):
            target = root / link.removeprefix(address)
            if not link.startswith(address) or not target.is_file():
                complaints.append(f"a badge that leads nowhere: {link}")
        elif not re.match(r"[a-z]+:|#", link):
            target = (folder / link.split("#")[0]).resolve()
            if not target.is_relative_to(root.resolve()) or not target.exists():
                complaints.append(f"a link that leads nowhere: {link}")
    return complaints


def outer_form(built: Built) -> list[str]:
    """A notebook starts with its title and its badge."""
    first = built.notebook.cells[0].source if built.notebook.cells else ""
    complaints = [] if first.startswith("# ") else ["the first cell is not the title"]
    if source.badge(built.root, built.name, built.solved) not in first:
        complaints.append("the first cell does not hold the badge: {{badge}}")
    return complaints


def prose(built: Built) -> str:
    """The running text: Markdown without code, formulas, pictures and the targets of links."""
    text = "\n\n".join(cell.source for cell in built.markdown)
    text = re.sub(r"```.*?```|\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`|\$[^$\n]+\$|<[^>\n]+>", " ", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def calm_prose(built: Built) -> list[str]:
    """No exclamation marks."""
    return [f"an exclamation mark: {match.strip()}" for match in re.findall(r"[^\n]*!", prose(built))]


def short_pages(built: Built) -> list[str]:
    """A lesson is read in an hour and a study in a quarter of one: so many cells, so many words."""
    text = "\n\n".join(cell.source for cell in built.markdown)
    apart = r"```.*?```|\$\$.*?\$\$|</?\w+>|(?m:^\|[^\n]*\|$)"  # blocks of code, formulas, tags, tables
    cells, words = len(built.code), len(re.sub(apart, " ", text, flags=re.DOTALL).split())
    most_cells, most_words = (22, 1500) if source.is_study(built.name) else (36, 2300)
    if built.name.startswith("15_"):  # which a class can skip
        most_cells, most_words = 40, 2600
    complaints = [f"{cells} code cells, more than {most_cells}"] if cells > most_cells else []
    return complaints + ([f"{words} words, more than {most_words}"] if words > most_words else [])


GUARDS = (
    executed_in_order,
    compared,
    errors_where_expected,
    clean_outputs,
    short_cells,
    one_setup_cell,
    pictures_in_words,
    links_resolve,
    outer_form,
    calm_prose,
    short_pages,
)


# The series as a whole


def stages_in_order(learners: list[Built]) -> list[str]:
    """`## Stage NN - title`: one number each, rising through all notebooks."""
    complaints = []
    last = 0
    for built in learners:
        for heading in re.findall(r"^#+ *Stage.*", "\n".join(c.source for c in built.markdown), re.MULTILINE):
            match = re.fullmatch(r"## Stage (\d+) - \S.*", heading)
            if not match:
                complaints.append(f"{built.name}: {heading!r} is not of the form '## Stage 4 - title'")
            elif int(match[1]) <= last:
                complaints.append(f"{built.name}: {heading!r} comes after stage {last}")
            else:
                last = int(match[1])
    return complaints


def definitions(code: str) -> dict[str, str]:
    """The functions and classes of a module or cell by name, as syntax trees without docstrings."""
    found = {}
    for statement in ast.parse(code).body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        found[statement.name] = ast.dump(statement)
    return found


def final_definitions(learners: list[Built]) -> tuple[dict[str, str], list[str]]:
    """What the cells tagged `final` define, and complaints about names defined in two of them."""
    found: dict[str, str] = {}
    complaints = []
    for built in learners:
        for cell in built.code:
            if "final" in tags(cell):
                here = definitions(cell.source)
                complaints += [f"{built.name}: {name} is final twice" for name in here if name in found]
                found |= here
    return found, complaints


def same_definitions(notebooks: dict[str, str], helpers: dict[str, str], not_a_lesson: set[str]) -> list[str]:
    """Notebooks and helpers define the same; `not_a_lesson` are names that no notebook need define."""
    only_notebooks = notebooks.keys() - helpers.keys()
    only_helpers = helpers.keys() - notebooks.keys() - not_a_lesson
    differing = {name for name in notebooks.keys() & helpers.keys() if notebooks[name] != helpers[name]}
    complaints = [f"{name} is final in a notebook but not in helpers" for name in only_notebooks]
    complaints += [f"no notebook builds {name} of helpers" for name in only_helpers]
    complaints += [f"{name} differs between its notebook and helpers" for name in differing]
    return sorted(complaints)


def all_built(solved: bool | None = None) -> list[Built]:
    """Every notebook that is built: all, the learners' (`solved=False`) or the solved ones."""
    found = []
    for name in source.source_names(ROOT):
        for variant in (False, True):
            path = source.notebook_path(ROOT, name, variant)
            if path.exists() and solved in (None, variant):
                found.append(Built(name, build.read_notebook(path), variant))
    return found
