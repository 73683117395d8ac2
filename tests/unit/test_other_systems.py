"""The code runs on Windows and macOS as well: what only some systems have stands behind a question for the system.

pyright with `--pythonplatform Windows` (in `install.py test`) knows every name of the standard library that is not
there; this also finds what has the same name on all systems and does something else on Windows.
"""

from __future__ import annotations

import ast
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sd_finetune.hosts.a1111 import weights
from sd_finetune.report import hardware
from sd_finetune.settings import gpu_driver

HOME = Path(__file__).parents[2]
FILES = [
    HOME / "install.py",
    *(file for folder in ("sd_finetune", "scripts", "benchmarks") for file in sorted((HOME / folder).rglob("*.py"))),
]
POSIX = {
    "os": {
        "fork", "forkpty", "kill", "killpg", "setsid", "setpgid", "getpgid", "getuid", "geteuid", "getgid", "uname",
        "fchmod", "fchown", "chown", "mkfifo", "mknod", "nice", "sched_getaffinity", "sched_setaffinity", "wait",
        "waitpid", "WNOHANG", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_SYNC", "posix_fadvise",
        "posix_fallocate", "sendfile", "getloadavg", "sysconf", "statvfs", "pread", "pwrite", "memfd_create", "ttyname",
    },
    "signal": {
        "SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGALRM", "SIGSTOP", "SIGCONT", "SIGQUIT",
        "alarm", "setitimer", "pause", "sigwait", "pthread_kill", "pthread_sigmask", "set_wakeup_fd",
    },
    "time": {"clock_gettime", "clock_gettime_ns", "clock_settime", "tzset", "pthread_getcpuclockid"},
    "mmap": {"MAP_PRIVATE", "MAP_SHARED", "MAP_ANONYMOUS", "PROT_READ", "PROT_WRITE", "MADV_WILLNEED"},
    "socket": {"AF_UNIX"},
    "select": {"poll", "epoll"},
}  # fmt: skip
POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "pty", "tty", "termios", "syslog", "posix", "readline", "crypt"}
WINDOWS = {"subprocess": {"CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW", "DETACHED_PROCESS", "STARTUPINFO"}}
WINDOWS_MODULES = {"msvcrt", "winreg", "_winapi", "winsound"}
RENAMES = ("sd_finetune/runs/moving.py", "sd_finetune/own_packages/installation.py", "install.py")
"""Where files get other names: in the first two what Windows refuses is done in another way, the last's are its own."""
SYSTEM_PATHS = ("/dev/", "/proc/", "/sys/", "/tmp/", "/etc/", "/usr/")
MAY_NAME_PATHS: dict[str, tuple[str, ...]] = {
    "weights.py": ("/dev/shm",),  # asked for on Linux alone
    "free_memory.py": ("/proc/self/cgroup", "/sys/fs/cgroup"),  # an OSError elsewhere
    "gpu_driver.py": ("/dev/kfd", "/dev/dxg", "/sys/class/kfd/"),  # looked for, and not there elsewhere
    "hardware.py": ("/proc/cpuinfo",),  # an OSError elsewhere
    "checkpoint_io.py": ("/proc/self/",),  # benchmarks, of Linux' own figures
    "machine.py": ("/proc/cpuinfo",),
    "measure.py": ("/proc/",),
}
"""By file, the paths of Linux's own that it names; `test_what_linux_alone_has_is_not_needed` does without those."""


