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

# Code cells whose output nbval does not compare, by notebook: a phrase of the cell, and the reason.
NOT_COMPARED: dict[str, dict[str, str]] = {
    "01_outline": {"live = scoreboard.measure_tasks(": "accuracies of models trained here"},
    "02_one_word": {"live = scoreboard.measure_tasks(": "accuracies of models trained here"},
    "06_add_and_norm": {
        "live_copy = {}": "accuracies of models trained here",
        "live = scoreboard.measure_tasks(": "accuracies of a body trained here",
    },
    "08_a_stack_of_encoders": {
        "trained = {": "accuracies of models trained here",
        "read = {}": "what a probe reads from the model trained here",
        "def weights_on(model)": "attention weights of the model trained here",
        "pre_norm_live =": "accuracy of a model trained here",
        "live = scoreboard.measure_tasks(": "accuracies of a body trained here",
    },
    "03_many_words": {
        "wrong = scoreboard.measure_tasks(": "accuracies of models trained here",
        "root_live =": "accuracies of models trained here",
        "sentences, _ = ": "where the heads trained here look",
        "tied_live =": "accuracies of models trained here",
        "live = scoreboard.measure_tasks(lambda: SelfAttention(": "accuracies of models trained here",
    },
    "04_multi_head": {
        '.BOARDS["projection"].measure(': "accuracies of models trained here",
        '.BOARDS["heads"].measure(': "accuracies of models trained here",
        "off = {}": "rounding differs between machines",
        "in (torch.randn(6, 512)": "how long each way takes on this machine",
        "live = scoreboard.measure_tasks(": "accuracies of models trained here",
    },
    "05_feed_forward": {
        '.BOARDS["between"].measure(': "accuracies of models trained here",
        "largest step 1-2": "how many units of the model trained here switch",
        "share[chosen]": "which units of the model trained here switch at which count",
        "live = scoreboard.measure_tasks(": "accuracies of models trained here",
    },
    "07_embeddings_and_positions": {
        "predict = experiments.train_on_series": "predictions of a model trained here",
        "live_kind = ": "accuracies of models trained here",
        "live = scoreboard.measure_tasks": "accuracies of models trained here",
    },
    "09_decoder": {
        "live = {}": "accuracies of models trained here",
        "def train_tiny(": "next-word chances of models trained here",
    },
    "12_training_that_generalises": {
        "loss_curves, warm_live": "losses and accuracies of models trained here",
        "live, columns = {}": "accuracies of models trained here",
        "points = {": "confidence and accuracy of models trained here",
        "scores_by_mode = {}": "accuracy of a model trained here, and dropout",
        "history = train(whole, pairs": "the curves of a training",
    },
    "15_backprop_by_hand": {
        "by_length = (": "accuracies of models trained here",
        "def milliseconds": "how long each way takes on this machine",
    },
    "11_training": {
        "loops_live = {}": "scores of models trained here",
        "knocked = {}": "scores of models trained here",
    },
    "13_translation": {
        "history = train(": "seconds and loss of a training differ between machines",
        "translations = translate_batch(": "sentences by the model trained here",
        "metric = BLEU()": "the score of the model trained here, and the version of sacreBLEU",
        "are not exactly right": "which sentences go wrong depends on the training",
        "def only_elsewhere": "how often the heads of the model trained here hit",
    },
}
NOT_COMPARED_TAGS = {"nbval-ignore-output", "nbval-skip"}
NOT_COMPARED_SHARE = 0.15

# The modules of helpers that the notebooks build in the open, in cells tagged `final`.
BUILT_IN_THE_OPEN = ("model", "outline")
# Their definitions whose notebook is still to come: name and number of the notebook. This list only shrinks.
NOT_BUILT_YET: dict[str, str] = {}
# Their definitions that no notebook builds, with the reason.
NOT_A_LESSON: dict[str, str] = {
    "record_attention": "it only looks on, for the pictures",
    "eval_mode": "it switches a mode of PyTorch and switches it back",
}

UNBALANCED = {"00_start_here"}  # notebooks with more text, or less, than a lesson
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


def compared(built: Built, reasons: dict[str, dict[str, str]] = NOT_COMPARED) -> list[str]:
    """Every code cell is compared, or tagged with a reason in the list; at most 15 % are tagged."""
    phrases = reasons.get(built.name, {})
    tagged = [cell for cell in built.code if tags(cell) & NOT_COMPARED_TAGS]
    complaints = [
        f"not compared and no reason in NOT_COMPARED: {first_line(cell)}"
        for cell in tagged
        if not any(phrase in cell.source for phrase in phrases)
    ]
    complaints += [
        f"NOT_COMPARED names {phrase!r}, which is in no tagged cell"
        for phrase in phrases
        if not any(phrase in cell.source for cell in tagged)
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
                complaints.append(f"a figure without alt text (use helpers.plots.show): {first_line(cell)}")
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
    """No exclamation marks; a length that reads in one lesson; text and code in balance."""
    text = prose(built)
    complaints = [f"an exclamation mark: {match.strip()}" for match in re.findall(r"[^\n]*!", text)]
    if not 800 <= (words := len(text.split())) <= 4000:
        complaints.append(f"{words} words, not between 800 and 4000")
    ratio = len(built.markdown) / max(len(built.code), 1)
    if built.name not in UNBALANCED and not 0.8 <= ratio <= 2.2:
        complaints.append(f"{ratio:.1f} text cells for each code cell, not between 0.8 and 2.2")
    return complaints


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


def same_definitions(notebooks: dict[str, str], helpers: dict[str, str], to_come: set[str]) -> list[str]:
    """Notebooks and helpers define the same; `to_come` are the names that no notebook need define."""
    only_notebooks = notebooks.keys() - helpers.keys()
    only_helpers = helpers.keys() - notebooks.keys() - to_come
    differing = {name for name in notebooks.keys() & helpers.keys() if notebooks[name] != helpers[name]}
    complaints = [f"{name} is final in a notebook but not in helpers" for name in only_notebooks]
    complaints += [f"no notebook builds {name} of helpers" for name in only_helpers]
    complaints += [f"{name} differs between its notebook and helpers" for name in differing]
    return sorted(complaints)


def lists_shrink(
    to_come: dict[str, str], notebooks: dict[str, str], helpers: dict[str, str], numbers: set[str]
) -> list[str]:
    """An entry of NOT_BUILT_YET goes when its notebook (of `numbers`) exists or its name is gone."""
    complaints = []
    for name, number in to_come.items():
        if name not in helpers:
            complaints.append(f"NOT_BUILT_YET: helpers define no {name}")
        if number in numbers or name in notebooks:
            complaints.append(f"NOT_BUILT_YET: take out {name}, notebook {number} is there")
    return complaints


def all_built(solved: bool | None = None) -> list[Built]:
    """Every notebook that is built: all, the learners' (`solved=False`) or the solved ones."""
    found = []
    for name in source.source_names(ROOT):
        for variant in (False, True):
            path = source.notebook_path(ROOT, name, variant)
            if path.exists() and solved in (None, variant):
                found.append(Built(name, build.read_notebook(path), variant))
    return found
