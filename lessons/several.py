"""A small training in several processes, which counts what it sends: `start(2)` from a page, or

torchrun --standalone --nproc-per-node 2 -m lessons.several
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from helpers import distributed
from helpers.model import Transformer
from helpers.training import token_loss

ROOT = Path(__file__).parents[1]
VOCABULARY, ROWS, LENGTH, STEPS, BEFORE = 1000, 8, 12, 8, 3
PLACE_OF_SENT = 200  # where the bytes sent stand in what Linux tells of a TCP connection


def new_model(seed=0):
    torch.manual_seed(seed)
    return Transformer(VOCABULARY, VOCABULARY, 128, 4, 256, 2, dropout=0.0, joint_vocabulary=True)


def torchrun(*arguments):
    """The command that starts processes, and the environment in which they find the series."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return [sys.executable, "-m", "torch.distributed.run", *arguments], {
        **os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def start(n, seed=0):
    """Train in `n` processes in three ways: {way: what process 0 holds, sends and loses}."""
    command, environment = torchrun("--standalone", "--nproc-per-node", str(n), "-m", __name__, str(seed))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{n} processes ended with an error:\n{done.stderr[-1500:]}")
    return json.loads(re.search(r"^\{.*\}$", done.stdout, re.MULTILINE)[0])


def bytes_sent():
    """Bytes that this process has sent over its open TCP connections, without headers; 0 but on Linux."""
    folder, total = Path("/proc/self/fd"), 0
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_symlink() and os.readlink(path).startswith("socket:"):
            with socket.socket(fileno=os.dup(int(path.name))) as copy:
                if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                    told = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    total += struct.unpack_from("Q", told, PLACE_OF_SENT)[0]
    return total


def sharded(model):
    from torch.distributed.fsdp import fully_shard

    for layer in [*model.encoder.layers, *model.decoder.layers]:
        fully_shard(layer)
    return fully_shard(model)


WAYS = {
    "copies": DistributedDataParallel,
    "copies, parameters only": lambda model: DistributedDataParallel(model, broadcast_buffers=False),
    "shares": sharded,
}


def train(replicate=lambda model: model, seed=0):
    """A few steps on ids drawn at random, of which each process takes some rows."""
    model = new_model(seed)
    replica, rank, world = replicate(model), int(os.environ.get("RANK", 0)), distributed.processes()
    adam, chance = torch.optim.Adam(model.parameters(), lr=1e-3), torch.Generator().manual_seed(seed)
    losses, sent = [], []
    for _ in range(STEPS):
        sent.append(bytes_sent())
        ids = torch.randint(4, VOCABULARY, (ROWS, LENGTH), generator=chance)  # (B, S)
        own = ids[rank::world]
        loss = token_loss(replica(own, own), own)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss)
    sent = (bytes_sent() - sent[BEFORE]) / (STEPS - BEFORE)
    moments = [t for state in adam.state.values() for t in state.values() if t.dim()]
    held = [sum(local(t).numel() for t in tensors) for tensors in (model.parameters(), moments)]
    losses = [loss.item() for loss in distributed.mean(*losses)]
    return {"losses": losses, "parameters": held[0], "moments": held[1], "sent": sent}


def local(tensor):
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def collectives(size=2**20):
    """Bytes sent per byte of a tensor: summed for all, gathered from all, and summed with a part for each."""
    world, whole = distributed.processes(), torch.zeros(size)
    part, sent = torch.zeros(size // world), {}
    for name, call in {
        "all-reduce": lambda: dist.all_reduce(whole),
        "all-gather": lambda: dist.all_gather_into_tensor(whole, part),
        "reduce-scatter": lambda: dist.reduce_scatter_tensor(part, whole),
    }.items():
        before = bytes_sent()
        call()
        dist.barrier()
        sent[name] = (bytes_sent() - before) / (4 * size)
    return sent


def short_training(arguments):
    """The command `helpers.train`, with a tenth of its sentences."""
    from helpers import grammar, train

    make = grammar.grammar_corpus
    grammar.grammar_corpus = lambda n, n_test: make(n // 10, n_test // 10)
    return train.main(arguments)


if __name__ == "__main__":
    if sys.argv[1:2] == ["train"]:
        sys.exit(short_training(sys.argv[2:]))
    seed = int(sys.argv[1]) if sys.argv[1:] else 0
    dist.init_process_group("gloo")
    result = {name: train(way, seed) for name, way in WAYS.items()} | {"collectives": collectives()}
    if dist.get_rank() == 0:
        print(json.dumps(result), flush=True)
    dist.barrier()
    dist.destroy_process_group()
