# %% [raw] tags=["card"]
# built: the backward pass of every part in NumPy, and a Transformer trained with it, without autograd
# questions: What does autograd do? Can all of it be written by hand, and does it learn?
# What would a systems language such as Rust change?

# %% [markdown]
# # 15 - Backprop by hand
#
# {{badge}}
#
# Until now one line, `loss.backward()`, found all gradients. Here you write what it does, part by part,
# in NumPy. You check every gradient in two ways, and then you train a whole encoder-decoder with nothing
# else.
#
# - **You need**: the parts from [04 - Multi-head attention](04_multi_head.ipynb) to [08 - A stack of
#   encoders](08_a_stack_of_encoders.ipynb), the decoder of `helpers/model.py`, and what a derivative is.
# - **It runs** in {{time}} on a laptop with two cores.
# - **This notebook can be skipped in class.** Nothing later needs it.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import json
import time
import tracemalloc

import numpy as np

from helpers import checks, plots, stages

# %% [markdown]
# ## You are here

# %%
fig = plots.block_diagram(built=plots.PARTS, title="15: all of it once more, by hand")
plots.show(
    fig,
    alt="Block diagram of the Transformer. All parts of both towers are filled: each of them is built "
    "again in this notebook.",
)

# %% [markdown]
# Every part exists already. You build each of them a second time, with one more method: the way back. The
# cells that build a part use NumPy and nothing else. PyTorch appears in the cells that compare.
#
# ## Stage 36 - One linear layer, backwards
#
# Training needs to know how the loss moves when a parameter moves. That is the **gradient**: one number
# for each parameter. So the gradient of a matrix is a matrix of the same shape. Start with two weights
# and one bias, and square the result to get a loss. The **chain rule** says: start at the loss, go back
# one step at a time, and multiply by the derivative of each step.

# %% tags=["part"]
x, w, b = np.array([1.0, 2.0]), np.array([3.0, -1.0]), 0.5
y = w @ x + b  # forward: 3 - 2 + 0.5
loss = y**2

grad_y = 2 * y  # backward: the derivative of y ** 2
grad_w, grad_b, grad_x = grad_y * x, grad_y, grad_y * w
print("y =", y, "  loss =", loss)
print("gradients   y:", grad_y, "  w:", grad_w, "  b:", grad_b, "  x:", grad_x)
assert loss == 2.25 and grad_w.tolist() == [3, 6] and grad_x.tolist() == [9, -3], "redo it on paper"

# %% [markdown]
# Check the weights on paper: 3 times `x` is `[3, 6]`. The input `x` has a gradient too. It is what the
# part *before* this one will need.
#
# Is it right? Ask the loss itself. Move one number up by a little and down by as much, and divide the
# change of the loss by the way between. These are **central differences**. They need two forward passes
# for each number, far too slow for training, but they know nothing of your formulas.


# %% tags=["part"]
def slopes(loss, numbers, step=1e-5):
    """For each number: how far does the loss move when this number moves?"""
    result = np.zeros_like(numbers)
    for place in np.ndindex(numbers.shape):
        kept = numbers[place]
        numbers[place] = kept + step
        up = loss()
        numbers[place] = kept - step
        result[place] = (up - loss()) / (2 * step)
        numbers[place] = kept
    return result


# %% [markdown]
# `np.ndindex` runs through all places of an array. Ask for the slopes of the tiny layer.

# %% tags=["part"]
print("slopes of w", slopes(lambda: (w @ x + b) ** 2, w).round(6))
print("slopes of x", slopes(lambda: (w @ x + b) ** 2, x).round(6))
assert np.allclose(slopes(lambda: (w @ x + b) ** 2, w), grad_w), "the slopes should equal the gradient"

# %% [markdown]
# They agree with the chain rule.
#
# ### Many rows
#
# Now the real layer: many words and a matrix, `x @ weight.T + bias`. Some later part hands back `grad`,
# the gradient for the output. For a test, draw `grad` at random and take `(output * grad).sum()` as the
# loss: its gradient for the output is just `grad`. Three words, four numbers wide, become three wide. The
# gradient of the bias is a sum. Over which axis?


# %% tags=["part"]
def bias_gradient_v1(grad):
    return grad.sum(axis=1)  # (d_out,)


rng = np.random.default_rng(0)
words, weight, bias, grad = (rng.normal(size=size) for size in [(3, 4), (3, 4), (3,), (3, 3)])
bias_slopes = slopes(lambda: ((words @ weight.T + bias) * grad).sum(), bias)
print("found ", bias_gradient_v1(grad).round(2), "  slopes", bias_slopes.round(2))
assert not np.allclose(bias_gradient_v1(grad), bias_slopes), "the fault: summed over the wrong axis"

# %% [markdown]
# Wrong, and nothing else says so: there are as many rows as outputs, so even the shape is right. The bias
# is added to every *row*, so its gradient is the sum over the rows. In a batch `(B, S, D)` every axis but
# the last counts rows, and `reshape(-1, D)` puts them below each other.


# %% tags=["part"]
def bias_gradient(grad):
    return grad.reshape(-1, grad.shape[-1]).sum(axis=0)  # changed: (d_out,)


assert np.allclose(bias_gradient(grad), bias_slopes), "the same property, mended"

# %% [markdown]
# ### A part that knows its way back
#
# Each part gets two methods. `forward` keeps what the way back will need. `backward` takes the gradient
# of the output, fills `grads`, and returns the gradient of the input. The base class only holds names:
# `named` collects parameters, or gradients, of a part and of the parts inside it. (`vars(self)` is the
# dictionary of all attributes.)
#
# For the gradients of `Linear` let the shapes guide you. That of `weight` is `(d_out, d_in)`, and there
# is one way to make this from `(rows, d_out)` and `(rows, d_in)`.


# %% tags=["part"]
class Part:
    """Parameters by name, their gradients under the same names, and the parts inside."""

    def __init__(self, **parameters):
        self.parameters, self.grads = parameters, {}

    def named(self, kind="parameters", prefix=""):
        found = {prefix + name: array for name, array in getattr(self, kind).items()}
        for name, part in vars(self).items():
            if isinstance(part, Part):
                found |= part.named(kind, f"{prefix}{name}.")
        return found


class Linear(Part):
    def __init__(self, rng, d_in, d_out, bias=True):
        limit = np.sqrt(6 / (d_in + d_out))  # Xavier's rule
        weight = rng.uniform(-limit, limit, (d_out, d_in))
        super().__init__(weight=weight, **({"bias": np.zeros(d_out)} if bias else {}))

    def forward(self, x):
        self.x = x
        return x @ self.parameters["weight"].T + self.parameters.get("bias", 0)  # (..., d_out)

    def backward(self, grad):
        rows, x = grad.reshape(-1, grad.shape[-1]), self.x.reshape(-1, self.x.shape[-1])  # (rows, ...)
        self.grads["weight"] = rows.T @ x  # (d_out, d_in)
        if "bias" in self.parameters:
            self.grads["bias"] = bias_gradient(grad)  # (d_out,)
        return grad @ self.parameters["weight"]  # (..., d_in)


