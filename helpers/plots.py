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
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle, Wedge
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
    _text(ax, 0.35, 8.3, textwrap.fill(title or "", 40), size=18, ha="left", va="top", weight="bold")
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
    _text(page, 0.3, 5.15, title or "", size=18, ha="left", weight="bold")
    for y, state in zip((1.2, 0.75, 0.3), LEGEND, strict=True):
        _legend(page, 0.3, y, state)
    fig.set_label(_in_words(built, today))
    return fig


LEGEND = (("built (any colour)", 1, 0), ("placeholder", 0, 0), ("today", 0, 1))


def _legend(ax, x, y, state):
    label, *state = state
    _box(ax, (x, y - 0.16), 0.8, 0.32, ATTENTION, *state)
    _text(ax, x + 1, y, label, ha="left", va="center_baseline")


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
            _text(ax, *args, size=size * scale, clip_on=True, **more)

    def arrow(*points, **more):
        _arrow(ax, *points, scale=scale, **more)

    def part(name, x, y, height):
        label, colour = PARTS[name]
        _box(ax, (x - HALF_BOX, y), 2 * HALF_BOX, height, colour, name in built, name in today, scale=scale)
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
        _box(ax, (x - HALF_FRAME, FRAME_Y), 2 * HALF_FRAME, frame_height, PARTS[stack][1], stack in built,
             stack in today, frame=True, scale=scale)  # fmt: skip
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


def _box(ax, corner, width, height, colour, built, today, frame=False, scale=1.0):
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


def _text(ax, x, y, text, size=16, ha="center", va="center", **more):
    ax.text(x, y, text, fontsize=size, ha=ha, va=va, color=INK, zorder=5, **more)


def _arrow(ax, *points, width=1.6, head=True, scale=1.0):
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
    weights = _checked_weights(weights, query_words, key_words)
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
    _text(ax, 0.05, 0.35, f"{asker} asks" if asker else "query", size=15, ha="left", weight="bold")
    _cells(ax, left, 0.35, query, limit, bold=True)
    heads = {"key": left + 0.33 * dk, "score": score_x, "share": share_x + 0.6, "value": value_x + 0.33 * dv}
    for label, x in heads.items():
        _text(ax, x, 0.95, label, size=14, style="italic")
    below = {score_x: f"q·k / √{dk}", share_x + 0.6: "softmax"}
    below |= {value_x + 0.66 * i + 0.3: name for i, name in enumerate(value_names or [])}
    for x, label in below.items():
        _text(ax, x, 1.28, label, size=13)
    for row, name in enumerate(names):
        y = 1.7 + 0.5 * row
        _text(ax, 0.05, y, name, size=15, ha="left", va="center_baseline")
        _cells(ax, left, y, keys[row], limit)
        _text(ax, score_x, y, _short(scores[row]), size=14, va="center_baseline")
        bar = {"facecolor": "#F7C99B", "edgecolor": INK, "linewidth": 1.2}
        ax.add_patch(Rectangle((share_x, y - 0.2), 1.7 * shares[row], 0.4, **bar))
        share = f"{shares[row]:.2f}".removeprefix("0")
        _text(ax, share_x + 1.7 * shares[row] + 0.1, y, share, size=14, ha="left", va="center_baseline")
        _cells(ax, value_x, y, values[row], limit)
    ax.plot([0, right], [bottom - 0.6] * 2, color=INK, linewidth=1.2)
    _text(ax, 0.05, bottom - 0.25, "takes home", size=15, ha="left", weight="bold")
    _cells(ax, value_x, bottom - 0.25, mix, limit, bold=True)
    if title:
        ax.set_title(title, fontsize=15)
    found = zip(names, map(_short, scores), shares, strict=True)
    parts = [f"{name}, score {score}, share {share:.2f}" for name, score, share in found]
    fig.set_label(f"{asker or 'A word'} asks with [{', '.join(map(_short, query))}]. {'; '.join(parts)}. "
                  f"The mix of their values is [{', '.join(map(_short, mix))}].")  # fmt: skip
    return fig


def _cells(ax, x, y, numbers, limit, bold=False):
    """A row of numbers in boxes: blue above zero, red below, white at zero, darkest at `limit`."""
    for i, number in enumerate(numbers):
        colour = plt.get_cmap("RdBu")(0.5 + 0.3 * np.clip(number / limit, -1, 1))
        style = {"facecolor": colour, "edgecolor": INK, "linewidth": 2.8 if bold else 1}
        ax.add_patch(Rectangle((x + 0.66 * i, y - 0.2), 0.6, 0.4, **style))
        _text(ax, x + 0.66 * i + 0.3, y, _short(number), size=14, va="center_baseline")


def _numbers(values):
    """A tensor or nested list as a NumPy array of floats."""
    return np.asarray(values.detach().float().cpu() if hasattr(values, "detach") else values, dtype=float)


