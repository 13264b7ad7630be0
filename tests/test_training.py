"""Training learns, stops and goes on exactly, and its files are whole or absent."""

import math
import random
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers import training
from helpers.checkpoints import copy_parameters, load_model, read_tensors, save_model, write_tensors
from helpers.data import PAD_ID, bucketed_batches, make_batch, train_tokenizer
from helpers.decoding import greedy_decode, translate_batch
from helpers.model import Transformer
from helpers.muon import Muon, orthogonal
from helpers.training import TrainingConfig, disagreement, evaluate, learning_rate, token_loss, train

SIZES = dict(
    src_vocab_size=10, tgt_vocab_size=10, joint_vocabulary=True, d_model=16, n_heads=2, d_ff=32, n_layers=1,
    dropout=0.1,
)  # fmt: skip
CONFIG = TrainingConfig(epochs=3, max_tokens=60, peak_lr=5e-3, warmup_steps=5, average_last=2, seed=3)
MUON = replace(CONFIG, muon_lr=0.02)


def copies(n=60):
    """Encoded pairs whose target is the source."""
    chance = random.Random(0)
    rows = [[chance.randrange(4, 10) for _ in range(chance.randrange(2, 7))] for _ in range(n)]
    return [(row, row) for row in rows]


def turned(seed):
    """The pairs of one epoch: of every other seed the targets are turned round."""
    return [(source, target[::-1]) if seed % 2 else (source, target) for source, target in copies()]


def fresh():
    torch.manual_seed(0)
    return Transformer(**SIZES)


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_training_lowers_the_loss_and_records_it():
    model = fresh()
    before = evaluate(model, [make_batch(copies())])
    history = train(model, copies(), CONFIG, valid=copies(10))
    assert evaluate(model, [make_batch(copies())]) < before - 0.3
    assert history.step == list(range(1, len(history.loss) + 1))
    assert len(history.learning_rate) == len(history.accuracy) == len(history.loss)
    assert len(history.valid_loss) == len(history.epoch_step) == 3 and history.epoch_step[-1] == len(
        history.step
    )


def test_the_schedule_is_that_of_the_paper():
    config = TrainingConfig(epochs=1, peak_lr=512**-0.5 * 4000**-0.5, warmup_steps=4000)
    for step in (1, 100, 4000, 16000, 100000):
        paper = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)  # equation 3
        assert learning_rate(step, config) == pytest.approx(paper)


