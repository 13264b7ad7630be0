"""Checks for the exercises of notebook 07."""

import math

import torch
from torch import nn

from helpers.model import EncoderLayer
from lessons.boards.embeddings_and_positions import symbol_before
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


def halves_of(n, d, *, sign=-1, exponent=2, second=torch.cos, first_place=0):
    """Sines beside cosines `(n, d)`, with one thing changed: what the likely mistakes give."""
    place = torch.arange(first_place, first_place + n, dtype=torch.float64).unsqueeze(1)
    angle = place * 10000.0 ** (sign * exponent * torch.arange(d // 2, dtype=torch.float64) / d)
    return torch.cat([angle.sin(), second(angle)], dim=1)


@exercise
def halves(answer):
    """the same numbers as in PositionalEncoding, in another order of the columns."""
    n, d = 12, 8
    right, result = halves_of(n, d), answer(n, d)
    if not isinstance(result, torch.Tensor):
        return f"return a tensor, not a {type(result).__name__}."
    if same(result, right.T, 1e-4):
        return "right numbers, but places are rows and columns are columns: transpose it."
    if result.shape != (n, d):
        return f"12 places of width 8 give a table of shape (12, 8); yours has {tuple(result.shape)}."
    sines, cosines = right.chunk(2, dim=1)
    likely = {
        "the angle is the place divided by 10000^(2i/d), not multiplied.": halves_of(n, d, sign=1),
        "the second half are cosines; yours are all sines.": halves_of(n, d, second=torch.sin),
        "divide by 10000^(2i/d), do not multiply, and make the second half cosines.": (
            halves_of(n, d, sign=1, second=torch.sin)
        ),
        "the exponent is 2i/d: your paces grow half as fast.": halves_of(n, d, exponent=1),
        "the places count from 0; yours from 1.": halves_of(n, d, first_place=1),
        "that is the order of the page, sine and cosine in turns: here all sines come first.": torch.stack(
            [sines, cosines], dim=-1
        ).flatten(1),
        "the sines are the first half, the cosines the second.": torch.cat([cosines, sines], dim=1),
    }
    if not same(result, right, 1e-3):
        return likely_mistake(result, likely, 1e-3) or (
            "start with place 1: column 0 is the sine of 1, about 0.84, and column d / 2 its cosine, 0.54."
        )
    if not same(answer(5, 4), halves_of(5, 4), 1e-3):
        return "right for 12 places of width 8, and not for 5 places of width 4: use n and d."


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
def farther(answer):
    """it goes farther than sinusoids: compare your two scores with another seed before you believe them."""
    layer = answer(64)
    if any(value is ... for value in vars(layer).values()):
        return ...
    try:
        result = layer(torch.zeros(2, 24, 64))
    except RuntimeError as error:
        return f"it stops at sentences of 24 words, and has to take up to 64: {error}."
    if result is ...:
        return ...
    if not isinstance(result, torch.Tensor) or result.shape != (2, 24, 64):
        return "the result has the shape of the sentences, (B, S, D)."
    scores = symbol_before(lambda: nn.Sequential(answer(64), EncoderLayer(64, 8, 256, 0.0)), seed=0)
    trained, beyond = scores["before"], scores["place 16"]
    found = f"{trained:.2f} on the 16 places of training, {beyond:.2f} at the seventeenth"
    if trained < 0.9:
        return f"{found}. It has not learned the places of training: its rows must tell 16 places apart."
    if beyond < 0.5:
        return f"{found}, half at most. Which rows has training seen, and could it see more?"
    print(found)
