"""The Transformer of "Attention Is All You Need" (Vaswani et al., 2017), part by part.

Shapes: B batch, S source length, T target length, D d_model, H heads, dk = D / H, F feed-forward width,
V vocabulary. A mask is boolean and **True means "may attend"**; it broadcasts to (B, H, T, S).
"""

import math
from contextlib import contextmanager

import torch
from torch import nn

from helpers.arguments import (
    check_even,
    check_heads,
    check_ids,
    check_length,
    check_mask,
    check_same_batch,
    check_sizes,
)


def causal_mask(size):
    """The mask `(size, size)` under which position i may attend to positions 0..i (section 3.2.3)."""
    return torch.ones(size, size, dtype=torch.bool).tril()


def padding_mask(ids, pad_id):
    """The mask `(B, 1, 1, S)` of token ids `(B, S)`: queries may attend to every key that is not padding."""
    return (ids != pad_id)[:, None, None, :]


def attention_weights(query, key, mask=None):
    """Attention weights `softmax(query key^T / sqrt(dk))` of equation 1.

    Args:
        query: `(..., T, dk)`; key: `(..., S, dk)`.
        mask: boolean, True = may attend, broadcasts to the result.

    Returns:
        `(..., T, S)`; each row sums to 1, or is all 0 where a query may attend to nothing.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    if mask is None:
        return scores.softmax(dim=-1)
    check_mask(mask, scores)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return weights.masked_fill(~mask, 0.0)


class MultiHeadAttention(nn.Module):
    """Several attention heads side by side (section 3.2.2).

    Called as `(query, key, value, mask=None)` with query `(B, T, D)`, key and value `(B, S, D)` and a boolean
    mask (True = may attend) that broadcasts to `(B, H, T, S)`; returns `(B, T, D)`. Without B works too. A
    query that may attend to nothing gets the bias of the last projection. See `record_attention` for the
    weights.

    Raises:
        ValueError: `d_model` is not divisible by `n_heads`, or the mask does not fit.
        TypeError: the mask is not boolean.
    """

    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        check_heads(d_model, n_heads)
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.projection = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def split_heads(self, x):
        """`(B, L, D)` to `(B, H, L, dk)`."""
        x = x.unflatten(-1, (self.n_heads, -1))  # (B, L, H, dk)
        return x.transpose(-3, -2)  # (B, H, L, dk)

    def forward(self, query, key, value, mask=None):
        query = self.split_heads(self.query(query))  # (B, H, T, dk)
        key = self.split_heads(self.key(key))  # (B, H, S, dk)
        value = self.split_heads(self.value(value))  # (B, H, S, dk)
        weights = attention_weights(query, key, mask)  # (B, H, T, S)
        heads = self.dropout(weights) @ value  # (B, H, T, dk)
        joined = heads.transpose(-3, -2).flatten(-2)  # (B, T, D)
        return self.projection(joined)


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between, word by word (section 3.3, equation 2): `(B, L, D)` to same."""

    def __init__(self, d_model, d_ff, dropout=0.0):
        super().__init__()
        self.widen = nn.Linear(d_model, d_ff)
        self.narrow = nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        hidden = self.widen(x).relu()  # (B, L, F)
        return self.narrow(self.dropout(hidden))  # (B, L, D)


