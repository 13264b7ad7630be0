"""Several processes that train one model, as torchrun starts them. A process that is alone changes nothing.

    torchrun --nproc-per-node 2 --max-restarts 3 -m helpers.train --out my-model

Each takes some rows of every batch; `DistributedDataParallel` averages the gradients. How long torchrun waits
for another machine, ten minutes or more, is set by its option `--rdzv-conf timeout=40,join_timeout=40`.
"""

import atexit
import os
import random
import secrets
import time
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from helpers.arguments import one_line
from helpers.data import PAD_ID, Batch

WAIT = timedelta(seconds=30)  # for the others to come


def join(device):
    """Meet the other processes, if the environment says that there are any; twice is as good as once.

    They talk by gloo on the CPU and by nccl on GPUs, of which each process of a machine takes its own.

    Raises:
        ValueError: variables that make no sense, a device for one process only, or too few GPUs.
        ConnectionError: not all have come within a minute.
    """
    kind, names = torch.device(device).type, ("RANK", "WORLD_SIZE", "MASTER_PORT", "MASTER_ADDR")
    rank, world, port, place = values = [os.environ.get(name, "") for name in names]
    if world in ("", "1") or processes() > 1:
        return
    if not (all(map(str.isdecimal, values[:3])) and int(rank) < int(world) and int(port) < 2**16 and place):
        raise ValueError(
            f"{', '.join(map('{}={}'.format, names, values))}: expected the number of this process, from 0, "
            "and of all, and where to meet. Start with torchrun, which sets all four, or unset WORLD_SIZE."
        )
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"device {device}: several processes train on cpu or cuda. Choose --device cpu.")
    if kind == "cuda":
        own, gpus = int(os.environ.get("LOCAL_RANK", rank)), torch.cuda.device_count()
        if own >= gpus:
            raise ValueError(
                f"process {own} of this machine finds {gpus} GPUs: a process needs one of its own. Start "
                f"{gpus} here, or choose --device cpu."
            )
        torch.cuda.set_device(own)  # which "cuda" means from here on
    try:
        rank, world = int(rank), int(world)
        store = meet(common(), rank, world)
        backend = {"cpu": "gloo", "cuda": "nccl"}[kind]
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=WAIT)
    except (RuntimeError, TimeoutError) as error:
        raise ConnectionError(
            f"waited in vain at {place}:{port} for all {world} processes to come ({one_line(error)}). Start "
            f"them within {WAIT.seconds} s of each other, with an address that all can reach."
        ) from error
    dist.distributed_c10d._set_pg_timeout(timedelta(minutes=30))  # those who have come may be slow
    atexit.register(dist.destroy_process_group)
    if rank:
        os.environ["TRANSFORMER_QUIET"] = "1"  # no progress bar


def common():
    """What torchrun, or else the first process, stores for all."""
    store = next(dist.rendezvous("env://", world_size=1, timeout=WAIT / 2))[0]  # which tries twice
    store.set_timeout(WAIT)
    return store


def meet(store, rank, world):
    """A part of the store for those who meet now: torchrun keeps it, with what processes before them left.

    The first calls a word of its own, and the others answer to it.
    """
    word, end = secrets.token_hex(8), time.monotonic() + WAIT.total_seconds()
    if rank == 0:
        store.set("call", word)
        store.wait([f"{word} {other}" for other in range(1, world)], WAIT)
        store.set("call", "")
        store.set(f"{word} all", "")
    while not store.check([f"{word} all"]):
        word = store.get("call").decode() or word
        store.set(f"{word} {rank}", "")
        time.sleep(0.05)
        if time.monotonic() > end:
            raise TimeoutError("one of them answers and another does not")
    return dist.PrefixStore(word, store)


def processes():
    """How many processes train together, 1 before they have met."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def leads():
    """Whether this process is the one that writes and prints."""
    return processes() == 1 or dist.get_rank() == 0


def everywhere(fact):
    """What each process calls with, in the order of the processes."""
    facts = [fact] * processes()
    if len(facts) > 1:
        dist.all_gather_object(facts, fact)
    return facts


def begun():
    """Whether processes that torchrun has started before came to `begin`; all must ask."""
    return any(everywhere("TORCHELASTIC_RUN_ID" in os.environ and common().check(["begun"])))


def begin():
    """Let those that torchrun starts again, when one is lost, know that they go on."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        common().set("begun", "")


def complaint(command, error):
    """An error in one line, as a command prints it; among several processes it says whose it is."""
    text, several = one_line(error), os.environ.get("WORLD_SIZE", "1") not in ("", "1")
    if processes() > 1 and isinstance(error, RuntimeError) and ("gloo" in text or "NCCL" in text):
        text = f"another process has ended or is out of reach ({text[:150]}). See whether it says why."
    return f"{command}, process {os.environ.get('RANK')}: {text}" if several else f"{command}: {text}"


def replicate(module, facts):
    """`module`, which from now on averages its gradients over all processes.

    Raises ValueError unless `facts`, a dict, are the same everywhere: data, settings, checkpoint.
    """
    if processes() == 1:
        return module
    first, *others = everywhere(facts)
    for rank, own in enumerate(others, start=1):
        for name in first | own:
            if first.get(name) != own.get(name):
                raise ValueError(
                    f"the processes differ: {name} is {first.get(name)} in process 0 and {own.get(name)} in "
                    f"process {rank}. Give all of them the same sentences, settings and checkpoint."
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
        torch.manual_seed(random.Random(str((*numbers, dist.get_rank()))).getrandbits(63))
