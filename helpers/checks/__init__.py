"""The checks of all exercises: `checks.name(answer)` prints whether the answer is right."""

from helpers.checks.one_word import (
    looks_at_others,
    one_word_attention,
    stable_softmax,
    steer_attention,
    weights_on_paper,
)
from helpers.checks.outline import doubling, linear_parameters, outline_shape, run_chain, six_layers
from helpers.checks.start_here import broadcast_shape, mean_over_words, scale_and_shift, sentence_shapes
from helpers.checks.translation import (
    alignment_hits,
    exact_match_score,
    padding_in_batch,
    pieces_to_words,
    shifted,
)

__all__ = [
    "alignment_hits",
    "broadcast_shape",
    "doubling",
    "exact_match_score",
    "linear_parameters",
    "looks_at_others",
    "mean_over_words",
    "one_word_attention",
    "outline_shape",
    "padding_in_batch",
    "pieces_to_words",
    "run_chain",
    "scale_and_shift",
    "sentence_shapes",
    "shifted",
    "six_layers",
    "stable_softmax",
    "steer_attention",
    "weights_on_paper",
]
