"""The pictures: what is drawn on them, what they refuse, and that they leave matplotlib as they found it."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Wedge  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from helpers import plots  # noqa: E402
from helpers.training import History  # noqa: E402
from lessons import pictures  # noqa: E402


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


# signed_map, on_circles, named_points


def test_a_signed_map_is_white_at_zero_and_needs_a_matrix():
    fig = pictures.signed_map(torch.tensor([[-2.0, 0.0], [1.0, 0.0]]), row_axis="place", column_axis="column")
    image = fig.axes[0].get_images()[0]
    assert image.get_clim() == (-2, 2) and image.cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)
    assert (fig.axes[0].get_ylabel(), fig.axes[0].get_xlabel()) == ("place", "column")
    for wrong in (np.ones(3), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="expected a matrix with numbers other than 0"):
            pictures.signed_map(wrong)


def test_circles_turn_by_the_same_angle_from_every_start():
    fig = pictures.on_circles([1, 10], 2, starts=(1, 4))
    assert [ax.get_title() for ax in fig.axes] == [
        "pace 1: 2 places turn 115\u00b0",
        "pace 10: 2 places turn 11\u00b0",
    ]
    for ax, pace in zip(fig.axes, (1, 10), strict=True):
        wedges = [patch for patch in ax.patches if isinstance(patch, Wedge)]
        assert [w.theta2 - w.theta1 for w in wedges] == pytest.approx([np.degrees(2 / pace)] * 2)
        assert wedges[1].theta1 == pytest.approx(np.degrees(4 / pace))


def test_circles_refuse_places_that_are_not_drawn_and_paces_without_a_turn():
    with pytest.raises(ValueError, match="from 5 by 2 leaves the places, which are 0 to 6"):
        pictures.on_circles([1], 2, starts=(5,))
    with pytest.raises(ValueError, match="paces holds 0"):
        pictures.on_circles([1, 0], 2)


def test_named_points_names_each_point_and_draws_a_line_where_asked():
    panels = {"numbers": {"0": (0, 0), "1": (1, 2)}, "words": {"dog": torch.tensor([1.0, 3.0])}}
    fig = pictures.named_points(panels, lined=["numbers"])
    assert words(fig) == ["0", "1", "dog"] and [len(ax.lines) for ax in fig.axes] == [2, 1]
    with pytest.raises(ValueError, match="panels holds no points"):
        pictures.named_points({"empty": {}})


def test_next_values_has_a_panel_for_each_series_and_needs_as_many_answers():
    fig = pictures.next_values([[0.0, 1.0], [1.0, 0.0]], [2.0, -1.0], [1.9, -0.8])
    assert [line.get_ydata()[-1] for line in fig.axes[1].lines] == [0.0, -1.0, -0.8]
    with pytest.raises(ValueError, match="2 series, 1 truths and 2 guesses"):
        pictures.next_values([[0.0], [1.0]], [2.0], [1.0, 1.0])


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
    fig = pictures.beam_tree(STEPS, title="A beam of 2")
    assert words(fig) == ["<s>", "A\n-0.10", "One\n-3.00", "man\n-0.20", "dog\n-1.00", "</s>\n-0.30"]
    assert len(fig.axes[0].get_lines()) == 5
    assert fig.get_label().endswith("It ends in: A man </s> (-0.30).")


def test_in_a_beam_tree_ends_are_thick_and_what_came_to_nothing_is_pale():
    texts = {text.get_text().split("\n")[0]: text for text in pictures.beam_tree(STEPS).axes[0].texts}
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
        pictures.beam_tree(steps)


# taken_together


def test_taken_together_marks_the_chosen_numbers_and_hatches_padding():
    x, row = torch.arange(8.0).reshape(2, 2, 2), torch.zeros(2, 2, 2, dtype=torch.bool)
    row[0, 0] = True
    column, real = torch.tensor([True, False]), torch.tensor([[True, True], [True, False]])
    sentences = [["der", "Hund"], ["bellt", ""]]
    fig = pictures.taken_together(x, {"layer": row, "batch": column}, words=sentences, real=real, title="t")
    for ax, numbers in zip(fig.axes, (["0", "1"], ["0", "2", "4", "6"]), strict=True):
        assert [text.get_text() for text in ax.texts] == [str(i) for i in range(8)]
        assert [text.get_text() for text in ax.texts if text.get_weight() == "bold"] == numbers
        assert sum(hatched(patch) for patch in ax.patches) == 2
    assert [ax.get_title() for ax in fig.axes] == ["layer", "batch"]
    with pytest.raises(ValueError, match=r"x has shape \(2, 2, 2\), expected \(B, S, D\) with S words"):
        pictures.taken_together(x, {"layer": row}, words=[["der", "Hund"]])


# unit_by_unit


def test_unit_by_unit_adds_one_unit_in_each_panel_and_fills_what_is_met():
    fig = pictures.unit_by_unit(torch.arange(3.0), torch.tensor([1.0, -2, 2]), [0, 1, 0, 1], title="zigzag")
    panels = fig.axes[:3]
    titles = [ax.get_title().replace("\u2212", "-") for ax in panels]
    assert titles == ["+ 1 relu(c)", "- 2 relu(c - 1)", "+ 2 relu(c - 2)"]
    for ax, at_the_end, met in zip(panels, (3, -1, 1), (2, 3, 4), strict=True):
        _, with_unit, _ = ax.get_lines()
        assert with_unit.get_ydata()[-1] == at_the_end
        assert [len(rings.get_offsets()) for rings in ax.collections] == [4 - met, met]
    labels = [text.get_text() for text in fig.axes[3].get_legend().get_texts()]
    assert labels == ["with this unit", "without it", "wanted", "wanted and met"]


@pytest.mark.parametrize(("starts", "wanted"), [([0, 1, 2], [0, 1]), ([0, 1], [0])])
def test_unit_by_unit_refuses_what_does_not_pair_up(starts, wanted):
    with pytest.raises(ValueError, match=f"{len(starts)} starts, 2 weights and {len(wanted)} wanted"):
        pictures.unit_by_unit(starts, [1, -2], wanted)


# seed_dots


def test_seed_dots_has_a_dot_for_each_seed_and_a_bar_at_the_mean():
    fig = pictures.seed_dots({"ReLU": [0.9, 0.8, 1.0], "straight": [0.7]}, marks={"one switch": 0.83})
    (ax,) = fig.axes
    assert [row.get_offsets()[:, 0].tolist() for row in ax.collections] == [[0.9, 0.8, 1.0], [0.7]]
    mark, *means = ax.get_lines()
    assert mark.get_xdata()[0] == 0.83
    assert [line.get_xdata()[0] for line in means] == pytest.approx([0.9, 0.7])
    assert words(fig) == ["one switch"] and ax.yaxis_inverted(), "the first row stands on top"
    with pytest.raises(ValueError, match="a row has no score"):
        pictures.seed_dots({"ReLU": []})


# reliability


def test_reliability_has_a_dot_for_each_bin_with_an_answer():
    right, sure = torch.tensor([[1.0, 0], [1, 1]]), torch.tensor([[0.95, 1.0], [0.62, 0.66]])
    fig = pictures.reliability({"old": (right, sure), "new": (right, sure)}, title="how sure")
    assert [ax.get_title() for ax in fig.axes] == ["old", "new"]
    _, *dots = fig.axes[0].collections  # the first is the shaded half
    assert [dot.get_offsets()[0].tolist() for dot in dots] == [
        pytest.approx([0.64, 1.0]),
        pytest.approx([0.975, 0.5]),
    ]
    assert {"too sure", "too unsure"} <= set(words(fig))


@pytest.mark.parametrize("answers", [([1, 0], [0.5]), ([], []), ([1], [1.5]), ([2], [0.5])])
def test_reliability_refuses_what_is_no_confidence(answers):
    with pytest.raises(ValueError, match="from 0 to 1"):
        pictures.reliability({"new": answers})


# sure_and_right


def test_sure_and_right_joins_the_means_and_names_the_strengths():
    paths = {"smoothing": [(0, [0.9, 0.92], [0.7, 0.7]), (0.1, [0.8, 0.8], [0.7, 0.72])]}
    fig = pictures.sure_and_right(paths, best=0.825, title="sure and right")
    (ax,) = fig.axes
    path = next(line for line in ax.get_lines() if line.get_label() == "smoothing")
    assert path.get_xydata().tolist() == [pytest.approx([0.91, 0.7]), pytest.approx([0.8, 0.71])]
    assert [len(seeds.get_offsets()) for seeds in ax.collections] == [2, 2]
    assert words(fig) == ["0", "0.1", "as good as the labels allow"]
    with pytest.raises(ValueError, match="expected one of each for every seed"):
        pictures.sure_and_right({"smoothing": [(0, [], [])]})


# against_length


def test_against_length_draws_each_panel_on_two_logarithmic_scales():
    panels = {"ms": {"measured": ([256, 512], [1.0, 3.0]), "counted": ([256, 512], [1.0, 2.5])}}
    fig = pictures.against_length(panels | {"MiB": {"all": ([256, 512], [2, 8])}}, title="longer")
    left, right = fig.axes
    assert left.get_title(loc="left") == "ms" and left.get_xscale() == left.get_yscale() == "log"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["256", "512"]
    assert [line.get_label() for line in left.get_lines()] == ["measured", "counted"]


@pytest.mark.parametrize("panels", [{}, {"ms": {}}, {"ms": {"measured": ([1], [0])}}])
def test_against_length_refuses_what_has_no_logarithm(panels):
    with pytest.raises(ValueError, match="expected"):
        pictures.against_length(panels)


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


def test_scoreboard_for_a_class_shows_means_only_and_says_what_is_repeated():
    fig = plots.board(BOARD, live={"copy": 0.7, "hop": 0.3}, means=True, repeats="02")
    assert field_texts(fig) == [".80", ".10", "1.00", ".25", ".70", ".30"]
    assert fig.axes[0].get_yticklabels()[-1].get_text() == "live: repeats 02"


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


def test_word_asks_draws_query_keys_scores_shares_values_and_mix():
    keys, values = torch.tensor([[1.0, 0], [1, 1]]), torch.tensor([[1.0, 0], [0, -1]], requires_grad=True)
    fig = pictures.word_asks([1, 1], keys, values, ["Mann", "Ball"], asker="ihn", value_names=["him", "it"])
    texts = words(fig)
    assert texts[:3] == ["ihn asks", "1", "1"] and {"q·k / √2", "softmax", "him", "it"} <= set(texts)
    mann, ball = texts.index("Mann"), texts.index("Ball")
    assert texts[mann : mann + 7] == ["Mann", "1", "0", "0.71", ".33", "1", "0"]
    assert texts[ball : ball + 7] == ["Ball", "1", "1", "1.41", ".67", "0", "-1"]
    assert texts[ball + 7 :] == ["takes home", "0.33", "-0.67"]
    assert fig.get_label().endswith("Ball, score 1.41, share 0.67. The mix of their values is [0.33, -0.67].")
    assert min(text.get_fontsize() for text in fig.axes[0].texts) >= 13


@pytest.mark.parametrize(
    ("query", "keys", "values", "value_names", "message"),
    [
        ([1, 1], [[1, 0]], [[1]], None, r"keys \(1, 2\) and values \(1, 1\) do not fit 2 names"),
        ([1], [[1, 0], [1, 1]], [[1], [2]], None, r"query \(1,\)"),
        ([1, 1], [[1, 0], [1, 1]], [[1], [2]], ["him", "it"], "2 value_names.*a name for each number"),
        ([1] * 9, [[1] * 9] * 2, [[1], [2]], None, "keys of 9.*at most 8"),
    ],
)
def test_word_asks_refuses_what_does_not_fit(query, keys, values, value_names, message):
    with pytest.raises(ValueError, match=message):
        pictures.word_asks(query, keys, values, ["Mann", "Ball"], value_names=value_names)
    assert plt.get_fignums() == []


def test_ring_draws_an_arrow_from_each_place_and_hatches_those_that_look_at_themselves():
    fig = pictures.ring(torch.tensor([3, 0, 2, 2]), title="Q = K")
    circles = [patch for patch in fig.axes[0].patches if isinstance(patch, Circle)]
    arrows = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert words(fig) == ["1", "2", "3", "4"] and fig.axes[0].get_title() == "Q = K"
    assert [hatched(circle) for circle in circles] == [False, False, True, False]
    assert len(arrows) == 4
    for arrow, place, target in ((arrows[0], 0, 3), (arrows[1], 1, 0), (arrows[3], 3, 2)):
        np.testing.assert_allclose(arrow._posA_posB, [circles[place].center, circles[target].center])
    with pytest.raises(ValueError, match="targets holds 4, expected places from 0 to 3"):
        pictures.ring([0, 1, 2, 4])


def test_matrix_strip_writes_products_out_and_refuses_what_does_not_fit():
    q, k = torch.tensor([[1.0, 0], [0, -1]]), torch.tensor([[1.0, 2], [0, 1]])
    line = [("Q", "(S, dk)", q), "@", ("K", "(dk, S)", k), "=", ("QK", "(S, S)", q @ k)]
    fig = pictures.matrix_strip([line], ["der", "Hund"], title="a product")
    assert [text for text in words(fig) if text in ("der", "Hund", "@", "=", "Q", "(S, S)")] == [
        "der", "Hund", "Q", "@", "=", "(S, S)"]  # fmt: skip
    assert words(fig).count("-1") == 2 and "QK (S, S): 1 2; 0 -1" in fig.get_label()
    with pytest.raises(ValueError, match=r"'Q' has shape \(2,\) and 0 names of columns, expected a matrix"):
        pictures.matrix_strip([[("Q", "", q[0])]])
    named = [("Q", "(S, dk)", q), "@", ("K", "(dk, S)", k, ["Mann", "ihn"])]
    assert {"Mann", "ihn"} <= set(words(pictures.matrix_strip([named])))
    with pytest.raises(ValueError, match="'K' has shape .* and 1 names of columns"):
        pictures.matrix_strip([[("K", "(dk, S)", k, ["Mann"])]])
    with pytest.raises(ValueError, match="columns and 3 words, expected at most 14"):
        pictures.matrix_strip([line], ["a", "b", "c"])


def test_downhill_draws_the_curve_and_numbers_the_steps():
    fig = pictures.downhill([0, 1, 2], [4, 1, 0], [(0, 4, -4), (1, 1, -2)], xlabel="entry")
    curve, *others = fig.axes[0].get_lines()
    assert list(curve.get_ydata()) == [4, 1, 0] and len(others) == 4 and words(fig) == ["0", "1"]
    assert np.diff(others[0].get_ydata()) / np.diff(others[0].get_xdata()) == pytest.approx(-4)
    assert "From 0.00, where it is 4.00 and its slope -4.00, 1 steps go down to 1.00" in fig.get_label()
    with pytest.raises(ValueError, match="2 x, 1 y, 1 steps"):
        pictures.downhill([0, 1], [4], [(0, 4, -4)])


# Heads

LABELLED = torch.tensor([[11, 12, 13, 14], [21, 22, 23, 24]])


def test_cut_into_heads_keeps_the_look_of_each_word_wherever_its_numbers_go():
    fig = pictures.cut_into_heads(LABELLED, {"reshape": LABELLED.reshape(2, 2, 2)}, title="Cut")
    cells = [patch for patch in fig.axes[0].patches if patch.get_height() == 1]
    texts = [text for text in words(fig) if text.isdigit()]
    assert len(cells) == len(texts) == 16
    for cell, text in zip(cells, texts, strict=True):
        assert (cell.get_hatch() is not None) == text.startswith("2")
    assert words(fig).count("head 1") == 1 and "word 2" in words(fig)
    assert fig.get_label().endswith("reshape, first head: 11 12; 13 14.")
    assert all(text.get_fontsize() >= 14 for text in fig.axes[0].texts)


@pytest.mark.parametrize(
    ("numbers", "ways", "message"),
    [
        ([[1, 2], [2, 3]], {}, "3 different numbers"),
        ([[1, 2]] * 5, {}, r"shape \(5, 2\)"),
        ([[1, 2], [3, 4]], {"cut": [[1, 2], [3, 4]]}, r"'cut' has shape \(2, 2\)"),
        ([[1, 2], [3, 4]], {"cut": [[[1, 2], [3, 5]]]}, "with the numbers of words"),
    ],
)
def test_cut_into_heads_refuses_other_numbers(numbers, ways, message):
    with pytest.raises(ValueError, match=message):
        pictures.cut_into_heads(torch.tensor(numbers), ways)


def test_heads_of_word_draws_a_row_for_each_head_and_hatches_the_second_sentence():
    fig = pictures.heads_of_word({"Mann": [[0.9, 0.1], [0.0, 1.0]], "Frau": [[0.5, 0.5], [0.25, 0.75]]}, "ab")
    assert [ax.get_ylabel() for ax in fig.axes] == ["head 1", "head 2"]
    heights = [[bar.get_height() for bar in ax.patches] for ax in fig.axes]
    assert heights == [[0.9, 0.1, 0.5, 0.5], [0.0, 1.0, 0.25, 0.75]]
    assert [bool(bar.get_hatch()) for bar in fig.axes[0].patches] == [False, False, True, True]
    assert words(fig) == [".90", ".50", ".50", "1", ".25", ".75"]
    assert fig.get_label().endswith("head 1 at 'a', head 2 at 'b'.")


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        ({}, "holds 0 sentences"),
        ({"a": [[0.5, 0.5]], "b": [[1.0, 0.0, 0.0]]}, r"shape \(1, 3\)"),
        ({"a": [[2.0, 0.0]]}, "expected 0 to 1"),
    ],
)
def test_heads_of_word_refuses_what_is_no_weight(looks, message):
    with pytest.raises(ValueError, match=message):
        pictures.heads_of_word(looks, ["x", "y"])


# Hops, and where the norm stands


def test_hop_arrows_lead_from_place_to_place_and_fill_the_answer():
    fig = pictures.hop_arrows(torch.tensor([2, 0, 3, 1]))
    assert [ax.get_title()[-1] for ax in fig.axes] == ["1", "3", "0", "2"]
    arrows = [[p for p in ax.patches if isinstance(p, FancyArrowPatch)] for ax in fig.axes]
    ways = [[(a._posA_posB[0][0], a._posA_posB[1][0]) for a in way] for way in arrows]
    assert ways == [[(0, 2), (2, 3)], [(1, 0), (0, 2)], [(2, 3), (3, 1)], [(3, 1), (1, 0)]]
    bold = [text.get_text() for text in fig.axes[0].texts if text.get_weight() == "bold"]
    assert bold == ["1"] and "[1, 3, 0, 2]" in fig.get_label()
    assert len(pictures.hop_arrows([0, 2, 1], hops=1).axes) == 4  # its own place: a loop
    with pytest.raises(ValueError, match="the sentence holds 3, expected places from 0 to 2"):
        pictures.hop_arrows([0, 1, 3])


def test_norm_orders_writes_the_rows_beside_the_parts():
    post = torch.tensor([[1.0, 0], [2, 0], [3, 0], [1, -1]], requires_grad=True)
    fig = pictures.norm_orders(post, [[1, 0], [1, -1], [2, -2], [3, -2]], title="Where?")
    texts = [[text.get_text() for text in ax.texts] for ax in fig.axes]
    parts = [[text for text in panel if not text.strip("-").isdigit()] for panel in texts]
    assert parts == [["sub-layer", "+", "norm"], ["norm", "sub-layer", "+"]]
    assert texts[1][:4] == ["1", "0", "1", "-1"]
    assert fig.get_label().startswith("Two block diagrams") and fig._suptitle.get_text() == "Where?"
    with pytest.raises(ValueError, match=r"pre-norm has shape \(1, 2\), expected 4 rows"):
        pictures.norm_orders(post, [[1, 0]])


# What the answers of a decoder notice

HIDDEN = torch.ones(2, 3).tril()  # answers notice what stands before their labels


def test_there_and_back_writes_values_and_gradients_and_draws_both_ways():
    nodes = {"w": (0, 0, [3.0, -1.0], [3.0, 6.0]), "y": (1, 0, 1.5, 3.0)}
    fig = pictures.there_and_back(nodes, [("w", "y", "x")])
    assert words(fig) == ["× x", "w: 3, -1", "grad: 3, 6", "y: 1.5", "grad: 3"]
    assert sum(type(patch).__name__ == "FancyArrowPatch" for patch in fig.axes[0].patches) == 2
    with pytest.raises(ValueError, match="an edge from 'y' to 'w'"):
        pictures.there_and_back(nodes, [("y", "w", "x")])


class Remembered:
    """A node as in 15a: twice its only parent, or the sum of its parents."""

    def __init__(self, number, value, grad, *parents):
        self.number, self.value, self.grad = number, value, grad
        self.parents = [(parent, lambda g: 2 * np.asarray(g)) for parent in parents]


def test_tape_writes_what_is_sent_back_and_counts_the_turns():
    x = Remembered(0, [1.0, 0.25], [6.0, -1.0])
    y = Remembered(3, 2.0, 3.0, x)
    z = Remembered(7, 3.0, 1.5, x, y)
    fig = pictures.tape({"x": x, "y": y, "z": z}, title="Three nodes")
    sent, turns = words(fig)[:3], words(fig)[3:]
    assert sent == ["3", "3", "6"], "z sends to x and y, y sends to x"
    assert turns == ["z", "3", "grad 1.5", "1", "y", "2", "grad 3", "2", "x", "1, 0.25", "grad 6, -1", "3"]
    arrows = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert [arrow.get_linestyle() == "-" for arrow in arrows] == [True, False] * 3
    assert "in this order: z 3, gradient 1.5; y 2" in fig.get_label()
    assert min(text.get_fontsize() for text in fig.axes[0].texts) >= 13


@pytest.mark.parametrize(("number", "names"), [(3, "y"), (0, "xy")])
def test_tape_refuses_parents_without_a_name_or_no_older(number, names):
    x = Remembered(0, 1.0, 2.0)
    both = {"x": x, "y": Remembered(number, 2.0, 1.0, x)}
    with pytest.raises(ValueError, match="a parent of 'y' has no name, or is no older"):
        pictures.tape({name: both[name] for name in names})


def test_places_see_hatches_the_label_and_what_stands_behind_it():
    fig = pictures.places_see({"both": HIDDEN, "mask only": torch.tensor([[0, 1, 0], [0, 1, 1]])}, "s10")
    for ax, late, noticed in zip(fig.axes, (0, 2), ("ss1", "110"), strict=True):
        assert sum(patch.get_hatch() is not None for patch in ax.patches) == late
        assert sum(patch.get_linewidth() > 3 for patch in ax.patches) == 2, "a box for each label"
        inside = [text.get_text() for text in ax.texts if text.get_path_effects()]
        assert "".join(inside) == noticed
    assert words(fig).count("must say 0") == 2
    assert [ax.get_title() for ax in fig.axes] == ["both", "mask only"]
    assert fig.get_label().endswith("mask only: answers [1, 2] notice their own label or a later word.")
    assert min(text.get_fontsize() for ax in fig.axes for text in ax.texts) >= 13


@pytest.mark.parametrize("panels", [{}, {"square": HIDDEN[:, :2]}, dict.fromkeys("abcde", HIDDEN)])
def test_places_see_refuses_other_shapes(panels):
    with pytest.raises(ValueError, match=r"for 3 words, expected one to four of \(2, 3\)"):
        pictures.places_see(panels, "s10")


# Who looks at whom, and where queries, keys and values come from


def test_who_sees_whom_draws_a_dot_for_each_yes():
    table = torch.ones(2, 2).tril().bool()
    fig = pictures.who_sees_whom({"causal": (table, ["the", "dog"], ["the", "dog"])}, title="Masks")
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in fig.axes[0].lines]
    assert dots == [(0, 0), (0, 1), (1, 1)]  # (column, row)
    assert fig.axes[0].get_xlabel() == "causal" and "the: the; dog: the dog" in fig.get_label()
    fig = pictures.who_sees_whom({"none": (torch.zeros(1, 2), ["the"], ["der", "Hund"])})
    assert not fig.axes[0].lines and "the: nobody" in fig.get_label()
    with pytest.raises(ValueError, match=r"'causal' has shape \(2, 2\), expected \(1, 2\)"):
        pictures.who_sees_whom({"causal": (table, ["the"], ["the", "dog"])})


def test_where_from_writes_each_block_of_numbers():
    x, memory, weights = torch.tensor([[1.0, 0]]), torch.eye(3)[:, :2], [[0.25, 0.75, 0.0]]
    asking, answering = ("target", ["dog"], x), ("memory", ["der", "Hund", "bellt"], memory)
    fig = pictures.where_from(asking, answering, 6 * x, memory, memory, weights, [[3, 4]], title="Who asks?")
    texts = [text.get_text() for text in fig.axes[0].texts]
    for text in ("queries", "keys", "values", "weights", "output", "W_Q", "(T, S)", "0.75", "6", "4"):
        assert text in texts, text
    assert texts.count("Hund") == 2 and "dog at Hund" in fig.get_label()
    with pytest.raises(ValueError, match="weights"):
        pictures.where_from(asking, answering, x, memory, memory, [[0.5, 0.5]], [[3, 4]])


# Three kinds of training data

KINDS = {
    "masked": (["The", "<mask>", "barks"], ["", "dog", ""], 1, [True, True, True]),
    "next": (["The", "dog", "barks"], ["dog", "barks", "."], 1, [True, True, False]),
}


def test_three_kinds_fills_what_is_noticed_and_frames_one_answer():
    fig = pictures.three_kinds(KINDS, title="Data")
    for ax, filled, asked in zip(fig.axes, (3, 2), (1, 3), strict=True):
        assert sum(patch.get_facecolor()[:3] != (1, 1, 1) for patch in ax.patches) == filled
        assert len(ax.patches) == 3 + asked
        assert sum(patch.get_linewidth() > 3 for patch in ax.patches) == 1, "one answer in a thick box"
        assert min(text.get_fontsize() for text in ax.texts) >= 13
    assert "next reads The dog barks, and the answer barks notices The dog." in fig.get_label()


@pytest.mark.parametrize("change", [{"seen": [True]}, {"place": 0}])
def test_three_kinds_refuses_what_does_not_fit(change):
    words, asked, place, seen = KINDS["masked"]
    panel = words, asked, change.get("place", place), change.get("seen", seen)
    with pytest.raises(ValueError, match="'masked' has 3 words"):
        pictures.three_kinds({"masked": panel})


# From ids to logits


def on_its_way(b=2, s=3, t=4, d=5, v=6):
    ids = torch.arange(b * s).reshape(b, s) % v, torch.arange(b * t).reshape(b, t) % v
    logits = torch.nn.functional.one_hot(ids[1], v).float()
    return [ids[0], torch.randn(b, s, d), torch.randn(b, s, d)], [ids[1], *torch.randn(2, b, t, d), logits]


def test_ids_to_logits_writes_words_ids_and_shapes_and_names_the_largest_logits():
    fig = pictures.ids_to_logits(*on_its_way(), list("abcdef"), title="The way")
    texts = words(fig)
    assert texts[:3] == ["a", "b", "c"] and texts[-4:] == ["a", "b", "c", "d"]
    for shape in ("(B, S)\n(2, 3)", "(B, S, D)\n(2, 3, 5)", "(B, T, D)\n(2, 4, 5)", "(B, T, V)\n(2, 4, 6)"):
        assert shape in texts
    assert len(fig.axes[0].images) == 2 * 5, "a sheet for each sentence of the five tensors of numbers"
    assert all(-low == high for low, high in (image.get_clim() for image in fig.axes[0].images))
    assert min(text.get_fontsize() for text in fig.axes[0].texts) >= 13 and fig.get_figwidth() <= 10
    assert "logits (2, 4, 6). Largest logits: a b c d." in fig.get_label()


def test_ids_to_logits_refuses_shapes_that_do_not_follow():
    source, target = on_its_way()
    for wrong in ([source[:2], target], [source, [*target[:3], target[3][:, 1:]]]):
        with pytest.raises(ValueError, match=r"with 6 words, expected \(B, S\), \(B, S, D\)"):
            pictures.ids_to_logits(*wrong, list("abcdef"))
    assert plt.get_fignums() == []


def test_race_has_a_dot_and_a_range_for_each_system_in_each_table():
    table = {
        "PyTorch": {"ratio": 1.0, "from": 1.0, "to": 1.0},
        "ours": {"ratio": 1.4, "from": 1.2, "to": 1.5},
    }
    fig = pictures.race({"short": table, "long": table})
    for ax in fig.axes:
        dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
        assert [float(line.get_xdata()[0]) for line in dots] == [1.0, 1.4]
        assert [1.2, 1.5] in [list(line.get_xdata()) for line in ax.get_lines()]
    with pytest.raises(ValueError, match="'long' has the systems"):
        pictures.race({"short": table, "long": {"ours": table["ours"]}})
    with pytest.raises(ValueError, match="tables holds no systems"):
        pictures.race({})


def test_log_dots_gives_each_label_a_lane_and_puts_zero_at_the_left_edge():
    rows = {"a": {"logits": [1e-15, 1], "gradients": [0.0]}, "b": {"logits": [1e-3], "gradients": [1e-2]}}
    fig = pictures.log_dots({"new": rows, "old": rows}, line=1e-5, xlabel="difference")
    dots = [dot.get_offsets().tolist() for dot in fig.axes[0].collections]
    wanted = [[[1e-15, -0.15], [1, -0.15]], [[1e-16, 0.15]], [[1e-3, 0.85]], [[1e-2, 1.15]]]
    for found, places in zip(dots, wanted, strict=True):
        np.testing.assert_allclose(found, places)
    assert [ax.get_title() for ax in fig.axes] == ["new", "old"]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["logits", "gradients"]
    with pytest.raises(ValueError, match="expected the same rows in each"):
        pictures.log_dots({"new": rows, "old": {"a": {"logits": [1]}}})
    with pytest.raises(ValueError, match="one at least"):
        pictures.log_dots({})


# score_ranges


def test_score_ranges_has_a_bar_from_low_to_high_and_a_dot_at_the_score():
    fig = pictures.score_ranges({"one": (3, 2, 5), "two": (7.25, 7, 8)}, beside={"one": 1, "two": 0}, line=3)
    line, *drawn = fig.axes[0].get_lines()
    assert line.get_xdata()[0] == 3
    assert [[*map(float, part.get_xdata())] for part in drawn] == [[2, 5], [3], [1], [7, 8], [7.25], [0]]
    assert {"  3.0", "  7.2"} <= set(words(fig)) and fig.axes[0].yaxis_inverted()
    with pytest.raises(ValueError, match="score 3, expected one from 4 to 5"):
        pictures.score_ranges({"one": (3, 4, 5)})
