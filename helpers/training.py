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

from helpers import distributed, fast
from helpers.arguments import (
    check_batch,
    check_batches,
    check_counts,
    check_flags,
    check_labels,
    check_logits,
    check_not_negative,
    check_pad_id,
    check_pairs,
    check_positive,
    check_shares,
    check_trainable,
    check_weights,
    choose_device,
)
from helpers.checkpoints import copy_parameters, describe, read_tensors, understood, write_tensors
from helpers.data import PAD_ID, bucketed_batches
from helpers.model import Transformer, eval_mode
from helpers.muon import Muon
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
    bfloat16: bool = False  # autocast: faster on GPUs and CPUs that have it in hardware, slower elsewhere
    linear_decay: bool = False  # after the warm-up in a straight line to 0, instead of with 1 / sqrt(step)
    r_drop: float = 0.0  # weight of the distance between two predictions with different dropout; 0: one only
    muon_lr: float = 0.0  # peak for the matrices of the layers, which Muon then trains; 0: Adam trains all

    def __post_init__(self):
        check_counts(epochs=self.epochs, max_tokens=self.max_tokens, warmup_steps=self.warmup_steps)
        check_counts(0, average_last=self.average_last, seed=self.seed)
        check_positive(peak_lr=self.peak_lr, clip_norm=self.clip_norm)
        check_shares(label_smoothing=self.label_smoothing, muon_lr=self.muon_lr)
        check_not_negative(r_drop=self.r_drop)
        check_flags(bfloat16=self.bfloat16, linear_decay=self.linear_decay)
        if self.average_last > self.epochs:
            raise ValueError(
                f"average_last={self.average_last} epochs cannot be averaged in a training of {self.epochs}. "
                "Choose a smaller number, or 0 for no average."
            )
        for name, value in vars(self).items():
            if hasattr(value, "item"):  # a NumPy number would go on with its own arithmetic
                object.__setattr__(self, name, value.item())


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


WAY_OUT = "Start again with a lower peak_lr or a longer warm-up, and without this checkpoint."


def learning_rate(step, config, steps=None):
    """Linear warm-up to `peak_lr`, then falling with 1 / sqrt(step) (equation 3, scaled to its peak).

    Steps count from 1. With `linear_decay` the rate would be 0 one step behind the last of all `steps`.
    """
    warmup = config.warmup_steps
    if config.linear_decay:
        fall = max(0.0, (steps + 1 - step) / max(1, steps + 1 - warmup))
    else:
        fall = math.sqrt(warmup / step)
    return config.peak_lr * min(step / warmup, fall)


def make_optimizers(model, config):
    """Adam with the betas and the epsilon of section 5.3, and Muon for the matrices of the layers, or None.

    Raises ValueError where Muon is asked for and the model has no layers with matrices.
    """
    named = list(model.named_parameters())
    matrices = [p for name, p in named if config.muon_lr and ".layers." in name and p.ndim == 2]
    if config.muon_lr and not matrices:
        raise ValueError(
            f"muon_lr={config.muon_lr}: the model has no matrices in layers for Muon. Use 0, for Adam alone."
        )
    others = [p for _, p in named if all(p is not matrix for matrix in matrices)]
    adam = torch.optim.Adam(others, lr=config.peak_lr, betas=(0.9, 0.98), eps=1e-9)
    return adam, Muon(matrices, config.muon_lr) if matrices else None


def token_loss(logits, labels, label_smoothing=0.0):
    """Mean cross-entropy of logits `(B, T, V)` over the labels `(B, T)` that are not padding.

    Raises:
        ValueError: shapes that do not fit, a label outside the vocabulary, or nothing but padding.
    """
    check_labels(logits, labels, PAD_ID)
    check_shares(label_smoothing=label_smoothing)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # from bfloat16
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=PAD_ID, label_smoothing=label_smoothing
    )


def disagreement(logits, labels):
    """How far two predictions for the same labels are apart: the mean of both Kullback-Leibler divergences.

    logits `(2 * B, T, V)`, the second half for the same sentences as the first; labels `(B, T)`. In nats per
    token (R-Drop, Liang and others, 2021).
    """
    first, second = (half[labels != PAD_ID] for half in logits.log_softmax(dim=-1).chunk(2))  # (N, V)
    return ((first.exp() - second.exp()) * (first - second)).sum(dim=-1).mean() / 2