# %% [markdown]
# ReLU passes what is above 0. So it passes the gradient at the same places and stops it at the others. A
# chain of parts goes back in the opposite order: the last part first.


# %% tags=["part"]
class ReLU(Part):
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, grad):
        return grad * self.on


class FeedForward(Part):
    def __init__(self, rng, d_model, d_ff):
        super().__init__()
        self.widen, self.relu, self.narrow = Linear(rng, d_model, d_ff), ReLU(), Linear(rng, d_ff, d_model)

    def forward(self, x):
        hidden = self.relu.forward(self.widen.forward(x))  # (B, S, F)
        return self.narrow.forward(hidden)  # (B, S, D)

    def backward(self, grad):
        hidden = self.relu.backward(self.narrow.backward(grad))  # (B, S, F)
        return self.widen.backward(hidden)  # (B, S, D)


# %% [markdown]
# ### Two judges
#
# The slopes are the first judge, for every input and every parameter of a part. The measure is the
# largest difference as a share of the largest entry. Where a gradient is 0 in exact arithmetic there is
# no size to divide by, and the difference itself counts.


# %% tags=["part"]
def by_hand(part, inputs, grad):
    part.forward(*inputs)
    back = part.backward(grad)
    back = back if isinstance(back, tuple) else (back,)
    return {f"input {n}": g for n, g in enumerate(back, 1) if g is not None} | part.named("grads")


def by_slopes(part, inputs, grad):
    numbers = {f"input {n}": x for n, x in enumerate(inputs, 1) if x.dtype == float} | part.named()

    def loss():
        return (part.forward(*inputs) * grad).sum()

    return {name: slopes(loss, array) for name, array in numbers.items()}


def off(found, wanted):
    """For each gradient the largest difference, as a share of its largest entry."""
    assert found.keys() == wanted.keys(), f"{sorted(found)} and {sorted(wanted)}"
    sizes = {name: np.abs(array).max() for name, array in wanted.items()}
    sizes = {name: size if size > 1e-8 else 1.0 for name, size in sizes.items()}
    return {name: np.abs(found[name] - wanted[name]).max() / sizes[name] for name in wanted}


# %% [markdown]
# The second judge is autograd. This cell brings in PyTorch, to compare. It copies the parameters of a
# part into a module of PyTorch or of `helpers.model`, runs both on the same numbers, and collects the
# gradients under the same names. (`our_name` is for stage 39: `helpers` has a list of layers where you
# have one.) `verdict` asks both: equal to the slopes up to a ten-millionth, and to autograd up to
# $10^{-10}$.

# %%
import torch  # only to compare

from helpers import model as reference


def our_name(name):
    return name.replace("layers.0.", "").replace("add_and_norm.", "norm").replace(".norm.", ".")


def copied(part, module):
    """`module` in float64, with the parameters of `part`."""
    ours = part.named()
    assert ours.keys() == {our_name(name) for name, _ in module.named_parameters()}
    state = {name: torch.tensor(ours[our_name(name)]) for name, _ in module.named_parameters()}
    module.double().load_state_dict(state)
    return module.eval()


def by_autograd(part, module, inputs, grad):
    module = copied(part, module)
    tensors = [torch.tensor(x, requires_grad=x.dtype == float) for x in inputs]
    module(*tensors).backward(torch.tensor(grad))
    found = {f"input {n}": x.grad.numpy() for n, x in enumerate(tensors, 1) if x.requires_grad}
    return found | {our_name(name): p.grad.numpy() for name, p in module.named_parameters()}


def verdict(part, module, *inputs):
    grad = np.random.default_rng(1).normal(size=np.shape(part.forward(*inputs)))
    found = by_hand(part, inputs, grad)
    like_slopes = max(off(found, by_slopes(part, inputs, grad)).values()) < 1e-7
    like_autograd = max(off(found, by_autograd(part, module, inputs, grad)).values()) < 1e-10
    print(
        f"{type(part).__name__:20} {len(found):2} gradients   slopes {like_slopes}   autograd {like_autograd}"
    )
    return like_slopes and like_autograd


# %%
rng = np.random.default_rng(0)
two_sentences, feed_forward = rng.normal(size=(2, 3, 4)), FeedForward(rng, 4, 8)  # (B, S, D)
nearest = np.abs(feed_forward.widen.forward(two_sentences)).min()
print("nearest to the bend of ReLU:", nearest.round(3))
assert nearest > 1e-3, "a step of 1e-5 must not cross the bend"
assert verdict(Linear(rng, 4, 3), torch.nn.Linear(4, 3), two_sentences), "linear"
assert verdict(ReLU(), torch.nn.ReLU(), two_sentences), "relu"
assert verdict(feed_forward, reference.FeedForward(4, 8), two_sentences), "feed-forward"

# %% [markdown]
# Both judges agree on all three. At 0 ReLU has a bend, and central differences across a bend are wrong.
# So the cell first makes sure that no input is near.
#
# ## Stage 37 - Cross-entropy, residual, layer normalisation
#
# The loss is the end of the forward pass, so it is the start of the way back. Cross-entropy is minus the
# logarithm of the probability of the right answer. Softmax and logarithm together have a short gradient:
# **probabilities minus one-hot**. Two scores show it, chosen so that the probabilities are 3/4 and 1/4.


# %% tags=["part"]
def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))  # (..., S)
    return powers / powers.sum(axis=-1, keepdims=True)  # (..., S)


logits, one_hot = np.array([np.log(3), 0.0]), np.array([1.0, 0.0])  # the first answer is right
print("gradient", (softmax(logits) - one_hot).round(3))
print("slopes  ", slopes(lambda: -np.log(softmax(logits)[0]), logits).round(3))
assert np.allclose(slopes(lambda: -np.log(softmax(logits)[0]), logits), softmax(logits) - one_hot), "by hand"

# %% [markdown]
# The right answer is pulled up by what it lacks, and the wrong one is pushed down by what it has. For
# many words the loss is their mean. Here are four.


# %% tags=["part"]
def logits_gradient_v1(probabilities, one_hot):
    return probabilities - one_hot  # (n, n_vocab)


four_logits, four_labels = np.random.default_rng(0).normal(size=(4, 3)), np.array([2, 1, 1, 2])
four_slopes = slopes(lambda: -np.log(softmax(four_logits)[np.arange(4), four_labels]).mean(), four_logits)
ratio = (logits_gradient_v1(softmax(four_logits), np.eye(3)[four_labels]) / four_slopes).mean()
print(f"found / slopes: {ratio:.2f}   divided by 4 once: {ratio / 4:.2f}   twice: {ratio / 16:.2f}")
assert abs(ratio - 1) > 0.1, "the fault: the mean is not divided by the number of words"

# %% [markdown]
# `np.eye(3)[labels]` looks up one-hot rows. The forward pass takes a mean, so the way back divides by the
# number of words: exactly once. Not never, and not twice, once in the loss and again in the optimiser.
# And padding (id 0) is no answer, so it counts neither in the loss nor in that number.


