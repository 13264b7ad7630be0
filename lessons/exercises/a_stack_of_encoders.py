"""Checks for the exercises of notebook 08."""

import copy

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def two_hops_on_paper(answer):
    """from the word to its place, on to the next place, and the word there is the answer."""
    answer = list(answer)
    likely = {
        "this is one hop: go on to the place that it names, once more.": (3, 2, 1, 0),
        "this is the sentence itself: go to the places that its words name.": (1, 3, 0, 2),
        "one hop too many: the third place is where the answer stands.": (0, 1, 2, 3),
    }
    if message := likely_mistake(answer, likely):
        return message
    if sorted(answer) != [0, 1, 2, 3]:
        return "four numbers, and each of 0, 1, 2 and 3 occurs once."
    if answer != [2, 0, 3, 1]:
        return "word 0 is 1. At place 1 stands 3. At place 3 stands the answer; places count from 0."


@exercise
def pre_norm_parameters(answer):
    """one more norm at the end, with a factor and a summand for each of the 512 places."""
    likely = {
        "the norms inside the layers are equally many, but pre-norm ends in one more.": 0,
        "a norm has factors and summands.": 512,
        "there is one more norm at the end of the stack, not in each layer.": 6 * 2 * 512,
        "these are the norms inside the layers, which both have: count what is added.": 6 * 2 * 2 * 512,
        "these are all norms of the pre-norm encoder: count only what is added.": 13 * 2 * 512,
    }
    if answer != 2 * 512:
        return likely_mistake(answer, likely) or (
            "which norm does Encoder have with norm_first=True only, and what is in a norm?"
        )


@exercise
def either_order(answer):
    """post-norm norms the sum, pre-norm norms what goes into the sub-layer."""
    torch.manual_seed(0)
    x, norm = torch.randn(3, 4), nn.LayerNorm(4)

    def sublayer(y):
        return 2 * y.flip(-1) + 1

    kept = x.clone()
    post, pre = answer(x.clone(), sublayer, norm, False), answer(x, sublayer, norm, True)
    if message := unusable(post) or unusable(pre):
        return message
    changed = not torch.equal(x, kept)
    x = kept.clone()
    answer(x, sublayer, norm, False)
    if changed or not torch.equal(x, kept):
        return "it changes x itself: write x + ..., not x += ..."
    right_post, right_pre = norm(x + sublayer(x)), x + sublayer(norm(x))
    if same(post, right_pre, 1e-5) and same(pre, right_post, 1e-5):
        return "the two orders are the wrong way round: norm_first=True is pre-norm."
    if same(post, pre, 1e-5):
        return "both orders give the same: use norm_first."
    if not same(post, right_post, 1e-5):
        return "with norm_first=False the sum of x and the sub-layer's result is normed."
    likely = {
        "in pre-norm the words themselves are added back, not the normed ones.": norm(x) + sublayer(norm(x)),
        "in pre-norm the sub-layer gets the normed words: norm before it, not after.": x + norm(sublayer(x)),
        "in pre-norm the sum is not normed: that comes once, at the end of the stack.": (
            norm(x + sublayer(norm(x)))
        ),
        "in pre-norm the input is added back too.": sublayer(norm(x)),
    }
    if not same(pre, right_pre, 1e-5):
        return likely_mistake(pre, likely, 1e-5) or (
            "with norm_first=True the sub-layer gets the normed words, and x is added."
        )


@exercise
def run_stack(answer):
    """each layer gets the words of the one before and the mask, and the norm comes once, last."""
    x, given = torch.ones(2, 3), torch.tensor([[True, False], [True, True]])
    calls = []

    def layer(number):
        def run(y, mask=None):
            calls.append((number, mask))
            return 3 * y + number

        return run

    def last_norm(y):
        calls.append(("norm", None))
        return y - 100

    result = answer([layer(1), layer(2), layer(3)], last_norm, x, given)
    if message := unusable(result):
        return message
    order = [number for number, _ in calls]
    if order.count("norm") > 1:
        return "the last norm comes once, after all layers."
    if "norm" not in order:
        return "the last norm is missing."
    if [number for number in order if number != "norm"] != [1, 2, 3]:
        return "call each layer once, from the first to the last."
    if any(m is not given for number, m in calls if number != "norm"):
        return "a layer did not get the mask: each of them needs it."
    if order[-1] != "norm":
        return "the norm comes last, not first."
    if not torch.equal(result, 27 * x + 18 - 100):
        return "each layer gets what the one before returned, and the norm gets the last result."


class Stack(nn.Module):
    """Holds layers, as the stacks of notebook 06 do."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers


def linear_layers(d):
    """Six of them, none like another; all biases are 0."""
    torch.manual_seed(0)
    layers = [nn.Linear(d, d) for _ in range(6)]
    for layer in layers:
        nn.init.zeros_(layer.bias)
    return layers


@exercise
def really_stacked(answer):
    """your check passes six real layers, and finds a list, one layer used again, and copies."""
    for d in (3, 5):
        if not answer(Stack(nn.ModuleList(linear_layers(d)))):
            return "it says False for six real layers. Their biases are all 0: compare the weights."
    six, copied, repeated = linear_layers(3), linear_layers(3), linear_layers(3)
    copied[4].load_state_dict(copied[1].state_dict())
    repeated[5] = repeated[0]
    faults = {
        "for six layers in a Python list: count what stack.parameters() finds.": Stack(six),
        "for one layer used six times: each layer brings parameters of its own.": (
            Stack(nn.ModuleList(six[:1] * 6))
        ),
        "for six copies: they have all the parameters, so compare their weights too.": (
            Stack(nn.ModuleList([copy.deepcopy(six[0]) for _ in range(6)]))
        ),
        "where layers 2 and 5 are copies: compare each layer with each.": Stack(nn.ModuleList(copied)),
        "where the first layer is used again as the last: one layer's parameters are missing.": (
            Stack(nn.ModuleList(repeated))
        ),
    }
    for where, stack in faults.items():
        if answer(stack):
            return f"it says True {where}"
    if not answer(Stack(nn.ModuleList(six[:5]))):
        return "it says False for five real layers: take the number of layers from stack.layers."
