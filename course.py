"""Start the course or test it; the environment in .venv is made on first use.

    python course.py lab     open JupyterLab at notebooks/00_start_here.ipynb
    python course.py test    run every check: ruff, the unit tests and all notebooks

Further options go to JupyterLab and to pytest:

    python course.py lab --no-browser --port 8899
    python course.py test -k masks

Nothing is needed but Python 3.11 or newer. The packages of requirements.txt are installed into .venv, a
folder that may be deleted at any time: the next start makes it again.
"""
# An old Python must be able to read this file as far as the sentence that asks for a newer one:
# standard library only, and no grammar that Python 2.7 does not have.

import collections
import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time

OLDEST_PYTHON = (3, 11)
TRIED_PYTHONS = "3.11 to 3.13"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
SECONDS_BETWEEN_SIGNS = 20

WINDOWS = os.name == "nt"
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
REQUIREMENTS = os.path.join(ROOT, "requirements.txt")
LOG = os.path.join(VENV, "install.log")
# Marks .venv as made here. It holds the text of `fingerprint` once all is installed, and nothing before.
STAMP = os.path.join(VENV, "made-by-course.txt")

FULL_DISK = (
    "No space is left on the disk or in the folder for temporary files: "
    "free 3 GB and run the same command again."
)
NO_NETWORK = (
    "The packages could not be downloaded: check the network connection and the proxy settings, "
    "then run the same command again (pip's own words are in " + LOG + ")."
)
NO_ENSUREPIP = (
    "This Python cannot make environments because its ensurepip module is missing: on Debian or Ubuntu run "
    "`sudo apt install python%d.%d-venv`, elsewhere install Python from https://www.python.org/downloads/, "
    "then run the same command again." % sys.version_info[:2]
)
NOT_OURS = (
    "The folder " + VENV + " was not made by course.py, which leaves it alone: rename or delete it, "
    "then run the same command again."
)


class Problem(Exception):
    """What is wrong and what to do about it, in one sentence."""


