"""The weights that the WebUI has loaded, as a file in RAM that is equal to the checkpoint, tensor by tensor."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from torch import Tensor

from ...formats.checkpoint import read_checkpoint
from ...formats.metadata_keys import CONFIG_KEY
from ...formats.tensor_file import write_tensors
from ...runs.unfinished import is_left_over, unfinished_name
from .free_memory import free_memory

log = logging.getLogger(__name__)

RAM_FOLDER = Path("/dev/shm")
FOLDER_NAME = "sd-finetune"
"""Of what is lent; the name says too which process lends it, as those of unfinished files do."""
EXACT_IN = {
    torch.float16: (torch.float16, torch.float32),
    torch.bfloat16: (torch.bfloat16, torch.float32),
    torch.float32: (torch.float32,),
}
"""By the precision of a file, those in which a loaded weight still has the file's value."""

COMPARED = 512
"""So many values at each end of every tensor are compared with the file's: of every one, as a merge may change a few
layers alone; not all values, as this is not to read the whole file."""


@contextmanager
def in_ram(checkpoint: Path, loaded: Mapping[str, Tensor]) -> Generator[Path | None, None, None]:
    """A `.safetensors` in RAM with the tensors of `checkpoint`, taken from `loaded`; None where that is not possible.

    It is not possible without a RAM disk with enough free space, for a `.ckpt`, and for weights whose precision is
    lower than the file's or whose shape another extension has changed. Nor where they are not the file's: it was
    replaced since it was loaded, or another extension has changed them. A run is told by the file what it begins from.

    Args:
        loaded: the loaded model's state dict, under the names that the WebUI's patches give it.
    """
    remove_left_behind()
    if not fits_in_ram(checkpoint.stat().st_size):
        yield None
        return
    folder = unfinished_name(RAM_FOLDER / FOLDER_NAME)
    folder.mkdir(mode=0o700)
    try:
        file = folder / checkpoint.name
        yield file if _write(file, checkpoint, loaded) else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_behind() -> None:
    """Free the RAM of weights that a killed WebUI had lent, unless a worker still reads them.

    Ctrl+C ends the WebUI at once, so that nothing there can tidy up.
    """
    left = [folder for folder in RAM_FOLDER.glob(f".{FOLDER_NAME}.*") if is_left_over(folder)]
    in_use = _arguments_of_all() if left else ""
    for folder in left:
        if folder.name not in in_use:
            shutil.rmtree(folder, ignore_errors=True)


def _arguments_of_all() -> str:
    """With what all processes were started: a worker is told by an argument where its weights are."""
    return "\n".join(text for process in psutil.process_iter(["cmdline"]) for text in process.info["cmdline"] or ())


def fits_in_ram(size: int) -> bool:
    """Whether a file of `size` bytes fits into RAM and leaves as much again for training."""
    if sys.platform != "linux" or not RAM_FOLDER.is_dir():
        return False
    return size < shutil.disk_usage(RAM_FOLDER).free and 2 * size < free_memory()


def _write(file: Path, checkpoint: Path, loaded: Mapping[str, Tensor]) -> bool:
    if checkpoint.suffix.lower() != ".safetensors":
        return False
    base = read_checkpoint(checkpoint)
    names = {place.name: base.family.usual_name(place.name) for part in base.places.values() for place in part.values()}
    weights = as_in_file(names, base.tensors, loaded)
    if weights is None:
        return False
    other = first_different(weights, base.tensors)
    if other is not None:
        log.warning("Training reads %s, as what is loaded of it has other values, first in %s", checkpoint, other)
        return False
    config = {CONFIG_KEY: base.yaml_text} if base.yaml_text is not None else {}
    write_tensors(file, weights, {**base.metadata, **config}, {n: tensor.dtype for n, tensor in base.tensors.items()})
    return True


def as_in_file(
    weights: Mapping[str, str], in_file: Mapping[str, Tensor], loaded: Mapping[str, Tensor]
) -> dict[str, Tensor] | None:
    """For each tensor of a file the loaded one with the same values, or None if one is missing.

    What is not a weight of a module, such as the noise schedule, which the WebUI may rescale, is the file's.

    weights: the names in the file of the modules' tensors, and those that the WebUI has for them.
    """
    plain = {unwrapped(name): tensor for name, tensor in loaded.items()}
    found = dict(in_file)
    for name, usual in weights.items():
        tensor, weight = in_file[name], plain.get(usual)
        if weight is None or weight.is_meta or weight.numel() != tensor.numel():
            return None
        if weight.dtype not in EXACT_IN.get(tensor.dtype, ()):
            return None
        found[name] = weight.reshape(tensor.shape)
    return found


def first_different(weights: Mapping[str, Tensor], in_file: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor whose beginning or end has other values than the file's; None if there is none.

    weights: as `as_in_file` finds them.
    """
    for name, tensor in in_file.items():
        weight = weights[name]
        if weight is not tensor and not torch.equal(_ends(weight).cpu(), _ends(tensor).to(weight.dtype)):
            return name
    return None


def _ends(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    return torch.cat((flat[:COMPARED], flat[-COMPARED:]))


def unwrapped(name: str) -> str:
    """A tensor's name without the WebUI's wrappers of text encoders and their token embeddings.

    Of SDXL's text encoders a state has every tensor twice, under the names of its file and as `cond_stage_model`.
    """
    return name.replace(".wrapped.", ".")