def test_a_line_falls_from_the_peak_to_nothing():
    config = TrainingConfig(epochs=1, peak_lr=0.5, warmup_steps=4, linear_decay=True)
    rates = [learning_rate(step, config, steps=8) for step in range(1, 10)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    assert [learning_rate(step, config, steps=2) for step in (1, 2)] == [0.125, 0.25]  # all warm-up
    history = train(fresh(), copies(), replace(CONFIG, linear_decay=True))
    steps = len(history.step)
    line = [(steps + 1 - step) / (steps + 1 - 5) * 5e-3 for step in range(5, steps + 1)]
    assert history.learning_rate[4:] == pytest.approx(line)


def test_the_pairs_may_be_new_in_each_epoch():
    asked = []
    once, anew = fresh(), fresh()
    train(once, lambda seed: asked.append(seed) or turned(seed), replace(CONFIG, epochs=2, average_last=0))
    assert asked == [3_000_009, 3_000_009, 3_000_010]  # the first time to look at them
    train(anew, copies(), replace(CONFIG, epochs=2, average_last=0))
    assert not torch.equal(once.output.weight, anew.output.weight)


def test_the_loss_ignores_padding():
    model = fresh().eval()
    short, long = copies(2)[0], ([4] * 9, [4] * 9)
    alone, padded = make_batch([short]), make_batch([short, long])
    padded.labels[1] = PAD_ID
    losses = [token_loss(model(b.src, b.tgt_in), b.labels).item() for b in (alone, padded)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.parametrize("quick", [False, True])
def test_a_step_is_that_of_the_paper(quick, monkeypatch):
    """The loop written out: Adam with the betas and the eps of section 5.3, and gradients cut to length 1."""
    monkeypatch.setattr(training.fast, "suits", lambda _: quick)
    monkeypatch.setattr(training.fast, "choice", dict)
    by_hand, by_train = fresh().double(), fresh().double()
    config = TrainingConfig(epochs=2, max_tokens=60, peak_lr=5e-3, warmup_steps=5)
    adam = torch.optim.Adam(by_hand.parameters(), betas=(0.9, 0.98), eps=1e-9)
    torch.manual_seed(config.seed)
    step = 0
    for epoch in range(config.epochs):
        for batch in bucketed_batches(copies(), config.max_tokens, seed=epoch):
            step += 1
            adam.param_groups[0]["lr"] = learning_rate(step, config)
            logits, labels = by_hand(batch.src, batch.tgt_in).flatten(0, 1), batch.labels.flatten()
            loss = nn.functional.cross_entropy(logits, labels, ignore_index=PAD_ID, label_smoothing=0.1)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
            adam.step()
    train(by_train, copies(), config)
    for p, q in zip(by_hand.parameters(), by_train.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-9, rtol=1e-9)


def test_r_drop_adds_how_far_two_predictions_are_apart():
    torch.manual_seed(4)
    logits, labels = torch.randn(4, 3, 10), torch.tensor([[5, 2, PAD_ID], [6, 7, 2]])
    first, second = (half.softmax(-1)[labels != PAD_ID] for half in logits.split(2))  # (5, V)
    there = sum((p * (p / q).log()).sum() for p, q in zip(first, second, strict=True))
    back = sum((q * (q / p).log()).sum() for p, q in zip(first, second, strict=True))
    assert disagreement(logits, labels).item() == pytest.approx((there + back).item() / 2 / 5, rel=1e-5)
    src = tgt_in = labels
    once, twice = training.Loss(fresh(), 0.1), training.Loss(fresh(), 0.1, r_drop=5)
    (plain, right), (same_twice, also) = (loss.eval()(src, tgt_in, labels) for loss in (once, twice))
    assert same_twice.item() == pytest.approx(plain.item(), rel=1e-6) and right == also
    losses = []
    for loss in (once.train(), twice.train()):
        torch.manual_seed(0)
        losses.append(loss(src, tgt_in, labels)[0].item())
    assert losses[1] > losses[0] + 1e-3  # with dropout two predictions differ


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (32, 32)])
def test_muon_keeps_the_directions_of_a_matrix_and_makes_them_equally_long(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    lengths = left.mT @ orthogonal(matrix) @ right.mT
    torch.testing.assert_close(lengths, lengths.diag().diag())
    assert 0.6 < lengths.diag().min() and lengths.diag().max() < 1.2


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="came with PyTorch 2.9")
@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_muon_is_that_of_pytorch(shape):
    """Within the rounding of bfloat16, in which PyTorch's own makes matrices orthogonal."""
    chance = torch.Generator().manual_seed(1)
    ours, theirs = (nn.Parameter(torch.ones(shape)) for _ in range(2))
    optimizers = Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1)
    for _ in range(5):
        ours.grad = theirs.grad = torch.randn(shape, generator=chance)
        for optimizer in optimizers:
            optimizer.step()
    moved = (theirs - 1).abs().max()
    assert moved > 0.1 and (ours - theirs).abs().max() < 0.03 * moved


def test_muon_trains_the_matrices_of_the_layers_and_adam_the_rest(monkeypatch):
    monkeypatch.setattr(training.fast, "suits", lambda _: False)
    monkeypatch.setattr(training.fast, "choice", dict)
    by_hand, by_train = fresh().double(), fresh().double()
    config = TrainingConfig(
        epochs=1, max_tokens=60, peak_lr=5e-3, warmup_steps=5, muon_lr=0.02, linear_decay=True
    )
    layers = [*by_hand.encoder.layers.parameters(), *by_hand.decoder.layers.parameters()]
    matrices = [p for p in layers if p.ndim == 2]
    rest = [p for p in by_hand.parameters() if all(p is not q for q in matrices)]
    assert len(matrices) > 15 and any(p is by_hand.output.weight for p in rest)
    adam, muon = torch.optim.Adam(rest, betas=(0.9, 0.98), eps=1e-9), Muon(matrices, lr=1)
    torch.manual_seed(config.seed)
    batches = bucketed_batches(copies(), config.max_tokens, seed=0)
    for step, batch in enumerate(batches, start=1):
        share = learning_rate(step, config, len(batches)) / config.peak_lr
        adam.param_groups[0]["lr"], muon.param_groups[0]["lr"] = share * 5e-3, share * 0.02
        loss = token_loss(by_hand(batch.src, batch.tgt_in), batch.labels, 0.1)
        by_hand.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
        adam.step()
        muon.step()
    train(by_train, copies(), config)
    for p, q in zip(by_hand.parameters(), by_train.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-9, rtol=1e-9)


