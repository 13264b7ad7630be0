"""For the tests and for the notebooks, which pytest runs through nbval.

Kernels and other child Pythons get no network: `tests/offline` on PYTHONPATH refuses everything outside this
machine and writes it to a log, which must be empty at the end.
"""

import os
import tempfile
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parent


def pytest_configure(config):
    os.environ["TRANSFORMER_QUIET"] = "1"  # no progress bars, as in the build
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.pop("MPLBACKEND", None)  # kernels draw into the notebook
    matplotlib.use("Agg")  # the tests themselves draw without a window
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist uses the log of the session that started it
        return
    handle, log = tempfile.mkstemp(prefix="network-", suffix=".log")
    os.close(handle)
    os.environ["TRANSFORMER_NETWORK_LOG"] = log
    path = [str(ROOT / "tests" / "offline"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))


def network_log():
    path = Path(os.environ["TRANSFORMER_NETWORK_LOG"])
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if network_log() and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if text := network_log():
        terminalreporter.section("a notebook or a child process asked for the network", red=True)
        terminalreporter.write_line(text)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        Path(os.environ["TRANSFORMER_NETWORK_LOG"]).unlink(missing_ok=True)
