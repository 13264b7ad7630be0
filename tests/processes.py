"""What `test_distributed.py` runs in several processes: `torchrun ... processes.py FOLDER SCENARIO ...`."""

import os
import random
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from helpers import checkpoints, distributed, grammar, train, training
from helpers.model import Transformer

FIRST = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"  # nothing has been started again
CONFIG = training.TrainingConfig(
    epochs=3, max_tokens=60, peak_lr=5e-3, warmup_steps=5, average_last=2, seed=3
)
COMMAND = ["--epochs", "2", "--average-last", "0", "--d-model", "16", "--n-heads", "2", "--n-layers", "1"]
COMMAND += ["--d-ff", "8", "--vocab-size", "200", "--dropout", "0.2"]


def drawn(n=60):
    """Encoded pairs whose target is the source."""
    chance = random.Random(0)
    rows = [[chance.randrange(4, 10) for _ in range(chance.randrange(2, 7))] for _ in range(n)]
    return [(row, row) for row in rows]


def fresh(kind=Transformer, dropout=0.0):
    torch.manual_seed(0)
    return kind(10, 10, 16, 2, 32, 1, dropout, joint_vocabulary=True).double()


def run(folder, name, model, pairs, **options):
    """Train, and let the first process keep what came out."""
    history = training.train(model, pairs, CONFIG, valid=drawn(10), **options)
    if distributed.leads():
        tensors = {name: p.detach() for name, p in model.named_parameters()}
        about = {"loss": history.loss, "accuracy": history.accuracy, "valid": history.valid_loss}
        checkpoints.write_tensors(folder / name, tensors, about)


def whole(folder):
    run(folder, "whole", fresh(), drawn())


def slow(folder):
    """The way of models that are not taken apart."""
    training.fast.suits, before = lambda _: False, training.fast.suits
    run(folder, "slow", fresh(), drawn())
    training.fast.suits = before


def few(folder):
    """A pair for one process, and none for the others."""
    run(folder, "few", fresh(), drawn(1))


def partly(folder):
    model = fresh()
    model.encoder.requires_grad_(False)
    model.unused = nn.Linear(2, 2).double()
    run(folder, "partly", model, drawn())


def resumed(folder):
    """Goes on from the checkpoint of another number of processes."""
    run(folder, "resumed", fresh(), drawn(), checkpoint=folder / "other", resume=True)


def begun(folder):
    """Stops in the second epoch."""

    class Interrupted(training.Run):
        def step(self, batch):
            if len(self.history.step) == 7:
                raise KeyboardInterrupt
            super().step(batch)

    training.Run, before = Interrupted, training.Run
    try:
        run(folder, "", fresh(), drawn(), checkpoint=folder / "begun", save_every=2)
    except KeyboardInterrupt:
        training.Run = before


def refused(folder):
    """The processes have other sentences, settings or checkpoints."""
    rank, (config, pairs, path) = int(os.environ["RANK"]), (CONFIG, drawn(), None)
    for what in ("sentences", "seed", "checkpoint"):
        if what == "sentences":
            pairs = drawn(60 + rank)
        elif what == "seed":
            config, pairs = training.TrainingConfig(**vars(CONFIG) | {"seed": rank}), drawn()
        else:
            config, path = CONFIG, folder / ("other" if rank == 0 else "not there")
        try:
            training.train(fresh(), pairs, config, checkpoint=path, resume=bool(path))
        except ValueError as error:
            (folder / f"{what} {rank}").write_text(str(error))


def command(folder, name):
    corpus = grammar.grammar_corpus(700, 10)
    grammar.grammar_corpus = lambda *_: corpus
    return train.main(["--out", str(folder / name), *COMMAND])


def undisturbed(folder):
    """The command, to its end."""
    if FIRST:
        command(folder, "undisturbed")


def killed(folder):
    """The command, whose second process is killed when it has begun, and whose restart is its own affair."""
    step = training.Run.step

    def last(run, batch):
        if len(run.history.step) == 9 and os.environ["RANK"] == "1" and FIRST:
            os.kill(os.getpid(), signal.SIGKILL)
        step(run, batch)

    training.Run.step = last
    assert command(folder, "killed") == 0


def full(folder):
    """The command, with a disk that is full after a while."""
    calls = []

    def write(path, *_):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(f"cannot write {path} (No space left on device). Free some space.")

    training.write_tensors = write
    sys.exit(command(folder, "full"))


if __name__ == "__main__":
    for scenario in sys.argv[2:]:
        globals()[scenario](Path(sys.argv[1]))