def test_muon_has_matrices_or_says_so():
    with pytest.raises(ValueError, match=r"shape \(3,\), expected matrices: leave others to Adam"):
        Muon([nn.Parameter(torch.ones(3))], lr=0.1)
    with pytest.raises(ValueError, match="muon_lr=0.1: the model has no matrices in layers.*Use 0"):
        training.Run(nn.Linear(2, 2), replace(CONFIG, muon_lr=0.1))


@pytest.mark.parametrize("stop_after", [1, 4, 7, 11, 13])
@pytest.mark.parametrize(
    ("pairs", "config"),
    [(copies(), CONFIG), (turned, replace(CONFIG, linear_decay=True)), (copies(), replace(MUON, r_drop=1))],
)
def test_an_interrupted_training_goes_on_exactly(tmp_path, monkeypatch, stop_after, pairs, config):
    whole = fresh()
    expected = train(whole, pairs, config, valid=copies(10))
    assert len(expected.step) > 13

    class Interrupted(training.Run):
        def step(self, batch):
            if len(self.history.step) == stop_after:
                raise KeyboardInterrupt
            super().step(batch)

    path = tmp_path / "checkpoint.safetensors"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "Run", Interrupted)
        train(fresh(), pairs, config, valid=copies(10), checkpoint=path, save_every=2)
    resumed = fresh()
    torch.manual_seed(99)  # whatever happened in between
    training.fast.choice.cache_clear()  # as in a new process
    history = train(resumed, pairs, config, valid=copies(10), checkpoint=path, resume=True, save_every=2)
    assert same(resumed, whole)
    assert history.loss == expected.loss and history.valid_loss == expected.valid_loss
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_the_average_is_that_of_the_last_epochs():
    ends, model = [], fresh()
    train(
        model,
        copies(),
        CONFIG,
        on_epoch=lambda *_: ends.append([p.detach().clone() for p in model.parameters()]),
    )
    for mean, second, third in zip(model.parameters(), *ends[1:], strict=True):
        assert torch.allclose(mean, (second + third) / 2, atol=1e-6)


def test_frozen_and_unused_parameters_resume_too(tmp_path):
    path = tmp_path / "checkpoint.safetensors"

    def partly():
        model = fresh()
        model.encoder.requires_grad_(False)
        model.unused = nn.Linear(2, 2)
        return model

    config = TrainingConfig(epochs=2, max_tokens=60, warmup_steps=5)
    whole, resumed = partly(), partly()
    train(whole, copies(), config)
    train(partly(), copies(), TrainingConfig(epochs=1, max_tokens=60, warmup_steps=5), checkpoint=path)
    train(resumed, copies(), config, checkpoint=path, resume=True)
    assert same(resumed, whole) and not same(resumed, partly())


def test_nothing_is_fingerprinted_without_a_checkpoint(monkeypatch):
    monkeypatch.setattr(training, "fingerprint", lambda *_: pytest.fail("not needed"))
    train(fresh(), copies(), TrainingConfig(epochs=1))


def test_a_training_can_go_on_for_longer(tmp_path):
    path, config = (
        tmp_path / "checkpoint.safetensors",
        TrainingConfig(epochs=2, max_tokens=120, warmup_steps=5),
    )
    longer = TrainingConfig(epochs=3, max_tokens=120, warmup_steps=5)
    resumed, whole = fresh(), fresh()
    train(resumed, copies(), config, checkpoint=path)
    train(resumed, copies(), longer, checkpoint=path, resume=True)
    train(whole, copies(), longer)
    assert same(resumed, whole)


def test_a_checkpoint_is_written_every_so_many_steps_and_after_each_epoch(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(training.Run, "save", lambda run, path: saved.append(len(run.history.step)))
    history = train(fresh(), copies(), CONFIG, checkpoint=tmp_path / "file", save_every=4)
    assert saved == sorted([*range(4, len(history.step) + 1, 4), *history.epoch_step])


def test_a_line_to_the_end_cannot_be_lengthened(tmp_path):
    line = replace(CONFIG, linear_decay=True)
    train(fresh(), copies(), line, checkpoint=tmp_path / "file")
    with pytest.raises(ValueError, match="planned for 3 epochs.*Use epochs=3"):
        train(fresh(), copies(), replace(line, epochs=4), checkpoint=tmp_path / "file", resume=True)


def test_a_training_can_end_with_the_epoch_that_it_has_finished(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    path, (long, short) = tmp_path / "file", [TrainingConfig(epochs=n, max_tokens=120) for n in (3, 1)]
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), copies(), long, checkpoint=path, on_epoch=stop)
    assert len(train(fresh(), copies(), short, checkpoint=path, resume=True).epoch_step) == 1


