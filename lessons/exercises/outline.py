"""Checks for the exercises of notebook 01."""

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
def outline_parameters(answer):
    """five linear layers on each level, two for the encoder and three for the decoder."""
    found, layer = answer(10, 3), 10 * 10 + 10
    likely = {
        "you counted the weights and forgot the biases.": 3 * 5 * 100,
        "the decoder has a third part, the placeholder that takes the memory.": 3 * 4 * layer,
        "encoder and decoder do not have equally many parts.": 3 * 6 * layer,
        "those are the encoders alone.": 3 * 2 * layer,
        "those are the decoders alone.": 3 * 3 * layer,
        "this is one encoder and one decoder: there are n_layers of each.": 5 * layer,
        "there is one bias for each number that comes out of a linear layer.": 3 * 5 * 101,
    }
    if found != 3 * 5 * layer:
        return likely_mistake(found, likely) or (
            f"for d_model=10 and n_layers=3 it gives {found}: count the linear layers of each tower, then "
            "the weights and biases of one."
        )
    if answer(8, 1) != 5 * 72:
        return f"right for n_layers=3, and for d_model=8 and n_layers=1 it gives {answer(8, 1)}."


@exercise
def six_layers(answer):
    """six layers that PyTorch finds, each its own; the count was 0 at first, then that of one layer."""
    layers = answer(8)
    if isinstance(layers, list | tuple):
        return "PyTorch finds no parameters in a plain list: put the layers into nn.ModuleList."
    if not isinstance(layers, nn.ModuleList | nn.Sequential):
        return f"this is a {type(layers).__name__}: put the layers into nn.ModuleList."
    found = sum(p.numel() for p in layers.parameters())
    if len(layers) == 6 and found == 72:
        return "all six are the same layer: make a new one in every round of a loop."
    if len(layers) != 6:
        return f"there are {len(layers)} layers, not six."
    if found != 6 * 72:
        return f"six layers of width 8 hold {6 * 72} parameters; yours hold {found}."
