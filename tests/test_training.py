"""Training learns, stops and goes on exactly, and its files are whole or absent."""

import math
import random

import pytest
import torch
from torch import nn

from helpers import training
from helpers.checkpoints import load_model, read_tensors, save_model, write_tensors
from helpers.data import make_batch
from helpers.decoding import greedy_decode
from helpers.model import Transformer
from helpers.training import TrainingConfig, evaluate, learning_rate, token_loss, train

SIZES = dict(src_vocab_size=10, tgt_vocab_size=10, d_model=16, n_heads=2, d_ff=32, n_layers=1, dropout=0.1)
CONFIG = TrainingConfig(epochs=3, max_tokens=60, peak_lr=5e-3, warmup_steps=5, average_last=2, seed=3)


def copies(n=60):
    """Encoded pairs whose target is the source."""
    chance = random.Random(0)
    rows = [[chance.randrange(4, 10) for _ in range(chance.randrange(2, 7))] for _ in range(n)]
    return [(row, row) for row in rows]


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


def test_the_loss_ignores_padding():
    model = fresh().eval()
    short, long = copies(2)[0], ([4] * 9, [4] * 9)
    alone, padded = make_batch([short]), make_batch([short, long])
    padded = padded._replace(labels=padded.labels.clone())
    padded.labels[1] = 0
    assert token_loss(model, padded)[0].item() == pytest.approx(token_loss(model, alone)[0].item(), abs=1e-5)


@pytest.mark.parametrize("stop_after", [1, 4, 7, 11, 13])
def test_an_interrupted_training_goes_on_exactly(tmp_path, monkeypatch, stop_after):
    whole = fresh()
    expected = train(whole, copies(), CONFIG, valid=copies(10))
    assert len(expected.step) > 13

    class Interrupted(training.Run):
        def step(self, batch):
            if len(self.history.step) == stop_after:
                raise KeyboardInterrupt
            super().step(batch)

    path = tmp_path / "checkpoint.safetensors"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "Run", Interrupted)
        train(fresh(), copies(), CONFIG, valid=copies(10), checkpoint=path, save_every=2)
    resumed = fresh()
    torch.manual_seed(99)  # whatever happened in between
    history = train(resumed, copies(), CONFIG, valid=copies(10), checkpoint=path, resume=True, save_every=2)
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


def test_an_average_counts_the_epochs_that_it_has_seen(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    short = TrainingConfig(epochs=2, max_tokens=60, warmup_steps=5)
    longer = TrainingConfig(epochs=3, max_tokens=60, warmup_steps=5, average_last=3)
    model, ends = fresh(), []
    train(model, copies(), short, checkpoint=path)
    about = read_tensors(path)[1]
    tensors, _ = read_tensors(path)
    about["config"]["average_last"] = 3
    write_tensors(path, tensors, about)
    train(model, copies(), longer, checkpoint=path, resume=True, on_epoch=lambda *_: ends.append(1))
    assert len(ends) == 1
    last = {name: t for name, t in read_tensors(path)[0].items() if name.startswith("model.")}
    assert all(torch.allclose(p, last[f"model.{name}"]) for name, p in model.named_parameters())


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


def test_bad_trainings(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(ValueError, match="no pairs"):
        train(fresh(), [], CONFIG)
    train(fresh(), copies(), CONFIG, checkpoint=path)
    with pytest.raises(FileExistsError, match="resume=True"):
        train(fresh(), copies(), CONFIG, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to another training"):
        other = TrainingConfig(epochs=3, max_tokens=60, peak_lr=1e-4)
        train(fresh(), copies(), other, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="number of epochs is fixed"):
        other = TrainingConfig(**{**vars(CONFIG), "epochs": 5})
        train(fresh(), copies(), other, checkpoint=path, resume=True)
    for changed in ({"d_ff": 16}, {"n_heads": 4}, {"dropout": 0.5}, {"max_len": 64}):
        with pytest.raises(ValueError, match="another model or other sentences"):
            train(Transformer(**{**SIZES, **changed}), copies(), CONFIG, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="another model or other sentences"):
        train(fresh(), copies(61), CONFIG, checkpoint=path, resume=True)
    for bad in ({"epochs": 0}, {"warmup_steps": 0}, {"average_last": -1}, {"average_last": 4}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            TrainingConfig(**{**vars(CONFIG), **bad})
    with pytest.raises(FloatingPointError, match="lower peak_lr"):
        model = fresh()
        nn.init.constant_(model.tgt_embedding.weight, math.inf)
        train(model, copies(), CONFIG)


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
    for row, ids, labels in zip(right, greedy_decode(copier, batch.src), batch.labels, strict=True):
        length = int((labels != 0).sum())
        if torch.equal(row[:length], labels[:length]):
            assert ids == labels[: length - 1].tolist()


def test_decoding_needs_room():
    with pytest.raises(ValueError, match="max_len=0"):
        greedy_decode(fresh(), torch.tensor([[4, 2]]), max_len=0)


def test_decoding_stops_at_the_limit_and_leaves_the_mode_alone():
    model = fresh().train()
    nn.init.zeros_(model.output.weight)
    assert [len(ids) for ids in greedy_decode(model, torch.tensor([[4, 2]]), max_len=5)] == [5]
    assert model.training
    short = Transformer(**SIZES, max_len=7)
    assert all(len(ids) <= 7 for ids in greedy_decode(short, torch.tensor([[4, 5, 2]])))