def test_bad_trainings(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(ValueError, match="no pairs"):
        train(fresh(), [], CONFIG)
    train(fresh(), copies(), CONFIG, checkpoint=path)
    with pytest.raises(FileExistsError, match="resume=True"):
        train(fresh(), copies(), CONFIG, checkpoint=path)
    with pytest.raises(ValueError, match="resume=True without a checkpoint"):
        train(fresh(), copies(), CONFIG, resume=True)
    with pytest.raises(ValueError, match="save_every=0"):
        train(fresh(), copies(), CONFIG, checkpoint=tmp_path / "other", save_every=0)
    with pytest.raises(ValueError, match="no batches"):
        evaluate(fresh(), [])
    with pytest.raises(ValueError, match="another training: peak_lr=0.005 instead of 0.0001"):
        other = TrainingConfig(**{**vars(CONFIG), "peak_lr": 1e-4})
        train(fresh(), copies(), other, checkpoint=path, resume=True)
    for epochs in (2, 5):
        with pytest.raises(ValueError, match=f"trained 3 of 3 epochs.*too late for epochs={epochs}"):
            other = TrainingConfig(**{**vars(CONFIG), "epochs": epochs})
            train(fresh(), copies(), other, checkpoint=path, resume=True)
    sizes = {"d_ff": "out_features=32 instead of 16", "n_heads": "n_heads=2 instead of 4"}
    for changed in ({"d_ff": 16}, {"n_heads": 4}, {"dropout": 0.5}, {"max_len": 64}):
        message = sizes.get(*changed, "another training: ")
        with pytest.raises(ValueError, match=message):
            train(Transformer(**{**SIZES, **changed}), copies(), CONFIG, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="sentences="):
        train(fresh(), copies(61), CONFIG, checkpoint=path, resume=True)
    with pytest.raises(FloatingPointError, match="lower peak_lr"):
        model = fresh()
        nn.init.constant_(model.tgt_embedding.weight, 1e30)
        train(model, copies(), CONFIG)


def changed(change):
    """A fresh model after a change."""
    model = fresh()
    change(model)
    return model


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (lambda m: m.half(), ValueError, r"torch.float16 do not survive a training: call model.float\(\)"),
        (lambda m: m.requires_grad_(False), ValueError, "no weight of the model asks for a gradient"),
        (lambda m: nn.init.constant_(m.output.weight, math.nan), FloatingPointError, "NaN.*Build or load"),
    ],
)
def test_models_that_cannot_be_trained(model, error, words, tmp_path):
    with pytest.raises(error, match=words):
        train(changed(model), copies(), CONFIG, checkpoint=tmp_path / "checkpoint")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("side", ["encoded", "valid"])
@pytest.mark.parametrize(
    ("pair", "error", "words"),
    [
        (([99], [5]), ValueError, "token id 99 is outside"),
        (([5], [10]), ValueError, "token id 10 is outside"),
        (([-1], [5]), ValueError, "token id -1 is outside"),
        (([5], [5] * 8), ValueError, "9 tokens is longer than max_len=8"),
        (([5.5], [5]), TypeError, "float, expected whole numbers"),
        (([True], [5]), TypeError, "bool, expected whole numbers"),
        (("ab", "cd"), TypeError, "str, expected whole numbers"),
        (([5], [5], [5]), TypeError, "is no pair"),
        ((5, 5), TypeError, "is no pair"),
        ("ab", TypeError, "is no pair"),
    ],
)
def test_a_bad_pair_is_found_before_the_first_step(side, pair, error, words, monkeypatch):
    monkeypatch.setattr(training.Run, "step", lambda *_: pytest.fail("a step was taken"))
    data = {"encoded": [([5], [5])] * 20, "valid": None} | {side: [([5], [5])] * 20 + [pair]}
    with pytest.raises(error, match=words):
        train(Transformer(**SIZES, max_len=8), config=CONFIG, **data)


