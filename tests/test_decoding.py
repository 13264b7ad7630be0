"""Decoding finds what it promises, and the fast twins of `helpers.fast` give the same results."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import decoding, fast, training
from helpers.arguments import check_logits
from helpers.data import BOS_ID, EOS_ID, PAD_ID
from helpers.model import MultiHeadAttention, Transformer, padding_mask, record_attention

TWINS = {F.dropout: fast.dropout, F.scaled_dot_product_attention: fast.attention}
drawn = settings(max_examples=200, deadline=None, derandomize=True, database=None)


@st.composite
def models(draw, dropout=0.0):
    """A model in float64 whose weights are far from their start."""
    heads, size, n_layers = (draw(st.integers(1, n)) for n in (3, 3, 2))
    vocabulary, joint = draw(st.integers(4, 12)), draw(st.booleans())
    torch.manual_seed(draw(st.integers(0, 999)))
    model = Transformer(
        vocabulary if joint else draw(st.integers(4, 12)), vocabulary, d_model=8 * heads, n_heads=heads,
        d_ff=4 * size, n_layers=n_layers, dropout=dropout, norm_first=draw(st.booleans()),
        tie_weights=draw(st.booleans()), joint_vocabulary=joint, max_len=draw(st.integers(8, 20)),
    ).double()  # fmt: skip
    with torch.no_grad():
        for p in model.parameters():
            p += draw(st.sampled_from([0.05, 0.5])) * torch.randn_like(p)
    return model.eval()


@st.composite
def sources(draw, model, length=7):
    """A batch of ids, padded at the end; a row may be padding only."""
    rows, n = draw(st.integers(1, 4)), draw(st.integers(1, length))
    torch.manual_seed(draw(st.integers(0, 999)))
    ids = torch.randint(0, model.src_embedding.num_embeddings, (rows, n))
    for row in ids:
        row[draw(st.integers(0, n)) :] = PAD_ID
    return ids


limits = st.sampled_from([None, 1, 3, 7, 10**6])


@drawn
@given(st.data())
def test_every_cached_step_is_that_of_the_whole_sentence(data):
    model = data.draw(models())
    src, beams = data.draw(sources(model)), data.draw(st.integers(1, 3))
    tgt = torch.randint(0, model.tgt_embedding.num_embeddings, (len(src) * beams, 8))
    tgt[:, 0] = BOS_ID
    rows = torch.arange(len(src)).repeat_interleave(beams)
    with torch.inference_mode():
        steps = fast.Steps(model, src, longest=8, beams=beams)
        memory, mask = model.encode(src)[rows], padding_mask(src, PAD_ID)[rows]
        for t in range(8):
            whole = model.decode(tgt[:, : t + 1], memory, mask)[:, -1]
            torch.testing.assert_close(steps(tgt[:, t]), whole, atol=1e-10, rtol=1e-10)
            if t == 3:  # other rows in another order, as in a beam search that has finished a sentence
                kept = torch.arange(len(src)).flip(0)[: len(src) // 2 + 1]
                order = (kept[:, None] * beams + torch.randint(beams, (len(kept), beams))).flatten()
                steps.keep(order, kept)
                tgt, memory, mask = tgt[order], memory[order], mask[order]


@drawn
@given(st.data())
def test_fast_decoding_equals_the_lesson(data):
    model = data.draw(models())
    src, max_len = data.draw(sources(model)), data.draw(limits)
    greedy = decoding.greedy_decode(model, src, max_len)
    assert fast.greedy_decode(model, src, max_len) == greedy
    assert decoding.beam_search(model, src, 1, max_len=max_len) == greedy
    options = {
        "temperature": data.draw(st.sampled_from([0.5, 1, 3.0])),
        "top_k": data.draw(st.sampled_from([None, 1, 3, 100])),
        "top_p": data.draw(st.sampled_from([1, 0.7, 1e-6])),
    }
    draws = [f(model, src, max_len=max_len, generator=torch.Generator().manual_seed(1), **options)
             for f in (decoding.sample, fast.sample)]  # fmt: skip
    assert draws[0] == draws[1] and (options["top_k"] != 1 or draws[0] == greedy)
    beam, length_penalty = data.draw(st.integers(1, 6)), data.draw(st.sampled_from([0, 0.6, 1.0]))
    options = {"max_len": max_len, "n_best": data.draw(st.sampled_from([None, 1, beam]))}
    slow, quick = (f.beam_search(model, src, beam, length_penalty, **options) for f in (decoding, fast))
    if options["n_best"] is None:
        assert slow == quick
    else:
        assert [[ids for ids, _ in row] for row in slow] == [[ids for ids, _ in row] for row in quick]
        for a, b in zip(sum(slow, []), sum(quick, []), strict=True):
            assert a[1] == pytest.approx(b[1], abs=1e-10)


@settings(drawn, max_examples=60)
@given(st.data())
def test_alone_as_in_a_batch(data):
    model = data.draw(models())
    src = data.draw(sources(model)).clamp(min=1)
    lengths = data.draw(st.lists(st.integers(1, src.shape[1]), min_size=len(src), max_size=len(src)))
    for row, length in zip(src, lengths, strict=True):
        row[length:] = PAD_ID
    for decode in (decoding.greedy_decode, fast.greedy_decode, fast.beam_search):
        alone = [decode(model, row[None, :length])[0] for row, length in zip(src, lengths, strict=True)]
        assert decode(model, src) == alone


@settings(drawn, max_examples=30)
@given(st.data())
def test_a_wide_beam_finds_what_a_search_of_everything_finds(data):
    model = data.draw(models())
    words, longest, src = 4, 4, torch.tensor([[3, 1, EOS_ID]])
    with torch.no_grad():
        model.output.weight.data = model.output.weight[:words]  # only four words can be written
    length_penalty = data.draw(st.sampled_from([0, 0.6, 1.0]))
    everything = {}
    for n in range(longest + 1):
        for ids in product([i for i in range(words) if i != EOS_ID], repeat=n):
            tokens = [*ids, EOS_ID][:longest]  # what is longest is cut, not ended
            tgt = torch.tensor([[BOS_ID, *tokens[:-1]]])
            with torch.no_grad():
                shares = model(src, tgt)[0].log_softmax(-1)
            score = sum(shares[t, token].item() for t, token in enumerate(tokens))
            everything[ids] = score / ((5 + len(tokens)) / 6) ** length_penalty
    best = sorted(everything, key=everything.get, reverse=True)[:3]
    for beam_search in (decoding.beam_search, fast.beam_search):
        (found,) = beam_search(model, src, 500, length_penalty, max_len=longest, n_best=3)
        assert [tuple(ids) for ids, _ in found] == best
        assert [score for _, score in found] == pytest.approx([everything[ids] for ids in best], abs=1e-10)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Transformer(9, 9, d_model=16, n_heads=2, d_ff=16, n_layers=1, joint_vocabulary=True, max_len=12)


@pytest.mark.parametrize("module", [decoding, fast])
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("beam_search", {"beam_size": 0}, "beam_size=0: expected a whole number, at least 1"),
        ("beam_search", {"length_penalty": -0.1}, "length_penalty=-0.1: expected a number of at least 0"),
        ("beam_search", {"length_penalty": math.nan}, "length_penalty=nan"),
        ("beam_search", {"n_best": 5}, "n_best=5 of beam_size=4"),
        ("beam_search", {"n_best": 0}, "n_best=0"),
        ("beam_search", {"max_len": 0}, "max_len=0"),
        ("greedy_decode", {"max_len": 1.5}, "max_len=1.5"),
        ("sample", {"temperature": 0}, "temperature=0: expected a finite number above 0"),
        ("sample", {"temperature": -1}, "temperature=-1"),
        ("sample", {"top_p": 1.1}, "top_p=1.1: expected a probability above 0 and at most 1"),
        ("sample", {"top_p": 0}, "top_p=0"),
        ("sample", {"top_k": 0}, "top_k=0"),
    ],
)
def test_decoding_refuses_what_makes_no_sense(model, module, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(module, name)(model, torch.tensor([[4, 5, 2]]), **arguments)


@pytest.mark.parametrize("decode", ["greedy_decode", "sample", "beam_search"])
@pytest.mark.parametrize("module", [decoding, fast])
def test_decoding_refuses_what_is_no_source(model, module, decode):
    decode = getattr(module, decode)
    for src, message in (
        (torch.zeros(1, 0, dtype=torch.long), "an empty batch"),
        (torch.full((1, 13), 4), "13 tokens is longer than max_len=12"),
        (torch.tensor([[4, 9]]), "token id 9 is outside the vocabulary of 9"),
        (torch.tensor([4, 5, 2]), "expected .batch, length."),
    ):
        with pytest.raises(ValueError, match=message):
            decode(model, src)
    with pytest.raises(TypeError, match="expected a tensor of int64"):
        decode(model, [[4, 5, 2]])
    with torch.no_grad():
        model.output.weight.fill_(math.nan)
    with pytest.raises(ValueError, match="logits are NaN"):
        decode(model, torch.tensor([[4, 5, 2]]))


def test_a_forbidden_word_may_have_a_logit_of_minus_infinity():
    check_logits(torch.tensor([[1.0, -math.inf]]))
    with pytest.raises(ValueError, match="NaN"):
        check_logits(torch.tensor([[1.0, math.nan]]))


@pytest.mark.parametrize("module", [decoding, fast])
def test_decoding_puts_dropout_aside_and_back(model, module):
    src = torch.tensor([[4, 5, 2]])
    wanted = module.beam_search(model.eval(), src, beam_size=20)  # more than there are words
    model.train()
    assert module.beam_search(model, src, beam_size=20) == wanted
    assert model.training


def test_a_low_temperature_is_greedy_and_a_high_one_is_not(model):
    logits = torch.tensor([[0.0, 1.0, 3.0, 2.0]]).expand(4000, -1)
    many = torch.Generator().manual_seed(0)
    assert decoding.draw(logits, temperature=0.01, generator=many).unique().tolist() == [2]
    for options, left in (({}, [0, 1, 2, 3]), ({"top_k": 2}, [2, 3]), ({"top_p": 0.65}, [2, 3])):
        ids = decoding.draw(logits, generator=many, **options)
        shares = logits[0, left].softmax(-1)
        assert ids.unique().tolist() == left
        for i, share in zip(left, shares, strict=True):
            assert (ids == i).float().mean().item() == pytest.approx(share.item(), abs=0.03)


# --- Training -----------------------------------------------------------------------------------------------


@drawn
@given(st.data())
def test_the_fast_loss_equals_the_lesson(data):
    """Loss, gradients and hits; dropout too, with equal masks."""
    model = data.draw(models(dropout=data.draw(st.sampled_from([0.0, 0.3])))).train()
    src = data.draw(sources(model))
    tgt = torch.randint(0, model.tgt_embedding.num_embeddings, (len(src), 6))
    tgt[0, 0] = 1  # not padding only
    labels, smoothing = tgt[:, 1:].contiguous(), data.draw(st.sampled_from([0.0, 0.1, 0.5]))
    labels[0, 0] = 1  # not padding only
    results = []
    with pytest.MonkeyPatch.context() as patch:
        for replaced in ((), (F.dropout,), (F.dropout, F.scaled_dot_product_attention)):
            chosen = {F.dropout: fast.dropout} | {function: TWINS[function] for function in replaced}
            patch.setattr(fast, "choice", lambda chosen=chosen: chosen)
            torch.manual_seed(5)
            model.zero_grad()
            with fast.Kernels():
                if replaced:
                    loss, right = fast.token_loss(model, src, tgt[:, :-1], labels, smoothing)
                else:
                    logits = model(src, tgt[:, :-1])
                    loss = training.token_loss(logits, labels, smoothing)
                    right = ((logits.argmax(-1) == labels) & (labels != PAD_ID)).sum()
            loss.backward()
            results.append((loss.detach(), right, [p.grad for p in model.parameters()]))
    for result in results[1:]:
        torch.testing.assert_close(results[0], result, atol=1e-10, rtol=1e-10)


@drawn
@given(st.data())
def test_the_fast_attention_equals_the_lesson(data):
    """Outputs and gradients, under any mask; dropout too, with equal masks."""
    rows, heads, queries, keys, dk = (data.draw(st.integers(1, n)) for n in (3, 3, 6, 6, 5))
    p, scale = data.draw(st.sampled_from([0.0, 0.3, 0.9])), data.draw(st.sampled_from([0.1, 1.0, 10.0]))
    torch.manual_seed(data.draw(st.integers(0, 999)))
    module = MultiHeadAttention(heads * dk, heads, p).double()
    x, source = (scale * torch.randn(rows, n, heads * dk).double() for n in (queries, keys))
    mask = torch.rand(rows, 1, data.draw(st.sampled_from([1, queries])), keys) < data.draw(
        st.sampled_from([0.4, 2])
    )
    upstream, results = torch.randn_like(x), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "choice", lambda: TWINS)
        for quick in (False, True):
            torch.manual_seed(5)
            module.zero_grad()
            leaves = x.clone().requires_grad_(), source.clone().requires_grad_()
            with fast.Kernels():
                if quick:
                    out = fast.attend(module, *leaves, *fast.added(mask, x.dtype))
                else:
                    out = module(*leaves, leaves[1], mask)
            out.backward(upstream)
            results.append([out, *(leaf.grad for leaf in (*leaves, *module.parameters()))])
    torch.testing.assert_close(*results, atol=1e-10, rtol=1e-10)


def test_attention_elsewhere_is_that_of_pytorch(model):
    """Outside the context `attend` asks PyTorch, as it does on other devices than a CPU."""
    module, x = model.decoder.layers[0].self_attention.eval(), torch.randn(2, 5, 16)
    mask = torch.tensor([0, 1, 2, 5, 3])[:, None] > torch.arange(5)  # the first query sees nothing
    out = fast.attend(module, x, x, *fast.added(mask.expand(2, 1, 5, 5), x.dtype))
    torch.testing.assert_close(out, module(x, x, x, mask), atol=1e-6, rtol=1e-5)


def test_many_rows_are_taken_in_parts():
    torch.manual_seed(0)
    hidden, weight = torch.randn(700, 8).double(), torch.randn(30, 8).double()
    labels, parts = torch.randint(30, (700,)), []
    for rows in (1000, 256, 1):
        leaves = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        loss, right = fast.OutputLoss.apply(*leaves, labels, 0.1, rows)
        (3 * loss).backward()
        parts.append((loss.detach(), right, *(leaf.grad for leaf in leaves)))
    torch.testing.assert_close(parts[0], parts[1], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(parts[0], parts[2], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 5), (1,), (2, 3, 7, 1), (0, 4)])
def test_the_fast_dropout_is_dropout(shape):
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    out = fast.dropout(x, 0.25)
    assert set(out.flatten().tolist()) <= {0.0, 1 / 0.75}
    out.sum().backward()
    assert torch.equal(x.grad, out)
    assert torch.equal(fast.dropout(x, 0.25, training=False), x)
    torch.testing.assert_close(fast.dropout(x, 1e-9), x)
    for p in (1 - 1e-9, 1.0):  # more than 16 bits can tell
        assert not fast.dropout(x, p).any()


def test_the_fast_dropout_drops_the_share_that_is_asked_for():
    torch.manual_seed(0)
    for p in (0.1, 0.5, 0.9):
        out = fast.dropout(torch.ones(400, 500), p)
        assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.003)
        assert out.mean().item() == pytest.approx(1, abs=0.02)
        a, b = (out[:, i::2] == 0 for i in (0, 1))  # neighbours come from one random number
        assert (a & b).float().mean().item() == pytest.approx(p * p, abs=0.003)
    first = fast.dropout(torch.ones(99), 0.5)
    assert not torch.equal(first, fast.dropout(torch.ones(99), 0.5))


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_as_a_convolution_is_a_linear_layer(bias):
    torch.manual_seed(0)
    results = []
    for function in (F.linear, fast.linear):
        torch.manual_seed(0)
        x = torch.randn(4, 520, 128).double().requires_grad_()
        weight = torch.randn(64, 128).double().requires_grad_()
        offset = torch.randn(64).double().requires_grad_() if bias else None
        out = function(x, weight, offset)
        (out**2).sum().backward()
        results.append([out, x.grad, weight.grad, *([offset.grad] if bias else [])])
    torch.testing.assert_close(*results, atol=1e-8, rtol=1e-10)


def test_the_kernels_are_used_inside_the_context_only(monkeypatch):
    calls = []

    def noted(function):
        return lambda *args, **options: calls.append(function) or function(*args, **options)

    monkeypatch.setattr(fast, "choice", lambda: {f: noted(f) for f in (F.dropout, F.linear)})
    layer, x = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout()), torch.ones(1, 2)
    layer(x)
    assert not calls
    with fast.Kernels():
        layer(x)
    assert calls == [F.linear, F.dropout]


def test_it_can_be_switched_off(monkeypatch, model):
    monkeypatch.setenv("TRANSFORMER_FAST", "0")
    assert fast.choice.__wrapped__() == {}
    monkeypatch.setattr(fast, "choice", dict)
    assert not fast.suits(model)
    monkeypatch.setattr(fast, "choice", lambda: {F.dropout: fast.dropout})
    assert fast.suits(model) and not fast.suits(torch.nn.Linear(1, 1))

    class Changed(Transformer):
        pass

    assert not fast.suits(Changed(9, 9, d_model=16, n_heads=2, d_ff=16, n_layers=1))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.encoder.layers[0], "self_attention", torch.nn.Linear(1, 1)),
        lambda model: setattr(model.decoder.layers[0].cross_attention, "dropout", torch.nn.Identity()),
        lambda model: setattr(model.decoder.layers[0].self_attention, "forward", lambda x, *_: x),
        lambda model: setattr(model, "encode", lambda src: src),
        lambda model: model.decoder.register_forward_hook(lambda *_: None),
    ],
)
def test_a_changed_model_is_trained_as_it_is(model, change, monkeypatch):
    monkeypatch.setattr(fast, "choice", lambda: TWINS)
    assert fast.suits(model)
    with record_attention(model):
        assert not fast.suits(model)
    assert fast.suits(model)
    change(model)
    assert not fast.suits(model)


def test_the_choice_follows_the_measurement(monkeypatch):
    monkeypatch.delenv("TRANSFORMER_FAST", raising=False)
    for gain, names in ((1.5, {*TWINS, F.linear}), (1.1, {*TWINS})):
        monkeypatch.setattr(fast, "gain_of_onednn", lambda gain=gain: gain)
        assert fast.choice.__wrapped__().keys() == names
    monkeypatch.undo()
    assert fast.gain_of_onednn() > 0


def test_bfloat16_is_close(model, monkeypatch):
    monkeypatch.setattr(fast, "choice", lambda: TWINS)
    ids = torch.randint(3, 9, (4, 9))
    plain, _ = fast.token_loss(model.eval(), ids, ids[:, :-1], ids[:, 1:])
    with torch.autocast("cpu", torch.bfloat16), fast.Kernels():
        low, _ = fast.token_loss(model, ids, ids[:, :-1], ids[:, 1:])
    low.backward()
    assert low.item() == pytest.approx(plain.item(), rel=0.03) and model.output.weight.grad.isfinite().all()
