"""The pictures: what is drawn on them, what they refuse, and that they leave matplotlib as they found it."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from helpers import plots  # noqa: E402
from helpers.training import History  # noqa: E402


@pytest.fixture(autouse=True)
def clean_pyplot():
    before = dict(plt.rcParams)
    yield
    assert dict(plt.rcParams) == before, "a picture changed matplotlib's settings"
    plt.close("all")


def boxes(fig):
    return [patch for patch in fig.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def count(fig, test):
    return sum(1 for box in boxes(fig) if test(box))


def hatched(box):
    return box.get_hatch() is not None


def thick(box):
    return box.get_linewidth() > 4


def words(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


# show


@pytest.fixture
def shown(monkeypatch):
    """The metadata of the pictures that `show` has displayed."""
    pictures = []
    monkeypatch.setattr(
        "IPython.display.display", lambda fig, metadata: pictures.append(metadata["image/png"])
    )
    return pictures


def test_show_displays_the_figure_and_closes_it(shown):
    fig, _ = plt.subplots(figsize=(6, 4))
    plots.show(fig, "An empty frame.")
    assert shown == [{"alt": "An empty frame."}]
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize(("inches", "width"), [((10, 4), 640), ((4, 7), 320)])
def test_large_figures_are_shrunk_on_the_page(shown, inches, width):
    plots.show(plt.figure(figsize=inches))
    assert shown == [{"width": width}]


def test_pictures_describe_themselves(shown):
    plots.show(plots.block_diagram(built=["source_embedding"], today=["cross_attention"]))
    plots.show(plots.attention_map([[0.1, 0.9]], ["der"], ["Hund", "bellt"]))
    assert "Built: source embedding. Today: cross attention." in shown[0]["alt"]
    assert shown[1]["alt"].endswith("The darkest field of each row: der at bellt.")


# block_diagram. The legend holds one box of each kind: built, placeholder, and a placeholder that is today's.

N_BOXES = 12 + 3  # 12 parts besides the two frames; add & norm stands twice and three times


def test_with_nothing_built_every_part_is_hatched():
    fig = plots.block_diagram()
    assert count(fig, hatched) == N_BOXES + 2
    assert count(fig, thick) == 1


def test_with_everything_built_nothing_but_the_legend_is_hatched():
    assert count(plots.block_diagram(built=plots.PARTS), hatched) == 2


@pytest.mark.parametrize(
    ("part", "drawn"),
    [("cross_attention", 1), ("output_layer", 1), ("encoder_add_norm", 2), ("decoder_add_norm", 3)],
)
def test_a_built_part_loses_its_hatch_and_a_part_of_today_gets_an_outline(part, drawn):
    assert count(plots.block_diagram(built=[part]), hatched) == N_BOXES + 2 - drawn
    assert count(plots.block_diagram(today=[part]), thick) == 1 + drawn


@pytest.mark.parametrize("part", ["encoder_stack", "decoder_stack"])
def test_a_frame_is_dashed_until_it_is_built(part):
    def dashed(fig):
        return count(fig, lambda box: box.get_linestyle() != "-" and box.get_linestyle() != "solid")

    assert dashed(plots.block_diagram()) == dashed(plots.block_diagram(built=[part])) + 1
    assert count(plots.block_diagram(today=part), thick) == 2


def test_every_part_says_its_name_once_for_each_box():
    texts = words(plots.block_diagram(title="You are here"))
    assert {label for label, _ in plots.PARTS.values()} <= {text.removesuffix("  × 6") for text in texts}
    assert {"You are here", "built (any colour)", "placeholder", "today", "memory"} <= set(texts)
    assert texts.count("Add & norm") == 5 and texts.count("Cross-attention") == 1


@pytest.mark.parametrize("argument", ["built", "today"])
def test_an_unknown_part_is_named_and_the_known_ones_are_listed(argument):
    with pytest.raises(ValueError, match=f"{argument} holds 'crossattention'.*cross_attention.*output_layer"):
        plots.block_diagram(**{argument: ["output_layer", "crossattention"]})


def test_boxes_text_and_arrows_stay_inside_the_figure_and_text_is_large():
    fig = plots.block_diagram(built=["output_layer"], today=["decoder_stack"], title="M" * 30 + " and more")
    fig.canvas.draw()
    assert all(text.get_fontsize() >= 14 for text in fig.axes[0].texts)
    for artist in [*fig.axes[0].texts, *boxes(fig)]:
        box = artist.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= fig.bbox.x1 and box.y1 <= fig.bbox.y1, artist


def test_a_long_title_keeps_clear_of_the_rest():
    fig = plots.block_diagram(title="01: the two towers, with nothing inside them yet")
    fig.canvas.draw()
    title, *others = sorted(fig.axes[0].texts, key=lambda text: not text.get_text().startswith("01"))
    assert "\n" in title.get_text()
    for artist in [*others, *boxes(fig)]:
        assert not title.get_window_extent().overlaps(artist.get_window_extent()), artist


# close_up


def test_a_close_up_shows_the_model_small_and_the_block_of_today_large():
    fig = plots.close_up(today="encoder_self_attention", title="02: one word")
    small, large, page = fig.axes
    assert not small.texts and {"Self-attention", "Feed-forward"} <= {text.get_text() for text in large.texts}
    assert {"02: one word", "placeholder"} <= {text.get_text() for text in page.texts}
    assert all(text.get_fontsize() >= 14 for ax in fig.axes for text in ax.texts)
    assert sum(thick(box) for box in large.patches if isinstance(box, FancyBboxPatch)) == 1
    assert "Today: encoder self attention." in fig.get_label()


@pytest.mark.parametrize("part", plots.PARTS)
def test_each_part_of_today_lies_inside_its_close_up(part):
    fig = plots.close_up(today=part)
    large = fig.axes[1]
    fig.canvas.draw()
    marked = [box for box in large.patches if isinstance(box, FancyBboxPatch) and box.get_linewidth() > 4]
    assert marked and large.bbox.x0 >= 0 and large.bbox.x1 <= fig.bbox.x1
    for box in marked:
        inner = box.get_window_extent()
        assert large.bbox.contains(inner.x0, inner.y0) and large.bbox.contains(inner.x1, inner.y1)


def test_a_close_up_needs_a_part_of_today():
    with pytest.raises(ValueError, match="today is empty, expected at least one of: source_embedding"):
        plots.close_up(built=["encoder_stack"])


# attention_map

WEIGHTS = [[0.5, 0.5, 0.0], [0.125, 0.625, 0.25]]


def test_attention_map_puts_queries_on_rows_keys_on_columns_and_scales_from_0_to_1():
    fig = plots.attention_map(WEIGHTS, ["Two", "dogs"], ["Zwei", "Hunde", "."], title="head 1")
    ax = fig.axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["Two", "dogs"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Zwei", "Hunde", "."]
    assert ax.images[0].get_clim() == (0, 1)
    np.testing.assert_array_equal(ax.images[0].get_array(), WEIGHTS)
    assert words(fig) == [".50", ".50", ".00", ".12", ".62", ".25"]
    assert ax.get_title() == "head 1"


def test_attention_map_takes_tensors_with_gradients_and_draws_into_given_axes():
    fig, axes = plt.subplots(1, 2)
    weights = torch.tensor(WEIGHTS, dtype=torch.bfloat16, requires_grad=True)
    assert plots.attention_map(weights, ["a", "b"], ["c", "d", "e"], ax=axes[1]) is fig
    assert axes[1].images and not axes[0].images


def test_a_large_map_leaves_the_numbers_out():
    assert words(plots.attention_map(np.full((20, 20), 0.05), "abcdefghijklmnopqrst", ["word"] * 20)) == []


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros((3, 2)), r"shape \(3, 2\), expected \(2, 3\) for 2 query words and 3 key words"),
        (np.zeros((1, 8, 2, 3)), r"shape \(1, 8, 2, 3\).*matrix \(T, S\) of one head"),
        ([[0.1, 0.2, -3.0], [0, 0, 1]], "holds -3.*softmax"),
        ([[0.1, 0.2, 0.7], [0, 0, float("nan")]], "holds nan"),
    ],
)
def test_attention_map_refuses_what_cannot_be_attention_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        plots.attention_map(weights, ["a", "b"], ["c", "d", "e"])
    assert plt.get_fignums() == []


# share_bars

SHARES = {"temperature 1": {"is": 0.6, "carries": 0.4}, "top-p": {"is": 1.0, "carries": 0}}


def test_share_bars_have_one_panel_each_and_write_the_shares():
    fig = plots.share_bars(SHARES, title="A man ...")
    assert [ax.get_title() for ax in fig.axes] == list(SHARES)
    assert words(fig) == [".60", ".40", "1.00", "0"]
    assert [bar.get_width() for ax in fig.axes for bar in ax.patches] == [0.6, 0.4, 1.0, 0]
    assert fig.axes[0].yaxis_inverted(), "the first word stands on top"


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ({}, "panels is empty"),
        (SHARES | {"third": {"is": 1.0}}, "panel 'third' has the words"),
        ({"first": {"is": 1.5}}, "'is' the share 1.5"),
        ({"first": {"is": float("nan")}}, "'is' the share nan"),
    ],
)
def test_share_bars_refuse_what_is_no_share(panels, message):
    with pytest.raises(ValueError, match=message):
        plots.share_bars(panels)


# beam_tree

STEPS = [
    [(["A"], -0.1), (["One"], -3.0)],
    [(["A", "man"], -0.2), (["A", "dog"], -1.0)],
    [(["A", "man", "</s>"], -0.3)],
]


def test_beam_tree_draws_each_beginning_once_with_a_line_from_where_it_came():
    fig = plots.beam_tree(STEPS, title="A beam of 2")
    assert words(fig) == ["<s>", "A\n-0.10", "One\n-3.00", "man\n-0.20", "dog\n-1.00", "</s>\n-0.30"]
    assert len(fig.axes[0].get_lines()) == 5
    assert fig.get_label().endswith("It ends in: A man </s> (-0.30).")


def test_in_a_beam_tree_ends_are_thick_and_what_came_to_nothing_is_pale():
    texts = {text.get_text().split("\n")[0]: text for text in plots.beam_tree(STEPS).axes[0].texts}
    thick_ones = [word for word, text in texts.items() if text.get_bbox_patch().get_linewidth() > 3]
    pale = [word for word, text in texts.items() if text.get_color() == plots.GREY]
    assert (thick_ones, pale) == (["</s>"], ["One", "dog"])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "no beginnings"),
        ([[]], "no beginnings"),
        ([*STEPS, [(["The", "cat"], -1.0)]], "'The' is extended"),
    ],
)
def test_beam_tree_refuses_beginnings_from_nowhere(steps, message):
    with pytest.raises(ValueError, match=message):
        plots.beam_tree(steps)


# curves


def test_curves_draws_each_line_in_its_own_style_and_names_it():
    lines = {"training": ([0, 1, 2], [3, 2, 1]), "validation": ([0, 2], [3, 1.01])}
    fig = plots.curves(lines, xlabel="epoch")
    lines = fig.axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines] == [[3, 2, 1], [3, 1.01]]
    assert len({(line.get_linestyle(), line.get_marker(), line.get_color()) for line in lines}) == 2
    assert words(fig) == ["training", "validation"]
    assert fig.axes[0].get_xlabel() == "epoch" and fig.axes[0].get_ylabel() == "loss"


def test_names_of_lines_that_end_together_do_not_touch():
    fig = plots.curves({name: ([0, 1], [5, 1 + 0.001 * i]) for i, name in enumerate("abcd")})
    fig.canvas.draw()
    boxes = sorted((Text.get_window_extent(text) for text in fig.axes[0].texts), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 for lower, upper in zip(boxes, boxes[1:], strict=False))


def test_on_a_logarithmic_scale_each_name_stands_beside_the_end_of_its_line():
    fig = plots.curves({"dear": ([0, 1], [10, 1000]), "cheap": ([0, 1], [4, 5])}, log=True)
    heights = {text.get_text(): text.xyann[1] for text in fig.axes[0].texts}
    assert heights == pytest.approx({"dear": 1000, "cheap": 5})


def test_curves_takes_a_training_history():
    history = History(step=[1, 2, 3, 4], loss=[4.0, 3.0, 2.0, 1.0])
    assert words(plots.curves(history)) == ["training"]
    history.epoch_step, history.valid_loss = [2, 4], [3.5, 1.5]
    fig = plots.curves(history)
    assert set(words(fig)) == {"training", "validation"}
    assert fig.axes[0].get_lines()[1].get_xydata().tolist() == [[2, 3.5], [4, 1.5]]


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "history is empty"),
        ({"loss": ([], [])}, "'loss' has 0 x and 0 y"),
        ({"loss": ([1, 2], [3])}, "'loss' has 2 x and 1 y"),
    ],
)
def test_curves_refuses_what_it_cannot_draw(history, message):
    with pytest.raises(ValueError, match=message):
        plots.curves(history)


# Heat maps and the scoreboard

BOARD = {"01 a": {"copy": [1.0, 0.5, 0.9], "hop": [0.0, 0.1, 0.2]}, "02 b": {"copy": [1.0], "hop": [0.25]}}


def field_texts(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def test_heat_map_shows_values_words_and_scale():
    values = torch.tensor([[-1.0, 1.0]])
    fig = plots.heat_map(
        values, ["row"], ["left", "right"], low=-1, high=1, row_axis="rows", scale="similarity"
    )
    ax, bar = fig.axes
    assert ax.images[0].get_clim() == (-1, 1) and ax.images[0].get_array().tolist() == [[-1, 1]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["left", "right"]
    assert ax.get_ylabel() == "rows" and bar.get_ylabel() == "similarity" and field_texts(fig) == []


def test_heat_map_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"shape \(1, 2\), expected \(1, 3\)"):
        plots.heat_map([[1, 2]], ["row"], ["a", "b", "c"])


def test_scoreboard_shows_mean_and_range_of_each_field():
    fig = plots.board(BOARD, live={"copy": 0.7, "hop": 0.3}, chance={"copy": 0.4, "hop": 0.1})
    recorded = [".80\n.50\u20131.00", ".10\n.00\u2013.20", "1.00", ".25"]
    assert field_texts(fig) == [".40", ".10", *recorded, ".70", ".30"]
    rows = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert rows == ["best guess from the\nsymbol", "01 a", "02 b", "live: trained just now"]


def test_scoreboard_refuses_rows_with_other_tasks():
    with pytest.raises(ValueError, match="row 'live: trained just now' has the tasks"):
        plots.board(BOARD, live={"copy": 0.7})
    with pytest.raises(ValueError, match="table is empty"):
        plots.board({})


def test_training_curves_show_loss_accuracy_and_rate():
    history = History([1, 2], [3.0, 2.0], [0.1, 0.2], [0.0, 0.5], [2], [2.5])
    fig = plots.training_curves(history, title="two steps")
    shown = [{line.get_label(): list(line.get_ydata()) for line in ax.get_lines()} for ax in fig.axes]
    loss = {"training": [3.0, 2.0], "validation": [2.5]}
    assert shown == [loss, {"training": [0.0, 0.5]}, {"rate": [0.1, 0.2]}]
    assert [ax.get_ylabel() for ax in fig.axes] == ["loss", "teacher-forced\naccuracy", "learning rate"]
    with pytest.raises(ValueError, match="history is empty"):
        plots.training_curves(History())


def test_ring_draws_an_arrow_from_each_place_and_hatches_those_that_look_at_themselves():
    fig = plots.ring(torch.tensor([3, 0, 2, 2]), title="Q = K")
    circles = [patch for patch in fig.axes[0].patches if isinstance(patch, Circle)]
    arrows = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert words(fig) == ["1", "2", "3", "4"] and fig.axes[0].get_title() == "Q = K"
    assert [hatched(circle) for circle in circles] == [False, False, True, False]
    assert len(arrows) == 4
    for arrow, place, target in ((arrows[0], 0, 3), (arrows[1], 1, 0), (arrows[3], 3, 2)):
        np.testing.assert_allclose(arrow._posA_posB, [circles[place].center, circles[target].center])
    with pytest.raises(ValueError, match="targets holds 4, expected places from 0 to 3"):
        plots.ring([0, 1, 2, 4])