@pytest.mark.parametrize("config", [None, vars(CONFIG)])
def test_another_kind_of_config_is_refused(config):
    with pytest.raises(TypeError, match=rf"config is {type(config).__name__}.*TrainingConfig\(\*\*config\)"):
        train(fresh(), copies(), config)


def test_devices_go_by_the_names_of_the_commands(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    train(fresh(), iter(copies(5)), TrainingConfig(epochs=1), device="auto")
    for name in ("cuda", "cuda:1", "mps", "gpu", ""):
        with pytest.raises(ValueError, match=f"device {name}: PyTorch finds none"):
            train(fresh(), copies(), CONFIG, device=name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [training.choose_device(name) for name in ("auto", "cuda:1")] == ["cuda", "cuda:1"]
    with pytest.raises(ValueError, match="device cuda:2"):
        training.choose_device("cuda:2")


def test_weights_that_are_no_numbers_after_an_epoch_are_not_saved(tmp_path, monkeypatch):
    class Last(training.Run):
        def step(self, batch):
            super().step(batch)
            nn.init.constant_(self.model.output.weight, math.inf)

    monkeypatch.setattr(training, "Run", Last)
    for path in (None, tmp_path / "checkpoint"):
        with pytest.raises(FloatingPointError, match="infinity.*lower peak_lr"):
            train(fresh(), copies(5), TrainingConfig(epochs=1), checkpoint=path, save_every=1)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("logits", "labels", "smoothing", "words"),
    [
        ((2, 3, 9), [[4, 5], [6, 7]], 0.0, r"\(2, 3, 9\).*\(2, 2\) do not fit"),
        ((6, 9), [[4, 5, 6], [7, 4, 5]], 0.0, "do not fit"),
        ((1, 2, 9), [[0, 0]], 0.0, "all labels are padding"),
        ((0, 2, 9), torch.empty(0, 2, dtype=torch.long), 0.0, "all labels are padding"),
        ((1, 2, 9), [[4, -100]], 0.0, "label -100 .* Padding is 0 here"),
        ((1, 2, 9), [[4, 9]], 0.0, "label 9 is outside"),
        ((1, 2, 9), [[4, 5]], 1.5, "label_smoothing=1.5"),
        ((1, 2, 9), [[4, 5]], math.nan, "label_smoothing=nan"),
    ],
)
def test_labels_that_do_not_fit(logits, labels, smoothing, words):
    with pytest.raises(ValueError, match=words):
        token_loss(torch.zeros(logits), torch.as_tensor(labels), smoothing)


def test_what_cannot_be_evaluated():
    batch, empty = make_batch(copies(5)), make_batch([([5], [])])
    empty.labels.zero_()
    assert evaluate(fresh(), [batch, empty]) == evaluate(fresh(), [batch])
    with pytest.raises(ValueError, match="more than padding"):
        evaluate(fresh(), [empty])
    with pytest.raises(TypeError, match="single Batch"):
        evaluate(fresh(), batch)
    with pytest.raises(ValueError, match="weights are damaged"):
        evaluate(changed(lambda m: nn.init.constant_(m.output.weight, math.nan)), [batch])
    with pytest.raises(ValueError, match="pad_id=1"):
        evaluate(Transformer(**SIZES | {"pad_id": 1}), [batch])


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "epochs": (0, 1.5, "3", True),
        "max_tokens": (0, math.nan),
        "peak_lr": (0, -1e-3, math.nan, math.inf, "fast"),
        "warmup_steps": (0, -1),
        "label_smoothing": (-1, 1, math.nan),
        "clip_norm": (-1, 0, math.nan),
        "average_last": (-1, 4),
        "seed": (-1, 2**63),
        "bfloat16": ("no",),
        "linear_decay": (1,),
        "r_drop": (-1, math.nan, math.inf, "yes"),
        "muon_lr": (-1e-3, 1, math.nan, "fast"),
    }.items(),
)
def test_settings_that_make_no_sense_are_named(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{name}={value!r}"):
            TrainingConfig(**{**vars(CONFIG), name: value})


# --- Devices: what can be seen without one ------------------------------------------------------------------


class Seen(Exception):
    """Where the ids are when they reach the model."""


class Watch(Transformer):
    def embed(self, ids, embedding):
        raise Seen(ids.device.type)


def test_batches_go_where_the_model_is(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda kind, *_, **__: asked.append(kind) or nullcontext())
    with pytest.raises(Seen, match="meta"):
        train(Watch(**SIZES), copies(), CONFIG, device="meta")
    with pytest.raises(Seen, match="meta"):
        evaluate(Watch(**SIZES).to("meta"), [make_batch(copies())])
    with pytest.raises(Seen, match="meta"):
        greedy_decode(Watch(**SIZES).to("meta"), torch.tensor([[4, 2]]))
    assert asked == ["meta"]


def test_moments_and_average_come_back_to_the_device_of_the_model(tmp_path, monkeypatch):
    path, model = tmp_path / "checkpoint.safetensors", fresh()
    train(model, copies(), CONFIG, checkpoint=path)
    monkeypatch.setattr(training, "copy_parameters", lambda *_: None)  # it looks at what is copied
    run = training.Run(fresh().to("meta"), CONFIG, training.fingerprint(model, copies()))
    run.restore(path)
    states = list(run.optimizer.state.values())
    assert len(states) == len(run.average) == len(list(model.parameters()))
    for moved in [s[key] for s in states for key in ("exp_avg", "exp_avg_sq")] + [*run.average.values()]:
        assert moved.device.type == "meta"
    assert all(s["step"].device.type == "cpu" for s in states)  # where Adam keeps it


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_the_random_state_of_the_device_is_kept(kind, monkeypatch, tmp_path):
    """With a generator of the CPU in the place of the device's own."""
    own, path = torch.Generator().manual_seed(5), tmp_path / "checkpoint.safetensors"
    monkeypatch.setattr(f"torch.{kind}.get_rng_state", lambda *_: own.get_state())
    monkeypatch.setattr(f"torch.{kind}.set_rng_state", lambda state, *_: own.set_state(state))
    run = training.Run(fresh(), CONFIG)
    run.device = torch.device(kind)
    run.save(path)
    expected = torch.rand(3), torch.rand(3, generator=own)
    run.optimizer.state.clear()
    monkeypatch.setattr(training, "copy_parameters", lambda *_: None)
    run.restore(path)
    assert torch.equal(torch.rand(3), expected[0]) and torch.equal(torch.rand(3, generator=own), expected[1])
    run.device = torch.device("cpu")
    run.restore(path)
    assert torch.equal(torch.rand(3), expected[0])


# --- Files --------------------------------------------------------------------------------------------------


def test_a_model_comes_back_from_its_file(tmp_path):
    model, path = fresh().eval(), tmp_path / "model.safetensors"
    save_model(path, model, SIZES, dtype=torch.float32)
    assert same(load_model(path), model)
    save_model(path, model, SIZES)
    loaded, batch = load_model(path), make_batch(copies(5))
    assert loaded.output.weight is loaded.src_embedding.weight and loaded.output.weight.dtype == torch.float32
    assert not loaded.training
    assert torch.allclose(loaded(batch.src, batch.tgt_in), model(batch.src, batch.tgt_in), atol=0.02)
    names = set(read_tensors(path)[0])
    assert (
        "positions.table" not in names and sum("embedding" in name or "output" in name for name in names) == 1
    )


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (lambda m: nn.init.constant_(m.output.weight, 1e30), {}, "number too large for torch.float16"),
        (lambda m: nn.init.constant_(m.output.weight, math.nan), {"dtype": torch.float32}, "holds NaN"),
        (lambda m: m, {"dtype": torch.int8}, "dtype=torch.int8: expected a floating type"),
        (lambda m: m, {"dtype": "float16"}, "dtype='float16': expected a floating type"),
        (lambda m: m, {"sizes": SIZES | {"n_heads": 4}}, "n_heads=4, it has 2"),
        (lambda m: m, {"sizes": SIZES | {"tie_weights": False}}, "other ties"),
        (lambda m: m, {"sizes": SIZES | {"max_len": 2**18}}, "max_len=262144: a file holds"),
        (lambda m: m, {"sizes": SIZES | {"d_model": 15}}, "d_model=15 cannot be split"),
        (lambda m: m.encoder.layers.pop(0), {}, "do not describe the model"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(change, arguments, words, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, fresh(), SIZES)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=words):
        save_model(path, changed(change), **{"sizes": SIZES} | arguments)
    assert path.read_bytes() == before and load_model(path)


def test_numbers_of_numpy_are_numbers(tmp_path):
    sizes = {name: np.int64(size) if type(size) is int else size for name, size in SIZES.items()}
    sizes |= {"dropout": np.float32(0.25)}
    config = TrainingConfig(
        np.int8(2), peak_lr=np.float32(5e-3), seed=np.int64(2**62), average_last=np.uint8(1)
    )
    path, model = tmp_path / "checkpoint", Transformer(**sizes)
    history = train(model, copies(), config, checkpoint=path)
    assert train(Transformer(**sizes), copies(), config, checkpoint=path, resume=True) == history
    save_model(tmp_path / "model", model, sizes, torch.float32)
    assert same(load_model(tmp_path / "model"), model)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_damaged_file_says_so(tmp_path, keep):
    path = tmp_path / "model.safetensors"
    save_model(path, fresh(), SIZES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged or cut short"):
        load_model(path)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="Train a model first"):
        load_model(tmp_path / "nothing.safetensors")
    write_tensors(tmp_path / "other", {"x": torch.ones(1)}, {})
    with pytest.raises(ValueError, match="holds no model sizes"):
        load_model(tmp_path / "other")


@pytest.mark.parametrize("lost", ["config", "history", "task", "epoch", "optimizer.exp_avg.output.weight"])
def test_a_checkpoint_that_lacks_something_is_damaged(lost, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    model = Transformer(**SIZES | {"tie_weights": False, "joint_vocabulary": False})
    train(model, copies(), CONFIG, checkpoint=path)
    tensors, about = read_tensors(path)
    about.pop(lost, None)
    tensors.pop(lost, None)
    write_tensors(path, tensors, about)
    with pytest.raises(ValueError, match="checkpoint.safetensors is damaged"):
        train(model, copies(), CONFIG, checkpoint=path, resume=True)


def without(tensors, start):
    for name in [name for name in tensors if name.startswith(start)]:
        del tensors[name]


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors, about: about.update(epoch=-1),
        lambda tensors, about: about.update(epoch=3.0),
        lambda tensors, about: about.update(position=-5),
        lambda tensors, about: about.update(position=1.5),
        lambda tensors, about: about.update(averaged=True),
        lambda tensors, about: about.update(averaged="2"),
        lambda tensors, about: about.update(averaged=0),
        lambda tensors, about: without(tensors, "average."),
        lambda tensors, about: tensors.pop("average.src_embedding.weight"),
        lambda tensors, about: without(tensors, "optimizer."),
        lambda tensors, about: without(tensors, "optimizer.step."),
        lambda tensors, about: tensors.update({"optimizer.exp_avg.src_embedding.weight": torch.ones(1)}),
        lambda tensors, about: about["history"]["loss"].pop(),
        lambda tensors, about: about["history"]["epoch_step"].pop(),
        lambda tensors, about: about["history"].update(step=None),
    ],
)
def test_a_checkpoint_whose_parts_contradict_each_other_is_damaged(damage, tmp_path):
    path, model = tmp_path / "checkpoint.safetensors", fresh()
    train(model, copies(), CONFIG, checkpoint=path)
    tensors, about = read_tensors(path)
    damage(tensors, about)
    write_tensors(path, tensors, about)
    before = changed(lambda m: m)
    with pytest.raises(ValueError, match="checkpoint.safetensors is damaged"):
        train(before, copies(), CONFIG, checkpoint=path, resume=True)
    assert same(before, fresh())


