# %% [raw] tags=["card"]
# built: nothing new in the model; how it is trained, and what keeps it from being too sure
# questions: How does a Transformer avoid the overfitting that softmax is blamed for?
# When do warm-up and initialisation matter? What do label smoothing, dropout and weight decay do?

# %% [markdown]
# # 12 - Training that generalises
#
# {{badge}}
#
# The model is complete; today is about how it is trained. You build the paper's recipe piece by piece:
# Adam, warm-up, clipping, label smoothing, dropout. Then you give a model few sentences with wrong
# labels, watch it become sure of nonsense, and measure which remedy helps and which one harms.
#
# - **You need**: [11 - Training](11_training.ipynb).
# - **It runs** in {{time}} on a laptop with two cores.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import checks, plots, scoreboard, stages
from helpers.data import PAD_ID
from helpers.experiments import training_that_generalises as experiments
from helpers.model import Transformer, eval_mode  # built in 10
from helpers.training import TrainingConfig, learning_rate, train

# %% [markdown]
# ## You are here

# %%
fig = plots.block_diagram(built=plots.PARTS, title="12: everything is built, now train it")
plots.show(
    fig,
    alt="Block diagram of the Transformer. All parts of both towers and the output layer are filled, and "
    "none is outlined: nothing new is built today.",
)

# %% [markdown]
# Every box is in colour and none is outlined. What changes today is not in this picture: it is the loop
# that moves the parameters.
#
# ## Stage 32 - Adam, the schedule and clipping
#
# The plainest training step you know from 03: each parameter moves against its gradient, times the
# learning rate. This is stochastic gradient descent, **SGD**. Here is its weak spot, with two parameters.
# The loss is `50 a² + 0.5 b²`, so the gradient is `(100 a, b)`. Both start at 1, and both should go to 0.

# %%
def slopes(x):
    return torch.stack([100 * x[0], x[1]])  # (2,)


for lr in [0.01, 0.021]:
    x = torch.tensor([1.0, 1.0])
    for _ in range(20):
        x = x - lr * slopes(x)  # (2,)
    print(f"SGD, learning rate {lr}: after 20 steps a = {x[0]:.2f}, b = {x[1]:.2f}")
assert x[0].abs() > 5 and x[1] > 0.5, "the larger rate should be too large for a and too small for b"

# %% [markdown]
# At 0.01 `a` is there and `b` has hardly moved. At 0.021 `a` already runs away, and `b` is still far off.
# One rate does not suit two parameters whose gradients differ that much. **Adam** gives each parameter a
# step of its own size. It keeps two running averages for each parameter: `m` of the gradients, and `v` of
# their squares. The step is `m` divided by the root of `v`. So a gradient that is always 100 and one that
# is always 1 lead to the same step. `beta1` and `beta2` say how much of the old average stays.

# %%
def adam_v1(x, gradients, lr=0.1, beta1=0.9, beta2=0.98, eps=1e-9):
    m, v = torch.zeros_like(x), torch.zeros_like(x)
    for gradient in gradients:
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        x = x - lr * m / (v.sqrt() + eps)
    return x


start = torch.tensor([1.0, 1.0], dtype=torch.float64)
first = torch.tensor([100.0, 1.0], dtype=torch.float64)
moved = start - adam_v1(start, [first])  # (2,)
print("first step of version 1:", [round(number, 4) for number in moved.tolist()])

# %% [markdown]
# Both move alike, although one gradient is a hundred times the other. But the step is not the learning
# rate 0.1. On paper: `m` is 0.1 of the gradient, because the other nine tenths are the 0 at the start.
# The root of `v` is `sqrt(0.02)` times the gradient. So both averages are too small, and not by the same
# factor. The property to ask for: equal to `torch.optim.Adam`, on five gradients.

# %%
gradients = torch.tensor([[100.0, 1.0], [-50.0, 2.0], [30.0, 0.5], [10.0, -1.0], [5.0, 1.0]]).double()


# %%
def by_torch(kind, x, gradients, **settings):
    parameter = nn.Parameter(x.clone())
    optimiser = kind([parameter], **settings)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
    return parameter.detach()


expected = by_torch(torch.optim.Adam, start, gradients, lr=0.1, betas=(0.9, 0.98), eps=1e-9)
print("version 1:", [round(n, 4) for n in adam_v1(start, gradients).tolist()])
print("PyTorch:  ", [round(n, 4) for n in expected.tolist()])
assert not torch.allclose(adam_v1(start, gradients), expected), "the fault: averages that start at 0"

# %% [markdown]
# The mend is called **bias correction**. After step t, the weights in the average `m` add up to `1 -
# beta1**t`, not to 1. Divide by that, and likewise for `v`.

# %%
def adam_v2(x, gradients, lr=0.1, beta1=0.9, beta2=0.98, eps=1e-9):
    m, v = torch.zeros_like(x), torch.zeros_like(x)
    for t, gradient in enumerate(gradients, start=1):  # changed
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)  # new
        x = x - lr * m_hat / (v_hat.sqrt() + eps)  # changed
    return x


stages.show_changes(adam_v1, adam_v2)
print("first step of version 2:", [round(n, 4) for n in (start - adam_v2(start, [first])).tolist()])
print("equal to PyTorch:", torch.allclose(adam_v2(start, gradients), expected))
assert torch.allclose(adam_v2(start, gradients), expected), "version 2 should equal torch.optim.Adam"

# %% [markdown]
# Now the first step is the learning rate itself, 0.1, whatever the gradient. So Adam's first step moves
# *every* parameter by the full rate, on the word of one batch: a reason to begin small.
#
# ### The schedule
#
# Section 5.3 of the paper gives the settings that you have just used, `beta1 = 0.9`, `beta2 = 0.98` and
# `eps = 1e-9`, and lets the learning rate change: it rises in a straight line for 4,000 steps, the
# **warm-up**, and then falls with one over the root of the step. That is equation 3.

# %%
def paper_rate(step, d_model=512, warmup=4000):
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


config = TrainingConfig(epochs=1, peak_lr=paper_rate(4000), warmup_steps=4000)
for step in [1, 1000, 4000, 16_000, 100_000]:
    print(f"step {step:7,}: learning rate {paper_rate(step):.7f}")
    assert math.isclose(paper_rate(step), learning_rate(step, config)), "the helper should agree"
assert math.isclose(paper_rate(16_000), paper_rate(4000) / 2), "four times the steps, half the rate"

# %% [markdown]
# The rate peaks at step 4,000 at about 0.0007. `learning_rate` in `helpers/training.py` is the same
# formula, only that you name its peak: `peak_lr`. Look at the shape of it.

