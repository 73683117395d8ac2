"""How fast a checkpoint of full size is read and written, and with how much memory.

    python -m benchmarks.checkpoint_io [--family sd1] [--folder F] [--repeats N] [--json FILE]

Makes a seeded random float16 file in a temporary folder, of 2.1 GB or, for sdxl, of 6.9 GB, with room for two more
beside it; measures each way of reading and writing it in a process of its own, in turns, and prints a table and one
line of JSON with the best of all repeats.

Reading: "plain" is `file.read()`; "parts" is our `read_checkpoint` with every page of every tensor touched, since the
file is memory-mapped; "modules" puts these tensors into UNet, VAE and text encoders too. Cold: the file was dropped
from the system's cache before. Writing: "plain" is `safetensors.torch.save_file` of tensors in memory; "DreamBooth" is
our `write_checkpoint` of a trained UNet in memory and the rest from the mapped base. Both include the fsync without
which a file is not safely on the disk; ours writes under a temporary name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from sd_finetune.families.family import family_called
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint, write_checkpoint

PAGE = 4096
FULL_SIZE = {"sd1": SD15, "sdxl": SDXL_BASE}
POOL = 2**27
"""Random values, of which every tensor is a piece: so many at once are quickly made and take little memory."""
GOALS = {
    "load / plain read, warm": "<= 1.3",
    "load / plain read, cold": "<= 1.3",
    "load memory / file": "<= 1.2",
    "plain save / save": ">= 0.7",
}


def make_file(path: Path, name: str) -> None:
    """A checkpoint of random numbers with the names and shapes of a family's full-size model."""
    family, architecture = family_called(name), FULL_SIZE[name]
    generator = torch.Generator().manual_seed(0)
    pool = torch.empty(POOL, dtype=torch.float16).uniform_(-1, 1, generator=generator)

    def piece(shape: torch.Size) -> Tensor:
        start = int(torch.randint(POOL - shape.numel(), (), generator=generator))
        return pool[start : start + shape.numel()].view(shape)

    modules = family.empty_modules(architecture).by_part()
    parts = {part: {n: piece(p.shape) for n, p in module.named_parameters()} for part, module in modules.items()}
    new_checkpoint(path, family, architecture, parts)


def touch(tensors: Iterable[Tensor]) -> int:
    """Read one byte of each page, so that a mapped tensor is really in memory."""
    return sum(int(tensor.contiguous().flatten().view(torch.uint8)[::PAGE].sum()) for tensor in tensors)


def read_plain(path: Path) -> Callable[[], object]:
    return lambda: path.open("rb").read()


def read_parts(path: Path) -> Callable[[], object]:
    return lambda: [touch(tensors.values()) for tensors in read_checkpoint(path).parts.values()]


def read_modules(path: Path) -> Callable[[], object]:
    from sd_finetune.families.load_model import load_model

    def load() -> object:
        parts = load_model(read_checkpoint(path))
        return parts, [touch(parts.module(part).parameters()) for part in parts.parts]

    return load


def save_plain(path: Path) -> Callable[[], object]:
    from safetensors.torch import save_file

    tensors = {name: tensor.clone() for name, tensor in read_checkpoint(path).tensors.items()}
    target = path.with_name("plain.safetensors")

    def save() -> None:
        save_file(tensors, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())

    return save


def save_dreambooth(path: Path) -> Callable[[], object]:
    base = read_checkpoint(path)
    trained = {"unet": {name: tensor + 1 for name, tensor in base.parts["unet"].items()}}
    touch(base.tensors.values())
    return lambda: write_checkpoint(path.with_name("dreambooth.safetensors"), base, trained)


MEASUREMENTS = {
    "plain read": read_plain,
    "parts": read_parts,
    "modules": read_modules,
    "plain save": save_plain,
    "DreamBooth save": save_dreambooth,
}
READS = ("plain read", "parts", "modules")
SAVES = ("plain save", "DreamBooth save")


def status_bytes(name: str) -> int:
    """A line of Linux's /proc/self/status in bytes; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), 0)


def measure_here(name: str, path: Path) -> dict[str, float]:
    """Seconds and extra memory (peak of the resident set, mapped pages included) of one measurement."""
    action = MEASUREMENTS[name](path)
    torch.zeros(1).sum()  # the first operation loads libraries
    before = status_bytes("VmRSS")
    if before:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak until here
    started = time.perf_counter()
    kept = action()
    seconds = time.perf_counter() - started
    del kept
    return {"seconds": seconds, "extra_bytes": status_bytes("VmHWM") - before}


def measure(name: str, path: Path, cold: bool) -> dict[str, float]:
    """The same in a process of its own."""
    if cold:
        drop_from_cache(path)
    command = [sys.executable, "-W", "ignore", __file__, "--measure", name, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def drop_from_cache(path: Path) -> None:
    """Make the next read come from the disk, where the system can (Linux)."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if sys.platform == "linux":
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_all(path: Path, repeats: int) -> dict[str, dict[str, float]]:
    """The best time and the largest memory of each, all in turns so that a busy minute hurts none alone."""
    cases = [(name, cold) for cold in (False, True) for name in READS] + [(name, False) for name in SAVES]
    path.open("rb").read()
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for name, cold in cases:
            result = measure(name, path, cold)
            key = name if name in SAVES else f"{name}, {'cold' if cold else 'warm'}"
            known = best.setdefault(key, result)
            known["seconds"] = min(known["seconds"], result["seconds"])
            known["extra_bytes"] = max(known["extra_bytes"], result["extra_bytes"])
    return best


def ratios(best: dict[str, dict[str, float]], size: int) -> dict[str, float]:
    """The figures that have a goal, by name."""
    seconds = {name: result["seconds"] for name, result in best.items()}
    return {
        "load / plain read, warm": seconds["parts, warm"] / seconds["plain read, warm"],
        "load / plain read, cold": seconds["parts, cold"] / seconds["plain read, cold"],
        "load memory / file": max(best[f"parts, {state}"]["extra_bytes"] for state in ("warm", "cold")) / size,
        "plain save / save": seconds["plain save"] / seconds["DreamBooth save"],
    }


def print_table(best: dict[str, dict[str, float]], figures: dict[str, float], size: int) -> None:
    print(f"{'':24}{'seconds':>10}{'MB/s':>10}{'extra memory / file':>22}")
    for name, result in best.items():
        speed, memory = size / result["seconds"] / 1e6, result["extra_bytes"] / size
        print(f"{name:24}{result['seconds']:10.2f}{speed:10.0f}{memory:22.2f}")
    print()
    for name, figure in figures.items():
        print(f"{name:24}{figure:10.2f}   goal {GOALS[name]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", choices=FULL_SIZE, default="sd1", help="whose full-size model (default sd1)")
    parser.add_argument("--folder", type=Path, help="where the files are made and removed again; default: temporary")
    parser.add_argument("--repeats", type=int, default=3, help="times each is measured (default 3)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_here(options.measure[0], Path(options.measure[1]))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / f"random-{options.family}.safetensors"
        make_file(path, options.family)
        size = path.stat().st_size
        print(f"{size / 1e9:.2f} GB, torch {torch.__version__}, {os.cpu_count()} CPU cores\n")
        best = measure_all(path, options.repeats)
    figures = ratios(best, size)
    print_table(best, figures, size)
    report = json.dumps({"file_bytes": size, "measurements": best, "figures": figures})
    print(f"\n{report}")
    if options.json:
        options.json.write_text(report + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