# %% tags=["part"]
class CrossEntropy(Part):
    def forward(self, logits, labels):
        self.probabilities, self.real = softmax(logits), labels != 0  # (n, n_vocab), (n,)
        self.one_hot = np.eye(logits.shape[-1])[labels]  # (n, n_vocab)
        return -np.log(self.probabilities[np.arange(len(labels)), labels])[self.real].mean()

    def backward(self, grad=1.0):
        share = grad * self.real[:, None] / self.real.sum()  # (n, 1)
        return share * (self.probabilities - self.one_hot)  # (n, n_vocab)


four_found = by_hand(CrossEntropy(), [four_logits, four_labels], 1.0)["input 1"]
print(f"found / slopes: {(four_found / four_slopes).mean():.2f}")
assert np.allclose(four_found, four_slopes), "the same property, mended"

# %% [markdown]
# ### A value that is used twice
#
# In a residual connection `x + inner(x)` the input goes two ways: round the part and through it. The
# obvious way back goes through the part. Take the tiny layer `inner(x) = 3 * x`.


# %% tags=["part"]
def residual_gradient_v1(grad, inner_backward):
    return inner_backward(grad)


tiny_x, tiny_grad = np.array([1.0, -2.0]), np.array([1.0, 10.0])
tiny_slopes = slopes(lambda: ((tiny_x + 3 * tiny_x) * tiny_grad).sum(), tiny_x)
one_way = residual_gradient_v1(tiny_grad, lambda g: 3 * g)
print("found ", one_way, "  slopes", tiny_slopes.round(6))
assert not np.allclose(one_way, tiny_slopes), "the fault: one way of two"

# %% [markdown]
# If `x` moves, the loss moves by both ways. So where a value is used twice, its gradients are **added**.
# The parameters inside are right either way: only the part *before* the residual gets the wrong gradient.


# %% tags=["part"]
def residual_gradient(grad, inner_backward):
    return grad + inner_backward(grad)  # changed


assert np.allclose(residual_gradient(tiny_grad, lambda g: 3 * g), tiny_slopes), "the same property, mended"

# %% [markdown]
# As a part, with any other part inside:


# %% tags=["part"]
class Residual(Part):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner.forward(x)  # (B, S, D)

    def backward(self, grad):
        return residual_gradient(grad, self.inner.backward)  # (B, S, D)


# %% [markdown]
# ### Layer normalisation
#
# The forward pass is `(x - mean) / deviation`, then a factor and a summand for each place. It is tempting
# to take mean and deviation as given numbers. Then on the way back only the division is left.


# %% tags=["part"]
def norm_gradient_v1(grad, normed, deviation):
    return grad / deviation  # (..., D)


one_row, row_grad = np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([[1.0, 0.0, 0.0, 2.0]])  # (1, D) each
row_slopes = slopes(lambda: ((one_row - one_row.mean()) / one_row.std() * row_grad).sum(), one_row)
row_normed = np.array([[-1.0, -1.0, 1.0, 1.0]])  # of this row, as in 06: mean 2, deviation 2
print("found ", norm_gradient_v1(row_grad, row_normed, 2.0)[0], "  slopes", row_slopes[0].round(4))
assert not np.allclose(norm_gradient_v1(row_grad, row_normed, 2.0), row_slopes), "the fault: they move too"

# %% [markdown]
# Add 1 to all numbers of a row, and nothing changes, as the mean goes away. So the gradient of a row must
# sum to 0. The slopes do, yours do not. Mean and deviation are made of `x` and bring two more terms. The
# mean takes away the average of the gradient. The deviation takes away what points along the normed row.
# With $\hat{x}$ for the normed row and $g$ for the gradient:
#
# $$\left( g - \text{mean}(g) - \hat{x} \cdot \text{mean}(g \cdot \hat{x}) \right) / \text{deviation}$$
#
# By hand: the mean of $g$ is 3/4, the mean of $g \hat{x}$ is 1/4, and the first number is (1 - 3/4 + 1/4)
# / 2 = 1/4.


# %% tags=["part"]
def norm_gradient(grad, normed, deviation):
    along = (grad * normed).mean(axis=-1, keepdims=True)  # new: (..., 1)
    grad = grad - grad.mean(axis=-1, keepdims=True) - normed * along  # new: (..., D)
    return grad / deviation  # (..., D)


print("found ", norm_gradient(row_grad, row_normed, 2.0)[0], "  slopes", row_slopes[0].round(4))
assert np.allclose(norm_gradient(row_grad, row_normed, 2.0), row_slopes), "the same property, mended"

# %% [markdown]
# Factor and summand are used by every row, so their gradients are summed like that of a bias.


# %% tags=["part"]
class LayerNorm(Part):
    def __init__(self, d_model, eps=1e-5):
        super().__init__(weight=np.ones(d_model), bias=np.zeros(d_model))
        self.eps = eps

    def forward(self, x):
        self.deviation = np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)  # (B, S, 1)
        self.normed = (x - x.mean(axis=-1, keepdims=True)) / self.deviation  # (B, S, D)
        return self.normed * self.parameters["weight"] + self.parameters["bias"]  # (B, S, D)

    def backward(self, grad):
        self.grads["weight"], self.grads["bias"] = (
            bias_gradient(grad * self.normed),
            bias_gradient(grad),
        )  # (D,)
        return norm_gradient(grad * self.parameters["weight"], self.normed, self.deviation)  # (B, S, D)


# %% [markdown]
# Now both judges, for all of this stage. (A residual module does not exist ready-made in PyTorch; it is put
# together here, to compare.)

# %%
stages.show_changes(norm_gradient_v1, norm_gradient)
module, inner, norm = torch.nn.Module(), reference.FeedForward(4, 8), LayerNorm(4)
module.inner, module.forward = inner, lambda x: x + inner(x)
norm.parameters["weight"] += np.arange(4)
ignore_padding = torch.nn.CrossEntropyLoss(ignore_index=0)
assert verdict(CrossEntropy(), ignore_padding, four_logits, np.array([2, 1, 0, 0])), "cross-entropy"
assert verdict(Residual(feed_forward), module, two_sentences), "residual"
assert verdict(norm, torch.nn.LayerNorm(4), two_sentences), "layer normalisation"

# %% [markdown]
# In class, this is a good place for a break.
#
# ## Stage 38 - Attention, several heads, embedding
#
# Attention has two matrix products, and between them a softmax along each row. In a softmax every weight
# depends on every score of its row. All these derivatives together are a matrix, the **Jacobian**:
# `diag(w) - w wᵀ` for a row `w` of attention weights. Take the row 3/4, 1/4 again.

# %% tags=["part"]
row, grad_row = np.array([0.75, 0.25]), np.array([1.0, 0.0])  # (S,) each
jacobian = np.diag(row) - np.outer(row, row)  # (S, S)
short = row * (grad_row - (grad_row * row).sum())  # (S,)
print("Jacobian", jacobian.tolist())
print("times grad", (jacobian @ grad_row).tolist(), "  short form", short.tolist())
assert np.allclose(jacobian @ grad_row, short), "the matrix need not be built"

