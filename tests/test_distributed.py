"""Several processes end with the weights of one, go on after a loss, and give up in words."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import processes
import pytest
import torch

from helpers import distributed, train
from helpers.checkpoints import read_tensors

pytestmark = pytest.mark.skipif(os.name == "nt", reason="torchrun and SIGKILL are for Unix")
ROOT = Path(__file__).parents[1]
OURS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID")


def together(n, folder, *scenarios, restarts=0):
    """Run scenarios of `processes.py` in `n` processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    command += [
        "--max-restarts",
        str(restarts),
        str(ROOT / "tests" / "processes.py"),
        str(folder),
        *scenarios,
    ]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, cwd=ROOT,
        capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What a single process makes of the scenarios."""
    folder = tmp_path_factory.mktemp("alone")
    for scenario in (
        processes.whole,
        processes.slow,
        processes.few,
        processes.partly,
        processes.begun,
    ):
        scenario(folder)
    return folder


@pytest.fixture(scope="module")
def two(alone, tmp_path_factory):
    """What two processes make of them, and then of a disk that is full."""
    folder = tmp_path_factory.mktemp("two")
    shutil.copy(alone / "begun", folder / "other")
    done = together(2, folder, "whole", "slow", "few", "partly", "resumed", "refused", "begun", "full")
    assert done.returncode == 1 and "[rank" not in done.stderr, done.stderr  # no traceback or warning
    return folder, done


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    done = together(4, folder, "whole", "few")
    assert done.returncode == 0, done.stderr
    return folder


def assert_equal(path, other):
    """Weights and what was measured on the way agree to 1e-5."""
    (weights, about), (wanted, known) = read_tensors(path), read_tensors(other)
    assert weights.keys() == wanted.keys() and about.keys() == known.keys()
    for name, tensor in wanted.items():
        assert tensor.dtype == torch.float64
        torch.testing.assert_close(weights[name], tensor, atol=1e-5, rtol=0)
    for name in known:
        assert about[name] == pytest.approx(known[name], abs=1e-5)


@pytest.mark.parametrize("scenario", ["whole", "slow", "few", "partly"])
def test_two_processes_end_with_the_weights_of_one(alone, two, scenario):
    assert_equal(two[0] / scenario, alone / scenario)


@pytest.mark.parametrize("scenario", ["whole", "few"])
def test_four_processes_end_with_the_weights_of_one(alone, four, scenario):
    assert_equal(four / scenario, alone / scenario)


def test_a_training_goes_on_in_more_processes_and_in_fewer(alone, two, tmp_path):
    assert_equal(two[0] / "resumed", alone / "whole")
    shutil.copy(two[0] / "begun", tmp_path / "other")
    processes.resumed(tmp_path)
    assert_equal(tmp_path / "resumed", alone / "whole")


@pytest.mark.parametrize(
    ("what", "words"),
    {
        "sentences": "the processes differ: sentences is ",
        "seed": "the processes differ: seed is 0 in process 0 and 1 in process 1. Give all of them the same",
        "checkpoint": "the processes differ: steps taken is 18 in process 0 and 0 in process 1.",
    }.items(),
)
def test_processes_that_differ_are_refused_by_all(two, what, words):
    messages = [(two[0] / f"{what} {rank}").read_text() for rank in (0, 1)]
    assert messages[0] == messages[1] and messages[0].startswith(words)


def test_a_full_disk_ends_all_processes_with_a_message(two):
    folder, done = two
    assert "helpers.train, process 0: cannot write" in done.stderr and "No space left" in done.stderr
    assert not any((folder / "full").iterdir())


def test_a_killed_process_is_started_again_and_nothing_is_lost(tmp_path):
    """With dropout, in two processes; only the first prints, and once each line."""
    done = together(2, tmp_path, "undisturbed", "killed", restarts=1)
    assert done.returncode == 0, done.stderr
    assert "SIGKILL" in done.stderr or "Signal 9" in done.stderr or "exitcode: -9" in done.stderr
    models = [tmp_path / name / "model.safetensors" for name in ("undisturbed", "killed")]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert done.stderr.count("epoch   2  step     12") == 2


# --- Who does not come --------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    """Sets what torchrun sets; a free port."""

    def put(**values):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        values = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} | values
        for name in OURS:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    monkeypatch.setattr(distributed, "WAIT", distributed.timedelta(seconds=1))
    return put


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_meeting_to_which_nobody_comes_ends(environment, rank):
    environment(RANK=rank, WORLD_SIZE="2")
    with pytest.raises(ConnectionError, match="waited in vain at 127.0.0.1:.*for all 2"):
        distributed.join("cpu")
    assert distributed.processes() == 1 and distributed.leads()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_an_address_that_nobody_answers_is_given_up_in_time(environment, monkeypatch, rank):
    """PyTorch tries twice as long as it is told, and then some."""
    environment(RANK=rank, WORLD_SIZE="2")
    told = []

    def rendezvous(*_, timeout, **__):
        told.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(distributed.dist, "rendezvous", rendezvous)
    with pytest.raises(ConnectionError):
        distributed.join("cpu")
    assert told == [distributed.WAIT / 2]


@pytest.fixture
def kept(environment):
    """Sets what torchrun sets, and keeps the store that it keeps."""

    def keep(**values):
        environment(TORCHELASTIC_USE_AGENT_STORE="True", TORCHELASTIC_RUN_ID="7", **values)
        port = int(os.environ["MASTER_PORT"])
        return distributed.dist.TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)

    return keep


def test_the_first_process_may_be_the_last_to_come(kept, monkeypatch):
    store = kept(RANK="1", WORLD_SIZE="2")
    monkeypatch.setattr(distributed, "WAIT", distributed.timedelta(seconds=4))
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed.dist.distributed_c10d, "_set_pg_timeout", lambda _: None)
    monkeypatch.setattr(distributed.atexit, "register", lambda _: None)
    monkeypatch.setenv("TRANSFORMER_QUIET", "1")
    late = threading.Timer(3, distributed.meet, (store, 0, 2))
    late.start()
    distributed.join("cpu")
    late.join()


def test_a_process_that_is_lost_once_it_has_come_is_not_waited_for(kept):
    store = kept(RANK="0", WORLD_SIZE="2")
    lost = threading.Thread(target=distributed.meet, args=(store, 1, 2))
    lost.start()
    with pytest.raises(ConnectionError, match="for all 2"):
        distributed.join("cpu")
    lost.join()
    assert distributed.processes() == 1


def test_a_restart_goes_on_with_nothing_but_what_it_began(kept, monkeypatch, tmp_path, capsys):
    """What a training was refused stays refused when torchrun tries again."""
    store = kept(RANK="0", WORLD_SIZE="1")
    monkeypatch.setattr(train, "load_splits", lambda *_: 1 / 0)
    for n, words in enumerate(["Add --resume", "Add --resume", "division", "division"]):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(n))
        (tmp_path / "checkpoint.safetensors").touch()
        if n == 2:
            (tmp_path / "checkpoint.safetensors").unlink()
        assert train.main(["--out", str(tmp_path)]) == 1
        assert words in capsys.readouterr().err
    del store


@pytest.mark.parametrize(
    ("values", "device", "words"),
    [
        ({"RANK": "2", "WORLD_SIZE": "2"}, "cpu", "RANK=2, WORLD_SIZE=2"),
        ({"WORLD_SIZE": "2"}, "cpu", "RANK=, WORLD_SIZE=2.*unset WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "two"}, "cpu", "WORLD_SIZE=two"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "cpu", "RANK=-1"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": ""}, "cpu", "MASTER_ADDR=: .*unset WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "x"}, "cpu", "MASTER_PORT=x, "),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "mps", "device mps.*--device cpu"),
        (
            {"RANK": "7", "WORLD_SIZE": "8", "LOCAL_RANK": "3"},
            "cuda",
            "process 3 of this machine finds 2 GPUs",
        ),
    ],
)
def test_variables_that_make_no_sense_are_named(environment, monkeypatch, values, device, words):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    environment(**values)
    with pytest.raises(ValueError, match=words):
        distributed.join(device)


def test_a_process_that_is_alone_meets_nobody(environment, monkeypatch):
    monkeypatch.setattr(distributed.dist, "rendezvous", lambda *_, **__: pytest.fail("not needed"))
    for values in ({}, {"RANK": "3"}, {"WORLD_SIZE": ""}, {"RANK": "0", "WORLD_SIZE": "1"}):
        environment(**values)
        distributed.join("mps")
        batch, module = object(), object()
        assert distributed.own_rows(batch) == (batch, 1) and distributed.replicate(module, {}) is module
        assert distributed.mean(batch) == (batch,)
