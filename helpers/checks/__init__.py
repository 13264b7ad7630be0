"""The checks of all exercises: `checks.name(answer)` prints whether the answer is right."""

from helpers.checks.one_word import (
    equal_scores,
    looks_at_others,
    one_word_attention,
    scaled_scores,
    stable_softmax,
)
from helpers.checks.outline import linear_parameters, merge, outline_shape, run_chain, six_layers
from helpers.checks.start_here import broadcast_shape, mean_over_words, scale_and_shift, sentence_shapes

__all__ = [
    "broadcast_shape",
    "equal_scores",
    "linear_parameters",
    "looks_at_others",
    "mean_over_words",
    "merge",
    "one_word_attention",
    "outline_shape",
    "run_chain",
    "scaled_scores",
    "scale_and_shift",
    "sentence_shapes",
    "six_layers",
    "stable_softmax",
]
