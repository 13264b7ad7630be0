"""Pictures of the notebooks: one function per kind of picture.

Each function returns a matplotlib figure and changes no global style. `show` puts the figure on the page,
with a description for readers who cannot see it; a picture that can describe itself has that as its label.
Fill pattern, outline and line style carry the meaning, and colour only repeats it: the pictures survive a
greyscale printer and every kind of colour vision.
"""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter

# Line colours: the palette of Okabe and Ito without its yellow, which is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
PAGE = (640, 560)  # pixels, what a figure may take up in the pane of a small laptop
INK, GREY, PALE_GREY, TODAY = "#1a1a1a", "#8a8a8a", "#c4c4c4", "#B34700"

# The parts of the block diagram: what is written on them, and the colour they get once they are built.
ATTENTION, FEED_FORWARD, NORM, EMBEDDING, OUTPUT = "#F7C99B", "#A9D5F2", "#F6EDB0", "#EBC4DA", "#A5DDCB"
PARTS = {
    "source_embedding": ("Embedding", EMBEDDING),
    "source_positions": ("+ Positions", EMBEDDING),
    "encoder_self_attention": ("Self-attention", ATTENTION),
    "encoder_feed_forward": ("Feed-forward", FEED_FORWARD),
    "encoder_add_norm": ("Add & norm", NORM),
    "encoder_stack": ("ENCODER", "#F4F4F4"),
    "target_embedding": ("Embedding", EMBEDDING),
    "target_positions": ("+ Positions", EMBEDDING),
    "decoder_self_attention": ("Masked self-attention", ATTENTION),
    "cross_attention": ("Cross-attention", ATTENTION),
    "decoder_feed_forward": ("Feed-forward", FEED_FORWARD),
    "decoder_add_norm": ("Add & norm", NORM),
    "decoder_stack": ("DECODER", "#F4F4F4"),
    "output_layer": ("Output layer", OUTPUT),
}

# Measures of the block diagram in inches, from the lower left corner of the figure.
ENCODER_X, DECODER_X = 2.6, 7.4  # centre lines of the two halves
HALF_BOX, HALF_FRAME = 1.42, 1.86  # half the width of a part, and of a stack's frame
TALL, FLAT, GAP = 0.58, 0.36, 0.14  # heights of parts; the gap between a sub-layer and its add & norm
WORDS_Y, EMBEDDING_Y, POSITIONS_Y, FRAME_Y, FIRST_Y, PITCH = 0.28, 0.82, 1.66, 2.2, 2.62, 1.42  # lower edges


def show(fig, alt=None):
    """Display `fig`, made smaller on the page where it is larger than `PAGE`, then close it.

    `alt` describes the picture to readers who cannot see it, and is stored beside it; without it stands what
    the function that drew the picture says of it.
    """
    from IPython.display import display

    width, height = fig.get_size_inches() * fig.dpi
    shrink = min(1, PAGE[0] / width, PAGE[1] / height)
    size = {"width": round(width * shrink)} if shrink < 1 else {}
    words = alt or fig.get_label()
    display(fig, metadata={"image/png": ({"alt": words} if words else {}) | size})
    plt.close(fig)


def block_diagram(built=(), today=(), title=None):
    """Draw the encoder-decoder Transformer (figure 1 of "Attention Is All You Need") and return the figure.

    Parts named in `built` are filled, all others are hatched placeholders; parts named in `today` get a thick
    outline. `PARTS` holds the names; "encoder_stack" and "decoder_stack" are the two frames.
    Raises ValueError for a name that is not a part.
    """
    built, today = _part_names("built", built), _part_names("today", today)
    fig, ax = plt.subplots(figsize=(10, 8.4))
    ax.set_position((0, 0, 1, 1))
    _draw_model(ax, built, today)
    write(ax, 0.35, 8.3, textwrap.fill(title or "", 40), size=18, ha="left", va="top", weight="bold")
    for y, state in zip((7.4, 6.93, 6.46), LEGEND, strict=True):
        _legend(ax, 0.35, y, state)
    fig.set_label(_in_words(built, today))
    return fig