def _short(number):
    """A number with at most two decimals: 1, 0.5, -0.71."""
    return f"{round(float(number), 2) + 0.0:.2f}".rstrip("0").rstrip(".")


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
        _text(ax, start, -0.6, name, size=15, ha="left", weight="bold")
    for row in range(len(words)):
        _text(ax, 1.3, row + 0.5, f"word {row + 1}", size=14, ha="right", va="center_baseline")
    for start, label, block in blocks:
        _text(ax, start + block.shape[1] / 2, len(words) + 0.45, label, size=14)
        for (row, column), number in np.ndenumerate(block):
            colour, hatch = looks[home[number]]
            style = {"facecolor": colour, "edgecolor": INK, "linewidth": 1.2, "hatch": hatch}
            ax.add_patch(Rectangle((start + column, row), 1, 1, **style))
            halo = [withStroke(linewidth=5, foreground=colour)]
            _text(ax, start + column + 0.5, row + 0.5, _short(number), size=15, path_effects=halo)
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
        _checked_weights(weights, range(len(weights)), words)
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
    as in [("Q", "(S, dk)", queries), "@", ...]. `words` names the rows of each line's first matrix. Blue is
    above zero, red below. Raises ValueError for what is no matrix, or more than 14 columns in a line.
    """
    lines = [[part if isinstance(part, str) else (*part[:2], _numbers(part[2])) for part in line]
             for line in lines]  # fmt: skip
    matrices = [part for line in lines for part in line if not isinstance(part, str)]
    for name, _, values in matrices:
        if values.ndim != 2:
            raise ValueError(f"{name!r} has shape {values.shape}, expected a matrix")
    columns = [sum(part[2].shape[1] for part in line if not isinstance(part, str)) for line in lines]
    if not lines or max(columns) > 14 or any(len(words) not in (0, len(line[0][2])) for line in lines):
        raise ValueError(f"lines of {columns} columns and {len(words)} words, expected at most 14 columns in "
                         "a line that starts with a matrix, and a word for each of its rows")  # fmt: skip
    limit = max(np.abs(values).max() for _, _, values in matrices) or 1.0
    left = 0.3 + 0.12 * max((len(str(word)) for word in words), default=0)  # inches
    sign = {part: 0.3 + 0.11 * len(part) for line in lines for part in line if isinstance(part, str)}
    gaps = [sum(sign.get(part, 0.1) if isinstance(part, str) else 0.1 for part in line) for line in lines]
    right = left + max(0.66 * n + gap for n, gap in zip(columns, gaps, strict=True))
    heights = [0.5 * max(len(part[2]) for part in line if not isinstance(part, str)) + 1.15 for line in lines]
    fig, ax = plt.subplots(figsize=(right + 0.1, sum(heights) + 0.5 * bool(title)), layout="constrained")
    ax.set(xlim=(0, right + 0.1), ylim=(sum(heights), 0))
    ax.axis("off")
    top = 0.0
    for line, height in zip(lines, heights, strict=True):
        x, middle = left, top + 0.85 + (height - 1.15) / 2
        for row, word in enumerate(words):
            _text(ax, 0.05, top + 1.1 + 0.5 * row, word, size=15, ha="left", va="center_baseline")
        for part in line:
            if isinstance(part, str):
                _text(ax, x + sign[part] / 2, middle, part, size=16)
                x += sign[part]
                continue
            name, shape, values = part
            start = middle - 0.25 * len(values) + 0.25
            for row, numbers in enumerate(values):
                _cells(ax, x, start + 0.5 * row, numbers, limit)
            centre = x + 0.33 * values.shape[1] - 0.03
            _text(ax, centre, top + 0.22, name, size=15, weight="bold")
            _text(ax, centre, top + 0.54, shape, size=13)
            x += 0.66 * values.shape[1] + 0.1
        top += height
    if title:
        ax.set_title(title, fontsize=15)
    said = [f"{name} {shape}: {'; '.join(' '.join(map(_short, row)) for row in values)}"
            for name, shape, values in matrices]  # fmt: skip
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
            _text(ax, place, 0, word, size=18, va="center_baseline", weight=bold)
            _text(ax, place, -0.58, place, size=13)
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
            _arrow(ax, (1.3, y - (0.55 if level else 0.35)), (1.3, y + 0.55))
        for level, part in enumerate(parts):
            y = 1.0 + 1.7 * level
            if part == "+":
                ax.add_patch(Circle((1.3, y), 0.3, facecolor="white", edgecolor=INK, linewidth=1.5, zorder=3))
                _arrow(ax, (1.3, 0.2), (0.2, 0.2), (0.2, y), (1.0, y), width=2.4)
            else:
                is_norm = part == "norm"
                _box(ax, (0.5, y - 0.3), 1.6, 0.6, NORM if is_norm else FEED_FORWARD, True, is_norm)
            _text(ax, 1.3, y, part, size=20 if part == "+" else 16, va="center_baseline")
        ax.set_title(name, fontsize=16, weight="bold")
    if title:
        fig.suptitle(title, fontsize=16)
    fig.set_label(
        "Two block diagrams, read upwards, with a line that leads the word round to a plus. Post-norm: "
        "sub-layer, plus, norm; the norm stands after the plus. Pre-norm: norm, sub-layer, plus; the line "
        "leads round both, and after the plus comes nothing."
    )
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


def _checked_weights(weights, query_words, key_words):
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
