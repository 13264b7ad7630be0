"""Checks for the exercises of notebook 10."""

import torch
from torch import nn

from helpers.model import Transformer, causal_mask, padding_mask
from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def untied_parameters(answer):
    """one matrix serves three times, so two more of 37,000 times 512 are needed without tying."""
    matrix = 37_000 * 512
    likely = {
        "a shared matrix is counted once: without tying there are more.": 0,
        "two parts borrow the matrix of the target's embedding, not one.": matrix,
        "one of the three is there with tying as well: count what is added.": 3 * matrix,
        "the output layer has no bias, tied or not.": 2 * matrix + 37_000,
    }
    if answer != 2 * matrix:
        return likely_mistake(answer, likely) or (
            "how many matrices with one row of 512 numbers for each word are there, tied and not?"
        )


@exercise
def masks_from_pytorch(answer):
    """0 means may attend, blocked is turned round, and both must allow."""
    tgt_mask = torch.full((4, 4), -torch.inf).triu(1)
    key_padding = torch.tensor([[False] * 4, [False, False, True, True], [False, False, False, True]])
    result = answer(tgt_mask.clone(), key_padding.clone())
    if message := unusable(result):
        return message
    if result.dtype != torch.bool:
        return f"a mask here is boolean, yours holds {result.dtype}: compare the numbers with 0."
    allowed, real = tgt_mask == 0, ~key_padding[:, None, None, :]
    if result.shape == (3, 4, 4):
        return "the shape is (B, T, T): put an axis of size 1 for the heads in between."
    if result.shape != (3, 1, 4, 4):
        return f"the shape is {tuple(result.shape)}, expected (B, 1, T, T) = (3, 1, 4, 4)."
    likely = {
        "everything is turned round: True is to mean 'may attend'.": ~(allowed & real),
        "both masks are turned round: 0 and False (not blocked) mean may attend.": ~allowed & ~real,
        "the numbers are turned round: 0 is added where a word may attend.": ~allowed & real,
        "the padding is turned round: in key_padding True means blocked.": allowed & ~real,
        "a key must be allowed by both masks, so join them with &, not with |.": allowed | real,
        "you hide queries: key_padding belongs to the last axis.": allowed & real.transpose(-2, -1),
        "key_padding is not used.": allowed.expand(3, 1, 4, 4),
        "tgt_mask is not used.": real.expand(3, 1, 4, 4),
    }
    if not same(result, allowed & real):
        return likely_mistake(result, likely) or (
            "a place is True where tgt_mask adds 0 and the key is not padding."
        )
    window = tgt_mask.masked_fill(torch.ones(4, 4, dtype=torch.bool).tril(-2), -torch.inf)
    if not torch.equal(answer(window.double(), key_padding), (window == 0) & real):
        return "right for a causal mask only: read tgt_mask, it may block other places."


def batch_for_decoding():
    """A model whose weights all matter, a source and a target with padding, and the right logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Transformer(20, 20, 16, 4, 32, 2, dropout=0.0)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    src = torch.tensor([[3, 4, 5, 6, 7, 0, 0, 0], [8, 9, 10, 11, 0, 0, 0, 0]])  # (B, S)
    tgt = torch.tensor([[1, 12, 13, 14, 12, 15], [1, 16, 17, 18, 19, 0]])  # (B, T)
    with torch.no_grad():
        return model, src, tgt, model(src, tgt)


@exercise
def decode_fixed(answer):
    """a key of zeros still gets a score and its share of the softmax, and only a mask takes that away."""
    model, src, tgt, right = batch_for_decoding()
    real = tgt != 0  # (B, T)
    with torch.no_grad():
        memory = model.encode(src)  # (B, S, D)
        result = answer(model, tgt.clone(), memory.clone(), src.clone())
        if message := unusable(result):
            return message
        if result.shape != right.shape:
            return f"the shape is {tuple(result.shape)}, expected that of the logits, {tuple(right.shape)}."
        x, causal = model.embed(tgt, model.tgt_embedding), causal_mask(6)
        mask, over_memory = causal & padding_mask(tgt, 0), padding_mask(src, 0)
        zeros = memory * (src != 0).unsqueeze(-1)
        likely = {
            "padding still counts: a key of zeros gets a score too, and its share.": (zeros, mask),
            "padding counts in full: the mask of the source is the decoder's last argument.": (memory, mask),
            "the mask of the source is turned round: True means may attend.": (memory, mask, ~over_memory),
            "the decoder now sees what comes next: keep the causal mask.": (
                memory,
                padding_mask(tgt, 0),
                over_memory,
            ),
        }
        likely = {key: model.output(model.decoder(x, *wrong))[real] for key, wrong in likely.items()}
    if not same(result[real], right[real], atol=1e-4):
        return likely_mistake(result[real], likely, atol=1e-4) or (
            "real words get other logits than with a mask over the padding of the memory."
        )


SIZES = ((1000, 64, 128, 2), (50, 8, 8, 1), (37_000, 512, 2048, 6))  # vocabulary, D, F, layers


@exercise
def count_parameters(answer):
    """one table, three attentions, two feed-forward parts and five norms in each pair of layers."""
    for n_vocab, d, f, n in SIZES:
        attention, feed_forward, norm = 4 * (d * d + d), 2 * d * f + f + d, 2 * d
        right = n_vocab * d + n * (3 * attention + 2 * feed_forward + 5 * norm)
        likely = {
            "a decoder layer has a second attention, over the memory.": right - n * attention,
            "the feed-forward part of the decoder is missing.": right - n * feed_forward,
            "tied, the three tables are one.": right + 2 * n_vocab * d,
            "the table of words is missing.": right - n_vocab * d,
            "the norms are missing: each holds a factor and a summand for each of the D numbers.": right
            - n * 5 * norm,
            "a norm holds two numbers for each of the D, a factor and a summand.": right - n * 5 * d,
            "a decoder layer has three norms.": right - n * norm,
            "the biases of the attentions are missing.": right - n * 12 * d,
            "the biases of the feed-forward parts are missing.": right - n * 2 * (f + d),
            "the output layer has no bias.": right + n_vocab,
            "there is no further norm at the end of a tower.": right + 2 * norm,
        }
        result = answer(n_vocab, d, f, n)
        if not same(result, right):
            return likely_mistake(result, likely) or (
                f"of {n_vocab} words, d_model {d}, d_ff {f} and {n} layers you count {result}, and the model "
                f"has {right}."
            )