def close_up(built=(), today=(), title=None):
    """The block diagram small, and beside it, large, the block that holds the parts of `today`.

    Takes what `block_diagram` takes, and needs at least one part in `today`; returns the figure.
    """
    built, today = _part_names("built", built), _part_names("today", today)
    if not today:
        raise ValueError(f"today is empty, expected at least one of: {', '.join(PARTS)}")
    fig = plt.figure(figsize=(10, 5.4))
    rooms = np.array([_room(name) for name in today])
    left, bottom, right, top = *rooms.min(axis=0)[:2], *rooms.max(axis=0)[2:]
    magnified = min(6.1 / (right - left), 4.9 / (top - bottom))
    size = np.array([right - left, top - bottom]) * magnified / (10, 5.4)  # as shares of the figure
    small = fig.add_axes((0.0, 0.3, 0.34, 0.34 * 8.4 / 5.4))
    large = fig.add_axes((0.68 - size[0] / 2, 0.46 - size[1] / 2, *size))
    _draw_model(small, built, today, scale=0.34)
    _draw_model(large, built, today, scale=min(magnified, 1.25))
    large.set(xlim=(left, right), ylim=(bottom, top))
    page = fig.add_axes((0, 0, 1, 1), zorder=-1)
    page.set(xlim=(0, 10), ylim=(0, 5.4))
    page.axis("off")
    outline = {"fill": False, "edgecolor": TODAY, "linewidth": 1.6}
    small.add_patch(Rectangle((left, bottom), right - left, top - bottom, **outline))
    (x0, y0), (x1, y1) = 0.34 * np.array([[right, bottom], [right, top]]) + (0, 0.3 * 5.4)
    x2, y2, tall = *(np.array(large.get_position().min) * (10, 5.4)), size[1] * 5.4
    wedge = [(x0, y0), (x1, y1), (x2, y2 + 0.7 * tall), (x2, y2 + 0.3 * tall)]
    page.add_patch(Polygon(wedge, facecolor=TODAY, alpha=0.13, linewidth=0))
    write(page, 0.3, 5.15, title or "", size=18, ha="left", weight="bold")
    for y, state in zip((1.2, 0.75, 0.3), LEGEND, strict=True):
        _legend(page, 0.3, y, state)
    fig.set_label(_in_words(built, today))
    return fig


LEGEND = (("built (any colour)", 1, 0), ("placeholder", 0, 0), ("today", 0, 1))


def _legend(ax, x, y, state):
    label, *state = state
    draw_part(ax, (x, y - 0.16), 0.8, 0.32, ATTENTION, *state)
    write(ax, x + 1, y, label, ha="left", va="center_baseline")


def _in_words(built, today):
    listed = {state: [name.replace("_", " ") for name in PARTS if name in chosen] or ["nothing"]
              for state, chosen in (("Built", built), ("Today", today))}  # fmt: skip
    return (
        "Block diagram of the Transformer, the encoder on the left, the decoder on the right, and the memory "
        "between them. " + " ".join(f"{state}: {', '.join(names)}." for state, names in listed.items())
    )


def _room(name):
    """Left, lower, right and upper edge of the block that a part stands in."""
    if name == "output_layer":
        return DECODER_X - 2.4, 6.9, DECODER_X + 2.4, 8.4
    encoder = name.startswith(("source", "encoder"))
    x, side, sub_layers = (ENCODER_X, -1, 2) if encoder else (DECODER_X, 1, 3)
    left, right = sorted((x - side * (HALF_FRAME + 0.1), x + side * (HALF_FRAME + 0.66)))
    if name.endswith(("embedding", "positions")):
        return left, 0.05, right, FRAME_Y + 0.3
    return left, FRAME_Y - 0.14, right, FIRST_Y + PITCH * sub_layers