class PositionalEncoding(nn.Module):
    """Adds sinusoids to the embeddings (section 3.5), then dropout (section 5.4): `(B, L, D)` to same.

    The table is computed, not trained, and is not stored in checkpoints.

    Raises:
        ValueError: `d_model` is odd, or a sentence is longer than `max_len`.
    """

    def __init__(self, d_model, dropout=0.0, max_len=512):
        super().__init__()
        check_even(d_model)
        position = torch.arange(max_len).unsqueeze(1)  # (max_len, 1)
        even = torch.arange(0, d_model, 2)  # (D / 2,)
        angle = position / 10000 ** (even / d_model)  # (max_len, D / 2)
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (max_len, D)
        self.register_buffer("table", table, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        check_length(x.shape[-2], len(self.table))
        return self.dropout(x + self.table[: x.shape[-2]])


class AddAndNorm(nn.Module):
    """A residual connection and a layer normalisation round one sub-layer (section 3.1): `(B, L, D)` to same.

    `norm_first=False` normalises after the addition, as in the paper; `norm_first=True` before the sub-layer.
    """

    def __init__(self, d_model, dropout=0.0, norm_first=False):
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x, sublayer):
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each inside `AddAndNorm` (section 3.1): `(B, S, D)` to same."""

    def __init__(self, d_model, n_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        wraps = [AddAndNorm(d_model, dropout, norm_first) for _ in range(2)]
        self.add_and_norm = nn.ModuleList(wraps)

    def forward(self, x, mask=None):
        x = self.add_and_norm[0](x, lambda y: self.self_attention(y, y, y, mask))
        return self.add_and_norm[1](x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Masked self-attention, attention over the memory `(B, S, D)`, and feed-forward (section 3.1).

    `(B, T, D)` to same.
    """

    def __init__(self, d_model, n_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.cross_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        wraps = [AddAndNorm(d_model, dropout, norm_first) for _ in range(3)]
        self.add_and_norm = nn.ModuleList(wraps)

    def forward(self, x, memory, mask=None, memory_mask=None):
        x = self.add_and_norm[0](x, lambda y: self.self_attention(y, y, y, mask))
        x = self.add_and_norm[1](x, lambda y: self.cross_attention(y, memory, memory, memory_mask))
        return self.add_and_norm[2](x, self.feed_forward)


class Encoder(nn.Module):
    """Stacked encoder layers on `(B, S, D)`; pre-norm ends in one normalisation, post-norm in none."""

    def __init__(self, d_model, n_heads, d_ff, n_layers, dropout=0.1, norm_first=False):
        super().__init__()
        layers = [EncoderLayer(d_model, n_heads, d_ff, dropout, norm_first) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if norm_first else nn.Identity()

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers on vectors `(B, T, D)`; every layer reads the same memory `(B, S, D)`."""

    def __init__(self, d_model, n_heads, d_ff, n_layers, dropout=0.1, norm_first=False):
        super().__init__()
        layers = [DecoderLayer(d_model, n_heads, d_ff, dropout, norm_first) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if norm_first else nn.Identity()

    def forward(self, x, memory, mask=None, memory_mask=None):
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask)
        return self.norm(x)


class Transformer(nn.Module):
    """The encoder-decoder Transformer: token ids `(B, S)` and `(B, T)` to logits `(B, T, V)`.

    With `tie_weights=True` the output layer shares the target embedding's weights. With
    `joint_vocabulary=True`, one vocabulary for both languages, the source embedding shares them too (section
    3.4). The default sizes are the paper's base model; dropout also falls on attention weights and inside the
    feed-forward part, as in the authors' own code.

    Raises:
        ValueError: ids outside the vocabulary, a sentence longer than `max_len`, an empty batch, sizes that
            do not fit.
        TypeError: token ids that are not integers.
    """

    def __init__(
        self, src_vocab_size, tgt_vocab_size, d_model=512, n_heads=8, d_ff=2048, n_layers=6, dropout=0.1,
        norm_first=False, tie_weights=True, joint_vocabulary=False, max_len=512, pad_id=0,
    ):  # fmt: skip
        super().__init__()
        sizes = (d_model, n_heads, d_ff, n_layers, dropout, norm_first)
        check_sizes(src_vocab_size, tgt_vocab_size, *sizes, tie_weights, joint_vocabulary, max_len, pad_id)
        self.pad_id, self.max_len, self.scale = pad_id, max_len, math.sqrt(d_model)
        self.src_embedding = nn.Embedding(src_vocab_size, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab_size, d_model)
        self.positions = PositionalEncoding(d_model, dropout, max_len)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.output = nn.Linear(d_model, tgt_vocab_size, bias=False)
        self.initialise(d_model)
        if tie_weights:
            self.output.weight = self.tgt_embedding.weight
            if joint_vocabulary:
                self.src_embedding.weight = self.tgt_embedding.weight

    def initialise(self, d_model):
        """Matrices by Xavier's rule, biases 0; embeddings and output N(0, 1 / d_model)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in (self.src_embedding, self.tgt_embedding, self.output):
            nn.init.normal_(module.weight, std=d_model**-0.5)

    def embed(self, ids, embedding):
        """Token ids `(B, L)` to vectors with positions `(B, L, D)`."""
        check_ids(ids, embedding.num_embeddings, self.max_len)
        return self.positions(embedding(ids) * self.scale)  # (B, L, D)

    def encode(self, src):
        """Source ids `(B, S)` to the memory `(B, S, D)`."""
        return self.encoder(self.embed(src, self.src_embedding), padding_mask(src, self.pad_id))

    def decode(self, tgt, memory, src_mask):
        """Target ids `(B, T)`, memory `(B, S, D)` and its mask `(B, 1, 1, S)` to logits `(B, T, V)`."""
        check_same_batch(tgt, memory)
        mask = causal_mask(tgt.shape[-1]).to(tgt.device) & padding_mask(tgt, self.pad_id)  # (B, 1, T, T)
        x = self.decoder(self.embed(tgt, self.tgt_embedding), memory, mask, src_mask)  # (B, T, D)
        return self.output(x)  # (B, T, V)

    def forward(self, src, tgt):
        return self.decode(tgt, self.encode(src), padding_mask(src, self.pad_id))


@contextmanager
def eval_mode(model):
    """Put the model into eval mode, without gradients, and leave the mode of every part as it was."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module, mode in training.items():
            module.training = mode


@contextmanager
def record_attention(model):
    """Record the attention weights of every layer while the model runs: the one way to get them for pictures.

    >>> with record_attention(model) as maps:
    ...     model(src, tgt)
    >>> maps["decoder.layers.0.cross_attention"]    # (B, H, T, S), before dropout

    Each call of the model replaces what the call before recorded.
    """
    maps, hooks = {}, []
    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):

            def keep(_, inputs, name=name):
                maps[name] = inputs[0].detach()

            hooks.append(module.dropout.register_forward_pre_hook(keep))
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
