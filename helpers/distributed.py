"""Several processes that train one model, as `torchrun` starts them. A process that is alone changes nothing.

    torchrun --nproc-per-node 2 --max-restarts 3 -m helpers.train --out my-model

Each process takes its share of the rows of every batch; `DistributedDataParallel` averages the gradients.
"""

import atexit
import os
import random
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from helpers import fast
from helpers.arguments import one_line
from helpers.data import PAD_ID, Batch

WAIT = timedelta(seconds=40)  # for the others to come


def join(device):
    """Meet the other processes, if the environment says that there are any; twice is as good as once.

    They talk by gloo on the CPU and by nccl on GPUs, of which each process of a machine takes its own.

    Raises:
        ValueError: variables that make no sense, a device for one process only, or too few GPUs.
        ConnectionError: not all have come within a minute.
    """
    world, device = os.environ.get("WORLD_SIZE", "1"), torch.device(device)
    if world == "1" or processes() > 1:
        return
    rank = os.environ.get("RANK", "")
    if not (world + rank).isdecimal() or not 0 <= int(rank or -1) < int(world):
        raise ValueError(
            f"RANK={rank!r} of WORLD_SIZE={world!r}: expected a number from 0 and how many processes there "
            "are. Start with torchrun, which sets both, or unset both."
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {device}: several processes train on cpu or cuda. Choose --device cpu.")
    if device.type == "cuda":
        own, here = int(os.environ.get("LOCAL_RANK", rank)), torch.cuda.device_count()
        if own >= here:
            raise ValueError(
                f"process {own} of this machine finds {here} GPUs. Start at most {here} processes here, or "
                "choose --device cpu."
            )
        torch.cuda.set_device(own)  # which "cuda" means from here on
    try:
        patience = WAIT / 2 if int(rank) else WAIT  # who calls tries twice
        store, rank, world = next(dist.rendezvous("env://", timeout=patience))
        store.set(f"here {rank}", "")
        store.wait([f"here {other}" for other in range(world)], WAIT)
    except RuntimeError as error:
        place = ":".join(os.environ[name] for name in ("MASTER_ADDR", "MASTER_PORT"))
        raise ConnectionError(
            f"process {rank} waited in vain at {place} for all {world} to come ({one_line(error)}). "
            "Start them within half a minute, with an address that all of them reach."
        ) from error
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world
    )
    atexit.register(dist.destroy_process_group)
    if rank:
        os.environ["TRANSFORMER_QUIET"] = "1"  # no progress bar


def processes():
    """How many processes train together, 1 before they have met."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def leads():
    """Whether this process is the one that writes and prints."""
    return processes() == 1 or dist.get_rank() == 0


def label():
    """What a message begins with, so that one knows whose it is: nothing where a process is alone."""
    return f", process {os.environ.get('RANK')}" if os.environ.get("WORLD_SIZE", "1") != "1" else ""


def restarted():
    """Whether torchrun has started the processes again, since one of them was lost."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def replicate(module, facts):
    """`module`, which from now on averages its gradients over all processes.

    Raises ValueError if `facts`, a dict, are not the same everywhere: other data, settings or checkpoints.
    """
    if processes() == 1:
        return module
    everywhere = [None] * processes()
    dist.all_gather_object(everywhere, facts)
    for rank, other in enumerate(everywhere):
        for name in everywhere[0] | other:
            first, here = everywhere[0].get(name), other.get(name)
            if first != here:
                raise ValueError(
                    f"the processes differ: {name} is {first} in process 0 and {here} in process {rank}. "
                    "Give all of them the same sentences, settings and checkpoint."
                )
    replica = DistributedDataParallel(module, static_graph=True)  # which lets parameters be unused
    replica.broadcast_buffers = False  # they never change
    return replica


def own_rows(batch):
    """The rows of a batch for this process, and what to multiply their mean loss with before it is averaged
    over the processes, so that every label counts alike.

    A process for which no row is left takes the first, times 0: all must take part in the average.
    """
    if processes() == 1:
        return batch, 1
    rank, world = dist.get_rank(), processes()
    own = Batch(*(ids[rank::world] if rank < len(ids) else ids[:1] for ids in batch))
    labels, all_labels = (int((b.labels != PAD_ID).sum()) for b in (own, batch))
    return own, (rank < len(batch.labels)) * world * labels / all_labels


def mean(*numbers):
    """The mean of each number over all processes."""
    if processes() == 1:
        return numbers
    means = torch.stack([number.detach().double() for number in numbers]) / processes()
    dist.all_reduce(means)
    return means


def seed(*numbers):
    """Among several processes, let `numbers` and the rank alone decide what each draws from here on.

    With this before every step a checkpoint need not hold the states of all their generators.
    """
    if processes() > 1:
        fast.choice()  # draws too, the first time
        torch.manual_seed(random.Random(str((*numbers, dist.get_rank()))).getrandbits(63))
