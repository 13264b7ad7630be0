"""The same Transformer out of the parts of `torch.nn`, with the same weights, in both directions.

What differs on the way: `torch.nn` keeps query, key and value of an attention in one matrix, calls True in a
mask "blocked", and ends both stacks of its post-norm model with a normalisation that the paper does not have.
"""

import itertools
import math
import re

import torch
from torch import nn

from helpers.arguments import check_ids
from helpers.checkpoints import describe
from helpers.model import AddAndNorm, MultiHeadAttention, PositionalEncoding, Transformer, causal_mask

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

    Weights are copied, in their dtype and on their device; tied ones stay tied, frozen ones frozen. The two
    agree to 1e-13 or so in float64. In float32 it is some 1e-6, and nearly 1e-5 at 512 wide and eight layers.

    Raises:
        TypeError: another kind of model.
        ValueError: the model was changed after it was built, so that its layers differ.
    """
    methods = ("embed", "encode", "decode", "forward")
    if not isinstance(model, Transformer) or any(
        getattr(type(model), name) is not getattr(Transformer, name) for name in methods
    ):
        raise TypeError(f"to_torch takes a helpers.model.Transformer as it is, not {type(model).__name__}.")
    attentions = [part for part in model.modules() if isinstance(part, MultiHeadAttention)]
    wraps = [part for part in model.modules() if isinstance(part, AddAndNorm)]
    _the_same("number of heads", [part.n_heads for part in attentions])
    _the_same("norm_first", [part.norm_first for part in wraps])
    _the_same("eps of the norms", [1e-5] + [part.norm.eps for part in wraps])
    _the_same("dropout", [part.p for part in model.modules() if isinstance(part, nn.Dropout)])
    _the_same("scale of the embeddings", [math.sqrt(model.tgt_embedding.embedding_dim), model.scale])
    sizes = {
        "src_vocab_size": model.src_embedding.num_embeddings,
        "tgt_vocab_size": model.tgt_embedding.num_embeddings,
        "d_model": model.tgt_embedding.embedding_dim,
        "n_heads": attentions[0].n_heads,
        "d_ff": model.encoder.layers[0].feed_forward.widen.out_features,
        "n_layers": len(model.encoder.layers),
        "dropout": model.positions.dropout.p,
        "norm_first": wraps[0].norm_first,
        "max_len": model.max_len,
        "pad_id": model.pad_id,
    }
    with torch.device("meta"):
        _the_same_parts(describe(Transformer(**sizes)), model)
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten
        module = TorchTransformer(**sizes)
    module.table = model.positions.table.clone()
    return _filled(module, model, _their_state)


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
    encoder, decoder = module.transformer.encoder.layers, module.transformer.decoder.layers
    layers = [*encoder, *decoder]
    attentions = [part for part in module.modules() if isinstance(part, nn.MultiheadAttention)]
    dropouts = [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    _the_same("number of heads", [part.num_heads for part in attentions])
    _the_same("norm_first", [layer.norm_first for layer in layers])
    _the_same("activation", ["ReLU"] + [_name_of(layer.activation) for layer in layers])
    _the_same("eps of the norms", [1e-5] + [p.eps for p in module.modules() if isinstance(p, nn.LayerNorm)])
    _the_same("dropout", dropouts + [part.dropout for part in attentions])
    with torch.random.fork_rng(devices=[]):
        model = Transformer(
            module.src_embedding.num_embeddings,
            module.tgt_embedding.num_embeddings,
            d_model=module.table.shape[1],
            n_heads=attentions[0].num_heads,
            d_ff=layers[0].linear1.out_features,
            n_layers=len(encoder),
            dropout=dropouts[0],
            norm_first=layers[0].norm_first,
            tie_weights=False,  # ties come with the weights
            max_len=len(module.table),
            pad_id=module.pad_id,
        )
    model.positions.table = module.table.clone()
    return _filled(model, module, _our_state)


def _the_same(what, values):
    """Raise ValueError unless all values are equal."""
    if len(set(values)) > 1:
        raise ValueError(
            f"{what}: {sorted(set(values), key=str)} in one model. The two sides correspond only where all "
            "layers agree with each other and with the paper's model. Build a new model and load the weights."
        )


def _the_same_parts(parts, model):
    """Raise ValueError when a part of a model was exchanged, patched or hooked."""
    own = {**describe(model), "class": parts["class"]}
    changed = [name for name in parts | own if parts.get(name) != own.get(name)]
    for name, part in model.named_modules():
        if part._forward_hooks or part._forward_pre_hooks or any(map(callable, vars(part).values())):
            changed.append(f"{name}.forward".lstrip("."))
    if changed:
        raise ValueError(
            f"{changed[0]} is not that of the paper's model: a part was exchanged, patched or hooked. Build "
            "a new model and load the weights."
        )


def _name_of(activation):
    """ReLU under one name, whichever of PyTorch's three it is."""
    relu = activation in (torch.relu, nn.functional.relu) or isinstance(activation, nn.ReLU)
    return "ReLU" if relu else getattr(activation, "__name__", type(activation).__name__)


def _filled(new, old, renamed):
    """`new` with the weights of `old` under other names; ties, dtype, device, mode and freezing too."""
    new.to(old.output.weight)
    tables = ("tgt_embedding", "src_embedding", "output")
    for name, other in itertools.combinations(tables, 2):
        if getattr(old, name).weight is getattr(old, other).weight:
            getattr(new, other).weight = getattr(new, name).weight
    with torch.enable_grad():  # so that joined weights ask for gradients where one of them does
        weights = renamed(old.state_dict(keep_vars=True))
    try:
        new.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"the two models have different parts: {error}. The paper's post-norm stacks end in no norm, and "
            "encoder and decoder have equally many layers."
        ) from error
    for name, weight in weights.items():
        new.get_parameter(name).requires_grad_(weight.requires_grad)
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
