"""Plausible wrong answers to the exercises of notebook 01, and what the reader is told."""

from torch import nn


def in_pairs(encoders, decoders, source, target):
    for encoder, decoder in zip(encoders, decoders, strict=False):
        source = encoder(source)
        target = decoder(target, source)
    return target


def encoders_forgotten(encoders, decoders, source, target):
    for decoder in decoders:
        target = decoder(target, source)
    return target


def always_the_source(encoders, decoders, source, target):
    for encoder in encoders:
        memory = encoder(source)
    for decoder in decoders:
        target = decoder(target, memory)
    return target


def always_the_first_target(encoders, decoders, source, target):
    for encoder in encoders:
        source = encoder(source)
    for decoder in decoders:
        written = decoder(target, source)
    return written


def memory_handed_on(encoders, decoders, source, target):
    for encoder in encoders:
        source = encoder(source)
    for decoder in decoders:
        target, source = decoder(target, source), target
    return target


WRONG = {
    "linear_parameters": [
        (512 * 64, "forgot the 64 biases"),
        (512 * 64 + 512, "that comes out, not"),
        (576, "multiply"),
        ("32832", "without quotes"),
    ],
    "two_towers": [
        (in_pairs, "all encoders run first"),
        (encoders_forgotten, "the source itself"),
        (always_the_source, "every encoder got the source"),
        (always_the_first_target, "in order"),
        (memory_handed_on, "all of them read the same"),
        (lambda encoders, decoders, source, target: source, "begins with the target"),
    ],
    "six_layers": [
        (lambda d_model: None, "returns nothing"),
        (lambda d_model: [nn.Linear(d_model, d_model) for _ in range(6)], "plain list"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model)] * 6), "same layer"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(5)]), "not six"),
    ],
}
