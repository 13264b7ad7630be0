"""Checks of notebook 00: shapes, a small module, an average over words."""

import torch
from torch import nn

from lessons.exercises import exercise, same


@exercise
def sentence_shapes(answer):
    """ids (B, S), vectors (B, S, D), and one row of attention weights per target word: (B, H, T, S)."""
    ids, vectors, weights = (tuple(shape) for shape in answer)
    if ids == (7, 2):
        return "the batch comes first: ids has the shape (B, S)."
    if ids != (2, 7):
        return f"ids holds one number per token, (B, S); you wrote {ids}."
    if vectors != (2, 7, 512):
        return f"vectors holds D numbers per token, (B, S, D); you wrote {vectors}. Heads do not matter here."
    if weights == (2, 8, 7, 5):
        return "rows are queries: the target asks, so T comes before S in weights."
    if weights in ((2, 5, 7), (2, 5, 8, 7)):
        return "every head has a map of its own: H comes right after B in weights."
    if weights != (2, 8, 5, 7):
        return f"weights holds one map (T, S) per sentence and head, (B, H, T, S); you wrote {weights}."


@exercise
def mean_over_words(answer):
    """one average vector per sentence, for a batch and for a single sentence."""
    batch = torch.arange(24.0).reshape(2, 3, 4) ** 2  # (B, S, D)
    expected = batch.mean(dim=-2)  # (B, D)
    found = answer(batch.clone())
    if not isinstance(found, torch.Tensor):
        return f"expected a tensor, your function returns {type(found).__name__}."
    if found.shape == (2, 1, 4):
        return "the word axis is still there, with size 1: leave keepdim out."
    if found.shape == (2, 3):
        return "you averaged over the last axis, the numbers of each word: the words are the axis before it."
    if found.shape == (3, 4):
        return "you averaged over the sentences of the batch: the words are the axis before the last."
    if found.shape != (2, 4):
        return f"for x of shape (2, 3, 4) expected the shape (2, 4), found {tuple(found.shape)}."
    if same(found, batch.sum(dim=-2), 1e-3):
        return "this is the sum: divide by the number of words."
    if not same(found, expected, 1e-3):
        return "the shape is right, the numbers are not: expected the average of each column."
    try:
        single = answer(batch[0].clone())  # (S, D) to (D,)
    except (IndexError, RuntimeError):
        single = None
    if not same(single, expected[0], 1e-3):
        return "right for a batch, wrong for one sentence (S, D): count the axis from the right, dim=-2."


@exercise
def scale_and_shift(answer):
    """2 x D numbers that an optimiser can find, and (B, S, D) in, (B, S, D) out."""
    torch.manual_seed(0)
    try:
        module = answer(4)
    except AttributeError as error:
        if "__init__" in str(error):
            return "call super().__init__() before you set a parameter."
        raise
    if not isinstance(module, nn.Module):
        return "the class must inherit from nn.Module."
    names = [name for name, _ in module.named_parameters()]
    if names and not {"scale", "shift"} & {*vars(module), *names}:
        return f"name the two parameters scale and shift; yours are {', '.join(names)}."
    if getattr(module, "scale", ...) is ... or getattr(module, "shift", ...) is ...:
        return ...
    sizes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    if not sizes:
        return "the module has no parameters, an optimiser finds nothing to train: wrap both in nn.Parameter."
    if sizes != {"scale": (4,), "shift": (4,)}:
        return f"expected the parameters scale (D,) and shift (D,), here with D = 4; found {sizes}."
    x = torch.rand(2, 3, 4)  # (B, S, D)
    found = module(x)
    if found is ...:
        return ...
    if not torch.equal(module.scale, torch.ones(4)) or not torch.equal(module.shift, torch.zeros(4)):
        return "at the start the module must change nothing: scale starts as ones, shift as zeros."
    with torch.no_grad():
        module.scale.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        module.shift.fill_(5.0)
    found = module(x)
    if torch.allclose(found, (x + module.shift) * module.scale):
        return "you shift before you scale: expected x * scale + shift."
    if not torch.allclose(found, x * module.scale + module.shift):
        return "expected x * scale + shift, with both used in forward."
