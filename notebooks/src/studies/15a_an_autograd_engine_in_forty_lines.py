# %% [raw] tags=["card"]
# questions: Where does autograd get the gradient of a layer that it has never seen?

# %% [markdown]
# # 15a - An autograd engine in forty lines
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# Since 02 you have written layers that PyTorch had never seen, and `loss.backward()` went back through every
# one of them. In 15 you did it yourself, and wrote thirteen classes with a `backward`. So PyTorch must take
# layers apart into something smaller. Build such an engine, step by step. For how many elementary operations
# must you tell it the way back, until it can do the whole encoder-decoder of 15? Write down a number.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
from itertools import count

import numpy as np
import torch  # only to compare

from helpers import plots
from lessons import pictures
from lessons.boards import backprop_by_hand as judges

# %% [markdown]
# ## A number that remembers
#
# Every result must know its **parents**, the values it was made from, and a way back to each: a function that
# turns the gradient of the result into that of the parent. A sum hands the gradient on as it is, and a
# product multiplies it by the other factor. Such a result is a **node**, and all nodes together are the
# **graph**. Each gets a number at its birth, which will be wanted later.


# %% tags=["engine"]
class Node:
    born = count()

    def __init__(self, value, *parents):  # each parent is a pair: a node, and the way back to it
        self.value, self.parents = np.asarray(value, dtype=float), parents
        self.grad, self.number = 0.0, next(Node.born)


def node(x):
    return x if isinstance(x, Node) else Node(x)


def add(a, b):
    b = node(b)
    return Node(a.value + b.value, (a, lambda g: g), (b, lambda g: g))


def multiply(a, b):
    b = node(b)
    return Node(a.value * b.value, (a, lambda g: g * b.value), (b, lambda g: g * a.value))


# %% [markdown]
# ## The way back, first as it comes
#
# Start at the end with the gradient 1. Each node keeps what it is given, and sends it on to its parents. Try
# it with a residual connection, `x + 3 * x`: move `x` by 1, and the result moves by 4.


# %%
def back_v1(node, grad=1.0):
    node.grad = grad
    for parent, way in node.parents:
        back_v1(parent, way(grad))


x = Node(5.0)
back_v1(add(x, multiply(x, 3)))
print("found", x.grad, "  wanted 4")

# %% [markdown]
# Two gradients have come to `x`, a 1 and a 3, and the second has overwritten the first. You know the fix from
# 15: a value that is used twice gets the sum. Let two residual connections stand one behind the other.


# %%
def back_v2(node, grad=1.0):
    node.grad = node.grad + grad  # changed
    for parent, way in node.parents:
        back_v2(parent, way(grad))


def residuals(x, n):
    for _ in range(n):
        x = add(x, multiply(x, 3))
    return x


x = Node(5.0)
back_v2(residuals(x, 2))
print("found", x.grad, "  wanted 4 * 4")

# %% [markdown]
# The chain rule is a sum over all paths, and these are all paths, so this is right for any graph. The paper's
# encoder has twelve residual connections, two in each layer. How many visits to nodes will they cost?


# %%
def visits(node):
    return 1 + sum(visits(parent) for parent, _ in node.parents)


for n in (1, 2, 6, 12):
    print(f"{n:2} in a row: {3 * n + 1:2} nodes, {visits(residuals(Node(5.0), n)):6,} visits")

# %% [markdown]
# Each residual connection doubles the paths. The nodes are few, so visit each of them once: the end, then its
# parents, then theirs, whatever is nearest to the end first.


# %%
def nearest_first(end):
    line = [end]
    for node in line:  # grows while it is read
        line += [parent for parent, _ in node.parents if parent not in line]
    return line


def back_v3(end, order):
    end.grad = np.ones_like(end.value)
    for node in order(end):
        for parent, way in node.parents:
            parent.grad = parent.grad + way(node.grad)


for n in (1, 2):
    x = Node(5.0)
    back_v3(residuals(x, n), nearest_first)
    print(n, "in a row: found", x.grad, "  wanted", 4**n)

# %% [markdown]
# One is right, two are not. Call the value between the two `y`. By its short way it is a parent of the end,
# so it had its turn early, and sent on a 1 while the 3 of the long way was still to come. A node may send
# only when everyone who used it has sent.
#
# Such an order is called **topological**, and the numbers hold one: a node is younger than its parents, hence
# older than whoever used it. So go from the youngest to the oldest. The list of all nodes in the order of
# their birth is the **tape**, and the walk plays it backwards.


# %% tags=["engine"]
def youngest_first(end):
    found, to_ask = {end}, [end]
    while to_ask:
        new = {parent for parent, _ in to_ask.pop().parents} - found
        found, to_ask = found | new, to_ask + [*new]
    return sorted(found, key=lambda node: -node.number)


