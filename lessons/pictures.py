"""Pictures of single lessons: one function per kind of picture, each drawn from numbers of a page.

Like those of `helpers.plots`, each returns a matplotlib figure, changes no global style, and can be read in
greyscale.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle, Wedge
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator

from helpers.plots import (
    COLOURS,
    FEED_FORWARD,
    GREY,
    INK,
    LINE_STYLES,
    MARKERS,
    NORM,
    PALE_GREY,
    TODAY,
    checked_weights,
    curves,
    draw_arrow,
    draw_part,
    write,
)


def word_asks(query, keys, values, names, *, asker=None, value_names=None, title=None):
    """One word asks the words of a sentence: query, keys, scores, shares, values and their mix, as a figure.

    `query` is `(dk,)`, `keys` `(S, dk)`, `values` `(S, dv)`, with one of `names` for each of the S words;
    `asker` is the word that asks, `value_names` name the numbers of a value. Scores are divided by the root
    of dk. The query stands above the keys that it meets, the mix below the values that it is made of. Raises
    ValueError when the shapes do not fit, or for more than 8 numbers in a row.
    """
    query, keys, values = map(_numbers, (query, keys, values))
    shapes, (n, dk) = [query.shape, keys.shape, values.shape], (len(names), query.size)
    dv = values.shape[-1] if values.ndim else 0
    if shapes != [(dk,), (n, dk), (n, dv)] or n == 0:
        raise ValueError(f"query {shapes[0]}, keys {shapes[1]} and values {shapes[2]} do not fit {n} names: "
                         "expected (dk,), (S, dk) and (S, dv)")  # fmt: skip
    if max(dk, dv) > 8 or len(value_names or values[0]) != dv:
        raise ValueError(f"keys of {dk} and values of {dv} numbers, {len(value_names or [])} value_names: "
                         "expected at most 8 numbers, and a name for each number of a value")  # fmt: skip
    scores = keys @ query / np.sqrt(dk)
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    mix, limit = shares @ values, max(np.abs(a).max() for a in (query, keys, values)) or 1.0
    left = 0.35 + 0.12 * max(len(str(name)) for name in [*names, "takes home", f"{asker} asks"])  # inches
    score_x, share_x = left + 0.66 * dk + 0.55, left + 0.66 * dk + 1.2
    value_x = share_x + 2.5
    right, bottom = value_x + 0.66 * dv, 0.5 * n + 2.45
    fig, ax = plt.subplots(figsize=(right + 0.15, bottom + (0.6 if title else 0.15)), layout="constrained")
    ax.set(xlim=(0, right + 0.1), ylim=(bottom, 0))
    ax.axis("off")
    write(ax, 0.05, 0.35, f"{asker} asks" if asker else "query", size=15, ha="left", weight="bold")
    _cells(ax, left, 0.35, query, limit, bold=True)
    heads = {"key": left + 0.33 * dk, "score": score_x, "share": share_x + 0.6, "value": value_x + 0.33 * dv}
    for label, x in heads.items():
        write(ax, x, 0.95, label, size=14, style="italic")
    below = {score_x: f"q·k / √{dk}", share_x + 0.6: "softmax"}
    below |= {value_x + 0.66 * i + 0.3: name for i, name in enumerate(value_names or [])}
    for x, label in below.items():
        write(ax, x, 1.28, label, size=13)
    for row, name in enumerate(names):
        y = 1.7 + 0.5 * row
        write(ax, 0.05, y, name, size=15, ha="left", va="center_baseline")
        _cells(ax, left, y, keys[row], limit)
        write(ax, score_x, y, _short(scores[row]), size=14, va="center_baseline")
        bar = {"facecolor": "#F7C99B", "edgecolor": INK, "linewidth": 1.2}
        ax.add_patch(Rectangle((share_x, y - 0.2), 1.7 * shares[row], 0.4, **bar))
        share = f"{shares[row]:.2f}".removeprefix("0")
        write(ax, share_x + 1.7 * shares[row] + 0.1, y, share, size=14, ha="left", va="center_baseline")
        _cells(ax, value_x, y, values[row], limit)
    ax.plot([0, right], [bottom - 0.6] * 2, color=INK, linewidth=1.2)
    write(ax, 0.05, bottom - 0.25, "takes home", size=15, ha="left", weight="bold")
    _cells(ax, value_x, bottom - 0.25, mix, limit, bold=True)
    if title:
        ax.set_title(title, fontsize=15)
    found = zip(names, map(_short, scores), shares, strict=True)
    parts = [f"{name}, score {score}, share {share:.2f}" for name, score, share in found]
    fig.set_label(f"{asker or 'A word'} asks with [{', '.join(map(_short, query))}]. {'; '.join(parts)}. "
                  f"The mix of their values is [{', '.join(map(_short, mix))}].")  # fmt: skip
    return fig


def cut_into_heads(words, ways, *, title=None):
    """The numbers of some words as cells, and where each way to cut them into heads puts them; a figure.

    `words` is `(S, D)` and holds no number twice, so that each can be found again; `ways` is {name: heads
    `(H, S, dk)` made of the same numbers}. Each word has a colour and a hatch, and keeps them wherever its
    numbers go. Raises ValueError when a way does not hold exactly the numbers of the words.
    """
    words, ways = _numbers(words), {name: _numbers(heads) for name, heads in ways.items()}
    home = {number: row for row, numbers in enumerate(words) for number in numbers}
    if words.ndim != 2 or len(home) != words.size or len(words) > 4:
        raise ValueError(f"words has shape {words.shape} and {len(home)} different numbers, expected (S, D) "
                         "with S up to 4 and no number twice")  # fmt: skip
    for name, heads in ways.items():
        if heads.ndim != 3 or heads.shape[1] != len(words) or sorted(heads.flat) != sorted(words.flat):
            raise ValueError(f"{name!r} has shape {heads.shape}, expected (H, {len(words)}, dk) with the "
                             "numbers of words")  # fmt: skip
    looks = (("#A9D5F2", None), ("#F7C99B", "///"), ("white", ".."), ("#A5DDCB", "xx"))
    x, starts, blocks = 1.5, [], []  # from left to right: the words, then the heads of each way
    for name, heads in {"the words": words[None], **ways}.items():
        starts.append((x, name))
        for head, block in enumerate(heads, 1):
            blocks.append((x, f"head {head}" if name in ways else "", block))
            x += block.shape[1] + 0.5
        x += 0.9
    fig, ax = plt.subplots(figsize=(10, 10 * (len(words) + 2.6) / (x - 1)), layout="constrained")
    ax.set(xlim=(0, x - 1.2), ylim=(len(words) + 0.8, -1.2 - bool(title)), aspect="equal")
    ax.axis("off")
    for start, name in starts:
        write(ax, start, -0.6, name, size=15, ha="left", weight="bold")
    for row in range(len(words)):
        write(ax, 1.3, row + 0.5, f"word {row + 1}", size=14, ha="right", va="center_baseline")
    for start, label, block in blocks:
        write(ax, start + block.shape[1] / 2, len(words) + 0.45, label, size=14)
        for (row, column), number in np.ndenumerate(block):
            colour, hatch = looks[home[number]]
            style = {"facecolor": colour, "edgecolor": INK, "linewidth": 1.2, "hatch": hatch}
            ax.add_patch(Rectangle((start + column, row), 1, 1, **style))
            halo = [withStroke(linewidth=5, foreground=colour)]
            write(ax, start + column + 0.5, row + 0.5, _short(number), size=15, path_effects=halo)
    if title:
        ax.set_title(title, fontsize=15)
    found = [f"{name}, first head: {'; '.join(' '.join(map(_short, row)) for row in heads[0])}"
             for name, heads in ways.items()]  # fmt: skip
    fig.set_label(f"Coloured cells, row by row. {'. '.join(found)}.")
    return fig


def heads_of_word(looks, words, *, title=None):
    """Where one word looks in each head, as bars over the words: one row per head; returns the figure.

    `looks` is {name: attention weights `(H, S)`} for one or two sentences of equal length, drawn side by
    side, the first filled and the second hatched. `words` labels the S columns. Shares from .2 on are written
    out. Raises ValueError when the weights do not fit the words, or are none.
    """
    looks = {name: _numbers(weights) for name, weights in looks.items()}
    if not 1 <= len(looks) <= 2:
        raise ValueError(f"looks holds {len(looks)} sentences, expected one or two")
    for weights in looks.values():
        checked_weights(weights, range(len(weights)), words)
    n_heads = len(next(iter(looks.values())))
    fig, axes = plt.subplots(n_heads, 1, figsize=(10, 0.8 * n_heads + 1.4), sharex=True, squeeze=False,
                             layout="constrained")  # fmt: skip
    styles = [{"facecolor": "#0072B2"}, {"facecolor": "white", "hatch": "////"}]
    width = 0.96 / len(looks)
    for head, ax in enumerate(axes[:, 0]):
        for index, (name, weights) in enumerate(looks.items()):
            x = np.arange(len(words)) + (index - (len(looks) - 1) / 2) * width
            ax.bar(x, weights[head], width, label=name, edgecolor=INK, linewidth=1, **styles[index])
            for place, share in zip(x, weights[head], strict=True):
                if share >= 0.2:
                    text = "1" if share > 0.995 else f"{share:.2f}".removeprefix("0")
                    ax.text(place, share + 0.04, text, fontsize=13, ha="center", va="bottom")
        ax.set(ylim=(0, 1.4), xlim=(-0.55, len(words) - 0.45), yticks=())
        ax.set_ylabel(f"head {head + 1}", fontsize=14, rotation=0, ha="right", va="center")
        ax.spines[["top", "left", "right"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
    top = axes[0, 0]
    top.set_xticks(range(len(words)), words, fontsize=13)
    top.tick_params(axis="x", labeltop=True, labelbottom=False)
    axes[-1, 0].tick_params(axis="x", labelbottom=False)
    if len(looks) > 1:
        handles = top.get_legend_handles_labels()
        fig.legend(*handles, loc="outside lower center", ncols=2, fontsize=14, frameon=False)
    if title:
        fig.suptitle(title, fontsize=15)
    most = [f"head {head + 1} at {words[k]!r}" for head, k in enumerate(next(iter(looks.values())).argmax(1))]
    fig.set_label(f"Bars of attention weights, one row for each head. Largest: {', '.join(most)}.")
    return fig


def matrix_strip(lines, words=(), *, title=None):
    """Products of small matrices, written out as rectangles of numbers; returns the figure.

    `lines` is a list of lines; a line holds matrices (name, shape in letters, values) and signs between them,
    as in [("Q", "(S, dk)", queries), "@", ...]. `words` names the rows of each line's first matrix; names
    for the columns may follow the values. Blue is above zero, red below. Raises ValueError for what is no
    matrix, names that do not fit, or more than 14 columns in a line.
    """
    lines = [[part if isinstance(part, str) else (*part[:2], _numbers(part[2]), *(part[3:] or ((),)))
              for part in line] for line in lines]  # fmt: skip
    matrices = [part for line in lines for part in line if not isinstance(part, str)]
    for name, _, values, headed in matrices:
        if values.ndim != 2 or len(headed) not in (0, values.shape[1]):
            raise ValueError(f"{name!r} has shape {values.shape} and {len(headed)} names of columns, "
                             "expected a matrix, and no name or one for each column")  # fmt: skip
    columns = [sum(part[2].shape[1] for part in line if not isinstance(part, str)) for line in lines]
    if not lines or max(columns) > 14 or any(len(words) not in (0, len(line[0][2])) for line in lines):
        raise ValueError(f"lines of {columns} columns and {len(words)} words, expected at most 14 columns in "
                         "a line that starts with a matrix, and a word for each of its rows")  # fmt: skip
    limit = max(np.abs(values).max() for _, _, values, _ in matrices) or 1.0
    left = 0.3 + 0.12 * max((len(str(word)) for word in words), default=0)  # inches
    sign = {part: 0.3 + 0.11 * len(part) for line in lines for part in line if isinstance(part, str)}
    gaps = [sum(sign.get(part, 0.1) if isinstance(part, str) else 0.1 for part in line) for line in lines]
    right = left + max(0.66 * n + gap for n, gap in zip(columns, gaps, strict=True))
    over = [0.3 * any(part[3] for part in line if not isinstance(part, str)) for line in lines]
    rows = [max(len(part[2]) for part in line if not isinstance(part, str)) for line in lines]
    heights = [0.5 * n + 1.15 + extra for n, extra in zip(rows, over, strict=True)]
    fig, ax = plt.subplots(figsize=(right + 0.1, sum(heights) + 0.5 * bool(title)), layout="constrained")
    ax.set(xlim=(0, right + 0.1), ylim=(sum(heights), 0))
    ax.axis("off")
    top = 0.0
    for line, height, extra in zip(lines, heights, over, strict=True):
        x, middle = left, top + 0.85 + extra + (height - extra - 1.15) / 2
        for row, word in enumerate(words):
            write(ax, 0.05, top + 1.1 + extra + 0.5 * row, word, size=15, ha="left", va="center_baseline")
        for part in line:
            if isinstance(part, str):
                write(ax, x + sign[part] / 2, middle, part, size=16)
                x += sign[part]
                continue
            name, shape, values, headed = part
            start = middle - 0.25 * len(values) + 0.25
            for column, word in enumerate(headed):
                write(ax, x + 0.66 * column + 0.3, start - 0.36, word, size=13)
            for row, numbers in enumerate(values):
                _cells(ax, x, start + 0.5 * row, numbers, limit)
            centre = x + 0.33 * values.shape[1] - 0.03
            write(ax, centre, top + 0.22, name, size=15, weight="bold")
            write(ax, centre, top + 0.54, shape, size=13)
            x += 0.66 * values.shape[1] + 0.1
        top += height
    if title:
        ax.set_title(title, fontsize=15)
    said = [f"{name} {shape}: {'; '.join(' '.join(map(_short, row)) for row in values)}"
            for name, shape, values, _ in matrices]  # fmt: skip
    fig.set_label(f"Matrices, row by row. {'. '.join(said)}.")
    return fig


def downhill(x, y, steps, *, xlabel="parameter", ylabel="loss", title=None):
    """A loss over one parameter, and the steps that a training took on it; returns the figure.

    `x` and `y` draw the curve; `steps` holds (parameter, loss, gradient) for each place that the training
    stood on, drawn as numbered points, each with the slope there as a short line. Raises ValueError when
    there is no step, or the curve has other numbers of x and y.
    """
    if len(x) != len(y) or len(x) < 2 or not steps:
        raise ValueError(f"{len(x)} x, {len(y)} y, {len(steps)} steps: expected a y for each x, and a step")
    fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    ax.plot(x, y, color=INK, linewidth=2)
    reach = 0.09 * (max(x) - min(x))
    for number, (place, loss, gradient) in enumerate(steps):
        ends = np.array([place - reach, place + reach])
        ax.plot(ends, loss + gradient * (ends - place), color=TODAY, linewidth=3)
        ax.plot(place, loss, marker="o", color=TODAY, markersize=9, markeredgecolor=INK)
        ax.annotate(f"{number}", (place, loss), (7, 9), textcoords="offset points", fontsize=14)
    ax.set_xlabel(xlabel, fontsize=14)
    ax.set_ylabel(ylabel, fontsize=14)
    ax.set_ylim(bottom=0)
    ax.tick_params(labelsize=13)
    ax.spines[["top", "right"]].set_visible(False)
    if title:
        ax.set_title(title, fontsize=15, loc="left")
    (place, loss, gradient), (last, least, _) = steps[0], steps[-1]
    fig.set_label(
        f"A curve of the {ylabel} over the {xlabel}. From {place:.2f}, where it is {loss:.2f} and its slope "
        f"{gradient:.2f}, {len(steps) - 1} steps go down to {last:.2f} and {least:.2f}."
    )
    return fig


def ring(targets, *, ax=None, title=None):
    """Places 1, 2, ... on a ring, with an arrow from each to the place that it looks at; returns the figure.

    `targets` holds for each place the index of its target, counted from 0. A place that looks at itself gets
    a loop and is hatched. Raises ValueError for a target that is no place.
    """
    targets = [int(target) for target in targets]
    for target in set(targets) - set(range(len(targets))):
        raise ValueError(f"targets holds {target}, expected places from 0 to {len(targets) - 1}")
    if ax is None:
        _, ax = plt.subplots(figsize=(4.2, 4.4), layout="constrained")
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    ax.axis("off")
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(targets)) / len(targets)  # clockwise from the top
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for place, target in enumerate(targets):
        alone = place == target
        colour = "#F7C99B" if alone else "#A9D5F2"
        style = {"facecolor": colour, "edgecolor": INK, "hatch": "///" if alone else None, "zorder": 3}
        ax.add_patch(Circle(centres[place], 0.17, linewidth=1.5, **style))
        label = ax.text(*centres[place], place + 1, fontsize=14, ha="center", va="center_baseline", zorder=4)
        label.set_path_effects([withStroke(linewidth=4, foreground=colour)])
        loop = [centres[place] * 1.17 + side * 0.1 * centres[place][::-1] * (1, -1) for side in (1, -1)]
        start, end = loop if alone else (centres[place], centres[target])
        bend = "arc3,rad=1.9" if alone else "arc3,rad=0.25"
        gaps = {"shrinkA": 0 if alone else 15, "shrinkB": 0 if alone else 15}
        arrow = {
            "arrowstyle": "-|>",
            "mutation_scale": 16,
            "linewidth": 1.8,
            "color": TODAY if alone else INK,
        }
        ax.add_patch(FancyArrowPatch(start, end, connectionstyle=bend, **gaps, **arrow))
    if title:
        ax.set_title(title, fontsize=15)
    return ax.figure


def signed_map(values, *, row_axis=None, column_axis=None, ax=None, title=None, bar=True):
    """Heat map of a large matrix of signed numbers, white at zero; returns the figure.

    Numbers above zero are blue and get dark, those below are orange and stay lighter. The axes count rows and
    columns from 0; `bar` draws the scale. Raises ValueError when `values` is not a matrix, or all zero.
    """
    values = _numbers(values)
    if values.ndim != 2 or not np.any(values):
        raise ValueError(f"values has shape {values.shape}, expected a matrix with numbers other than 0")
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
    limit = np.abs(values).max()
    colours = LinearSegmentedColormap.from_list("signed", ["#E08A3C", "white", "#0B4C8C"])
    image = ax.imshow(values, cmap=colours, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.tick_params(labelsize=13)
    ax.set_xlabel(column_axis or "", fontsize=14)
    ax.set_ylabel(row_axis or "", fontsize=14)
    if bar:
        scale = ax.figure.colorbar(image, ax=ax, ticks=(-limit, 0, limit), format="{x:.3g}")
        scale.ax.tick_params(labelsize=13)
    if title:
        ax.set_title(title, fontsize=15)
    return ax.figure


def on_circles(paces, shift, *, starts=(0,), n_places=7):
    """Places as points on circles, one circle for each pace, at the angle place / pace; returns the figure.

    From each place in `starts` a sector turns to the place `shift` further. Angles count from the right and
    upwards: sideways is the cosine, upwards the sine. Raises ValueError for a pace that is not positive, and
    for a sector that leaves the places.
    """
    for start in starts:
        if not 0 <= start < start + shift < n_places:
            raise ValueError(f"from {start} by {shift} leaves the places, which are 0 to {n_places - 1}")
    if min(paces) <= 0:
        raise ValueError(f"paces holds {min(paces)}, expected numbers above 0")
    size = (4.7 * len(paces), 4.9)
    fig, axes = plt.subplots(1, len(paces), figsize=size, squeeze=False, layout="constrained")
    ends = {place for start in starts for place in (start, start + shift)}
    for ax, pace in zip(axes[0], paces, strict=True):
        ax.set(xlim=(-1.42, 1.42), ylim=(-1.42, 1.42), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=GREY, linewidth=1.2))
        for index, start in enumerate(starts):
            turn = np.degrees([start / pace, (start + shift) / pace])
            look = {"facecolor": ("#A9D5F2", "#F7C99B")[index % 2], "hatch": (None, "//")[index % 2]}
            ax.add_patch(Wedge((0, 0), 1, *turn, edgecolor=INK, linewidth=1.5, zorder=1, **look))
        for place in range(n_places):
            x, y = np.cos(place / pace), np.sin(place / pace)
            ax.plot(x, y, "o", color=INK, markersize=8, zorder=3)
            if pace < 4 or place in ends:
                ax.text(1.2 * x, 1.2 * y, place, fontsize=16, ha="center", va="center")
        ax.set_title(f"pace {pace:g}: {shift} places turn {np.degrees(shift / pace):.0f}\u00b0", fontsize=15)
        ax.set_xlabel("cosine", fontsize=14)
        ax.tick_params(labelsize=13)
    axes[0, 0].set_ylabel("sine", fontsize=14)
    return fig


def named_points(panels, *, lined=()):
    """Points and their names, one panel each; returns the figure.

    `panels` is {name of the panel: {name: (x, y)}}. In the panels named in `lined` a dashed line leads
    through the points in their order. Raises ValueError for an empty panel.
    """
    if not panels or not all(panels.values()):
        raise ValueError("panels holds no points, expected {name of the panel: {name: (x, y)}}")
    size = (4.7 * len(panels), 4)
    fig, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
    for ax, (title, points) in zip(axes[0], panels.items(), strict=True):
        xs, ys = np.array([_numbers(point) for point in points.values()]).T
        if title in lined:
            ax.plot(xs, ys, "--", color=GREY, linewidth=1.5, zorder=1)
        ax.plot(xs, ys, "o", color=COLOURS[0], markersize=9)
        for name, x, y in zip(points, xs, ys, strict=True):
            place = {"xytext": (9, 4), "textcoords": "offset points"}
            ax.annotate(name, (x, y), fontsize=15, **place)
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.22)
        ax.locator_params(nbins=5)
        ax.set_title(title, fontsize=15)
        ax.tick_params(labelsize=13)
        ax.spines[["top", "right"]].set_visible(False)
    return fig


def unit_by_unit(starts, weights, wanted, *, title=None):
    """How weighted ReLU units add up: a panel for each unit that joins, with the sum so far; a figure.

    Unit i is `relu(count - starts[i])`, times `weights[i]`. `wanted` holds the result wanted at the counts
    0, 1, 2, ...: a ring each, filled where the sum meets it. The dashed line is the sum without the new unit.
    Raises ValueError when starts and weights do not pair up, or there is nothing to draw.
    """
    starts, weights, wanted = (_numbers(given).ravel() for given in (starts, weights, wanted))
    if len(starts) != len(weights) or not len(starts) or len(wanted) < 2:
        raise ValueError(
            f"{len(starts)} starts, {len(weights)} weights and {len(wanted)} wanted results, expected one "
            "weight for each start, and results for two counts or more"
        )
    counts = np.arange(len(wanted))
    fine = np.linspace(0, counts[-1], 40 * counts[-1] + 1)
    low, high = wanted.min() - 1.2, wanted.max() + 1.2

    def total(x, n):
        return np.maximum(x[:, None] - starts[:n], 0) @ weights[:n]

    columns = min(3, len(starts) + 1)
    rows = -(-(len(starts) + 1) // columns)  # the last panel is for the legend
    size = (3.1 * columns, 2.5 * rows + 0.4 * bool(title))
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for n, ax in enumerate(axes.flat[: len(starts)], 1):
        old, new = total(fine, n - 1), total(fine, n)
        met = np.isclose(total(counts, n), wanted, atol=0.01)
        ax.axhline(0, color=PALE_GREY, linewidth=1)
        ax.plot(fine, new, color=COLOURS[0], linewidth=3, label="with this unit")
        ax.plot(fine, old, color=GREY, linestyle="--", linewidth=1.8, label="without it")
        for label, colour, rings in (("wanted", "white", ~met), ("wanted and met", INK, met)):
            look = {"s": 75, "zorder": 4, "edgecolor": INK, "linewidth": 1.5, "color": colour}
            ax.scatter(counts[rings], wanted[rings], label=label, **look)
        sign = "\u2212" if weights[n - 1] < 0 else "+"
        inside = "c" if starts[n - 1] == 0 else f"c \u2212 {_short(starts[n - 1])}"
        ax.set_title(f"{sign} {_short(abs(weights[n - 1]))} relu({inside})", fontsize=14)
        ax.set(ylim=(low, high), xticks=counts, yticks=[])
        ax.tick_params(labelsize=13)
        ax.spines[["top", "right", "left"]].set_visible(False)
    for ax in axes.flat[len(starts) :]:
        ax.axis("off")
    shapes = axes.flat[0].get_legend_handles_labels()
    axes.flat[len(starts)].legend(*shapes, loc="center", fontsize=13, frameon=False)
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def next_values(series, truths, guesses):
    """Series of measurements, and what follows each, true and predicted; returns the figure.

    `series` is `(n, S)`, `truths` and `guesses` are `(n,)`. Raises ValueError when their numbers differ.
    """
    series, truths, guesses = (_numbers(values) for values in (series, truths, guesses))
    if not len(series) == len(truths) == len(guesses) > 0:
        counts = f"{len(series)} series, {len(truths)} truths and {len(guesses)} guesses"
        raise ValueError(f"{counts}, expected one truth and one guess for each series")
    size = (3.2 * len(series) + 0.3, 3.6)
    fig, axes = plt.subplots(1, len(series), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, values, truth, guess in zip(axes[0], series, truths, guesses, strict=True):
        ax.plot(values, "o-", color=COLOURS[0], linewidth=1.5, markersize=5, label="measured")
        ax.plot(len(values), truth, "x", color=INK, markersize=13, markeredgewidth=3, label="what follows")
        square = {"markersize": 12, "markerfacecolor": "none", "markeredgewidth": 2.2}
        ax.plot(len(values), guess, "s", color=COLOURS[1], label="predicted", **square)
        ax.set_xlabel("step", fontsize=14)
        ax.tick_params(labelsize=13)
    axes[0, 0].set_ylabel("value", fontsize=14)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), fontsize=13, loc="outside upper center", ncols=3)
    return fig


def seed_dots(scores, *, marks=None, scale="accuracy", title=None):
    """One row of dots for each entry of `scores`, a dot for each seed; returns the figure.

    `scores` is {row: [score per seed]}; a bar stands at the mean. `marks` is {name: score}, drawn as dashed
    lines through all rows, for bounds and best guesses. Raises ValueError when a row has no score.
    """
    if not scores or not all(map(len, scores.values())):
        raise ValueError("a row has no score, expected {row: [score per seed]}")
    fig, ax = plt.subplots(figsize=(9, 1.6 + 0.42 * len(scores)), layout="constrained")
    for name, at in (marks or {}).items():
        ax.axvline(at, color=GREY, linestyle="--", linewidth=1.5, zorder=1)
        ax.text(at, -0.75, name, fontsize=13, ha="center", va="bottom", color=INK)
    for row, numbers in enumerate(scores.values()):
        ax.plot([np.mean(numbers)] * 2, [row - 0.32, row + 0.32], color=INK, linewidth=2.5, zorder=2)
        dots = {"s": 85, "color": COLOURS[0], "edgecolor": "white", "alpha": 0.85, "zorder": 3}
        ax.scatter(numbers, [row] * len(numbers), **dots)
    ax.set_yticks(range(len(scores)), scores)
    ax.set_ylim(len(scores) - 0.4, -0.6)
    ax.set_xlabel(scale, fontsize=13)
    ax.tick_params(labelsize=13, axis="both")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="#e0e0e0")
    ax.spines[["top", "right", "left"]].set_visible(False)
    if title:
        ax.set_title(title, fontsize=15, pad=30 if marks else 10)
    return fig


def beam_tree(steps, *, title=None):
    """The beginnings that a beam search has kept at each step, with their scores; returns the figure.

    `steps` holds for each step the kept pairs (words, score), best first. Each is drawn as its last word with
    a line from the beginning that it extends; those from which no sentence came are pale, and those that have
    ended have a thick outline. Raises ValueError when a beginning extends one that was not kept.
    """
    if not steps or not all(steps):
        raise ValueError("steps holds no beginnings, expected a list of (words, score) for each step")
    places = {(): (0, 0)}
    places |= {tuple(words): (x, y) for x, step in enumerate(steps, 1) for y, (words, _) in enumerate(step)}
    parents = {beginning[:-1] for beginning in places if beginning}
    for beginning in parents - set(places):
        raise ValueError(f"the beginning {' '.join(beginning)!r} is extended but was not kept")
    finished = {tuple(words) for step in steps for words, _ in step if words[-1] == "</s>"}
    alive = {words[:n] for words in finished for n in range(len(words) + 1)}
    rows = max(len(step) for step in steps)
    fig, ax = plt.subplots(figsize=(1.13 * len(steps) + 1, 0.9 * rows + 0.6), layout="constrained")
    ax.set(xlim=(-0.45, len(steps) + 0.5), ylim=(rows - 0.6, -0.45))
    ax.axis("off")
    labels = [((), None), *(pair for step in steps for pair in step)]
    for words, score in labels:
        beginning = tuple(words)
        (x, y), lives, ends = places[beginning], beginning in alive, beginning in finished
        ink = INK if lives else GREY
        if beginning:
            start = places[beginning[:-1]]
            line = {"color": ink, "linewidth": 1.8 if lives else 1, "zorder": 1}
            ax.plot([start[0], x], [start[1], y], linestyle="-" if lives else (0, (3, 2)), **line)
        shape = {"boxstyle": "round,pad=0.2", "facecolor": "#A9D5F2" if lives else "white", "edgecolor": ink}
        text = f"{words[-1]}\n{score:.2f}" if beginning else "<s>"
        box = shape | {"linewidth": 3.5 if ends else 1.2}
        ax.text(x, y, text, fontsize=14, ha="center", va="center", color=ink, bbox=box, zorder=3)
    if title:
        ax.set_title(title, fontsize=15)
    ended = [f"{' '.join(words)} ({score:.2f})" for words, score in labels if tuple(words) in finished]
    fig.set_label(f"Tree of a beam search of {len(steps)} steps. It ends in: {'; '.join(ended)}.")
    return fig


def taken_together(x, panels, *, words, real=None, title=None):
    """A batch `(B, S, D)` as cells with its numbers, once for each choice of cells; returns the figure.

    `panels` is {name: booleans that broadcast to `(B, S, D)`}: chosen cells are coloured and bold. `words`
    holds the words of each sentence; rows where `real` `(B, S)` is False are padding, and hatched. Raises
    ValueError when the shapes do not fit.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 3 or [len(row) for row in words] != [x.shape[1]] * len(x):
        raise ValueError(f"x has shape {x.shape}, expected (B, S, D) with S words for each of B sentences")
    real = np.ones(x.shape[:2], dtype=bool) if real is None else np.asarray(real)
    n, length, width = x.shape
    top = [b * (length + 0.5) for b in range(n)]  # the upper edge of each sentence
    size = (1.1 + len(panels) * (0.62 * width + 0.35), 0.7 + 0.46 * (top[-1] + length))
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (name, chosen) in zip(axes[0], panels.items(), strict=True):
        chosen = np.broadcast_to(np.asarray(chosen), x.shape)
        for (b, s, d), value in np.ndenumerate(x):
            picked, y = chosen[b, s, d], top[b] + s
            hatch = None if real[b, s] else "////"
            style = {"facecolor": "#F7C99B" if picked else "white", "edgecolor": GREY, "hatch": hatch}
            ax.add_patch(Rectangle((d, y), 1, 1, linewidth=1, **style))
            if picked:
                ax.add_patch(Rectangle((d, y), 1, 1, fill=False, edgecolor=INK, linewidth=2.4, zorder=3))
            weight = {"weight": "bold" if picked else "normal", "zorder": 4}
            text = ax.text(d + 0.5, y + 0.5, f"{value:g}", fontsize=14, ha="center", va="center", **weight)
            text.set_path_effects([withStroke(linewidth=4, foreground=style["facecolor"])])
        ax.set(xlim=(-0.1, width + 0.1), ylim=(top[-1] + length + 0.1, -0.1), aspect="equal", xticks=())
        ax.set_yticks([top[b] + s + 0.5 for b in range(n) for s in range(length)], sum(map(list, words), []))
        ax.tick_params(axis="y", length=0, labelsize=14)
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=14)
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def hop_arrows(sentence, *, hops=2, title=None):
    """For each place of a sentence of place numbers the way of its hops, one panel each; returns the figure.

    The word at a place names the next place. The start has a thick outline, arrows lead from place to place,
    in turn above and below, and the word at the last place, the answer, is filled. Raises ValueError for a
    word that names no place.
    """
    sentence = [int(word) for word in sentence]
    for word in set(sentence) - set(range(len(sentence))):
        raise ValueError(f"the sentence holds {word}, expected places from 0 to {len(sentence) - 1}")
    n_rows = -(-len(sentence) // 2)
    fig, axes = plt.subplots(n_rows, 2, figsize=(9, 2.9 * n_rows), squeeze=False, layout="constrained")
    answers = []
    for start, ax in enumerate(axes.flat):
        ax.set(xlim=(-0.6, len(sentence) - 0.4), ylim=(-1.6, 1.3), aspect="equal")
        ax.axis("off")
        if start >= len(sentence):
            continue
        way = [start]
        for _ in range(hops):
            way.append(sentence[way[-1]])
        answers.append(sentence[way[-1]])
        for place, word in enumerate(sentence):
            face, bold = ("#A9D5F2", "bold") if place == way[-1] else ("white", "normal")
            edge = {"edgecolor": TODAY if place == start else INK, "linewidth": 4 if place == start else 1.4}
            ax.add_patch(Rectangle((place - 0.35, -0.35), 0.7, 0.7, facecolor=face, **edge))
            write(ax, place, 0, word, size=18, va="center_baseline", weight=bold)
            write(ax, place, -0.58, place, size=13)
        for number, (here, there) in enumerate(zip(way, way[1:], strict=False)):
            side, y = (1, 0.4) if number % 2 == 0 else (-1, -0.78)  # above the words, or below
            bend = -1.6 if here == there else -0.5 if here < there else 0.5
            loop = 0.22 if here == there else 0
            arrow = FancyArrowPatch((here - loop, y), (there + loop, y), shrinkA=0, shrinkB=0, color=INK)
            arrow.set(arrowstyle="-|>", mutation_scale=18, linewidth=2.2)
            arrow.set_connectionstyle(f"arc3,rad={side * bend}")
            ax.add_patch(arrow)
        ax.set_title(f"place {start}: answer {answers[-1]}", fontsize=15)
    if title:
        fig.suptitle(title, fontsize=16)
    fig.set_label(f"The ways of {hops} hops through {sentence}. The answers, place by place: {answers}.")
    return fig


def norm_orders(post, pre, *, title=None):
    """Post-norm and pre-norm side by side, with the numbers of one word on their way; returns the figure.

    `post` holds four rows: the word, what the sub-layer makes of it, their sum, the sum normed. `pre` holds
    the word, the word normed, what the sub-layer makes of that, and the word plus that. Read upwards.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.6), layout="constrained")
    orders = {"post-norm": ("sub-layer", "+", "norm"), "pre-norm": ("norm", "sub-layer", "+")}
    for ax, (name, parts), rows in zip(axes, orders.items(), (post, pre), strict=True):
        rows = _numbers(rows)
        if rows.ndim != 2 or len(rows) != 4:
            raise ValueError(f"{name} has shape {rows.shape}, expected 4 rows of numbers")
        ax.set(xlim=(0, 5.2), ylim=(-0.3, 6.1))
        ax.axis("off")
        for level, row in enumerate(rows):
            y = 0.15 + 1.7 * level
            _cells(ax, 2.3, y, row, max(abs(rows).max(), 1e-9), bold=level in (0, 3))
            draw_arrow(ax, (1.3, y - (0.55 if level else 0.35)), (1.3, y + 0.55))
        for level, part in enumerate(parts):
            y = 1.0 + 1.7 * level
            if part == "+":
                ax.add_patch(Circle((1.3, y), 0.3, facecolor="white", edgecolor=INK, linewidth=1.5, zorder=3))
                draw_arrow(ax, (1.3, 0.2), (0.2, 0.2), (0.2, y), (1.0, y), width=2.4)
            else:
                is_norm = part == "norm"
                draw_part(ax, (0.5, y - 0.3), 1.6, 0.6, NORM if is_norm else FEED_FORWARD, True, is_norm)
            write(ax, 1.3, y, part, size=20 if part == "+" else 16, va="center_baseline")
        ax.set_title(name, fontsize=16, weight="bold")
    if title:
        fig.suptitle(title, fontsize=16)
    fig.set_label(
        "Two block diagrams, read upwards, with a line that leads the word round to a plus. Post-norm: "
        "sub-layer, plus, norm; the norm stands after the plus. Pre-norm: norm, sub-layer, plus; the line "
        "leads round both, and after the plus comes nothing."
    )
    return fig


def there_and_back(nodes, edges, *, title=None):
    """A small graph of values, with the way there and the way back along each edge; returns the figure.

    `nodes` is {name: (column, row, value, gradient)}, `edges` a list of (from, to, factor), where the factor
    is what the gradient is multiplied by on its way back. Raises ValueError for an edge between nodes that do
    not exist, or that leads to the left.
    """
    columns, rows = (1 + max(node[k] for node in nodes.values()) for k in (0, 1))
    size = (2.7 * columns - 0.9, 1.3 * rows + (0.5 if title else 0))
    fig, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set(xlim=(-0.9, 2.7 * columns - 1.8), ylim=(1.3 * rows - 0.65, -0.65))
    ax.axis("off")
    for start, end, factor in edges:
        if not {start, end} <= nodes.keys() or nodes[start][0] >= nodes[end][0]:
            raise ValueError(f"an edge from {start!r} to {end!r}: expected nodes, the second further right")
        (x0, y0), (x1, y1) = ((2.7 * nodes[name][0], 1.3 * nodes[name][1]) for name in (start, end))
        here, there = np.array([x0 + 0.8, y0]), np.array([x1 - 0.8, y1 + 0.2 * np.sign(y0 - y1)])
        beside = np.array([there[1] - here[1], here[0] - there[0]]) / -np.hypot(*(there - here))  # downwards
        ways = ((here, there), -1, INK, "-"), ((there, here), 1, TODAY, (0, (4, 2)))
        for ends, side, colour, style in ways:
            tips = [tuple(point + 0.08 * side * beside) for point in ends]
            arrow = FancyArrowPatch(*tips, arrowstyle="-|>", mutation_scale=14, shrinkA=0, shrinkB=0)
            arrow.set(color=colour, linewidth=2, linestyle=style)
            ax.add_patch(arrow)
        write(ax, *((here + there) / 2 + 0.33 * beside), f"× {factor}", size=14)
    for name, (column, row, value, gradient) in nodes.items():
        x, y = 2.7 * column, 1.3 * row
        box = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.6}
        ax.add_patch(Rectangle((x - 0.8, y - 0.42), 1.6, 0.84, **box))
        for what, number, up, weight in ((name, value, -0.2, "normal"), ("grad", gradient, 0.2, "bold")):
            number = ", ".join(map(_short, np.atleast_1d(number)))
            write(ax, x, y + up, f"{what}: {number}", size=14, weight=weight, va="center_baseline")
    if title:
        ax.set_title(title, fontsize=15)
    listed = "; ".join(
        f"{name} {np.asarray(value).tolist()}, gradient {np.asarray(gradient).tolist()}"
        for name, (_, _, value, gradient) in nodes.items()
    )
    fig.set_label(f"Boxes with arrows to the right, and dashed ones back. {listed}.")
    return fig


def tape(named, *, title=None):
    """The nodes of a small graph with values and gradients, in the order of the way back; returns the figure.

    `named` is {name: node}. A node has a `value`, a `grad`, a `number` that rises from parents to children,
    and `parents`, pairs of a node and the way back to it. Dashed arrows show what is sent back, circles when
    a node has its turn. Raises ValueError when a parent has no name, or is no older than its child.
    """
    names = {node: name for name, node in named.items()}
    order = sorted(names, key=lambda node: -node.number)
    column, row = dict.fromkeys(order, 0), {}
    for node in reversed(order):
        for parent, _ in node.parents:
            if parent not in names or parent.number >= node.number:
                raise ValueError(f"a parent of {names[node]!r} has no name, or is no older than its child")
            column[node] = max(column[node], column[parent] + 1)
    for start in order:  # a line of first parents, then the next line, one row lower
        lower, node = 1 + max(row.values(), default=-1), start
        while node not in row:
            row[node] = lower
            node = node.parents[0][0] if node.parents else node
    wide, tall = 2.0, 1.5
    place = {node: np.array([wide * column[node], tall * row[node]]) for node in order}
    right, low = wide * max(column.values()), tall * max(row.values())
    fig, ax = plt.subplots(figsize=(right + 1.9, low + 1.5 + 0.4 * bool(title)), layout="constrained")
    ax.set(xlim=(-1, right + 0.9), ylim=(low + 0.65, -0.85))
    ax.axis("off")
    for node in order:
        for parent, way in node.parents:
            down = np.sign(row[node] - row[parent])
            here = place[parent] + ((0, 0.5) if down > 0 else (0.7, 0))
            there = place[node] - ((0, -0.5) if down < 0 else (0.7, 0))
            beside = (here - there)[::-1] * (1, -1) / np.hypot(*(there - here))  # downwards
            ways = ((here, there), -1, INK, "-"), ((there, here), 1, TODAY, (0, (4, 2)))
            for ends, side, colour, style in ways:
                tips = [tuple(point + 0.07 * side * beside) for point in ends]
                arrow = FancyArrowPatch(*tips, arrowstyle="-|>", mutation_scale=14, shrinkA=0, shrinkB=2)
                arrow.set(color=colour, linewidth=2, linestyle=style, zorder=3)
                ax.add_patch(arrow)
            sent, far = _listed(way(node.grad)), 0.45 if down else 0.3
            write(ax, *((here + there) / 2 + far * beside), sent, size=13, va="center_baseline")
    for turn, node in enumerate(order, 1):
        (x, y), box = place[node], {"facecolor": "white", "edgecolor": INK, "linewidth": 1.6}
        ax.add_patch(Rectangle((x - 0.7, y - 0.5), 1.4, 1.0, **box))
        for k, text in enumerate((names[node], _listed(node.value), f"grad {_listed(node.grad)}")):
            weight = "bold" if k == 2 else "normal"
            write(ax, x, y + 0.3 * (k - 1), text, size=13, weight=weight, va="center_baseline")
        ax.add_patch(Circle((x - 0.7, y - 0.5), 0.2, facecolor=PALE_GREY, edgecolor=INK, zorder=4))
        write(ax, x - 0.7, y - 0.5, turn, size=13, va="center_baseline")
    if title:
        ax.set_title(title, fontsize=15)
    said = [f"{names[node]} {_listed(node.value)}, gradient {_listed(node.grad)}" for node in order]
    fig.set_label(f"Boxes with arrows to the right and dashed ones back, in this order: {'; '.join(said)}.")
    return fig


def places_see(panels, row, *, title=None):
    """Which words of a row each answer of a decoder notices, in one pass for all places; returns the figure.

    `row` names T + 1 words, `<s>` first; `panels` is {name: booleans (T, T + 1)}: does answer i notice word
    j? The label of answer i is word i + 1, in a thick box. A word that is noticed is filled, and hatched when
    it is the label or stands behind it. Raises ValueError for shapes that do not fit, or over four panels.
    """
    panels, n = {name: _numbers(seen) > 0.5 for name, seen in panels.items()}, len(row) - 1
    shapes = [seen.shape for seen in panels.values()]
    if n < 1 or not 1 <= len(panels) <= 4 or any(shape != (n, n + 1) for shape in shapes):
        raise ValueError(f"panels of shapes {shapes} for {n + 1} words, expected one to four of {(n, n + 1)}")
    lines = (len(panels) + 1) // 2
    size = (10 if len(panels) > 1 else 5.4, (0.5 * n + 1.2) * lines + 0.8 + 0.4 * bool(title))
    fig, axes = plt.subplots(lines, min(2, len(panels)), figsize=size, squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    said = []
    for ax, (name, seen) in zip(axes.flat, panels.items(), strict=False):
        ax.set(xlim=(-0.1, n + 3.6), ylim=(n + 0.2, -1.0))
        for column, word in enumerate(row):
            write(ax, column + 0.45, -0.4, word, size=14)
        for (answer, column), noticed in np.ndenumerate(seen):
            label, late = column == answer + 1, noticed and column > answer
            colour = "#F7C99B" if late else "#A9D5F2" if noticed else "white"
            style = {"facecolor": colour, "edgecolor": INK if noticed else PALE_GREY, "linewidth": 1}
            style["hatch"] = "///" if late else None
            ax.add_patch(Rectangle((column + 0.05, answer + 0.08), 0.8, 0.84, **style))
            if label:
                box = {"fill": False, "edgecolor": TODAY, "linewidth": 3.5, "zorder": 4}
                ax.add_patch(Rectangle((column + 0.05, answer + 0.08), 0.8, 0.84, **box))
            if noticed:
                halo = [withStroke(linewidth=5, foreground=colour)]
                write(ax, column + 0.45, answer + 0.5, row[column], size=13, va="center_baseline",
                      path_effects=halo)  # fmt: skip
        for answer, word in enumerate(row[1:]):
            write(ax, n + 1.15, answer + 0.5, f"must say {word}", size=14, ha="left", va="center_baseline")
        ax.set_title(name, fontsize=15, weight="bold")
        late = [answer + 1 for answer in range(n) if seen[answer, answer + 1 :].any()]
        said.append(f"{name}: {f'answers {late} notice their own label or a later word' if late else 'none'}")
    looks = {"noticed, stands before the label": ("#A9D5F2", None), "noticed, the label or behind it": (
        "#F7C99B", "///")}  # fmt: skip
    handles = [Rectangle((0, 0), 1, 1, facecolor=colour, hatch=hatch, edgecolor=INK, label=text)
               for text, (colour, hatch) in looks.items()]  # fmt: skip
    handles.append(Rectangle((0, 0), 1, 1, fill=False, edgecolor=TODAY, linewidth=3.5, label="the label"))
    fig.legend(handles=handles, loc="outside lower center", ncols=3 if len(panels) > 1 else 1, fontsize=13,
               frameon=False)  # fmt: skip
    if title:
        fig.suptitle(title, fontsize=16)
    fig.set_label(f"Fields, a row for each answer, a column for each word. {'. '.join(said)}.")
    return fig


def reliability(panels, *, n_bins=10, title=None):
    """How sure and how often right: one panel for each entry of `panels`, a dot for each bin of confidence.

    `panels` is {name: (right, confidence)}, two lists of the same length: 0 or 1 for each answer, and its
    share. A dot's area is the number of its answers; on the dashed diagonal a model is as sure as it is
    right. Raises ValueError when the lists do not fit or hold other numbers than 0 to 1.
    """
    size = (3.3 * len(panels) + 0.3, 3.9)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (name, answers) in zip(axes[0], panels.items(), strict=True):
        right, sure = (_numbers(values).ravel() for values in answers)
        both = np.concatenate([right, sure])
        if right.shape != sure.shape or not right.size or both.min() < 0 or both.max() > 1:
            counts = f"{right.size} answers and {sure.size} confidences"
            raise ValueError(f"{name!r} has {counts}, expected as many of both, from 0 to 1")
        bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
        ax.fill_between([0, 1], [0, 1], 0, color="#efefef", zorder=0)
        ax.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.5, zorder=1)
        for b in np.unique(bins):
            here = bins == b
            x, y, share = sure[here].mean(), right[here].mean(), here.mean()
            ax.plot([x, x], [x, y], color=COLOURS[1], linewidth=2, zorder=2)
            ax.scatter(x, y, s=40 + 700 * share, color=COLOURS[0], edgecolor="white", linewidth=1.2, zorder=3)
        write(ax, 0.97, 0.06, "too sure", size=14, ha="right", style="italic")
        write(ax, 0.04, 1.0, "too unsure", size=14, ha="left", style="italic")
        ax.set(xlim=(0, 1.1), ylim=(0, 1.1), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        ax.tick_params(labelsize=13)
        ax.set_xlabel("confidence", fontsize=14)
        ax.set_title(name, fontsize=14)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("share that is right", fontsize=14)
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def sure_and_right(paths, *, best=None, title=None):
    """Rows of a board by confidence and accuracy, joined in the order of their strengths; returns the figure.

    `paths` is {name: [(strength, confidences, accuracies)]}, with a number for each seed: small dots, and a
    large one for their mean, named by its strength. On the dashed diagonal a model is as sure as it is right;
    `best` is drawn as a line, the accuracy that cannot be beaten. Raises ValueError for a row without seeds.
    """
    fig, ax = plt.subplots(figsize=(9, 7), layout="constrained")
    ax.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.5, zorder=1)
    beside = ((6, -20), (-32, 4), (9, -3), (-4, 12))  # where the names of a path stand, in points
    lines = zip(paths.items(), COLOURS, MARKERS, LINE_STYLES, beside, strict=False)
    lowest, surest, best_right, named = 1.0, 0.0, best or 0.0, set()
    for (name, rows), colour, marker, style, place in lines:
        means = []
        for strength, sure, right in rows:
            if len(sure) != len(right) or not len(sure):
                counts = f"{len(sure)} confidences and {len(right)} accuracies"
                raise ValueError(f"{name} {strength} has {counts}, expected one of each for every seed")
            ax.scatter(sure, right, s=22, color=colour, marker=marker, alpha=0.5, zorder=2)
            means.append((np.mean(sure), np.mean(right)))
            lowest, surest = min([lowest, *sure, *right]), max([surest, *sure])
            best_right = max([best_right, *right])
            if means[-1] not in named:  # a point of several paths gets one name
                note = {"textcoords": "offset points", "xytext": place, "fontsize": 13, "color": colour}
                label = ax.annotate(str(strength), means[-1], zorder=5, **note)
                label.set_path_effects([withStroke(linewidth=4, foreground="white")])
        named.update(means)
        look = {"color": colour, "marker": marker, "linestyle": style, "linewidth": 2.2, "markersize": 11}
        ax.plot(*zip(*means, strict=True), label=name, zorder=3, markeredgecolor="white", **look)
    if best is not None:
        ax.axhline(best, color=GREY, linewidth=1.2, zorder=0)
        write(ax, lowest, best + 0.008, "as good as the labels allow", size=13, ha="left", va="bottom")
    ax.set(xlim=(lowest - 0.03, surest + 0.05), ylim=(lowest - 0.03, best_right + 0.05))
    ax.set_xlabel("confidence on new sentences", fontsize=14)
    ax.set_ylabel("share that is right", fontsize=14)
    ax.tick_params(labelsize=13)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=13, loc="lower right", frameon=False)
    if title:
        ax.set_title(title, fontsize=15)
    return fig


def who_sees_whom(panels, *, title=None):
    """Tables of yes and no, who looks at whom, one panel each; returns the figure.

    `panels` is {name: (table, rows, columns)}: booleans `(T, S)`, the T words that look and the S words that
    are looked at. Yes is a coloured field with a dot, no an empty one. Raises ValueError when the words do
    not fit the table.
    """
    widest = max(len(columns) for _, _, columns in panels.values())
    tallest = max(len(rows) for _, rows, _ in panels.values())
    size = (min(10, len(panels) * (0.55 * widest + 1.1)), 0.46 * tallest + 1.9 + 0.3 * bool(title))
    fig, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
    said = []
    for ax, (name, (table, rows, columns)) in zip(axes[0], panels.items(), strict=True):
        table = _numbers(table) > 0.5
        if table.shape != (len(rows), len(columns)):
            raise ValueError(f"{name!r} has shape {table.shape}, expected ({len(rows)}, {len(columns)}): one "
                             "word for each row and each column")  # fmt: skip
        for (row, column), yes in np.ndenumerate(table):
            style = {"facecolor": "#A9D5F2" if yes else "white", "edgecolor": GREY, "linewidth": 1}
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **style))
            if yes:
                ax.plot(column, row, "o", color=INK, markersize=9)
        ax.set(xlim=(-0.55, widest - 0.45), ylim=(tallest - 0.45, -0.55), aspect="equal")
        slope = {"rotation": 50, "ha": "left", "rotation_mode": "anchor"}
        ax.set_xticks(range(len(columns)), columns, fontsize=14, **slope)
        ax.set_yticks(range(len(rows)), rows, fontsize=14)
        ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        ax.spines[:].set_visible(False)
        ax.set_xlabel(name, fontsize=15, labelpad=8)
        sees = [[word for word, yes in zip(columns, line, strict=True) if yes] for line in table]
        seen = [f"{row}: {' '.join(found) or 'nobody'}" for row, found in zip(rows, sees, strict=True)]
        said.append(f"{name}: {'; '.join(seen)}")
    if title:
        fig.suptitle(title, fontsize=15)
    fig.set_label(f"Tables of who looks at whom. {'. '.join(said)}.")
    return fig


def where_from(asking, answering, query, key, value, weights, output, *, title=None):
    """Cross-attention in numbers: the queries come from one side, keys and values from another; a figure.

    `asking` is (name, words, numbers `(T, D)`), `answering` likewise with `(S, D)`. The words that ask lead
    through the upper row, to `query` `(T, dk)`, `weights` `(T, S)` and `output` `(T, dv)`; below them stand
    `key` `(S, dk)` and `value` `(S, dv)`. Raises ValueError when weights or words do not fit.
    """
    (name, words, x), (other, memory_words, memory) = asking, answering
    x, memory, query, key, value, output = map(_numbers, (x, memory, query, key, value, output))
    weights = checked_weights(weights, words, memory_words)
    starts, x_y, gap = [1.05], 1.15, 0.62  # left edges of the columns, first row, room for an arrow
    for block in (x, query, weights):
        starts.append(starts[-1] + 0.66 * block.shape[1] + gap)
    right = starts[3] + 0.66 * output.shape[1]
    top = x_y + 0.5 * len(words) + 1.5  # first row below
    bottom = top + 0.5 * len(memory) + 0.2
    key_x = starts[2] + 0.33 * (weights.shape[1] - key.shape[1])
    tall = 10 * (bottom + 0.2) / (right + 0.1) + 0.4 * bool(title)
    fig, ax = plt.subplots(figsize=(10, tall), layout="constrained")
    ax.set(xlim=(0, right + 0.1), ylim=(bottom + 0.15, -0.05))
    ax.axis("off")
    blocks = [(starts[0], x_y, name, "(T, D)", x), (starts[1], x_y, "queries", "(T, dk)", query),
              (starts[2], x_y, "weights", "(T, S)", weights), (starts[3], x_y, "output", "(T, dv)", output),
              (starts[0], top, other, "(S, D)", memory), (key_x, top, "keys", "(S, dk)", key),
              (starts[3], top, "values", "(S, dv)", value)]  # fmt: skip
    for left, y, label, shape, numbers in blocks:
        centre = left + 0.33 * numbers.shape[1] - 0.03
        write(ax, centre, y - 0.95, label, size=15, weight="bold")
        write(ax, centre, y - 0.62, shape, size=13)
        for row, line in enumerate(numbers):
            _cells(ax, left, y + 0.5 * row, line, max(abs(numbers).max(), 1e-9))
    for y, labels in ((x_y, words), (top, memory_words)):
        for row, word in enumerate(labels):
            write(ax, 0.95, y + 0.5 * row, word, size=14, ha="right", va="center_baseline")
    for column, word in enumerate(memory_words):
        write(ax, starts[2] + 0.66 * column + 0.3, x_y - 0.32, word, size=13)
    middle, low = x_y + 0.25 * (len(words) - 1), top + 0.25 * (len(memory) - 1)
    for left in starts[1:]:
        draw_arrow(ax, (left - gap - 0.02, middle), (left - 0.08, middle), width=2.2)
    memory_x, key_end = starts[0] + 0.33 * memory.shape[1], key_x + 0.33 * key.shape[1] - 0.03
    value_x = starts[3] + 0.33 * value.shape[1] - 0.03
    draw_arrow(ax, (starts[1] - gap, low), (key_x - 0.1, low), width=2.2)
    draw_arrow(ax, (memory_x, bottom - 0.4), (memory_x, bottom), (value_x, bottom), (value_x, bottom - 0.4),
               width=2.2)  # fmt: skip
    for centre in (key_end, value_x):
        draw_arrow(ax, (centre, top - 1.15), (centre, x_y + 0.5 * len(words) - 0.2), width=2.2)
    write(ax, starts[1] - gap / 2 - 0.05, middle - 0.22, "W_Q", size=13)
    write(ax, starts[1] + 0.3, low - 0.22, "W_K", size=13)
    write(ax, starts[1] + 0.3, bottom - 0.22, "W_V", size=13)
    if title:
        ax.set_title(title, fontsize=15)
    looks = [f"{word} at {memory_words[row.argmax()]}" for word, row in zip(words, weights, strict=True)]
    fig.set_label(
        f"Matrices of numbers. From {name} come the queries, from {other} the keys and values. Weights: a "
        f"row for each of {', '.join(words)}, a column for each of {', '.join(memory_words)}; most of "
        f"{'; '.join(looks)}. The output has a row for each word that asks."
    )
    return fig


def ids_to_logits(source, target, vocabulary, *, title=None):
    """The way of a batch from ids to logits, drawn from the tensors of a model; returns the figure.

    `source` holds ids `(B, S)`, vectors `(B, S, D)` and the memory `(B, S, D)`; `target` holds ids `(B, T)`,
    vectors and decoded vectors `(B, T, D)`, and logits `(B, T, V)`. A tensor is a sheet for each sentence,
    the first in front, with a row for each word; blue is above zero, red below. Raises ValueError for shapes
    that do not follow from one another.
    """
    lanes = [[_numbers(tensor) for tensor in lane] for lane in (source, target)]
    shapes, (n, s), t = [[x.shape for x in lane] for lane in lanes], lanes[0][0].shape, len(lanes[1][0].T)
    d, v = lanes[0][1].shape[-1], len(vocabulary)
    if shapes != [[(n, s), (n, s, d), (n, s, d)], [(n, t), (n, t, d), (n, t, d), (n, t, v)]]:
        raise ValueError(f"shapes {shapes} with {v} words, expected (B, S), (B, S, D), (B, S, D) and (B, T), "
                         "(B, T, D), (B, T, D), (B, T, V)")  # fmt: skip
    named = [[vocabulary[int(i)] for i in lane[0][0]] for lane in lanes]
    proposed = [vocabulary[i] for i in lanes[1][3][0].argmax(axis=-1)]
    row, behind, gap = 0.27, 0.13 * n, 1.3  # inches; behind: how far the sheets at the back stand out
    widths = [0.42, *[max(0.9, 0.06 * d)] * 2, max(0.9, 0.06 * v)]
    xs = [0.25 + 0.11 * max(map(len, sum(named, [])))]
    for width in widths[:-1]:
        xs.append(xs[-1] + width + gap)
    tops = [0.55 + behind, 1.75 + row * s + 2 * behind]
    right, bottom = xs[3] + widths[3] + behind + 0.95, tops[1] + row * t + 0.7
    fig, ax = plt.subplots(figsize=(right, bottom + 0.4 * bool(title)), layout="constrained")
    lasts = ("", ", D", ", D", ", V")
    names = [["ids", "vectors", "memory"], ["ids", "vectors", "decoded", "logits"]]
    steps = [["embedding\n+ positions", "encoder"], ["embedding\n+ positions", "decoder", "output\nlayer"]]
    for lane, top, words, labels, parts, length in zip(lanes, tops, named, names, steps, "ST", strict=True):
        middle = top + row * len(words) / 2
        for k, word in enumerate(words):
            write(ax, xs[0] - 0.1, top + row * (k + 0.5), word, size=14, ha="right", va="center_baseline")
        for x, width, tensor, name, last in zip(xs, widths, lane, labels, lasts, strict=False):
            _sheets(ax, x, top, width, row, tensor)
            write(ax, x + width / 2, top - behind - 0.08, name, size=15, weight="bold")
            shape = f"(B, {length}{last})\n({', '.join(map(str, tensor.shape))})"
            write(ax, x + width / 2, top + row * len(words) + 0.3, shape, size=13)
        for x, there, width, part in zip(xs, xs[1:], widths, parts, strict=False):
            start, end = x + width + behind - 0.06, there - 0.06
            draw_arrow(ax, (start, middle), (end, middle), width=2)
            write(ax, (start + end) / 2, middle - 0.1, part, size=13, va="bottom")
    write(ax, right - 1, tops[1] - behind - 0.08, "largest", size=15, ha="left", style="italic")
    for k, word in enumerate(proposed):
        write(ax, right - 1, tops[1] + row * (k + 0.5), word, size=14, ha="left", va="center_baseline")
    hinge, below = xs[2] - gap / 2 + 0.03, tops[0] + row * s + 0.3
    draw_arrow(ax, (xs[2], below), (hinge, below), (hinge, tops[1] + row * t / 2 - 0.35), width=2.4)
    ax.set(xlim=(0, right), ylim=(bottom, 0))
    ax.axis("off")
    if title:
        ax.set_title(title, fontsize=15)
    fig.set_label(
        f"Sheets of cells with arrows between them. Source: ids {shapes[0][0]}, vectors {shapes[0][1]}, "
        f"memory {shapes[0][2]}. Target: ids {shapes[1][0]}, vectors {shapes[1][1]}; with the memory, "
        f"decoded {shapes[1][2]}; logits {shapes[1][3]}. Largest logits: {' '.join(proposed)}."
    )
    return fig


def log_dots(panels, *, line=None, xlabel=None, title=None):
    """Measurements over a logarithmic scale, one panel beside the other; returns the figure.

    `panels` is {name: {row: {label: [numbers]}}}; each label has a marker of its own and a lane in its row.
    `line` is drawn dashed through all panels. A number of 0 stands at the left edge. Raises ValueError when a
    panel has other rows than the first, or there is nothing to draw.
    """
    rows = list(next(iter(panels.values()), ()))
    if not rows or any(list(panel) != rows for panel in panels.values()):
        raise ValueError(f"panels have the rows {[list(panel) for panel in panels.values()]}, expected the "
                         "same rows in each, and one at least")  # fmt: skip
    lanes = [found for panel in panels.values() for row in panel.values() for found in row.values()]
    numbers = [number for found in lanes for number in found]
    low = min(n for n in numbers if n > 0) / 10
    size = (10, 1.7 + 0.45 * len(rows))
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (name, panel) in zip(axes[0], panels.items(), strict=True):
        for row, found in enumerate(panel.values()):
            for lane, (label, values) in enumerate(found.items()):
                y = row + 0.3 * (lane - (len(found) - 1) / 2)
                look = {"marker": "os^D"[lane], "color": COLOURS[lane], "edgecolor": INK, "s": 85}
                x = [max(value, low) for value in values]
                ax.scatter(x, [y] * len(x), label=label if row == 0 else None, **look)
        if line:
            ax.axvline(line, color=GREY, linestyle="--", linewidth=1.5, zorder=0)
        ax.set(xscale="log", xlim=(low / 3, 30 * max(numbers)))
        ax.set_title(name, fontsize=15)
        ax.tick_params(labelsize=13)
        ax.grid(axis="y", color="#e0e0e0")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_yticks(range(len(rows)), rows, fontsize=14)
    axes[0, 0].set_ylim(len(rows) - 0.4, -0.6)
    fig.supxlabel(xlabel or "", fontsize=14)
    handles = axes[0, 0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside upper right", ncols=4, fontsize=14, frameon=False)
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def three_kinds(panels, *, title=None):
    """What a model reads and what it is asked for, one panel per kind of training data; returns the figure.

    `panels` is {name: (words, asked, place, seen)}: the words read, the word asked for at each place ("" for
    none), the place of one answer, and which words that answer notices. Words that it notices are filled, the
    others white with dashed outlines; what is asked for stands below, that one answer in a thick box. Raises
    ValueError when the lists of a panel differ in length, or nothing is asked at the place.
    """
    widest = max(sum(map(_width, words, asked)) for words, asked, *_ in panels.values())
    size = (10, 1.5 * len(panels) + 0.9 + 0.4 * bool(title))
    fig, axes = plt.subplots(len(panels), 1, figsize=size, squeeze=False, layout="constrained")
    said = []
    for ax, (name, (words, asked, place, seen)) in zip(axes[:, 0], panels.items(), strict=True):
        if not len(words) == len(asked) == len(seen) or not asked[place]:
            raise ValueError(
                f"{name!r} has {len(words)} words, {len(asked)} answers and {len(seen)} seen, and asks for "
                f"{asked[place]!r} at place {place}: as many of each, and a word that is asked for"
            )
        ax.set(xlim=(-0.05, widest + 0.05), ylim=(2.15, -0.1))
        ax.axis("off")
        ax.set_title(name, fontsize=15, weight="bold", loc="left")
        x = 0.0
        for i, (word, answer, noticed) in enumerate(zip(words, asked, seen, strict=True)):
            wide = _width(word, answer)
            style = {"facecolor": "#A9D5F2" if noticed else "white", "edgecolor": INK if noticed else GREY}
            style["linestyle"] = "-" if noticed else (0, (2, 2))
            ax.add_patch(Rectangle((x + 0.04, 0.08), wide - 0.08, 0.84, linewidth=1.2, **style))
            write(ax, x + wide / 2, 0.5, word, size=13, va="center_baseline")
            if answer:
                edge = {"edgecolor": TODAY if i == place else GREY, "linewidth": 3.5 if i == place else 1}
                ax.add_patch(Rectangle((x + 0.06, 1.18), wide - 0.12, 0.84, facecolor="white", **edge))
                write(ax, x + wide / 2, 1.6, answer, size=13, va="center_baseline")
            x += wide
        notices = " ".join(word for word, noticed in zip(words, seen, strict=True) if noticed)
        said.append(f"{name} reads {' '.join(words)}, and the answer {asked[place]} notices {notices}")
    looks = [("read, and noticed by the answer in the thick box", "#A9D5F2", INK, "-", 1.2),
             ("read, and hidden from it", "white", GREY, (0, (2, 2)), 1.2),
             ("asked for", "white", TODAY, "-", 3.5)]  # fmt: skip
    handles = [Rectangle((0, 0), 1, 1, facecolor=fill, edgecolor=edge, linestyle=line, linewidth=width,
                         label=text) for text, fill, edge, line, width in looks]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=13, frameon=False)
    if title:
        fig.suptitle(title, fontsize=16)
    fig.set_label(f"Rows of words. {'. '.join(said)}.")
    return fig


def _width(*texts):
    """How wide a box for each of these texts is."""
    return 0.3 + 0.17 * max(2, *map(len, texts))


def _sheets(ax, x, top, width, row, tensor):
    """A tensor `(B, L)` or `(B, L, D)` as sheets, the first in front: rows of ids, or of coloured cells."""
    limit, tall = 1.5 * np.abs(tensor).max() or 1.0, row * tensor.shape[1]
    for k, sheet in reversed(list(enumerate(tensor))):
        left, up, depth = x + 0.13 * k, top - 0.13 * k, 3 - 0.1 * k
        if sheet.ndim == 2:
            place = {"extent": (left, left + width, up + tall, up), "aspect": "auto", "zorder": depth}
            ax.imshow(sheet, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest", **place)
        face = {"facecolor": "none" if sheet.ndim == 2 else "white", "zorder": depth + 0.01}
        ax.add_patch(Rectangle((left, up), width, tall, edgecolor=INK, linewidth=1.2, **face))
    for k, number in enumerate(tensor[0] if tensor.ndim == 2 else ()):
        write(ax, x + width / 2, top + row * (k + 0.5), int(number), size=13, va="center_baseline")


def _cells(ax, x, y, numbers, limit, bold=False):
    """A row of numbers in boxes: blue above zero, red below, white at zero, darkest at `limit`."""
    for i, number in enumerate(numbers):
        colour = plt.get_cmap("RdBu")(0.5 + 0.3 * np.clip(number / limit, -1, 1))
        style = {"facecolor": colour, "edgecolor": INK, "linewidth": 2.8 if bold else 1}
        ax.add_patch(Rectangle((x + 0.66 * i, y - 0.2), 0.6, 0.4, **style))
        write(ax, x + 0.66 * i + 0.3, y, _short(number), size=14, va="center_baseline")


def _numbers(values):
    """A tensor or nested list as a NumPy array of floats."""
    return np.asarray(values.detach().float().cpu() if hasattr(values, "detach") else values, dtype=float)


def _listed(values):
    """Short numbers, with commas: 3, 0.25."""
    return ", ".join(map(_short, np.atleast_1d(values)))


def _short(number):
    """A number with at most two decimals: 1, 0.5, -0.71."""
    return f"{round(float(number), 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def against_length(panels, *, title=None):
    """Lines over the length of a text, one panel for each thing that is measured; returns the figure.

    `panels` is {what is measured: {name: (lengths, numbers)}}. Both scales are logarithmic: what grows with
    the length is a straight line, and what grows with its square one that is twice as steep. Raises
    ValueError when there is no panel, or a number is not above zero.
    """
    if not panels:
        raise ValueError("panels is empty, expected {what is measured: {name: (lengths, numbers)}}")
    for what, lines in panels.items():
        lowest = min((min(numbers, default=0) for _, numbers in lines.values()), default=0)
        if lowest <= 0:
            raise ValueError(f"{what!r} holds {lowest}, expected lines of numbers above 0")
    fig, axes = plt.subplots(1, len(panels), figsize=(10 if len(panels) > 1 else 7.5, 4.4), squeeze=False,
                             layout="constrained")  # fmt: skip
    for ax, (what, lines) in zip(axes[0], panels.items(), strict=True):
        ax.set_xscale("log", base=2)
        ticks = sorted({length for lengths, _ in lines.values() for length in lengths})
        curves(lines, ax=ax, xlabel="words", ylabel="", title=what, log=True)
        ax.set_xticks(ticks, ticks)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        ax.minorticks_off()
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def race(tables, *, scale="times as fast"):
    """How many times as fast each system is, one panel for each table, a dot and its range; a figure.

    `tables` is {title: {system: {"ratio": median, "from": low, "to": high}}}, as `helpers.benchmark` writes
    them, with the same systems in each. The dashed line is at 1. Raises ValueError when the systems differ.
    """
    systems = list(next(iter(tables.values()), {}))
    for title, table in tables.items():
        if list(table) != systems:
            raise ValueError(f"{title!r} has the systems {list(table)}, the first table has {systems}")
    if not systems:
        raise ValueError("tables holds no systems, expected {title: {system: {'ratio': ...}}}")
    size = (10, 1.3 + 0.42 * len(systems))
    fig, axes = plt.subplots(1, len(tables), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        ax.axvline(1, color=GREY, linestyle="--", linewidth=1.5)
        for row, (name, told) in enumerate(table.items()):
            ax.plot([told["from"], told["to"]], [row, row], color=INK, linewidth=2)
            ax.plot(told["ratio"], row, "o", color=COLOURS[0], markersize=10, label=name)
        ax.set(xlim=(0, None), ylim=(len(systems) - 0.5, -0.5))
        ax.set_yticks(range(len(systems)), systems)
        ax.set_title(title, fontsize=15)
        ax.tick_params(labelsize=13)
        ax.grid(axis="y", color="#e0e0e0")
        ax.spines[["top", "right", "left"]].set_visible(False)
    fig.supxlabel(scale, fontsize=13)
    return fig


def score_ranges(rows, *, beside=None, line=None, names=("score", "beside"), scale="score", title=None):
    """One row for each score: a dot, the bar of its range, and the number; returns the figure.

    `rows` is {name: (score, from, to)}. `beside` is {name: number}, drawn hollow in the same rows, and
    `names` says what dots and hollow marks are. `line` is drawn dashed. Raises ValueError when a score lies
    outside its range.
    """
    for name, (score, low, high) in rows.items():
        if not low <= score <= high:
            raise ValueError(f"{name!r} has the score {score:g}, expected one from {low:g} to {high:g}")
    fig, ax = plt.subplots(figsize=(10, 1.5 + 0.45 * len(rows)), layout="constrained")
    if line is not None:
        ax.axvline(line, color=GREY, linestyle="--", linewidth=1.5, zorder=0)
    for row, (name, (score, low, high)) in enumerate(rows.items()):
        dots, marks = names if row == 0 else (None, None)
        ax.plot([low, high], [row, row], color=INK, linewidth=3, solid_capstyle="butt")
        ax.plot(score, row, "o", color=COLOURS[0], markersize=10, label=dots)
        ax.text(high, row, f"  {score:.1f}", fontsize=14, va="center_baseline", color=INK)
        if beside:
            hollow = {"markersize": 9, "markerfacecolor": "white", "color": COLOURS[1], "markeredgewidth": 2}
            ax.plot(beside[name], row, "D", label=marks, clip_on=False, zorder=4, **hollow)
    right = 1.12 * max(high for _, _, high in rows.values())
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, right), xlabel=scale)
    ax.set_yticks(range(len(rows)), rows)
    ax.xaxis.label.set_size(13)
    ax.tick_params(labelsize=13)
    ax.grid(axis="y", color="#e0e0e0")
    ax.spines[["top", "right", "left"]].set_visible(False)
    if beside:
        legend = {"loc": "outside lower right", "ncols": 2, "fontsize": 13, "frameon": False}
        fig.legend(*ax.get_legend_handles_labels(), **legend)
    if title:
        fig.suptitle(title, fontsize=15)
    return fig
