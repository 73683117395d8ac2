"""One file of every kind that a run makes, and what is read of them.

python -m tests.parity.files_of_all_kinds write FOLDER      the files, and digests of the tensors that are in them
python -m tests.parity.files_of_all_kinds check FOLDER      fails unless the tensors that are read are those
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.embedding import read_embedding, write_embedding
from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from tests.toy import make_checkpoint

DIGESTS = "digests.json"
METADATA = {"ss_steps": "3", "ss_output_name": "word"}


def write(folder: Path) -> None:
    """Every kind of file, in each number format that it can have."""
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    make_checkpoint(folder / "checkpoint-fp16.safetensors", precision="fp16")
    layer = LoraModule(down=some(2, 6), up=some(5, 2), alpha=1.0)
    mlp = {
        "linear.0.weight": some(8, 4),
        "linear.0.bias": some(8),
        "linear.1.weight": some(4, 8),
        "linear.1.bias": some(4),
    }
    shape = HypernetworkShape((1, 2, 1), "linear", False, (0, 0, 0), False, "Normal")
    for precision in ("fp16", "bf16", "fp32"):
        write_lora(
            folder / f"lora-{precision}.safetensors", {lora_name("unet", "mid_block.a"): layer}, METADATA, precision
        )
        for ending in (".safetensors", ".pt"):
            write_embedding(folder / f"embedding-{precision}{ending}", {"emb_params": some(2, 4)}, METADATA, precision)
        network = HypernetworkFile(shape, {4: (mlp, mlp)}, "word", 3, metadata=METADATA)
        write_hypernetwork(folder / f"hypernetwork-{precision}.pt", network, precision)
    (folder / DIGESTS).write_text(json.dumps(digests(folder)))


def check(folder: Path) -> None:
    """Read them all, and compare with what was noted when they were written."""
    expected, found = json.loads((folder / DIGESTS).read_text()), digests(folder)
    assert len(expected) == 13
    assert all(expected.values())
    assert found == expected


def tensors_of(file: Path) -> dict[str, Tensor]:
    """What our readers find in a file, by name."""
    kind = file.name.partition("-")[0]
    if kind == "checkpoint":
        return {f"{part}.{name}": t for part, own in read_checkpoint(file).parts.items() for name, t in own.items()}
    if kind == "lora":
        return {f"{name}.{half}": getattr(m, half) for name, m in read_lora(file)[0].items() for half in ("down", "up")}
    if kind == "embedding":
        return dict(read_embedding(file).vectors)
    pairs = read_hypernetwork(file).pairs[4]
    return {f"{number}.{name}": t for number, mlp in enumerate(pairs) for name, t in mlp.items()}


def digests(folder: Path) -> dict[str, dict[str, str]]:
    """By file and tensor, a digest of its values and of their type."""
    return {
        file.name: {name: digest(tensor) for name, tensor in tensors_of(file).items()}
        for file in sorted(folder.iterdir())
        if file.suffix in (".safetensors", ".pt")
    }


def digest(tensor: Tensor) -> str:
    content = tensor.double().numpy().tobytes()
    return f"{tensor.dtype} {tuple(tensor.shape)} {hashlib.sha256(content).hexdigest()}"


def main(what: str, folder: Path) -> None:
    (write if what == "write" else check)(folder)
    print(f"{what} {len(digests(folder))} files with torch {torch.__version__}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
