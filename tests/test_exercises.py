"""The exercises: solutions pass, placeholders are "not done yet", likely mistakes get their message."""

import ast
import contextlib
import functools
import importlib
import inspect
import io
import math

import guards
import numpy as np
import pytest
import torch
from guards import ROOT

from lessons.exercises import NOT_DONE, exercise, likely_mistake, same
from tools import source


def cells(name, solved):
    """The cells of a notebook that its exercises need: the imports, and those tagged `exercise`."""
    cells = source.compose(ROOT, name, solved).cells
    return [cell for cell in cells if {"imports", "exercise"} & guards.tags(cell)]


def has_exercises(name):
    return any("exercise" in guards.tags(cell) for cell in source.read_source(ROOT, name).cells)


NAMES = [name for name in source.source_names(ROOT) if has_exercises(name)]


@functools.cache
def run_exercises(name, solved):
    """The exercises of a notebook, run without the lesson: {check: (the answer, the last line printed)}."""
    namespace, found = {}, {}
    for cell in cells(name, solved):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(cell.source, f"{name}, cell {cell.id}", "exec"), namespace)
        if "exercise" in guards.tags(cell):
            match ast.parse(cell.source).body[-1]:
                case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), check), [argument], [])):
                    answer = eval(ast.unparse(argument), namespace)
                    found[check] = answer, printed.getvalue().rstrip("\n").split("\n")[-1]
                case last:
                    raise AssertionError(
                        f"{name}: an exercise ends in check.name(answer), not {ast.unparse(last)}"
                    )
    return found


def module_name(name):
    """The name of a notebook's modules, in lessons/exercises and tests/wrong_answers."""
    return name.split("_", 1)[1]


def checks_of(name):
    """The checks for a notebook, by name: the functions that `exercise` made."""
    module = importlib.import_module(f"lessons.exercises.{module_name(name)}")
    return {key: value for key, value in vars(module).items() if hasattr(value, "__wrapped__")}


def wrong_answers(name):
    """The table of wrong answers for notebook `name`, from tests/wrong_answers."""
    path = ROOT / "tests" / "wrong_answers" / f"{module_name(name)}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


@pytest.mark.parametrize("name", NAMES)
def test_solutions_pass(name):
    verdicts = [verdict for _, verdict in run_exercises(name, solved=True).values()]
    assert 3 <= len(verdicts) <= 5
    assert [verdict for verdict in verdicts if not verdict.startswith("Passed: ")] == []


@pytest.mark.parametrize("name", NAMES)
def test_placeholders_are_not_done_yet(name):
    assert {verdict for _, verdict in run_exercises(name, solved=False).values()} == {NOT_DONE}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_get_their_message(name, capsys):
    checks, table = checks_of(name), wrong_answers(name)
    assert set(table) == set(checks)
    for check, answers in table.items():
        assert len(answers) >= 2, f"{check} needs two wrong answers"
        for answer, phrase in answers:
            checks[check](answer)
            printed = capsys.readouterr().out
            assert printed.startswith("Not yet: ") and phrase in printed, (
                f"{check}: {phrase!r} is not in {printed!r}"
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_uses_its_checks(name):
    assert set(run_exercises(name, solved=True)) == set(checks_of(name))


@pytest.mark.parametrize("folder", ["lessons/exercises", "tests/wrong_answers"])
def test_a_module_belongs_to_a_notebook(folder):
    modules = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert modules == {module_name(name) for name in NAMES}


def with_nan(answer):
    """The answer with one of its numbers exchanged for NaN, each in turn; a tensor is exchanged as a whole.

    A function returns the first of these in place of its result; it stops where the result holds no number.
    """
    if isinstance(answer, list | tuple):
        for i, item in enumerate(answer):
            yield from ([*answer[:i], spoiled, *answer[i + 1 :]] for spoiled in with_nan(item))
    elif inspect.isfunction(answer):
        yield lambda *args, **kwargs: next(with_nan(answer(*args, **kwargs)))
    elif isinstance(answer, int | float | torch.Tensor | np.ndarray) and not isinstance(answer, bool):
        yield answer * math.nan


NO_ANSWERS = [math.nan, math.inf, True, [math.nan] * 3, None, "three", object(), iter(()), torch.empty(0)]


@pytest.mark.parametrize("name", NAMES)
def test_nan_and_what_is_no_answer_never_pass(name, capsys):
    for check, (answer, _) in run_exercises(name, solved=True).items():
        functions = [lambda *args, result=result, **kwargs: result for result in NO_ANSWERS]
        for wrong in [*with_nan(answer), *NO_ANSWERS, *functions]:
            checks_of(name)[check](wrong)
            printed = capsys.readouterr().out
            assert printed.startswith("Not yet: "), f"{check}: {wrong!r} gets {printed!r}"


@pytest.mark.parametrize(
    ("name", "check", "answer"),
    [
        ("11_training_that_is_not_fooled", "shift_on_paper",
         [[[1, 7.2, 8, 9], [1, 6, 0, 0]], [[7, 8, 9, 2], [6, 2, 0, 0]]]),
        ("15_backprop_by_hand", "gradient_on_paper", [16, 8.5, 24]),
        ("06_add_and_norm", "my_rms_norm",
         lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-5) / (x.norm() > 0)),
    ],
)  # fmt: skip
def test_what_is_nearly_right_does_not_pass(name, check, answer, capsys):
    """Fractions are not cut to whole numbers, and a row of zeros must stay finite."""
    checks_of(name)[check](answer)
    assert capsys.readouterr().out.startswith("Not yet: ")