def _draw_model(ax, built, today, scale=1.0):
    """The whole model on axes of 10 by 8.4; pens `scale` times as thick, and no words where it is small."""
    ax.set(xlim=(0, 10), ylim=(0, 8.4))
    ax.axis("off")

    def text(*args, size=16, **more):
        if scale > 0.5:
            write(ax, *args, size=size * scale, clip_on=True, **more)

    def arrow(*points, **more):
        draw_arrow(ax, *points, scale=scale, **more)

    def part(name, x, y, height):
        label, colour = PARTS[name]
        state = name in built, name in today
        draw_part(ax, (x - HALF_BOX, y), 2 * HALF_BOX, height, colour, *state, scale=scale)
        halo = None if name in built else [withStroke(linewidth=5, foreground="white")]
        size, weight = 16 if height > FLAT else 14, "bold" if name in today else "normal"
        text(x, y + height / 2, label, size=size, va="center_baseline", weight=weight, path_effects=halo)

    def half(x, side, words, parts):
        """Draw one half upwards, residual lines on `side` (-1 left, 1 right); return its upper edge."""
        embedding, positions, *sub_layers, add_norm, stack = parts
        text(x, WORDS_Y, words)
        arrow((x, 0.5), (x, EMBEDDING_Y))
        arrow((x, EMBEDDING_Y + TALL), (x, POSITIONS_Y), head=False)
        part(embedding, x, EMBEDDING_Y, TALL)
        part(positions, x, POSITIONS_Y, FLAT)
        frame_height = FIRST_Y - FRAME_Y - 0.2 + PITCH * len(sub_layers)
        corner, state = (x - HALF_FRAME, FRAME_Y), (stack in built, stack in today)
        draw_part(ax, corner, 2 * HALF_FRAME, frame_height, PARTS[stack][1], *state, frame=True, scale=scale)
        text(x + side * (HALF_FRAME + 0.34), FRAME_Y + frame_height / 2, PARTS[stack][0] + "  × 6",
             rotation=90, weight="bold" if stack in today else "normal")  # fmt: skip
        below = POSITIONS_Y + FLAT
        for level, sub_layer in enumerate(sub_layers):
            y = FIRST_Y + PITCH * level
            norm_y = y + TALL + GAP
            outside, middle = x + side * (HALF_BOX + 0.2), norm_y + FLAT / 2
            arrow((x, below), (x, y))
            arrow((x, y + TALL), (x, norm_y), head=False)
            arrow((x, y - 0.2), (outside, y - 0.2), (outside, middle), (x + side * HALF_BOX, middle))
            part(sub_layer, x, y, TALL)
            part(add_norm, x, norm_y, FLAT)
            below = norm_y + FLAT
        return below

    names = list(PARTS)
    encoder_top = half(ENCODER_X, -1, "source sentence", names[:6])
    decoder_top = half(DECODER_X, 1, "translation so far", names[6:13])
    corner_x, corner_y, cross_y = 5.0, encoder_top + 0.78, FIRST_Y + PITCH + TALL / 2
    arrow((ENCODER_X, encoder_top), (ENCODER_X, corner_y), (corner_x, corner_y), (corner_x, cross_y),
          (DECODER_X - HALF_BOX, cross_y), width=2.4)  # fmt: skip
    text(3.8, corner_y + 0.1, "memory", va="bottom", style="italic")
    arrow((DECODER_X, decoder_top), (DECODER_X, 7.2))
    part("output_layer", DECODER_X, 7.2, TALL)
    arrow((DECODER_X, 7.2 + TALL), (DECODER_X, 8.02))
    text(DECODER_X, 8.2, "next word")


def _part_names(argument, names):
    """The names as a set; an error names the first that is no part."""
    names = {names} if isinstance(names, str) else set(names)
    for name in sorted(names - set(PARTS)):
        raise ValueError(f"{argument} holds {name!r}, expected names of parts: {', '.join(PARTS)}")
    return names


def draw_part(ax, corner, width, height, colour, built, today, frame=False, scale=1.0):
    """A part or the frame of a stack: filled when built, hatched when not, with a thick outline today."""
    shape = f"round,pad=0,rounding_size={0.2 if frame else 0.09}"
    fill = {"facecolor": colour if built else "white", "zorder": 0 if frame else 3, "clip_on": True}
    if not built and not frame:
        fill.update(hatch="////", edgecolor=PALE_GREY)
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, linewidth=0, **fill))
    edge = {"edgecolor": TODAY if today else INK if built else GREY}
    edge["linewidth"] = (4.5 if today else 1.5) * scale
    dashes = "-" if built or today else (0, (3, 2))
    outline = {"facecolor": "none", "linestyle": dashes, "zorder": 1 if frame else 4, **edge}
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, clip_on=True, **outline))


def write(ax, x, y, text, size=16, ha="center", va="center", **more):
    """Text on a picture, in its ink and above all lines."""
    ax.text(x, y, text, fontsize=size, ha=ha, va=va, color=INK, zorder=5, **more)


