"""The sequence-to-sequence tasks: batches, scores, and models with a part knocked out."""

import pytest
import torch

from helpers.data import BOS_ID, EOS_ID
from helpers.model import Transformer
from lessons.scoreboard import (
    FIRST_ID,
    SEQUENCE_TASKS,
    fit,
    free_running,
    sequence_batch,
    small_transformer,
    teacher_forced,
    train_sequences,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "wanted"), [("copy", [3, 1, 3, 0]), ("reverse", [0, 3, 1, 3]), ("sort", [0, 1, 3, 3])]
)
def test_targets(name, wanted):
    assert SEQUENCE_TASKS[name].target(torch.tensor([[3, 1, 3, 0]])).tolist() == [wanted]


def test_a_batch_is_shifted_by_one_and_ends_in_the_end():
    src, tgt_in, labels = sequence_batch(SEQUENCE_TASKS["reverse"], 50, generator(), length=5)
    assert src.shape == tgt_in.shape == labels.shape == (50, 6)
    assert (tgt_in[:, 0] == BOS_ID).all() and torch.equal(tgt_in[:, 1:], labels[:, :-1])
    assert (labels[:, -1] == EOS_ID).all() and torch.equal(src[:, :5], labels[:, :5].flip(1))
    assert src[:, :5].min() == FIRST_ID and src[:, :5].max() == FIRST_ID + 9


def test_a_held_out_batch_is_held_out():
    src = sequence_batch(SEQUENCE_TASKS["sort"], 50, generator(), held_out=True).src[:, :-1]  # (B, S)
    assert (((src - FIRST_ID) * torch.arange(1, 9)).sum(dim=-1) % 5 == 0).all()


class Echo(Transformer):
    """Says what the decoder was given: right when fed the labels, and never otherwise."""

    def decode(self, tgt, memory, src_mask):
        return torch.nn.functional.one_hot(tgt, self.output.out_features).float()


def test_an_echo_is_perfect_on_its_own_test_and_writes_nothing():
    batch = sequence_batch(SEQUENCE_TASKS["copy"], 20, generator(), held_out=True)
    model = small_transformer(Echo).train()
    assert teacher_forced(model, batch, shift=False) == 1 and model.training
    assert teacher_forced(model, batch) < 0.4 and free_running(model, batch) == 0


def test_training_depends_on_the_seed_alone_and_learns():
    losses = []
    task, options = SEQUENCE_TASKS["copy"], dict(seed=1, lengths=(1, 2), steps=80)
    note = lambda step, loss: losses.append(loss)  # noqa: E731
    model = train_sequences(task, small_transformer, **options, on_step=note)
    torch.rand(3)
    again = train_sequences(task, small_transformer, **options)
    assert torch.equal(model.output.weight, again.output.weight)
    assert losses[-1] < 0.2 * losses[0]
    assert free_running(model, sequence_batch(task, 100, generator(5), length=2, held_out=True)) > 0.3


def test_fit_stops_after_three_perfect_batches_and_warms_up():
    rates, weight = [], torch.nn.Linear(1, 1)
    perfect = [False, True, True, False, True, True, True, True]
    seen = []

    def learn_from(step):
        seen.append(step)
        return weight(torch.ones(1)).square().sum(), perfect[step - 1]

    fit(weight, learn_from, steps=8, on_step=lambda step, loss: rates.append(step))
    assert seen == rates == [1, 2, 3, 4, 5, 6, 7]


def rates(steps, **schedule):
    """The rate of each step of a `fit` that is told the loss alone."""
    weight, found = torch.nn.Parameter(torch.ones(1)), []
    sgd = torch.optim.SGD([weight])
    note = lambda step, loss: found.append(sgd.param_groups[0]["lr"])  # noqa: E731
    fit(None, lambda step: weight.sum(), steps=steps, optimiser=sgd, on_step=note, **schedule)
    return found


def test_the_rate_warms_up_and_stays_or_falls():
    assert rates(4, lr=1.0, warmup=2) == [0.5, 1, 1, 1]
    assert rates(6, lr=1.0, warmup=2, fall=True) == [0.5, 1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("steps", [3, 4])
def test_a_rate_that_cannot_fall_is_refused(steps):
    with pytest.raises(ValueError, match=f"steps={steps}: .* warmup=4"):
        rates(steps, warmup=4, fall=True)
    assert rates(0, warmup=4, fall=True) == []
