"""The GPU, asked of PyTorch in a process of its own: the tab itself imports no torch and takes no VRAM."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from ...errors import UserError

PATIENCE_SECONDS = 120
PROBE = """
import json, torch
there = torch.cuda.is_available()
facts = torch.cuda.get_device_properties(0) if there else None
print(json.dumps([facts.name, facts.total_memory, facts.major >= 8] if there else None))
"""


@dataclass(frozen=True)
class Gpu:
    """memory: VRAM in bytes. bf16: whether it computes in bf16, as GPUs do from compute capability 8.0 on."""

    name: str
    memory: int
    bf16: bool


def find_gpu() -> Gpu | None:
    """The first GPU that PyTorch finds, None without one; takes the seconds that importing torch takes.

    Raises:
        UserError: PyTorch does not answer.
    """
    try:
        asked = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"PyTorch did not answer within {PATIENCE_SECONDS} seconds: try again.") from error
    if asked.returncode != 0:
        said = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        raise UserError(f"PyTorch cannot be asked for the GPU ({said}): check that it is installed for this GPU.")
    found = json.loads(asked.stdout.strip().splitlines()[-1])  # libraries print what they like before it
    return Gpu(*found) if found else None
