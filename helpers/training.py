"""The training loop that every notebook uses, and its checkpoints.

The schedule, the optimiser and label smoothing are those of sections 5.3 and 5.4 of the paper.
"""

import hashlib
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from helpers.checkpoints import copy_parameters, read_tensors, write_tensors
from helpers.data import PAD_ID, Batch, bucketed_batches
from helpers.model import eval_mode
from helpers.setup import progress


@dataclass(frozen=True)
class TrainingConfig:
    """How to train: everything that the result depends on, next to the model and the data."""

    epochs: int  # passes over the training pairs
    max_tokens: int = 3000  # padded tokens per side and batch
    peak_lr: float = 1e-3  # reached after the warm-up
    warmup_steps: int = 400
    label_smoothing: float = 0.1
    clip_norm: float = 1.0  # the gradient is scaled down to this length
    average_last: int = 0  # average the weights at the end of so many last epochs (section 6.1)
    seed: int = 0  # order of the batches and dropout
    bfloat16: bool = False  # autocast: faster on CPUs that have it in hardware, slower elsewhere

    def __post_init__(self):
        for name, lowest in (("epochs", 1), ("max_tokens", 1), ("warmup_steps", 1), ("average_last", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)}: choose at least {lowest}.")
        if self.average_last > self.epochs:
            raise ValueError(
                f"average_last={self.average_last} epochs cannot be averaged in a training of {self.epochs}. "
                "Choose a smaller number, or 0 for no average."
            )


@dataclass
class History:
    """What happened: one entry per step in the first four lists, one per epoch in the last two."""

    step: list = field(default_factory=list)
    loss: list = field(default_factory=list)  # training loss, with label smoothing
    learning_rate: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)  # teacher-forced, share of labels
    epoch_step: list = field(default_factory=list)  # the last step of each epoch
    valid_loss: list = field(default_factory=list)  # cross-entropy in nats per token, without smoothing
    seconds: float = 0.0


def learning_rate(step, config):
    """Linear warm-up to `peak_lr`, then falling with 1 / sqrt(step) (equation 3, scaled to its peak).

    Steps count from 1.
    """
    return config.peak_lr * min(step / config.warmup_steps, math.sqrt(config.warmup_steps / step))


def token_loss(model, batch, label_smoothing=0.0):
    """Mean cross-entropy over the labels that are not padding, and how many of them the model gets right."""
    device = next(model.parameters()).device
    batch = Batch(*(ids.to(device) for ids in batch))
    logits = model(batch.src, batch.tgt_in).float()  # (B, T, V)
    loss = nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=PAD_ID, label_smoothing=label_smoothing
    )
    right = (logits.argmax(-1) == batch.labels) & (batch.labels != PAD_ID)
    return loss, right.sum().item()


def evaluate(model, batches):
    """Mean cross-entropy in nats per token over `batches`, in eval mode; the mode is left as it was."""
    total, count = 0.0, 0
    with eval_mode(model):
        for batch in batches:
            tokens = (batch.labels != PAD_ID).sum().item()
            total += token_loss(model, batch)[0].item() * tokens
            count += tokens
    return total / count


def train(model, encoded, config, *, valid=None, checkpoint=None, resume=False, save_every=50, on_epoch=None):
    """Train `model` (called as `(src, tgt)`) on encoded pairs; returns the `History`.

    Args:
        valid: encoded pairs for the loss after each epoch.
        checkpoint: a file that is rewritten every `save_every` steps and after each epoch.
        resume: go on from `checkpoint` if it exists; the result is the same as without the interruption.
            `epochs` may change between the two, as long as no weights have been averaged yet.
        on_epoch: called with `(epoch, history)` after each epoch.

    Raises:
        ValueError: no pairs, a damaged checkpoint, or one of another training.
        FileExistsError: the checkpoint exists and `resume` is False.
        FloatingPointError: the loss is no longer a number.
    """
    if not encoded:
        raise ValueError("no pairs to train on: pass a list of encoded pairs.")
    run = Run(model, config, encoded)
    if checkpoint and Path(checkpoint).exists():
        if not resume:
            raise FileExistsError(f"{checkpoint} exists. Pass resume=True to go on from it, or delete it.")
        run.restore(checkpoint)
    else:
        torch.manual_seed(config.seed)
    valid_batches = bucketed_batches(valid, config.max_tokens) if valid else None

    bar = None
    while run.epoch < config.epochs:
        batches = bucketed_batches(encoded, config.max_tokens, seed=config.seed * 1_000_003 + run.epoch)
        total, done = config.epochs * len(batches), len(run.history.step)
        bar = bar or progress(total=total, initial=done, desc="training", unit="step")
        for batch in batches[run.position :]:
            run.step(batch)
            bar.set_postfix_str(f"loss {run.history.loss[-1]:.2f}", refresh=False)
            bar.update()
            if checkpoint and len(run.history.step) % save_every == 0:
                run.save(checkpoint)
        run.end_epoch(valid_batches)
        if checkpoint:
            run.save(checkpoint)
        if on_epoch:
            on_epoch(run.epoch, run.history)
    if bar:
        bar.close()
    run.use_average()
    return run.history


