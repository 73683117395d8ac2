"""The processor, memory and GPUs of this computer, asked in a way that cannot hang."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

NVIDIA_SMI = ["nvidia-smi", "--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader"]
NVIDIA_SMI_SECONDS = 15
TORCH_SECONDS = 90
TORCH = """
import json, torch
found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
gpus = [[gpu.name, gpu.total_memory, f"{gpu.major}.{gpu.minor}"] for gpu in found]
mps = torch.backends.mps.is_available()
print(json.dumps({"cuda": torch.version.cuda, "rocm": torch.version.hip, "mps": mps, "gpus": gpus}))
"""


def hardware() -> dict[str, Any]:
    """Processor, cores, memory in bytes, and what nvidia-smi and torch say of GPUs; None where one says nothing."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False),
        "threads": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "nvidia_smi": _lines(answer_of(NVIDIA_SMI, NVIDIA_SMI_SECONDS)),
        "torch": _json(answer_of([sys.executable, "-c", TORCH], TORCH_SECONDS)),
    }


def answer_of(command: list[str], seconds: float) -> str | None:
    """What a command prints; None if it cannot be started, fails, or is not done in time.

    A driver that hangs can keep a process from ending even when it is killed, so its end is not waited for.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL)
        except OSError:
            return None
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        output.seek(0)
        return output.read().decode(errors="replace") if code == 0 else None


def _lines(answer: str | None) -> list[str] | None:
    return None if answer is None else answer.strip().splitlines()


def _json(answer: str | None) -> Any:
    try:
        return json.loads((answer or "").strip().splitlines()[-1])  # libraries print what they like before it
    except (IndexError, ValueError):
        return None


def _processor() -> str:
    """Its name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()
