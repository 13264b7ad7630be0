"""The finished model: shapes, masks, properties that a right Transformer has, and errors that help."""

import math

import pytest
import torch
from torch import nn

from helpers.model import (
    AddAndNorm,
    Decoder,
    Encoder,
    FeedForward,
    MultiHeadAttention,
    PositionalEncoding,
    Transformer,
    causal_mask,
    eval_mode,
    padding_mask,
    record_attention,
)

SIZES = dict(d_model=16, n_heads=4, d_ff=32, n_layers=2, dropout=0.1)
SRC = torch.tensor([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0]])
TGT = torch.tensor([[1, 5, 9, 4], [1, 6, 0, 0]])


def small(**changes):
    torch.manual_seed(0)
    return Transformer(**({"src_vocab_size": 12, "tgt_vocab_size": 12} | SIZES | changes)).eval()


@pytest.mark.parametrize("norm_first", [False, True])
def test_ids_become_logits(norm_first):
    model = small(norm_first=norm_first, tgt_vocab_size=15)
    assert model(SRC, TGT).shape == (2, 4, 15)
    memory = model.encode(SRC)
    assert memory.shape == (2, 5, 16)
    assert torch.equal(model.decode(TGT, memory, padding_mask(SRC, 0)), model(SRC, TGT))


def test_encoder_and_decoder_take_vectors():
    encoder, decoder = Encoder(16, 4, 32, 2), Decoder(16, 4, 32, 2)
    memory = encoder(torch.rand(3, 5, 16), mask=torch.ones(3, 1, 1, 5, dtype=torch.bool))
    assert decoder(torch.rand(3, 4, 16), memory, causal_mask(4)).shape == (3, 4, 16)


def test_the_defaults_are_the_base_model_of_the_paper():
    with torch.device("meta"):
        model = Transformer(37000, 37000, joint_vocabulary=True)
    assert sum(p.numel() for p in model.parameters()) == 63_082_496
    assert (len(model.encoder.layers), len(model.decoder.layers), model.max_len) == (6, 6, 512)


def test_weights_are_tied_where_the_vocabulary_is_joint():
    joint = small(joint_vocabulary=True)
    assert joint.src_embedding.weight is joint.tgt_embedding.weight is joint.output.weight
    for apart in (small(), small(tgt_vocab_size=15)):
        assert apart.tgt_embedding.weight is apart.output.weight is not apart.src_embedding.weight
    untied = small(tie_weights=False, joint_vocabulary=True)
    assert len({id(m.weight) for m in (untied.src_embedding, untied.tgt_embedding, untied.output)}) == 3


def test_fresh_weights_have_the_spread_that_is_promised():
    model = small(src_vocab_size=900, tgt_vocab_size=800, d_model=64, d_ff=256)
    tables = [part.weight for part in (model.src_embedding, model.tgt_embedding, model.output)]
    assert all(table.std().item() == pytest.approx(1 / 8, rel=0.02) for table in tables)
    linear = [part for part in model.modules() if isinstance(part, nn.Linear) and part is not model.output]
    for part in linear:
        most = math.sqrt(6 / (part.in_features + part.out_features))
        assert 0.98 * most < part.weight.abs().max() <= most and not part.bias.any()
        assert part.weight.std().item() == pytest.approx(most / math.sqrt(3), rel=0.05)


def test_post_norm_has_no_final_normalisation_and_pre_norm_one_per_stack():
    def count(model):
        return sum(isinstance(module, nn.LayerNorm) for module in model.modules())

    assert count(small(norm_first=True)) == count(small(norm_first=False)) + 2


def test_masks_are_boolean_and_true_may_attend():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    mask = padding_mask(torch.tensor([[5, 2, 0]]), pad_id=0)
    assert mask.shape == (1, 1, 1, 3) and mask.flatten().tolist() == [True, True, False]


def test_a_fully_padded_row_is_finite_forwards_and_backwards():
    model = small().train()
    src, tgt = SRC.clone(), TGT.clone()
    src[1], tgt[1] = 0, 0
    output = model(src, tgt)
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_positions_follow_the_formula_and_are_not_stored():
    positions = PositionalEncoding(6, max_len=40)
    assert positions.table[7, 2].item() == pytest.approx(math.sin(7 / 10000 ** (2 / 6)), abs=1e-6)
    assert positions.table[7, 5].item() == pytest.approx(math.cos(7 / 10000 ** (4 / 6)), abs=1e-6)
    assert positions.state_dict() == {}
    x = torch.rand(2, 5, 6)
    assert torch.equal(positions(x), x + positions.table[:5])


def test_attention_of_one_sentence_needs_no_batch():
    attention, x = MultiHeadAttention(8, 2), torch.rand(5, 8)
    assert torch.allclose(attention(x, x, x), attention(x[None], x[None], x[None])[0], atol=1e-6)


def test_eval_mode_is_left_even_by_an_error():
    model = small().train()
    with pytest.raises(ZeroDivisionError), eval_mode(model):
        assert not model.training and not torch.is_grad_enabled()
        raise ZeroDivisionError
    assert model.training and torch.is_grad_enabled()


def test_feed_forward_mixes_no_words():
    feed_forward, x = FeedForward(8, 16), torch.rand(2, 3, 8)
    by_word = torch.stack([feed_forward(x[:, i]) for i in range(3)], dim=1)
    assert torch.allclose(feed_forward(x), by_word, atol=1e-6)


