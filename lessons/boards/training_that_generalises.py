"""Boards of notebook 12: remedies for few and noisy labels, and what warm-up and initialisation decide."""

import copy
from functools import lru_cache

import torch
from torch import nn

from helpers.model import Encoder, PositionalEncoding, eval_mode
from lessons.boards.bodies import stack
from lessons.scoreboard import N_SYMBOLS, TASKS, Board, SymbolModel, accuracy, fit, label_loss, measure_tasks

H, NOISE = 8, 0.2  # heads; the share of labels that are drawn anew


def with_noise(y, share, generator):
    """A copy of the labels `(B, S)` in which this share is drawn anew, from all symbols."""
    drawn = torch.randint(N_SYMBOLS, y.shape, generator=generator)
    return torch.where(torch.rand(y.shape, generator=generator) < share, drawn, y)


def sentences(task, n, noise, seed, held_out=False):
    """`n` sentences, their noisy labels and their true ones, each `(n, S)`."""
    generator = torch.Generator().manual_seed(seed)
    x, y = TASKS[task].draw(n, generator, held_out=held_out)
    return x, with_noise(y, noise, generator), y


def calibration_error(logits, labels, n_bins=10):
    """Expected calibration error of logits `(..., V)`, 0 to 1: |accuracy - confidence| over bins."""
    confidence, guess = logits.softmax(dim=-1).max(dim=-1)
    right, bins = (guess == labels).float(), (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = [(right - confidence)[bins == b].sum().abs() for b in range(n_bins)]
    return (torch.stack(gaps).sum() / labels.numel()).item()


def best_temperature(logits, labels):
    """The number to divide logits by so that the cross-entropy on these labels is lowest."""
    candidates = [1.05**k for k in range(-30, 61)]
    flat = logits.flatten(0, 1)
    return min(candidates, key=lambda t: nn.functional.cross_entropy(flat / t, labels.flatten()).item())


def train_noisy(task, seed, **settings):
    """A copy of the model that `train_once` trains with these settings, and keeps."""
    return copy.deepcopy(train_once(task, seed, **settings))


@lru_cache(maxsize=64)
def train_once(
    task, seed, *, n=200, noise=NOISE, steps=400, lr=1e-3, smoothing=0.0, dropout=0.0, weight_decay=0.0,
    n_layers=2, width=64, stop_early=False,
):  # fmt: skip
    """Train a stack on `n` sentences, again and again; `stop_early` keeps the best one on 100 others."""
    x, y, _ = sentences(task, n, noise, seed)
    valid_x, valid_y, _ = sentences(task, 100, noise, 1000 + seed)
    torch.manual_seed(seed)
    encoder = Encoder(width, H, 4 * width, n_layers, dropout)
    model = SymbolModel(nn.Sequential(PositionalEncoding(width, dropout), encoder), width)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=weight_decay)
    generator, best = torch.Generator().manual_seed(seed), (float("inf"), None)

    def learn_from(step):
        chosen = torch.randint(n, (64,), generator=generator)
        logits = model(x[chosen]).flatten(0, 1)  # (B * S, V)
        return nn.functional.cross_entropy(logits, y[chosen].flatten(), label_smoothing=smoothing)

    def keep_the_best(step, loss):
        nonlocal best
        if step % 25 == 0:
            with eval_mode(model):
                found = label_loss(model(valid_x), valid_y).item()
            if found < best[0]:
                best = found, copy.deepcopy(model.state_dict())

    fit(model, learn_from, steps=steps, lr=lr, warmup=100, optimiser=optimiser, clip=1.0,
        on_step=keep_the_best if stop_early else None)  # fmt: skip
    if stop_early:
        model.load_state_dict(best[1])
    return model


def generalisation(row, seed, task="reverse"):
    """Accuracy in training, and accuracy and confidence on held-out sentences with noisy labels."""
    settings = dict(row)
    scaled = settings.pop("temperature", False)
    model = train_noisy(task, seed, **settings)
    noise = settings.get("noise", NOISE)
    x, y, _ = sentences(task, settings.get("n", 200), noise, seed)
    new_x, new_y, true_y = sentences(task, 1000, noise, -1, held_out=True)
    with eval_mode(model):
        trained, new = model(x[:1000]), model(new_x)  # (n, S, V)
        if scaled:
            valid_x, valid_y, _ = sentences(task, 100, noise, 1000 + seed)
            new = new / best_temperature(model(valid_x), valid_y)
    scores = {
        "training": (trained.argmax(-1) == y[:1000]).float().mean().item(),
        "held out": (new.argmax(-1) == new_y).float().mean().item(),
    }
    scores["gap"] = scores["training"] - scores["held out"]
    scores["held out, true labels"] = (new.argmax(-1) == true_y).float().mean().item()
    scores["confidence"] = new.softmax(dim=-1).amax(dim=-1).mean().item()
    return scores | {"calibration error": calibration_error(new, new_y)}