# %%
x = Node(5.0)
end = residuals(x, 12)
back_v3(end, youngest_first)
print("12 in a row: found", x.grad, "  wanted", 4**12, f"  {len(youngest_first(end))} visits")

# %% [markdown]
# ## From numbers to arrays
#
# Nothing in a node asks for a single number, so put in arrays. A bias `(4,)` is added to two sentences of
# three words. Which shape will its gradient have?

# %%
words, bias = Node(np.ones((2, 3, 4))), Node(np.zeros(4))  # (B, S, D), (D,)
back_v3(add(words, bias), youngest_first)
print("bias", bias.value.shape, "  its gradient", bias.grad.shape)

# %% [markdown]
# That of the output, since `add` hands it on as it is. On the way there NumPy has **broadcast** the bias, so
# one row was used for six words. What is used several times gets the sum, here over the axes that were put in
# front and over those that were stretched from 1. Every gradient passes through `fit`, so that no operation
# has to think of it.


# %% tags=["engine"]
def fit(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return grad.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# %% tags=["engine"]
def backward(end, grad=1.0):
    end.grad = np.broadcast_to(grad, end.value.shape)
    for node in youngest_first(end):
        for parent, way in node.parents:
            parent.grad = parent.grad + fit(way(node.grad), parent.value.shape)


# %%
words, bias = Node(np.ones((2, 3, 4))), Node(np.zeros(4))  # (B, S, D), (D,)
backward(add(words, bias))
print("bias", bias.value.shape, "  its gradient", bias.grad)

# %% [markdown]
# ## Eight operations
#
# Add and multiply are two, and six more will do. The matrix product goes back as in your `Linear`, whose sum
# over the sentences is now made by `fit`. `moved` is for what only moves numbers, such as a transpose.


# %% tags=["engine"]
def matmul(a, b):
    return Node(a.value @ b.value, (a, lambda g: g @ b.value.mT), (b, lambda g: a.value.mT @ g))


def power(a, n):
    return Node(a.value**n, (a, lambda g: g * n * a.value ** (n - 1)))


def exp(a):
    return Node(np.exp(a.value), (a, lambda g: g * np.exp(a.value)))


def log(a):
    return Node(np.log(a.value), (a, lambda g: g / a.value))


def total(a, axis=-1):
    return Node(a.value.sum(axis=axis, keepdims=True), (a, lambda g: np.broadcast_to(g, a.value.shape)))


def moved(a, there, back):
    return Node(there(a.value), (a, back))


Node.__add__, Node.__mul__, Node.__matmul__, Node.__pow__ = add, multiply, matmul, power

# %% [markdown]
# That is the whole engine, forty lines without the blank ones. Watch it on a softmax. Two scores get the
# weights 3/4 and 1/4, as in stage 43, and the gradient of the weights is `[16, 0]`.

# %%
scores = Node([np.log(3), 0.0])  # (S,)
powers = exp(scores)
added_up = total(powers)
divided = added_up**-1
weights = powers * divided
backward(weights, [16, 0])
named = {"scores": scores, "exp": powers, "sum": added_up, "1 / sum": divided, "weights": weights}
plots.show(pictures.tape(named))

# %% [markdown]
# Each box holds a value and its gradient, each dashed arrow what is sent back, and the circles count the
# turns. Look at `exp`: it is a parent of the weights, and yet it has to wait for its turn until the sum has
# sent `-3, -3`. (On its way to `1 / sum`, `48, 0` passes through `fit` and becomes 48.) The scores get 3 and
# -3, as from the Jacobian of 15 times `[16, 0]`, and nobody has built a Jacobian. That is why a
# way back is called a **vector-Jacobian product**: the product, without the matrix.
#
# ## Layers that nobody has told it about
#
# From here on you write the way there, and nothing else. ReLU needs no operation of its own, since it
# multiplies by 0 or 1. The largest score is subtracted as a constant: a softmax does not notice it, so no
# gradient is lost.


# %%
def relu(x):
    return x * (x.value > 0)


def softmax(x):
    powers = exp(x + x.value.max(axis=-1, keepdims=True) * -1)  # (..., S)
    return powers * total(powers) ** -1  # (..., S)


def log_softmax(x):
    below = x + x.value.max(axis=-1, keepdims=True) * -1  # (..., S)
    return below + log(total(exp(below))) * -1  # (..., S)


def layer_norm(x, weight, bias, eps=1e-5):
    x = x + total(x) * (-1 / x.value.shape[-1])  # (..., D)
    variance = total(x**2) * (1 / x.value.shape[-1])  # (..., 1)
    return x * (variance + eps) ** -0.5 * weight + bias  # (..., D)


# %% [markdown]
# The way back of the layer norm was the hardest formula of 15. Here is its row again, and the formula beside
# the engine, which does not know it.

# %%
x, grad = Node([0.0, 0, 4, 4]), np.array([1.0, 0, 0, 2])  # (D,) each
backward(layer_norm(x, Node(np.ones(4)), Node(np.zeros(4)), eps=0), grad)
normed = (x.value - 2) / 2  # (D,)
print("engine ", x.grad, "  formula of 15 ", (grad - grad.mean() - normed * (grad * normed).mean()) / 2)

# %% [markdown]
# It has come out by itself. Now the rest of the model. To look up a row of a table is to multiply the table
# by a row with a single 1, so an embedding needs no operation of its own either. Repeated words add up,
# because a matrix product adds up.


# %%
def swapped(x, i, j):
    return moved(x, lambda v: v.swapaxes(i, j), lambda g: g.swapaxes(i, j))


def reshaped(x, *shape):
    return moved(x, lambda v: v.reshape(shape), lambda g: g.reshape(x.value.shape))


def lookup(table, ids):
    return Node(np.eye(len(table.value))[ids]) @ table  # (B, L, D)


def linear(p, name, x):
    return x @ swapped(p[f"{name}.weight"], 0, 1) + p.get(f"{name}.bias", 0)  # (..., d_out)


def norm(p, name, x):
    return layer_norm(x, p[f"{name}.weight"], p[f"{name}.bias"])


def attention(p, name, x, memory, mask, n_heads=2):
    def heads(part, x):
        return swapped(reshaped(linear(p, f"{name}.{part}", x), *x.value.shape[:-1], n_heads, -1), 1, 2)

    query, key, value = heads("query", x), heads("key", memory), heads("value", memory)  # (B, H, L, dk)
    scores = query @ swapped(key, 2, 3) * query.value.shape[-1] ** -0.5  # (B, H, T, S)
    mixed = softmax(scores + np.where(mask, 0, -1e9)) @ value  # (B, H, T, dk)
    return linear(p, f"{name}.projection", reshaped(swapped(mixed, 1, 2), *x.value.shape))  # (B, T, D)


# %%
def feed_forward(p, name, x):
    return linear(p, f"{name}.narrow", relu(linear(p, f"{name}.widen", x)))  # (B, L, D)


def transformer(p, src, tgt, positions):
    real, d_model = (src != 0)[:, None, None, :], positions.shape[-1]  # real: (B, 1, 1, S)
    causal = np.tri(tgt.shape[1], dtype=bool) & (tgt != 0)[:, None, None, :]  # (B, 1, T, T)
    x = lookup(p["src_embedding.weight"], src) * d_model**0.5 + positions[: src.shape[1]]  # (B, S, D)
    x = norm(p, "encoder.norm0", x + attention(p, "encoder.self_attention", x, x, real))
    memory = norm(p, "encoder.norm1", x + feed_forward(p, "encoder.feed_forward", x))  # (B, S, D)
    x = lookup(p["tgt_embedding.weight"], tgt) * d_model**0.5 + positions[: tgt.shape[1]]  # (B, T, D)
    x = norm(p, "decoder.norm0", x + attention(p, "decoder.self_attention", x, x, causal))
    x = norm(p, "decoder.norm1", x + attention(p, "decoder.cross_attention", x, memory, real))
    x = norm(p, "decoder.norm2", x + feed_forward(p, "decoder.feed_forward", x))
    return linear(p, "output", x)  # (B, T, n_vocab)


def cross_entropy(logits, labels):
    one_hot = np.eye(logits.value.shape[-1])[labels] * (labels != 0)[..., None]  # (B, T, n_vocab)
    return total(log_softmax(logits) * one_hot, axis=None) * (-1 / (labels != 0).sum())


# %% [markdown]
# Apart from the two that only move numbers, no line of this says how to go back. The judge is the Transformer
# of `helpers` with the same parameters, in float64. All of them are moved a little at random, since biases of
# 0 and factors of 1 would hide mistakes. The batch is that of 15, with padding.

# %%
src, tgt = np.array([[4, 5, 5, 2], [5, 2, 0, 0]]), np.array([[1, 4, 5, 4], [1, 5, 0, 0]])  # (B, S), (B, T)
labels = np.array([[4, 5, 4, 2], [5, 2, 0, 0]])  # (B, T)
twin = judges.drawn_twin()
arrays = {judges.our_name(name): p.detach().numpy() for name, p in twin.named_parameters()}


def gradients(back):
    p = {name: Node(array) for name, array in arrays.items()}
    loss = cross_entropy(transformer(p, src, tgt, twin.positions.table.numpy()), labels)
    back(loss)
    return loss, {name: node.grad for name, node in p.items()}


loss, found = gradients(backward)
by_torch, wanted = judges.loss_by_autograd(twin, src, tgt, labels)
print(f"loss {loss.value.item():.12f}   by PyTorch {by_torch:.12f}")
print(f"{sum(grad.size for grad in found.values()):,} numbers in {len(found)} gradients")
assert max(judges.off(found, wanted).values()) < 1e-10

# %% [markdown]
# All 1,512 agree, as in 15, to ten digits of the largest entry of each gradient, and eight operations were
# enough. But could the comparison have failed? Break the walk in three ways, and count the gradients that are
# still right. What will the loss say? And which gradients can survive being overwritten?


# %%
def broken(order=youngest_first, keep=1, fit=fit):
    def back(end):
        end.grad = np.ones_like(end.value)
        for node in order(end):
            for parent, way in node.parents:
                parent.grad = keep * parent.grad + fit(way(node.grad), parent.value.shape)

    return back


walks = {"nothing broken": {}, "overwritten": {"keep": 0}, "nearest first": {"order": nearest_first},
         "not fitted": {"fit": lambda grad, shape: grad}}  # fmt: skip
right = {}
for name, changes in walks.items():
    loss, found = gradients(broken(**changes))
    right[name] = judges.equal_ones(found, wanted)
    print(f"{name:15} {len(right[name]):2} of {len(found)} gradients right   loss {loss.value.item():.6f}")
print("overwritten, and yet right:", *right["overwritten"])

# %% [markdown]
# The loss is the same in all rows, since it is known before the way back begins. Each of the three bugs
# spoils all gradients or nearly all. Only the key biases survive being overwritten, and not by merit: a
# likely reason is that an overwritten layer norm sends back 0, so that everything before the last one gets
# 0, and theirs is the one gradient that should be 0.
#
# ## Why anyone still writes a `backward` by hand
#
# In your engine every elementary result stays in memory for the way back. Count the nodes, and
# the numbers that they keep, for one layer norm and one softmax, and look up what PyTorch writes on its tape.

# %%
x, one, zero = np.random.default_rng(0).normal(size=(2, 3, 4)), np.ones(4), np.zeros(4)  # x: (B, S, D)
t, weight, bias = (torch.tensor(array, requires_grad=True) for array in (x, one, zero))
cases = {"layer norm": (layer_norm(Node(x), Node(one), Node(zero)), torch.layer_norm(t, (4,), weight, bias)),
         "softmax": (softmax(Node(x)), t.softmax(dim=-1))}  # fmt: skip
for name, (ours, theirs) in cases.items():
    made = [node for node in youngest_first(ours) if node.parents]
    kept = sum(node.value.size for node in made)
    print(f"{name:10} {len(made):2} nodes keep {kept} numbers   PyTorch: {theirs.grad_fn.name()}")

# %% [markdown]
# PyTorch has one node for each, because somebody has written its way back by hand, as you did. Your
# `LayerNorm` of 15 kept the normed words and a deviation for each, which would be 24 + 6 numbers here. So
# PyTorch is both: a tape for whatever it has never seen, and formulas like those of 15 for layers that
# everybody uses.
#
# ## The answer
#
# **Autograd gets the gradient of a layer that it has never seen from the operations inside. Each result
# remembers its parents and a way back to each of them, and one walk from the youngest node to the oldest adds
# up what arrives. Eight operations and forty lines are enough for a whole encoder-decoder.**
#
# One walk finds all 1,512 numbers, where the slopes of 15 need two passes for each.
#
# ## What this does not say
#
# Eight are enough for this model; a sine or a convolution would need its own way back, or to be put together
# from these. The engine frees nothing and is meant for one walk: a second through the same graph would
# add to gradients that have already been sent.
#
# ## An open exercise
#
# The ways back compute with arrays, so nobody can go back through *them*. Make them compute with nodes. Then
# a gradient is a node too, and you can ask for the gradient of a gradient. What is the second derivative of
# `x**3`, and that of your cross-entropy?
#
# <details><summary>What a good answer contains</summary>
#
# Ways back written with `+`, `*`, `@` and `moved`, and a `fit` made of nodes too. `6 * x` for `x**3`. For two
# scores the second derivatives of cross-entropy are the Jacobian of the softmax, `diag(w) - w wᵀ`, compared
# with `torch.autograd.grad(..., create_graph=True)`. A sentence on how many nodes the second walk adds, and
# on what ReLU, made from a constant mask, gives the second time.
#
# </details>
#
# ## References
#
# - A. Baydin and others, [*Automatic Differentiation in Machine Learning: a
#   Survey*](https://arxiv.org/abs/1502.05767), 2018.
# - A. Karpathy, [*micrograd*](https://github.com/karpathy/micrograd), the same for single numbers.
# - PyTorch, [*Autograd mechanics*](https://docs.pytorch.org/docs/stable/notes/autograd.html).
# - A. Veit and others, [*Residual Networks Behave Like Ensembles of Relatively Shallow
#   Networks*](https://arxiv.org/abs/1605.06431), 2016, on the paths.
#
# Back to {{lesson}}.
