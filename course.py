"""Start the course or test it; the environment in .venv is made on first use.

    python course.py lab     open JupyterLab at notebooks/00_start_here.ipynb
    python course.py test    run every check: ruff, the unit tests and all notebooks

Further options go to JupyterLab and to pytest:

    python course.py lab notebooks/03_many_words.ipynb --no-browser --port 8899
    python course.py test -n 0 -k masks

Nothing is needed but Python 3.11 to 3.13. .venv may be deleted at any time: the next start makes it again.
"""
# Any Python must be able to read this file as far as the sentence that asks for another one:
# standard library only, and no grammar that Python 2.7 does not have.

from __future__ import print_function

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

if os.name == "nt":
    import msvcrt
else:
    import fcntl

OLDEST_PYTHON = (3, 11)
TRIED_PYTHONS = "3.11 to 3.13"
NEWEST_PYTHON = tuple(int(number) for number in TRIED_PYTHONS.split()[-1].split("."))
DOWNLOADS = "https://www.python.org/downloads/"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SIGN_OF_LIFE = r"(Downloading|Using cached) .+ MB\)|Installing collected packages|WARNING: Retrying"
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
# Each file, and so each notebook, stays with one worker. The user's options come later and win.
PYTEST = ["pytest", "-n", "logical", "--maxprocesses", "4", "--dist", "loadfile"]

WINDOWS = os.name == "nt"
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
REQUIREMENTS = os.path.join(ROOT, "requirements.txt")
LOG = os.path.join(VENV, "install.log")
# Marks .venv as made here. It holds the text of `fingerprint` once all is installed, and nothing before.
STAMP = os.path.join(VENV, "made-by-course.txt")
# By default JupyterLab asks whether it may fetch news, and looks for a newer JupyterLab.
LAB_SETTINGS = os.path.join(VENV, "share", "jupyter", "lab", "settings", "overrides.json")
NO_NEWS = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'


def main(arguments):
    """Run one command and return its exit status, or end with a sentence on what is wrong."""
    if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        sys.exit(
            "The course needs Python %s and this is Python %d.%d: install one that fits from %s and start "
            "course.py with it: `python3.13 course.py lab`, on Windows `py -3.13 course.py lab`."
            % ((TRIED_PYTHONS,) + sys.version_info[:2] + (DOWNLOADS,))
        )
    command, options = (arguments or ["--help"])[0], arguments[1:]
    if command in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    if command not in ("lab", "test"):
        sys.exit("There is no command %r: use `lab` or `test`, or --help for more." % command)
    try:
        call = jupyterlab(options) if command == "lab" else PYTEST + options
        os.chdir(ROOT)
        prepare_environment()
        return start([PYTHON, "-m"] + call, activated(command))
    except OSError as error:
        sys.exit(explain([str(error)]))
    except KeyboardInterrupt:
        sys.exit("Stopped before the environment was ready: run the same command again to make it.")


def jupyterlab(options):
    """Return the call of JupyterLab that opens a notebook: the one among the options or the first."""
    from urllib.parse import quote

    named = [option for option in options if option.endswith(".ipynb") and option[0] != "-"]
    notebook = os.path.abspath(named[0]) if named else os.path.join(ROOT, FIRST_NOTEBOOK)
    if named and not (os.path.isfile(notebook) and notebook.startswith(ROOT + os.sep)):
        sys.exit("There is no notebook %s in %s: try %s." % (named[0], ROOT, FIRST_NOTEBOOK))
    address = quote(os.path.relpath(notebook, ROOT).replace(os.sep, "/"))
    others = [option for option in options if option not in named]
    return ["jupyterlab", "--LabApp.default_url=/lab/tree/" + address] + others


def activated(command):
    """Return the variables of an activated .venv."""
    variables = dict(os.environ, VIRTUAL_ENV=VENV)
    variables["PATH"] = os.pathsep.join([os.path.dirname(PYTHON), os.environ.get("PATH", os.defpath)])
    variables.pop("PYTHONHOME", None)
    # Waiting threads sleep: on a busy machine spinning ones make training many times slower.
    variables.setdefault("OMP_WAIT_POLICY", "passive")
    if command == "test":
        variables.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores
    return variables


def start(call, variables):
    """Run JupyterLab or pytest and return the exit status."""
    if not WINDOWS:
        os.execve(PYTHON, call, variables)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the child too, which knows how to end
    return subprocess.call(call, env=variables)


def prepare_environment():
    """Make .venv where it is missing, half-made or out of date."""
    wanted = fingerprint()
    if read_stamp() == wanted:
        return
    if os.path.isdir(VENV) and os.listdir(VENV) and not os.path.exists(STAMP):
        sys.exit("%s was not made by course.py, which leaves it alone: rename or delete it." % VENV)
    try:
        import ensurepip, venv  # noqa: E401, F401, I001
    except ImportError as error:
        sys.exit(
            "This Python cannot make environments (%s): run `sudo apt install python%d.%d-venv` on Debian or "
            "Ubuntu, elsewhere install Python from %s." % ((error,) + sys.version_info[:2] + (DOWNLOADS,))
        )
    os.makedirs(VENV, exist_ok=True)
    with only_one_start() as stamp:
        if read_stamp() != wanted:  # another start may have made it in the meantime
            make_environment(stamp, wanted)


