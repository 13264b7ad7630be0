"""Boards of notebook 11: an encoder-decoder with one part after the other knocked out."""

from torch import nn

from helpers.experiments.add_and_norm import Wrap
from helpers.model import Transformer, causal_mask, padding_mask
from helpers.scoreboard import Board, measure_sequences, small_transformer


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


BOARDS = {
    "knockouts": Board(KNOCKOUTS, knocked_out),
}
