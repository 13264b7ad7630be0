"""Checks for the exercises of notebook 01."""

import torch
from torch import nn

from helpers.checks.core import exercise


@exercise
def linear_parameters(answer):
    """512 x 512 weights and 512 biases."""
    if answer == 512 * 512:
        return "you counted the weights and forgot the 512 biases."
    if answer in (512, 1024, 512 + 512):
        return "the layer connects every input number with every output number: multiply, do not add."
    if answer != 512 * 512 + 512:
        return f"{answer} is not the number: count the matrix, then one bias for each output number."


@exercise
def outline_shape(answer):
    """one vector of 512 numbers for each target word."""
    answer = tuple(answer)
    if answer == (7, 512):
        return "that is the shape of the memory: the output follows the target, not the source."
    if answer in ((11, 512), (7, 4), (4, 7)):
        return "the two sentences are never joined: the source only reaches the decoders as the memory."
    if answer != (4, 512):
        return f"{answer} is not the shape: the output has one row for each target word, and 512 columns."


@exercise
def run_chain(answer):
    """every block gets what the block before it returned."""
    blocks = [lambda x: x + ["a"], lambda x: x + ["b"], lambda x: x + ["c"]]
    result = answer(blocks, ["start"])
    if result == ["start", "c", "b", "a"]:
        return "the last block runs first: go through the blocks from the front."
    if result in (["start", "a"], ["start", "c"]):
        return (
            "only one block leaves a trace: "
            "give each block the result of the one before, not the first words."
        )
    if result == ["start"]:
        return "the words come out unchanged: keep what each block returns."
    if result != ["start", "a", "b", "c"]:
        return f"the blocks a, b, c should leave ['start', 'a', 'b', 'c'], and left {result}."


@exercise
def six_layers(answer):
    """six layers, each with parameters of its own, and PyTorch finds them all."""
    layers = answer(8)
    if not isinstance(layers, nn.Module):
        return "PyTorch finds no parameters in a plain list: put the layers into nn.ModuleList."
    found = sum(p.numel() for p in layers.parameters())
    if len(layers) == 6 and found == 72:
        return "all six are the same layer: make a new one in every round of a loop."
    if len(layers) != 6:
        return f"there are {len(layers)} layers, not six."
    if found != 6 * 72:
        return f"the layers should be {8} wide and hold {6 * 72} parameters, and hold {found}."


@exercise
def merge(answer):
    """two linear layers in a row are one linear layer."""
    torch.manual_seed(0)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    x = torch.rand(3, 4)
    with torch.no_grad():
        weight, bias = answer(first, second)
        if torch.allclose(weight, first.weight @ second.weight):
            return "the matrices are in the wrong order: the layer that runs last stands on the left."
        if torch.allclose(bias, second.bias):
            return "the bias of the first layer is lost: it passes through the second layer."
        if torch.allclose(bias, first.bias + second.bias):
            return "the first bias passes through the second layer too: multiply it by the second weight."
        if not torch.allclose(x @ weight.T + bias, second(first(x)), atol=1e-5):
            return (
                "your layer and the two layers give different results: write second(first(x)) out on paper."
            )
