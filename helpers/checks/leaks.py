"""Checks to keep: properties that every encoder-decoder Transformer must have, whoever wrote it.

Each check takes a model that is called as `(src, tgt)`, ids `(B, S)` and `(B, T)`, and returns `(B, T, V)`,
and a batch for it. It says nothing when the property holds, and raises AssertionError with the likely mistake
when it does not. The model runs in eval mode without gradients; every part is left in the mode it was in.

`atol` is the largest difference that counts as none, for outputs up to 1; it grows with larger outputs.
"""

from contextlib import contextmanager

import torch
from torch import nn

from helpers.model import eval_mode


def assert_causal(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when an output changes with a target word after it (section 3.2.3).

    Every word of `tgt` but the first is exchanged once, together with all that follow it.
    """
    if tgt.shape[1] < 2:
        raise ValueError(f"tgt has shape {tuple(tgt.shape)}: to change the future, pass two words or more.")
    with _running(model, "causal", src, tgt, pad_id, atol) as run:
        before = run(src, tgt)  # (B, T, V)
        for place in range(1, tgt.shape[1]):
            edited = tgt.clone()
            edited[:, place:] = _other_ids(tgt, pad_id)[:, place:]
            moved = run.largest((run(src, edited) - before)[:, :place], (tgt != pad_id)[:, :place])
            if moved > run.atol:
                raise AssertionError(
                    f"not causal: a change of target word {place} and those after it (counted from 0) moves "
                    f"earlier outputs by {moved:.2g}. Likely mistakes: the decoder's self-attention has no "
                    "causal mask; the mask has the wrong polarity (here True = may attend, in "
                    "nn.Transformer True = blocked); its triangle is shifted or transposed; or the model "
                    "reads its labels."
                )


def assert_padding_invariant(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when padding, appended or already there, changes the output of a real word."""
    with _running(model, "padding", src, tgt, pad_id, atol) as run:
        before, real = run(src, tgt), tgt != pad_id  # (B, T, V), (B, T)
        width = tgt.shape[1]
        for side, where in (("source", "encoder's self-attention and to cross-attention (memory)"),
                            ("target", "decoder's self-attention")):  # fmt: skip
            longer = [torch.nn.functional.pad(ids, (0, 3), value=pad_id) for ids in (src, tgt)]
            after = run(longer[0], tgt) if side == "source" else run(src, longer[1])
            moved = run.largest(after[:, :width] - before, real)
            if moved > run.atol:
                raise AssertionError(
                    f"padding changes answers: three more padded words at the end of the {side} move the "
                    f"outputs of real words by {moved:.2g}. Likely mistakes: no padding mask is given to the "
                    f"{where}, or it has the wrong polarity, or it hides queries instead of keys."
                )
        for row in ((src == pad_id).any(dim=1) | ~real.all(dim=1)).nonzero().flatten().tolist():
            alone = [ids[row : row + 1, : _used(ids[row], pad_id)] for ids in (src, tgt)]
            moved = run.largest(run(*alone) - before[row : row + 1, : alone[1].shape[1]], alone[1] != pad_id)
            if moved > run.atol:
                raise AssertionError(
                    f"padding changes answers: sentence {row} alone, without its padding, moves its outputs "
                    f"by {moved:.2g}. Likely mistake: a mask for the whole batch is made from one sentence, "
                    "or an attention of the model gets no padding mask."
                )


def assert_source_matters(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when another source leaves the outputs of some sentence as they are."""
    with _running(model, "source", src, tgt, pad_id, atol) as run:
        moves = run(_other_ids(src, pad_id), tgt) - run(src, tgt)  # (B, T, V)
        for row in range(len(src)):
            if run.largest(moves[row : row + 1], tgt[row : row + 1] != pad_id) <= run.atol:
                raise AssertionError(
                    f"the source does not matter: all words of source {row} were exchanged, and no output of "
                    "that sentence moved. Likely mistakes: the decoder has no cross-attention, or takes its "
                    "keys and values from the target; the memory is never passed on; or the mask hides all "
                    "of the memory."
                )


def assert_positions_matter(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when the order of the source words, or the place of a target word, is not seen.

    The source is read backwards. The target becomes one word again and again: without positions all its
    outputs are equal, in any number of layers, with a causal mask or without.
    """
    backwards = src.clone()
    for row in range(len(src)):
        used = _used(src[row], pad_id)
        backwards[row, :used] = src[row, :used].flip(0)
    reordered = (backwards != src).any(dim=1)
    if not reordered.any() or tgt.shape[1] < 2:
        raise ValueError(
            "to look for positions, pass a source that differs from itself read backwards and a target of "
            f"two words or more, not {src.tolist()} and {tgt.tolist()}."
        )
    with _running(model, "position", src, tgt, pad_id, atol) as run:
        before = run(src, tgt)
        moves = run(backwards, tgt) - before  # (B, T, V)
        again = run(src, tgt[tgt != pad_id][:1].expand_as(tgt))  # (B, T, V)
        for row in reordered.nonzero().flatten().tolist():
            if run.largest(moves[row : row + 1], tgt[row : row + 1] != pad_id) <= run.atol:
                raise AssertionError(
                    f"positions do not matter in the source: source {row} read backwards gives the same "
                    "outputs. Likely mistake: positions are not added to the source's embeddings (or the "
                    "result of adding them is not used)."
                )
        if run.largest(again - again[:, :1]) <= run.atol:
            raise AssertionError(
                "positions do not matter in the target: one word repeated gives equal outputs at all places. "
                "Likely mistake: positions are not added to the target's embeddings (or the result of adding "
                "them is not used)."
            )


class _Run:
    """A model in eval mode that checks the shape of its outputs, and how far they may move."""

    def __init__(self, model, name):
        self.model, self.name, self.atol = model, name, 0.0

    def __call__(self, src, tgt):
        logits = self.model(src, tgt)
        if not isinstance(logits, torch.Tensor) or logits.dim() != 3 or logits.shape[:2] != tgt.shape:
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise AssertionError(
                f"{self.name} check: outputs {shape} for a target {tuple(tgt.shape)}, expected (B, T, V). "
                "Likely mistake: batch_first=True is missing, or the outputs are transposed."
            )
        return logits.double()

    def largest(self, difference, real=None):
        """The largest entry of a difference `(B, T, V)`, at the real places `(B, T)` only."""
        chosen = difference[real] if real is not None else difference
        if chosen.isnan().any():
            raise AssertionError(
                f"{self.name} check: outputs are not numbers (NaN). Likely mistake: a mask leaves some word "
                "nothing to attend to, because it has the wrong polarity or hides whole queries."
            )
        return chosen.abs().max().item() if chosen.numel() else 0.0


@contextmanager
def _running(model, name, src, tgt, pad_id, atol):
    """Run the model without gradients, dropout and PyTorch's fast path; first see that no batch leaks."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it drops padded columns, and warns
    try:
        with eval_mode(model) if isinstance(model, nn.Module) else torch.no_grad():
            run = _Run(model, name)
            together = run(src, tgt)  # (B, T, V)
            run.atol = atol * max(1.0, together.nan_to_num().abs().max().item())
            pairs = [(_other_ids(ids, pad_id, strict=False), ids) for ids in (src, tgt)]
            behind = run(*map(torch.cat, pairs))[len(src) :]  # (B, T, V): other sentences stand before them
            if run.largest(behind - together, tgt != pad_id) > run.atol:
                raise AssertionError(
                    f"{name} check: a sentence gets other outputs when other sentences join its batch, so "
                    "sentences read each other or their place in the batch. Likely mistake: batch_first=True "
                    "is missing in a layer of torch.nn, a softmax runs over the wrong axis, or positions are "
                    "added along the batch."
                )
            yield run
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _used(ids, pad_id):
    """The length of a sentence `(L,)` without the padding at its end, at least 1."""
    real = (ids != pad_id).nonzero()
    return int(real[-1]) + 1 if len(real) else 1


def _other_ids(ids, pad_id, strict=True):
    """Every id exchanged for the next larger one that occurs in `ids`, the largest for the smallest."""
    known = ids[ids != pad_id].unique()  # sorted
    if len(known) < 2 and strict:
        raise ValueError(
            f"the sentences hold only the ids {known.tolist()}: to exchange words, pass two different "
            "ones or more."
        )
    following = known[(torch.searchsorted(known, ids.contiguous()) + 1) % len(known)] if len(known) else ids
    return torch.where(ids == pad_id, ids, following)
