"""The checks that the reader keeps: right models pass, and each planted leak is named."""

import copy
import inspect
import math

import pytest
import torch
from torch import nn

from helpers import checks
from helpers.model import PositionalEncoding, Transformer, causal_mask, padding_mask

CHECKS = {
    "causal": checks.assert_causal,
    "padding": checks.assert_padding_invariant,
    "source": checks.assert_source_matters,
    "position": checks.assert_positions_matter,
}
SRC = torch.tensor([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0], [5, 4, 9, 2, 0]])
TGT = torch.tensor([[1, 5, 9, 4], [1, 6, 0, 0], [1, 8, 7, 0]])


def right(**changes):
    torch.manual_seed(0)
    sizes = dict(d_model=16, n_heads=4, d_ff=32, n_layers=2, dropout=0.1, max_len=32)
    return Transformer(12, 12, **(sizes | changes))


class Planted(Transformer):
    """The model with its forward pass written out, so that a test can plant one leak in it."""

    leak = None

    def positioned(self, ids, embedding, side):
        x = embedding(ids) * self.scale
        if self.leak == f"no {side} positions":
            return x
        if self.leak == "positions along the batch":
            return x + self.positions.table[: len(x), None]
        return self.positions(x)

    def forward(self, src, tgt):
        src_mask = padding_mask(src, self.pad_id)
        tgt_mask = causal_mask(tgt.shape[1]) & padding_mask(tgt, self.pad_id)
        memory_mask = src_mask
        if self.leak == "no causal mask":
            tgt_mask = padding_mask(tgt, self.pad_id)
        if self.leak == "one word ahead":
            tgt_mask = torch.ones(tgt.shape[1], tgt.shape[1]).tril(1).bool() & padding_mask(tgt, self.pad_id)
        if self.leak == "wrong polarity":
            tgt_mask = ~causal_mask(tgt.shape[1]) & padding_mask(tgt, self.pad_id)
        if self.leak == "transposed triangle":
            tgt_mask = tgt_mask.transpose(-2, -1)
        if self.leak == "only the first word is causal":
            tgt_mask[..., 1:, :] = padding_mask(tgt, self.pad_id)
        if self.leak == "no mask in the encoder":
            src_mask = None
        if self.leak == "no mask over the memory":
            memory_mask = None
        if self.leak == "masked queries":
            src_mask = src_mask.transpose(-2, -1)
        if self.leak == "wrong polarity of padding":
            src_mask = ~src_mask
        if self.leak == "memory hidden":
            memory_mask = torch.zeros_like(memory_mask)
        if self.leak == "the source cut short":
            src, src_mask, memory_mask = src[:, :1], src_mask[..., :1], memory_mask[..., :1]
        memory = self.encoder(self.positioned(src, self.src_embedding, "source"), src_mask)
        x = self.positioned(tgt, self.tgt_embedding, "target")
        if self.leak == "memory is the target":
            memory, memory_mask = x, tgt_mask
        if self.leak == "memory of the first sentence":
            memory = memory[:1].expand_as(memory)
        if self.leak == "memory of the last sentence":
            memory = memory[-1:].expand_as(memory)
        if self.leak == "memory mask of the target":
            memory_mask = padding_mask(tgt, self.pad_id)
        if self.leak == "the last layer sees all":
            for layer in self.decoder.layers[:-1]:
                x = layer(x, memory, tgt_mask, memory_mask)
            x = self.decoder.layers[-1](x, memory, padding_mask(tgt, self.pad_id), memory_mask)
            return self.output(x)
        if self.leak == "length of the target":
            x = x + (tgt != self.pad_id).sum(1)[:, None, None] / 4
        if self.leak == "width of the target":
            x = x + tgt.shape[1] / 4 * x[:, :1]
        if self.leak == "a faint mean of the target":
            x = x + 1e-4 * x.mean(1, keepdim=True)
        x = self.decoder(x, memory, tgt_mask, memory_mask)
        if self.leak == "dropout in eval mode":
            x = nn.functional.dropout(x, 0.1)
        logits = self.output(x.mean(1, keepdim=True) + x if self.leak == "mean of the target" else x)
        if self.leak == "end of the target":
            logits[:, :-1, 2] += 1.0 * (tgt[:, 1:] == self.pad_id)
        return logits


