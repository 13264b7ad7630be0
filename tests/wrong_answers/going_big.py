"""Plausible wrong answers to the exercises of notebook 17, and what the reader is told."""

import torch

from helpers.model import attention_weights


def full(query, key, value, window):
    """The mask of the lesson, which saves nothing."""
    back = torch.arange(len(query))[:, None] - torch.arange(len(query))
    return attention_weights(query, key, (back >= 0) & (back < window)) @ value


def gathered(*, first=0, extra=0, root=True, absent=True, squeeze=True, ahead=False):
    """Attention in a window with one step changed."""

    def answer(query, key, value, window):
        back = torch.arange(first, window + first + extra)
        places = torch.arange(len(query))[:, None] + (back if ahead else -back)
        there = (places >= 0) & (places < len(query))
        places = places.clamp(0, len(query) - 1)
        scores = (key[places] @ query[:, :, None])[:, :, 0] / (query.shape[-1] ** 0.5 if root else 1)
        if absent:
            scores = scores.masked_fill(~there, -1e9)
        mix = scores.softmax(dim=-1)[:, None] @ value[places]
        return mix[:, 0] if squeeze else mix

    return answer


def trained(*, keep=torch.float32, ask=torch.bfloat16, back=torch.float32, steps=1.0, times=1.0):
    """The mended training with one type or number changed."""

    def answer(weight, gradient, n, rate=0.001):
        weight = weight.to(keep)
        for _ in range(int(times * n)):
            weight = weight - steps * rate * gradient(weight.to(ask)).to(keep)
        return weight.to(back)

    return answer


WRONG = {
    "on_paper": [
        ([3072, 25, 16], "base model"),
        ([12288, 25, 16], "two products"),
        ([4096, 25, 16], "two matrices"),
        ([6144, 20, 16], "counts itself"),
        ([6144, 26, 16], "100 already"),
        ([6144, 25, 256], "instead of 4,096"),
        ([1, 2, 3], " for S"),
    ],
    "window_attention": [
        (full, "T · T or more"),
        (gathered(root=False), "root of dk"),
        (gathered(extra=1), "one more"),
        (gathered(first=1), "itself too"),
        (gathered(ahead=True), "looks ahead"),
        (gathered(absent=False), "before the text"),
        (gathered(squeeze=False), "in the middle"),
        (lambda query, key, value, window: value, "full attention with the mask"),
        (lambda query, key, value, window: (value, value), "not a pair"),
    ],
    "training_mended": [
        (trained(keep=torch.bfloat16, back=torch.bfloat16), "still do not move"),
        (trained(ask=torch.float32), "no longer asked"),
        (trained(back=torch.bfloat16), "stays in float32"),
        (trained(steps=2.0), "should take 0.1"),
        (trained(times=0.5), "100 times"),
    ],
}