def draw_arrow(ax, *points, width=1.6, head=True, scale=1.0):
    """A line through the points, with a head at the last one."""
    xs, ys = zip(*points, strict=True)
    if len(points) > 2:
        ax.plot(xs[:-1], ys[:-1], color=INK, linewidth=width * scale, zorder=2, solid_capstyle="projecting")
    tip = f"-|>,head_length={5 * scale},head_width={3 * scale}"
    style = {"arrowstyle": tip if head else "-", "shrinkA": 0, "shrinkB": 0, "clip_on": True}
    ax.add_patch(FancyArrowPatch(*points[-2:], linewidth=width * scale, color=INK, zorder=2, **style))


def attention_map(
    weights, query_words, key_words, *, ax=None, title=None, query_label="query", key_label="key", bar=True
):
    """Heat map of one head's attention weights `(T, S)`, one row per query, and return the figure.

    The colour scale is always 0 to 1, so that any two maps can be compared. Small maps show each weight.
    `query_label` and `key_label` say what the words on the two axes are; `bar=False` leaves out the scale.
    Raises ValueError when `weights` is not a matrix with one row per query word and one column per key word,
    or when it holds a number that cannot be an attention weight.
    """
    weights = checked_weights(weights, query_words, key_words)
    texts = [[f"{weight:.2f}".removeprefix("0") for weight in row] for row in weights]
    small = weights.shape[0] <= 16 and weights.shape[1] <= 14
    fig = heat_map(
        weights, query_words, key_words, texts=texts if small else None, ax=ax, title=title,
        row_axis=query_label, column_axis=key_label, scale="attention weight" if bar else None,
    )  # fmt: skip
    darkest = [f"{query} at {key_words[k]}" for query, k in zip(query_words, weights.argmax(1), strict=True)]
    fig.set_label(f"Heat map of attention weights. The darkest field of each row: {', '.join(darkest)}.")
    return fig


def heat_map(
    values, rows, columns, *, low=0.0, high=1.0, texts=None, ax=None, title=None, row_axis=None,
    column_axis=None, scale=None,
):  # fmt: skip
    """Heat map of a matrix, light at `low` and dark at `high`; returns the figure.

    `rows` and `columns` are the words on the axes, `row_axis` and `column_axis` say what they are. `texts` is
    a matrix of strings to write into the fields, `scale` the label of the colour scale (default: no scale).
    Raises ValueError when the labels do not fit the matrix.
    """
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=float)
    if values.shape != (len(rows), len(columns)) or values.size == 0:
        raise ValueError(
            f"values has shape {values.shape}, expected ({len(rows)}, {len(columns)}): "
            "pass one label for each row and one for each column"
        )
    if ax is None:
        size = (max(5.5, 0.66 * len(columns) + 3.2), max(3.2, 0.5 * len(rows) + 1.9))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    image = ax.imshow(values, cmap="Blues", vmin=low, vmax=high, aspect="auto")
    steep = len(columns) > 5 and max(len(str(column)) for column in columns) > 4
    slope = {"rotation": 50, "ha": "left", "rotation_mode": "anchor"} if steep else {}
    ax.set_xticks(range(len(columns)), columns, fontsize=13, **slope)
    ax.set_yticks(range(len(rows)), rows, fontsize=13)
    if values.size <= 400:  # lines between the fields, where there is room for them
        ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="#d0d0d0", linewidth=0.8)
    ax.tick_params(which="both", length=0, top=False, labeltop=True, labelbottom=False)
    if column_axis:
        ax.set_xlabel(column_axis, fontsize=13, labelpad=8)
    if row_axis:
        ax.set_ylabel(row_axis, fontsize=13, labelpad=8)
    if texts is not None:
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if (value - low) / (high - low) > 0.6 else INK
            text = texts[row][column]
            ax.text(column, row, text, ha="center", va="center_baseline", fontsize=11, color=colour)
    if scale:
        bar = ax.figure.colorbar(image, ax=ax, ticks=(low, (low + high) / 2, high))
        bar.set_label(scale, fontsize=13)
        bar.ax.tick_params(labelsize=12)
    if title:
        ax.set_title(title, fontsize=15, pad=12)
    return ax.figure


