"""The first, empty outline of the Transformer, and the attention of notebooks 02 and 03.

Nothing here is in the finished model; later notebooks put their parts into this outline one by one and
compare with its loops. Shapes: B batch, S source length, T target length, D d_model, dk width of queries and
keys, dv of values.
"""

import math

import torch
from torch import nn

from helpers.model import attention_weights


class CrossPlaceholder(nn.Module):
    """Stands in for encoder-decoder attention: takes the memory `(S, D)`, ignores it; `(T, D)` to same."""

    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x, memory):
        return self.linear(x)


class EncoderOutline(nn.Module):
    """One encoder with placeholders for self-attention and feed-forward: `(S, D)` to same."""

    def __init__(self, d_model):
        super().__init__()
        self.self_attention = nn.Linear(d_model, d_model)
        self.feed_forward = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.feed_forward(self.self_attention(x))


class DecoderOutline(nn.Module):
    """One decoder with three placeholders: `(T, D)` and the memory `(S, D)` to `(T, D)`."""

    def __init__(self, d_model):
        super().__init__()
        self.self_attention = nn.Linear(d_model, d_model)
        self.cross_attention = CrossPlaceholder(d_model)
        self.feed_forward = nn.Linear(d_model, d_model)

    def forward(self, x, memory):
        x = self.self_attention(x)
        x = self.cross_attention(x, memory)
        return self.feed_forward(x)


class TransformerOutline(nn.Module):
    """Six encoders and six decoders of placeholders: source `(S, D)` and target `(T, D)` to `(T, D)`."""

    def __init__(self, d_model=512, n_layers=6):
        super().__init__()
        self.encoders = nn.ModuleList([EncoderOutline(d_model) for _ in range(n_layers)])
        self.decoders = nn.ModuleList([DecoderOutline(d_model) for _ in range(n_layers)])

    def encode(self, source):
        for encoder in self.encoders:
            source = encoder(source)
        return source

    def forward(self, source, target):
        memory = self.encode(source)  # (S, D)
        for decoder in self.decoders:
            target = decoder(target, memory)
        return target


def attend(query, keys, values):
    """Attention for one word (equation 1 with a single query).

    Args:
        query: `(dk,)`; keys: `(S, dk)`; values: `(S, dv)`.

    Returns:
        The output `(dv,)` and the attention weights `(S,)`, which sum to 1.
    """
    scores = torch.stack([query @ key for key in keys]) / math.sqrt(len(query))  # (S,)
    weights = scores.softmax(dim=0)
    output = sum(weight * value for weight, value in zip(weights, values, strict=True))  # (dv,)
    return output, weights


def self_attention_loop(words, W_Q, W_K, W_V):
    """Self-attention, word by word: `(S, D)` and matrices `(D, dk)`, `(D, dk)`, `(D, dv)` to `(S, dv)`."""
    keys = [word @ W_K for word in words]
    values = [word @ W_V for word in words]
    outputs = [attend(word @ W_Q, keys, values)[0] for word in words]
    return torch.stack(outputs)  # (S, dv)


class SelfAttention(nn.Module):
    """One attention head as a layer with three matrices to train: `(B, S, D)` to `(B, S, dv)`."""

    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        scale = 1 / math.sqrt(d_model)
        self.W_Q = nn.Parameter(torch.randn(d_model, d_k) * scale)  # (D, dk)
        self.W_K = nn.Parameter(torch.randn(d_model, d_k) * scale)  # (D, dk)
        self.W_V = nn.Parameter(torch.randn(d_model, d_v) * scale)  # (D, dv)

    def forward(self, words):
        query, key = words @ self.W_Q, words @ self.W_K  # (B, S, dk) each
        value = words @ self.W_V  # (B, S, dv)
        return attention_weights(query, key) @ value  # (B, S, dv)


class AttendToItself(nn.Module):
    """Lets `MultiHeadAttention` stand where a part gets the words alone: `(B, S, D)` to same."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, words):
        return self.attention(words, words, words)
