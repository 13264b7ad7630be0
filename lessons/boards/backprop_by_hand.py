"""What notebook 15 compares its gradients with: slopes, and autograd on a copy of the same parameters."""

import numpy as np
import torch

from helpers import model as reference

ignore_padding = torch.nn.CrossEntropyLoss(ignore_index=0)


def our_name(name):
    """`helpers` has a list of layers where notebook 15 has one layer."""
    return name.replace("layers.0.", "").replace("add_and_norm.", "norm").replace(".norm.", ".")


def copied(part, module):
    """`module` in float64, with the parameters of `part`."""
    ours = part.named()
    if ours.keys() != {our_name(name) for name, _ in module.named_parameters()}:
        raise ValueError(f"{type(part).__name__} and {type(module).__name__} have different parameters")
    state = {name: torch.tensor(ours[our_name(name)]) for name, _ in module.named_parameters()}
    module.double().load_state_dict(state)
    module.zero_grad()
    return module.eval()


def by_hand(part, inputs, grad):
    """The gradients of all inputs and parameters, as `part.backward` finds them."""
    part.forward(*inputs)
    back = part.backward(grad)
    back = back if isinstance(back, tuple) else (back,)
    return {f"input {n}": g for n, g in enumerate(back, 1) if g is not None} | part.named("grads")


def by_slopes(part, inputs, grad, slopes):
    """The same gradients by central differences of `(output * grad).sum()`."""
    numbers = {f"input {n}": x for n, x in enumerate(inputs, 1) if x.dtype == float} | part.named()

    def loss():
        return (part.forward(*inputs) * grad).sum()

    return {name: slopes(loss, array) for name, array in numbers.items()}


def by_autograd(part, module, inputs, grad):
    """The same gradients by PyTorch, from `module` with the parameters of `part`."""
    module = copied(part, module)
    tensors = [torch.tensor(x, requires_grad=x.dtype == float) for x in inputs]
    module(*tensors).backward(torch.tensor(grad))
    found = {f"input {n}": x.grad.numpy() for n, x in enumerate(tensors, 1) if x.requires_grad}
    return found | {our_name(name): p.grad.numpy() for name, p in module.named_parameters()}


def off(found, wanted):
    """For each gradient the largest difference, as a share of its largest entry.

    Where a gradient is 0 in exact arithmetic there is no size to divide by, and the difference itself counts.
    """
    if found.keys() != wanted.keys():
        raise ValueError(f"gradients of {sorted(found)}, expected of {sorted(wanted)}")
    sizes = {name: np.abs(array).max() for name, array in wanted.items()}
    sizes = {name: size if size > 1e-8 else 1.0 for name, size in sizes.items()}
    return {name: np.abs(found[name] - wanted[name]).max() / sizes[name] for name in wanted}


def equal_ones(found, wanted):
    """The names of the gradients that have the right shape and differ by less than 1e-10."""
    fitting = [name for name in wanted if np.shape(found[name]) == wanted[name].shape]
    return [name for name in fitting if np.abs(found[name] - wanted[name]).max() < 1e-10]


def both_agree(part, module, *inputs, slopes):
    """Are all gradients of `part` those of `slopes`, to 1e-7, and of autograd, to 1e-10? Prints a line."""
    grad = np.random.default_rng(1).normal(size=np.shape(part.forward(*inputs)))
    found = by_hand(part, inputs, grad)
    from_slopes = off(found, by_slopes(part, inputs, grad, slopes))
    from_autograd = off(found, by_autograd(part, module, inputs, grad))
    good = max(from_slopes.values()) < 1e-7, max(from_autograd.values()) < 1e-10
    worst = max(from_slopes, key=from_slopes.get)
    note = "" if all(good) else f"   most wrong: {worst}, by {from_slopes[worst]:.0%}"
    name = type(part).__name__
    print(f"{name:19} {len(found):2} gradients   slopes {good[0]}   autograd {good[1]}{note}")
    return all(good)


# What autograd is asked about


def residual(inner):
    module = torch.nn.Module()
    module.inner, module.forward = inner, lambda x: x + inner(x)
    return module


def scaled_dot_product():
    module = torch.nn.Module()
    module.forward = torch.nn.functional.scaled_dot_product_attention
    return module


def self_attention(d_model, n_heads):
    module = reference.MultiHeadAttention(d_model, n_heads)
    three_inputs = module.forward
    module.forward = lambda x: three_inputs(x, x, x)
    return module


def twin_of(model, positions):
    """The Transformer of `helpers`, with the parameters of `model`, and the positions `(L, D)`."""
    n_vocab, d_model = model.named()["output.weight"].shape
    d_ff, n_heads = (
        model.encoder.feed_forward.widen.named()["bias"].size,
        model.encoder.self_attention.n_heads,
    )
    sizes = {"n_layers": 1, "dropout": 0.0, "tie_weights": False}
    twin = copied(model, reference.Transformer(n_vocab, n_vocab, d_model, n_heads, d_ff, **sizes))
    twin.positions.table = torch.tensor(positions)  # its own has the digits of float32
    return twin


def drawn_twin(seed=0):
    """A Transformer of `helpers` with the sizes of notebook 15, in float64, with every parameter moved."""
    torch.manual_seed(seed)
    twin = reference.Transformer(6, 6, 8, 2, 12, n_layers=1, dropout=0.0, tie_weights=False).double()
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return twin


def loss_by_autograd(twin, src, tgt, labels):
    """The loss of a twin on a batch of ids, and its gradients under the names of notebook 15."""
    twin.zero_grad()
    logits = twin(torch.tensor(src), torch.tensor(tgt))  # (B, T, n_vocab)
    loss = ignore_padding(logits.flatten(0, 1), torch.tensor(labels).flatten())
    loss.backward()
    return loss.item(), {our_name(name): p.grad.numpy() for name, p in twin.named_parameters()}


def whole_model_agrees(model, batch, positions, loss_and_gradients, slopes):
    """Is every gradient of the loss that of `slopes`, to 1e-7, and of autograd, to 1e-9? Prints two lines."""
    by_hand = loss_and_gradients(model, *batch)
    found = {name: array.copy() for name, array in model.named("grads").items()}
    by_torch, wanted = loss_by_autograd(twin_of(model, positions), *batch)
    measured = {
        name: slopes(lambda: loss_and_gradients(model, *batch), p) for name, p in model.named().items()
    }
    good = max(off(found, measured).values()) < 1e-7, max(off(found, wanted).values()) < 1e-9
    print(f"loss by hand {by_hand:.6f}, by PyTorch {by_torch:.6f}")
    print(f"{sum(array.size for array in found.values()):,} numbers   slopes {good[0]}   autograd {good[1]}")
    return all(good) and abs(by_hand - by_torch) < 1e-12


def bias_sizes(model):
    """Root mean square of the biases of query, key and value, over all attention layers of a model."""
    found, parameters = {}, model.state_dict()
    for kind in ("query", "key", "value"):
        biases = torch.cat([p.flatten() for name, p in parameters.items() if name.endswith(f"{kind}.bias")])
        found[kind] = biases.float().square().mean().sqrt().item()
    return found
