"""The views: what they say as text, what they refuse, and what they do in a browser as a hand moves them."""

import html
import json
import re
import shutil
import subprocess

import pytest
import torch

from lessons.views import attention_view

NAMES = ["Mann", "Ball", "fängt", "<b>ihn</b>"]
KEYS = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
VALUES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, -2.0]])
QUERIES = torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0], [-0.5, 2.0]])

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"no browser found: {', '.join(BROWSERS)}")


def attention(query, keys=KEYS, values=VALUES):
    """Scores, shares and mix, as a view should show them."""
    scores = keys @ torch.tensor(query) / keys.shape[1] ** 0.5  # (S,)
    shares = scores.softmax(dim=0)  # (S,)
    return scores.tolist(), shares.tolist(), (shares @ values).tolist()


# As text


def test_a_view_has_the_shares_and_the_mix_as_text_and_is_the_same_each_time():
    view = attention_view(QUERIES[0], KEYS, VALUES, NAMES, ["him", "it"])
    assert repr(view) == "Mann 0.22, Ball 0.45, fängt 0.22, <b>ihn</b> 0.11; takes home: him 0.22, it 0.45"
    again = attention_view(QUERIES[0].tolist(), KEYS.tolist(), VALUES.tolist(), NAMES, ["him", "it"])
    assert view._repr_html_() == again._repr_html_() and "<b>" not in view._repr_html_()
    assert "http" not in view._repr_html_().replace("http://www.w3.org", "")


def test_of_several_queries_each_has_a_line_and_other_numbers_make_another_view():
    view = attention_view(QUERIES, KEYS, VALUES, NAMES)
    lines = repr(view).split("\n")
    assert [line.partition(" asks: ")[0] for line in lines] == NAMES
    assert lines[2].endswith("fängt 0.25, <b>ihn</b> 0.25; takes home: v1 0.25, v2 0.00")
    marks = {
        re.search(r'id="([\w-]+)"', v._repr_html_())[1]
        for v in (view, attention_view(KEYS, KEYS, VALUES, NAMES))
    }
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("query", "keys", "values", "names", "value_names", "message"),
    [
        (QUERIES[0], KEYS, VALUES, NAMES[:3], None, r"keys \(4, 2\) and values \(4, 2\) do not fit 3 names"),
        (QUERIES[:2], KEYS, VALUES, NAMES, None, r"query \(2, 2\).*expected \(dk,\) or \(S, dk\)"),
        (torch.ones(3), KEYS, VALUES, NAMES, None, r"query \(3,\)"),
        (1.0, 1.0, 1.0, [], None, r"query \(\)"),
        (QUERIES[0], KEYS, VALUES[0], NAMES, None, r"values \(2,\)"),
        (torch.ones(64), torch.ones(4, 64), VALUES, NAMES, None, "dk=64.*expected dk 1 to 8"),
        (QUERIES[0], KEYS, VALUES, NAMES, ["him"], "1 value_names for dv=2"),
        (QUERIES[0], KEYS, VALUES / 0, NAMES, None, "hold NaN or infinity"),
    ],
)  # fmt: skip
def test_a_view_refuses_what_does_not_fit(query, keys, values, names, value_names, message):
    with pytest.raises(ValueError, match=message):
        attention_view(query, keys, values, names, value_names)


# In a browser

STEPS = """
<pre id="found"></pre>
<script>
const found = [], view = n => document.querySelectorAll(".attention-view")[n]
const texts = (n, what) => [...view(n).querySelectorAll(what)].map(node => node.textContent)
const look = n => found.push([texts(n, "output"), texts(n, ".score"), texts(n, ".share"), texts(n, "p")[0]])
const drag = (kind, x, y) => {
  const svg = view(0).querySelector("svg"), box = svg.getBoundingClientRect()
  const place = {clientX: box.x + box.width * (0.5 + x), clientY: box.y + box.height * (0.5 - y)}
  svg.dispatchEvent(new PointerEvent(kind, {bubbles: true, buttons: 1, ...place}))
}
const slide = (n, i, value) => {
  const slider = view(n).querySelectorAll("input")[i]
  slider.value = value
  slider.dispatchEvent(new Event("input", {bubbles: true}))
}
look(0)
drag("pointerdown", 0.2, 0.1)
drag("pointermove", 0.25, -0.125)
look(0)
drag("pointermove", 5, 5)
look(0)
slide(0, 1, -0.7)
look(0)
look(1)
const select = view(2).querySelector("select")
select.selectedIndex = 3
select.dispatchEvent(new Event("change", {bubbles: true}))
look(2)
slide(3, 2, 1.5)
look(3)
document.getElementById("found").textContent = JSON.stringify(found)
</script>"""


@needs_browser
def test_moving_the_query_moves_scores_shares_and_mix(tmp_path):
    """Two equal views, one of several words, and one of three numbers, which has no plane."""
    one = attention_view(QUERIES[0], KEYS, VALUES, NAMES, ["him", "it"])._repr_html_()
    several = attention_view(QUERIES, KEYS, VALUES, NAMES)._repr_html_()
    torch.manual_seed(0)
    keys, values = torch.randn(2, 3), torch.randn(2, 1)
    long = attention_view([0.0, 0.0, 0.0], keys, values, ["a", "b"])._repr_html_()
    page = tmp_path / "page.html"
    page.write_text(f'<meta charset="utf-8">{one}{one}{several}{long}{STEPS}', encoding="utf-8")
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    run = subprocess.run(
        [*command, "--dump-dom", page.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
        encoding="utf-8",
    )
    found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', run.stdout)[1]))
    wanted = [
        ([1.0, 1.0], KEYS, VALUES),
        ([1.2, -0.6], KEYS, VALUES),  # dragged: the plane reaches 2.4 to each side
        ([2.0, 2.0], KEYS, VALUES),  # dragged out of the plane
        ([2.0, -0.7], KEYS, VALUES),  # a slider, as the arrow keys move it
        ([1.0, 1.0], KEYS, VALUES),  # the second view has not moved
        ([-0.5, 2.0], KEYS, VALUES),  # the word that asks was chosen
        ([0.0, 0.0, 1.5], keys, values),
    ]
    for (query, scores, shares, mix), (at, *words) in zip(found, wanted, strict=True):
        right = attention(at, *words)
        assert [float(number) for number in query] == pytest.approx(at)
        assert [float(number) for number in scores] == pytest.approx(right[0], abs=0.0055)
        assert [float(number) for number in shares] == pytest.approx(right[1], abs=0.0055)
        numbers = re.findall(r"-?\d+\.\d\d", mix)
        assert [float(number) for number in numbers] == pytest.approx(right[2], abs=0.0055)
    assert found[0][3] == "takes home: him 0.22, it 0.45"
    assert "&lt;b&gt;ihn" in run.stdout, "a name is text, not HTML"
