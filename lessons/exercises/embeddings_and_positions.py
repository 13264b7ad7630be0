"""Checks for the exercises of notebook 07."""

import math

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same


@exercise
def first_place(answer):
    """at place 0 every angle is 0, so the sines are 0 and the cosines 1."""
    answer = [float(number) for number in answer]
    if len(answer) != 4:
        return f"the width is 4, so four numbers are added; you wrote {len(answer)}."
    likely = {
        "the sine of 0 is 0, but every second column is a cosine.": (0, 0, 0, 0),
        "right numbers, wrong order: in each pair the sine comes first.": (1, 0, 1, 0),
        "right numbers, wrong order: sine and cosine of one pace stand side by side.": (0, 0, 1, 1),
        "the cosine of 0 is 1, but every second column is a sine.": (1, 1, 1, 1),
        "this is place 1: the first place has the number 0.": (0.84, 0.54, 0.01, 1),
    }
    if answer != [0, 1, 0, 1]:
        return likely_mistake(answer, likely, 0.005) or (
            "which angle has place 0, whatever the pace? Take its sine and its cosine."
        )


def table_of(n, d, *, sign=-1, exponent=2, second=torch.cos, first_place=0):
    """The sinusoids `(n, d)`, with one thing changed: what the likely mistakes give."""
    place = torch.arange(first_place, first_place + n, dtype=torch.float64).unsqueeze(1)
    angle = place * 10000.0 ** (sign * exponent * torch.arange(d // 2, dtype=torch.float64) / d)
    return torch.stack([angle.sin(), second(angle)], dim=-1).flatten(1)


@exercise
def sinusoids(answer):
    """a table of sines and cosines, each pair slower than the one before."""
    n, d = 12, 8
    right, result = table_of(n, d), answer(n, d)
    if not isinstance(result, torch.Tensor):
        return f"return a tensor, not a {type(result).__name__}."
    if same(result, right.T, 1e-4):
        return "right numbers, but places are rows and columns are columns: transpose it."
    if result.shape != (n, d):
        return f"12 places of width 8 give a table of shape (12, 8); yours has {tuple(result.shape)}."
    likely = {
        "the angle is the place divided by 10000^(2i/d), not multiplied.": table_of(n, d, sign=1),
        "every second column is a cosine; yours are all sines.": table_of(n, d, second=torch.sin),
        "both faults of the copied formula: divide by 10000^(2i/d), and make every second column a cosine.": (
            table_of(n, d, sign=1, second=torch.sin)
        ),
        "the exponent is 2i/d: your paces grow half as fast.": table_of(n, d, exponent=1),
        "the places count from 0; yours from 1.": table_of(n, d, first_place=1),
        "the numbers are right, but sine and cosine alternate: columns 0 and 1 are one pair.": torch.cat(
            [right[:, 0::2], right[:, 1::2]], dim=1
        ),
        "in each pair the sine comes first.": right.unflatten(1, (-1, 2)).flip(-1).flatten(1),
    }
    if not same(result, right, 1e-3):
        return likely_mistake(result, likely, 1e-3) or (
            "start with place 1: its first pair is the sine and the cosine of 1, about 0.84 and 0.54."
        )
    if not same(answer(5, 4), table_of(5, 4), 1e-3):
        return "right for 12 places of width 8, and not for 5 places of width 4: use n and d."


@exercise
def shift_by(answer):
    """one matrix shifts every place, whatever the pace."""
    k, pace = 3, 2.0
    result = answer(k, pace)
    if not isinstance(result, torch.Tensor) or result.shape != (2, 2):
        return "return a tensor of two rows and two columns."
    result = result.double()
    place = torch.arange(20, dtype=torch.float64)

    def rows(angle):
        return torch.stack([angle.sin(), angle.cos()], dim=1)

    likely = {
        "it shifts back by k places: exchange the signs of the two sines.": rows((place - k) / pace),
        "the angle of k places is k / pace; yours ignores the pace.": rows(place / pace + k),
        "the angle of k places is k / pace: divide, do not multiply.": rows(place / pace + k * pace),
    }
    shifted = rows(place / pace) @ result
    if not same(shifted, rows((place + k) / pace), 1e-4):
        return likely_mistake(shifted, likely, 1e-4) or (
            "use sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b - sin a sin b."
        )
    other = rows(place / 10) @ answer(7, 10.0).double()
    if not same(other, rows((place + 7) / 10), 1e-4):
        return "right for k = 3 and pace = 2, and not for k = 7 and pace = 10: use both."


@exercise
def learned_positions(answer):
    """a trained row for each place, added to the word at that place."""
    torch.manual_seed(0)
    layer, words = answer(4, 6), torch.randn(2, 3, 4)
    sizes = [tuple(parameter.shape) for parameter in layer.parameters()]
    if any(value is ... for value in vars(layer).values()):
        return ...
    if not sizes:
        return "the module has no parameters: make the table an nn.Parameter or an nn.Embedding."
    if sum(math.prod(size) for size in sizes) != 24:
        return f"6 places of width 4 are 24 parameters; yours have the shapes {sizes}."
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    kept = words.clone()
    try:
        result = layer(words)
    except RuntimeError as error:
        if "size of tensor" not in str(error):
            raise
        return (
            f"it stops at 2 sentences of 3 words, width 4: {error}. A sentence of S words uses the first S "
            "rows, and S is the last axis but one."
        )
    if result is ...:
        return ...
    if not torch.equal(words, kept):
        return "it changes the words that it was given: write x + ..., not x += ..."
    if not isinstance(result, torch.Tensor) or result.shape != words.shape:
        return "the result has the shape of the words: add the rows, do not put them beside."
    added, table = result - words, next(layer.parameters()).reshape(-1, 4)
    likely = {
        "the words come back unchanged: add the table.": torch.zeros_like(added),
        "every word gets row 0: word p gets row p.": table[:1].expand_as(added),
        "you took the last rows of the table: a sentence of S words uses the first S.": (
            table[-3:].expand_as(added)
        ),
        "the rows go over the sentences of the batch: they belong to the words.": (
            table[:2].unsqueeze(1).expand_as(added)
        ),
    }
    if not same(added, table[:3].expand_as(added), 1e-5):
        return likely_mistake(added, likely, 1e-5) or (
            "word p of every sentence gets row p of the table, and nothing else."
        )
    if not result.requires_grad:
        return "right numbers, but training cannot reach the table: no gradient arrives."


@exercise
def knows_the_order(answer):
    """your check tells an encoder that knows the order from one that does not."""
    torch.manual_seed(0)
    words, places = 1 + torch.rand(6, 8), torch.arange(6.0).unsqueeze(1)
    kept, mix = words.clone(), nn.Linear(8, 8).requires_grad_(False)

    def blind(x):  # a sum over the words in another order differs in the last digits
        return mix(x) + x.sum(dim=0)

    on_blind = answer(blind, words)
    if not torch.equal(words, kept):
        return "your check changed the words it was given: work on a copy."
    on_places = answer(lambda x: blind(x + places[: len(x)]), words)
    if on_blind and not on_places:
        return "the answers are the wrong way round: True is for an encoder to which the order matters."
    if on_blind:
        return (
            "it says True for an encoder without positions. Its outputs come in another order when the words "
            "do: put them back before you compare, and allow for rounding with torch.allclose."
        )
    if not on_places:
        return "it says False for an encoder that adds the number of the place: try the words in two orders."
    middle = torch.tensor([[0.0], [1.0], [0.0], [2.0], [0.0], [0.0]])
    if not answer(lambda x: mix(x) + middle, words):
        return "it misses an encoder in which only words in the middle have a place: move and compare all."