# %%
steps = range(1, 20_001, 50)
lines = {f"warm-up {n:,}": (steps, [paper_rate(s, warmup=n) for s in steps]) for n in (2000, 4000, 8000)}
fig = plots.curves(lines, ylabel="learning rate", title="The paper's schedule, three lengths of warm-up")
plots.show(
    fig,
    alt="Three curves of the learning rate over 20,000 steps. Each rises in a straight line and then falls "
    "slowly. A longer warm-up makes a lower peak; later all three curves lie on each other.",
)

# %% [markdown]
# A longer warm-up also lowers the peak: in this formula the two are tied. After their peaks all curves
# run together.
#
# ### Clipping
#
# A batch can have a gradient that is far too long. **Clipping** shortens it. Take the gradient `(3, 4)`:
# its length is 5, by Pythagoras. It should become 1 long at most. The quick way is to cap every number.

# %%
def clip_v1(gradient, longest):
    return gradient.clamp(-longest, longest)


def keeps_direction(clip):
    clipped = clip(torch.tensor([3.0, 4.0]), 1.0)  # (2,)
    return math.isclose(clipped[0] / clipped[1], 3 / 4, rel_tol=1e-5)


print(clip_v1(torch.tensor([3.0, 4.0]), 1.0).tolist(), "direction kept:", keeps_direction(clip_v1))
assert not keeps_direction(clip_v1), "the fault: capped numbers point elsewhere"

# %% [markdown]
# `(1, 1)` points in another direction, and it is 1.4 long. The mend: shorten the whole vector by one
# factor. A short gradient must stay as it is, hence the `min`.

# %%
def clip_v2(gradient, longest):
    return gradient * min(1, longest / gradient.norm().item())  # changed


stages.show_changes(clip_v1, clip_v2)
for numbers in [[3.0, 4.0], [0.3, 0.4]]:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor(numbers)
    ours = clip_v2(parameter.grad.clone(), 1.0)  # (2,)
    length = nn.utils.clip_grad_norm_([parameter], 1.0)  # changes the gradient, returns its old length
    print(f"{numbers} of length {length:.1f} -> {[round(number, 2) for number in ours.tolist()]}")
    assert torch.allclose(ours, parameter.grad, atol=1e-5), "equal to clip_grad_norm_"
print("direction kept:", keeps_direction(clip_v2))
assert keeps_direction(clip_v2), "version 2 only shortens"

# %% [markdown]
# `clip_grad_norm_` does this over *all* parameters of a model together, as if their gradients were one
# long vector. The paper does not mention clipping; `helpers.training` clips to length 1.
#
# ## Stage 33 - When warm-up and initialisation matter
#
# You have Adam and a schedule. What is missing is a reason to warm up at all. In 08, six post-norm layers
# stayed at the best guess on `odd` at one rate and not at another, and pre-norm was less particular. So
# look there: six layers, large rates, on `reverse`, which is learned fast.
#
# Train one pair now, post-norm at rate 0.008, for at most 200 steps. `warmup=1` means that the first step
# has the full rate already. Look at which loss falls.

# %% tags=["nbval-ignore-output"]
losses, warm_live = {}, {}
for name, warmup in [("no warm-up", 1), ("warm-up 20", 20)]:
    seen = []
    model = scoreboard.train_on(
        scoreboard.TASKS["reverse"], lambda: experiments.initialised(6, norm_first=False), lr=0.008,
        warmup=warmup, steps=200, on_step=lambda step, loss, seen=seen: seen.append((step, loss)),
    )  # fmt: skip
    warm_live[name] = scoreboard.accuracy(model, scoreboard.TASKS["reverse"])
    losses[name] = tuple(zip(*seen, strict=True))
    print(f"{name:11} accuracy {warm_live[name]:.2f} after {len(seen)} steps")

fig = plots.curves(losses, title="Six layers, post-norm, rate 0.008")
plots.show(
    fig,
    alt="Two curves of the loss over the steps. With warm-up the loss falls to 0 within some hundred steps. "
    "Without, it jumps up at the start and then stays on a plateau.",
)

# %% [markdown]
# With warm-up the loss falls to 0, after a jump or two, and training stops once three batches in a row
# are perfect. Without, the model stays near `log 8`, the loss of one that gives each of the 8 symbols the
# same share.

# %%
assert warm_live["no warm-up"] < 0.5 < 0.7 < warm_live["warm-up 20"], "only the warm-up should train it"
print(f"log 8 = {math.log(8):.2f}; with warm-up six layers learn reverse at this rate, without they do not")

# %% [markdown]
# The table has three seeds, three rates and pre-norm as the control. It was measured by `python -m
# helpers.experiments warmup`. Look for the first field that is pale, and at the row for pre-norm below
# it.

# %%
warm = scoreboard.recorded("warmup")
for row, scores in warm.items():
    print(f"{row:24}", "  ".join(f"{min(s):.2f} to {max(s):.2f}" for s in scores.values()))
failing = warm["post-norm, no warm-up"]["rate 0.008"]
assert max(failing) < 0.2, "post-norm, no warm-up, largest rate"
others = [scores for row in warm for scores in warm[row].values() if scores != failing]
assert min(min(scores) for scores in others) > 0.95, "everything else learns"
print("from 08, odd, 40 steps of warm-up, rate 0.002:",
      scoreboard.recorded("norms")["post-norm, 6 layers"]["odd, rate 0.002"])  # fmt: skip

guess = dict.fromkeys(warm["post-norm, no warm-up"], scoreboard.chance(scoreboard.TASKS["reverse"]))
fig = plots.scoreboard(warm, chance=guess, title="Six layers on reverse, at most 200 steps")
plots.show(fig, alt="Heat map of accuracies. Only post-norm without warm-up at rate 0.008 is pale.")

# %% [markdown]
# One field is pale. Without warm-up, post-norm fails at the largest rate, with all three seeds. With only
# 20 steps of warm-up it learns at the same rate. Pre-norm learns without any.
#
# So the answer to *when* is: in this comparison, with post-norm at a large rate. At half the rate the
# warm-up changes nothing that the table shows. This is a small model on an easy task, and how large a
# rate may be depends on both. Xiong and others (2020) give a reason: at the start, post-norm has large
# gradients near the output, which a large rate makes unstable; pre-norm has not. And warm-up does not
# mend everything: in 08 six post-norm layers had 40 steps of it at rate 0.002, and `odd` stayed at the
# best guess all the same.
#
# ### The matrices at the start
#
# Does it matter how the matrices are drawn? `nn.Linear` has a default. `helpers.model.Transformer` uses
# **Xavier's rule** instead: evenly between plus and minus `sqrt(6 / (inputs + outputs))`, biases 0. It is
# made so that numbers keep their size on the way forward and gradients on the way back (Glorot and
# Bengio, 2010). See what each rule does to numbers of size 1.

