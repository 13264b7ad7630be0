"""course.py: what it installs, what it starts, and what it says when something is in the way."""

import ast
import errno
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

COURSE = Path(__file__).parents[1] / "course.py"
FRESH = ["venv", "ensurepip", "pip"]
posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


@pytest.fixture
def folder(tmp_path):
    """A folder with all that course.py looks at, a blank and an umlaut in its path."""
    folder = tmp_path / "a cöurse"
    (folder / "notebooks").mkdir(parents=True)
    shutil.copy(COURSE, folder)
    (folder / "requirements.txt").write_text("torch\n", encoding="utf-8")
    return folder


@pytest.fixture
def course(folder, monkeypatch):
    """The copy of course.py in `folder`, as a module."""
    monkeypatch.chdir(folder)
    spec = importlib.util.spec_from_file_location("course_copy", folder / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def steps(course, monkeypatch):
    """Stand-ins for the installation and for the start of a command, which take down what they are asked."""
    steps = []

    def run(command, log):
        steps.append(command[2])
        assert steps[-1] != "pip" or command[-3:] == ["-r", course.REQUIREMENTS, "the index"]
        if "venv" in command:
            Path(course.PYTHON).parent.mkdir(parents=True)
            Path(course.PYTHON).touch()

    monkeypatch.setattr(course, "run", run)
    monkeypatch.setattr(course.subprocess, "check_call", lambda call, **_: open(call[0]).close())
    monkeypatch.setattr(course, "cpu_options", lambda: ["the index"])
    monkeypatch.setattr(course, "start", lambda call, variables: 0)
    return steps


def is_one_sentence(text):
    return text.count("\n") == 1 and text.endswith(".\n") and "Traceback" not in text


def complaint(course, *arguments):
    """The sentence with which course.py gives up."""
    with pytest.raises(SystemExit) as stop:
        course.main(list(arguments) or ["test"])
    assert is_one_sentence(f"{stop.value.code}\n"), stop.value.code
    return stop.value.code


# Other Pythons ----------------------------------------------------------------------------------------------


def newer_grammar(source):
    """Name all in a source that Python 2.7 cannot read, as far as a syntax tree shows it."""
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.MatMult, ast.Match, ast.Nonlocal)
    new += (ast.YieldFrom, ast.AsyncFunctionDef, ast.Await)
    fields = ("annotation", "returns", "kwonlyargs", "posonlyargs", "cause")
    for node in ast.walk(ast.parse(source)):
        starred = any(isinstance(item, ast.Starred) for item in getattr(node, "elts", []))
        unpacked = isinstance(node, ast.Dict) and None in node.keys
        if isinstance(node, new) or starred or unpacked or any(getattr(node, name, None) for name in fields):
            yield ast.unparse(node)


def test_grammar_is_old():
    source = COURSE.read_bytes().decode("ascii")  # without a coding line Python 2 reads ASCII only
    assert list(newer_grammar(source)) == []
    assert "\nfrom __future__ import print_function\n" in source  # else print(..., flush=True) is no grammar


def test_old_pythons_ask_for_a_newer_one(folder):
    pythons = list(Path.home().glob(".pyenv/versions/[23].*/bin/python"))
    pythons += [shutil.which(name) for name in ("python2.7", "python3.9", "python3.10") if shutil.which(name)]
    question = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info >= (3, 11))"
    tried = 0
    for python in pythons:
        version = subprocess.run([python, "-c", question], capture_output=True, text=True)
        if version.returncode == 0:
            command = [python, "-B", "-E", "course.py", "lab"]
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            assert result.returncode == 1 and is_one_sentence(result.stderr), result.stderr
            assert f"this is Python {version.stdout.strip()}:" in result.stderr
            tried += 1
    if not tried:
        pytest.skip("no Python below 3.11 on this machine")


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), (4, 0)])
def test_an_untried_python_is_refused(course, steps, monkeypatch, version):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (*version, 0, "final", 0))
        message = complaint(course, "lab")
    assert f"needs Python {course.TRIED_PYTHONS} and this is Python {version[0]}.{version[1]}:" in message
    assert steps == []
    newest = course.TRIED_PYTHONS.split()[-1]
    assert f"`python{newest} course.py lab`" in message and f"`py -{newest} course.py lab`" in message


# The command line -------------------------------------------------------------------------------------------


