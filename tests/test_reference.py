"""The model equals PyTorch's own, number for number: outputs, gradients, and there and back again.

Only real places are compared: PyTorch makes other numbers at padded ones. Every one-dimensional parameter is
drawn at random first. In a fresh model all norms are equal and all biases are 0, and a norm too many, or two
biases swapped, would hardly show.
"""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from helpers.model import AddAndNorm, MultiHeadAttention, Transformer, attention_weights, causal_mask
from helpers.reference import TorchTransformer, from_torch, to_torch
from helpers.training import token_loss

PAD_ID = 0
drawn = settings(deadline=None, derandomize=True, database=None)
FLOAT64, FLOAT32 = 1e-10, 1e-5


@pytest.fixture(autouse=True)
def slow_path():
    """PyTorch's fast path zeroes padded rows, and warns."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(fast)


def randomise(model):
    """Draw every one-dimensional parameter: factors and summands of norms, biases."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_().mul_(0.3).add_(0.5)
    return model


@st.composite
def configurations(draw):
    """Arguments of a model, and two batches of sentences with padding at their ends."""
    heads = draw(st.sampled_from([1, 2, 3, 4, 8]))
    width = draw(st.sampled_from([width for width in (8, 12, 16, 24, 32) if width % heads == 0]))
    shared = draw(st.booleans())
    src_vocab = draw(st.integers(5, 20))
    sizes = {
        "src_vocab_size": src_vocab,
        "tgt_vocab_size": src_vocab if shared else draw(st.integers(5, 20)),
        "d_model": width,
        "n_heads": heads,
        "d_ff": draw(st.integers(1, 40)),
        "n_layers": draw(st.integers(1, 4)),
        "norm_first": draw(st.booleans()),
        "tie_weights": draw(st.booleans()),
        "joint_vocabulary": shared and draw(st.booleans()),
    }
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    batch, lengths = draw(st.integers(1, 4)), [draw(st.integers(1, 8)) for _ in range(2)]
    ids = []
    for length, vocab in zip(lengths, (sizes["src_vocab_size"], sizes["tgt_vocab_size"]), strict=True):
        words = torch.randint(1, vocab, (batch, length), generator=generator)
        used = torch.randint(1, length + 1, (batch, 1), generator=generator)
        ids.append(words.masked_fill(torch.arange(length) >= used, PAD_ID))
    return sizes, *ids


def run(model, src, tgt):
    """Logits at real places, and the gradients of a loss that weighs each of them differently."""
    model.zero_grad()
    logits = model(src, tgt)[tgt != PAD_ID]  # (real places, V)
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    (logits * weights).sum().backward()
    return logits.detach()


