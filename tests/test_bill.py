"""The planner of study 17a counts right, refuses bad input in words, and comes near published trainings."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
from torch.distributed.run import get_args_parser

from helpers import train
from lessons import bill, several
from lessons.bill import CHIPS, Chip, plan, ring
from lessons.published import FIRST, MORE

ROOT = Path(__file__).parents[1]


def test_a_plan_on_paper():
    chip = Chip(operations=1e12, memory=16e6, link=1e9, network=1e9, machine=2)
    found = plan(1e6, 1e9, chip, 4, utilisation=0.5, batch=8000, context=100, layers=2, width=10)
    assert found.operations == (6e6 + 12 * 2 * 10 * 100) * 1e9
    assert found.hours == pytest.approx(found.operations / (4 * 0.5e12) / 3600)
    assert found.step_seconds == pytest.approx(found.hours * 3600 * 8000 / 1e9)
    assert found.sent == pytest.approx(2 * 3 / 4 * 4e6)
    assert found.send_seconds == pytest.approx(6e6 / 1e9)  # inside; between the two machines 4e6 / 1e9
    assert found.memory() == 16e6 + 34 * 2 * 10 * 100
    assert found.memory(4) == 4e6 + 4e6 / 2 + 34 * 2 * 10 * 100
    assert found.memory(recompute=True) == 16e6 + (34 + 2 * 2) * 10 * 100
    assert list(found.stops.values()) == [bill.SHARD]


def test_experts_work_in_part_and_are_kept_and_sent_as_a_whole():
    some, every = (plan(8e9, 1e12, active=active, batch=4e6) for active in (2e9, 8e9))
    assert some.operations < every.operations / 3 and some.sent == every.sent
    assert some.memory(recompute=True) > 16 * 8e9


def test_a_ring_of_one_sends_nothing():
    assert ring(1, 5) == 0 and ring(2, 5) == 5 and ring(1000, 5) == pytest.approx(9.99)


# Published trainings


def factor(name):
    parameters, tokens, chip, chips, sizes, told = (FIRST | MORE)[name]
    return plan(parameters, tokens, chip, chips, **sizes).hours * chips / told


def test_the_utilisation_is_near_the_middle_of_the_first():
    assert f"{median(0.4 * factor(name) for name in FIRST):.2f}" == "0.43"


@pytest.mark.parametrize("name", FIRST | MORE)
def test_published_hours(name):
    worst = 2.5 if name == "Llama 3 8B" else 1.5
    assert 1 / worst < factor(name) < worst
    assert name != "Llama 3 8B" or factor(name) < 0.6


def test_most_plans_are_too_low():
    assert sum(factor(name) < 1 for name in FIRST | MORE) == 11 and len(FIRST | MORE) == 14
    assert all(factor(name) < 1 for name in MORE) and len(MORE) == 8


def test_shapes_that_are_not_told_change_little():
    for parameters, tokens, chip, chips, sizes, _ in (FIRST | MORE).values():
        rough = {name: sizes[name] for name in ("context", "active") if name in sizes}
        hours = [plan(parameters, tokens, chip, chips, **kept).hours for kept in (sizes, rough)]
        assert hours[0] == pytest.approx(hours[1], rel=0.15)


@pytest.mark.parametrize(
    ("parameters", "tokens", "told"),
    [(175e9, 300e9, 3.14e23), (405e9, 15.6e12, 3.8e25), (70e9, 1.4e12, 5.76e23), (540e9, 780e9, 2.53e24)],
    ids=["GPT-3", "Llama 3.1", "Chinchilla", "PaLM"],
)
def test_published_operations(parameters, tokens, told):
    assert plan(parameters, tokens).operations == pytest.approx(told, rel=0.1)


@pytest.mark.parametrize(
    ("name", "ways"),
    {
        "GPT-2 124M": [],
        "MPT-7B": [bill.SHARD],
        "Llama 2 7B": [bill.SHARD],
        "Llama 3.1 405B": [bill.SHARD, bill.TENSOR, "larger batch"],
    }.items(),
)
def test_where_data_parallelism_stops(name, ways):
    *asked, sizes, _ = (FIRST | MORE)[name]
    found = list(plan(*asked, **sizes).stops.values())
    assert len(found) == len(ways) and all(way in text for way, text in zip(ways, found, strict=True))


@pytest.mark.parametrize(("shards", "end"), [(1, 5e9), (8, 37e9)])
def test_where_80_gb_end(shards, end):
    sizes = (0.97 * end, 1.03 * end)
    below, above = (plan(size, 1e12).memory(shards, recompute=True) for size in sizes)
    assert below < 80e9 < above and plan(1e12, 1e12).memory(1024, recompute=True) < 80e9


def test_what_fits_nowhere_needs_its_matrices_split():
    assert plan(1e13, 1e12, "P100", 8).stops.popitem()[1] and bill.TENSOR in str(plan(1e13, 1e12, "P100", 8))


def test_ways_out_are_modules():
    for way in (bill.TENSOR, bill.PIPELINE, bill.CHECKPOINT, bill.SHARD.rpartition(".")[0]):
        __import__(way)


# Bad input


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"chip": "A1000"}, "chip='A1000': expected one of P100, .*or a bill.Chip of your own"),
        ({"chip": None}, "chip=None: expected one of P100"),
        ({"chip": ["P100"]}, "chip=.'P100'.: expected one of P100"),
        ({"parameters": "7B"}, "parameters='7B': expected a number. For 7 billion write 7e9"),
        ({"parameters": 7}, "parameters=7: expected the count"),
        ({"parameters": -1e9}, "parameters=-1000000000.0: expected a finite number above 0"),
        ({"parameters": float("nan")}, "parameters=nan: expected a finite"),
        ({"tokens": 0}, "tokens=0: expected"),
        ({"tokens": float("inf")}, "tokens=inf: expected a finite"),
        ({"tokens": True}, "tokens=True: expected a number"),
        ({"chips": 0}, "chips=0: expected"),
        ({"chips": 2.5}, "chips=2.5: expected a whole number, as 2"),
        ({"utilisation": 40}, "utilisation=40: expected a share of at most 1. For 40 % write 0.4"),
        ({"utilisation": 0}, "utilisation=0: expected"),
        ({"batch": 1000}, "batch=1000 tokens: expected at least a sentence, context=2048"),
        ({"batch": 0}, "batch=0: expected"),
        ({"context": 0}, "context=0: expected"),
        ({"layers": -3}, "layers=-3: expected"),
        ({"width": "wide"}, "width='wide': expected a number"),
        ({"active": 8e9}, "active=8e.09: expected at most all parameters=7e.09"),
        ({"active": 0}, "active=0: expected"),
    ],
)
def test_bad_input_is_named(wrong, words):
    with pytest.raises((TypeError, ValueError), match=words):
        plan(**{"parameters": 7e9, "tokens": 2e12} | wrong)


def test_a_chip_that_is_none():
    with pytest.raises(ValueError, match="memory=0: expected"):
        Chip(1e12, 0, 1e9, 1e9)
    with pytest.raises(ValueError, match="machine=0.5: expected a whole number"):
        Chip(1e12, 1e9, 1e9, 1e9, 0.5)
    assert len(CHIPS) == 10


# What is sent, and the scripts


@pytest.mark.skipif(sys.platform != "linux", reason="bytes are counted on Linux")
def test_bytes_are_counted():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as one, server.accept()[0] as other:
            before = several.bytes_sent()
            one.sendall(b"x" * 5000)
            assert len(other.recv(5000, socket.MSG_WAITALL)) == 5000
            assert several.bytes_sent() - before == 5000


def scripts():
    """The line for two machines that the page shows, and the file for a cluster."""
    text = (ROOT / "notebooks/src/studies/17a_the_bill.py").read_text(encoding="utf-8")
    found = re.findall(r"```bash\n(.*?)```", re.sub(r"^# ?", "", text, flags=re.MULTILINE), re.DOTALL)
    assert len(found) == 1
    return found[0], (ROOT / "lessons/slurm.sh").read_text(encoding="utf-8")


def assert_understood(line):
    program, *arguments = shlex.split(line)
    asked = get_args_parser().parse_args(arguments)
    told = train.build_parser().parse_args(asked.training_script_args)
    assert program == "torchrun" and asked.module and asked.training_script == "helpers.train"
    assert asked.nnodes == "2" and asked.rdzv_backend == "c10d" and told.resume
    return asked, told


@pytest.mark.skipif(os.name == "nt", reason="for Unix")
def test_the_scripts_of_the_page_are_understood(tmp_path):
    by_hand, slurm = scripts()
    asked, _ = assert_understood(by_hand.replace("\\\n", " "))
    assert asked.rdzv_endpoint == "10.9.8.1:29500"
    stand_ins = {"srun": "echo", "scontrol": 'printf "first\\nsecond\\n"; true'}
    for name, does in stand_ins.items():
        (tmp_path / name).write_text(f'#!/bin/sh\n{does} "$@"\n')
        (tmp_path / name).chmod(0o755)
    about = {"SLURM_NNODES": "2", "SLURM_JOB_ID": "5", "SLURM_SUBMIT_DIR": "/there"}
    about |= {"SLURM_JOB_NODELIST": "first,second", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash"], input=slurm, env=about, capture_output=True, text=True, check=True)
    asked, told = assert_understood(done.stdout)
    assert asked.rdzv_endpoint == "first:29500" and told.out == "/there/translator"