def test_help_and_unknown_command(course, steps, capsys):
    assert course.main(["--help"]) == course.main([]) == 0
    assert "python course.py test -n 0 -k masks" in capsys.readouterr().out
    assert "'build'" in complaint(course, "build")
    assert steps == []


@pytest.mark.parametrize(
    "option, address",
    [
        ("--no-browser", "notebooks/00_start_here.ipynb"),
        (os.path.join("notebooks", "my über.ipynb"), "notebooks/my%20%C3%BCber.ipynb"),
        ("--x=y.ipynb", "notebooks/00_start_here.ipynb"),
    ],
)
def test_the_address_of_a_notebook(course, folder, option, address):
    (folder / "notebooks" / "my über.ipynb").touch()
    others = ["--port", "8899"] + [option] * option.startswith("-")
    call = ["jupyterlab", f"--LabApp.default_url=/lab/tree/{address}", *others]
    assert course.jupyterlab(["--port", "8899", option]) == call


@pytest.mark.parametrize("name", ["missing.ipynb", "../outside.ipynb"])
def test_no_such_notebook(course, folder, steps, name):
    (folder.parent / "outside.ipynb").touch()
    assert f"no notebook {name} in {folder}" in complaint(course, "lab", name)
    assert steps == []


def test_jupyterlab_prints_the_address_of_the_notebook(course, folder, monkeypatch):
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(folder / "jupyter"))
    options = course.jupyterlab(["--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"])
    monkeypatch.setenv("PYTHONUTF8", "1")
    call = [sys.executable, "-m", *options]
    with subprocess.Popen(call, stderr=subprocess.PIPE, encoding="utf-8") as process:
        lines = []
        while not lines or lines[-1] and "?token=" not in lines[-1]:
            lines.append(process.stderr.readline())
        process.kill()
    assert "/lab/tree/notebooks/00_start_here.ipynb?token=" in lines[-1], lines
    assert any(line.endswith(f"Serving notebooks from local directory: {folder}\n") for line in lines), lines


def test_jupyterlab_knows_the_settings_against_news(course):
    plugin, settings = json.loads(course.NO_NEWS).popitem()
    schema = Path(sys.prefix, "share", "jupyter", "lab", "schemas", plugin.replace(":", "/") + ".json")
    assert settings.keys() <= json.loads(schema.read_text(encoding="utf-8"))["properties"].keys()


@pytest.mark.parametrize("options, worker", [([], "gw"), (["-n", "0"], "master")])
def test_the_options_of_the_user_win(course, tmp_path, monkeypatch, options, worker):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    code = f"def test_name(worker_id):\n    assert worker_id.startswith({worker!r})\n"
    (tmp_path / "test_worker.py").write_text(code, encoding="utf-8")
    call = [sys.executable, "-m", *course.PYTEST, "-p", "xdist", *options, "test_worker.py"]
    result = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0 and " 1 passed in " in result.stdout.splitlines()[-1], result.stdout


def test_windows_waits_for_its_child(course, monkeypatch):
    calls = []
    monkeypatch.setattr(course, "WINDOWS", True)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("os.execve was called"))
    monkeypatch.setattr(signal, "signal", lambda *call: calls.append(call))
    monkeypatch.setattr(subprocess, "call", lambda call, env: calls.append(call) or 3)
    assert course.start(["python", "-m", "pytest"], {}) == 3
    assert calls == [(signal.SIGINT, signal.SIG_IGN), ["python", "-m", "pytest"]]


# The real thing, with stand-ins for JupyterLab and pytest ---------------------------------------------------


REPORT = """import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), sys.prefix]))
sys.exit(5)
"""


