"""Checks for the exercises of notebook 17."""

import torch
from torch.overrides import TorchFunctionMode

from helpers.model import attention_weights
from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def on_paper(answer):
    """2D + F words, 4 new places a layer, and 4,096 scores for each place instead of 256."""
    answer = list(answer)
    likely = {
        "the first: 3,072 belongs to the base model. Here D = 1024 and F = 4096.": [3072, 25, 16],
        "the first: between words are two products, scores and mix.": [12288, 25, 16],
        "the first: the feed-forward part has two matrices.": [4096, 25, 16],
        "the second: a place counts itself, so a layer adds 4 places, not 5.": [6144, 20, 16],
        "the second: 25 layers of 4 places are 100 already.": [6144, 26, 16],
        "the third: each of the 4,096 places makes 256 scores instead of 4,096.": [6144, 25, 256],
    }
    if not same(answer, [6144, 25, 16]):
        return likely_mistake(answer, likely) or (
            "solve 4 S D² + 2 S D F = 2 S² D for S; then see how far a layer reaches; then T² over T · w."
        )


class Largest(TorchFunctionMode):
    """Remembers how many numbers the largest tensor has that a function of PyTorch returns."""

    numbers = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return result


def band(size, first, last):
    """The mask `(size, size)` under which a place sees those that are `first` to `last` places back."""
    places = torch.arange(size)
    back = places[:, None] - places  # (T, T)
    return (back >= first) & (back <= last)


@exercise
def window_attention(answer):
    """the same numbers as with the mask, from T · window scores."""
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 64, 4, generator=generator)  # (T, dk) each
    value = torch.randn(64, 3, generator=generator)  # (T, dv)

    def with_mask(mask, scale=1.0):
        return attention_weights(scale * query, key, mask) @ value  # (T, dv)

    for window in (1, 3):
        with Largest() as largest:
            result = answer(query.clone(), key.clone(), value.clone(), window)
        if message := unusable(result):
            return message
        if result.shape == value.shape[:1] + (1,) + value.shape[1:]:
            return f"the result has shape {tuple(result.shape)}: take the 1 in the middle away again."
        if largest.numbers >= 64 * 64:
            return f"on the way there is a tensor of {largest.numbers:,} numbers, for T = 64: T · T or more."
        if same(result, with_mask(band(64, 0, window - 1)), atol=1e-5):
            continue
        likely = {
            "the scores are not divided by the root of dk.": with_mask(band(64, 0, window - 1), scale=2.0),
            "a window holds the place itself and window - 1 before it; yours holds one more.": with_mask(
                band(64, 0, window)
            ),
            "a place looks at itself too.": with_mask(band(64, 1, window)),
            "the window looks ahead: places that come later are not to be seen.": with_mask(
                band(64, 1 - window, 0)
            ),
        }
        if message := likely_mistake(
            result[window:-window], {k: v[window:-window] for k, v in likely.items()}, 1e-5
        ):
            return message
        if same(result[window:], with_mask(band(64, 0, window - 1))[window:], atol=1e-5):
            return "the first places go wrong: a place before the text must get no weight at all."
        return f"with a window of {window} it is not what full attention with the mask gives."


@exercise
def training_mended(answer):
    """small steps add up in float32, and the products are still asked for in bfloat16."""
    asked = []

    def gradient(weight):
        asked.append(weight.dtype)
        return torch.full_like(weight, 0.5)

    given = torch.tensor([1.0, 0.7, 2.0])
    result = answer(given.clone(), gradient, 200, 0.001)
    if message := unusable(result):
        return message
    if len(asked) != 200:
        return f"for 200 steps the gradient was asked for {len(asked)} times."
    if any(kind != torch.bfloat16 for kind in asked):
        return "the gradient is no longer asked for in bfloat16: hand it a copy of the weight in that type."
    if same(result, given.bfloat16()):
        return "the weights still do not move: each step is rounded away before the next one comes."
    if result.dtype != torch.float32:
        return f"the weights come back in {result.dtype}: the copy that adds up the steps stays in float32."
    if not same(result, given - 200 * 0.001 * 0.5, atol=1e-3):
        return "200 steps of 0.001 times 0.5 should take 0.1 away from each weight."