def planted(leak):
    model = right()
    model.__class__ = Planted
    model.leak = leak
    return model


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "changes",
    [{}, {"norm_first": True}, {"n_layers": 1}, {"n_layers": 4, "n_heads": 1}, {"tie_weights": False}],
    ids=str,
)
def test_right_models_pass(name, changes):
    CHECKS[name](right(**changes), SRC, TGT)
    CHECKS[name](right(**changes).double(), SRC[:1], TGT[:1])


@pytest.mark.parametrize(
    ("leak", "name", "words"),
    [
        ("no causal mask", "causal", "no causal mask"),
        ("one word ahead", "causal", "shifted"),
        ("wrong polarity", "causal", "polarity"),
        ("transposed triangle", "causal", "transposed"),
        ("the last layer sees all", "causal", "causal mask"),
        ("mean of the target", "causal", "earlier outputs"),
        ("length of the target", "causal", "how many there are"),
        ("end of the target", "causal", "padding in the place of"),
        ("width of the target", "causal", "nothing in the place of"),
        ("a faint mean of the target", "causal", "earlier outputs"),
        ("only the first word is causal", "causal", "target word 2"),
        ("dropout in eval mode", "causal", "F.dropout"),
        ("dropout in eval mode", "source", "F.dropout"),
        ("no mask in the encoder", "padding", "encoder's self-attention"),
        ("no mask over the memory", "padding", "memory"),
        ("masked queries", "padding", "queries instead of keys"),
        ("wrong polarity of padding", "padding", "polarity"),
        ("memory mask of the target", "padding", "the wrong side"),
        ("the source cut short", "source", "cut short"),
        ("memory of the last sentence", "source", "read each other"),
        ("memory hidden", "source", "hides all of the memory"),
        ("memory is the target", "source", "from the target"),
        ("memory of the first sentence", "source", "read each other"),
        ("no source positions", "position", "source's embeddings"),
        ("no target positions", "position", "target's embeddings"),
        ("positions along the batch", "position", "along the batch"),
    ],
)
def test_a_planted_leak_is_named(leak, name, words):
    assert planted(None)(SRC, TGT).shape == (3, 4, 12)
    between_sentences = leak.startswith("memory of") or leak == "positions along the batch"
    src = SRC[:, :4] if leak == "memory mask of the target" else SRC
    for sentences in (slice(3),) if between_sentences else (slice(3), slice(1)):
        with pytest.raises(AssertionError, match=name) as caught:
            CHECKS[name](planted(leak), src[sentences], TGT[sentences])
        assert words in str(caught.value)


@pytest.mark.parametrize("name", CHECKS)
def test_planting_nothing_passes(name):
    CHECKS[name](planted(None), SRC, TGT)


def test_only_the_broken_property_is_reported():
    CHECKS["causal"](planted("no source positions"), SRC, TGT)
    CHECKS["padding"](planted("no causal mask"), SRC, TGT)
    CHECKS["position"](planted("no mask in the encoder"), SRC, TGT)
    CHECKS["source"](planted("no causal mask"), SRC, TGT)


class Short(nn.Module):
    """The short version of many tutorials, from the layers of torch.nn."""

    def __init__(self, positions=True, causal=True, padding=True, batch_first=True):
        super().__init__()
        self.causal, self.padding = causal, padding
        self.src_embedding, self.tgt_embedding = nn.Embedding(12, 16), nn.Embedding(12, 16)
        self.positions = PositionalEncoding(16) if positions else nn.Identity()
        sizes = dict(d_model=16, nhead=4, dim_feedforward=32, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(**sizes), 2, enable_nested_tensor=batch_first
        )
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**sizes), 2)
        self.output = nn.Linear(16, 12)

    def forward(self, src, tgt):
        src_pad, tgt_pad = (src == 0, tgt == 0) if self.padding else (None, None)
        blocked = ~causal_mask(tgt.shape[1]) if self.causal else None
        memory = self.encoder(self.positions(self.src_embedding(src)), src_key_padding_mask=src_pad)
        x = self.positions(self.tgt_embedding(tgt))
        x = self.decoder(
            x, memory, tgt_mask=blocked, tgt_key_padding_mask=tgt_pad, memory_key_padding_mask=src_pad
        )
        return self.output(x)


def test_the_mended_short_version_passes():
    torch.manual_seed(0)
    model, fast = Short(), torch.backends.mha.get_fastpath_enabled()
    for check in CHECKS.values():
        check(model, SRC, TGT)
    assert torch.backends.mha.get_fastpath_enabled() == fast