def test_a_checkpoint_of_muon_without_its_mean_gradients_is_damaged(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(fresh(), copies(), MUON, checkpoint=path)
    tensors, about = read_tensors(path)
    without(tensors, "optimizer.mean.")
    write_tensors(path, tensors, about)
    with pytest.raises(ValueError, match="checkpoint.safetensors is damaged"):
        train(fresh(), copies(), MUON, checkpoint=path, resume=True)


def test_a_training_goes_on_with_lists_for_tuples_and_not_in_another_precision(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(fresh(), copies(), CONFIG, checkpoint=path)
    pairs = [[np.array(source), tuple(target)] for source, target in copies()]
    train(fresh(), pairs, CONFIG, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="weight.dtype=torch.float32 instead of torch.float64"):
        train(fresh().double(), copies(), CONFIG, checkpoint=path, resume=True)


def test_a_model_with_another_padding_is_refused(letters):
    model = Transformer(**SIZES | {"pad_id": 1})
    with pytest.raises(ValueError, match="pad_id=1, but batches are padded with 0"):
        train(model, copies(), CONFIG)
    with pytest.raises(ValueError, match="pad_id=1"):
        translate_batch(model, letters, ["ab"])


def test_an_unwritable_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="choose a folder you may write to"):
        save_model(tmp_path / "file" / "model.safetensors", fresh(), SIZES)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_tensors(path, {"x": torch.ones(1)}, {})
    monkeypatch.setattr(
        "os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"x": torch.zeros(1)}, {})
    assert read_tensors(path)[0]["x"].item() == 1 and [p.name for p in tmp_path.iterdir()] == ["x"]


# --- Decoding -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copier():
    model = fresh()
    train(model, copies(400), TrainingConfig(epochs=40, max_tokens=200, peak_lr=1e-2, warmup_steps=20))
    return model


def test_greedy_decoding_in_a_batch_equals_one_by_one(copier):
    batch = make_batch(copies(30))
    together = greedy_decode(copier, batch.src)
    alone = [greedy_decode(copier, make_batch([pair]).src)[0] for pair in copies(30)]
    assert together == alone
    assert sum(ids == source for ids, (source, _) in zip(together, copies(30), strict=True)) > 15


def test_greedy_decoding_follows_the_teacher_forced_argmax(copier):
    batch = make_batch(copies(30))
    right = copier.eval()(batch.src, batch.tgt_in).argmax(-1)
    checked = 0
    for row, ids, labels in zip(right, greedy_decode(copier, batch.src), batch.labels, strict=True):
        length = int((labels != PAD_ID).sum())
        if torch.equal(row[:length], labels[:length]):
            assert ids == labels[: length - 1].tolist()
            checked += 1
    assert checked > 15


def test_decoding_needs_room():
    for bad in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"max_len={bad}"):
            greedy_decode(fresh(), torch.tensor([[4, 2]]), max_len=bad)


@pytest.fixture(scope="module")
def letters():
    """A tokeniser under which every letter a to e, and the space before a word, is one token."""
    return train_tokenizer(["abcde"], 10)


def test_what_cannot_be_translated_is_refused(letters):
    with pytest.raises(TypeError, match="'Ein Hund.' is one string"):
        translate_batch(fresh(), letters, "Ein Hund.")
    for bad in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"batch_size={bad}"):
            translate_batch(fresh(), letters, ["ab"], batch_size=bad)
    model = fresh()
    nn.init.constant_(model.decoder.layers[0].feed_forward.narrow.bias, math.nan)
    with pytest.raises(ValueError, match="logits are NaN"):
        translate_batch(model, letters, ["ab"])