# %%
def spread(rule):
    torch.manual_seed(0)
    linear = nn.Linear(512, 512)
    if rule == "Xavier":
        nn.init.xavier_uniform_(linear.weight)
    elif rule != "default":
        nn.init.normal_(linear.weight, std=rule)
    sizes = linear.weight.std(), linear(torch.randn(1000, 512)).std()
    return [size.item() for size in sizes]


for rule in ["default", "Xavier", 0.02, 1.0]:
    of_matrix, of_result = spread(rule)
    print(f"{rule!s:8} matrix {of_matrix:.3f}   numbers of size 1 become {of_result:.2f}")
assert 0.9 < spread("Xavier")[1] < 1.1 and spread("default")[1] < 0.7 and spread(1.0)[1] > 15, "the sizes"

# %% [markdown]
# Xavier keeps the size, the default shrinks it to somewhat more than half, and matrices of size 1 blow it
# up. In 06, six layers without a norm failed once their matrices were doubled, and the norm rescued them.
# The table asks the same of whole post-norm layers, with 100 steps of warm-up and two rates (`python -m
# helpers.experiments initialisation`).

# %%
start_table = scoreboard.recorded("initialisation")
for row, scores in start_table.items():
    print(f"{row:24}", "  ".join(f"{min(s):.2f} to {max(s):.2f}" for s in scores.values()))
assert min(min(scores) for scores in start_table["default"].values()) > 0.95, "the default learns"
assert max(max(scores) for scores in start_table["normal, 1"].values()) < 0.5, "matrices of size 1 do not"
guess = dict.fromkeys(start_table["default"], scoreboard.chance(scoreboard.TASKS["reverse"]))
fig = plots.scoreboard(start_table, chance=guess, title="Six layers on reverse, by the matrices at the start")
plots.show(fig, alt="Heat map of accuracies. The default reaches 1 at both rates. Xavier is behind with one "
    "seed at the lower rate. The row with matrices of size 1 is pale.")

# %% [markdown]
# So the start matters where it is far off: matrices of size 1 fail at both rates with all seeds, norm or
# no norm. Between the default and Xavier the table shows no advantage for Xavier. At the lower rate one
# of its seeds is far from done after 200 steps, and at the higher rate both learn. `helpers.model` uses
# Xavier; these numbers are no argument for it.
#
# ## Stage 34 - Label smoothing, dropout and weight decay
#
# You can train. What is missing is something that holds a model back from learning its sentences by
# heart. Build three such means on a few numbers; stage 35 measures what they do.
#
# ### Label smoothing
#
# The usual label says: symbol 0, and nothing else. **Label smoothing** takes a small share from the right
# symbol and spreads it evenly over all symbols, the right one included. Section 5.4 of the paper uses a
# share of 0.1. With four symbols that makes 0.9 + 0.025 for the right one, and 0.025 for each other.

# %%
def smooth(labels, n_symbols, share=0.1):
    target = nn.functional.one_hot(labels, n_symbols) * (1 - share)  # (N, V)
    return target + share / n_symbols  # (N, V)


labels = torch.tensor([0])  # (N,)
print("label 0    ->", nn.functional.one_hot(labels, 4).tolist()[0])
print("smoothed   ->", [round(number, 3) for number in smooth(labels, 4).tolist()[0]])
assert torch.allclose(smooth(labels, 4), torch.tensor([[0.925, 0.025, 0.025, 0.025]])), "as by hand"

# %% [markdown]
# The loss is the cross-entropy of 06, with a share for each symbol: each of the four logarithms counts
# with its share of the target. Work one case by hand. The model gives the four symbols 1/2, 1/4, 1/8 and
# 1/8, whose logarithms are -1, -2, -3 and -3 times `log 2`. So the loss must be `(0.925 + 0.025 · (2 + 3
# + 3)) · log 2`, which is 1.125 times `log 2`.

# %%
def smoothed_loss_v1(logits, labels, share=0.1):
    target = smooth(labels, logits.shape[-1], share)  # (N, V)
    probabilities = logits.softmax(dim=-1)  # (N, V)
    return -(target * probabilities.log()).sum(dim=-1).mean()


logits = torch.tensor([[1 / 2, 1 / 4, 1 / 8, 1 / 8]]).log()  # (N, V)
smoothing = nn.CrossEntropyLoss(label_smoothing=0.1)  # called with the logits first, then the labels
print(f"by hand {1.125 * math.log(2):.4f}   ours {smoothed_loss_v1(logits, labels):.4f}   "
      f"PyTorch {smoothing(logits, labels):.4f}")  # fmt: skip
assert math.isclose(smoothed_loss_v1(logits, labels), 1.125 * math.log(2), rel_tol=1e-5), "as by hand"

# %% [markdown]
# All three agree. Now a model that is very sure. A sensible loss is finite for all logits that are
# finite.

# %%
sure = torch.tensor([[200.0, 0.0, 0.0, 0.0]])  # (N, V)


def stays_finite(loss):
    return all(loss(sure, labels, share).isfinite().item() for share in (0.0, 0.1))


for share in [0.1, 0.0]:
    print(f"share {share}: version 1 gives {smoothed_loss_v1(sure, labels, share):.1f}")
print("property, the loss stays finite:", stays_finite(smoothed_loss_v1))
assert not stays_finite(smoothed_loss_v1), "the fault: the logarithm of 0"

# %% [markdown]
# The probability of the other symbols is so small that the computer rounds it to 0, and `log(0)` is minus
# infinity. A share of 0.025 of that is still infinite. Without smoothing it is `0 · -infinity`, which is
# not a number. `log_softmax` mends both: it works out the logarithm from the logits and never forms the
# small probability.

# %%
def smoothed_loss_v2(logits, labels, share=0.1):
    target = smooth(labels, logits.shape[-1], share)  # (N, V)
    return -(target * logits.log_softmax(dim=-1)).sum(dim=-1).mean()  # changed


stages.show_changes(smoothed_loss_v1, smoothed_loss_v2)
print(f"version 2 {smoothed_loss_v2(sure, labels):.3f}   PyTorch {smoothing(sure, labels):.3f}")
print("property, the loss stays finite:", stays_finite(smoothed_loss_v2))
assert stays_finite(smoothed_loss_v2), "finite logits, finite loss"
assert torch.allclose(smoothed_loss_v2(sure, labels), smoothing(sure, labels)), "equal to PyTorch"

