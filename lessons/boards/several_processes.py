"""Boards of study 17a: what each process sends, and a training on two machines, real or pretended."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from functools import cache

from lessons import several
from lessons.scoreboard import Board, recorded


@cache
def numbers(n, seed):
    return several.start(n, seed)


def sent(n, seed):
    """Of process 0: bytes sent in a step for each byte of gradients, or for each byte of a tensor; then the
    share of parameters and moments that it holds in memory, and the last loss, of copies and of shares."""
    count, found = sum(p.numel() for p in several.new_model().parameters()), numbers(n, seed)
    columns = {way: found[way]["sent"] / (4 * count) for way in several.WAYS} | found["collectives"]
    for way in ("copies", "shares"):
        columns[f"{way}: held"] = (found[way]["parameters"] + found[way]["moments"]) / (3 * count)
        columns[f"{way}: loss"] = found[way]["losses"][-1]
    return columns


SETTINGS = ["--epochs", "1", "--d-model", "16", "--n-heads", "2", "--n-layers", "1"]
SETTINGS += ["--d-ff", "32", "--vocab-size", "300", "--dropout", "0"]


def training(folder, seed, *options):
    """The command of one machine, and the environment for it."""
    settings = ["--out", os.path.join(folder, "model"), *SETTINGS, "--seed", str(seed)]
    return several.torchrun(*options, "-m", "lessons.several", "train", *settings)


def outcome(told):
    """Loss and validation loss of the only epoch, from what the first process tells."""
    found = re.search(r"loss ([\d.]+)  valid ([\d.]+)", told)
    if not found:
        raise RuntimeError(f"no epoch was finished:\n{told[-1500:]}")
    return {"loss": float(found[1]), "valid": float(found[2])}


def one_machine(folder, seed):
    command, environment = training(folder, seed, "--standalone")
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300).stderr


def two_machines(folder, seed, addresses, inside):
    """Start the same on both; the first is told that it is the place to meet, since its name may not tell."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"{addresses[0]}:{free.getsockname()[1]}"
    both = []
    try:
        for number, own in enumerate(addresses):
            options = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "17", "--rdzv-endpoint", place]
            options += ["--local-addr", own, "--rdzv-conf", f"is_host={number == 0},join_timeout=200"]
            command, environment = training(folder, seed, *options)
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            both.append(subprocess.Popen([*inside[number], *command], env=environment, **streams))
        return "".join(process.communicate(timeout=400)[0] for process in both)
    finally:
        for process in both:
            process.kill()


def measure_machines(row, seed):
    with tempfile.TemporaryDirectory() as folder:
        if row is None:
            return outcome(one_machine(folder, seed))
        setup, *machines = row
        try:
            for line in setup:
                subprocess.run(line.split(), check=True)
            return outcome(two_machines(folder, seed, *machines))
        finally:
            for line in setup:
                if line.startswith("ip netns add"):
                    subprocess.run(line.replace("add", "del").split())


NAMESPACES = """ip netns add one
ip netns add two
ip link add cable1 netns one type veth peer name cable2 netns two
ip -n one addr add 10.9.8.1/24 dev cable1
ip -n two addr add 10.9.8.2/24 dev cable2
ip -n one link set cable1 up
ip -n two link set cable2 up
ip -n one link set lo up
ip -n two link set lo up""".splitlines()
INSIDE = [["ip", "netns", "exec", name, "env", f"GLOO_SOCKET_IFNAME=cable{i}"]
          for i, name in ((1, "one"), (2, "two"))]  # fmt: skip


def here(board, row):
    """A row as it is measured now on Linux; elsewhere as it is recorded."""
    if sys.platform == "linux":
        return BOARDS[board].measure(BOARDS[board].rows[row], 0)
    return {column: scores[0] for column, scores in recorded(board)[row].items()}


BOARDS = {
    "bytes_sent": Board({"1 process": 1, "2 processes": 2, "4 processes": 4}, sent),
    "two_machines": Board(
        {
            "one process": None,
            "two addresses of this machine": (
                [],
                ["127.0.0.1", "127.0.0.2"],
                [["env", "GLOO_SOCKET_IFNAME=lo"]] * 2,
            ),
            "two network namespaces, joined by a cable": (NAMESPACES, ["10.9.8.1", "10.9.8.2"], INSIDE),
        },
        measure_machines,
    ),
}
