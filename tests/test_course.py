"""course.py: what it installs, what it starts, and what it says when something is in the way."""

import ast
import contextlib
import errno
import http.server
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

COURSE = Path(__file__).parents[1] / "course.py"
posix = pytest.mark.skipif(os.name == "nt", reason="signals and scripts of POSIX systems")


@pytest.fixture
def folder(tmp_path):
    """A copy of the repository that holds all that course.py looks at."""
    folder = tmp_path / "a course"
    folder.mkdir()
    shutil.copy(COURSE, folder)
    (folder / "requirements.txt").write_text("torch\n", encoding="utf-8")
    return folder


@pytest.fixture
def course(folder):
    """The copy of course.py in `folder`, as a module."""
    spec = importlib.util.spec_from_file_location("course_copy", folder / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def steps(course, monkeypatch):
    """Stand-ins for the start of a command and for the installation, which takes its steps down."""
    steps = []

    def run(command, log, stamp):
        steps.append(" ".join(command[1:]))
        if "venv" in command:
            Path(course.PYTHON).parent.mkdir(parents=True)
            Path(course.PYTHON).touch()

    monkeypatch.setattr(course, "run", run)
    monkeypatch.setattr(course, "runs", os.path.exists)
    monkeypatch.setattr(course, "cpu_options", lambda: [])
    monkeypatch.setattr(course, "start", lambda command, options: 0)
    return steps


def kinds(steps):
    return [step.split()[1] for step in steps]


def is_one_sentence(text):
    return text.count("\n") == 1 and text.endswith(".\n") and "Traceback" not in text


# Old Pythons ------------------------------------------------------------------------------------------------


def newer_grammar(source):
    """Name all in a source that Python 2.7 cannot read, as far as a syntax tree shows it."""
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.MatMult, ast.Match)
    new += (ast.Nonlocal, ast.YieldFrom, ast.AsyncFunctionDef, ast.Await)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, new):
            yield type(node).__name__
        elif getattr(node, "annotation", None) or getattr(node, "returns", None):
            yield "annotation"
        elif getattr(node, "kwonlyargs", None) or getattr(node, "posonlyargs", None):
            yield "keyword-only or positional-only argument"
        elif isinstance(node, ast.Raise) and node.cause:
            yield "raise ... from"
        elif any(isinstance(item, ast.Starred) for item in getattr(node, "elts", [])):
            yield "starred item"
        elif isinstance(node, ast.Dict) and None in node.keys:
            yield "unpacked dictionary"


def test_grammar_is_old():
    source = COURSE.read_bytes().decode("ascii")  # without a coding line Python 2 reads ASCII only
    assert list(newer_grammar(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "f'{x}'",
        "x: int = 1",
        "def f(x: int): pass",
        "def f() -> int: pass",
        "def f(*, x): pass",
        "def f(x, /): pass",
    ]
    + ["(x := 1)", "raise x from y", "a, *b = c", "[*a, b]", "{**a}", "a @ b", "async def f(): pass"],
)
def test_newer_grammar_is_found(source):
    assert list(newer_grammar(source))


def old_pythons():
    """Find Pythons below 3.11 on this machine."""
    names = ["python2.7"] + [f"python3.{minor}" for minor in range(4, 11)]
    candidates = [shutil.which(name) for name in names]
    candidates += Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin/python")
    found = {}
    for python in filter(None, candidates):
        question = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(question, capture_output=True, text=True).stdout.strip()
        if version and tuple(map(int, version.split("."))) < (3, 11):
            found[version] = str(python)
    return found


def test_old_pythons_ask_for_a_newer_one(folder):
    pythons = old_pythons()
    if not pythons:
        pytest.skip("no Python below 3.11 on this machine")
    for version, python in pythons.items():
        command = [python, "-B", "-E", "course.py", "lab"]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert result.returncode == 1 and is_one_sentence(result.stderr), result.stderr
        assert f"this is Python {version}:" in result.stderr and "3.11 or newer" in result.stderr
    assert not (folder / ".venv").exists()


