"""Views that answer a hand on the page: HTML and plain JavaScript, without a package or the network."""

import hashlib
import html
import json
import math

import torch

# The script starts each view that has not started yet, wherever it runs and however often a view is shown.
PAGE = """<div class="attention-view" id="ID">Run this cell, and here is a query that you can move.</div>
<style>
#ID {max-width: 620px; padding: 8px; overflow-x: auto; font: 15px/1.5 sans-serif}
#ID, #ID tr, #ID th, #ID td, #ID p {background: #fff; color: #1a1a1a; color-scheme: light}
#ID > div {display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: center; margin-bottom: 6px}
#ID svg {width: 240px; touch-action: none; user-select: none; cursor: move; font-size: 15px}
#ID text {paint-order: stroke; stroke: #fff; stroke-width: 4px; fill: #1a1a1a}
#ID line {stroke: #1a1a1a; stroke-width: 2}
#ID line.query {stroke: #b34700; stroke-width: 4}
#ID input {width: 160px; vertical-align: middle}
#ID select, #ID option {font: inherit; color: #1a1a1a; background: #fff}
#ID table {border-collapse: collapse; margin: 0}
#ID th, #ID td {padding: 2px 14px 2px 0; border: none; text-align: left; font-size: 15px; white-space: nowrap}
#ID i {display: inline-block; height: 12px; background: #f7c99b; border: 1px solid; margin-right: 6px}
#ID p {margin: 8px 0 0; font-weight: bold}
</style>
<script>
document.querySelectorAll("#ID:not([data-on])").forEach(root => {
  const {queries, keys, values, names, parts} = DATA, dk = keys[0].length
  const each = (list, write) => list.map(write).join(""), find = what => [...root.querySelectorAll(what)]
  const show = number => (Math.round(100 * number) / 100 + 0).toFixed(2)
  const row = numbers => `[${numbers.map(number => +show(number)).join(", ")}]`
  const reach = Math.max(2, Math.ceil(Math.max(...[keys, queries].flat(2).map(Math.abs)))), far = 100 / reach
  const heads = ["word", "key", `score = q·k / √${dk}`, "share (softmax)", `value (${parts.join(", ")})`]
  root.dataset.on = "yes"
  root.innerHTML = `<div>
    ${dk != 2 ? "" : `<svg viewBox="-120 -120 240 240"><path d="M-115 0H115M0-115V115" stroke="#c4c4c4"/>
      ${each(keys, ([x, y]) => `<line x2="${far * x}" y2="${-far * y}"/>`)}
      <line class="query"/><circle r="8" fill="#b34700"/>
      ${each(keys, ([x, y], i) => `<text x="${far * x + 8}" y="${-far * y - 8}">${names[i]}</text>`)}</svg>`}
    <div>${queries.length < 2 ? "" : `<label>Who asks?
      <select>${each(names, name => `<option>${name}</option>`)}</select></label>`}
    ${each(queries[0], (_, i) => `<div>query ${i + 1} <input type="range" min="${-reach}" max="${reach}"
      step="0.1" aria-label="number ${i + 1} of the query"> <output></output></div>`)}</div></div>
    <table><tr>${each(heads, head => `<th>${head}</th>`)}</tr>
    ${each(names, (name, i) => `<tr><td>${name}</td><td>${row(keys[i])}</td><td class="score"></td>
      <td><i></i><span class="share"></span></td><td>${row(values[i])}</td></tr>`)}</table>
    <p aria-live="polite"></p>`
  let query
  const ask = next => {
    query = next.map(number => Math.max(-reach, Math.min(reach, number)))
    const scores = keys.map(key => key.reduce((sum, k, i) => sum + k * query[i], 0) / Math.sqrt(dk))
    const powers = scores.map(score => Math.exp(score - Math.max(...scores)))
    const shares = powers.map(power => power / powers.reduce((a, b) => a + b))
    const mix = parts.map((_, j) => shares.reduce((sum, share, i) => sum + share * values[i][j], 0))
    find("input").forEach((slider, i) => slider.value = query[i])
    find("output").forEach((number, i) => number.textContent = show(query[i]))
    find(".score").forEach((cell, i) => cell.textContent = show(scores[i]))
    find(".share").forEach((cell, i) => cell.textContent = show(shares[i]))
    find("i").forEach((bar, i) => bar.style.width = `${100 * shares[i]}px`)
    find("p")[0].innerHTML = "takes home: " + parts.map((part, j) => `${part} ${show(mix[j])}`).join(", ")
    const [x, y] = [far * query[0], -far * query[1]], set = (what, more) => find(what).forEach(
      node => Object.entries(more).forEach(pair => node.setAttribute(...pair)))
    set("line.query", {x2: x, y2: y})
    set("circle", {cx: x, cy: y})
  }
  find("input").forEach(slider => slider.oninput = () => ask(find("input").map(each => +each.value)))
  find("select").forEach(select => select.onchange = () => ask(queries[select.selectedIndex]))
  // Without this mark JupyterLab takes the arrow keys for itself.
  find("input, select").forEach(node => node.dataset.lmSuppressShortcuts = "")
  find("svg").forEach(svg => svg.onpointerdown = svg.onpointermove = event => {
    if (!event.buttons) return
    if (event.isTrusted) svg.setPointerCapture(event.pointerId)
    const box = svg.getBoundingClientRect(), unit = box.width / 240 * far
    const place = [event.clientX - box.x - box.width / 2, box.y + box.height / 2 - event.clientY]
    ask(place.map(pixels => Math.round(10 * pixels / unit) / 10))
  })
  ask(queries[0])
})
</script>"""


