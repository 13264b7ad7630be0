"""Checks for the exercises of notebook 12."""

import torch
from torch import nn

from lessons.boards import training_that_generalises as boards
from lessons.exercises import exercise, likely_mistake, same


def flat(answer):
    """The numbers of a list or a tensor of any shape."""
    return torch.as_tensor(answer, dtype=torch.float64).flatten().tolist()


@exercise
def smoothed_target(answer):
    """the share is spread over all five symbols, the right one included."""
    answer = flat(answer)
    if len(answer) != 5:
        return "five numbers, one for each symbol."
    likely = {
        "the right symbol gets a part of it as well: spread it over all five.": (0.05, 0.05, 0.8, 0.05, 0.05),
        "this is a share of 1: only 0.2 is taken from the right symbol.": [0.2] * 5,
        "this is the label without smoothing.": (0, 0, 1, 0, 0),
        "these add up to 0.96: the right symbol gets a part as well.": (0.04, 0.04, 0.8, 0.04, 0.04),
        "symbols count from 0: the right one is the third.": (0.04, 0.84, 0.04, 0.04, 0.04),
    }
    if message := likely_mistake(answer, likely, 1e-4):
        return message
    if not same(sum(answer), 1, 1e-4):
        return f"the shares add up to {sum(answer):.2f}, not to 1."
    if not same(answer, (0.04, 0.04, 0.84, 0.04, 0.04), 1e-4):
        return "0.2 over five symbols is 0.04 each, and the right one keeps 0.8 besides."


@exercise
def calibration(answer):
    """each bin's distance counts with the bin's share of the answers."""
    cases = {
        "paper": ([1.0, 1, 1, 0, 1], [0.92, 0.92, 0.92, 0.92, 0.45]),  # 4/5 * 0.17 + 1/5 * 0.55
        "certain": ([1.0, 0, 1, 1], [1.0, 1.0, 0.55, 0.58]),
    }
    found = {}
    for name, (right, confidence) in cases.items():
        right, confidence = torch.tensor(right), torch.tensor(confidence)
        kept = right.clone(), confidence.clone()
        found[name] = float(answer(right, confidence))
        if not (torch.equal(right, kept[0]) and torch.equal(confidence, kept[1])):
            return "it changes what it is given."
    likely = {
        "too sure in one bin and too unsure in the other must not cancel: compare within each bin.": 0.026,
        "weight the distances by the number of answers in each bin, 4 and 1, not equally.": 0.36,
        "these are the distances added up: weight each by its share of the answers.": 0.72,
        "these are the distances of single answers: take the means of a bin first.": 0.342,
        "distances have no sign: too sure counts as much as too unsure.": -0.026,
        "you square the distances.": 0.8 * 0.17**2 + 0.2 * 0.55**2,
    }
    if not same(found["paper"], 0.246, 1e-4):
        return likely_mistake(found["paper"], likely, 1e-4) or (
            "four answers at 0.92, three of them right, and one at 0.45, right: "
            "4/5 times the distance 0.17, plus 1/5 times the distance 0.55."
        )
    if not same(found["certain"], 0.4675, 1e-4):
        return "a confidence of exactly 1 belongs into the last bin, from 0.9 to 1."


class Watched(nn.Linear):
    """A linear layer that writes down in which mode it ran."""

    def __init__(self, log):
        super().__init__(2, 1, bias=False)
        self.log = log

    def forward(self, x):
        self.log.append("forward" if self.training else "forward in eval mode")
        return super().forward(x)


class Logged:
    """An optimiser that writes down each step, and the gradient that it finds."""

    def __init__(self, model, log):
        self.model, self.log, self.gradient = model, log, None

    def zero_grad(self, set_to_none=True):
        self.log.append("zero_grad")
        self.model.zero_grad(set_to_none)

    def step(self):
        gradient = self.model.weight.grad
        self.log.append("step")
        self.gradient = None if gradient is None else gradient.flatten().tolist()


def log_of_step(answer, numbers):
    """One call: its log, the gradient in `step()`, which is `numbers` before clipping, and the loss."""
    log = []
    model = Watched(log)
    with torch.no_grad():
        model.weight.fill_(1.0)
    model.eval()
    model.weight.grad = torch.full((1, 2), 100.0)  # left over from the batch before
    optimiser = Logged(model, log)
    x, y, loss = torch.tensor([numbers]), torch.tensor([[0.0]]), None
    try:
        loss = answer(model, optimiser, x, y, lambda out, y: (out - y).sum())
    except Exception as stopped:
        if "returns nothing" not in str(stopped.__cause__):
            raise  # a step that returns nothing is judged all the same
    return log, optimiser.gradient, loss


@exercise
def training_step(answer):
    """training mode, old gradients away, backward, then clip, then the step."""
    log, gradient, loss = log_of_step(answer, [3.0, 4.0])
    if "forward in eval mode" in log:
        return (
            "the model is still in eval mode from the last scoring, so dropout is off: model.train() first."
        )
    if "step" not in log:
        return "optimiser.step() is missing: nothing moves."
    if log.count("step") > 1:
        return "one step for each batch."
    if gradient is None:
        return "there is no gradient when step() is called: zero_grad(), then backward(), then step()."
    likely = {
        "this caps each number and turns the gradient: shorten it as a whole, with clip_grad_norm_.": (1, 1),
        "the gradient is 5 long in step(): clip after backward() and before step().": (3, 4),
        "this step goes uphill: the loss is loss_of(model(x), y), without a minus.": (-0.6, -0.8),
    }
    if message := likely_mistake(gradient, likely, 1e-3):
        return message
    if not same(gradient, (0.6, 0.8), 1e-3):
        if "zero_grad" not in log:
            return "the gradients of the batch before are still there: optimiser.zero_grad() is missing."
        if log.index("zero_grad") > log.index("step"):
            return "the gradients of the batch before go into this step: zero_grad() before backward()."
        return f"the gradient in step() is {[round(g, 2) for g in gradient]}, and should be [0.6, 0.8]."
    if not same(log_of_step(answer, [0.3, 0.4])[1], (0.3, 0.4), 1e-3):
        return "a gradient shorter than 1 must stay as it is: clip_grad_norm_ does that."
    if not same(loss, 7, 1e-3):
        return "the step is right, but what it returns is not the loss."


@exercise
def all_three(answer):
    """right, calibrated, and with a narrow gap: no row with 200 noisy sentences is all three."""
    if not isinstance(answer, dict):
        return 'a dictionary of settings, such as {"smoothing": 0.1, "dropout": 0.3}.'
    known = ["smoothing", "dropout", "weight_decay", "stop_early", "temperature", "steps", "lr", "width"]
    if unknown := [name for name in answer if name not in known]:
        return f"{unknown[0]!r} may not be changed, only: {', '.join(known)}."
    if answer.get("steps", 400) > 1200:
        return "1200 steps at most."
    scores = boards.generalisation(answer, seed=0)
    found = (
        f"right {scores['held out']:.3f}, gap {scores['gap']:.3f}, "
        f"calibration error {scores['calibration error']:.3f}"
    )
    if scores["held out"] < 0.8:
        return f"it is not right often enough: {found}."
    if scores["gap"] > 0.05:
        return f"the gap is too wide: {found}."
    if scores["calibration error"] > 0.08:
        return f"its confidence is not its accuracy: {found}."