def evaluate(model, batches):
    """Mean cross-entropy in nats per token over `batches`, in eval mode; the mode is left as it was.

    Raises:
        TypeError: a single batch.
        ValueError: no batches, nothing but padding in them, or a model whose weights are damaged.
    """
    check_batches(batches)
    check_pad_id(model, PAD_ID)
    device, total, count = next(model.parameters()).device, 0.0, 0
    with eval_mode(model):
        for batch in batches:
            tokens = int((batch.labels != PAD_ID).sum())
            if tokens:
                src, tgt_in, labels = batch.to(device)
                loss = token_loss(model(src, tgt_in), labels)
                check_logits(loss)
                total += loss.item() * tokens
                count += tokens
    if not count:
        raise ValueError("no batches to evaluate: pass a list of at least one, with more than padding in it.")
    return total / count


def train(
    model, encoded, config, *, valid=None, checkpoint=None, resume=False, save_every=50, on_epoch=None,
    device=None,
):  # fmt: skip
    """Train `model` (called as `(src, tgt)`) on encoded pairs; returns the `History`.

    Args:
        encoded: the pairs, or what gives those of an epoch when it is called with a seed (`SubwordSampler`).
        valid: encoded pairs for the loss after each epoch.
        checkpoint: a file that is rewritten every `save_every` steps and after each epoch.
        resume: go on from `checkpoint` if it exists; the result is the same as without the interruption.
            `epochs` may change between the two, as long as no weights have been averaged yet, and the rate
            does not fall in a line to its end.
        on_epoch: called with `(epoch, history)` after each epoch.
        device: the model moves there and stays there ("auto" is the fastest); without one it is trained where
            it is. On the device on which it began, a training resumes exactly.

    Several processes, as `torchrun` starts them, train together. The batches are the same for any number of
    them, each takes some of the rows, and the first alone writes the checkpoint and calls `on_epoch`.

    Raises:
        TypeError: another config than a `TrainingConfig`, or what is no pair of lists of ids.
        ValueError: no pairs, one that the model cannot read, weights that cannot be trained, `resume`
            without a checkpoint, a damaged one, or one of another training; processes that differ in these.
        ConnectionError: not all processes have come within a minute.
        FileExistsError: the checkpoint exists and `resume` is False.
        FloatingPointError: the loss or a weight is no longer a number.
    """
    if not isinstance(config, TrainingConfig):
        kind = type(config).__name__
        raise TypeError(
            f"config is {kind}, expected a TrainingConfig. Of a dict make TrainingConfig(**config)."
        )
    fresh = encoded if callable(encoded) else None
    first = config.seed * 1_000_003  # the seed of the first epoch; the others follow
    encoded, valid = check_pairs(fresh(first) if fresh else encoded), check_pairs(valid or ())
    if not encoded:
        raise ValueError("no pairs to train on: pass a list of encoded pairs.")
    check_counts(save_every=save_every)
    check_pad_id(model, PAD_ID)
    check_trainable(model)
    for batch in bucketed_batches(encoded + valid, config.max_tokens):
        if isinstance(model, Transformer):
            check_batch(model, batch)
    if resume and not checkpoint:
        raise ValueError("resume=True without a checkpoint: pass the file to go on from.")
    exists = checkpoint and Path(checkpoint).exists()
    if exists and not resume:
        raise FileExistsError(f"{checkpoint} exists. Pass resume=True to go on from it, or delete it.")
    device = choose_device(device) if isinstance(device, str) else device
    distributed.join(device or next(model.parameters()).device)
    known = checkpoint or distributed.processes() > 1
    run = Run(model.to(device), config, fingerprint(model, encoded) if known else None)
    torch.manual_seed(config.seed)
    if exists:
        run.restore(checkpoint)
    taken = {"steps taken": len(run.history.step)}
    run.loss = distributed.replicate(run.loss, run.task | asdict(config) | taken)
    run.steps = config.epochs * len(bucketed_batches(encoded, config.max_tokens, seed=first))
    valid_batches = bucketed_batches(valid, config.max_tokens) if valid else None

    bar = None
    while run.epoch < config.epochs:
        seed = first + run.epoch
        batches = bucketed_batches(fresh(seed) if fresh else encoded, config.max_tokens, seed=seed)
        done = len(run.history.step)
        bar = bar or progress(total=run.steps, initial=done, desc="training", unit="step")
        for batch in batches[run.position :]:
            run.step(batch)
            bar.set_postfix_str(f"loss {run.history.loss[-1]:.2f}", refresh=False)
            bar.update()
            if checkpoint and len(run.history.step) % save_every == 0:
                run.save(checkpoint)
        run.end_epoch(valid_batches)
        if checkpoint:
            run.save(checkpoint)
        if on_epoch and distributed.leads():
            on_epoch(run.epoch, run.history)
    if bar:
        bar.close()
    run.use_average()
    return run.history