def in_place(*args):
    """The right answer, which spoils what it was given."""
    *args, right = args
    result = right(*(x.clone() if isinstance(x, torch.Tensor) else x for x in args))
    for x in args:
        if isinstance(x, torch.Tensor):
            x.zero_()
    return result


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("00_start_here", "mean_over_words"),
        ("02_one_word", "one_word_attention"),
        ("03_many_words", "many_words_attention"),
        ("03_many_words", "ignores_order"),
        ("04_multi_head", "join_heads"),
        ("05_feed_forward", "weights_of_bends"),
    ],
)
def test_an_answer_in_place_is_judged_by_its_result(name, check, capsys):
    right, _ = run_exercises(name, solved=True)[check]
    checks_of(name)[check](lambda *args: in_place(*args, right))
    assert capsys.readouterr().out.startswith("Passed: ")


# The mechanism


@pytest.mark.parametrize(
    ("answer", "right", "atol", "verdict"),
    [
        (3, 3.0, 0, True),
        (3, 4, 0, False),
        (37_888_000, 37_888_001, 0, False),  # no tolerance relative to the size
        ((1, 2), [1, 2], 0, True),
        ([1, 2], torch.tensor([1.0, 2.01]), 0.1, True),
        (np.array([[1, 2]]), [[1, 2]], 0, True),
        ([[1, 2]], [1, 2], 0, False),
        (torch.ones(3), 1, 0, False),
        (torch.tensor([True]), [True], 0, True),
        (math.nan, math.nan, 1, False),
        ([1, math.nan], [1, 2], 9, False),
        ([[1], 2], [1, 2], 0, False),
        ("3", 3, 0, False),
        (None, 0, 0, False),
        (10**400, 1, 0, False),
    ],
)  # fmt: skip
def test_same(answer, right, atol, verdict):
    assert same(answer, right, atol) is verdict


def test_likely_mistake():
    likely = {"a row": [1, 2], "a number": 3.0, "a later row": torch.tensor([1.0, 2.0])}
    assert likely_mistake([1, 2], likely) == "a row"
    assert likely_mistake(torch.tensor(3.001), likely, 0.01) == "a number"
    assert likely_mistake(torch.tensor(3.001), likely) is likely_mistake(math.nan, likely, 9) is None


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
        (lambda x: torch.ones(3)[1.5], "Not yet: your code stopped with IndexError"),
        (lambda x: np.ones(3)[1.5], "Not yet: your code stopped with IndexError"),
        (None, "Not yet: the check cannot use your answer, a NoneType: TypeError"),
    ],
)
def test_verdict(answer, verdict, capsys):
    assert three(answer) is None
    assert capsys.readouterr().out.startswith(verdict)


def test_a_check_says_what_is_right():
    with pytest.raises(ValueError, match="docstring"):
        exercise(lambda answer: None)