def fingerprint(model, encoded):
    """A short text that changes with the sizes of the model and with the pairs."""
    simple = (bool, int, float, str)
    sizes = [
        (name, type(module).__name__, key, value)
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, simple) and key != "training"
    ]
    return hashlib.sha256(repr((sizes, encoded)).encode()).hexdigest()[:16]


class Run:
    """The state of one training: everything that a checkpoint must hold to go on exactly."""

    def __init__(self, model, config, encoded):
        self.model, self.config, self.history = model, config, History()
        self.task = fingerprint(model, encoded)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.peak_lr, betas=(0.9, 0.98), eps=1e-9)
        self.epoch, self.position = 0, 0  # epochs finished, batches taken of the current one
        self.average, self.averaged = {}, 0  # the mean of the weights, and of how many epochs

    def step(self, batch):
        """One update on one batch."""
        started, config, history = time.perf_counter(), self.config, self.history
        rate = learning_rate(len(history.step) + 1, config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        with torch.autocast(batch.src.device.type, torch.bfloat16, enabled=config.bfloat16):
            loss, right = token_loss(self.model, batch, config.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        length = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        if not (loss + length).isfinite():
            raise FloatingPointError(
                f"at step {len(history.step) + 1}, with a learning rate of {rate:.2g}, the loss is "
                f"{loss.item()} and its gradient has length {length.item()}. Start again with a lower "
                "peak_lr or a longer warm-up, and without this checkpoint."
            )
        self.optimizer.step()
        self.position += 1
        history.step.append(len(history.step) + 1)
        history.loss.append(loss.item())
        history.learning_rate.append(rate)
        history.accuracy.append(right / (batch.labels != PAD_ID).sum().item())
        history.seconds += time.perf_counter() - started

    def end_epoch(self, valid_batches):
        """Count the epoch, add to the average of the last weights, measure the loss on unseen pairs."""
        self.epoch, self.position = self.epoch + 1, 0
        if self.epoch > self.config.epochs - self.config.average_last:
            self.averaged += 1
            for name, p in self.model.named_parameters():
                mean = self.average.setdefault(name, torch.zeros_like(p))
                mean += (p.detach() - mean) / self.averaged
        self.history.epoch_step.append(len(self.history.step))
        if valid_batches:
            self.history.valid_loss.append(evaluate(self.model, valid_batches))

    def use_average(self):
        """Put the averaged weights, if there are any, into the model."""
        if self.average:
            copy_parameters(self.model, self.average, "the average")

    def save(self, path):
        """Write everything to one file; the old file stays whole until the new one is."""
        parameters = dict(self.model.named_parameters())
        tensors = {f"model.{name}": p.detach() for name, p in parameters.items()}
        tensors |= {f"average.{name}": t for name, t in self.average.items()}
        for name, p in parameters.items():
            tensors |= {f"optimizer.{key}.{name}": t for key, t in self.optimizer.state[p].items()}
        tensors["rng"] = torch.get_rng_state()
        about = {"config": asdict(self.config), "history": asdict(self.history), "task": self.task}
        about |= {"epoch": self.epoch, "position": self.position, "averaged": self.averaged}
        write_tensors(path, tensors, about)

    def restore(self, path):
        """Read what `save` wrote into the model and this run."""
        tensors, about = read_tensors(path)
        if about.get("task") != self.task:
            raise ValueError(
                f"{path} belongs to another model or other sentences. "
                "Use the same sizes and data, or another file."
            )
        before, now = dict(about["config"]), asdict(self.config)
        if before.pop("epochs", 0) != now.pop("epochs") and any(n.startswith("average.") for n in tensors):
            raise ValueError(
                f"{path} has begun to average the last weights; the number of epochs is fixed now."
            )
        if before != now:
            raise ValueError(
                f"{path} belongs to another training: {before} instead of {now}. "
                "Use the same settings, or another file."
            )
        parts = {"model": {}, "average": {}, "exp_avg": {}, "exp_avg_sq": {}, "step": {}}
        rng = tensors.pop("rng")
        for name, tensor in tensors.items():
            part, name = name.removeprefix("optimizer.").split(".", 1)
            parts[part][name] = tensor
        copy_parameters(self.model, parts["model"], path)
        self.average = parts["average"]
        for name, p in self.model.named_parameters():
            self.optimizer.state[p] = {key: parts[key][name] for key in ("step", "exp_avg", "exp_avg_sq")}
        self.history = History(**about["history"])
        self.epoch, self.position, self.averaged = about["epoch"], about["position"], about["averaged"]
        torch.set_rng_state(rng)
