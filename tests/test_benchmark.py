"""The benchmark measures what it says, in words and as JSON."""

import json

import pytest
import torch.nn.functional as F

from helpers import benchmark, fast


@pytest.fixture
def small(monkeypatch):
    """Sizes with which all of it takes seconds."""
    monkeypatch.setattr(benchmark, "SIZES", {**benchmark.SIZES, "d_model": 8, "n_heads": 2, "d_ff": 8})
    monkeypatch.setattr(benchmark, "VOCABULARY", 20)
    monkeypatch.setattr(benchmark, "installed", lambda name: False)
    monkeypatch.setattr(benchmark, "operations_per_second", lambda dtype: 1e9)
    monkeypatch.setattr(benchmark.torch, "set_num_threads", lambda n: None)


def test_the_table_in_words_and_as_json(small, tmp_path, capsys):
    assert benchmark.main(["--rounds", "2", "--steps", "0", "--json", str(tmp_path / "result.json")]) == 0
    text, result = capsys.readouterr().out, json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert set(result["tables"]) == {
        "training, 64 x 32", "training, 16 x 128", "generation, 1 x 60", "generation, 64 x 30",
    }  # fmt: skip
    for title, table in result["tables"].items():
        assert title in text and next(iter(table.values()))["ratio"] == 1
        for name, row in table.items():
            assert name in text and row["from"] <= row["ratio"] <= row["to"] and row["seconds"] > 0
    assert 0 < result["share of peak"]["share"]
    assert "token 500 over token 50" in text and "largest resident" not in text


def test_the_ladder_has_what_did_not_pay(small, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "measure_late_tokens", lambda *_: 1.0)
    monkeypatch.setattr(benchmark, "measure_generation", lambda *_: {})
    arguments = ["--rounds", "1", "--steps", "0", "--ladder", "--json", str(tmp_path / "result.json")]
    assert benchmark.main(arguments) == 0
    tables = json.loads((tmp_path / "result.json").read_text("utf-8"))["tables"]
    for shape in ("64 x 32", "16 x 128"):
        assert {"attention of PyTorch", "in bfloat16", "with two threads"} < set(tables[f"tried, {shape}"])


def test_threads_are_put_back(monkeypatch):
    seen = []
    monkeypatch.setattr(benchmark.torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(benchmark.torch, "set_num_threads", seen.append)
    with pytest.raises(ZeroDivisionError):
        benchmark.with_threads(2, lambda: 1 / 0)
    assert seen == [2, 7]


def test_ratios_are_paired_by_round():
    table = benchmark.ratios({"base": [2.0, 4.0, 6.0], "other": [1.0, 4.0, 2.0]})
    assert table["base"]["ratio"] == 1 and table["other"]["ratio"] == 2 and table["other"]["seconds"] == 2


def test_every_function_runs_once_more_than_it_counts():
    calls = []
    seconds = benchmark.side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert sorted(calls) == 4 * ["a"] + 4 * ["b"] and {len(times) for times in seconds.values()} == {3}


def test_the_choice_is_put_back():
    before = fast.choice
    with pytest.raises(RuntimeError), benchmark.kernels({F.dropout: fast.dropout}):
        assert set(fast.choice()) == {F.dropout}
        raise RuntimeError
    assert fast.choice is before


def test_operations_are_counted(small):
    share = benchmark.measure_share_of_peak((2, 3), seconds=1.0)
    layers, (d, f, v), tokens = 3, (8, 8, 20), 6
    linear = layers * (4 * d * d + 2 * d * f) + layers * (8 * d * d + 2 * d * f) + v * d
    assert share["operations"] >= 3 * 2 * tokens * linear  # attention comes on top
    assert share["share"] == pytest.approx(share["operations"] / 1e9)


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--steps", "-1"], ["--json", "/dev/null/x"]])
def test_bad_arguments_in_a_line(small, arguments, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "measure", lambda *_: {})
    assert benchmark.main(arguments) == 1
    assert capsys.readouterr().err.startswith("helpers.benchmark: ")


def test_the_memory_is_that_of_another_process(monkeypatch):
    monkeypatch.setattr(benchmark.sys, "executable", "python3")
    seen = []

    def run(command, **_):
        seen.append(command)
        return type("Done", (), {"stdout": "epoch 1\n1234\n"})

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    assert benchmark.measure_memory(7) == 1234 and "train_here(7)" in seen[0][-1]
