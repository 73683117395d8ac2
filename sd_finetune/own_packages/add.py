"""Installs an optional package in a folder of its own: whole and tried with the host's torch, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .folder import HOME
from .installation import NotInstalledError, discard, is_idle, put
from .optional import Build, folder_of, write_stamp
from .pip import ERROR, environment, pip_command, source_options
from .start import FIND

TRY_SECONDS = 300
PROBES = {
    "bitsandbytes": """
import torch, bitsandbytes
if torch.cuda.is_available():
    weight = torch.nn.Parameter(torch.ones(8192, device="cuda"))
    weight.grad = torch.ones_like(weight)
    bitsandbytes.optim.AdamW8bit([weight]).step()
    assert float(weight.detach().sum()) < 8192, "its optimizer does not step"
""",
    "xformers": """
import torch, xformers.ops
if torch.cuda.is_available():
    half = torch.randn(1, 16, 1, 64, device="cuda", dtype=torch.float16, requires_grad=True)
    xformers.ops.memory_efficient_attention(half, half, half).sum().backward()
""",
}
"""What each must be able to do with the torch and the GPU that are here."""
BEGIN = f"""
{FIND}
from sd_finetune.own_packages.use import use_own_packages
use_own_packages()
sys.path.append(sys.argv[1])
"""


def add(build: Build, torch: str, unfinished: Path) -> Path:
    """Install a build for the `torch` that is there, and return its folder. What pip says is printed as it goes.

    unfinished: a folder beside that one, in which it is put together; whoever kills this process removes it.

    Raises:
        NotInstalledError: pip failed, or the package does not work here.
        OSError: the folder cannot be written.
    """
    folder = folder_of(build, torch)
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        _fill(unfinished, build)
        _try(unfinished, build)
        write_stamp(unfinished)
        put(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for other in folder.parent.glob(f"{_python_of(folder)}-*-{build.package}-*"):
        if other != folder and is_idle(other):  # for an earlier torch; another WebUI may share the extension
            discard(other)
    return folder


def _python_of(folder: Path) -> str:
    return folder.name.partition("-torch")[0]


def _fill(folder: Path, build: Build) -> None:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{build.line}\n", encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--no-user"]
    options += ["--progress-bar", "off", *source_options()]
    pip = pip_command()
    if pip is None:
        raise NotInstalledError("this Python has no pip")
    reason, code = "", 0
    with subprocess.Popen(
        [*pip, "install", *options, "--target", str(folder), "-r", str(wanted)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in _shown(process):
            reason = line.removeprefix(ERROR).strip().rstrip(".") if line.startswith(ERROR) else reason
        code = process.wait()
    if code != 0:
        raise NotInstalledError(reason or f"pip ended with exit code {code}")
    wanted.unlink()


def _shown(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        print(line.rstrip(), flush=True)
        yield line


def _try(folder: Path, build: Build) -> None:
    print(f"Trying {build.package} with the torch that is here", flush=True)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", BEGIN + PROBES[build.package], str(HOME), str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**environment(), "PYTHONPATH": str(HOME)},
            timeout=TRY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"it did not answer within {TRY_SECONDS} seconds") from error
    if tried.returncode != 0:
        print(tried.stderr, flush=True)
        last = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        raise NotInstalledError(f"it does not work here, {last.rstrip('.')}")