def gradients(model):
    """A copy of the model whose parameters are its gradients, so that `to_torch` can translate them."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        for parameter, original in zip(found.parameters(), model.parameters(), strict=True):
            parameter.copy_(original.grad)
    return found


def compare(model, src, tgt):
    """(largest difference, largest entry of the reference) over outputs and all gradients."""
    module = to_torch(model)
    pairs = [(run(model, src, tgt), run(module, src, tgt))]
    translated = dict(to_torch(gradients(model)).named_parameters())
    reference = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert translated.keys() == reference.keys()
    pairs += [(translated[name].detach(), reference[name]) for name in reference]
    return max((a - b).abs().max().item() for a, b in pairs), max(b.abs().max().item() for _, b in pairs)


@settings(drawn, max_examples=200)
@given(configurations())
def test_outputs_and_gradients_equal_pytorch(configuration):
    sizes, src, tgt = configuration
    torch.manual_seed(0)
    model = randomise(Transformer(**sizes)).eval()
    difference, largest = compare(copy.deepcopy(model).double(), src, tgt)
    assert difference < FLOAT64 * max(1, largest)
    difference, largest = compare(model, src, tgt)
    assert difference < FLOAT32 * max(1, largest)


@settings(drawn, max_examples=40)
@given(configurations())
def test_there_and_back_again(configuration):
    sizes, src, tgt = configuration
    model = randomise(Transformer(**sizes, max_len=40, dropout=0.25)).double()
    module = to_torch(model)
    back = from_torch(module)
    ours, again = model.state_dict(), back.state_dict()
    assert list(ours) == list(again) and all(torch.equal(ours[name], again[name]) for name in ours)
    assert len(list(back.parameters())) == len(list(model.parameters())) == _distinct(module, model)
    assert back.max_len == 40 and back.training and repr(back) == repr(model)
    assert torch.equal(back.eval()(src, tgt), model.eval()(src, tgt))


def _distinct(module, model):
    """The parameters of the torch module, counted as ours: their joined matrices hold three of ours."""
    joined = sum("in_proj" in name for name, _ in module.named_parameters())
    return len(list(module.parameters())) + 2 * joined


def test_a_last_norm_that_post_norm_does_not_have_is_found():
    """`nn.Transformer` adds one by default. On a fresh model nobody sees it; on a randomised one all do."""
    src, tgt = torch.tensor([[4, 5, 2]]), torch.tensor([[1, 6, 4]])
    moved = {}
    for name, prepare in (("fresh", lambda model: model), ("random", randomise)):
        torch.manual_seed(0)
        model = prepare(Transformer(9, 9, 16, 4, 32, 2).double()).eval()
        module = to_torch(model)
        module.transformer.decoder.norm = nn.LayerNorm(16, dtype=torch.float64)
        moved[name] = (module(src, tgt) - model(src, tgt)).abs().max().item()
        with pytest.raises(ValueError, match="post-norm stacks end in no norm"):
            from_torch(module)
    assert moved["fresh"] < 1e-4 < 1e-2 < moved["random"]


def test_dropout_falls_at_the_same_rate_and_modes_are_kept():
    module = to_torch(Transformer(9, 9, 16, 4, 32, 2, dropout=0.3))
    rates = {part.p for part in module.modules() if isinstance(part, nn.Dropout)}
    assert rates == {0.3} and module.training
    assert module.transformer.encoder.layers[1].self_attn.dropout == 0.3
    assert not to_torch(Transformer(9, 9, 16, 4, 32, 2).eval()).training


def test_other_models_are_refused():
    class Other(Transformer):
        def encode(self, src):
            return 2 * super().encode(src)

    with pytest.raises(TypeError, match="not Transformer"):
        to_torch(nn.Transformer(16, 4, 1, 1, 32, batch_first=True))
    with pytest.raises(TypeError, match="as it is, not Other"):
        to_torch(Other(9, 9, 16, 4, 32, 1))
    with pytest.raises(TypeError, match="not Linear"):
        from_torch(nn.Linear(2, 2))


def theirs(**changes):
    sizes = dict(d_model=16, n_heads=4, d_ff=32, n_layers=2, dropout=0.0, norm_first=False, max_len=32)
    return TorchTransformer(9, 9, pad_id=PAD_ID, **(sizes | changes))


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("activation", lambda stack: setattr(stack.decoder.layers[0], "activation", nn.functional.gelu)),
        ("activation", lambda stack: setattr(stack.encoder.layers[1], "activation", nn.GELU())),
        ("eps of the norms", lambda stack: setattr(stack.decoder.layers[1].norm3, "eps", 0.1)),
        ("norm_first", lambda stack: setattr(stack.decoder.layers[1], "norm_first", True)),
        ("number of heads", lambda stack: setattr(stack.decoder.layers[0].self_attn, "num_heads", 2)),
        ("dropout", lambda stack: setattr(stack.encoder.layers[0].dropout1, "p", 0.5)),
        ("end in no norm", lambda stack: setattr(stack.encoder, "norm", nn.LayerNorm(16))),
        ("equally many layers", lambda stack: stack.decoder.layers.pop(1)),
    ],
)
def test_what_the_papers_model_does_not_have_is_refused_and_named(words, change):
    module = theirs()
    from_torch(module)
    change(module.transformer)
    with pytest.raises(ValueError, match=words):
        from_torch(module)


@pytest.mark.parametrize("relu", [torch.relu, nn.ReLU(), nn.functional.relu])
def test_every_relu_is_one(relu):
    module = theirs()
    module.transformer.encoder.layers[0].activation = relu
    from_torch(module)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("eps of the norms", lambda model: setattr(model.encoder.layers[1].add_and_norm[0].norm, "eps", 0.1)),
        ("number of heads", lambda model: setattr(model.decoder.layers[0].cross_attention, "n_heads", 2)),
        ("norm_first", lambda model: setattr(model.decoder.layers[0].add_and_norm[2], "norm_first", True)),
        ("scale", lambda model: setattr(model, "scale", 1.0)),
    ],
)
def test_a_model_that_was_changed_is_refused(words, change):
    model = Transformer(9, 9, 16, 4, 32, 2)
    change(model)
    with pytest.raises(ValueError, match=words):
        to_torch(model)


class Louder(nn.LayerNorm):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("add_and_norm.0.norm.class", lambda wrap: setattr(wrap, "norm", Louder(16))),
        ("dropout.class", lambda wrap: setattr(wrap, "dropout", nn.Identity())),
        ("add_and_norm.0.forward", lambda wrap: setattr(wrap, "forward", lambda x, sublayer: x)),
        ("norm.forward", lambda wrap: wrap.norm.register_forward_hook(lambda *args: args[-1] + 1)),
        ("norm.forward", lambda wrap: wrap.norm.register_forward_pre_hook(lambda _, args: args)),
    ],
)
def test_a_part_that_was_exchanged_patched_or_hooked_is_refused(words, change):
    model = Transformer(9, 9, 16, 4, 32, 2)
    change(model.encoder.layers[1].add_and_norm[0])
    with pytest.raises(ValueError, match=f"encoder.layers.1.*{words}.*exchanged, patched or hooked"):
        to_torch(model)


def test_ties_freezing_and_the_random_state_are_kept():
    model = Transformer(9, 9, 16, 4, 32, 2, tie_weights=False)
    model.src_embedding.weight = model.output.weight
    model.encoder.layers[0].requires_grad_(False)
    state = torch.get_rng_state()
    with torch.no_grad():  # as in a notebook that only looks
        module = to_torch(model)
        back = from_torch(module)
    assert torch.equal(torch.get_rng_state(), state)
    for one in (module, back):
        assert one.src_embedding.weight is one.output.weight is not one.tgt_embedding.weight
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, p in back.named_parameters() if not p.requires_grad} != set()
    assert not module.transformer.encoder.layers[0].self_attn.in_proj_weight.requires_grad
    assert module.transformer.encoder.layers[1].self_attn.in_proj_weight.requires_grad


@pytest.mark.parametrize("norm_first", [False, True])
def test_wide_and_deep_models_too(norm_first):
    torch.manual_seed(0)
    model = randomise(Transformer(30, 40, 96, 6, 200, 6, norm_first=norm_first)).double().eval()
    src, tgt = torch.randint(1, 30, (3, 50)), torch.randint(1, 40, (3, 45))
    src[1, 20:], tgt[2, 7:] = PAD_ID, PAD_ID
    difference, largest = compare(model, src, tgt)
    assert difference < FLOAT64 * max(1, largest)


# One part at a time


@st.composite
def attention_inputs(draw):
    heads, d_k = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    batch, queries, keys = (draw(st.integers(1, 6)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    width = {"dtype": torch.float64, "generator": generator}
    q, k, v = (torch.randn(batch, n, heads * d_k, **width) for n in (queries, keys, keys))
    mask = torch.rand(batch, queries, keys, generator=generator) < 0.7
    mask[..., 0] = True  # nn.MultiheadAttention gives NaN where a query may attend to nothing
    return heads, q, k, v, mask


def assert_same(ours, theirs, inputs):
    """Two functions give the same output and the same gradients for all inputs, and all are finite."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    results = []
    for function in (ours, theirs):
        output = function(*inputs)
        results.append([output.detach(), *torch.autograd.grad(output.square().sum(), inputs)])
    for a, b in zip(*results, strict=True):
        assert a.isfinite().all() and (a - b).abs().max() < FLOAT64 * max(1, b.abs().max())


