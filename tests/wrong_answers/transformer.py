"""Plausible wrong answers to the exercises of notebook 10, and what the reader is told."""

import torch

from helpers.model import causal_mask, padding_mask


def turned_round(tgt_mask, key_padding):
    return ~((tgt_mask == 0) & ~key_padding[:, None, None, :])


def no_axis(tgt_mask, key_padding):
    return (tgt_mask == 0) & ~key_padding[:, None, :]


def hides_queries(tgt_mask, key_padding):
    return (tgt_mask == 0) & ~key_padding[:, None, :, None]


def always_causal(tgt_mask, key_padding):
    return torch.ones(4, 4, dtype=torch.bool).tril() & ~key_padding[:, None, None, :]


def numbers(tgt_mask, key_padding):
    return tgt_mask.masked_fill(key_padding[:, None, None, :], -torch.inf)


def decoding(memory_mask, keep=False, causal=True):
    """A decode that zeroes the memory's padding unless told to keep it, with another mask over the memory."""

    def decode(model, tgt, memory, src):
        real = padding_mask(src, 0)
        mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, 0) if causal else padding_mask(tgt, 0)
        memory = memory if keep else memory * (src != 0).unsqueeze(-1)
        x = model.embed(tgt, model.tgt_embedding)
        return model.output(model.decoder(x, memory, mask, memory_mask(real)))

    return decode


def not_scored(model, tgt, memory, src):
    mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, 0)
    return model.decoder(model.embed(tgt, model.tgt_embedding), memory, mask, padding_mask(src, 0))


def counting(n_attention=3, n_feed_forward=2, n_norm=5, tables=1, biases=1, feed_forward_biases=1, more=0):
    def count(n_vocab, d, f, n):
        attention, feed_forward = 4 * (d * d + biases * d), 2 * d * f + feed_forward_biases * (f + d)
        layer = n_attention * attention + n_feed_forward * feed_forward + n_norm * 2 * d
        return tables * n_vocab * d + n * layer + more * 4 * d

    return count


WRONG = {
    "untied_parameters": [
        (0, "counted once"),
        (18_944_000, "not one"),
        (3 * 18_944_000, "what is added"),
        (2 * 18_944_000 + 37_000, "no bias"),
        (63_082_496, "how many matrices"),
    ],
    "masks_from_pytorch": [
        (turned_round, "everything is turned round"),
        (no_axis, "axis of size 1"),
        (hides_queries, "hide queries"),
        (always_causal, "other places"),
        (numbers, "compare the numbers with 0"),
        (lambda tgt, pad: (tgt != 0) & ~pad[:, None, None, :], "the numbers are turned round"),
        (lambda tgt, pad: (tgt != 0) & pad[:, None, None, :], "both masks are turned round"),
        (lambda tgt, pad: (tgt == 0) & pad[:, None, None, :], "the padding is turned round"),
        (lambda tgt, pad: (tgt == 0) | ~pad[:, None, None, :], "not with |"),
        (lambda tgt, pad: tgt == 0, "expected (B, 1, T, T)"),
        (lambda tgt, pad: (tgt == 0).expand(3, 1, 4, 4), "key_padding is not used"),
        (lambda tgt, pad: ~pad[:, None, None, :].expand(3, 1, 4, 4), "tgt_mask is not used"),
    ],
    "decode_fixed": [
        (decoding(lambda real: None), "a key of zeros gets a score too"),
        (decoding(lambda real: None, keep=True), "padding counts in full"),
        (decoding(lambda real: ~real, keep=True), "turned round"),
        (decoding(lambda real: real, keep=True, causal=False), "keep the causal mask"),
        (decoding(lambda real: ~real), "other logits"),
        (not_scored, "expected that of the logits"),
        (lambda model, tgt, memory, src: (memory, tgt), "not a pair"),
    ],
    "count_parameters": [
        (counting(n_attention=2), "a second attention"),
        (counting(n_feed_forward=1), "feed-forward part of the decoder"),
        (counting(tables=3), "the three tables are one"),
        (counting(tables=0), "the table of words is missing"),
        (counting(n_norm=0), "the norms are missing"),
        (counting(n_norm=2.5), "a factor and a summand"),
        (counting(n_norm=4), "three norms"),
        (counting(biases=0), "biases of the attentions"),
        (counting(feed_forward_biases=0), "biases of the feed-forward"),
        (lambda v, d, f, n: counting()(v, d, f, n) + v, "no bias"),
        (counting(more=1), "no further norm"),
        (lambda v, d, f, n: 65_000_000, "of 1000 words, d_model 64"),
    ],
}