def test_an_old_python_is_told_so(course, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
        status = course.main(["lab"])
    message = capsys.readouterr().err
    assert status == 1 and is_one_sentence(message)
    assert "this is Python 3.10:" in message and "https://www.python.org/downloads/" in message


# The command line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["-h"], 0), ([], 2)])
def test_help(course, steps, capsys, arguments, status):
    assert course.main(arguments) == status
    assert "python course.py test -k masks" in capsys.readouterr().out
    assert steps == []


def test_unknown_command(course, steps, capsys):
    assert course.main(["build"]) == 2
    message = capsys.readouterr().err
    assert is_one_sentence(message) and "'build'" in message and "`lab`" in message
    assert steps == []


# The real thing, with stand-ins for JupyterLab and pytest ---------------------------------------------------


def write_wheel(folder, name):
    """Write a package whose `python -m name` reports how it was called and exits with status 5."""
    report = (
        "import json, os, sys\n"
        "report = dict(name=__package__, options=sys.argv[1:], environ=dict(os.environ))\n"
        "print(json.dumps(dict(report, folder=os.getcwd(), prefix=sys.prefix)))\n"
        "sys.exit(5)\n"
    )
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr(f"{name}/__main__.py", report)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def machine(folder, tmp_path, monkeypatch):
    """Let pip find the stand-ins through the settings of the machine; no index is asked."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("pytest", "jupyterlab"):
        write_wheel(wheels, name)
    (folder / "requirements.txt").write_text("pytest\njupyterlab\n", encoding="utf-8")
    driver = tmp_path / "driver" / "nvidia-smi"
    driver.parent.mkdir()
    driver.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(driver.parent), prepend=os.pathsep)
    monkeypatch.setenv("PIP_FIND_LINKS", wheels.as_uri())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PYTHONPATH", "OMP_WAIT_POLICY", "TRANSFORMER_QUIET"):
        monkeypatch.delenv(name, raising=False)


def launch(folder, *arguments):
    """Run course.py from another folder, as a user may."""
    command = [sys.executable, str(folder / "course.py"), *arguments]
    return subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=120)


def test_both_commands(folder, machine):
    first = launch(folder, "test", "-k", "masks and not slow", "--nbval-lax")
    assert first.returncode == 5, first.stderr
    assert first.stdout.startswith("Making the environment in .venv: takes a few minutes, once.\n")
    report = json.loads(first.stdout.splitlines()[-1])
    assert report["name"] == "pytest" and report["options"] == ["-k", "masks and not slow", "--nbval-lax"]
    assert Path(report["folder"]) == folder and Path(report["prefix"]) == folder / ".venv"
    environ = report["environ"]
    assert environ["OMP_WAIT_POLICY"] == "passive" and environ["TRANSFORMER_QUIET"] == "1"
    assert Path(shutil.which("python", path=environ["PATH"])).parent.parent == folder / ".venv"

    log = (folder / ".venv" / "install.log").stat().st_mtime_ns
    second = launch(folder, "lab", "--no-browser", "--port", "8899")
    assert second.returncode == 5, second.stderr
    report = json.loads(second.stdout)  # not a word of an installation
    assert report["name"] == "jupyterlab"
    assert report["options"] == ["notebooks/00_start_here.ipynb", "--no-browser", "--port", "8899"]
    assert "TRANSFORMER_QUIET" not in report["environ"]
    assert (folder / ".venv" / "install.log").stat().st_mtime_ns == log

    third = launch(folder, "lab", "notebooks/02_scores.ipynb")
    assert json.loads(third.stdout)["options"] == ["notebooks/02_scores.ipynb"]


@posix
@pytest.mark.parametrize("number", ["SIGINT", "SIGKILL"])
def test_a_stopped_installation_is_not_trusted(folder, machine, number):
    command = [sys.executable, "course.py", "test"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    environment = folder / ".venv"
    while not (environment / "pyvenv.cfg").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    if number == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
        _, message = process.communicate(timeout=60)
        assert process.returncode == 130 and is_one_sentence(message), message
        assert {path.name for path in environment.iterdir()} == {"install.log", "made-by-course.txt"}
        return
    process.kill()  # its child may go on for a while: the next start waits for it
    process.communicate(timeout=60)
    (environment / "half-made").touch()
    again = launch(folder, "test")
    assert again.returncode == 5, again.stderr
    assert "Making the environment" in again.stdout
    assert not (environment / "half-made").exists()


# When the environment is made -------------------------------------------------------------------------------


def test_a_second_start_installs_nothing(course, steps):
    assert course.main(["test"]) == 0
    assert kinds(steps) == ["venv", "ensurepip", "pip"]
    assert course.main(["lab"]) == 0
    assert len(steps) == 3


def test_changed_requirements_are_installed(course, steps, folder, capsys):
    course.main(["test"])
    (folder / "requirements.txt").write_text("torch\nnumpy\n", encoding="utf-8")
    course.main(["test"])
    assert kinds(steps[3:]) == ["pip"]
    assert "requirements have changed" in capsys.readouterr().out
    course.main(["test"])
    assert len(steps) == 4


def test_another_python_gets_another_environment(course, steps, monkeypatch):
    course.main(["test"])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
        course.main(["test"])
    assert kinds(steps[3:]) == ["venv", "ensurepip", "pip"]


@pytest.mark.parametrize("damage", ["stamp", "python"])
def test_a_damaged_environment_is_remade(course, steps, damage):
    course.main(["test"])
    if damage == "stamp":
        Path(course.STAMP).write_text(course.fingerprint()[:-9], encoding="utf-8")
    else:
        os.remove(course.PYTHON)
    course.main(["test"])
    assert kinds(steps)[-1] == "pip" and len(steps) > 3
    assert course.is_ready()


def test_a_failed_update_is_not_trusted(course, steps, folder, monkeypatch):
    course.main(["test"])
    old = (folder / "requirements.txt").read_bytes()
    (folder / "requirements.txt").write_text("nothing-of-this-name\n", encoding="utf-8")

    def fail(command, log, stamp):
        raise course.Problem("No.")

    with monkeypatch.context() as patch:
        patch.setattr(course, "run", fail)
        patch.setattr(course, "clear_folder", lambda: None)  # as where the process is killed
        assert course.main(["test"]) == 1
    (folder / "requirements.txt").write_bytes(old)
    course.main(["test"])
    assert kinds(steps[3:]) == ["venv", "ensurepip", "pip"]


def test_a_python_that_does_not_start_is_noticed(course, tmp_path):
    assert course.runs(sys.executable)
    assert not course.runs(str(tmp_path / "python"))
    broken = tmp_path / "broken"
    broken.write_bytes(b"not a program")
    broken.chmod(0o755)
    assert not course.runs(str(broken))


def test_an_empty_folder_is_used(course, steps):
    os.mkdir(course.VENV)
    assert course.main(["test"]) == 0 and kinds(steps) == ["venv", "ensurepip", "pip"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_others_made_is_left_alone(course, steps, folder, capsys, kind):
    mine = folder / ".venv" / "mine.txt" if kind == "folder" else folder / ".venv"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    assert course.main(["test"]) == 1
    message = capsys.readouterr().err
    assert (
        is_one_sentence(message) and "was not made by course.py" in message and "rename or delete" in message
    )
    assert steps == [] and mine.read_text(encoding="utf-8") == "mine"


def test_two_starts_at_once_install_once(course, steps, capsys):
    os.mkdir(course.VENV)
    second = threading.Thread(target=course.main, args=(["test"],))
    output = io.StringIO()
    with contextlib.redirect_stdout(output), course.only_one_start() as stamp:
        second.start()
        while "waiting" not in output.getvalue():
            assert second.is_alive()
            time.sleep(0.01)
        Path(course.PYTHON).parent.mkdir()
        Path(course.PYTHON).touch()
        stamp.write(course.fingerprint())
    second.join(timeout=30)
    assert not second.is_alive() and steps == []


# PyTorch's CPU builds ---------------------------------------------------------------------------------------


@pytest.fixture
def index(course, monkeypatch):
    """A stand-in for PyTorch's index on this machine."""

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/whl/cpu"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(course, "CPU_INDEX", address)
        monkeypatch.setattr(course, "has_nvidia_driver", lambda: False)
        monkeypatch.setattr(sys, "platform", "linux")
        yield address
        server.shutdown()


def test_cpu_builds_are_preferred(course, index):
    assert course.cpu_options() == ["--extra-index-url", index]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "/elsewhere"])
