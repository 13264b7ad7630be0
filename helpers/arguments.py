"""Checks of arguments, one small function each, so that the classes they protect stay short.

Every message names the value, what was expected and the way out.
"""

import torch


def check_heads(d_model, n_heads):
    """Raise ValueError unless `n_heads` is at least 1 and divides `d_model`."""
    if n_heads < 1 or d_model % n_heads != 0:
        raise ValueError(
            f"d_model={d_model} cannot be split among n_heads={n_heads}: every head takes d_model / n_heads "
            f"numbers. Choose n_heads from {[h for h in range(1, min(d_model, 16) + 1) if d_model % h == 0]}."
        )


def check_even(d_model):
    """Raise ValueError unless `d_model` is even: sinusoids come in pairs of one sine and one cosine."""
    if d_model < 2 or d_model % 2 != 0:
        raise ValueError(
            f"d_model={d_model} is not an even number: positions are pairs of a sine and a cosine. "
            f"Use d_model={max(2, d_model + 1)}."
        )


def check_mask(mask, scores):
    """Raise TypeError or ValueError unless `mask` is boolean and broadcasts to the shape of `scores`."""
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise TypeError(
            f"the mask is {kind}, expected a boolean tensor, True = may attend. Of a list make "
            "torch.tensor(mask); of numbers that are added to the scores (0 or -inf), mask == 0. In "
            "nn.MultiheadAttention True means the opposite: ~mask."
        )
    fits = mask.dim() <= scores.dim() and all(
        have in (1, want) for have, want in zip(reversed(mask.shape), reversed(scores.shape), strict=False)
    )
    if not fits:
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}, which does not broadcast to the scores "
            f"{tuple(scores.shape)}, with queries and keys last. "
            "Use (T, S) for one mask for all, or (B, 1, T, S) or (B, 1, 1, S) for one per sentence."
        )


def check_ids(ids, vocab_size, max_len):
    """Raise TypeError or ValueError unless `ids` is a batch `(B, L)` of ids that the model knows."""
    if not isinstance(ids, torch.Tensor) or ids.dtype not in (torch.int64, torch.int32):
        kind = ids.dtype if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise TypeError(
            f"token ids are {kind}, expected a tensor of int64. Try torch.as_tensor(ids, dtype=torch.long)."
        )
    if ids.dim() != 2:
        raise ValueError(
            f"token ids have shape {tuple(ids.shape)}, expected (batch, length). "
            "For one sentence use ids.unsqueeze(0)."
        )
    if ids.numel() == 0:
        raise ValueError(
            f"an empty batch of shape {tuple(ids.shape)}: pass at least one sentence of one token."
        )
    check_length(ids.shape[1], max_len)
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"token id {low if low < 0 else high} is outside the vocabulary of {vocab_size} ids (0 to "
            f"{vocab_size - 1}). Was the sentence encoded with another tokeniser?"
        )


def check_same_batch(tgt, memory):
    """Raise ValueError unless target ids `(B, T)` and memory `(B, S, D)` hold equally many sentences."""
    if len(tgt) != len(memory):
        raise ValueError(
            f"{len(tgt)} target sentences meet {len(memory)} source sentences. "
            "Pass one target for each source."
        )


def check_length(length, max_len):
    """Raise ValueError when `length` positions are more than the `max_len` that were prepared."""
    if length > max_len:
        raise ValueError(
            f"a sentence of {length} tokens is longer than max_len={max_len}. "
            "Cut or split the sentence, or build the model with a larger max_len."
        )


def check_sizes(src_vocab_size, tgt_vocab_size, n_layers, pad_id):
    """Raise ValueError unless there are words and layers, and the padding id is in both vocabularies."""
    smallest = min(src_vocab_size, tgt_vocab_size)
    if smallest < 1 or n_layers < 1:
        raise ValueError(
            f"vocabularies of {src_vocab_size} and {tgt_vocab_size} ids and n_layers={n_layers}: "
            "each must be at least 1."
        )
    if not 0 <= pad_id < smallest:
        raise ValueError(
            f"pad_id={pad_id} is outside a vocabulary of {smallest} ids. "
            f"Choose a pad_id from 0 to {smallest - 1}."
        )
