"""Two neighbouring stages side by side: what changed from one version of a part to the next."""

import ast
import difflib
import html
import inspect
import linecache
import re
import textwrap

CELL = "text-align: left; padding: 1px 6px"  # narrow, so that two stages fit beside each other
# See-through colours and the page's own for the text, so that the table can be read in both themes.
COLOURS = {"-": "rgba(213, 94, 0, 0.25)", "+": "rgba(0, 114, 178, 0.25)"}
PLAIN = "color: inherit; background: none"


def source_of(thing):
    """The source text of a function or class, also of one that was defined in a notebook cell.

    Raises ValueError when there is none: something that was not written in Python, or not kept.
    """
    if not inspect.isclass(thing):
        return textwrap.dedent(inspect.getsource(thing)).rstrip()
    # Python before 3.13 finds no class of a notebook cell: go through the file of one of its methods.
    methods = [value for value in vars(thing).values() if inspect.isfunction(value)]
    for method in methods:
        lines = linecache.getlines(method.__code__.co_filename)
        for node in ast.walk(ast.parse("".join(lines))):
            if isinstance(node, ast.ClassDef) and node.name == thing.__name__:
                return textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno])).rstrip()
    raise ValueError(f"no source of {thing.__name__}: pass a class with a method, from a cell or a module")


def show_changes(before, after):
    """Display two stages of a part side by side; lines that go are marked -, lines that come +.

    `before` and `after` are functions or classes. The marks and bold type carry the meaning, and colour
    repeats it. The comments "# changed" and "# new" are not compared.
    """
    from IPython.display import HTML, display

    display(HTML(changes_as_html(before, after)))


def changes_as_html(before, after):
    """The table that `show_changes` displays."""
    left = [_unmarked(line) for line in source_of(before).splitlines()]  # its marks are of the stage before
    right, rows = source_of(after).splitlines(), []
    matcher = difflib.SequenceMatcher(None, left, [_unmarked(line) for line in right], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        old, new = left[a:b], right[c:d]
        for index in range(max(len(old), len(new))):
            cells = [_cell(old, index, "-", kind != "equal"), _cell(new, index, "+", kind != "equal")]
            rows.append("<tr>" + "".join(cells) + "</tr>")
    heading = '<th colspan="2" style="text-align: left">{}</th>'
    titles = "".join(heading.format(html.escape(stage.__name__)) for stage in (before, after))
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _unmarked(line):
    """A line without the comment "# changed" or "# new"; "# new: (S, D)" keeps its shape."""
    return re.sub(r"\s*# (changed|new)\b", "", re.sub(r"# (changed|new): ", "# ", line))


def _cell(lines, index, mark, changed):
    """The mark and the line as two table cells, empty when this side has no such line."""
    if index >= len(lines):
        return "<td></td><td></td>"
    code = lines[index].lstrip(" ")
    indent = "&nbsp;" * (len(lines[index]) - len(code))
    colour = COLOURS[mark]
    code = indent + html.escape(code).replace("  ", "&nbsp; ")  # spaces at which a long line may break
    mark, code = (f"<b>{mark}</b>", f"<b>{code}</b>") if changed else ("", code)
    style = f"{CELL}; background: {colour}" if changed else CELL
    return f'<td>{mark}</td><td style="{style}"><code style="{PLAIN}">{code}</code></td>'