# %% [markdown]
# The short form needs no matrix: subtract from the gradient its average under the weights, then multiply
# by the weights. A matrix product `a @ b` goes back as `grad @ bᵀ` for `a` and `aᵀ @ grad` for `b`; again
# the shapes leave no other choice. In `backward` below each name means the gradient of that value. A
# hidden score has the weight 0, so its gradient is 0 as well: the mask needs no line of its own.
#
# Splitting into heads and joining them only moves numbers. So on the way back they swap their roles: the
# gradient of the joined rows is split, and the gradient of the heads is joined.


# %% tags=["part"]
class Attention(Part):
    def forward(self, query, key, value, mask=None):
        self.query, self.key, self.value, self.root = query, key, value, np.sqrt(query.shape[-1])
        scores = query @ key.swapaxes(-2, -1) / self.root  # (..., T, S)
        if mask is not None:
            scores = np.where(mask, scores, -1e9)  # (..., T, S)
        self.weights = softmax(scores)  # (..., T, S)
        return self.weights @ value  # (..., T, dk)

    def backward(self, grad):
        value = self.weights.swapaxes(-2, -1) @ grad  # (..., S, dk)
        weights = grad @ self.value.swapaxes(-2, -1)  # (..., T, S)
        average = (weights * self.weights).sum(axis=-1, keepdims=True)  # (..., T, 1)
        scores = self.weights * (weights - average) / self.root  # (..., T, S)
        return scores @ self.key, scores.swapaxes(-2, -1) @ self.query, value  # (..., T or S, dk)


class MultiHeadAttention(Part):
    def __init__(self, rng, d_model, n_heads):
        super().__init__()
        self.n_heads, self.attention = n_heads, Attention()
        self.query, self.key, self.value, self.projection = (Linear(rng, d_model, d_model) for _ in range(4))

    def split(self, x):
        return x.reshape(*x.shape[:-1], self.n_heads, -1).swapaxes(-3, -2)  # (B, H, S, dk)

    def join(self, heads):
        heads = heads.swapaxes(-3, -2)  # (B, S, H, dk)
        return heads.reshape(*heads.shape[:-2], -1)  # (B, S, D)

    def forward(self, query, key, value, mask=None):
        query = self.split(self.query.forward(query))  # (B, H, T, dk)
        key, value = self.split(self.key.forward(key)), self.split(self.value.forward(value))  # (B, H, S, dk)
        heads = self.attention.forward(query, key, value, mask)  # (B, H, T, dk)
        return self.projection.forward(self.join(heads))  # (B, T, D)

    def backward(self, grad):
        heads = self.split(self.projection.backward(grad))  # (B, H, T, dk)
        query, key, value = (self.join(g) for g in self.attention.backward(heads))  # (B, T or S, D)
        return self.query.backward(query), self.key.backward(key), self.value.backward(value)


# %%
query, key, value = (np.random.default_rng(n).normal(size=(2, 3 + n, 4)) for n in range(3))  # (B, 3 to 5, 4)
key, mask = value[:, ::-1].copy(), np.tri(3, 5, dtype=bool)  # (B, S, D), (T, S)
scaled_dot_product = torch.nn.Module()
scaled_dot_product.forward = torch.nn.functional.scaled_dot_product_attention
multi_head = MultiHeadAttention(np.random.default_rng(0), 4, 2)
assert verdict(Attention(), scaled_dot_product, query, key, value, mask), "attention"
assert verdict(multi_head, reference.MultiHeadAttention(4, 2), query, key, value, mask), "several heads"

# %% [markdown]
# Attention is judged beside PyTorch's own, under a mask. One gradient of the eleven is special.

# %%
for name in ["query", "key"]:
    print(
        f"largest gradient of the {name} bias: {np.abs(multi_head.named('grads')[f'{name}.bias']).max():.3f}"
    )
assert np.abs(multi_head.named("grads")["key.bias"]).max() < 1e-12, "the key bias should have no gradient"

# %% [markdown]
# The key bias has the gradient 0, whatever you feed. It adds the same number to all scores of a row, and
# the softmax does not notice. The layer carries D numbers that no gradient ever moves.
#
# In self-attention one `x` is query, key and value. Three gradients come back. Is the first one enough?


# %% tags=["part"]
class SelfAttentionV1(MultiHeadAttention):
    def forward(self, x, mask=None):
        return super().forward(x, x, x, mask)  # (B, S, D)

    def backward(self, grad):
        return super().backward(grad)[0]  # (B, S, D)


def input_right(make):
    part, x = make(np.random.default_rng(0), 4, 2), np.random.default_rng(1).normal(size=(2, 3, 4))
    shares = off(by_hand(part, [x], x**2), by_slopes(part, [x], x**2))
    others = max(share for name, share in shares.items() if name != "input 1")
    print(f"{make.__name__:16} input off by {shares['input 1']:.2f}, the others by {others:.2f}")
    return max(shares.values()) < 1e-7


assert not input_right(SelfAttentionV1), "the fault: x is used three times and counted once"

# %% [markdown]
# The same mistake as in the residual. Used three times, so there are three gradients to add.


# %% tags=["part"]
class SelfAttention(MultiHeadAttention):
    def forward(self, x, mask=None):
        return super().forward(x, x, x, mask)  # (B, S, D)

    def backward(self, grad):
        return sum(super().backward(grad))  # changed: (B, S, D)


assert input_right(SelfAttention), "the same property, mended"

# %% [markdown]
# ### Embedding
#
# The embedding looks up rows of a table. Its input is a row number, which has no gradient. On the way
# back each word adds its gradient to the row that it came from. In `der Hund der` one word occurs twice.


# %% tags=["part"]
def table_gradient_v1(ids, grad, n_vocab):
    table = np.zeros((n_vocab, grad.shape[-1]))  # (n_vocab, D)
    table[ids] += grad
    return table


repeated, ones, table = np.array([1, 2, 1]), np.ones((3, 2)), np.zeros((3, 2))  # der Hund der
table_slopes = slopes(lambda: (table[repeated] * ones).sum(), table)
print("found ", table_gradient_v1(repeated, ones, 3).tolist(), "  slopes", table_slopes.round(6).tolist())
assert not np.allclose(table_gradient_v1(repeated, ones, 3), table_slopes), "the fault: the repeat is lost"

# %% [markdown]
# Row 1 must hold 2. But `table[ids] += grad` reads all rows, adds, and writes them back, and the second
# write of row 1 replaces the first. `np.add.at` adds one after the other.


# %% tags=["part"]
def table_gradient(ids, grad, n_vocab):
    table = np.zeros((n_vocab, grad.shape[-1]))  # (n_vocab, D)
    np.add.at(table, ids, grad)  # changed
    return table


assert np.allclose(table_gradient(repeated, ones, 3), table_slopes), "the same property, mended"


