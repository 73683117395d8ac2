"""Files with values in them that nothing of ours would write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from safetensors import safe_open
from safetensors.torch import save_file


def put_value(path: Path, name: str, value: float) -> None:
    """Set the first value of the tensor `name` of a `.safetensors`."""
    with cast("Any", safe_open)(str(path), framework="pt", device="cpu") as file:
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors[name].flatten()[0] = value
    save_file(tensors, path, metadata)