# %% [markdown]
# Note the 15, although the answer is *right*: three other symbols, 0.025 each, 200 away. A smoothed label
# makes a model pay for being too sure.
#
# There is a second logarithm of 0. Some write the loss as a **Kullback-Leibler divergence**. It takes the
# logarithm of the target too, and a target may hold a 0, for example for the padding symbol.

# %%
def divergence_v1(log_probabilities, target):
    return (target * (target.log() - log_probabilities)).sum()


def divergence_v2(log_probabilities, target):
    return (torch.xlogy(target, target) - target * log_probabilities).sum()  # changed


# %%
target = torch.tensor([[0.9, 0.05, 0.05, 0.0]])  # (N, V): nothing for the last symbol
log_p = logits.log_softmax(dim=-1)  # (N, V)
reference = nn.functional.kl_div(log_p, target, reduction="sum")
print(f"version 1 {divergence_v1(log_p, target):.4f}")
assert divergence_v1(log_p, target).isnan(), "the fault: 0 times the logarithm of 0"
print(f"version 2 {divergence_v2(log_p, target):.4f}   PyTorch {reference:.4f}")
assert torch.allclose(divergence_v2(log_p, target), reference), "version 2 should equal PyTorch"

# %% [markdown]
# `torch.xlogy(a, b)` is `a · log b`, and 0 where `a` is 0. The divergence is the cross-entropy minus a
# number that depends on the target alone. Gradients, and so training, are the same with both.
#
# ### Padding does not count
#
# How much padding follows the labels must not change the loss. In PyTorch `ignore_index` names the label
# to leave out.

# %%
torch.manual_seed(0)
three = torch.randn(3, 4)  # (N, V)
padded_logits = torch.cat([three, torch.randn(2, 4)])  # (N, V)
padded_labels = torch.tensor([2, 1, 3, PAD_ID, PAD_ID])  # (N,)


def ignores_padding(loss):
    alone, padded = loss(three, padded_labels[:3]), loss(padded_logits, padded_labels)
    return torch.allclose(alone, padded)


print("property, padding changes nothing:", ignores_padding(smoothed_loss_v2))
assert not ignores_padding(smoothed_loss_v2), "the fault: padding is learned like a word"

# %% [markdown]
# The mend: keep only the rows whose label is not padding, then take the mean. The mean is then over real
# labels, and not over all places.

# %%
def smoothed_loss_v3(logits, labels, share=0.1, pad_id=PAD_ID):
    real = labels != pad_id  # new: (N,)
    logits, labels = logits[real], labels[real]  # new: (n_real, V), (n_real,)
    target = smooth(labels, logits.shape[-1], share)  # (n_real, V)
    return -(target * logits.log_softmax(dim=-1)).sum(dim=-1).mean()


stages.show_changes(smoothed_loss_v2, smoothed_loss_v3)
theirs = nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=PAD_ID)(padded_logits, padded_labels)
print(f"version 3 {smoothed_loss_v3(padded_logits, padded_labels):.4f}   PyTorch {theirs:.4f}")
print("property, padding changes nothing:", ignores_padding(smoothed_loss_v3))
assert ignores_padding(smoothed_loss_v3), "only real labels count"
assert torch.allclose(smoothed_loss_v3(padded_logits, padded_labels), theirs), "equal to PyTorch"

# %% [markdown]
# In class, this is a good place for a break.
#
# ### Dropout
#
# **Dropout** sets numbers to 0 at random during training, each with probability `p`. No part can then
# rely on one particular number of another part. When the model is used, nothing is dropped. So the next
# part must get numbers of the same size on average in both cases.

# %%
def dropout_v1(x, p, training):
    if not training:
        return x
    keep = torch.rand(x.shape) >= p
    return x * keep


def same_on_average(dropout):
    x = torch.full((100_000,), 2.0)
    torch.manual_seed(0)
    return abs(dropout(x, 0.3, training=True).mean().item() - 2.0) < 0.02


torch.manual_seed(0)
print(dropout_v1(torch.full((10,), 2.0), 0.3, training=True).tolist())
print("property, the same on average:", same_on_average(dropout_v1))
assert not same_on_average(dropout_v1), "the fault: in training, the numbers are smaller on average"

# %% [markdown]
# Of every ten numbers about seven are left, so the average has fallen to 0.7 of what it was. The mend:
# divide what is left by `1 - p`.

# %%
def dropout_v2(x, p, training):
    if not training:
        return x
    keep = torch.rand(x.shape) >= p
    return x * keep / (1 - p)  # changed


stages.show_changes(dropout_v1, dropout_v2)
torch.manual_seed(0)
print([round(number, 2) for number in dropout_v2(torch.full((10,), 2.0), 0.3, training=True).tolist()])
print("property, the same on average:", same_on_average(dropout_v2))
assert same_on_average(dropout_v2), "2.0 on average"

theirs = nn.Dropout(0.3)(torch.full((10_000,), 2.0))
print("nn.Dropout gives", sorted({round(number, 4) for number in theirs.tolist()}))
assert abs((theirs == 0).float().mean() - 0.3) < 0.03, "about 30 % zeros"

# %% [markdown]
# `nn.Dropout` does the same: zeros, and 2 divided by 0.7. Whether it drops is decided by the model's
# **mode**: `model.train()` switches dropout on, `model.eval()` off. The paper puts dropout after each
# sub-layer, before the addition, and after adding the positions (section 5.4). `helpers.model` has two
# more, on the attention weights and inside feed-forward. Here is the list for one layer on each side.

# %%
torch.manual_seed(0)
small = Transformer(20, 20, d_model=16, n_heads=2, d_ff=32, n_layers=1, dropout=0.3)
places = [name for name, module in small.named_modules() if isinstance(module, nn.Dropout)]
for name in places:
    print(name)
assert len(places) == 1 + 4 + 6, "positions, four in the encoder layer, six in the decoder layer"

# %% [markdown]
# The classic mistake is to forget `eval()` when scoring. Nothing fails, the numbers are only worse. A
# property finds it: the same question twice must get the same answer.

# %%
src, tgt = torch.tensor([[4, 5, 6, 7]]), torch.tensor([[1, 6, 7]])  # (B, S), (B, T)


def repeatable(model):
    with torch.no_grad():
        return torch.equal(model(src, tgt), model(src, tgt))


small.train()
print("after train(): repeatable", repeatable(small))
assert not repeatable(small), "the fault: the model is still in training mode"
small.eval()
print("after eval():  repeatable", repeatable(small))
assert repeatable(small), "in eval mode the same question gets the same answer"