def fingerprint(model, encoded):
    """What a training must find again to go on: the model's sizes and types by name, a hash of the pairs."""
    plain = [tuple([int(i) for i in side] for side in pair) for pair in encoded]
    sentences = hashlib.sha256(repr(plain).encode()).hexdigest()[:16]
    types = {f"{name}.dtype": str(p.dtype) for name, p in model.named_parameters()}
    return {"sentences": sentences, **describe(model), **types}


def random_states(device):
    """How to get and set the state of each generator that a training on `device` draws from, by name."""
    states = {"rng": (torch.get_rng_state, torch.set_rng_state)}
    if device.type == "cuda":
        get, put = torch.cuda.get_rng_state, torch.cuda.set_rng_state
        states["rng_cuda"] = lambda: get(device), lambda state: put(state, device)
    if device.type == "mps":
        states["rng_mps"] = torch.mps.get_rng_state, torch.mps.set_rng_state
    return states


class Loss(nn.Module):
    """The mean loss of a model's answers, and how many of them are right."""

    def __init__(self, model, label_smoothing, r_drop=0.0):
        super().__init__()
        self.model, self.label_smoothing, self.r_drop = model, label_smoothing, r_drop

    def forward(self, src, tgt_in, labels):
        if self.r_drop:
            logits = self.model(src.repeat(2, 1), tgt_in.repeat(2, 1))  # (2 * B, T, V), twice in one batch
            loss = token_loss(logits, labels.repeat(2, 1), self.label_smoothing)
            right = (logits[: len(labels)].argmax(-1) == labels) & (labels != PAD_ID)  # (B, T)
            return loss + self.r_drop / 2 * disagreement(logits, labels), right.sum()
        if fast.suits(self.model):
            return fast.token_loss(self.model, src, tgt_in, labels, self.label_smoothing)
        logits = self.model(src, tgt_in)  # (B, T, V)
        loss = token_loss(logits, labels, self.label_smoothing)
        return loss, ((logits.argmax(-1) == labels) & (labels != PAD_ID)).sum()


