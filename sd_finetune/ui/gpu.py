"""What GPU there is, asked of torch in a process of its own: the screen itself imports no torch and takes no memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

PATIENCE_SECONDS = 120
PROBE = """
import json, torch
there = torch.cuda.is_available()
facts = torch.cuda.get_device_properties(0) if there else None
print(json.dumps([facts.name, facts.total_memory, torch.cuda.is_bf16_supported()] if there else None))
"""


@dataclass(frozen=True)
class Gpu:
    """memory: bytes in all. bf16: whether it computes in bf16."""

    name: str
    memory: int
    bf16: bool


def find_gpu() -> Gpu | None:
    """The first GPU that torch sees, None without one; takes the seconds that torch takes to be imported."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
        )
        found = json.loads(asked.stdout.strip().splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None  # a torch that cannot even be asked has no GPU to offer
    return Gpu(*found) if found else None