class View:
    """What a notebook shows as a page, and everything else as text."""

    def __init__(self, page, text):
        self.page, self.text = page, text

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        return self.page


def attention_view(query, keys, values, names, value_names=None):
    """A view in which the reader moves a query and sees its scores, its shares and the mix of values follow.

    `query` is `(dk,)`, or `(S, dk)` for a choice of the word that asks; `keys` are `(S, dk)`, `values`
    `(S, dv)`, `names` the S words, `value_names` the numbers of a value. Scores are divided by the root of
    dk. With two numbers a query can be dragged in a plane too. Raises ValueError when the shapes do not fit.
    """
    query, keys, values = (torch.as_tensor(x).detach().double().cpu() for x in (query, keys, values))
    n, (dk, dv) = len(names), (x.shape[-1] if x.dim() else 0 for x in (keys, values))
    if query.shape not in [(dk,), (n, dk)] or keys.shape != (n, dk) or values.shape != (n, dv) or n == 0:
        shapes = f"query {tuple(query.shape)}, keys {tuple(keys.shape)} and values {tuple(values.shape)}"
        raise ValueError(f"{shapes} do not fit {n} names: expected (dk,) or (S, dk), (S, dk) and (S, dv)")
    parts = list(value_names or [f"v{i}" for i in range(1, dv + 1)])
    if not 1 <= dk <= 8 or len(parts) != dv:
        raise ValueError(f"dk={dk}, {len(parts)} value_names for dv={dv}: expected dk 1 to 8, and dv names")
    if not all(x.isfinite().all() for x in (query, keys, values)):
        raise ValueError("query, keys and values hold NaN or infinity, expected finite numbers")
    queries = query.reshape(-1, dk)
    numbers = {"queries": queries, "keys": keys, "values": values}
    data = {name: x.mul(1e4).round().div(1e4).tolist() for name, x in numbers.items()}
    words = {"names": names, "parts": parts}
    data |= {key: [html.escape(str(word)) for word in words[key]] for key in words}
    data = json.dumps(data)
    mark = "attention-" + hashlib.sha256(data.encode()).hexdigest()[:8]
    shares = (queries @ keys.T / math.sqrt(dk)).softmax(dim=-1)  # (S, S) or (1, S)
    text = [f"{listed(names, row)}; takes home: {listed(parts, row @ values)}" for row in shares]
    if len(queries) > 1:
        text = [f"{name} asks: {line}" for name, line in zip(names, text, strict=True)]
    return View(PAGE.replace("ID", mark).replace("DATA", data), "\n".join(text))


def listed(names, numbers):
    """Names and numbers in a line: "him 0.20, it 0.73"."""
    return ", ".join(f"{name} {number + 0.0:.2f}" for name, number in zip(names, numbers, strict=True))