def main(arguments):
    """Run one command and return its exit status."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        complain(
            "The course needs Python 3.11 or newer and this is Python %d.%d: install a newer one from "
            "https://www.python.org/downloads/ and start course.py with it, for example `%s course.py lab`."
            % (sys.version_info[:2] + ("py -3.11" if WINDOWS else "python3.11",))
        )
        return 1
    if not arguments or arguments[0] in ("-h", "--help"):
        say(__doc__.strip())
        return 0 if arguments else 2
    command, options = arguments[0], arguments[1:]
    if command not in ("lab", "test"):
        complain("There is no command %r: use `lab` or `test`, or --help for more." % command)
        return 2
    try:
        prepare_environment()
        return start(command, options)
    except Problem as problem:
        complain(str(problem))
        return 1
    except OSError as error:
        complain(explain_os_error(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped before the environment was ready: run the same command again to make it.")
        return 130


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text):
    sys.stderr.write(text + "\n")


def start(command, options):
    """Run JupyterLab or pytest in the environment and return its exit status."""
    if command == "test":
        call = [PYTHON, "-m", "pytest"] + options
    elif any(option.endswith(".ipynb") for option in options):
        call = [PYTHON, "-m", "jupyterlab"] + options
    else:
        call = [PYTHON, "-m", "jupyterlab", FIRST_NOTEBOOK] + options
    os.chdir(ROOT)
    sys.stdout.flush()
    if not WINDOWS:
        os.execve(PYTHON, call, child_environment(command))
    process = subprocess.Popen(call, env=child_environment(command))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Ctrl-C reaches the child too, which knows how to end
            pass


def child_environment(command):
    """Return the variables of an activated .venv, with those that keep PyTorch quick."""
    variables = dict(os.environ, VIRTUAL_ENV=VENV)
    variables["PATH"] = os.pathsep.join([os.path.dirname(PYTHON), os.environ.get("PATH", os.defpath)])
    variables.pop("PYTHONHOME", None)
    # Waiting threads sleep: on a busy machine spinning ones make training many times slower.
    variables.setdefault("OMP_WAIT_POLICY", "passive")
    if command == "test":
        variables.setdefault("TRANSFORMER_QUIET", "1")
    return variables


# The environment --------------------------------------------------------------------------------------------


def prepare_environment():
    """Make .venv where it is missing, half-made or out of date."""
    if is_ready():
        return
    if not is_ours():
        raise Problem(NOT_OURS)
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Problem(NO_ENSUREPIP)
    os.makedirs(VENV, exist_ok=True)
    with only_one_start() as stamp:
        if not is_ready():  # another start may have made it in the meantime
            make_environment(stamp)


def make_environment(stamp):
    """Install the requirements into .venv; `stamp` is the open stamp file, written when all is done."""
    wanted = fingerprint()
    same_place = read_stamp().splitlines()[1:] == wanted.splitlines()[1:] and runs(PYTHON)
    stamp.truncate(0)  # from here on nothing in the folder is trusted
    try:
        if same_place:
            say("The requirements have changed: bringing the environment in .venv up to date.")
        else:
            clear_folder()
            say("Making the environment in .venv: takes a few minutes, once.")
        with open(LOG, "wb") as log:
            if not same_place:
                base = getattr(sys, "_base_executable", None) or sys.executable
                run([base, "-m", "venv", "--without-pip", VENV], log, stamp)
                run([PYTHON, "-m", "ensurepip", "--upgrade", "--default-pip"], log, stamp)
            install = [PYTHON, "-m", "pip", "install", "--progress-bar", "off", "-r", REQUIREMENTS]
            run(install + cpu_options(), log, stamp)
    except BaseException:
        with contextlib.suppress(OSError):
            clear_folder()  # nothing half-made stays, and a full disk has room again
        raise
    stamp.write(wanted)
    stamp.flush()
    say("The environment is ready.")


def is_ours():
    """Return whether .venv may be made or made again: it carries our stamp, is empty or does not exist."""
    if os.path.isdir(VENV):
        return os.path.exists(STAMP) or not os.listdir(VENV)
    return not os.path.lexists(VENV)


def is_ready():
    return read_stamp() == fingerprint() and runs(PYTHON)


def fingerprint():
    """Return the text that a finished environment carries: its requirements, its Python and its place."""
    with open(REQUIREMENTS, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return "requirements.txt %s\nPython %d.%d\n%s\n" % ((digest,) + sys.version_info[:2] + (VENV,))


def read_stamp():
    try:
        with io.open(STAMP, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def runs(python):
    """Return whether this Python starts: an upgrade of the system may have removed what it links to."""
    try:
        return subprocess.call([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


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
    with io.open(STAMP, "a", encoding="utf-8", newline="\n") as stamp:
        waiting = False
        while not is_locked(stamp):
            if not waiting:
                say("Another start is making the environment: waiting for it.")
                waiting = True
            time.sleep(1)
        yield stamp


def is_locked(file):
    """Try to lock the file; the lock ends with the last process that has the file open."""
    try:
        if WINDOWS:
            import msvcrt

            # Behind the text: what is locked on Windows cannot be read by others.
            os.lseek(file.fileno(), 1000000, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Any other error: the file system knows no locks, and there is nothing to wait for.
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


# Installing -------------------------------------------------------------------------------------------------


def cpu_options():
    """Return the options of pip that prefer PyTorch's CPU builds.

    On Linux the default is a build of several GB for NVIDIA cards, of no use where there is no driver.
    """
    if not sys.platform.startswith("linux") or has_nvidia_driver():
        return []
    if not can_reach(CPU_INDEX + "/torch/"):
        say("  PyTorch's index of CPU builds cannot be reached: going on without it (a larger download).")
        return []
    return ["--extra-index-url", CPU_INDEX]


def has_nvidia_driver():
    return os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None


def can_reach(url):
    import http.client
    import urllib.request

    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def run(command, log, stamp):
    """Run one step of the installation, its output in the log; raise Problem where it fails.

    The child holds the lock too: it may go on for a while after this process was killed.
    """
    import queue

    variables = dict(os.environ)
    variables.pop("PYTHONHOME", None)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[] if WINDOWS else [stamp.fileno()],
    )
    output = queue.Queue()
    reader = threading.Thread(target=feed, args=(process.stdout, output))
    reader.daemon = True
    reader.start()
    last_lines = collections.deque(maxlen=40)
    begin = last_sign = time.time()
    doing = "preparing"
    try:
        while True:
            with contextlib.suppress(queue.Empty):
                line = output.get(timeout=1)
                if line is None:
                    break
                log.write(line)
                last_lines.append(line.decode("utf-8", "replace"))
                doing = what_pip_does(last_lines[-1]) or doing
            if time.time() - last_sign >= SECONDS_BETWEEN_SIGNS:
                last_sign = time.time()
                say("  %3.0f s: %s" % (last_sign - begin, doing))
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status != 0:
        raise Problem(explain_output("".join(last_lines), status))


def feed(stream, lines):
    """Put the lines of a stream into a queue, and None at its end."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def what_pip_does(line):
    """Return in words what a line of pip's output announces, or None."""
    if line.startswith("Installing collected packages"):
        return "installing %d packages" % len(line.split(","))
    words = line.split()
    if len(words) > 1 and words[0] in ("Collecting", "Downloading", "Processing"):
        name = re.split(r"[<>=!~;\[(]", words[1].split("/")[-1])[0]  # torch from torch<2.14
        return "fetching " + (name.split("-")[0] if name.endswith((".whl", ".gz", ".metadata")) else name)
    return None


