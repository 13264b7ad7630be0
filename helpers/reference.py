"""The same Transformer out of the parts of `torch.nn`, with the same weights, in both directions.

What differs on the way: `torch.nn` keeps query, key and value of an attention in one matrix, calls True in a
mask "blocked", and ends both stacks of its post-norm model with a normalisation that the paper does not have.
"""

import math
import re

import torch
from torch import nn

from helpers.arguments import check_ids
from helpers.model import PositionalEncoding, Transformer, causal_mask

# Names of parts, ours and theirs. Query, key and value, which they keep in one matrix, are joined apart.
NAMES = (
    ("self_attention.", "self_attn."),
    ("cross_attention.", "multihead_attn."),
    ("projection.", "out_proj."),
    ("feed_forward.widen.", "linear1."),
    ("feed_forward.narrow.", "linear2."),
    ("add_and_norm.0.norm.", "norm1."),
    ("add_and_norm.1.norm.", "norm2."),
    ("add_and_norm.2.norm.", "norm3."),
)


class TorchTransformer(nn.Module):
    """An encoder-decoder of `torch.nn` parts: token ids `(B, S)` and `(B, T)` to logits `(B, T, V)`.

    A sentence that is nothing but padding gives NaN here, and zeros from attention in `helpers.model`. With
    PyTorch's fast path (eval mode without gradients) outputs at padded places differ; real places agree.
    """

    def __init__(
        self, src_vocab_size, tgt_vocab_size, d_model, n_heads, d_ff, n_layers, dropout, norm_first, max_len,
        pad_id,
    ):  # fmt: skip
        super().__init__()
        sizes = (d_model, n_heads, d_ff, dropout)
        how = {"batch_first": True, "norm_first": norm_first}
        last_norm = [nn.LayerNorm(d_model) if norm_first else None for _ in range(2)]
        self.pad_id = pad_id
        self.src_embedding = nn.Embedding(src_vocab_size, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab_size, d_model)
        self.register_buffer("table", PositionalEncoding(d_model, 0.0, max_len).table, persistent=False)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(*sizes, **how)
        encoder = nn.TransformerEncoder(layer, n_layers, last_norm[0], enable_nested_tensor=False)
        decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(*sizes, **how), n_layers, last_norm[1])
        self.transformer = nn.Transformer(
            d_model, n_heads, custom_encoder=encoder, custom_decoder=decoder, batch_first=True
        )
        self.output = nn.Linear(d_model, tgt_vocab_size, bias=False)

    def embed(self, ids, embedding):
        check_ids(ids, embedding.num_embeddings, len(self.table))
        return self.dropout(embedding(ids) * math.sqrt(embedding.embedding_dim) + self.table[: ids.shape[1]])

    def forward(self, src, tgt):
        src_padding, tgt_padding = src == self.pad_id, tgt == self.pad_id  # True = blocked
        x = self.transformer(
            self.embed(src, self.src_embedding),
            self.embed(tgt, self.tgt_embedding),
            tgt_mask=~causal_mask(tgt.shape[1]).to(tgt.device),
            src_key_padding_mask=src_padding,
            tgt_key_padding_mask=tgt_padding,
            memory_key_padding_mask=src_padding,
        )  # (B, T, D)
        return self.output(x)  # (B, T, V)


def to_torch(model):
    """A `TorchTransformer` with the weights of a `helpers.model.Transformer`, called like it.

    Weights are copied, in their dtype and on their device; tied ones stay tied.

    Raises:
        TypeError: another kind of model.
    """
    if not isinstance(model, Transformer):
        raise TypeError(f"to_torch takes a helpers.model.Transformer, not {type(model).__name__}.")
    layer = model.encoder.layers[0]
    module = TorchTransformer(
        model.src_embedding.num_embeddings, model.tgt_embedding.num_embeddings,
        model.tgt_embedding.embedding_dim, layer.self_attention.n_heads,
        layer.feed_forward.widen.out_features, len(model.encoder.layers),
        layer.add_and_norm[0].dropout.p, layer.add_and_norm[0].norm_first, model.max_len, model.pad_id,
    )  # fmt: skip
    module.table = model.positions.table.clone()
    return _filled(module, model, _their_state(model.state_dict()))


def from_torch(module):
    """A `helpers.model.Transformer` with the weights of a `TorchTransformer`: the way back of `to_torch`.

    Raises:
        TypeError: another kind of model.
        ValueError: the module was built with something that the paper's model does not have.
    """
    if not isinstance(module, TorchTransformer):
        raise TypeError(
            f"from_torch takes what to_torch returns, a TorchTransformer, not {type(module).__name__}. "
            "Build one of the right sizes and load your weights into it."
        )
    layer = module.transformer.encoder.layers[0]
    model = Transformer(
        module.src_embedding.num_embeddings, module.tgt_embedding.num_embeddings, module.table.shape[1],
        layer.self_attn.num_heads, layer.linear1.out_features, len(module.transformer.encoder.layers),
        layer.dropout.p, layer.norm_first, False, len(module.table), module.pad_id,
    )  # fmt: skip
    if layer.activation is not nn.functional.relu:
        raise ValueError(f"the activation is {layer.activation}, and the paper's model has ReLU only.")
    model.positions.table = module.table.clone()
    return _filled(model, module, _our_state(module.state_dict()))


def _filled(new, old, state):
    """`new` with the weights `state`, and with ties, dtype, device and mode of `old`."""
    new.to(old.output.weight)
    for name in ("output", "src_embedding"):
        if getattr(old, name).weight is old.tgt_embedding.weight:
            getattr(new, name).weight = new.tgt_embedding.weight
    try:
        new.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the two models have different parts: {error}. The paper's post-norm stacks end in no norm, and "
            "encoder and decoder have equally many layers."
        ) from error
    return new.train(old.training)


def _their_state(state):
    """Our state dict under their names."""
    theirs = {}
    for name, tensor in state.items():
        for ours, other in NAMES:
            name = name.replace(ours, other)
        name = re.sub(r"^(encoder|decoder)\.", r"transformer.\1.", name)
        if match := re.fullmatch(r"(.*)\.(query|key|value)\.(weight|bias)", name):
            if match[2] == "query":
                rest = [state[_ours(f"{match[1]}.{part}.{match[3]}")] for part in ("key", "value")]
                theirs[f"{match[1]}.in_proj_{match[3]}"] = torch.cat([tensor, *rest])
        else:
            theirs[name] = tensor
    return theirs


def _our_state(state):
    """Their state dict under our names."""
    ours = {}
    for name, tensor in state.items():
        if match := re.fullmatch(r"(.*)\.in_proj_(weight|bias)", name):
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                ours[_ours(f"{match[1]}.{part}.{match[2]}")] = piece
        else:
            ours[_ours(name)] = tensor
    return ours


def _ours(name):
    """Our name of their part."""
    for ours, theirs in NAMES:
        name = name.replace(theirs, ours)
    return name.removeprefix("transformer.")