@settings(drawn, max_examples=200)
@given(attention_inputs())
def test_multi_head_attention_equals_pytorch(inputs):
    heads, q, k, v, mask = inputs
    torch.manual_seed(0)
    ours = randomise(MultiHeadAttention(q.shape[-1], heads).double())
    theirs = nn.MultiheadAttention(q.shape[-1], heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        parts = ours.query, ours.key, ours.value
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.projection.state_dict())
    blocked = ~mask.repeat_interleave(heads, dim=0)  # (B * H, T, S), True = blocked
    assert_same(
        lambda *qkv: ours(*qkv, mask[:, None]), lambda *qkv: theirs(*qkv, attn_mask=blocked)[0], (q, k, v)
    )


@settings(drawn, max_examples=200)
@given(attention_inputs())
def test_attention_equals_scaled_dot_product_attention(inputs):
    _, q, k, v, mask = inputs
    mask = mask & (torch.arange(mask.shape[1]) != 1)[:, None]  # the second query may attend to nothing
    for allowed in (mask, None):
        assert_same(
            lambda q, k, v: attention_weights(q, k, allowed) @ v,  # noqa: B023
            lambda q, k, v: scaled_dot_product_attention(q, k, v, allowed),  # noqa: B023
            (q, k, v),
        )


@settings(drawn, max_examples=200)
@given(st.integers(8, 40), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
def test_add_and_norm_equals_pytorch(width, rows, norm_first, seed):
    """`AddAndNorm` round a linear layer against the formula written out and `nn.functional.layer_norm`."""
    torch.manual_seed(seed)
    wrap = randomise(AddAndNorm(width, norm_first=norm_first).double())
    layer = nn.Linear(width, width, dtype=torch.float64)
    factor, summand = wrap.norm.weight, wrap.norm.bias

    def by_hand(y):
        mean, variance = y.mean(-1, keepdim=True), y.var(-1, keepdim=True, correction=0)
        return (y - mean) / (variance + 1e-5).sqrt() * factor + summand

    def by_torch(y):
        return nn.functional.layer_norm(y, (width,), factor, summand)

    inputs = (torch.randn(rows, width, dtype=torch.float64),)
    for norm in (by_hand, by_torch):
        expected = lambda x: x + layer(norm(x)) if norm_first else norm(x + layer(x))  # noqa: B023, E731
        assert_same(lambda x: wrap(x, layer), expected, inputs)


@settings(drawn, max_examples=200)
@given(st.integers(2, 12), st.integers(1, 12), st.floats(0, 0.9), st.integers(0, 10**6))
def test_label_smoothing_equals_pytorch(vocab, places, smoothing, seed):
    """`token_loss` against the smoothed target of section 5.4, written out, and `nn.CrossEntropyLoss`."""
    torch.manual_seed(seed)
    logits = torch.randn(2, places, vocab, requires_grad=True)  # (B, T, V)
    labels = torch.randint(vocab, (2, places))
    labels[0, 0] = 1  # at least one that counts
    target = (1 - smoothing) * nn.functional.one_hot(labels, vocab) + smoothing / vocab  # (B, T, V)
    by_hand = -(target * logits.log_softmax(-1)).sum(-1)[labels != PAD_ID].mean()
    criterion = nn.CrossEntropyLoss(ignore_index=PAD_ID, label_smoothing=smoothing)
    theirs = criterion(logits.transpose(1, 2), labels)
    losses = by_hand, theirs, token_loss(logits, labels, smoothing)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in losses]
    for loss, gradient in zip(losses, gradients, strict=True):
        assert (loss - by_hand).abs() < FLOAT32 and (gradient - gradients[0]).abs().max() < FLOAT32


def test_the_causal_mask_is_the_opposite_of_pytorchs():
    theirs = nn.Transformer.generate_square_subsequent_mask(5)
    assert torch.equal(causal_mask(5), theirs == 0)