def share_bars(panels, *, title=None):
    """Shares of the same words under several settings, one panel of bars each; returns the figure.

    `panels` is {name of the panel: {word: share}}. A word with the share 0 has no bar, and its name is grey.
    Raises ValueError when a panel has other words than the first, or a number that is no share.
    """
    if not panels:
        raise ValueError("panels is empty, expected {name: {word: share}}")
    words = list(next(iter(panels.values())))
    for name, shares in panels.items():
        if list(shares) != words:
            raise ValueError(f"panel {name!r} has the words {list(shares)}, the first panel has {words}")
        for word, share in shares.items():
            if not -1e-6 < share < 1 + 1e-6:
                raise ValueError(f"panel {name!r} gives {word!r} the share {share:.3g}, expected 0 to 1")
    size = (1.6 + 2.2 * len(panels), 1.3 + 0.42 * len(words))
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (name, shares) in zip(axes[0], panels.items(), strict=True):
        ax.barh(words, shares.values(), height=0.72, color="#A9D5F2", edgecolor=INK, linewidth=1.2)
        for row, share in enumerate(shares.values()):
            text = "0" if share == 0 else f"{share:.2f}".removeprefix("0")
            ax.text(share + 0.03, row, text, fontsize=13, va="center_baseline", color=INK if share else GREY)
        ax.set_title(name, fontsize=14)
        ax.set(xlim=(0, 1.25), xticks=())
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.tick_params(axis="y", length=0, labelsize=13)
    axes[0, 0].invert_yaxis()
    if title:
        fig.suptitle(title, fontsize=15)
    return fig


def board(table, *, live=None, chance=None, title=None, scale="accuracy", means=False, repeats=None):
    """Heat map of a board, rows x tasks, with the mean over the seeds and their lowest and highest score.

    `table` is {row: {task: [score per seed]}}. `live` is {task: score} of a model trained just now, drawn as
    the last row, `chance` likewise as the first. Scores are 0 to 1; `scale` says what they are. `means`
    leaves lowest and highest out, `repeats` says which row the live one repeats. Raises ValueError when a row
    has other tasks than the first.
    """
    rows = {"best guess from the symbol": {task: [score] for task, score in chance.items()}} if chance else {}
    rows |= table
    if live:
        label = f"live: repeats {repeats}" if repeats else "live: trained just now"
        rows[label] = {task: [score] for task, score in live.items()}
    if not rows:
        raise ValueError("table is empty, expected {row: {task: [score per seed]}}")
    tasks = list(next(iter(rows.values())))
    for row, scores in rows.items():
        if list(scores) != tasks:
            raise ValueError(f"row {row!r} has the tasks {list(scores)}, the first row has {tasks}")
    values = [[np.mean(scores[task]) for task in tasks] for scores in rows.values()]
    texts = [[_mean_and_range(scores[task], means) for task in tasks] for scores in rows.values()]
    labels = [textwrap.fill(row, 22) for row in rows]
    width = 1 + 0.1 * max(len(line) for label in labels for line in label.split("\n")) + 1.05 * len(tasks)
    _, ax = plt.subplots(figsize=(max(width, 5), 1.3 + 0.5 * len(rows)), layout="constrained")
    wrapped = textwrap.fill(title or "", int(9 * max(width, 5)))
    fig = heat_map(values, labels, tasks, texts=texts, ax=ax, title=wrapped, column_axis=scale)
    columns = [textwrap.fill(task, 11) for task in tasks]
    ax.set_xticks(range(len(tasks)), columns, fontsize=12, rotation=0, ha="center")
    ax.tick_params(axis="y", labelsize=12)
    return fig


def _mean_and_range(scores, mean_only=False):
    """What a field of the board says: the mean, and below it the lowest and highest score."""
    numbers = [f"{number:.2f}".removeprefix("0") for number in (np.mean(scores), min(scores), max(scores))]
    mean, low, high = numbers
    return mean if mean_only or low == high else f"{mean}\n{low}\u2013{high}"