# %% [markdown]
# `eval_mode` in `helpers` switches to `eval()` and afterwards back. Stage 35 shows what the mistake
# costs.
#
# ### Weight decay
#
# **Weight decay** pulls every parameter a little towards 0 in each step. The old way adds `decay · w` to
# the gradient. With SGD that is what is meant. With Adam? Take one parameter `w = 10`, gradient 1 and
# learning rate 0.1, and try three strengths.

# %%
w, gradient = torch.tensor([10.0]), torch.tensor([[1.0]])
after_step = {}
for kind in [torch.optim.Adam, torch.optim.AdamW]:
    moved = [by_torch(kind, w, gradient, lr=0.1, weight_decay=d).item() for d in (0.0, 0.1, 1.0)]
    after_step[kind.__name__] = [round(number, 4) for number in moved]
    print(f"{kind.__name__:6} decay 0, 0.1, 1 -> w =", after_step[kind.__name__])
by_hand = [10 * (1 - 0.1 * decay) - 0.1 for decay in (0.0, 0.1, 1.0)]
print("by hand                     =", [round(number, 3) for number in by_hand])
assert max(after_step["Adam"]) - min(after_step["Adam"]) < 1e-4, "the fault: Adam divides the decay away"
assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(by_hand, after_step["AdamW"], strict=True))

# %% [markdown]
# With Adam all three strengths do the same in this step: decay 0.1 makes the gradient 1 + 1 = 2, and
# Adam's first step is the learning rate, whatever the gradient. `AdamW` keeps the decay out of the
# averages: it multiplies `w` by `1 - lr · decay` and then takes Adam's step. By hand: 10 · 0.99 - 0.1 =
# 9.8. The paper names no weight decay; the measurements below use AdamW.
#
# ## Stage 35 - Too sure of itself
#
# You have the whole recipe. What is missing is the answer to a question that is often asked: **how does a
# Transformer avoid the overfitting that softmax is blamed for?** Overfitting means: right on the
# sentences trained on, worse on others. And the complaint about softmax is that its largest share comes
# too close to
# 1. Start with four answers over three symbols, all right in training. On new sentences one label in four
#    turns out otherwise: the world is noisy.

# %%
four = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0], [2.0, 0.0, 0.0]])  # (N, V)
train_labels, new_labels = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 2, 1])  # (N,) each
for c in [0.5, 1, 2, 4]:
    largest = (c * four).softmax(dim=-1).max().item()
    right = ((c * four).argmax(dim=-1) == new_labels).float().mean().item()
    losses = [nn.functional.cross_entropy(c * four, y).item() for y in (train_labels, new_labels)]
    print(f"logits times {c:3}: largest share {largest:.3f}   new labels right {right}   "
          f"loss in training {losses[0]:.3f}, on new labels {losses[1]:.3f}")  # fmt: skip

# %% [markdown]
# Multiplying the logits changes no answer: three of four new labels are right each time. But the loss in
# training falls. So training has a reason to make the logits larger even when all answers are right. On
# the new labels the loss turns and rises. Draw it, with the smoothed loss, and look for a lowest point.

# %%
factors = [k / 10 for k in range(1, 61)]


def over_factors(labels, share=0.0):
    smoothed = [nn.functional.cross_entropy(c * four, labels, label_smoothing=share) for c in factors]
    return factors, [loss.item() for loss in smoothed]


by_factor = {
    "training": over_factors(train_labels),
    "training, smoothed 0.1": over_factors(train_labels, 0.1),
    "new labels": over_factors(new_labels),
}
for name in ["training, smoothed 0.1", "new labels"]:
    losses_here = by_factor[name][1]
    lowest = factors[losses_here.index(min(losses_here))]
    print(f"{name:23} lowest at factor {lowest}")
    assert 0.1 < lowest < 6, "a lowest point inside the picture"
falling = by_factor["training"][1]
assert falling == sorted(falling, reverse=True), "without smoothing the training loss only falls"
fig = plots.curves(by_factor, xlabel="factor on the logits", title="The same answers, more or less sure")
plots.show(
    fig,
    alt="Three curves of the loss over the factor on the logits. The training loss falls towards 0. The "
    "smoothed training loss and the loss on new labels have a lowest point and rise after it.",
)

# %% [markdown]
# The plain training loss only falls. The smoothed one has a lowest point, where the shares are those of
# the smoothed label, and rises after it. So it is the *loss* that asks for larger logits. The softmax is
# the same in all three curves.
#
# ### How far confidence and truth are apart
#
# The share that a model gives its answer is its **confidence**. A model is **calibrated** when it is
# right in 90 % of the cases in which its confidence is 90 %. Take five answers: two with confidence 0.9,
# of which one is right, and three with confidence 0.6, all right. A first try compares the averages.

# %%
confidence = torch.tensor([0.9, 0.9, 0.6, 0.6, 0.6])  # (N,)
right = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0])  # (N,)


def calibration_v1(confidence, right, n_bins=10):
    return abs(confidence.mean() - right.mean()).item()


averages = f"confidence {confidence.mean():.2f}, right {right.mean():.2f}"
print(averages, f"  version 1: {calibration_v1(confidence, right):.2f}")
assert calibration_v1(confidence, right) < 0.1, "the fault: too sure here and too unsure there cancel"

# %% [markdown]
# That looks calibrated, and is not. At 0.9 only half are right: 0.4 too sure. At 0.6 all are: 0.4 too
# unsure. The two cancel. The mend: sort the answers into bins by their confidence, compare within each
# bin, and weight each bin by its number of answers: 2/5 · 0.4 + 3/5 · 0.4 = 0.4. This is the **expected
# calibration error** (Guo and others, 2017).

# %%
def calibration_v2(confidence, right, n_bins=10):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)  # new: (N,)
    error = 0.0
    for b in bins.unique():  # new
        here = bins == b  # (N,)
        gap = abs(confidence[here].mean() - right[here].mean()).item()  # changed
        error += gap * here.float().mean().item()  # new: times the bin's share of all answers
    return error


stages.show_changes(calibration_v1, calibration_v2)
print(f"version 2 {calibration_v2(confidence, right):.2f}")
assert math.isclose(calibration_v2(confidence, right), 0.4, rel_tol=1e-5), "as by hand"

# %%
logits_of_many = 3 * torch.rand(500, 8, generator=torch.Generator().manual_seed(0))  # (N, V)
labels_of_many = torch.randint(8, (500,), generator=torch.Generator().manual_seed(1))  # (N,)
share, answer = logits_of_many.softmax(dim=-1).max(dim=-1)  # (N,) each
ours = calibration_v2(share, (answer == labels_of_many).float())
assert math.isclose(ours, experiments.calibration_error(logits_of_many, labels_of_many), rel_tol=1e-4)
print("equal to the helper that measures the boards: True")