# %% [markdown]
# The part around it looks up rows on the way there, and adds up on the way back.

# %% tags=["part"]
class Embedding(Part):
    def __init__(self, rng, n_vocab, d_model):
        super().__init__(weight=rng.normal(0, d_model**-0.5, (n_vocab, d_model)))

    def forward(self, ids):
        self.ids = ids
        return self.parameters["weight"][ids]  # (B, S, D)

    def backward(self, grad):
        self.grads["weight"] = table_gradient(self.ids, grad, len(self.parameters["weight"]))  # (n_vocab, D)


# %%
self_attention, theirs = SelfAttention(np.random.default_rng(0), 4, 2), reference.MultiHeadAttention(4, 2)
three_times = theirs.forward
theirs.forward = lambda x: three_times(x, x, x)
assert verdict(self_attention, theirs, two_sentences), "self-attention"
ids = np.array([[4, 5, 4], [5, 5, 0]])
assert verdict(Embedding(np.random.default_rng(0), 6, 4), torch.nn.Embedding(6, 4), ids), "embedding"

# %% [markdown]
# ## Stage 39 - The whole model by hand
#
# All parts are there. An encoder layer puts them together in the paper's order, and its way back is the
# way there, read from below. In every line with a `+` forward there is a `+` backward. The decoder layer
# has two inputs, so it returns two gradients. The memory is key and value: add.


# %% tags=["part"]
class EncoderLayer(Part):
    def __init__(self, rng, d_model, n_heads, d_ff):
        super().__init__()
        self.self_attention = SelfAttention(rng, d_model, n_heads)
        self.feed_forward = FeedForward(rng, d_model, d_ff)
        self.norm0, self.norm1 = LayerNorm(d_model), LayerNorm(d_model)

    def forward(self, x, mask=None):
        x = self.norm0.forward(x + self.self_attention.forward(x, mask))  # (B, S, D)
        return self.norm1.forward(x + self.feed_forward.forward(x))  # (B, S, D)

    def backward(self, grad):
        grad = self.norm1.backward(grad)  # (B, S, D)
        grad = self.norm0.backward(grad + self.feed_forward.backward(grad))  # (B, S, D)
        return grad + self.self_attention.backward(grad)  # (B, S, D)


class DecoderLayer(Part):
    def __init__(self, rng, d_model, n_heads, d_ff):
        super().__init__()
        self.self_attention = SelfAttention(rng, d_model, n_heads)
        self.cross_attention = MultiHeadAttention(rng, d_model, n_heads)
        self.feed_forward = FeedForward(rng, d_model, d_ff)
        self.norm0, self.norm1, self.norm2 = (LayerNorm(d_model) for _ in range(3))

    def forward(self, x, memory, mask=None, memory_mask=None):
        x = self.norm0.forward(x + self.self_attention.forward(x, mask))  # (B, T, D)
        x = self.norm1.forward(x + self.cross_attention.forward(x, memory, memory, memory_mask))  # (B, T, D)
        return self.norm2.forward(x + self.feed_forward.forward(x))  # (B, T, D)

    def backward(self, grad):
        grad = self.norm2.backward(grad)  # (B, T, D)
        grad = self.norm1.backward(grad + self.feed_forward.backward(grad))  # (B, T, D)
        query, key, value = self.cross_attention.backward(grad)  # (B, T, D), (B, S, D), (B, S, D)
        grad = self.norm0.backward(grad + query)  # (B, T, D)
        return grad + self.self_attention.backward(grad), key + value  # (B, T, D), (B, S, D)


# %%
rng = np.random.default_rng(0)
vectors, memory = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 4, 8))  # (B, T, D), (B, S, D)
sizes = dict(d_model=8, n_heads=2, d_ff=16)
assert verdict(EncoderLayer(rng, **sizes), reference.EncoderLayer(**sizes), vectors), "encoder layer"
decoder_layer = DecoderLayer(rng, **sizes)
assert verdict(decoder_layer, reference.DecoderLayer(**sizes), vectors, memory, np.tri(3, dtype=bool)), (
    "decoder"
)

# %% [markdown]
# Now the model around them: two embeddings, the sinusoids of 07, one layer on each side, and an output
# layer that scores the symbols. Its masks are two: nobody looks at padding, and no target word looks
# ahead. (Embedding and output layer share no weights here. The last exercise is about sharing.)


# %% tags=["part"]
def sinusoids(length, d_model):
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)  # (L, D / 2)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, d_model)  # (L, D)


class Transformer(Part):
    def __init__(self, rng, n_vocab, d_model, n_heads, d_ff):
        super().__init__()
        self.scale = np.sqrt(d_model)
        self.src_embedding = Embedding(rng, n_vocab, d_model)
        self.tgt_embedding = Embedding(rng, n_vocab, d_model)
        self.encoder = EncoderLayer(rng, d_model, n_heads, d_ff)
        self.decoder = DecoderLayer(rng, d_model, n_heads, d_ff)
        self.output = Linear(rng, d_model, n_vocab, bias=False)

    def embed(self, embedding, ids):
        x = embedding.forward(ids) * self.scale  # (B, L, D)
        return x + sinusoids(*x.shape[-2:])  # (B, L, D)

    def forward(self, src, tgt):
        src_mask, tgt_mask = (src != 0)[:, None, None, :], (tgt != 0)[:, None, None, :]  # (B, 1, 1, S or T)
        causal = np.tri(tgt.shape[1], dtype=bool)  # (T, T)
        memory = self.encoder.forward(self.embed(self.src_embedding, src), src_mask)  # (B, S, D)
        x = self.decoder.forward(self.embed(self.tgt_embedding, tgt), memory, causal & tgt_mask, src_mask)
        return self.output.forward(x)  # (B, T, n_vocab)

    def backward(self, grad):
        grad, memory = self.decoder.backward(self.output.backward(grad))  # (B, T, D), (B, S, D)
        self.tgt_embedding.backward(grad * self.scale)
        self.src_embedding.backward(self.encoder.backward(memory) * self.scale)


def loss_and_gradients(model, src, tgt, labels):
    """One forward and one backward pass; the gradients end up in the parts."""
    logits, cross_entropy = model.forward(src, tgt), CrossEntropy()  # (B, T, n_vocab)
    loss = cross_entropy.forward(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))  # (B * T, n_vocab)
    model.backward(cross_entropy.backward().reshape(logits.shape))  # (B, T, n_vocab)
    return loss


# %% [markdown]
# The strongest check: a batch with padding, the loss with its labels, and every parameter of the model.
# Both judges again, the slopes for *every* entry.

# %%
src = np.array([[4, 5, 5, 2], [5, 2, 0, 0]])  # (B, S); 0 is padding
tgt = np.array([[1, 4, 5, 4], [1, 5, 0, 0]])  # (B, T)
labels = np.array([[4, 5, 4, 2], [5, 2, 0, 0]])  # (B, T)