def checked_weights(weights, query_words, key_words):
    """The weights as a NumPy matrix, or an error that says what is wrong with them."""
    if hasattr(weights, "detach"):
        weights = weights.detach().float().cpu()
    weights = np.asarray(weights, dtype=float)
    rows, columns = len(query_words), len(key_words)
    if weights.ndim != 2:
        raise ValueError(
            f"weights has shape {weights.shape}, expected the matrix (T, S) of one head: "
            "pick it with weights[sentence, head]"
        )
    if weights.shape != (rows, columns) or weights.size == 0:
        raise ValueError(
            f"weights has shape {weights.shape}, expected ({rows}, {columns}) for {rows} query words and "
            f"{columns} key words: pass one word for each row and one for each column"
        )
    outside = weights[~((weights > -1e-6) & (weights < 1 + 1e-6))]
    if outside.size:
        raise ValueError(f"weights holds {outside[0]:.3g}, expected 0 to 1: put the scores through a softmax")
    return weights


def curves(history, *, xlabel="step", ylabel="loss", title=None, ax=None, log=False):
    """Draw training curves, each with its name at its right end, and return the figure.

    `history` is {name: (x values, y values)}, or the History that `helpers.training.train` returns:
    its training loss at each step and, if measured, its validation loss after each epoch. `log` makes the
    scale of the y values logarithmic.
    Raises ValueError when there is no curve, or a curve is empty or has different numbers of x and y values.
    """
    lines = dict(history) if isinstance(history, Mapping) else _history_lines(history)
    if not lines:
        raise ValueError("history is empty, expected at least one curve: {'training': (steps, losses)}")
    for name, (x, y) in lines.items():
        if len(x) != len(y) or len(x) == 0:
            raise ValueError(f"curve {name!r} has {len(x)} x and {len(y)} y values, expected one y per x")
    if ax is None:
        _, ax = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
    for index, (name, (x, y)) in enumerate(lines.items()):
        style = {"linestyle": LINE_STYLES[index % 4], "marker": MARKERS[index % 6], "markersize": 7}
        style.update(color=COLOURS[index % 6], linewidth=2.2, markevery=max(1, len(x) // 8))
        ax.plot(x, y, label=name, **style)
    if log:
        ax.set_yscale("log")
        ax.yaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
    ax.set_xlabel(xlabel, fontsize=14)
    ax.set_ylabel(ylabel, fontsize=14)
    ax.tick_params(labelsize=13)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#e0e0e0")
    if title:
        ax.set_title(title, fontsize=15, loc="left")
    _name_lines(ax)
    return ax.figure


def training_curves(history, *, title=None):
    """Three pictures of a training, one below the other: loss, teacher-forced accuracy and learning rate.

    `history` is what `helpers.training.train` returns. The validation loss is drawn where it was measured.
    """
    if not history.step:
        raise ValueError("history is empty, expected the History of a training of one step or more")
    fig, axes = plt.subplots(3, 1, figsize=(9, 8.4), sharex=True, layout="constrained")
    curves(history, ax=axes[0], xlabel="", ylabel="loss", title=title)
    accuracy = {"training": (history.step, history.accuracy)}
    rate = {"rate": (history.step, history.learning_rate)}
    curves(accuracy, ax=axes[1], xlabel="", ylabel="teacher-forced\naccuracy")
    curves(rate, ax=axes[2], ylabel="learning rate")
    axes[1].set_ylim(0, 1.05)
    return fig


def _history_lines(history):
    lines = {"training": (history.step, history.loss)}
    if history.valid_loss:
        lines["validation"] = (history.epoch_step, history.valid_loss)
    return lines


def _name_lines(ax):
    """Write the name of each line right of its end, moved up where two names would touch."""
    log = ax.get_yscale() == "log"
    scale, back = (np.log10, lambda y: 10**y) if log else (np.asarray, np.asarray)
    gap, lowest = 0.075 * np.diff(scale(ax.get_ylim()))[0], -np.inf
    right = max(line.get_xdata()[-1] for line in ax.get_lines()) + 0.03 * np.diff(ax.get_xlim())[0]
    for line in sorted(ax.get_lines(), key=lambda line: line.get_ydata()[-1]):
        end = line.get_xdata()[-1], line.get_ydata()[-1]
        lowest = max(lowest + gap, scale(end[1]))
        style = {"color": line.get_color(), "fontsize": 14, "va": "center", "annotation_clip": False}
        leader = {"arrowstyle": "-", "color": line.get_color(), "shrinkA": 2, "shrinkB": 4}
        ax.annotate(line.get_label(), end, xytext=(right, back(lowest)), arrowprops=leader, **style)
