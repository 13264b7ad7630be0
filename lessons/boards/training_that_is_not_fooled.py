"""Boards of notebook 11: four loops on `1 0 1 0`, and an encoder-decoder with its parts knocked out."""

import random

import torch
from torch import nn

from helpers.data import PAD_ID, make_batch
from helpers.model import Transformer, causal_mask, padding_mask
from lessons.boards.add_and_norm import Wrap
from lessons.scoreboard import (
    FIRST_ID,
    Board,
    fit,
    free_running,
    measure_sequences,
    small_transformer,
    teacher_forced,
)


class NoCausalMask(Transformer):
    """Its decoder sees the whole target, without padding."""

    def may_attend(self, size):
        return causal_mask(size) | True  # (T, T)

    def decode(self, tgt, memory, src_mask):
        mask = self.may_attend(tgt.shape[-1]) & padding_mask(tgt, self.pad_id)  # (B, 1, T, T)
        x = self.decoder(self.embed(tgt, self.tgt_embedding), memory, mask, src_mask)  # (B, T, D)
        return self.output(x)  # (B, T, V)


class WrongPolarity(NoCausalMask):
    """Its causal mask is the wrong way round: a word sees what follows it, and the last word nothing."""

    def may_attend(self, size):
        return ~causal_mask(size)


class Skip(nn.Module):
    """Stands in the place of `AddAndNorm` and leaves out the sub-layer and its norm."""

    def forward(self, x, sublayer):
        return x


def no_cross_attention():
    """The small Transformer whose decoder never looks at the memory."""
    model = small_transformer()
    for layer in model.decoder.layers:
        layer.add_and_norm[1] = Skip()
    return model


def no_positions():
    """The small Transformer without positions on either side."""
    model = small_transformer()
    model.positions = nn.Identity()
    return model


def no_residuals():
    """The small Transformer with norms, but without residual connections on either side."""
    model = small_transformer()
    for layer in [*model.encoder.layers, *model.decoder.layers]:
        layer.add_and_norm = nn.ModuleList(Wrap(residual=False) for _ in layer.add_and_norm)
    return model


def knocked_out(row, seed):
    """Teacher-forced and free-running scores of all sequence tasks. `row` goes to `measure_sequences`."""
    return measure_sequences(seed=seed, **row)


KNOCKOUTS = {
    "all parts": {"make_model": small_transformer},
    "no causal mask": {"make_model": lambda: small_transformer(NoCausalMask)},
    "mask of the wrong polarity": {"make_model": lambda: small_transformer(WrongPolarity)},
    "no label shift": {"make_model": small_transformer, "shift": False},
    "no cross-attention": {"make_model": no_cross_attention},
    "no positions": {"make_model": no_positions},
    "no residuals": {"make_model": no_residuals},
    "no residuals, rate 0.0005": {"make_model": no_residuals, "lr": 5e-4},
}


# The sequence 1 0 1 0: the source repeats the first symbol, once for each place of the target.
HELD_OUT, LONGER = (5, 9, 14), (21, 22, 23, 24)


def others(held_out=HELD_OUT):
    """The lengths 1 to 20 that are left for training."""
    return tuple(n for n in range(1, 21) if n not in held_out)


def one_zero(lengths):
    """Encoded pairs, two for each length: 1 1 1 -> 1 0 1 and 0 0 0 -> 0 1 0."""
    zero, one = FIRST_ID, FIRST_ID + 1
    starts = ((one, zero), (zero, one))
    return [([a] * n, [a if i % 2 == 0 else b for i in range(n)]) for n in lengths for a, b in starts]


def train_one_zero(
    make_model=Transformer, *, shift=True, seed=0, lr=4e-3, decay=1.0, steps=1500, warmup=30,
    held_out=HELD_OUT,
):  # fmt: skip
    """Train a small model on batches of 16 pairs, with a warm-up and a rate that then falls to 0.

    With `shift=False` the decoder's input are the labels themselves. `decay` is AdamW's weight decay. `lr`,
    `decay` and `steps` were chosen by looking at the held-out lengths 5 9 14, 6 7 8 and 2 13 19.
    """
    torch.manual_seed(seed)
    model = make_model(FIRST_ID + 2, FIRST_ID + 2, d_model=32, n_heads=4, d_ff=64, n_layers=1, dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=decay)
    pairs, chance = one_zero(others(held_out)), random.Random(seed)

    def learn_from(step):
        batch = make_batch(chance.choices(pairs, k=16))
        logits = model(batch.src, batch.tgt_in if shift else batch.labels).flatten(0, 1)  # (B * T, V)
        return nn.functional.cross_entropy(logits, batch.labels.flatten(), ignore_index=PAD_ID)

    return fit(model, learn_from, steps=steps, lr=lr, warmup=warmup, fall=True, optimiser=optimiser)


def score_one_zero(model, shift=True, held_out=HELD_OUT):
    """Teacher-forced and free-running score on lengths trained, held out, and longer than any trained."""
    scores = {}
    for name, lengths in {"trained": others(held_out), "held out": held_out, "longer": LONGER}.items():
        batch = make_batch(one_zero(lengths))
        scores[f"{name}, teacher-forced"] = teacher_forced(model, batch, shift)
        scores[f"{name}, free-running"] = free_running(model, batch)
    return scores


def one_zero_scores(row, seed):
    """Train and score one row."""
    model = train_one_zero(seed=seed, **row)
    return score_one_zero(model, row.get("shift", True), row.get("held_out", HELD_OUT))


ONE_ZERO = {
    "no shift, no mask": {"make_model": NoCausalMask, "shift": False},
    "mask only": {"shift": False},
    "shift only": {"make_model": NoCausalMask},
    "shift and mask": {},
    "no shift, no mask, rate 0.002": {"make_model": NoCausalMask, "shift": False, "lr": 2e-3},
    "shift only, rate 0.002": {"make_model": NoCausalMask, "lr": 2e-3},
    "shift and mask, rate 0.002": {"lr": 2e-3},
    "shift and mask, weight decay 0.1": {"decay": 0.1},
    "shift and mask, no weight decay": {"decay": 0.0},
    "shift and mask, not trained": {"steps": 0},
}
ONE_ZERO |= {
    f"shift and mask, without {' '.join(map(str, lengths))}": {"held_out": lengths}
    for lengths in [(6, 7, 8), (2, 13, 19), (3, 10, 16), (4, 11, 17)]
}


BOARDS = {
    "knockouts": Board(KNOCKOUTS, knocked_out),
    "one_zero": Board(ONE_ZERO, one_zero_scores),
}