def test_cpu_builds_are_done_without(course, index, monkeypatch, capsys, address):
    monkeypatch.setattr(course, "CPU_INDEX", address if "://" in address else index + address)
    assert course.cpu_options() == []
    output = capsys.readouterr().out
    assert output.count("\n") == 1 and "cannot be reached" in output


@pytest.mark.parametrize("platform, driver", [("darwin", False), ("win32", False), ("linux", True)])
def test_cpu_builds_are_not_asked_for(course, index, monkeypatch, capsys, platform, driver):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(course, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the index was asked"))
    assert course.cpu_options() == [] and capsys.readouterr().out == ""


def test_the_options_reach_pip(course, steps, monkeypatch):
    monkeypatch.setattr(course, "cpu_options", lambda: ["--extra-index-url", "the index"])
    course.main(["test"])
    assert steps[-1].endswith(f"-r {course.REQUIREMENTS} --extra-index-url the index")


def test_a_driver_is_found(course, tmp_path, monkeypatch):
    real = os.path.exists
    monkeypatch.setenv("PATH", str(tmp_path))
    loaded = False
    monkeypatch.setattr(os.path, "exists", lambda path: loaded if "/proc/driver" in str(path) else real(path))
    assert not course.has_nvidia_driver()
    loaded = True
    assert course.has_nvidia_driver()
    loaded = False
    (tmp_path / ("nvidia-smi.exe" if os.name == "nt" else "nvidia-smi")).touch(mode=0o755)
    assert course.has_nvidia_driver()


# What goes wrong --------------------------------------------------------------------------------------------


@pytest.fixture
def failing(course, monkeypatch, capsys):
    """Run another command where pip would install; return the sentence that the user gets."""
    run = course.run
    monkeypatch.setattr(course, "cpu_options", lambda: [])

    def failing(*command):
        monkeypatch.setattr(course, "run", lambda step, *files: "pip" in step and run(list(command), *files))
        assert course.main(["test"]) == 1
        assert read(course.STAMP) == "" and set(os.listdir(course.VENV)) == {
            "install.log",
            "made-by-course.txt",
        }
        message = capsys.readouterr().err
        assert is_one_sentence(message), message
        return message

    return failing


def read(path):
    return Path(path).read_text(encoding="utf-8", errors="replace")


PIP = [sys.executable, "-m", "pip", "install", "--dry-run"]


@pytest.fixture
def plain_pip(monkeypatch):
    """Let pip look nowhere but where its options say."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)


def test_no_network(course, failing, plain_pip):
    message = failing(*PIP, "--retries", "1", "--index-url", "http://127.0.0.1:9", "no-such-package")
    assert "could not be downloaded" in message and "network" in message and course.LOG in message
    assert "no-such-package" in read(course.LOG)


@pytest.mark.parametrize(
    "output",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "ERROR: Could not install packages due to an OSError: [Errno 122] Disk quota exceeded",
        "OSError: [WinError 112] There is not enough space on the disk",
    ],
)
def test_full_disk(failing, output):
    message = failing(sys.executable, "-c", f"import sys; sys.exit({output!r})")
    assert "No space is left" in message and "free 3 GB" in message


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_for_the_log(course, steps, monkeypatch, capsys):
    def run(step, log, stamp):
        log.write(b"x" * 100_000)

    monkeypatch.setattr(course, "LOG", "/dev/full")
    monkeypatch.setattr(course, "run", run)
    assert course.main(["test"]) == 1
    assert capsys.readouterr().err == course.FULL_DISK + "\n"


def test_no_ensurepip(course, steps, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert course.main(["test"]) == 1
    message = capsys.readouterr().err
    assert is_one_sentence(message) and "apt install python3." in message and "-venv`" in message
    assert steps == [] and not os.path.exists(course.VENV)


def test_half_an_ensurepip(failing):
    message = failing(sys.executable, "-c", "import sys; sys.exit('No module named ensurepip')")
    assert "apt install python3." in message


def test_nothing_fits(failing, plain_pip):
    message = failing(*PIP, "--no-index", "torch==0.0.0")
    assert "pip finds no torch" in message and "64-bit Python 3.11 to 3.13" in message


def test_any_other_failure(course, failing, plain_pip):
    message = failing(*PIP, "--no-index", "--no-such-option")
    assert (
        "exit status 2" in message and "no such option: --no-such-option" in message and course.LOG in message
    )


def test_unwritable_while_installing(course, failing):
    message = failing(sys.executable, "-c", "import sys; sys.exit('[Errno 13] Permission denied: x')")
    assert "cannot be written" in message and course.ROOT in message


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_unwritable_folder(course, steps, monkeypatch, capsys, number):
    def makedirs(path, exist_ok):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "makedirs", makedirs)
    assert course.main(["test"]) == 1
    message = capsys.readouterr().err
    assert is_one_sentence(message) and "cannot be written" in message and course.ROOT in message
    assert steps == []


@posix
def test_really_unwritable_folder(folder):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder.chmod(0o555)
    result = launch(folder, "test")
    folder.chmod(0o755)
    assert result.returncode == 1 and is_one_sentence(result.stderr) and "cannot be written" in result.stderr


def test_no_requirements(course, steps, folder, capsys):
    (folder / "requirements.txt").unlink()
    assert course.main(["test"]) == 1
    message = capsys.readouterr().err
    assert is_one_sentence(message) and "complete copy of the repository" in message


def test_ctrl_c(course, steps, monkeypatch, capsys):
    def run(step, log, stamp):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(course, "run", run)
        assert course.main(["test"]) == 130
    assert is_one_sentence(capsys.readouterr().err)
    assert course.main(["test"]) == 0
    assert kinds(steps) == ["venv", "ensurepip", "pip"]


def test_signs_of_life(course, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(course, "SECONDS_BETWEEN_SIGNS", 0)
    child = "import time; print('Collecting torch<2.14,>=2.6', flush=True); time.sleep(1.5)"
    with open(tmp_path / "log", "wb") as log, open(tmp_path / "stamp", "w", encoding="utf-8") as stamp:
        course.run([sys.executable, "-c", child], log, stamp)
    assert " s: fetching torch\n" in capsys.readouterr().out
    assert read(tmp_path / "log").startswith("Collecting torch")


@pytest.mark.parametrize(
    "line, words",
    [
        ("Collecting jupyter-lsp>=2.0.0 (from jupyterlab)", "fetching jupyter-lsp"),
        ("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (190.0 MB)", "fetching torch"),
        (
            "  Downloading https://host/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl",
            "fetching torch",
        ),
        ("Installing collected packages: a, b, c", "installing 3 packages"),
        ("Requirement already satisfied: numpy in here", None),
    ],
)
def test_what_pip_does(course, line, words):
    assert course.what_pip_does(line) == words


# Windows ----------------------------------------------------------------------------------------------------


def test_windows_waits_for_its_child(course, folder, monkeypatch):
    class Process:
        waits = iter([KeyboardInterrupt, 3])

        def __init__(self, call, env):
            self.call, self.env = call, env
            started.append(self)

        def wait(self):
            result = next(self.waits)
            if result is KeyboardInterrupt:
                raise result
            return result

    started = []
    monkeypatch.chdir(folder)
    monkeypatch.setattr(course, "WINDOWS", True)
    monkeypatch.setattr(course.subprocess, "Popen", Process)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("os.execve was called"))
    assert course.start("test", ["-k", "masks"]) == 3
    assert started[0].call == [course.PYTHON, "-m", "pytest", "-k", "masks"]
    assert started[0].env["OMP_WAIT_POLICY"] == "passive"