def test_add_and_norm_in_both_orders():
    x = torch.rand(2, 3, 8)
    assert torch.allclose(AddAndNorm(8)(x, lambda y: 2 * y), nn.functional.layer_norm(3 * x, (8,)), atol=1e-5)
    expected = x + 2 * nn.functional.layer_norm(x, (8,))
    assert torch.allclose(AddAndNorm(8, norm_first=True)(x, lambda y: 2 * y), expected, atol=1e-5)


def test_attention_maps_of_every_layer_can_be_recorded():
    model = small()
    with record_attention(model) as maps:
        model(SRC, TGT)
    assert len(maps) == 6
    assert maps["encoder.layers.1.self_attention"].shape == (2, 4, 5, 5)
    cross = maps["decoder.layers.0.cross_attention"]
    assert cross.shape == (2, 4, 4, 5)
    assert torch.allclose(cross.sum(-1), torch.ones(2, 4, 4)) and (cross[1, :, :, 3:] == 0).all()
    assert not any(module._forward_pre_hooks for module in model.modules())


# --- Bad input: the error names the value, what was expected and the way out --------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: MultiHeadAttention(10, 4), ValueError, ["d_model=10", "n_heads=4", "[1, 2, 5, 10]"]),
        (lambda: MultiHeadAttention(10, 0), ValueError, ["n_heads=0"]),
        (lambda: PositionalEncoding(7), ValueError, ["d_model=7", "Use d_model=8"]),
        (lambda: small(d_model=6, n_heads=4), ValueError, ["d_model=6"]),
        (lambda: small(pad_id=12), ValueError, ["pad_id=12", "0 to 11"]),
        (lambda: small()(torch.tensor([[12]]), TGT[:1]), ValueError, ["token id 12", "0 to 11"]),
        (lambda: small()(torch.tensor([[-1, 3]]), TGT[:1]), ValueError, ["token id -1"]),
        (lambda: small(max_len=4)(SRC, TGT), ValueError, ["5 tokens", "max_len=4", "larger max_len"]),
        (lambda: small()(SRC[:0], TGT[:0]), ValueError, ["empty batch"]),
        (lambda: small()(SRC[:, :0], TGT), ValueError, ["empty batch"]),
        (lambda: small()(SRC[0], TGT[0]), ValueError, ["(batch, length)", "unsqueeze"]),
        (lambda: small()(SRC.float(), TGT), TypeError, ["float32", "int64"]),
        (lambda: small()(SRC.tolist(), TGT), TypeError, ["list", "dtype=torch.long"]),
        (lambda: small()(SRC, TGT[:1]), ValueError, ["1 target sentences meet 2"]),
        (lambda: small(n_layers=0), ValueError, ["n_layers=0", "at least 1"]),
        (lambda: small(tgt_vocab_size=0), ValueError, ["tgt_vocab_size=0"]),
        (lambda: small(d_model=-8), ValueError, ["d_model=-8", "at least 1"]),
        (lambda: small(d_ff=2**70), ValueError, [f"d_ff={2**70}", "below 2**63"]),
        (lambda: small(max_len=5.0), ValueError, ["max_len=5.0", "whole number"]),
        (lambda: small(n_layers=True), ValueError, ["n_layers=True", "whole number"]),
        (lambda: small(dropout=math.nan), ValueError, ["dropout=nan", "0 to below 1"]),
        (lambda: small(dropout=1), ValueError, ["dropout=1"]),
        (lambda: small(norm_first="post"), ValueError, ["norm_first='post'", "True or False"]),
        (lambda: small(pad_id=0.5), ValueError, ["pad_id=0.5"]),
        (
            lambda: small(tgt_vocab_size=15, joint_vocabulary=True),
            ValueError,
            ["src_vocab_size=12", "tgt_vocab_size=15", "one tokeniser"],
        ),
        (
            lambda: PositionalEncoding(4, max_len=3)(torch.rand(1, 4, 4)),
            ValueError,
            ["4 tokens", "max_len=3"],
        ),
    ],
)
def test_bad_arguments(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("mask", "error", "words"),
    [
        (torch.ones(3, 3), TypeError, ["float32", "True = may attend", "mask == 0"]),
        ([[True]], TypeError, ["list"]),
        (torch.ones(4, 3, dtype=torch.bool), ValueError, ["(4, 3)", "(2, 4, 3, 3)"]),
        (torch.ones(2, 3, 3, dtype=torch.bool), ValueError, ["(2, 3, 3)", "(B, 1, T, S)"]),
        (torch.ones(4, 3, 3, dtype=torch.bool), ValueError, ["(4, 3, 3)", "sentences as well as heads"]),
        (torch.ones(1, 2, 4, 3, 3, dtype=torch.bool), ValueError, ["(1, 2, 4, 3, 3)"]),
    ],
)
def test_bad_masks(mask, error, words):
    attention, x = MultiHeadAttention(8, 4), torch.rand(2, 3, 8)
    with pytest.raises(error) as caught:
        attention(x, x, x, mask)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_mask_of_fewer_dimensions_is_one_for_all():
    attention, x = MultiHeadAttention(8, 2), torch.rand(2, 3, 8)
    mask = causal_mask(3)
    whole = attention(x, x, x, mask.expand(2, 2, 3, 3))
    for same in (mask, mask[None], mask[None, None]):
        assert torch.equal(attention(x, x, x, same), whole)
