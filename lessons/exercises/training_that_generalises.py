"""Checks for the exercises of notebook 12."""

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same, unusable


def flat(answer):
    """The numbers of a list or a tensor of any shape."""
    return torch.as_tensor(answer, dtype=torch.float64).flatten().tolist()


@exercise
def adams_first_step(answer):
    """with bias correction the first step is the learning rate, whatever the size of the gradient."""
    answer = flat(answer)
    if len(answer) != 3:
        return "three numbers: the new values of the three parameters."
    likely = {
        "this is a step of SGD: Adam divides by the size of the gradient.": (-998.0, 1.9, 2.001),
        "a parameter moves against its gradient; one of the gradients is negative.": (1, 1, 1),
        "a parameter moves against its gradient, not along it.": (3, 3, 1),
        "this is the step without bias correction.": (1.293, 1.293, 2.707),
        "these are the moves: where are the three parameters after them?": (-1, -1, 1),
        "these are the moves, with the sign turned: where are the parameters after them?": (1, 1, -1),
    }
    if not same(answer, (1, 1, 3), 1e-4):
        return likely_mistake(answer, likely, 1e-2) or (
            "after bias correction m is the gradient and the root of v is its size: what is their quotient?"
        )


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
def calibration_on_paper(answer):
    """each bin's gap counts with the bin's share of the answers."""
    answer = float(answer)
    likely = {
        "too sure in one bin and too unsure in the other must not cancel: take gaps without a sign.": 0,
        "weight the gaps by the number of answers in each bin, 4 and 1, not equally.": 0.375,
        "these are the gaps added up: weight each by its share of the answers.": 0.75,
        "the gaps of both bins count, not only of one.": 0.12,
    }
    if not same(answer, 0.24, 1e-4):
        return likely_mistake(answer, likely, 1e-4) or (
            "4/5 times the gap at 0.9, plus 1/5 times the gap at 0.4."
        )


@exercise
def my_dropout(answer):
    """zeros in training, the rest divided by 1 - p, and nothing changed in use."""
    torch.manual_seed(0)
    x = torch.rand(200, 100) + 1
    kept = x.clone()
    used = answer(x, 0.25, False)
    if message := unusable(used):
        return message
    dropped = answer(x, 0.25, True)
    if message := unusable(dropped):
        return message
    used, dropped = used.to(x), dropped.to(x)
    if not torch.equal(x, kept):
        return "it changes x itself: return a new tensor."
    if used.shape != x.shape or dropped.shape != x.shape:
        return "the shape changes: draw one number for each number of x."
    if not torch.allclose(used, x):
        return "with training=False the numbers must come out as they went in."
    zeros = (dropped == 0).float()
    if zeros.mean() > 0.7:
        return "it keeps a number with probability p: drop it with probability p."
    if zeros.mean(dim=0).max() == 1 or zeros.mean(dim=1).max() == 1:
        return "it drops whole rows or columns: draw for each number by itself."
    if not 0.22 < zeros.mean() < 0.28:
        return f"with p = 0.25 it dropped {zeros.mean():.2f} of the numbers."
    factor = (dropped / x)[dropped != 0]
    if torch.allclose(factor, torch.ones(())):
        return "what is left is not scaled up: divide by 1 - p."
    if torch.allclose(factor, torch.tensor(4.0)):
        return "divide by 1 - p, the share that is left, and not by p."
    if not torch.allclose(factor, torch.tensor(4 / 3)):
        return "divide what is left by 1 - p."
    if torch.equal(dropped == 0, answer(x, 0.25, True) == 0):
        return "the same numbers are dropped each time: draw anew in each call."


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