# Explaining -------------------------------------------------------------------------------------------------


def explain_output(output, status):
    """Return the sentence for a step of the installation that failed, from the last lines that it printed."""
    if re.search(r"No space left|Disk quota exceeded|not enough space|Errno (28|122)\b|WinError 112", output):
        return FULL_DISK
    if "No module named ensurepip" in output:
        return NO_ENSUREPIP
    no_network = (
        r"HTTPS?ConnectionPool|connection broken|Connection\w*Error|Failed to (connect|establish)|"
        r"[Tt]imed out|ReadTimeout|ProxyError|SSLError|ProtocolError|IncompleteRead|name resolution"
    )
    if re.search(no_network, output):
        return NO_NETWORK
    if re.search(r"Permission denied|Errno 13\b|Read-only file system|WinError 5\b", output):
        return unwritable("see " + LOG)
    missing = re.search(r"No matching distribution found for ([\w.-]+)", output)
    if missing:
        return (
            "pip finds no %s that fits requirements.txt, this machine and Python %d.%d: the course was tried "
            "with 64-bit Python %s, and PyTorch has no packages for Intel Macs (pip's own words are in %s)."
            % ((missing.group(1),) + sys.version_info[:2] + (TRIED_PYTHONS, LOG))
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or lines or ["it said nothing"]
    return (
        "Installing the packages failed with exit status %d (%s): read %s, mend the cause and run the same "
        "command again." % (status, errors[-1].rstrip("."), LOG)
    )


def explain_os_error(error):
    """Return the sentence for an error of the operating system while the environment is made or started."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return FULL_DISK
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return unwritable(str(error))
    if error.errno == errno.ENOENT and error.filename == REQUIREMENTS:
        return "There is no " + REQUIREMENTS + ": run course.py from a complete copy of the repository."
    return "The environment could not be made (%s): mend the cause and run the same command again." % error


def unwritable(reason):
    return (
        "The folder %s cannot be written (%s): move the course to a folder of your own, or close the "
        "programs that use its .venv, then run the same command again." % (ROOT, reason)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