def twin_of(model):
    twin = copied(model, reference.Transformer(6, 6, 8, 2, 12, n_layers=1, dropout=0.0, tie_weights=False))
    twin.positions.table = torch.tensor(sinusoids(16, 8))  # its own has the digits of float32
    return twin


def loss_of(twin):
    logits = twin(torch.tensor(src), torch.tensor(tgt))  # (B, T, n_vocab)
    return ignore_padding(logits.flatten(0, 1), torch.tensor(labels).flatten())


small = Transformer(np.random.default_rng(0), 6, d_model=8, n_heads=2, d_ff=12)
loss_by_hand = loss_and_gradients(small, src, tgt, labels)
found = {name: array.copy() for name, array in small.named("grads").items()}
twin = twin_of(small)
torch_loss = loss_of(twin)
torch_loss.backward()
autograd = {our_name(name): p.grad.numpy() for name, p in twin.named_parameters()}
same_loss = abs(loss_by_hand - torch_loss.item()) < 1e-12
same_gradients = max(off(found, autograd).values()) < 1e-9
parts = [half.feed_forward.widen for half in (small.encoder, small.decoder)]
bends = [np.abs(part.forward(part.x)).min() for part in parts]
assert min(bends) > 1e-4, "no input of a ReLU may be near its bend"
every_slope = {
    name: slopes(lambda: loss_and_gradients(small, src, tgt, labels), p) for name, p in small.named().items()
}
same_slopes = max(off(found, every_slope).values()) < 1e-7
count = sum(array.size for array in found.values())
print(f"loss {loss_by_hand:.3f}, parameters: {len(found)} arrays of {count} numbers")
print("loss equal to torch:", same_loss, "  every gradient equal:", same_gradients, "  slopes:", same_slopes)
assert same_loss and same_gradients and same_slopes, "by hand, autograd and the slopes"

# %% [markdown]
# Every entry of every gradient, three times the same number.
#
# ### Adam by hand
#
# The paper's optimiser is Adam (section 5.3). For each number it keeps two running averages: of the
# gradient and of its square. The step is the first divided by the root of the second, so every number
# moves by about the same. Both averages start at 0, and dividing by `1 - beta ** step` makes up for it.
# One thing more: `decay` lets the matrices shrink a little in every step. This **weight decay** holds
# large weights down; you will see what it is good for.


# %% tags=["part"]
class Adam:
    def __init__(self, model, rate, decay=0.0, betas=(0.9, 0.98), eps=1e-9):
        self.model, self.rate, self.decay, self.betas, self.eps, self.steps = (
            model,
            rate,
            decay,
            betas,
            eps,
            0,
        )
        self.mean = {name: np.zeros_like(p) for name, p in model.named().items()}
        self.square = {name: np.zeros_like(p) for name, p in model.named().items()}

    def step(self):
        self.steps += 1
        (beta1, beta2), grads = self.betas, self.model.named("grads")
        for name, p in self.model.named().items():
            self.mean[name] += (1 - beta1) * (grads[name] - self.mean[name])
            self.square[name] += (1 - beta2) * (grads[name] ** 2 - self.square[name])
            mean, square = (
                self.mean[name] / (1 - beta1**self.steps),
                self.square[name] / (1 - beta2**self.steps),
            )
            if p.ndim > 1:
                p *= 1 - self.rate * self.decay
            p -= self.rate * mean / (np.sqrt(square) + self.eps)  # in place: the part sees it


# %% [markdown]
# Three steps of it beside PyTorch's AdamW, which has the same decay. Then a trap. Multiply all gradients
# by 16, as if you forgot to divide by a batch of 16: how much does the step of Adam change?

# %%
moving = Transformer(np.random.default_rng(0), 6, d_model=8, n_heads=2, d_ff=12)
moving_twin = twin_of(moving)
groups = [
    {"params": [p for p in moving_twin.parameters() if p.ndim > 1], "weight_decay": 1.0},
    {"params": [p for p in moving_twin.parameters() if p.ndim == 1], "weight_decay": 0.0},
]
ours, adam_w = Adam(moving, 0.01, decay=1.0), torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-9)
for _ in range(3):
    loss_and_gradients(moving, src, tgt, labels)
    ours.step()
    adam_w.zero_grad()
    loss_of(moving_twin).backward()
    adam_w.step()

moved = {our_name(name): p.detach().numpy() for name, p in moving_twin.named_parameters()}
same_steps = all(np.allclose(p, moved[name], rtol=0, atol=1e-7) for name, p in moving.named().items())
print("equal to AdamW after three steps:", same_steps)
assert same_steps, "Adam by hand and PyTorch's"


# %%
def one_step(factor):
    model = Transformer(np.random.default_rng(0), 6, d_model=8, n_heads=2, d_ff=12)
    loss_and_gradients(model, src, tgt, labels)
    for grad in model.named("grads").values():
        grad *= factor
    Adam(model, 0.01).step()
    return np.concatenate([p.ravel() for p in model.named().values()])  # (all parameters,)


largest = np.abs(one_step(16) - one_step(1)).max()
print("the step changes by less than a thousandth of itself:", largest < 0.01 / 1000)
assert largest < 0.01 / 1000, "Adam divides the factor away"

# %% [markdown]
# Nothing changes: Adam divides the factor away. So with Adam no training run shows the fault of stage 37,
# and only a gradient check does. With plain gradient steps, the same fault makes each step 16 times as
# long.
#
# ### The task: 1 0 1 0
#
# The target alternates between two symbols, and it stops. Both facts stand in the source: its *first*
# symbol names the phase, and its *length* is the length of the answer. The other symbols of the source
# are drawn at random and mean nothing. The ids are those of `helpers.data`: padding 0, `<s>` 1, `</s>` 2,
# and the symbols 0 and 1 are 4 and 5. The decoder reads the answer from `<s>` on, and the labels are the
# same one place later, up to `</s>`.

# %% tags=["part"]
NAMES = {0: "", 1: "<s>", 2: "</s>", 4: "0", 5: "1"}
HELD_OUT, TRAINED = [5, 9, 14], [n for n in range(1, 21) if n not in (5, 9, 14)]


def task_pair(rng, first, length):
    source = [first, *rng.integers(4, 6, length - 1)]
    return source, [first if place % 2 == 0 else 9 - first for place in range(length)]


def padded(rows):
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=int)  # (B, L)
    for row, numbers in zip(ids, rows, strict=True):
        row[: len(numbers)] = numbers
    return ids


def task_batch(pairs):
    """Source, decoder input and labels of several pairs."""
    sources, targets = zip(*pairs, strict=True)
    shifted = [[1, *target] for target in targets], [[*target, 2] for target in targets]
    return padded([[*source, 2] for source in sources]), padded(shifted[0]), padded(shifted[1])


# %%
def in_words(ids):
    return " ".join(NAMES[number] for number in ids if number)


example = task_batch([task_pair(np.random.default_rng(0), first, 3) for first in (4, 5)])
for what, ids in zip(["source", "decoder reads", "labels"], example, strict=True):
    print(f"{what:14}", "     ".join(f"{in_words(row):14}" for row in ids))
