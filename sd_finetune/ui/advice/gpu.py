"""What GPU there is, asked of torch in a process of its own: the screen itself imports no torch and takes no memory."""

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
    """memory: bytes in all. bf16: whether it computes in bf16, as GPUs do from compute capability 8 on."""

    name: str
    memory: int
    bf16: bool


def find_gpu() -> Gpu | None:
    """The first GPU that torch sees, None without one; takes the seconds that torch takes to be imported.

    Raises:
        UserError: torch cannot be asked.
    """
    try:
        asked = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"torch did not tell of a GPU within {PATIENCE_SECONDS} s: try again.") from error
    if asked.returncode != 0:
        said = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        raise UserError(f"torch cannot tell what GPU there is ({said}): see whether it was installed for this GPU.")
    found = json.loads(asked.stdout.strip().splitlines()[-1])  # libraries print what they like before it
    return Gpu(*found) if found else None
