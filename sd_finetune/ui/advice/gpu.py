"""The GPU, asked of PyTorch in a process of its own: the tab itself imports no torch and takes no VRAM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from ...errors import UserError
from ...vram.estimate import GIB
from ...vram.presets import SIZES

PATIENCE_SECONDS = 120
MPS = (
    "The GPU of a Mac has no VRAM of its own to fit to, and trains in fp32: leave Mixed precision at no and Batch size "
    "at 1, and turn Gradient checkpointing on if memory runs short."
)
WITHOUT_BF16 = "-fp16"
PROBE = """
import json, torch
there = torch.cuda.is_available()
facts = torch.cuda.get_device_properties(0) if there else None
found = [facts.name, facts.total_memory, facts.major >= 8] if there else None
print(json.dumps("mps" if not there and torch.backends.mps.is_available() else found))
"""


@dataclass(frozen=True)
class Gpu:
    """memory: VRAM in bytes. bf16: whether it computes in bf16, as GPUs do from compute capability 8.0 on."""

    name: str
    memory: int
    bf16: bool


def another_gpus() -> list[dict[str, str]]:
    """What `another_gpu` takes, each with its `title`."""
    newer = [{"gpu": f"{size}gb", "title": f"{size} GB"} for size in SIZES]
    without = [{"gpu": f"{size}gb{WITHOUT_BF16}", "title": f"{size} GB, GTX or RTX 20"} for size in SIZES]
    return [*newer, *without]


def another_gpu(asked: str) -> Gpu | None:
    """A GPU that is not in this machine, by its size: "6gb", or "6gb-fp16" for one without bf16; None for "".

    Raises:
        UserError: there are no presets for it.
    """
    sizes = {f"{size}gb": size for size in SIZES}
    if not asked:
        return None
    size = sizes.get(asked.removesuffix(WITHOUT_BF16))
    if size is None:
        raise UserError(f'gpu = "{asked[:100]}" is not valid: use one of {", ".join(sizes)}.')
    return Gpu(f"a GPU of {size} GB", size * GIB, bf16=not asked.endswith(WITHOUT_BF16))


def find_gpu() -> Gpu | None:
    """The first GPU that PyTorch finds, None without one; takes the seconds that importing torch takes.

    Raises:
        UserError: PyTorch does not answer, or it is the GPU of a Mac.
    """
    try:
        asked = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"},
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"PyTorch did not answer within {PATIENCE_SECONDS} seconds: try again.") from error
    if asked.returncode != 0:
        said = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        raise UserError(f"PyTorch cannot be asked for the GPU ({said}): check that it is installed for this GPU.")
    found = json.loads(asked.stdout.strip().splitlines()[-1])  # libraries print what they like before it
    if found == "mps":
        raise UserError(MPS)
    return Gpu(*found) if found else None
