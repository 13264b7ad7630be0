"""Checks for the exercises of notebook 01."""

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake


@exercise
def linear_parameters(answer):
    """512 x 64 weights and 64 biases."""
    if not isinstance(answer, int):
        return f"write one whole number, without quotes; this is {answer!r}."
    likely = {
        "you counted the weights and forgot the 64 biases.": 512 * 64,
        "there is one bias for each number that comes out, not for each that goes in.": 512 * 64 + 512,
        "the layer connects every number that goes in with every one that comes out: multiply.": 512 + 64,
    }
    if answer != 512 * 64 + 64:
        return likely_mistake(answer, likely) or (
            f"{answer} is not the number: count the matrix, then one bias for each number that comes out."
        )


@exercise
def two_towers(answer):
    """each encoder gets what the one before returned, and every decoder the memory of the last encoder."""
    encoders = [lambda x, name=name: x + [name] for name in ("e1", "e2", "e3")]
    decoders = [lambda x, memory, name=name: x + [(name, *memory)] for name in ("d1", "d2")]
    found, memory = answer(encoders, decoders, ["s"], ["t"]), ("s", "e1", "e2", "e3")
    if not isinstance(found, list) or "t" not in found[:1]:
        return f"return what the last decoder returns, which begins with the target; this is {found!r}."
    seen = [decoder[1:] for decoder in found[1:] if isinstance(decoder, tuple)]
    if [decoder[0] for decoder in found[1:] if isinstance(decoder, tuple)] != ["d1", "d2"]:
        return "each decoder runs once, in order, on what the decoder before it returned."
    if seen == [("s",)] * 2:
        return "the decoders read the source itself: keep what each encoder returns."
    if seen == [("s", "e3")] * 2:
        return "every encoder got the source: give each what the one before returned."
    if seen[0] != memory:
        return f"decoder 1 read {list(seen[0])}: all encoders run first, and only the last one is read."
    if seen != [memory] * 2:
        return "the first decoder read the memory, the second something else: all of them read the same."


@exercise
def six_layers(answer):
    """six layers, each with parameters of its own, and PyTorch finds them all."""
    layers = answer(8)
    if isinstance(layers, list | tuple):
        return "PyTorch finds no parameters in a plain list: put the layers into nn.ModuleList."
    if not isinstance(layers, nn.ModuleList):
        return f"this is a {type(layers).__name__}: put the layers into nn.ModuleList."
    found = sum(p.numel() for p in layers.parameters())
    if len(layers) == 6 and found == 72:
        return "all six are the same layer: make a new one in every round of a loop."
    if len(layers) != 6:
        return f"there are {len(layers)} layers, not six."
    if found != 6 * 72:
        return f"six layers of width 8 hold {6 * 72} parameters; yours hold {found}."