def test_sentences_of_like_length_share_a_batch(letters):
    model, lengths = fresh(), []
    encode = model.encode
    model.encode = lambda src: lengths.append(src.shape[1]) or encode(src)
    translate_batch(model, letters, ["abcde", "a", "abcde", "a"], batch_size=2)
    assert sorted(lengths) == [3, 7]


def test_a_sentence_may_fill_all_positions_but_one(letters):
    model = Transformer(**SIZES, max_len=7)
    fits, long = "abcde", "abcdea"  # and the space before them: max_len - 1 and max_len tokens
    assert len(letters.encode(fits).ids) == 6
    assert len(translate_batch(model, letters, [fits])) == 1
    with pytest.raises(ValueError, match="7 tokens is longer than the 6"):
        translate_batch(model, letters, [long])


def test_decoding_stops_at_the_limit_and_leaves_the_mode_alone():
    model = fresh().train()
    nn.init.zeros_(model.output.weight)
    assert [len(ids) for ids in greedy_decode(model, torch.tensor([[4, 2]]), max_len=5)] == [5]
    assert model.training
    short = Transformer(**SIZES, max_len=7)
    assert all(len(ids) <= 7 for ids in greedy_decode(short, torch.tensor([[4, 5, 2]])))


def test_the_file_holds_half_precision(tmp_path):
    save_model(tmp_path / "model.safetensors", fresh(), SIZES)
    tensors, _ = read_tensors(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


@pytest.mark.parametrize("damage", ["a name is missing", "a name too many", "another shape"])
def test_parameters_that_do_not_fit_are_counted_and_named(damage):
    tensors = {name: parameter.clone() for name, parameter in fresh().named_parameters()}
    name = min(tensors)
    if damage == "a name is missing":
        del tensors[name]
    elif damage == "a name too many":
        name = "a.weight"
        tensors[name] = torch.zeros(1)
    else:
        tensors[name] = tensors[name][:-1]
    with pytest.raises(ValueError, match=f"file does not fit the model: 1 parameters.* first is {name}"):
        copy_parameters(fresh(), tensors, "file")
