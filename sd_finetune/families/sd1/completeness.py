"""Whether a Stable Diffusion 1 checkpoint is whole, and its layers' names; see `families.completeness`."""

from __future__ import annotations

from pathlib import Path

from ..place import file_names
from ..recognition import Shapes
from .architecture import Sd1Architecture
from .infer_sizes import infer_architecture
from .keys import name_table, usual_spelling
from .targets import lora_name


def needed_tensors(shapes: Shapes, yaml_text: str | None, folder: Path | None) -> list[str]:
    """The names in the file of all tensors of UNet, VAE and text encoder."""
    in_file = {usual_spelling(name): name for name in shapes}
    architecture = infer_architecture({usual: shapes[name] for usual, name in in_file.items()}, yaml_text, folder)
    return [in_file[usual] for usual in file_names(name_table(architecture))]


def layer_name(architecture: Sd1Architecture, part: str, path: str) -> str:  # pyright: ignore[reportUnusedParameter]
    """What a layer is called in a LoRA file."""
    return lora_name(part, path)