@pytest.fixture
def launch(folder, tmp_path, monkeypatch):
    """A function that starts course.py from another folder, as a user may; no index is asked."""
    with zipfile.ZipFile(tmp_path / "standins-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pytest.py", REPORT)
        wheel.writestr("jupyterlab.py", REPORT)
        info = "standins-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: standins\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (folder / "requirements.txt").write_text("standins\n", encoding="utf-8")
    monkeypatch.setenv("PIP_FIND_LINKS", tmp_path.as_uri())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for name in ("PYTHONPATH", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def launch(*arguments, **settings):
        command = [sys.executable, str(folder / "course.py"), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, **pipes, **settings)

    return launch


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_killed_and_then_started_twice(folder, launch):
    if os.name != "nt":  # where nobody may remove files that the child of a killed process still uses
        killed = launch("test")
        wait_for(folder / ".venv" / "pyvenv.cfg", killed)
        killed.kill()
        killed.communicate(timeout=60)
        (folder / ".venv" / "half-made").touch()
    starts = [launch("test", "-k", "masks and not slow"), launch("lab", "--no-browser")]
    outputs = [process.communicate(timeout=120) for process in starts]
    assert [process.returncode for process in starts] == [5, 5], outputs
    printed = "".join(output for output, _ in outputs)
    assert printed.count("Making the environment in .venv") == 1 and "Another start" in printed
    assert not (folder / ".venv" / "half-made").exists()

    for output, _ in outputs:
        options, environ, place, prefix = json.loads(output.splitlines()[-1])
        assert Path(place) == folder and Path(prefix) == folder / ".venv"
        assert Path(shutil.which("python", path=environ["PATH"])).parent.parent == folder / ".venv"
        test = "--dist" in options
        assert options[-2:] == ["-k", "masks and not slow"] if test else options[-1] == "--no-browser"
        threads = "1" if test else None
        assert environ["OMP_WAIT_POLICY"] == "passive" and environ.get("OMP_NUM_THREADS") == threads
    assert "fetchNews" in (folder / ".venv/share/jupyter/lab/settings/overrides.json").read_text()


@posix
def test_the_steps_hold_the_lock(course, tmp_path):
    os.mkdir(course.VENV)
    with course.only_one_start() as stamp, open(tmp_path / "log", "wb") as log:
        course.run([sys.executable, "-c", f"import os; os.fstat({stamp.fileno()})"], log)


@posix
def test_ctrl_c(folder, launch):
    settings = {"start_new_session": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = launch("test", **settings)
    wait_for(folder / ".venv" / "pyvenv.cfg", process)
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1 and is_one_sentence(message) and "Stopped" in message, message
    assert {path.name for path in (folder / ".venv").iterdir()} == {"install.log", "made-by-course.txt"}


# When the environment is made -------------------------------------------------------------------------------


def test_only_changed_requirements_are_installed(course, steps, folder):
    assert course.main(["test"]) == course.main(["lab"]) == 0
    assert steps == FRESH
    (folder / "requirements.txt").write_text("torch\nnumpy\n", encoding="utf-8")
    assert course.main(["test"]) == course.main(["test"]) == 0
    assert steps == [*FRESH, "pip"]


@pytest.mark.parametrize("damage", ["half a stamp", "another Python", "no Python"])
def test_what_no_longer_fits_is_remade(course, steps, damage):
    course.main(["test"])
    stamp = Path(course.STAMP)
    if damage == "no Python":
        os.remove(course.PYTHON)  # as an upgrade of the system does to what it links to
    else:
        text = stamp.read_text(encoding="utf-8")
        text = text[:-9] if damage == "half a stamp" else text.replace("Python 3", "Python 4")
        stamp.write_text(text, encoding="utf-8")
    course.main(["test"])
    assert steps == FRESH + FRESH and course.read_stamp() == course.fingerprint()


def test_a_python_that_does_not_start_is_noticed(course, steps, monkeypatch):
    course.main(["test"])
    monkeypatch.undo()
    assert course.read_stamp() == ""  # the stand-in is an empty file


def test_a_failed_update_is_not_trusted(course, steps, folder, monkeypatch):
    course.main(["test"])
    old = (folder / "requirements.txt").read_bytes()
    (folder / "requirements.txt").write_text("nothing-of-this-name\n", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(course, "run", lambda command, log: sys.exit("No."))
        patch.setattr(course, "clear_folder", lambda: None)  # as where the process is killed
        assert complaint(course) == "No."
    (folder / "requirements.txt").write_bytes(old)
    course.main(["test"])
    assert steps == FRESH + FRESH


def test_only_an_empty_folder_is_used(course, steps):
    os.mkdir(course.VENV)
    mine = Path(course.VENV, "mine.txt")
    mine.touch()
    assert "was not made by course.py" in complaint(course)
    assert steps == [] and mine.exists()
    mine.unlink()
    course.main(["test"])
    assert steps == FRESH


# PyTorch's CPU builds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [os.devnull, "/refused"])
@pytest.mark.parametrize("system, driver", [("linux", None), ("linux", "nvidia-smi"), ("darwin", None)])
def test_cpu_builds_are_for_linux_without_driver(course, monkeypatch, capsys, system, driver, place):
    asked = []
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: "nvidia" not in str(path) and exists(path))
    monkeypatch.setattr(shutil, "which", lambda name: driver)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: asked.append(url) or open(place))
    wanted, reached = (system, driver) == ("linux", None), place == os.devnull
    assert course.cpu_options() == ["--extra-index-url", course.CPU_INDEX] * (wanted and reached)
    assert asked == ["https://download.pytorch.org/whl/cpu/torch/"] * wanted
    assert ("cannot be reached" in capsys.readouterr().out) == (wanted and not reached)


# What goes wrong --------------------------------------------------------------------------------------------


@pytest.fixture
def failing(course, monkeypatch):
    """A function that runs another command where pip would install and returns what the user reads."""
    run = course.run
    monkeypatch.setattr(course, "cpu_options", lambda: [])

    def failing(*command):
        monkeypatch.setattr(course, "run", lambda step, log: "pip" in step and run(list(command), log))
        message = complaint(course)
        assert Path(course.STAMP).read_text() == "" and len(os.listdir(course.VENV)) == 2  # and the log
        return message

    return failing


@pytest.mark.parametrize(
    "options, words",
    [
        (["--index-url", "http://127.0.0.1:9/simple"], ["check the network", "Connection refused"]),
        (["--no-index"], ["Mac with an Intel processor", "No matching distribution found for torch==0.0.0"]),
        (["--no-such-option"], ["mend the cause", "no such option: --no-such-option"]),
    ],
)
def test_what_pip_says(failing, monkeypatch, options, words):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    message = failing(sys.executable, "-m", "pip", "install", "--retries", "1", *options, "torch==0.0.0")
    assert all(word in message for word in words)
    assert ("Intel" in message) == (options == ["--no-index"])


RETRYING = "WARNING: Retrying after connection broken by NewConnectionError"


@pytest.mark.parametrize(
    "output, words",
    [
        ("ERROR: an OSError: [Errno 28] No space left on device\nhint", "free 3 GB"),
        ("OSError: [Errno 122] Disk quota exceeded", "free 3 GB"),
        ("OSError: [WinError 112] There is not enough space on the disk", "free 3 GB"),
        ("ERROR: [Errno 13] Permission denied: x\nConsider --user", "cannot be written"),
        ("error: connection-failed\n\nx Failed to connect to it\nhint", "(Failed to connect to it)"),
        (f"{RETRYING}\nERROR: No matching distribution found for x", "check the network"),
        (f"{RETRYING}\nCollecting y\nERROR: No matching distribution found for y", "check pip's settings"),
        (f"{RETRYING}\nCollecting y\nerror: cannot build\nhint", "mend the cause"),
        ("\n", "it said nothing"),
    ],
)
def test_what_a_step_says(failing, output, words):
    assert words in failing(sys.executable, "-c", f"import sys; print({output!r}); sys.exit(1)")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_for_the_log(course, steps, monkeypatch):
    monkeypatch.setattr(course, "LOG", "/dev/full")
    monkeypatch.setattr(course, "run", lambda step, log: log.write(b"x" * 100_000))
    assert "free 3 GB" in complaint(course)


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_module(course, steps, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    message = complaint(course)
    assert module in message and "apt install python3." in message and "-venv`" in message
    assert steps == [] and not os.path.exists(course.VENV)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_read_only_folder(course, steps, monkeypatch, number):
    def makedirs(path, exist_ok):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "makedirs", makedirs)
    assert "cannot be written" in (message := complaint(course)) and course.VENV in message
    assert steps == []


def test_no_requirements(course, steps, folder):
    (folder / "requirements.txt").unlink()
    assert "requirements.txt" in complaint(course)
    assert steps == [] and not os.path.exists(course.VENV)


def test_signs_of_life(course, capsys, tmp_path):
    lines = ["Collecting torch", "  Downloading torch-2.13.0-cp311-linux_x86_64.whl (190.0 MB)", "done"]
    with open(tmp_path / "log", "wb") as log:
        course.run([sys.executable, "-c", f"print({chr(10).join(lines)!r})"], log)
    assert capsys.readouterr().out == "  Downloading torch-2.13.0-cp311-linux_x86_64.whl (190.0 MB)\n"
    assert (tmp_path / "log").read_text().splitlines() == lines
