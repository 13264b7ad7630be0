"""Checks to keep: properties that every encoder-decoder Transformer must have, whoever wrote it.

Each check takes a model that is called as `(src, tgt)`, ids `(B, S)` and `(B, T)`, and returns `(B, T, V)`,
and a batch for it. It says nothing when the property holds, and raises AssertionError with the likely mistake
when it does not. The model runs in eval mode without gradients; every part is left in the mode it was in.

`atol` is the largest difference that counts as none, for outputs of size 1; it grows with larger outputs. A
complaint is looked at once more with a copy of the model in double precision, so that rounding is no leak.
Input that can show nothing is refused with ValueError.
"""

import copy
from contextlib import contextmanager, suppress

import torch
from torch import nn

from helpers.arguments import check_counts, check_same_batch, check_shares
from helpers.model import eval_mode

ROUNDING = 1e-10  # what moves by more than this in double precision has moved


def assert_causal(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when an output changes with what follows in the target (section 3.2.3).

    At each place the rest of the target is exchanged, turned into padding, and cut off.
    """
    _confirm(_check_causal, model, src, tgt, pad_id, atol)


def _check_causal(run, src, tgt):
    real = tgt != run.pad_id  # (B, T)
    if real.sum(dim=1).max() < 2:
        raise ValueError(
            f"tgt, of shape {tuple(tgt.shape)}, has no future that could change: pass two words or more."
        )
    before, others = run(src, tgt), _other_ids(tgt, run.pad_id)
    for place in range(1, tgt.shape[1]):
        padded = torch.full_like(tgt[:, place:], run.pad_id)
        for rest, what in ((others[:, place:], "another word"), (padded, "padding"), (tgt[:, :0], "nothing")):
            after = run(src, torch.cat([tgt[:, :place], rest], dim=1), f"{what} from target word {place} on")
            moved = run.largest(after[:, :place], before[:, :place], real[:, :place])
            if moved > run.atol:
                raise AssertionError(
                    f"not causal: {what} in the place of target word {place} (counted from 0) and those "
                    f"after it moves earlier outputs by {moved:.2g}. Likely mistakes: the decoder's "
                    "self-attention has no causal mask; the mask has the wrong polarity (here True = may "
                    "attend, in nn.Transformer True = blocked); its triangle is shifted or transposed; "
                    "or the model reads its labels, or how many there are."
                )


def assert_padding_invariant(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when padding at the end of a sentence changes the output of a real word."""
    _confirm(_check_padding, model, src, tgt, pad_id, atol)


def _check_padding(run, src, tgt):
    for side, where in (("source", "encoder's self-attention and to cross-attention (memory)"),
                        ("target", "decoder's self-attention")):  # fmt: skip
        ids = src if side == "source" else tgt
        length = max(1, ids.shape[1] - 3)
        short, longer = ids[:, :length], ids.clone()
        longer[:, length:] = run.pad_id
        if length == ids.shape[1]:  # a single word: nothing can be taken away
            longer = nn.functional.pad(ids, (0, 3), value=run.pad_id)
        pairs = [(x, tgt) if side == "source" else (src, x) for x in (short, longer)]
        before, after = (run(*pair, f"padding at the end of the {side}") for pair in pairs)
        real = pairs[0][1] != run.pad_id
        moved = run.largest(after[:, : before.shape[1]], before, real)
        if moved > run.atol:
            raise AssertionError(
                f"padding changes answers: padding at the end of the {side} moves the outputs of real words "
                f"by {moved:.2g}. Likely mistakes: no padding mask is given to the {where}, or it has the "
                "wrong polarity, or it hides queries instead of keys."
            )
    together = run(src, tgt)
    padded = (src == run.pad_id).any(dim=1) | (tgt == run.pad_id).any(dim=1)  # (B,)
    for row in padded.nonzero().flatten().tolist():
        alone = [ids[row : row + 1, : _used(ids[row], run.pad_id)] for ids in (src, tgt)]
        after = run(*alone, f"sentence {row} without its padding")
        moved = run.largest(after, together[row : row + 1, : after.shape[1]], alone[1] != run.pad_id)
        if moved > run.atol:
            raise AssertionError(
                f"padding changes answers: sentence {row} alone, without its padding, moves its outputs by "
                f"{moved:.2g}. Likely mistake: a mask for the whole batch is made from one sentence, or an "
                "attention of the model gets no padding mask."
            )


def assert_source_matters(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when a source word is exchanged and no output of its sentence moves."""
    _confirm(_check_source, model, src, tgt, pad_id, atol)


def _check_source(run, src, tgt):
    before, others = run(src, tgt), _other_ids(src, run.pad_id)
    rows = (src != run.pad_id).any(dim=1) & (tgt != run.pad_id).any(dim=1)  # sentences with something to see
    if not run.moves(run(others, tgt), before, tgt)[rows].all():
        raise AssertionError(
            "the source does not matter: all words of some source were exchanged, and no output of that "
            "sentence moved. Likely mistakes: the decoder has no cross-attention, or takes its keys and "
            "values from the target; the memory is never passed on; or the mask hides all of the memory."
        )
    for place in range(src.shape[1]):
        edited = src.clone()
        edited[:, place] = others[:, place]
        if not run.moves(run(edited, tgt), before, tgt)[rows & (edited != src).any(dim=1)].all():
            raise AssertionError(
                f"a part of the source does not matter: source word {place} (counted from 0) was exchanged, "
                "and no output of that sentence moved. Likely mistakes: the source is cut short, or a mask "
                "hides it from encoder and decoder."
            )


def assert_positions_matter(model, src, tgt, *, pad_id=0, atol=1e-5):
    """Raise AssertionError when the order of the source words, or the place of a target word, is not seen.

    The source is read backwards. The target becomes one word again and again: without positions all its
    outputs are equal, in any number of layers, with a causal mask or without.
    """
    _confirm(_check_positions, model, src, tgt, pad_id, atol)


def _check_positions(run, src, tgt):
    backwards = src.clone()
    for row in range(len(src)):
        used = _used(src[row], run.pad_id)
        backwards[row, :used] = src[row, :used].flip(0)
    rows = (backwards != src).any(dim=1) & (tgt != run.pad_id).any(dim=1)
    if not rows.any() or tgt.shape[1] < 2:
        raise ValueError(
            "to look for positions, pass a source that differs from itself read backwards and a target of "
            f"two words or more, not {src.tolist()} and {tgt.tolist()}."
        )
    if not run.moves(run(backwards, tgt), run(src, tgt), tgt)[rows].all():
        raise AssertionError(
            "positions do not matter in the source: some source read backwards gives the same outputs. "
            "Likely mistake: positions are not added to the source's embeddings (or the sum is not used)."
        )
    one_word = tgt[tgt != run.pad_id][:1].expand_as(tgt)
    again = run(src, one_word)  # (B, T, V)
    if not run.moves(again, again[:, :1].expand_as(again), one_word).any():
        raise AssertionError(
            "positions do not matter in the target: one word repeated gives equal outputs at all places. "
            "Likely mistake: positions are not added to the target's embeddings (or the sum is not used)."
        )


def verdict(check, model, src, tgt):
    """The first words of what a kept check says of a model, or "holds"; built in notebook 09."""
    try:
        check(model, src, tgt)
    except AssertionError as message:
        return str(message).split(":")[0]
    return "holds"


def _confirm(check, model, src, tgt, pad_id, atol):
    """Raise what `check(run, src, tgt)` complains of, unless a model in double precision is free of it."""
    if not callable(model):
        raise TypeError(f"the model is {type(model).__name__}: pass what is called as (src, tgt).")
    _refuse(src, tgt, pad_id, atol)
    complaint = _complaint(check, model, src, tgt, pad_id, atol)
    if complaint and (twin := _in_double(model)):
        with suppress(Exception):  # it does not run in double precision
            complaint = _complaint(check, twin, src, tgt, pad_id, atol)
    if complaint:
        raise complaint


def _complaint(check, model, src, tgt, pad_id, atol):
    """The AssertionError of a check, or None."""
    try:
        with _running(model, check.__name__.removeprefix("_check_"), pad_id, atol) as run:
            _assert_no_batch_leak(run, src, tgt)
            check(run, src, tgt)
    except AssertionError as complaint:
        return complaint


def _refuse(src, tgt, pad_id, atol):
    """Raise ValueError for arguments with which every model, or none, would pass."""
    check_shares(atol=atol)
    check_counts(lowest=0, pad_id=pad_id)
    for name, ids in (("src", src), ("tgt", tgt)):
        is_tensor = isinstance(ids, torch.Tensor)
        if not is_tensor or ids.dtype not in (torch.int64, torch.int32) or ids.dim() != 2 or not ids.numel():
            found = f"{ids.dtype} of shape {tuple(ids.shape)}" if is_tensor else type(ids).__name__
            raise ValueError(
                f"{name} is {found}, expected ids as an int64 tensor (sentences, words) that is not empty. "
                "For one sentence pass torch.tensor([ids])."
            )
    check_same_batch(tgt, src)
    if not ((src != pad_id).any(dim=1) & (tgt != pad_id).any(dim=1)).any():
        raise ValueError(
            f"pad_id={pad_id} is all that some side of each sentence holds: pass words in src and in tgt."
        )


def _assert_no_batch_leak(run, src, tgt):
    """The same call gives the same outputs, and sentences do not read the others of their batch."""
    together, again, real = run(src, tgt), run(src, tgt), tgt != run.pad_id
    run.measure(together)
    if run.largest(again, together, real) > run.atol:
        raise AssertionError(
            f"{run.name} check: the model gives other outputs each time, in eval mode. Likely mistake: "
            "dropout that does not know the mode, such as F.dropout(x, p) without training=self.training."
        )
    others = [_other_ids(ids, run.pad_id, strict=False) for ids in (src, tgt)]
    for first in (True, False):
        pairs = [(a, b) if first else (b, a) for a, b in zip((src, tgt), others, strict=True)]
        joined = run(*map(torch.cat, pairs), "more sentences in the batch")
        mine = joined[: len(src)] if first else joined[len(src) :]
        if run.largest(mine, together, real) > run.atol:
            raise AssertionError(
                f"{run.name} check: a sentence gets other outputs when other sentences join its batch, so "
                "sentences read each other or their place in the batch. Likely mistake: batch_first=True is "
                "missing in a layer of torch.nn, a softmax runs over the wrong axis, or positions are added "
                "along the batch."
            )


class _Run:
    """A model in eval mode that checks the shape of its outputs and measures how far they move."""

    def __init__(self, model, name, pad_id, atol):
        self.model, self.name, self.pad_id, self.atol = model, name, pad_id, atol
        self.worked = False

    def __call__(self, src, tgt, what="the batch"):
        try:
            logits = self.model(src, tgt)
        except Exception as error:
            if not self.worked:
                raise
            raise AssertionError(
                f"{self.name} check: with {what} the model stops with {type(error).__name__}: {error} Likely "
                "mistake: a mask made from the wrong side, or sizes that fit one batch only."
            ) from error
        if not isinstance(logits, torch.Tensor) or logits.dim() != 3 or logits.shape[:2] != tgt.shape:
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise AssertionError(
                f"{self.name} check: outputs {shape} for a target {tuple(tgt.shape)}, expected (B, T, V). "
                "Likely mistake: batch_first=True is missing, or the outputs are transposed."
            )
        if not logits.is_floating_point() or not logits.numel():
            raise ValueError(f"outputs are {logits.dtype} of shape {tuple(logits.shape)}, expected scores.")
        self.worked = True
        return logits

    def measure(self, logits):
        """Scale the tolerances to the usual size of the outputs, so that single huge ones do not count."""
        sizes = logits[logits.isfinite()].abs()
        size = max(1.0, sizes.median().item()) if sizes.numel() else 1.0
        exact = logits.dtype == torch.float64
        self.least = (ROUNDING if exact else self.atol) * size
        self.atol = (max(self.atol, ROUNDING) if exact else self.atol) * size

    def distance(self, after, before):
        """How far each entry has moved `(B, T, V)`; equal infinities have not moved."""
        return torch.where(after == before, 0.0, (after - before).abs().double())

    def largest(self, after, before, real):
        """The farthest that an entry has moved, at the real places `(B, T)`."""
        chosen = self.distance(after, before)[real]
        if chosen.isnan().any():
            raise AssertionError(
                f"{self.name} check: outputs are not numbers (NaN). Likely mistake: a mask leaves some word "
                "nothing to attend to, because it has the wrong polarity or hides whole queries."
            )
        return chosen.max().item() if chosen.numel() else 0.0

    def moves(self, after, before, tgt):
        """Whether some output at a real place of each sentence has moved at all: `(B,)`."""
        self.largest(after, before, tgt != self.pad_id)  # not a number?
        moved = self.distance(after, before).amax(dim=-1).masked_fill(tgt == self.pad_id, 0.0)  # (B, T)
        return moved.amax(dim=1) > self.least


@contextmanager
def _running(model, name, pad_id, atol):
    """Run the model without gradients, dropout and PyTorch's fast path, which drops padded columns."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with eval_mode(model) if isinstance(model, nn.Module) else torch.no_grad():
            yield _Run(model, name, pad_id, atol)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _in_double(model):
    """A copy of a model in double precision, or None where there is nothing to gain or no way to make one."""
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else []
    if not any(p.dtype == torch.float32 for p in parameters):
        return None
    try:
        return copy.deepcopy(model).double()
    except Exception:  # a reader's model can be anything
        return None


def _used(ids, pad_id):
    """The length of a sentence `(L,)` without the padding at its end, at least 1."""
    real = (ids != pad_id).nonzero()
    return int(real[-1]) + 1 if len(real) else 1


def _other_ids(ids, pad_id, strict=True):
    """Every id exchanged for the next larger one that occurs in `ids`, the largest for the smallest."""
    known = ids[ids != pad_id].unique()  # sorted
    if len(known) < 2 and strict:
        raise ValueError(
            f"the sentences hold only the ids {known.tolist()}: to exchange words, pass two different ones "
            "or more."
        )
    following = known[(torch.searchsorted(known, ids.contiguous()) + 1) % len(known)] if len(known) else ids
    return torch.where(ids == pad_id, ids, following)
