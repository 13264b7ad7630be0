"""Plausible wrong answers to the exercises of notebook 08, and what the reader is told."""

import torch


def swapped(x, sublayer, norm, norm_first):
    return norm(x + sublayer(x)) if norm_first else x + sublayer(norm(x))


def order(pre, post=lambda x, sublayer, norm: norm(x + sublayer(x))):
    """Add and norm with one of the two orders changed."""
    return lambda x, sublayer, norm, norm_first: (pre if norm_first else post)(x, sublayer, norm)


def right_pre(x, sublayer, norm):
    return x + sublayer(norm(x))


def no_mask(layers, last_norm, x, mask):
    for layer in layers:
        x = layer(x)
    return last_norm(x)


def norm_each_time(layers, last_norm, x, mask):
    for layer in layers:
        x = last_norm(layer(x, mask))
    return x


def no_norm(layers, last_norm, x, mask):
    for layer in layers:
        x = layer(x, mask)
    return x


def norm_first(layers, last_norm, x, mask):
    x = last_norm(x)
    for layer in layers:
        x = layer(x, mask)
    return x


def all_on_the_input(layers, last_norm, x, mask):
    for layer in layers:
        y = layer(x, mask)
    return last_norm(y)


def backwards(layers, last_norm, x, mask):
    for layer in reversed(layers):
        x = layer(x, mask)
    return last_norm(x)


def in_place(x, sublayer, norm, norm_first):
    x += sublayer(norm(x)) if norm_first else sublayer(x)
    return x if norm_first else norm(x)


def all_registered(stack):
    found = sum(parameter.numel() for parameter in stack.parameters())
    return found == sum(parameter.numel() for layer in stack.layers for parameter in layer.parameters())


def all_different(stack):
    return len({tuple(layer.weight.flatten().tolist()) for layer in stack.layers}) == len(stack.layers)


def neighbours_differ(stack):
    pairs = zip(stack.layers, stack.layers[1:], strict=False)
    return all_registered(stack) and not any(torch.equal(a.weight, b.weight) for a, b in pairs)


def no_parameters_alike(stack):
    parameters = [tuple(parameter.flatten().tolist()) for parameter in stack.parameters()]
    return all_registered(stack) and len(set(parameters)) == len(parameters)


def different_objects(stack):
    return all_registered(stack) and len(set(map(id, stack.layers))) == len(stack.layers)


def registered_and_six(stack):
    return all_registered(stack) and all_different(stack) and len(stack.layers) == 6


WRONG = {
    "two_hops_on_paper": [
        ([3, 2, 1, 0], "one hop"),
        ([1, 3, 0, 2], "sentence itself"),
        ([0, 1, 2, 3], "too many"),
        ([2, 2, 3, 1], "occurs once"),
        ([2, 0, 1, 3], "count from 0"),
    ],
    "pre_norm_parameters": [
        (0, "one more"),
        (512, "factors and summands"),
        (6144, "not in each layer"),
        (12288, "which both have"),
        (13312, "only what is added"),
        (2, "what is in a norm"),
    ],
    "either_order": [
        (swapped, "wrong way round"),
        (lambda x, s, norm, norm_first: norm(x + s(x)), "use norm_first"),
        (order(lambda x, s, norm: norm(x) + s(norm(x))), "not the normed ones"),
        (order(lambda x, s, norm: x + norm(s(x))), "before it, not after"),
        (order(lambda x, s, norm: norm(x + s(norm(x)))), "end of the stack"),
        (order(lambda x, s, norm: s(norm(x))), "added back too"),
        (in_place, "changes x itself"),
        (order(right_pre, lambda x, s, norm: norm(s(x))), "with norm_first=False"),
    ],
    "run_stack": [
        (no_mask, "did not get the mask"),
        (norm_each_time, "comes once"),
        (no_norm, "is missing"),
        (norm_first, "not first"),
        (all_on_the_input, "the one before returned"),
        (backwards, "from the first to the last"),
        (lambda layers, last_norm, x, mask: last_norm(layers[-1](x, mask)), "call each layer once"),
    ],
    "really_stacked": [
        (all_different, "Python list"),
        (all_registered, "for six copies"),
        (lambda stack: any(True for _ in stack.parameters()), "used six times"),
        (lambda stack: len(stack.layers) == 6, "Python list"),
        (different_objects, "for six copies"),
        (neighbours_differ, "layers 2 and 5"),
        (no_parameters_alike, "biases are all 0"),
        (registered_and_six, "five real layers"),
        (lambda stack: not (all_registered(stack) and all_different(stack)), "for six real layers"),
    ],
}