@pytest.mark.parametrize("left_out", ["positions", "causal", "padding"])
def test_what_the_short_version_leaves_out_is_found(left_out):
    torch.manual_seed(0)
    name = left_out.removesuffix("s")
    with pytest.raises(AssertionError, match=name):
        CHECKS[name](Short(**{left_out: False}), SRC, TGT)


@pytest.mark.parametrize("name", CHECKS)
def test_batch_first_left_out_is_found_by_each(name):
    torch.manual_seed(0)
    model = Short(causal=False, padding=False, batch_first=False)
    with pytest.raises(AssertionError, match=f"{name}.*batch_first=True"):
        CHECKS[name](model, SRC[:, :4], TGT)


@pytest.mark.parametrize("name", CHECKS)
def test_modes_and_gradients_are_left_as_they_were(name):
    model = right().train()
    model.encoder.eval()
    before = copy.deepcopy(model.state_dict()), {n: m.training for n, m in model.named_modules()}
    CHECKS[name](model, SRC, TGT)
    assert {n: m.training for n, m in model.named_modules()} == before[1]
    assert all(torch.equal(model.state_dict()[n], t) for n, t in before[0].items())
    assert torch.is_grad_enabled() and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", CHECKS)
def test_other_padding_ids_and_plain_functions(name):
    model = right(pad_id=11)
    src, tgt = SRC.masked_fill(SRC == 0, 11), TGT.masked_fill(TGT == 0, 11)
    CHECKS[name](lambda src, tgt: model.eval()(src, tgt), src, tgt, pad_id=11)


def test_not_numbers_and_wrong_shapes_have_names():
    with pytest.raises(AssertionError, match="causal.*NaN"):
        checks.assert_causal(lambda src, tgt: torch.full((*tgt.shape, 5), float("nan")), SRC, TGT)
    with pytest.raises(AssertionError, match=r"padding check: outputs \(4, 3, 5\).*batch_first"):
        checks.assert_padding_invariant(lambda src, tgt: torch.zeros(*tgt.T.shape, 5), SRC, TGT)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (None, TypeError, "NoneType: pass what is called"),
        (
            lambda src, tgt: torch.ones(*tgt.shape, 5).bool(),
            ValueError,
            "torch.bool of shape .*expected scores",
        ),
        (lambda src, tgt: torch.ones(*tgt.shape, 0), ValueError, r"shape \(3, 4, 0\), expected scores"),
    ],
)
def test_what_is_no_model_is_refused(model, error, words):
    with pytest.raises(error, match=words):
        checks.assert_causal(model, SRC, TGT)


def test_a_complaint_shows_one_traceback():
    for leak, check in (("no causal mask", "causal"), ("dropout in eval mode", "source")):
        for model in (
            planted(leak),
            planted(leak).double(),
            lambda src, tgt, leak=leak: planted(leak).eval()(src, tgt),
        ):
            with pytest.raises(AssertionError) as caught:
                CHECKS[check](model, SRC, TGT)
            assert caught.value.__cause__ is caught.value.__context__ is None
    with pytest.raises(AssertionError, match="stops with") as caught:
        checks.assert_padding_invariant(planted("memory mask of the target"), SRC[:, :4], TGT)
    stopped = caught.value.__cause__  # where the model stopped is worth a second one, and no third
    assert isinstance(stopped, ValueError) and stopped.__cause__ is stopped.__context__ is None


class OnlySingle(nn.Module):
    """Stops in double precision."""

    def __init__(self, leak):
        super().__init__()
        self.model, self.kind = planted(leak), torch.zeros(1)

    def forward(self, src, tgt):
        if self.model.output.weight.dtype == torch.float64:
            raise TypeError("no double precision")
        return self.model(src, tgt)