assert (example[1][:, 1:] == example[2][:, :-1]).all(), "the labels are one place later"

# %% [markdown]
# The lengths are 1 to 20. Lengths 5, 9 and 14 never occur in training. They lie inside the range, so the
# question is: has it learnt to *read off* the length, or does it know the lengths by heart?
#
# In use there are no labels. **Free-running** means: the model reads its own output, takes the likeliest
# symbol each time, and stops after `</s>`. An answer counts if all of it is right, `</s>` too.
#
# The training loop `fit` draws 16 pairs, goes forward and back once, and makes one step of Adam. The rate
# rises for 30 steps, and for the last part of the training it is lower.


# %% tags=["part"]
def greedy(model, src, longest):
    """The answers of the model, reading its own output."""
    tgt, done = np.ones((len(src), 1), dtype=int), np.zeros(len(src), dtype=bool)  # (B, 1), (B,)
    for _ in range(longest):
        symbols = model.forward(src, tgt)[:, -1].argmax(axis=-1)  # (B,)
        symbols[done] = 0
        tgt = np.concatenate([tgt, symbols[:, None]], axis=1)  # (B, T + 1)
        done |= symbols == 2
    return tgt[:, 1:]  # (B, T)


def exact_match(model, lengths, seed=99):
    """Share of exactly right answers: ten sources for each length and phase."""
    rng = np.random.default_rng(seed)
    pairs = [task_pair(rng, first, length) for length in lengths for first in (4, 5) for _ in range(10)]
    src, _, labels = task_batch(pairs)
    answers = greedy(model, src, labels.shape[1] + 1)[:, : labels.shape[1] + 1]  # (B, T + 1)
    return (answers == np.pad(labels, ((0, 0), (0, 1)))).all(axis=1).mean()


def fit(seed, decay, rate=2e-3, steps=600, d_model=32):
    """A model trained on the trained lengths, and its losses."""
    rng = np.random.default_rng(seed)
    model = Transformer(rng, 6, d_model, n_heads=4, d_ff=2 * d_model)
    adam, losses = Adam(model, rate, decay), []
    for step in range(1, steps + 1):
        pairs = [task_pair(rng, rng.integers(4, 6), rng.choice(TRAINED)) for _ in range(16)]
        adam.rate = rate * min(1, step / 30) * (1 if step < 0.6 * steps else 0.3)
        losses.append(loss_and_gradients(model, *task_batch(pairs)))
        adam.step()
    return model, losses


# %% [markdown]
# Three seeds with decay and three without.

# %% tags=["nbval-ignore-output"]
trained = {(decay, seed): fit(seed, decay) for decay in (1.0, 0.0) for seed in range(3)}
scores = {
    key: [exact_match(model, lengths) for lengths in (TRAINED, HELD_OUT, [21, 22, 24])]
    for key, (model, _) in trained.items()
}
print("decay  seed  loss     trained lengths  held-out  longer")
for (decay, seed), (seen, held_out, longer) in scores.items():
    last = np.mean(trained[decay, seed][1][-50:])
    print(f"{decay:5}  {seed:4}  {last:.4f}  {seen:15.2f}  {held_out:8.2f}  {longer:6.2f}")

# %%
untrained = exact_match(Transformer(np.random.default_rng(0), 6, 32, 4, 64), HELD_OUT)
seen, held_out, longer = np.array([scores[1.0, seed] for seed in range(3)]).T  # (3,) each
without = min(scores[0.0, seed][0] for seed in range(3))
print(f"untrained, held-out lengths: {untrained:.2f}")
assert untrained == 0, "nothing should be right by chance"
assert min(seen) > 0.9 and np.median(held_out) > 0.9 and held_out.mean() > 0.8, "with decay: both"
assert without > 0.8 and longer.max() < 0.7, "trained lengths without decay; longer ones fail"
print("trained just now: trained lengths with and without decay, held-out lengths with decay")

# %% [markdown]
# A model without a line of autograd has learnt a task, and solves lengths that it has never seen. Without
# decay all trained lengths are right just the same, and the training loss ends low as well. Only the
# held-out lengths show a difference, in some seeds. Whether other remedies do as much as decay was not
# tried here; notebook 12 compares several. And this is one size and one rate.
#
# The last column has lengths 21, 22 and 24, beyond all that were trained. There it fails. Lengths between
# trained ones are the claim, and no more.
#
# One more look inside. How does the model know when to stop? Draw the attention weights of the decoder
# over the source, for length 9. `forward` has kept them for the way back. Look at the row of the last
# symbol, in which `</s>` is written.

# %% tags=["nbval-ignore-output"]
best = trained[1.0, 0][0]
one_src, one_tgt, _ = task_batch([task_pair(np.random.default_rng(3), 5, 9)])
best.forward(one_src, one_tgt)
maps = best.decoder.cross_attention.attention.weights[0]  # (H, T, S)
head = maps[:, -1, -1].argmax()
fig = plots.attention_map(
    maps[head], [NAMES[n] for n in one_tgt[0]], [NAMES[n] for n in one_src[0]],
    title=f"Cross-attention of head {head + 1}", query_label="decoder reads", key_label="source",
)  # fmt: skip
plots.show(
    fig,
    alt="Attention weights of one head of the decoder over the source: ten rows for the words that the "
    "decoder reads, ten columns for the source.",
)

# %% [markdown]
# The score above is the proof, and not this picture: the head was chosen because its last row looks most
# at the source's `</s>`.
#
# ## What would a systems language such as Rust change?
#
# Not the formulas. It would change who owns the numbers, and when memory comes and goes. Count first:
# what does one training step keep, and what does it use at its peak? `tracemalloc` counts the bytes that
# Python and NumPy ask for.


# %%
def kept_arrays(part):
    inside = [kept_arrays(value) for value in vars(part).values() if isinstance(value, Part)]
    here = {id(value): value.nbytes for value in vars(part).values() if isinstance(value, np.ndarray)}
    return here | {key: size for found in inside for key, size in found.items()}


step_batch = task_batch(
    [task_pair(np.random.default_rng(0), first, 20) for first in (4, 5) for _ in range(8)]
)
fresh = Transformer(np.random.default_rng(0), 6, 32, 4, 64)
weights = sum(p.nbytes for p in fresh.named().values())
loss_and_gradients(fresh, *step_batch)
tracemalloc.start()
loss_and_gradients(fresh, *step_batch)
peak = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
kept = kept_arrays(fresh)
print(f"kept by forward: {len(kept)} arrays, {sum(kept.values()) / weights:.0f} times the parameters")
print("peak of one more step: more than the kept arrays:", peak > sum(kept.values()))
assert sum(kept.values()) > 3 * weights, "what forward keeps is larger than the model"