# %% [markdown]
# ### Few sentences with wrong labels
#
# Now the experiment. The task is `reverse` from the scoreboard, which two layers solve. Make it hard to
# learn well: 200 sentences only, and one label in five is thrown away and drawn anew from the 8 symbols.
# The training goes over the same sentences again and again.

# %%
def noisy(labels, share, generator):
    drawn = torch.randint(8, labels.shape, generator=generator)  # (N, S)
    return torch.where(torch.rand(labels.shape, generator=generator) < share, drawn, labels)


# %%
generator = torch.Generator().manual_seed(0)
x, true_y = scoreboard.TASKS["reverse"].draw(200, generator)  # (N, S) each
y = noisy(true_y, 0.2, generator)  # (N, S)
print("sentence     ", x[1].tolist())
print("true labels  ", true_y[1].tolist())
print("noisy labels ", y[1].tolist())
assert torch.equal(y, experiments.sentences("reverse", 200, 0.2, seed=0)[1]), "as in the helper"

# %%
new_x, new_y, new_true = experiments.sentences("reverse", 1000, 0.2, seed=-1, held_out=True)
print(f"labels that are still true: {(new_y == new_true).float().mean():.3f}")
assert 0.8 < (new_y == new_true).float().mean() < 0.85, "0.8 + 0.2 / 8 = 0.825"

# %% [markdown]
# One in eight of the labels drawn anew hits the true symbol by chance, so 0.8 + 0.2 / 8 = 0.825 of all
# labels are true. A model that has understood `reverse` is right in 0.825 of the cases, and its
# confidence should be 0.825 as well. So calibration is measured on held-out sentences with *noisy*
# labels, drawn like those in training: that is the only world the model was shown. Measured with true
# labels, the perfect model would seem too unsure. Accuracy is given for both.
#
# Train three models now: without any remedy, with smoothing 0.2, and with dropout 0.1. The loop is
# `train_noisy` in `helpers/experiments/training_that_generalises.py`: AdamW, a warm-up, clipping, and
# nothing you have not seen. Look at what each model scores where.

# %% tags=["nbval-ignore-output"]
live = {}
for row in ["nothing", "label smoothing 0.2", "dropout 0.1"]:
    live[row] = experiments.generalisation(experiments.REMEDIES[row], seed=0)
    print(f"{row:20}", "  ".join(f"{name} {score:.2f}" for name, score in live[row].items()))

# %%
for scores in live.values():
    assert scores["held out"] < 0.8 < scores["training"], "all three learn more than there is to know"
assert live["nothing"]["training"] > 0.95 and live["nothing"]["gap"] > 0.2, "it should learn by heart"
assert live["nothing"]["calibration error"] > 0.15 > live["label smoothing 0.2"]["calibration error"]
assert live["dropout 0.1"]["gap"] < live["nothing"]["gap"] - 0.1, "dropout should narrow the gap"
print("without a remedy the model learns the noise by heart, and is far too sure of itself")

# %% [markdown]
# Without a remedy, the model is right on nearly all labels it was trained on, the wrong ones included. On
# new sentences it is far below 0.825. And its confidence? A **reliability diagram** shows it: one point
# for each bin, its confidence to the right, its accuracy upwards. A calibrated model lies on the
# diagonal; below the diagonal it is too sure.

# %%
def reliability(model, x, y):
    with eval_mode(model):
        share, answer = model(x).softmax(dim=-1).max(dim=-1)  # (N, S) each
    bins, right = (share * 10).long().clamp(max=9), (answer == y).float()  # (N, S) each
    kept = [b for b in range(10) if (bins == b).float().mean() > 0.01]  # bins with 1 % of the answers or more
    return [[values[bins == b].mean().item() for b in kept] for values in (share, right)]


# %% tags=["nbval-ignore-output"]
points = {"calibrated": ([0.2, 1.0], [0.2, 1.0])}
for row in live:
    model = experiments.train_noisy("reverse", 0, **experiments.REMEDIES[row])  # kept from the cell above
    points[row] = reliability(model, new_x, new_y)
fig = plots.curves(points, xlabel="confidence", ylabel="accuracy", title="New sentences, noisy labels")
plots.show(fig, alt="Reliability diagram. Without a remedy the line runs far below the diagonal. With label "
    "smoothing and with dropout it runs near the diagonal.")  # fmt: skip

# %% [markdown]
# Without a remedy the whole line lies below the diagonal: where the model says 0.99, about three in four
# are right. With smoothing the line lies a little above the diagonal, too unsure, and at its upper end a
# little below. The line of dropout lies between the two.
#
# And the mistake from stage 34, forgotten `eval()`: score the model with dropout in training mode.

# %% tags=["nbval-ignore-output"]
dropped = experiments.train_noisy("reverse", 0, **experiments.REMEDIES["dropout 0.1"])
scores_by_mode = {}
with torch.no_grad():
    for mode in [True, False]:
        dropped.train(mode)
        scores_by_mode[mode] = (dropped(new_x).argmax(dim=-1) == new_true).float().mean().item()
        print("train mode" if mode else "eval mode ", f"accuracy on true labels {scores_by_mode[mode]:.2f}")

# %%
assert scores_by_mode[True] < scores_by_mode[False] - 0.02, "in training mode the score should be worse"
print("scored in training mode, the same model looks worse than it is")

# %% [markdown]
# ## The scoreboard
#
# One seed is no comparison. The board has every remedy at several strengths, with three seeds, measured
# by `python -m helpers.experiments remedies`. The last three rows are not remedies but controls: more
# sentences, and labels without noise. "Stopped early" keeps the model that had the lowest loss on 100
# further sentences, tried every 25 steps. "Temperature" takes the model without a remedy and divides its
# logits by one number, chosen on those 100 sentences. All labels are noisy, but for one column and the
# last row. Read the column `gap` from top to bottom, then `calibration error`; in both, pale is good.
# Last, check what each remedy costs on held-out sentences.

# %%
board = scoreboard.recorded("remedies")
fig = plots.scoreboard(board, title="200 sentences, one label in five drawn anew", scale="0 to 1")
plots.show(
    fig,
    alt="Heat map of remedies by five measures. The gap is wide without a remedy, with label smoothing and "
    "with temperature, and narrow with more sentences or early stopping. The calibration error is smallest "
    "more sentences and dropout 0.3, and large without a remedy, with smoothing 0.4 and with weight decay 5.",
)