class Run:
    """The state of one training: everything that a checkpoint must hold to go on exactly."""

    def __init__(self, model, config, task=None):
        self.model, self.config, self.task, self.history = model, config, task or {}, History()
        self.device = next(model.parameters()).device
        self.loss = Loss(model, config.label_smoothing, config.r_drop)
        self.optimizer, self.muon = make_optimizers(model, config)
        self.steps = None  # of the whole training, as planned
        self.epoch, self.position = 0, 0  # epochs finished, batches taken of the current one
        self.average, self.averaged = {}, 0  # the mean of the weights, and of how many epochs

    def step(self, batch):
        """One update on one batch."""
        started, config, history = time.perf_counter(), self.config, self.history
        rate = learning_rate(len(history.step) + 1, config, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        distributed.seed(config.seed, len(history.step))
        rows, weight = distributed.own_rows(batch)
        src, tgt_in, labels = rows.to(self.device)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bfloat16), fast.Kernels():
            loss, right = self.loss(src, tgt_in, labels)
        self.model.zero_grad()
        (weight * loss).backward()
        length = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        accuracy = right / (labels != PAD_ID).sum()
        loss, accuracy = distributed.mean(weight * loss, weight * accuracy)
        if not (loss + length).isfinite():
            raise FloatingPointError(
                f"at step {len(history.step) + 1}, with a learning rate of {rate:.2g}, the loss is "
                f"{loss.item()} and its gradient has length {length.item()}. Start again with a lower "
                "peak_lr or a longer warm-up, and without this checkpoint."
            )
        self.optimizer.step()
        if self.muon:
            self.muon.param_groups[0]["lr"] = rate * config.muon_lr / config.peak_lr
            self.muon.step()
        self.position += 1
        history.step.append(len(history.step) + 1)
        history.loss.append(loss.item())
        history.learning_rate.append(rate)
        history.accuracy.append(accuracy.item())
        history.seconds += time.perf_counter() - started

    def end_epoch(self, valid_batches):
        """Count the epoch, add to the average of the last weights, measure the loss on unseen pairs."""
        check_weights(self.model, WAY_OUT)
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
        check_weights(self.model, WAY_OUT)
        if not distributed.leads():
            return
        parameters = dict(self.model.named_parameters())
        tensors = {f"model.{name}": p.detach() for name, p in parameters.items()}
        tensors |= {f"average.{name}": t for name, t in self.average.items()}
        for name, p in parameters.items():
            state = self.muon.state if self.muon and p in self.muon.state else self.optimizer.state
            tensors |= {f"optimizer.{key}.{name}": t for key, t in state[p].items()}
        tensors |= {name: get() for name, (get, _) in random_states(self.device).items()}
        about = {"config": asdict(self.config), "history": asdict(self.history), "task": self.task}
        about |= {"epoch": self.epoch, "position": self.position, "averaged": self.averaged}
        write_tensors(path, tensors, about)

    def restore(self, path):
        """Read what `save` wrote into the model and this run."""
        tensors, about = read_tensors(path)
        with understood(path):
            self._restore(path, tensors, about)

    def _restore(self, path, tensors, about):
        before, now = about["config"], asdict(self.config)
        for old, new in ((about["task"], self.task), (before, now)):
            for name in new | old:
                if name != "epochs" and old.get(name) != new.get(name):
                    raise ValueError(
                        f"{path} belongs to another training: {name}={old.get(name)} instead of "
                        f"{new.get(name)}. Use the same settings and sentences, or another file."
                    )
        planned, wanted, epoch = before["epochs"], now["epochs"], about["epoch"]
        if planned != wanted and now["linear_decay"]:
            raise ValueError(
                f"{path} is planned for {planned} epochs, and its learning rate falls towards their end. "
                f"Use epochs={planned}, or another file."
            )
        late = epoch > min(planned, wanted) - now["average_last"] or (about["position"] and epoch == wanted)
        if planned != wanted and late:
            raise ValueError(
                f"{path} has trained {epoch} of {planned} epochs. With average_last={now['average_last']} "
                f"it is too late for epochs={wanted}: use epochs={planned}, or another file."
            )
        parts = {"model": {}, "average": {}, "exp_avg": {}, "exp_avg_sq": {}, "step": {}, "mean": {}}
        for name, tensor in tensors.items():
            part, _, name = name.removeprefix("optimizer.").partition(".")
            if part in parts:
                parts[part][name] = tensor
        history = History(**about["history"])
        sizes, average, first, second, means = (
            {name: tensor.shape for name, tensor in parts[part].items()}
            for part in ("model", "average", "exp_avg", "exp_avg_sq", "mean")
        )
        if not (
            all(type(about[name]) is int and about[name] >= 0 for name in ("epoch", "position", "averaged"))
            and len(history.step) == len(history.loss) == len(history.learning_rate) == len(history.accuracy)
            and len(history.epoch_step) == about["epoch"]
            and average == (sizes if about["averaged"] else {})
            and first == second and first.keys() == parts["step"].keys() and first.items() <= sizes.items()
            and (first or not history.step)
            and means.items() <= sizes.items() and bool(means) == bool(now["muon_lr"] and history.step)
        ):  # fmt: skip
            raise TypeError("counts, history, average and moments do not belong together")
        copy_parameters(self.model, parts["model"], path)
        self.average = {name: t.to(self.device) for name, t in parts["average"].items()}
        for name, p in self.model.named_parameters():
            if name in parts["step"]:  # Adam keeps nothing for a parameter that has had no gradient
                moments = {key: parts[key][name].to(self.device) for key in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[p] = {"step": parts["step"][name]} | moments
            if name in parts["mean"]:
                self.muon.state[p] = {"mean": parts["mean"][name].to(self.device)}
        self.history = history
        self.epoch, self.position, self.averaged = about["epoch"], about["position"], about["averaged"]
        for name, (_, put) in random_states(self.device).items():
            if name in tensors:  # a checkpoint of another device has no state for this one
                put(tensors[name])
