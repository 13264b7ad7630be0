"""Models and trainings on disk: safetensors files, written whole or not at all.

A tied weight is stored once, the table of positions not at all.
"""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from helpers.model import Transformer


def write_tensors(path, tensors, about):
    """Write named tensors and JSON-able `about` to `path`: first beside it, then in one step in its place.

    Raises:
        OSError: the folder cannot be written; what was at `path` before is untouched.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = save({name: t.contiguous() for name, t in tensors.items()}, {"about": json.dumps(about)})
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass
        raise OSError(
            f"cannot write {path} ({error}). Free some space or choose a folder you may write to."
        ) from error


def read_tensors(path):
    """The named tensors and the `about` of `path`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, cut short, or not from `write_tensors`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"there is no file {path}. Train a model first: python -m helpers.train --help"
        )
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged or cut short ({error}). Delete it and fetch or train it again."
        ) from error


def save_model(path, model, sizes, dtype=torch.float16):
    """Write a `Transformer`'s parameters in `dtype`, and the `sizes` (keyword arguments) to rebuild it."""
    tensors = {name: p.detach().to(dtype) for name, p in model.named_parameters()}
    write_tensors(path, tensors, {"sizes": sizes})


def load_model(path):
    """The `Transformer` that `save_model` wrote, in float32 and eval mode. Raises as `read_tensors`."""
    tensors, about = read_tensors(path)
    if "sizes" not in about:
        raise ValueError(
            f"{path} holds no model sizes: it is not a model of this series, perhaps a checkpoint."
        )
    model = Transformer(**about["sizes"])
    copy_parameters(model, tensors, path)
    return model.eval()


@torch.no_grad()
def copy_parameters(model, tensors, path):
    """Copy named tensors into the parameters of `model`. Raises ValueError when names or shapes differ."""
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
        parameter.copy_(tensors[name])