# %% [markdown]
# Go through it by question. (A gap of -0.00 means: a hair better on new sentences.)
#
# **Which remedies narrow the gap?** More sentences close it. Stopping early and weight decay 2 narrow it
# and raise held-out accuracy with every seed. Dropout 0.1 narrows it too; its accuracy overlaps with that
# of no remedy. Label smoothing leaves the gap wide, though held-out accuracy rises a little with its
# strength.
#
# **Which mend the confidence?** Nearly all, at the right strength. Smoothing 0.1 and 0.2 help a lot. At
# 0.4 the error is nearly as large as without a remedy, now because the model is too *unsure*. Weight
# decay 5 is the worst row of all, for the same reason. Temperature does about as well as the best
# smoothing, and cannot change a single answer.
#
# **Which do little or harm?** Weight decay 0.01, PyTorch's default for AdamW, changes nothing that shows.
# Dropout 0.3 and 0.5 have narrow gaps because they learn less in 400 steps: held-out accuracy falls. With
# more steps they might not; that was not tried. The smaller model learns far less and is still too sure.

# %%
for row, scores in board.items():
    accuracy, error = scores["held out"], scores["calibration error"]
    print(f"{row:24} gap {min(scores['gap']):5.2f} to {max(scores['gap']):5.2f}   "
          f"held out {min(accuracy):.2f} to {max(accuracy):.2f}   "
          f"calibration error {min(error):.2f} to {max(error):.2f}")  # fmt: skip

bare = board["nothing"]
for row in ["stopped early", "weight decay 2", "600 sentences", "2000 sentences"]:
    assert min(board[row]["held out"]) > max(bare["held out"]), "these raise accuracy with every seed"
    assert max(board[row]["gap"]) < min(bare["gap"]), "and narrow the gap"
for row in ["label smoothing 0.1", "label smoothing 0.2", "label smoothing 0.4"]:
    assert min(board[row]["gap"]) > 0.2, "label smoothing leaves the gap wide"
for row in ["label smoothing 0.1", "label smoothing 0.2", "dropout 0.1", "temperature", "stopped early"]:
    assert max(board[row]["calibration error"]) < min(bare["calibration error"]) / 2, "less than half"
for row in ["label smoothing 0.4", "weight decay 5"]:
    assert min(board[row]["calibration error"]) > 0.2, "too much of it harms"
assert max(board["dropout 0.3"]["held out"]) < min(bare["held out"]), "too much dropout for 400 steps"

# %% [markdown]
# So how does a Transformer avoid the overfitting that softmax is blamed for? Not by another softmax: it
# is the same in every row. With the same softmax the calibration error goes from well under 0.01, with no
# noise, to over 0.3. What differs is the data and the training. Above all it takes enough sentences;
# then, as far as they are missing, the end of training at the right time, and a remedy at the right
# strength. And two things are to be kept apart: the gap, and being too sure. Smoothing and temperature
# mend the second alone.
#
# Does the same hold on another task at another rate? Here is `count` with 200 sentences, at twice the
# learning rate (`python -m helpers.experiments remedies_on_count`).

# %%
second = scoreboard.recorded("remedies_on_count")
for row, scores in second.items():
    gap, error = scores["gap"], scores["calibration error"]
    print(f"{row:20} gap {min(gap):.2f} to {max(gap):.2f}   error {min(error):.2f} to {max(error):.2f}")
assert max(second["label smoothing 0.4"]["calibration error"]) < 0.1, "about right here"
assert min(second["label smoothing 0.1"]["calibration error"]) > 0.15, "too little here"
assert max(second["temperature"]["calibration error"]) < min(second["nothing"]["calibration error"]) / 2
fig = plots.scoreboard(second, title="Count, 200 sentences, rate 0.002", scale="0 to 1")
plots.show(fig, alt="Heat map of six rows by five measures on count. Stopping early narrows the gap most.")

# %% [markdown]
# `count` is harder to learn from 200 sentences, so everything is worse. The pattern holds where it says
# what a remedy does: smoothing leaves the gap wide and mends the confidence, dropout narrows the gap,
# stopping early narrows it most, and temperature mends the confidence alone. But the right strength is
# another one. Smoothing 0.1 is too little here, and 0.4, too much on `reverse`, is about right. There is
# no strength that suits all tasks: measure it.
#
# ### A solved task
#
# Now the counter-example: 10,000 sentences, no noise, two tasks that are solved without any remedy
# (`python -m helpers.experiments solved`). There is nothing to mend. Look at what the remedies do to the
# calibration error.

# %%
solved = scoreboard.recorded("solved")
for row, scores in solved.items():
    print(f"{row:20}", "  ".join(f"{min(s):.3f} to {max(s):.3f}" for s in scores.values()))
bare = {name: max(scores) for name, scores in solved["nothing"].items()}
for strength, error in [("0.1", 0.06), ("0.4", 0.25)]:
    row = solved[f"label smoothing {strength}"]
    for task in ["reverse", "count"]:
        assert min(row[f"{task}, calibration error"]) > max(error, bare[f"{task}, calibration error"])
fig = plots.scoreboard(solved, title="Enough sentences, no noise", scale="0 to 1")
plots.show(
    fig,
    alt="Heat map of five rows on two solved tasks. All are right on nearly all held-out labels. The "
    "calibration error is near 0 without a remedy and rises with label smoothing.",
)

# %% [markdown]
# All rows are right as often as without a remedy, within a hundredth or two, so there is nothing to gain.
# Without a remedy, `reverse` is calibrated almost perfectly: it says nearly 1 and is right. Label
# smoothing makes exactly that wrong. It asks for a confidence of 0.9 + 0.1 / 8 = 0.9125 where the truth
# is 1, so the error is near 0.09; at 0.4 it is near 0.35. A model that is right should be allowed to be
# sure. Dropout 0.1 adds a little error too, . Temperature does no harm.
#
# That is no case against smoothing in translation, where no model is always right. It is one for
# measuring.
#
# ## Put it into the whole model
#
# Now the recipe on the encoder-decoder of 10, with `reverse` as a sequence task as in 11.
# `helpers.training.train` does what you have built today: Adam with the paper's settings, warm-up and
# decay of the rate, clipping, smoothed labels. It takes pairs of token ids, and shows a progress bar.
#
# One thing is new, `average_last=3`: at the end, each parameter becomes its mean over the ends of the
# last three epochs, passes over the pairs. Section 6.1 of the paper averages the last five checkpoints.

# %%
def pairs(n, seed, held_out=False):
    generator = torch.Generator().manual_seed(seed)
    x, y = scoreboard.SEQUENCE_TASKS["reverse"].draw(n, generator, held_out=held_out)  # (n, S) each
    ids = [(sentence + scoreboard.FIRST_ID).tolist() for sentence in (x, y)]  # symbols to token ids
    return list(zip(*ids, strict=True))


# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
model = scoreboard.small_transformer(dropout=0.0)
recipe = TrainingConfig(epochs=5, max_tokens=1000, peak_lr=4e-3, warmup_steps=100, average_last=3)
history = train(model, pairs(4000, seed=0), recipe, valid=pairs(300, seed=1, held_out=True))
fig = plots.training_curves(history, title="The whole model on reverse")
plots.show(fig, alt="Three curves over the steps. The training loss levels off well above 0, the validation "
    "loss falls below it. Teacher-forced accuracy rises to 1. The rate rises and falls.")  # fmt: skip

# %% [markdown]
# The training loss levels off well above 0 although nearly all labels are right: even a perfect model
# pays for the smoothing. The validation loss is measured without it.
#
# Teacher-forced accuracy alone can be a leak, as 11 has shown. So let the model write freely.

# %%
test = scoreboard.sequence_batch(
    scoreboard.SEQUENCE_TASKS["reverse"], 200, torch.Generator().manual_seed(7), held_out=True
)
forced, free = scoreboard.teacher_forced(model, test), scoreboard.free_running(model, test)
print("more than 9 in 10 right:  teacher-forced", forced > 0.9, "  free-running, whole sentences", free > 0.9)
assert forced > 0.95 and free > 0.9, "the recipe should train the whole model"

# %%
n_symbols = model.output.weight.shape[0]
perfect = smooth(torch.tensor([0]), n_symbols)  # (N, V): what a perfect model says
lowest = -(perfect * perfect.log()).sum().item()
print(f"the smoothed loss of a perfect model over {n_symbols} symbols is {lowest:.2f}")
assert history.loss[-1] > lowest - 0.01, "no model can be below"

# %% [markdown]
# It writes what it should. The last line is the level at which the training loss must stay.
#
# ### What 13 uses, and why
#
# | setting in 13 | value, grammar / Multi30k | why | seen in |
# |---|---|---|---|
# | Adam's betas, eps | 0.9, 0.98, 1e-9 | the paper's | stage 32 |
# | peak and warm-up | 0.01, 200 steps / 0.0015, 800 steps | a large rate needs the warm-up | stage 33 |
# | norm | pre-norm / post-norm | pre-norm bears large rates | stage 33 |
# | clipping | length 1 | holds back a batch that stands out | stage 32 |
# | label smoothing | 0.1 | the logits stop growing | stages 34 and 35 |
# | dropout | 0 / 0.2 | enough sentences / few for the model's size | the scoreboard |
# | weight decay | none | the paper names none | stage 34 |
# | average of the last epochs | 3 / 5 | the paper's section 6.1 | this section |
#
# Clipping and averaging were built or used today, and not compared.
#
# ## Recap
#
# 1. Adam gives each parameter a step of its own size. With bias correction, the first one is the learning
#    rate itself, whatever the gradient.
# 2. Warm-up decides in one setting here: six post-norm layers at rate 0.008 fail without it and learn
#    with 20 steps of it. Pre-norm needs none.
# 3. Cross-entropy rewards larger logits even when all answers are right. That, with few or noisy labels,
#    makes a model too sure. The softmax is the same in all rows of the board.
# 4. More sentences close the gap. Stopping early and a fitting weight decay narrow it. Smoothing and
#    temperature mend the confidence and leave the gap. Too much of a remedy harms.
# 5. On a solved task there is nothing to mend, and label smoothing makes the model too unsure.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Predict.** Three parameters are all 2. Their gradients are 1000, 0.1 and -0.001. Adam takes its
# first step with learning rate 1, `eps` left out. Where are the three then?

# %% tags=["exercise"]
### BEGIN SOLUTION
after_one_step = [1.0, 1.0, 3.0]
### END SOLUTION

checks.adams_first_step(after_one_step)

# %% [markdown]
# **2. On paper.** Five symbols, the right one is symbol 2, and the share of smoothing is 0.2. Write the
# smoothed target.

# %% tags=["exercise"]
### BEGIN SOLUTION
target_of_two = [0.04, 0.04, 0.84, 0.04, 0.04]
### END SOLUTION

checks.smoothed_target(target_of_two)

# %% [markdown]
# **3. On paper.** Four answers have confidence 0.9, and three of them are right. One answer has
# confidence 0.4, and is right. What is the expected calibration error, with bins one tenth wide?

# %% tags=["exercise"]
### BEGIN SOLUTION
error_on_paper = 4 / 5 * abs(0.75 - 0.9) + 1 / 5 * abs(1 - 0.4)
### END SOLUTION

checks.calibration_on_paper(error_on_paper)

# %% [markdown]
# **4. Implement.** Dropout that keeps the average: `p` is the probability to drop a number, and
# `training` is true or false.

# %% tags=["exercise"]
def my_dropout(x, p, training):
    ### BEGIN SOLUTION
    if not training:
        return x
    return x * (torch.rand(x.shape) >= p) / (1 - p)
    ### END SOLUTION


checks.my_dropout(my_dropout)

# %% [markdown]
# **5. Find what is wrong.** This step runs and trains badly. Five things are needed, in the right order:
# put the model into training mode, remove the old gradients, compute the new ones, clip them to length 1,
# and take the step. The lines below miss one and have others in the wrong order. Write it so that it is
# right.
#
# ```
# loss = loss_of(model(x), y)
# nn.utils.clip_grad_norm_(model.parameters(), 1.0)
# loss.backward()
# optimiser.step()
# optimiser.zero_grad()
# ```

# %% tags=["exercise"]
def training_step(model, optimiser, x, y, loss_of):
    ### BEGIN SOLUTION
    model.train()
    loss = loss_of(model(x), y)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss
    ### END SOLUTION


checks.training_step(training_step)

# %% [markdown]
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 5.3 for Adam and the schedule, 5.4 for
#   dropout and label smoothing, 6.1 for averaged checkpoints.
# - D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014,
#   [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).
# - I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101): AdamW.
# - R. Xiong and others, "On Layer Normalization in the Transformer Architecture", 2020,
#   [arXiv:2002.04745](https://arxiv.org/abs/2002.04745): why post-norm needs the warm-up.
# - X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
#   2010: Xavier's rule.
# - C. Guo and others, "On Calibration of Modern Neural Networks", 2017,
#   [arXiv:1706.04599](https://arxiv.org/abs/1706.04599): the calibration error and the temperature.
#
# ## What is still a placeholder
#
# Nothing. The model is complete and you know how to train it. What it lacks is a language.
#
# {{next}}