# %% [markdown]
# What the forward pass keeps is many times the model itself. NumPy makes a new array for each result, and
# frees it when nobody refers to it any more. In Rust every buffer has one owner, and is freed where its
# owner goes out of scope: nothing counts references unless you ask for it, and there is no garbage
# collector. A function that may write into a buffer says so in its type (`&mut`), and while it holds the
# buffer nobody else can read it. So gradients can be added in place and buffers used again, and the
# compiler objects if someone still needs the old numbers. NumPy can write in place as well, as Adam does
# above, but nobody objects.
#
# And the speed? A matrix product in NumPy already runs in compiled code, so there Rust has little to win.
# It is the many small steps between that cost. Measure a linear layer against a layer normalisation on
# the same rows, and one training step against the same step in PyTorch. (The norm multiplies three times
# for each number: for the square, the division and the factor. The layer multiplies 256 times.)


# %% tags=["nbval-ignore-output"]
def milliseconds(work, times=30):
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * np.median(taken)


rows = np.random.default_rng(0).normal(size=(400, 256))  # (rows, D)
wide_linear, wide_norm = Linear(np.random.default_rng(0), 256, 256), LayerNorm(256)
linear_ms, norm_ms = (
    milliseconds(lambda: wide_linear.forward(rows)),
    milliseconds(lambda: wide_norm.forward(rows)),
)
torch_twin = copied(fresh, reference.Transformer(6, 6, 32, 4, 64, n_layers=1, dropout=0.0, tie_weights=False))
src_t, tgt_t, labels_t = (torch.tensor(ids) for ids in step_batch)


def torch_step():
    torch_twin.zero_grad()
    ignore_padding(torch_twin(src_t, tgt_t).flatten(0, 1), labels_t.flatten()).backward()


hand_ms, torch_ms = milliseconds(lambda: loss_and_gradients(fresh, *step_batch)), milliseconds(torch_step)
print(
    f"layer normalisation / linear layer   time: {norm_ms / linear_ms:.2f}   multiplications: {3 / 256:.2f}"
)
print(f"a step by hand / a step of PyTorch, both float64: {hand_ms / torch_ms:.2f}")

# %%
assert norm_ms / linear_ms > 0.05, "small steps should cost more than their share"
assert 0.05 < hand_ms / torch_ms < 20, "the same order of magnitude"
print("layer normalisation costs far more time than its share of the arithmetic")

# %% [markdown]
# The norm makes several passes over its rows, each of them a new array. A compiled loop can do a row in
# one go, while it is in the processor's cache, several numbers per instruction (SIMD). In Rust you would
# write that loop, or take a library for it. You would also state every shape: a slice of numbers knows
# its length and nothing of rows and columns. How much faster such a port would be was not measured here.
#
# **A port to try, in Rust or in any language.** Write `forward` only: it needs no gradients. This text
# holds a small model, an input and the logits that must come out. Print `port` and save it. Loaded again,
# it gives the same logits here.

# %%
port = json.dumps(
    {
        "sizes": {"d_model": 8, "n_heads": 2, "d_ff": 12, "n_vocab": 6, "eps": 1e-5},
        "parameters": {name: p.tolist() for name, p in small.named().items()},
        "src": src.tolist(),
        "tgt": tgt.tolist(),
        "logits": small.forward(src, tgt).tolist(),
    }
)
loaded = json.loads(port)
again = Transformer(np.random.default_rng(1), 6, 8, 2, 12)
for name, p in again.named().items():
    p[...] = loaded["parameters"][name]
same_logits = np.allclose(
    again.forward(np.array(loaded["src"]), np.array(loaded["tgt"])), loaded["logits"], atol=1e-12
)
print(list(loaded), "  equal when loaded again:", same_logits)
assert same_logits, "the text should hold all that forward needs"

# %% [markdown]
# ## Recap
#
# 1. A gradient has the shape of what it belongs to. A part goes back by the chain rule: gradient of the
#    output in, gradient of the input out.
# 2. A value used twice gets the sum of its gradients: residuals, self-attention, the memory, repeated
#    words.
# 3. The slopes (central differences) and autograd are two judges that do not know each other.
# 4. Several faults do not show in training. A factor in all gradients vanishes in Adam.
# 5. A whole encoder-decoder by hand learns `1 0 1 0` and reads off lengths that it has never seen, inside
#    the trained range.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. On paper.** `y = relu(w * x + b)` and the loss is `(y - 1) ** 2`, with `w = 3`, `x = 2` and
# `b = -1`. Write the gradients of `w`, `b` and `x`.

# %% tags=["exercise"]
### BEGIN SOLUTION
chain = [16, 8, 24]
### END SOLUTION

checks.gradient_on_paper(chain)

# %% [markdown]
# **2. Predict.** A `Linear` of this notebook maps words of width 512 to width 64. It gets 8 sentences of
# 5 words. Which shapes have the gradients of its weight, its bias and its input?

# %% tags=["exercise"]
### BEGIN SOLUTION
shapes = [(64, 512), (64,), (8, 5, 512)]
### END SOLUTION

checks.gradient_shapes(shapes)

# %% [markdown]
# **3. Implement.** The way back of `tanh`, whose derivative is `1 - tanh(x) ** 2`. `x` is the input, and
# `grad` the gradient of the output.


# %% tags=["exercise"]
def tanh_backward(x, grad):
    ### BEGIN SOLUTION
    return grad * (1 - np.tanh(x) ** 2)
    ### END SOLUTION


checks.tanh_backward(tanh_backward)

# %% [markdown]
# **4. Implement.** Dropout's forward pass is `x * kept / (1 - rate)`: `kept` is true where a number
# stays. Write its way back.


# %% tags=["exercise"]
def dropout_backward(grad, kept, rate):
    ### BEGIN SOLUTION
    return grad * kept / (1 - rate)
    ### END SOLUTION


checks.dropout_backward(dropout_backward)

# %% [markdown]
# **5. Implement.** One table `(n_vocab, D)` is both the embedding of `ids` `(B, T)` and the weight of the
# output layer, which takes `x` `(B, T, D)`. `grad_rows` `(B, T, D)` is the gradient of the embedded
# words, and `grad_logits` `(B, T, n_vocab)` that of the logits. Return the gradient of the table.


# %% tags=["exercise"]
def tied_gradient(ids, grad_rows, x, grad_logits):
    ### BEGIN SOLUTION
    table = grad_logits.reshape(-1, grad_logits.shape[-1]).T @ x.reshape(-1, x.shape[-1])
    np.add.at(table, ids, grad_rows)
    return table
    ### END SOLUTION


checks.tied_gradient(tied_gradient)

# %% [markdown]
# **Without a check:** port `forward` to Rust, with the numbers in `port`. Start with `Linear` and
# `LayerNorm`, and compare each before you go on.
#
# ## References
#
# - A. Vaswani and others, "Attention Is All You Need", 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3 for the parts, 5.3 for Adam.
# - D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2015,
#   [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).
# - I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101): the decay as used here.
# - S. Klabnik, C. Nichols, [The Rust Programming Language](https://doc.rust-lang.org/book/), chapter 4 on
#   ownership.
#
# ## What is still a placeholder
#
# Nothing. Every number that this model learns with, you have computed yourself.
#
# {{next}}
