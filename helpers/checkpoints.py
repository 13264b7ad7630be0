"""Models and trainings on disk: safetensors files, written whole or not at all.

A tied weight is stored once, the table of positions not at all.
"""

import inspect
import json
import os
from contextlib import contextmanager
from numbers import Real
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from helpers.arguments import check_even, check_heads, check_sizes
from helpers.model import Transformer

UNREADABLE = json.JSONDecodeError, UnicodeDecodeError
LONGEST = 2**17  # the table of positions is not stored, so no tensor in the file bounds it


def write_file(path, content):
    """Write bytes to `path`: first beside it, then in one step in its place.

    Raises:
        OSError: the folder cannot be written; what was at `path` before is untouched.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass
        raise OSError(
            f"cannot write {path} ({error}). Free some space or choose a folder you may write to."
        ) from error


def write_tensors(path, tensors, about):
    """Write named tensors and JSON-able `about` to `path`, as `write_file` does."""
    text = json.dumps(about, default=lambda number: number.item())  # numbers may be NumPy's
    write_file(path, save({name: t.contiguous() for name, t in tensors.items()}, {"about": text}))


def read_tensors(path):
    """The named tensors and the `about` of `path`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, cut short, or not from `write_tensors`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"there is no file {path}. Train a model first (helpers.train) or name another folder."
        )
    with understood(path), safe_open(path, "pt") as file:
        about = {**json.loads(file.metadata()["about"])}
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118


@contextmanager
def understood(path):
    """Turns what a strange file raises inside into a ValueError that names it."""
    try:
        yield
    except (SafetensorError, AttributeError, TypeError, KeyError, RuntimeError, *UNREADABLE) as error:
        raise ValueError(
            f"{path} is damaged or cut short ({error}). Delete it and fetch or train it again."
        ) from error


def describe(model):
    """The class and the plain attributes of each part of a model, by name."""
    return {
        f"{name}.{key}".lstrip("."): value
        for name, module in model.named_modules()
        for key, value in {"class": type(module).__name__, **vars(module)}.items()
        if isinstance(value, str | Real) and key != "training" and key[0] != "_"
    }


def save_model(path, model, sizes, dtype=torch.float16):
    """Write a `Transformer`'s parameters in `dtype`, and the `sizes` (keyword arguments) to rebuild it.

    Raises:
        TypeError, ValueError: `load_model` would not give this model back: other sizes, a `dtype` that is not
            floating or too narrow for a weight. What was at `path` before is untouched.
        OSError: as `write_tensors`.
    """
    with torch.device("meta"):
        rebuilt = Transformer(**complete(sizes))
    (right, names), (own, own_names) = (
        (describe(m), list(dict(m.named_parameters()))) for m in (rebuilt, model)
    )
    wrong = [key for key in right | own if right.get(key) != own.get(key)]
    if wrong or names != own_names:
        what = f"{wrong[0]}={right.get(wrong[0])}, it has {own.get(wrong[0])}" if wrong else "other ties"
        raise ValueError(f"the sizes do not describe the model: {what}. Pass those that it was built with.")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(
            f"dtype={dtype!r}: expected a floating type, such as torch.float16 or torch.float32."
        )
    tensors = {name: p.detach().to(dtype) for name, p in model.named_parameters()}
    for name, tensor in tensors.items():
        if not tensor.float().isfinite().all():
            raise ValueError(
                f"{name} holds NaN, infinity or a number too large for {dtype}. Pass dtype=torch.float32, or "
                "load an undamaged model."
            )
    write_tensors(path, tensors, {"sizes": sizes})


def load_model(path):
    """The `Transformer` that `save_model` wrote, in float32 and eval mode. Raises as `read_tensors`."""
    tensors, about = read_tensors(path)
    sizes = about.get("sizes")
    if not isinstance(sizes, dict):
        raise ValueError(
            f"{path} holds no model sizes: it is not a model of this series, perhaps a checkpoint."
        )
    sizes = {"joint_vocabulary": "tgt_embedding.weight" not in tensors, **sizes}  # for files that do not say
    try:
        full, stored = complete(sizes), sum(t.numel() for t in tensors.values())
        if count_weights(full) > stored or full["n_layers"] > len(tensors):
            raise ValueError(f"{stored:,} weights in {len(tensors)} tensors for {full}")
        model = Transformer(**sizes)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: the sizes in it do not make a model ({error}). Fetch or train it again."
        ) from error
    copy_parameters(model, tensors, path)
    return model.eval()


def complete(sizes):
    """`sizes` and the defaults of `Transformer`. Raises TypeError or ValueError if it cannot be built so."""
    bound = inspect.signature(Transformer).bind(**sizes)
    bound.apply_defaults()
    check_sizes(**bound.arguments)
    check_heads(bound.arguments["d_model"], bound.arguments["n_heads"])
    check_even(bound.arguments["d_model"])
    if bound.arguments["max_len"] > LONGEST:
        raise ValueError(f"max_len={bound.arguments['max_len']}: a file holds models of {LONGEST} at most.")
    return bound.arguments


def count_weights(sizes):
    """At least so many weights has a `Transformer` of these complete sizes; it is not built."""
    words = max(sizes["src_vocab_size"], sizes["tgt_vocab_size"])
    d_model, d_ff, n_layers = (sizes[name] for name in ("d_model", "d_ff", "n_layers"))
    return words * d_model + n_layers * d_model * (12 * d_model + 4 * d_ff)


@torch.no_grad()
def copy_parameters(model, tensors, path):
    """Copy named tensors into the parameters of `model`.

    Raises:
        ValueError: names or shapes differ, or a tensor holds something that is not a finite number.
    """
    own = dict(model.named_parameters())
    differing = sorted(
        name for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )  # fmt: skip
    if differing:
        raise ValueError(
            f"{path} does not fit the model: {len(differing)} parameters differ, "
            f"the first is {differing[0]}. Build the model with the sizes it was trained with."
        )
    for name, parameter in own.items():
        tensor = tensors[name].to(parameter)
        if not tensors[name].is_floating_point() or not tensor.isfinite().all():
            raise ValueError(f"{path}: {name} holds what is no weight (NaN, infinity or a whole number).")
        parameter.copy_(tensor)
