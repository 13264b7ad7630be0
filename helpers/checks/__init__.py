"""The checks of all exercises: `checks.name(answer)` prints whether the answer is right.

The four `assert_...` are to keep: they find leaks in any encoder-decoder model, and raise AssertionError.
"""

from helpers.checks.a_stack_of_encoders import (
    either_order,
    pre_norm_parameters,
    really_stacked,
    run_stack,
    two_hops_on_paper,
)
from helpers.checks.add_and_norm import (
    my_add_and_norm,
    my_layer_norm,
    norm_on_paper,
    parameters_in_norms,
    six_in_a_row,
)
from helpers.checks.backprop_by_hand import (
    dropout_backward,
    gradient_on_paper,
    gradient_shapes,
    tanh_backward,
    tied_gradient,
)
from helpers.checks.decoder import (
    cross_weights_shape,
    fields_allowed,
    my_causal_check,
    my_decoder_layer,
    window_mask,
)
from helpers.checks.embeddings_and_positions import (
    first_place,
    knows_the_order,
    learned_positions,
    shift_by,
    sinusoids,
)
from helpers.checks.feed_forward import (
    feed_forward_on_paper,
    feed_forward_parameters,
    share_that_is_on,
    tent_by_hand,
    word_by_word,
)
from helpers.checks.leaks import (
    assert_causal,
    assert_padding_invariant,
    assert_positions_matter,
    assert_source_matters,
    verdict,
)
from helpers.checks.many_words import (
    attention_shapes,
    ignores_order,
    many_words_attention,
    mix_on_paper,
    right_divisor,
)
from helpers.checks.multi_head import (
    heads_and_parameters,
    join_heads,
    mix_by_einsum,
    split_on_paper,
)
from helpers.checks.one_word import (
    looks_at_others,
    one_word_attention,
    stable_softmax,
    steer_attention,
    weights_on_paper,
)
from helpers.checks.outline import doubling, linear_parameters, outline_shape, run_chain, six_layers
from helpers.checks.start_here import broadcast_shape, mean_over_words, scale_and_shift, sentence_shapes
from helpers.checks.training import (
    accuracy_on_labels,
    input_and_labels,
    my_greedy,
    shift_on_paper,
    which_fault,
)
from helpers.checks.training_that_generalises import (
    adams_first_step,
    calibration_on_paper,
    my_dropout,
    smoothed_target,
    training_step,
)
from helpers.checks.transformer import (
    masks_from_pytorch,
    tie_weights,
    untied_parameters,
    value_of_head,
    which_check_fails,
)
from helpers.checks.translation import (
    alignment_hits,
    exact_match_score,
    padding_in_batch,
    pieces_to_words,
    shifted,
)

__all__ = [
    "accuracy_on_labels",
    "adams_first_step",
    "alignment_hits",
    "assert_causal",
    "assert_padding_invariant",
    "assert_positions_matter",
    "assert_source_matters",
    "attention_shapes",
    "broadcast_shape",
    "calibration_on_paper",
    "cross_weights_shape",
    "doubling",
    "dropout_backward",
    "either_order",
    "exact_match_score",
    "feed_forward_on_paper",
    "feed_forward_parameters",
    "fields_allowed",
    "first_place",
    "gradient_on_paper",
    "gradient_shapes",
    "heads_and_parameters",
    "ignores_order",
    "input_and_labels",
    "join_heads",
    "knows_the_order",
    "learned_positions",
    "linear_parameters",
    "looks_at_others",
    "many_words_attention",
    "masks_from_pytorch",
    "mean_over_words",
    "mix_by_einsum",
    "mix_on_paper",
    "my_add_and_norm",
    "my_causal_check",
    "my_decoder_layer",
    "my_dropout",
    "my_greedy",
    "my_layer_norm",
    "norm_on_paper",
    "one_word_attention",
    "outline_shape",
    "padding_in_batch",
    "parameters_in_norms",
    "pieces_to_words",
    "pre_norm_parameters",
    "really_stacked",
    "right_divisor",
    "run_chain",
    "run_stack",
    "scale_and_shift",
    "sentence_shapes",
    "share_that_is_on",
    "shift_by",
    "shift_on_paper",
    "shifted",
    "sinusoids",
    "six_in_a_row",
    "six_layers",
    "smoothed_target",
    "split_on_paper",
    "stable_softmax",
    "steer_attention",
    "tanh_backward",
    "tent_by_hand",
    "tie_weights",
    "tied_gradient",
    "training_step",
    "two_hops_on_paper",
    "untied_parameters",
    "value_of_head",
    "verdict",
    "weights_on_paper",
    "which_check_fails",
    "which_fault",
    "window_mask",
    "word_by_word",
]
