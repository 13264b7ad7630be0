"""The exercises: solutions pass, placeholders are "not done yet", likely mistakes get their message."""

import ast
import contextlib
import importlib
import io

import guards
import pytest
from guards import ROOT

from helpers import checks
from helpers.checks.core import NOT_DONE, exercise
from tools import source

NAMES = source.source_names(ROOT)


def exercise_cells(name):
    """The cells tagged `exercise` of a source, with their solutions."""
    return [cell for cell in source.compose(ROOT, name, solved=True).cells if "exercise" in guards.tags(cell)]


def run_exercises(name, solved):
    """The last line printed by each exercise of notebook `name`, run without the lesson."""
    namespace = {}
    verdicts = []
    for cell in source.compose(ROOT, name, solved).cells:
        if {"imports", "exercise"} & guards.tags(cell):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(cell.source, f"{name}, cell {cell.id}", "exec"), namespace)
            if "exercise" in guards.tags(cell):
                verdicts.append(printed.getvalue().rstrip("\n").split("\n")[-1])
    return verdicts


def check_names(name):
    """The checks that the exercises of a notebook call, each in the last line of its cell."""
    names = []
    for cell in exercise_cells(name):
        last = ast.parse(cell.source).body[-1]
        call = ast.unparse(last.value.func) if isinstance(getattr(last, "value", None), ast.Call) else ""
        assert call.startswith("checks."), (
            f"{name}: an exercise ends in checks.name(answer), not {ast.unparse(last)}"
        )
        names.append(call.removeprefix("checks."))
    return names


def wrong_answers(name):
    """The table of wrong answers for notebook `name`, from tests/wrong_answers."""
    path = ROOT / "tests" / "wrong_answers" / f"{name.split('_', 1)[1]}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


@pytest.mark.parametrize("name", NAMES)
def test_solutions_pass(name):
    verdicts = run_exercises(name, solved=True)
    assert 3 <= len(verdicts) <= 5
    assert [verdict for verdict in verdicts if not verdict.startswith("Passed: ")] == []


@pytest.mark.parametrize("name", NAMES)
def test_placeholders_are_not_done_yet(name):
    assert set(run_exercises(name, solved=False)) == {NOT_DONE}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_get_their_message(name, capsys):
    table = wrong_answers(name)
    assert set(table) == set(check_names(name))
    for check, answers in table.items():
        assert len(answers) >= 2, f"{check} needs two wrong answers"
        for answer, phrase in answers:
            getattr(checks, check)(answer)
            printed = capsys.readouterr().out
            assert printed.startswith("Not yet: ") and phrase in printed, (
                f"{check}: {phrase!r} is not in {printed!r}"
            )


def test_every_check_is_used_and_exported():
    used = [check for name in NAMES for check in check_names(name)]
    kept = [name for name in checks.__all__ if name.startswith("assert_")] + ["verdict"]  # see test_leaks.py
    assert sorted(used + kept) == sorted(checks.__all__)


# The decorator


@exercise
def three(answer):
    """three is the number of matrices.

    They are W_Q, W_K and W_V.
    """
    if callable(answer):
        answer = answer(1) + 1
    if answer == "no idea":
        return ...
    return None if answer == 3 else f"{answer + 0} is not the number of matrices."


def unfinished(x):
    return ...


def unfinished_inside(x):
    y = ...
    return y + x


def failing(x):
    raise KeyError("W_Q")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (3, "Passed: three is the number of matrices."),
        (lambda x: x + 1, "Passed: three is the number of matrices."),
        (4, "Not yet: 4 is not the number of matrices."),
        (lambda x: x, "Not yet: 2 is not the number of matrices."),
        (..., NOT_DONE),
        ((1, ...), NOT_DONE),
        ({"rows": [...]}, NOT_DONE),
        (unfinished, NOT_DONE),
        (unfinished_inside, NOT_DONE),
        ("no idea", NOT_DONE),
        (failing, "Not yet: your code stopped with KeyError: 'W_Q'"),
        (None, "Not yet: the check cannot use your answer, a NoneType: TypeError"),
    ],
)
def test_verdict(answer, verdict, capsys):
    assert three(answer) is None
    assert capsys.readouterr().out.startswith(verdict)


def test_a_check_says_what_is_right():
    with pytest.raises(ValueError, match="docstring"):
        exercise(lambda answer: None)
