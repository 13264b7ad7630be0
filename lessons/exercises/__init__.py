"""How an exercise answers its reader: passed, not done yet, or the name of the likely mistake."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch

NOT_DONE = "Not done yet: replace the ... with your answer."


class _NotDone(Exception):
    """The reader's function returned its placeholder."""


class _Stopped(Exception):
    """The reader's function raised an error, which is the cause of this one."""


def exercise(check: Callable[[Any], str | None]) -> Callable[[Any], None]:
    """Turn a check into one that prints its verdict in one line.

    The check gets the reader's answer, a value or a function. It returns None when the answer is right, or
    the message for the likely mistake. The first line of its docstring says what is right, after "Passed:".

        @exercise
        def softmax_of_one(answer):
            \"\"\"the softmax of a single score is 1, whatever the score.\"\"\"
            if answer == 0.5:
                return "one score has nothing to share its weight with."
            if answer != 1:
                return "divide exp(score) by the sum over all scores; here there is one."

    A check may also return `...`: not done yet. An error inside the answer is reported in words.
    """
    praise = (check.__doc__ or "").strip().split("\n")[0]
    if not praise:
        raise ValueError(f"the check {check.__name__} needs a docstring that says what is right")

    @functools.wraps(check)
    def checked(answer: Any) -> None:
        print(_verdict(check, answer, praise))

    return checked


def _verdict(check: Callable[[Any], str | None], answer: Any, praise: str) -> str:
    if _is_placeholder(answer):
        return NOT_DONE
    try:
        message = check(_watched(answer) if inspect.isfunction(answer) else answer)
    except _NotDone:
        return NOT_DONE
    except _Stopped as stopped:
        error, what = stopped.__cause__, "your code stopped with"
    except Exception as raised:  # a reader's answer can be anything
        kind = "class" if isinstance(answer, type) else type(answer).__name__
        error, what = raised, f"the check cannot use your answer, a {kind}:"
    else:
        if message is ...:
            return NOT_DONE
        return f"Passed: {praise}" if message is None else f"Not yet: {message}"
    # A placeholder is still in use somewhere; what may be an index, as PyTorch and NumPy list it, is no sign.
    if "ellipsis" in str(error).replace("ellipsis (`...`)", ""):
        return NOT_DONE
    return f"Not yet: {what} {type(error).__name__}: {error}"


def same(answer, right, atol=0.0):
    """Whether two numbers, lists, tensors or arrays have one shape and differ nowhere by more than `atol`.

    NaN equals nothing, and what holds no numbers equals nothing.
    """
    try:
        answer, right = (torch.as_tensor(side, dtype=torch.float64) for side in (answer, right))
    except (TypeError, ValueError, RuntimeError, OverflowError):  # no numbers, or rows of several lengths
        return False
    return answer.shape == right.shape and torch.allclose(answer, right, rtol=0, atol=atol)


def likely_mistake(answer, likely, atol=0.0):
    """The message of the first likely mistake that gives this answer, or None: `likely` is {message: wrong}.

    A mistake can give the right answer by chance, so ask first whether the answer is right:

        if not same(answer, right):
            return likely_mistake(answer, likely) or "what to say to any other answer."
    """
    return next((message for message, wrong in likely.items() if same(answer, wrong, atol)), None)


def unusable(result):
    """What to say when a function did not return one tensor, else None."""
    if isinstance(result, tuple):
        return "return one tensor, not a pair."
    if not isinstance(result, torch.Tensor):
        return f"return a tensor, not a {type(result).__name__}: torch.stack makes one from a list."


def _is_placeholder(answer: Any) -> bool:
    if isinstance(answer, dict):
        answer = list(answer.values())
    return answer is ... or (isinstance(answer, list | tuple) and any(map(_is_placeholder, answer)))


def _watched(function: Callable) -> Callable:
    """The reader's function; a placeholder that it returns or an error that it raises stops the check."""

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            raise _Stopped from error
        if _is_placeholder(result):
            raise _NotDone
        if result is None:
            raise _Stopped from ValueError("it returns nothing; is `return` missing?")
        return result

    return watched