def faults_in(source: str, place: str = "") -> list[str]:
    """What does not work on every system, as "line: what"."""
    tree = ast.parse(source)
    above = {inner: node for node in ast.walk(tree) for inner in ast.iter_child_nodes(node)}
    texts = _docstrings(tree)
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        for system, what in _of_one_system(node):
            if not _asks_first(node, above, system):
                found.append((getattr(node, "lineno", 0), f"{what} is not there everywhere"))
        if isinstance(node, ast.Call):
            found += [(node.lineno, what) for what in _in_call(node, place)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in texts:
            known = MAY_NAME_PATHS.get(Path(place).name, ())
            if node.value.startswith(SYSTEM_PATHS) and not node.value.startswith(known):
                found.append((node.lineno, f"{node.value} is a path of one system"))
    return [f"{line}: {what}" for line, what in sorted(found)]


def _of_one_system(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The system that a name is of, and the name."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = node.value.id
        yield from (("posix", f"{module}.{node.attr}") for _ in [0] if node.attr in POSIX.get(module, ()))
        yield from (("windows", f"{module}.{node.attr}") for _ in [0] if node.attr in WINDOWS.get(module, ()))
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        module = node.module or ""
        names = [module]
        yield from (("posix", f"{module}.{each.name}") for each in node.names if each.name in POSIX.get(module, ()))
    yield from (("posix", name) for name in names if name in POSIX_MODULES)
    yield from (("windows", name) for name in names if name in WINDOWS_MODULES)


def _asks_first(node: ast.AST, above: dict[ast.AST, ast.AST], system: str) -> bool:
    """Whether it stands in a branch that only this system comes to."""
    while node in above:
        inner, node = node, above[node]
        if not isinstance(node, (ast.If, ast.IfExp)):
            continue
        of_test = _system_of(node.test)
        body = node.body if isinstance(node.body, list) else [node.body]
        if of_test and inner is not node.test and (of_test == system) == (inner in body):
            return True
    return False


def _system_of(test: ast.expr) -> str:
    """What the branch is for: "windows", "posix", or "" for a question about something else."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return next(filter(None, map(_system_of, test.values)), "")
    if not isinstance(test, ast.Compare) or ast.unparse(test.left) not in ("sys.platform", "os.name"):
        return ""
    (operator,), (other,) = test.ops, test.comparators
    is_windows = ast.unparse(other).strip("'\"") in ("win32", "nt")
    if isinstance(operator, ast.Eq):
        return "windows" if is_windows else "posix"
    return "posix" if isinstance(operator, ast.NotEq) and is_windows else ""


def _in_call(call: ast.Call, place: str) -> Iterator[str]:
    function = ast.unparse(call.func)
    name, given = function.rpartition(".")[2], {each.arg for each in call.keywords}
    words = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if (function in ("os.rename", "os.replace") or name == "rename") and place not in RENAMES:
        yield f"{function} is refused on Windows while the file is open: use runs.moving"
    has_encoding = "encoding" in given or words[-1:] == ["utf-8"]
    if name in ("read_text", "write_text") and function != name and not has_encoding:
        yield f"{function} without an encoding"
    of_file = function == "open" or (name == "open" and function.split(".")[0] not in ("Image", "os", "archive"))
    if (of_file or name == "fdopen") and "encoding" not in given and not any("b" in word for word in words):
        yield f"{function} without an encoding"
    if given & {"text", "universal_newlines"} and "errors" not in given:
        yield f"{function} with text that may not be of the system's encoding: say errors="
    if name == "NamedTemporaryFile" and "delete" not in given:
        yield "NamedTemporaryFile cannot be opened again on Windows"
    if given & {"preexec_fn", "pass_fds", "process_group"}:
        yield f"{function} with what Windows does not have"
    if name == "strftime" and any("%-" in word for word in words):
        yield "strftime with %-"


def _docstrings(tree: ast.AST) -> set[ast.AST]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


BAD = (
    "import os\nos.fork()",
    "import fcntl",
    "from resource import getrusage",
    "from os import killpg",
    "import os\nif os.name == 'nt':\n    os.killpg(1, 9)",
    "import os, sys\nif sys.platform != 'win32':\n    pass\nelse:\n    os.setsid()",
    "import signal, sys\nx = signal.SIGKILL if sys.platform == 'win32' else 0",
    "import msvcrt",
    "import os\nos.kill(1, 0)",
    "import time\ntime.clock_gettime(1)",
    "from pathlib import Path\nPath('a').read_text()",
    "from pathlib import Path\nPath('a').write_text('a')",
    "open('a')",
    "open('a', 'w')",
    "from pathlib import Path\nPath('a').open()",
    "import os\nos.rename('a', 'b')",
    "from pathlib import Path\nPath('a').rename('b')",
    "import os\nos.replace('a', 'b')",
    "where = '/dev/shm'",
    "import subprocess\nsubprocess.run(['a'], text=True)",
    "import subprocess\nsubprocess.run(['a'], preexec_fn=print)",
    "import tempfile\ntempfile.NamedTemporaryFile()",
    "import time\ntime.strftime('%-d')",
)
GOOD = (
    "import os, sys\nif sys.platform == 'win32':\n    import msvcrt\nelse:\n    import fcntl\n    os.killpg(1, 9)",
    "import os, sys\nif sys.platform == 'linux' and x:\n    os.posix_fadvise(1, 2, 3, 4)",
    "import subprocess, sys\nx = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == 'win32' else 0",
    "from pathlib import Path\nPath('a').read_text(encoding='utf-8')\nPath('a').open('rb')\nopen('a', 'ab')",
    "import signal, os\nsignal.signal(signal.SIGINT, None)\nos.getpid()",
    '"""/dev/shm is a folder."""',
)


@pytest.mark.parametrize("source", BAD)
def test_what_is_not_everywhere_is_found(source: str) -> None:
    assert len(faults_in(source)) == 1


@pytest.mark.parametrize("source", GOOD)
def test_what_is_everywhere_or_asked_for_is_not(source: str) -> None:
    assert faults_in(source) == []


def test_our_code_runs_on_every_system() -> None:
    assert len(FILES) > 300
    found = {
        place: faults
        for file in FILES
        if (faults := faults_in(file.read_text(encoding="utf-8"), place := file.relative_to(HOME).as_posix()))
    }
    assert found == {}


def test_places_that_may_name_a_path_do() -> None:
    sources = {file.name: file.read_text(encoding="utf-8") for file in FILES}
    named = [(name, path) for name, paths in MAY_NAME_PATHS.items() for path in paths]
    assert [each for each in named if each[1] not in sources[each[0]]] == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_what_linux_alone_has_is_not_needed(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dog.safetensors"
    file.write_bytes(b"weights")
    monkeypatch.setattr(weights, "RAM_FOLDER", tmp_path / "none")
    monkeypatch.setattr(gpu_driver, "ROCM", tmp_path / "none")
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "none")
    monkeypatch.setattr(sys, "platform", system)
    with weights.in_ram(file, {}) as lent:
        assert lent is None  # so the file itself is lent
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert not gpu_driver.has_gpu_driver()
    assert hardware._processor()


def no_library(name: str) -> None:
    raise OSError(name)


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_what_a_console_cannot_show_ends_nothing(encoding: str, tmp_path: Path) -> None:
    """Where the output is read by another program, as the WebUI reads install.py's, Windows has its old code pages."""
    place = tmp_path / "犬 ő"
    (place / "models").mkdir(parents=True)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(HOME)}
    for words, code in (["-m", "sd_finetune", "runs", str(place)], 0), (["-m", "sd_finetune", "info", str(place)], 2):
        done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
