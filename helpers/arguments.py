"""Checks of arguments, one small function each, so that the classes they protect stay short.

Every message names the value, what was expected and the way out.
"""

import math
from collections.abc import Iterable, Sized
from itertools import chain
from numbers import Integral, Real

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
    if not fits or (2 < mask.dim() < scores.dim() and len(mask) > 1):  # (B, T, S) or (H, T, S)?
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}, which does not broadcast to the scores "
            f"{tuple(scores.shape)}, with queries and keys last, or may mean sentences as well as heads. "
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


def check_pad_id(model, pad_id):
    """Raise ValueError when the model takes another id for padding than the batches of `helpers.data`."""
    if getattr(model, "pad_id", pad_id) != pad_id:
        raise ValueError(
            f"the model has pad_id={model.pad_id}, but batches are padded with {pad_id}. "
            f"Build the model with pad_id={pad_id}."
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


def check_counts(lowest=1, **counts):
    """Raise ValueError unless each is a whole number of at least `lowest`, of 63 bits at most."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or not lowest <= count < 2**63:
            raise ValueError(f"{name}={count!r}: expected a whole number, at least {lowest} and below 2**63.")


def check_positive(**numbers):
    """Raise ValueError unless each is a finite number above 0."""
    for name, number in numbers.items():
        if not isinstance(number, Real) or not 0 < number < math.inf:
            raise ValueError(f"{name}={number!r}: expected a finite number above 0.")


def check_not_negative(**numbers):
    """Raise ValueError unless each is a finite number, 0 or above."""
    for name, number in numbers.items():
        if not isinstance(number, Real) or not 0 <= number < math.inf:
            raise ValueError(f"{name}={number!r}: expected a number of at least 0, and finite.")


def check_beam(beam_size, length_penalty, n_best=None):
    """Raise ValueError unless a beam search can be done with these."""
    check_counts(beam_size=beam_size)
    check_not_negative(length_penalty=length_penalty)
    if n_best is not None:
        check_counts(n_best=n_best)
        if n_best > beam_size:
            raise ValueError(
                f"n_best={n_best} of beam_size={beam_size}: so many are not kept. Use a larger beam_size."
            )


def check_sampling(temperature, top_k, top_p):
    """Raise ValueError unless tokens can be drawn with these."""
    check_positive(temperature=temperature, top_p=top_p)
    if top_k is not None:
        check_counts(top_k=top_k)
    if top_p > 1:
        raise ValueError(f"top_p={top_p!r}: expected a probability above 0 and at most 1.")


def check_logits(logits):
    """Raise ValueError when a model's logits are not numbers; -inf, for a word that is forbidden, may be."""
    if logits.sum().isnan():
        raise ValueError("the model's logits are NaN: its weights are damaged. Load it again.")


def check_shares(**shares):
    """Raise ValueError unless each is a number from 0 to below 1."""
    for name, share in shares.items():
        if not isinstance(share, Real) or not 0 <= share < 1:
            raise ValueError(f"{name}={share!r}: expected a number from 0 to below 1.")


def check_flags(**flags):
    """Raise ValueError unless each is True or False."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f"{name}={flag!r}: expected True or False.")


def check_sizes(
    src_vocab_size, tgt_vocab_size, d_model, n_heads, d_ff, n_layers, dropout, norm_first, tie_weights,
    joint_vocabulary, max_len, pad_id,
):  # fmt: skip
    """Raise ValueError unless a `Transformer` can be built with these arguments."""
    check_counts(src_vocab_size=src_vocab_size, tgt_vocab_size=tgt_vocab_size, max_len=max_len)
    check_counts(d_model=d_model, n_heads=n_heads, d_ff=d_ff, n_layers=n_layers)
    check_shares(dropout=dropout)
    check_flags(norm_first=norm_first, tie_weights=tie_weights, joint_vocabulary=joint_vocabulary)
    if joint_vocabulary and src_vocab_size != tgt_vocab_size:
        raise ValueError(
            f"joint_vocabulary=True with src_vocab_size={src_vocab_size}, tgt_vocab_size={tgt_vocab_size}: "
            "a joint vocabulary has one size. Encode both sides with one tokeniser, or use False."
        )
    smallest = min(src_vocab_size, tgt_vocab_size)
    if pad_id not in range(smallest):
        raise ValueError(
            f"pad_id={pad_id} is outside a vocabulary of {smallest} ids. "
            f"Choose a pad_id from 0 to {smallest - 1}."
        )


def check_pairs(pairs):
    """The pairs as a list. Raises TypeError unless each is a tuple or list of two, with a length each."""
    pairs = list(pairs)
    for pair in pairs:
        if (
            not isinstance(pair, tuple | list)
            or len(pair) != 2
            or not all(isinstance(s, Sized) for s in pair)
        ):
            raise TypeError(
                f"{repr(pair)[:60]} is no pair: expected (source, target), two texts or two lists of ids."
            )
    return pairs


def check_rows(rows):
    """Rows of token ids as a list of lists. Raises TypeError or ValueError unless they are whole numbers."""
    rows = [[*row] for row in rows]
    if not rows:
        raise ValueError("no rows of token ids: pass a list of at least one.")
    for kind in set(map(type, chain.from_iterable(rows))):
        if kind is bool or not issubclass(kind, Integral):
            raise TypeError(
                f"a row of token ids holds {kind.__name__}, expected whole numbers. encode_pairs makes them "
                "of texts, tolist() of tensors."
            )
    return rows


def check_seed(seed):
    """The seed as an int, or None. Raises ValueError if it is neither."""
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral)):
        raise ValueError(f"seed={seed!r}: expected a whole number, or None.")
    return None if seed is None else int(seed)


def check_batches(batches):
    """Raise TypeError for a single batch in the place of a list of batches."""
    if hasattr(batches, "labels"):
        raise TypeError("this is a single Batch, expected a list of batches. Write [batch].")


def check_batch(model, batch):
    """Raise as `check_ids` unless a `Transformer` can read a batch and predict its labels."""
    for ids, table in zip(batch, (model.src_embedding, model.tgt_embedding, model.output), strict=True):
        check_ids(ids, len(table.weight), model.max_len)


def check_labels(logits, labels, pad_id):
    """Raise ValueError unless logits `(B, T, V)` fit labels `(B, T)`, of which some are not padding."""
    if logits.dim() != 3 or labels.shape != logits.shape[:2]:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)} do not fit: "
            "expected (B, T, V) and (B, T)."
        )
    if (labels == pad_id).all():
        raise ValueError(f"all labels are padding, id {pad_id}: there is nothing to predict. Leave them out.")
    low, high, vocab_size = int(labels.min()), int(labels.max()), logits.shape[2]
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"label {low if low < 0 else high} is outside the vocabulary of {vocab_size} ids. Padding is "
            f"{pad_id} here, not -100 as in PyTorch."
        )


def check_weights(model, way_out="Build or load it again."):
    """Raise FloatingPointError unless all weights are finite."""
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(f"the model's {name} holds NaN or infinity. {way_out}")


def check_trainable(model):
    """Raise ValueError or FloatingPointError unless the weights of a model can be trained."""
    kinds = {p.dtype for p in model.parameters()} - {torch.float32, torch.float64, torch.bfloat16}
    if kinds:
        raise ValueError(
            f"weights in {kinds.pop()} do not survive a training: call model.float(). With a config of "
            "bfloat16=True it is the faster way."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("no weight of the model asks for a gradient: call model.requires_grad_(True).")
    check_weights(model)


def check_texts(texts):
    """The texts as a list. Raises TypeError or ValueError unless each is a str that UTF-8 can hold."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        kind = "one string" if isinstance(texts, str) else type(texts).__name__
        raise TypeError(f"{repr(texts)[:40]} is {kind}, expected a list of texts. Write [text].")
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{repr(text)[:40]} among the texts is {type(text).__name__}, expected str.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{text[:40]!r} holds half a character ({error.reason}). Read the file with the encoding "
                'that it was written in, or write text.encode(errors="replace").decode().'
            ) from error
    return texts


def check_tokenizer(tokenizer, vocab_size=None):
    """Raise ValueError when a tokeniser pads or cuts, or has not the `vocab_size` of the model."""
    for name in ("padding", "truncation"):
        if getattr(tokenizer, name, None):
            raise ValueError(f"the tokeniser has {name} switched on: call tokenizer.no_{name}().")
    if vocab_size not in (None, tokenizer.get_vocab_size()):
        raise ValueError(
            f"the tokeniser has {tokenizer.get_vocab_size()} subwords, the model knows {vocab_size}. "
            "Use the tokeniser that the model was trained with."
        )


DEVICES = ["auto", "cpu", "cuda", "mps"]


def choose_device(name):
    """The device of that name; "auto" takes cuda, else mps, else cpu. Raises ValueError if it is not here."""
    cuda = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    here = cuda * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name not in ("auto", "meta", *here):  # "meta" holds shapes without numbers
        raise ValueError(f"device {name}: PyTorch finds none on this machine, only {', '.join(here)}.")
    return here[0] if name == "auto" else name


def one_line(error):
    """The message of an exception, as a command prints it."""
    return str(error).partition("\n")[0] or type(error).__name__