def test_a_complaint_stands_where_double_precision_cannot_be_had():
    checks.assert_causal(OnlySingle(None), SRC, TGT)
    with pytest.raises(AssertionError, match="no causal mask"):
        checks.assert_causal(OnlySingle("no causal mask"), SRC, TGT)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    ("src", "tgt", "options", "message"),
    [
        (SRC, TGT, {"atol": math.nan}, "atol=nan"),
        (SRC, TGT, {"atol": math.inf}, "atol=inf"),
        (SRC, TGT, {"atol": -1}, "atol=-1"),
        (SRC, TGT, {"atol": "0"}, "atol='0'"),
        (SRC, TGT, {"pad_id": None}, "pad_id=None"),
        (SRC, TGT, {"pad_id": -1}, "pad_id=-1"),
        (SRC.tolist(), TGT, {}, "src is list"),
        (SRC, TGT[0], {}, r"tgt is torch.int64 of shape \(4,\)"),
        (SRC.float(), TGT, {}, "src is torch.float32"),
        (SRC, TGT > 0, {}, "tgt is torch.bool"),
        (SRC[:0], TGT[:0], {}, r"src is torch.int64 of shape \(0, 5\)"),
        (SRC, TGT[:, :0], {}, r"tgt is torch.int64 of shape \(3, 0\)"),
        (SRC[:2], TGT, {}, "3 target sentences meet 2"),
        (SRC, 0 * TGT, {}, "pad_id=0 is all"),
        (0 * SRC, TGT, {}, "pad_id=0 is all"),
        (SRC[:2] * torch.tensor([[0], [1]]), TGT[:2] * torch.tensor([[1], [0]]), {}, "pad_id=0 is all"),
    ],
)  # fmt: skip
def test_what_no_check_can_use_is_refused(name, src, tgt, options, message):
    with pytest.raises(ValueError, match=message):
        CHECKS[name](right(), src, tgt, **options)


@pytest.mark.parametrize("name", CHECKS)
def test_no_tolerance_at_all_accuses_no_right_model(name):
    for dtype in (torch.float32, torch.float64):
        CHECKS[name](right().to(dtype), SRC, TGT, atol=0)


def test_input_that_shows_nothing_is_refused():
    for tgt in (TGT[:, :1], torch.tensor([[1, 0], [2, 0], [3, 0]])):
        with pytest.raises(ValueError, match="two words or more"):
            checks.assert_causal(right(), SRC, tgt)
    with pytest.raises(ValueError, match=r"only the ids \[4\]"):
        checks.assert_source_matters(right(), torch.full_like(SRC, 4), TGT)
    with pytest.raises(ValueError, match="read backwards"):
        checks.assert_positions_matter(right(), torch.full_like(SRC, 4), TGT)


class Blocked(nn.Module):
    """Never writes padding: its logit is far below all others."""

    def __init__(self, model, value):
        super().__init__()
        self.model, self.value = model, value

    def forward(self, src, tgt):
        logits = self.model(src, tgt).clone()
        logits[..., 0] = self.value
        return logits


@pytest.mark.parametrize("value", [-1e9, float("-inf"), torch.finfo(torch.float32).min])
def test_a_blocked_logit_hides_no_leak_and_is_none(value):
    for check in CHECKS.values():
        check(Blocked(right(), value), SRC, TGT)
    with pytest.raises(AssertionError, match="no causal mask"):
        checks.assert_causal(Blocked(planted("no causal mask"), value), SRC, TGT)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("n_layers", [2, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_words_that_are_nearly_alike_still_matter(name, n_layers, dtype):
    """With drawn biases and norms, deep post-norm layers make words so alike that outputs hardly move."""
    for seed in range(3):
        model = right(d_model=32, n_layers=n_layers).to(dtype)
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.normal_().mul_(0.3).add_(0.5)
        CHECKS[name](model, SRC, TGT)


@pytest.mark.parametrize("name", CHECKS)
def test_a_batch_as_long_as_the_model_allows_and_an_empty_sentence(name):
    CHECKS[name](right(max_len=5), SRC, torch.cat([TGT, TGT[:, 1:2]], dim=1))
    empty = torch.cat([SRC, torch.zeros_like(SRC[:1])]), torch.cat([TGT, TGT[:1]])
    CHECKS[name](right(), *empty)
    CHECKS[name](right(), torch.cat([SRC, SRC[:1]]), torch.cat([TGT, torch.zeros_like(TGT[:1])]))


def test_a_verdict_is_the_first_words_or_holds():
    assert checks.verdict(checks.assert_causal, right(), SRC, TGT) == "holds"
    assert checks.verdict(checks.assert_causal, planted("no causal mask"), SRC, TGT) == "not causal"
    with pytest.raises(ValueError):
        checks.verdict(checks.assert_causal, right(), SRC, TGT[:, :1])


def test_signatures_say_what_can_be_passed():
    for check in CHECKS.values():
        assert str(inspect.signature(check)) == "(model, src, tgt, *, pad_id=0, atol=1e-05)"
        assert check.__doc__ and getattr(checks, check.__name__) is check