def make_environment(stamp, wanted):
    """Install the requirements into .venv; `wanted` is what the open file `stamp` holds when all is done."""
    keep = read_stamp().splitlines()[1:] == wanted.splitlines()[1:]
    stamp.truncate(0)  # from here on nothing in the folder is trusted
    try:
        if not keep:
            clear_folder()
        print("Making the environment in .venv: takes a few minutes.", flush=True)
        with open(LOG, "wb") as log:
            if not keep:
                base = getattr(sys, "_base_executable", None) or sys.executable
                run([base, "-m", "venv", "--without-pip", VENV], log)
                run([PYTHON, "-m", "ensurepip", "--upgrade", "--default-pip"], log)
            install = [PYTHON, "-m", "pip", "install", "--progress-bar", "off", "-r", REQUIREMENTS]
            run(install + cpu_options(), log)
        os.makedirs(os.path.dirname(LAB_SETTINGS), exist_ok=True)
        with open(LAB_SETTINGS, "w") as settings:
            settings.write(NO_NEWS)
    except BaseException:
        with contextlib.suppress(OSError):
            clear_folder()  # nothing half-made stays, and a full disk has room again
        raise
    stamp.write(wanted)


def fingerprint():
    """Return the text that a finished environment carries: its requirements, its Python and its place."""
    with open(REQUIREMENTS, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return "requirements.txt %s\nPython %d.%d\n%s\n" % ((digest,) + sys.version_info[:2] + (VENV,))


def read_stamp():
    """Return the stamp, or nothing where there is none or the Python beside it does not start."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.check_call([PYTHON, "-c", ""], stderr=subprocess.DEVNULL)
        with open(STAMP, encoding="utf-8", errors="replace") as stamp:
            return stamp.read()
    return ""


def clear_folder():
    """Empty .venv but for the stamp, which marks it as ours, and the log, which the last message named."""
    for entry in os.listdir(VENV):
        path = os.path.join(VENV, entry)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif path not in (STAMP, LOG):
            os.remove(path)


@contextlib.contextmanager
def only_one_start():
    """Hold the lock on the stamp file, waiting for another start that makes the same environment."""
    with open(STAMP, "a", encoding="utf-8", newline="\n") as stamp:
        # The steps of the installation hold it too: they may go on for a while after this process was killed.
        os.set_inheritable(stamp.fileno(), True)
        if not locked(stamp):
            print("Another start is making the environment: waiting for it.", flush=True)
            while not locked(stamp):
                time.sleep(1)
        yield stamp


def locked(file):
    """Try to lock the file; the lock ends with the last process that has the file open."""
    try:
        if WINDOWS:
            os.lseek(file.fileno(), 1000000, os.SEEK_SET)  # others cannot read what is locked
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)  # else the file system knows no locks
    return True


def cpu_options():
    """Return the options of pip that spare a Linux without NVIDIA driver the several GB of CUDA."""
    driver = os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi")
    if driver or not sys.platform.startswith("linux"):
        return []
    from urllib.request import urlopen

    try:
        urlopen(CPU_INDEX + "/torch/", timeout=5).close()
    except Exception:  # refused, not found, or an answer that is not HTTP
        print("  PyTorch's index of CPU builds cannot be reached: a larger build is taken.", flush=True)
        return []
    return ["--extra-index-url", CPU_INDEX]


def run(command, log):
    """Run one step of the installation, its output in the log; end with a sentence where it fails."""
    lines = []
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with subprocess.Popen(command, env=activated("install"), close_fds=False, **pipes) as process:
        try:
            for line in process.stdout:
                log.write(line)
                line = line.decode("utf-8", "replace").strip()
                # A warning about an earlier package is not why a later one fails.
                lines = [line] if line.startswith(("Collecting ", "Installing ")) else lines + [line]
                if re.match(SIGN_OF_LIFE, line):
                    print("  " + re.match(SIGN_OF_LIFE, line).group(), flush=True)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        sys.exit(explain(lines))


# What is wrong when pip or the operating system says so: the first that is found counts.
MEANINGS = {
    r"[Cc]onnection(Pool|\w*Error|-| error| refused| broken)|[Ff]ailed to connect|[Tt]imed out|"
    r"(Proxy|SSL|Protocol)Error|error: ssl-|incomplete-download": (
        "The packages cannot be downloaded: check the network and its proxy settings"
    ),
    r"No space left|[Qq]uota exceeded|WinError 112\b": "No space is left for the packages: free 3 GB",
    r"Permission denied|Operation not permitted|Read-only file system|WinError (5|32)\b": (
        "A folder cannot be written: move the course to one of your own, or close what uses its .venv"
    ),
    r"No matching distribution": (
        "pip finds no package that fits: use Colab if this is a 32-bit Python or a Mac with an Intel "
        "processor, for which PyTorch may have none, else check pip's settings"
    ),
    r".": "The environment cannot be made: mend the cause (.venv/install.log may say more)",
}


def explain(lines):
    """Return the sentence for the output of a failed step, or for an error of the operating system."""
    is_error = re.compile(r"(?i)[\w.]*error: |[x\u00d7] ")  # pip draws a cross before what matters most
    output = (
        "\n".join(sorted(lines, key=lambda line: bool(is_error.match(line)))).strip() or "it said nothing"
    )
    for pattern, meaning in MEANINGS.items():
        said = [found.group() for found in re.finditer("(?:%s).*" % pattern, output)]
        if said:
            return "%s, then run the same command again (%s)." % (meaning, said[-1].rstrip("."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