REMEDIES = {
    "nothing": {},
    "label smoothing 0.1": {"smoothing": 0.1},
    "label smoothing 0.2": {"smoothing": 0.2},
    "label smoothing 0.4": {"smoothing": 0.4},
    "dropout 0.1": {"dropout": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "dropout 0.5": {"dropout": 0.5},
    "dropout 0.3, 1200 steps": {"dropout": 0.3, "steps": 1200},
    "nothing, 1200 steps": {"steps": 1200},
    "weight decay 0.01": {"weight_decay": 0.01},
    "weight decay 1": {"weight_decay": 1.0},
    "weight decay 2": {"weight_decay": 2.0},
    "weight decay 5": {"weight_decay": 5.0},
    "stopped early": {"stop_early": True},
    "one layer, half as wide": {"n_layers": 1, "width": 32},
    "temperature": {"temperature": True},
    "300 sentences": {"n": 300},
    "600 sentences": {"n": 600},
    "2000 sentences": {"n": 2000},
    "2000 sentences, 4000 steps": {"n": 2000, "steps": 4000},
    "200 sentences, no noise": {"noise": 0.0},
    "50 sentences, no noise": {"n": 50, "noise": 0.0},
}
# A second task and a second rate; reverse at this rate is the control that tells the two apart.
SMOOTHING = ("nothing", "label smoothing 0.1", "label smoothing 0.4", "temperature")
SECOND = {f"reverse, {row}": ("reverse", REMEDIES[row] | {"lr": 2e-3}) for row in SMOOTHING} | {
    f"count, {row}": ("count", REMEDIES[row] | {"lr": 2e-3})
    for row in (*SMOOTHING, "label smoothing 0.2", "dropout 0.1", "stopped early", "200 sentences, no noise")
}
# On a solved task: many sentences, no noise.
ENOUGH = {"n": 10_000, "noise": 0.0, "steps": 400}
SOLVED = {
    row: REMEDIES[row] | ENOUGH
    for row in ("nothing", "label smoothing 0.1", "label smoothing 0.4", "dropout 0.1", "temperature")
}  # fmt: skip


def solved(row, seed):
    """Held-out accuracy and calibration error on two tasks that are solved without a remedy."""
    found = {}
    for task in ("reverse", "count"):
        scores = generalisation(row, seed, task)
        found |= {f"{task}, held out": scores["held out"]}
        found |= {f"{task}, calibration error": scores["calibration error"]}
    return found


def on_second(row, seed):
    task, settings = row
    return generalisation(settings, seed, task)


# Six layers on reverse: the normalisation, the steps of warm-up (1 is none), and the matrices at the start.
def initialised(n_layers, norm_first, matrices="default"):
    """A stack whose matrices are PyTorch's default, Xavier's or normal with a standard deviation."""
    body = stack(n_layers, norm_first)
    for module in body.modules():
        if isinstance(module, nn.Linear) and matrices != "default":
            nn.init.zeros_(module.bias)
            if matrices == "Xavier":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.normal_(module.weight, std=matrices)
    return body


def on_reverse(norm_first, warmup, matrices, lr, seed):
    """Accuracy on reverse of six layers after at most 200 steps."""
    training = {"lr": lr, "warmup": warmup, "steps": 200}
    found = measure_tasks(lambda: initialised(6, norm_first, matrices), seed, tasks=("reverse",), **training)
    return found["reverse"]


WARMUP = {
    "post-norm, no warm-up": (False, 1),
    "post-norm, 20 steps": (False, 20),
    "pre-norm, no warm-up": (True, 1),
    "pre-norm, 20 steps": (True, 20),
}


START = {
    "default": "default",
    "Xavier": "Xavier",
    "normal, 1": 1.0,
}


def rates(row, seed):
    """Accuracy at four learning rates."""
    return {f"rate {lr}": on_reverse(*row, "default", lr, seed) for lr in (0.004, 0.008, 0.016, 0.032)}


def starts(matrices, seed):
    """Accuracy of post-norm with 100 steps of warm-up, at two learning rates."""
    return {f"rate {lr}": on_reverse(False, 100, matrices, lr, seed) for lr in (0.001, 0.004)}


# Longer warm-ups, clipping, and plain steps. All steps are taken, also those after the task is solved: no
# model escapes a high rate by being done before the rate is there.
def stays_on_reverse(
    lr, seed, *, norm_first=False, warmup=20, clip=None, kind=torch.optim.Adam, on_step=None, **more
):
    """Accuracy on reverse of six layers after exactly 200 steps of 128 sentences."""
    torch.manual_seed(seed)
    model, generator = SymbolModel(stack(6, norm_first)), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = TASKS["reverse"].draw(128, generator)
        return label_loss(model(x), y)

    optimiser = kind(model.parameters(), lr=lr, **more)
    fit(model, learn_from, steps=200, lr=lr, warmup=warmup, clip=clip, optimiser=optimiser, on_step=on_step)
    return accuracy(model, TASKS["reverse"])


LONGER = {f"post-norm, {warmup} steps": {"warmup": warmup} for warmup in (20, 100)}
CLIPPED = {
    "post-norm, no warm-up, clipped to 1": {"warmup": 1, "clip": 1.0},
    "post-norm, 20 steps, clipped to 1": {"clip": 1.0},
}
PLAIN = {
    "SGD with momentum, post-norm": {"kind": torch.optim.SGD, "momentum": 0.9},
    "SGD with momentum, pre-norm": {"kind": torch.optim.SGD, "momentum": 0.9, "norm_first": True},
}


def high_rates(row, seed):
    """Accuracy at the three rates at which the board `warmup` has failures."""
    return {f"rate {lr}": stays_on_reverse(lr, seed, **row) for lr in (0.008, 0.016, 0.032)}


def highest_rates(row, seed):
    """Accuracy at the two rates at which 20 steps of warm-up are not enough."""
    return {f"rate {lr}": stays_on_reverse(lr, seed, **row) for lr in (0.016, 0.032)}


def plain_rates(row, seed):
    """Accuracy at rates that suit plain steps."""
    return {f"rate {lr}": stays_on_reverse(lr, seed, **row) for lr in (0.03, 0.1, 0.3)}


# More ways to start, with both orders of the norm.
def started(norm_first, matrices, scaled):
    """Six layers with these matrices; `scaled` divides those that write into a residual sum by sqrt(12)."""
    body = initialised(6, norm_first, matrices)
    with torch.no_grad():
        for name, module in body.named_modules():
            if scaled and name.endswith(("narrow", "projection")):
                module.weight /= 12**0.5
    return body


MORE_STARTS = {
    "default": ("default", False),
    "Xavier, depth-scaled": ("Xavier", True),
    "normal, 0.02": (0.02, False),
    "normal, 0.02, depth-scaled": (0.02, True),
}


def both_orders(row, seed):
    """Accuracy with both orders, at a low rate with 100 steps of warm-up, after at most 200 steps."""
    found, training = {}, {"lr": 0.001, "warmup": 100, "steps": 200, "tasks": ("reverse",)}
    for name, norm_first in (("post-norm", False), ("pre-norm", True)):
        scores = measure_tasks(lambda norm_first=norm_first: started(norm_first, *row), seed, **training)
        found[name] = scores["reverse"]
    return found


# Is it the softmax? The same training with another last function, with another loss, and with both.
def as_shares(logits):
    return logits.softmax(dim=-1)


def as_sigmoids(logits):
    """Eight questions, one for each symbol: is it this one? No symbol competes with another."""
    return logits.sigmoid()


def as_they_are(logits):
    """No function at all. What is below 0 or above 1 counts as 0 or 1 when it is read as a confidence."""
    return logits


def log_loss(shares, labels):
    """Cross-entropy of shares `(N, V)`."""
    return nn.functional.nll_loss(shares.clamp_min(1e-30).log(), labels)


def log_loss_of_each(outputs, labels):
    """Cross-entropy of eight questions with yes or no, the mean over all of them."""
    return nn.functional.binary_cross_entropy(outputs, nn.functional.one_hot(labels, N_SYMBOLS).float())


def squared_loss(outputs, labels):
    """The outputs should be 1 for the label and 0 for the others."""
    return (outputs - nn.functional.one_hot(labels, N_SYMBOLS)).square().mean()


@lru_cache(maxsize=64)
def train_other(seed, *, function=as_shares, loss=log_loss, weight_decay=0.0, matrices_only=False, steps=400):
    """`train_once` on reverse with another function or loss, or with decay of the linear layers alone."""
    x, y, _ = sentences("reverse", 200, NOISE, seed)
    torch.manual_seed(seed)
    model = SymbolModel(nn.Sequential(PositionalEncoding(64, 0.0), Encoder(64, H, 256, 2, 0.0)), 64)
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    decayed = linear if matrices_only else list(model.parameters())
    others = [p for p in model.parameters() if not any(p is chosen for chosen in decayed)]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(seed)

    def learn_from(step):
        chosen = torch.randint(200, (64,), generator=generator)
        return loss(function(model(x[chosen]).flatten(0, 1)), y[chosen].flatten())

    return fit(model, learn_from, steps=steps, lr=1e-3, warmup=100, optimiser=optimiser, clip=1.0)


def surest(probabilities, labels, n_bins=10):
    """Accuracy, confidence and calibration error of the most probable answers, `(..., V)` and `(...)`."""
    confidence, guess = probabilities.max(dim=-1)
    right, bins = (guess == labels).float(), (confidence * n_bins).long().clamp(0, n_bins - 1)
    gaps = [(right - confidence)[bins == b].sum().abs() for b in range(n_bins)]
    error = torch.stack(gaps).sum() / labels.numel()
    return [number.item() for number in (right.mean(), confidence.mean(), error)]


def other(row, seed):
    """`generalisation` of a model of `train_other`; a confidence is an output, cut to 0 to 1."""
    model, function = train_other(seed, **row), row.get("function", as_shares)
    x, y, _ = sentences("reverse", 200, NOISE, seed)
    new_x, new_y, true_y = sentences("reverse", 1000, NOISE, -1, held_out=True)
    with eval_mode(model):
        trained, new = function(model(x)), function(model(new_x))  # (n, S, V)
    in_training = (trained.argmax(-1) == y).float().mean().item()
    held_out, confidence, error = surest(new.clamp(0, 1), new_y)
    scores = {"training": in_training, "held out": held_out, "gap": in_training - held_out}
    scores["held out, true labels"] = (new.argmax(-1) == true_y).float().mean().item()
    return scores | {"confidence": confidence, "calibration error": error}


LONG = {"steps": 1200}
NO_SOFTMAX = {
    "softmax, log loss": LONG,
    "sigmoids, log loss": {"function": as_sigmoids, "loss": log_loss_of_each, **LONG},
    "softmax, squared error": {"loss": squared_loss, **LONG},
    "no softmax, squared error": {"function": as_they_are, "loss": squared_loss, **LONG},
    "no softmax, squared error, 400 steps": {"function": as_they_are, "loss": squared_loss},
}
MATRICES = {
    f"weight decay {d}, matrices only": {"weight_decay": d, "matrices_only": True} for d in (2.0, 5.0, 10.0)
}
MORE_NOISE = {"nothing, 30 % noise": {"noise": 0.3}} | {
    f"label smoothing {share}, 30 % noise": {"smoothing": share, "noise": 0.3}
    for share in (0.1, 0.2, 0.3, 0.4)
}


# What the pages run live.
def by_torch(kind, x, slope, steps, **settings):
    """Where `steps` steps of an optimiser of PyTorch lead from `x`, with the gradient `slope(x)`."""
    parameter = nn.Parameter(x.clone())
    optimiser = kind([parameter], **settings)
    for _ in range(steps):
        parameter.grad = slope(parameter.detach())
        optimiser.step()
    return parameter.detach()


def losses_on_reverse(lr, *, warmup=20, kind=torch.optim.Adam, seed=0, steps=100, **more):
    """The first steps and losses of the training of `stays_on_reverse` with post-norm."""
    torch.manual_seed(seed)
    model, generator, losses = SymbolModel(stack(6)), torch.Generator().manual_seed(seed), []

    def learn_from(step):
        x, y = TASKS["reverse"].draw(128, generator)
        return label_loss(model(x), y)

    def note(step, loss):
        losses.append(loss)

    optimiser = kind(model.parameters(), lr=lr, **more)
    fit(model, learn_from, steps=steps, lr=lr, warmup=warmup, optimiser=optimiser, on_step=note)
    return range(1, steps + 1), losses


def right_and_sure(model, x, labels):
    """For each answer whether it is right, 0 or 1, and its confidence, `(N, S)` each."""
    with eval_mode(model):
        confidence, answer = model(x).softmax(dim=-1).max(dim=-1)  # (N, S) each
    return (answer == labels).float(), confidence


BOARDS = {
    "warmup": Board(WARMUP, rates),
    "longer_warmup": Board(LONGER, highest_rates),
    "clipping": Board(CLIPPED, high_rates),
    "plain_steps": Board(PLAIN, plain_rates),
    "initialisation": Board(START, starts),
    "more_starts": Board(MORE_STARTS, both_orders),
    "remedies": Board(REMEDIES, generalisation),
    "remedies_again": Board(SECOND, on_second),
    "no_softmax": Board(NO_SOFTMAX, other),
    "decay_of_matrices": Board(MATRICES, other),
    "more_noise": Board(MORE_NOISE, generalisation),
    "solved": Board(SOLVED, solved),
}
