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


@exercise
def doubling(answer):
    """the weight has 2 on the diagonal, and ten layers multiply by 2 to the power of 10."""
    weight, bias, ten = answer
    weight, bias = torch.as_tensor(weight).float(), torch.as_tensor(bias).float()
    if weight.shape != (2, 2) or bias.shape != (2,):
        return "two numbers go in and two come out: the weight has two rows of two, the bias two numbers."
    if torch.equal(weight, torch.full((2, 2), 2.0)):
        return "a weight full of 2 mixes the two numbers: each may only reach its own place."
    if torch.equal(bias, torch.full((2,), 2.0)):
        return "the bias is added, and nothing is to be added."
    if not torch.equal(weight, 2 * torch.eye(2)) or bias.any():
        return "try your layer on (1, 0) and (0, 1): they should become (2, 0) and (0, 2)."
    if ten == 20:
        return "each layer doubles what the one before has doubled: multiply ten times, do not add."
    if ten != 1024:
        return f"ten layers do not multiply by {ten}: double ten times in a row."
