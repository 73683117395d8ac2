"""The alpha of LoRAs that PEFT or diffusers wrote, which stands beside the tensors and not among them.

PEFT has it in `adapter_config.json` in the file's folder, diffusers since 0.34 in the file's metadata; without both, it
is the rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ..errors import UserError
from ..reading.door import parse_json, read_text

CONFIG = "adapter_config.json"
METADATA = "lora_adapter_metadata"
PATTERN = "alpha_pattern"


def peft_alphas(
    path: Path, metadata: Mapping[str, str], parts: Mapping[str, str], layers: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, float]:
    """By layer. parts: that of each layer with a name of diffusers' or PEFT's ("unet").

    Raises:
        UserError: they differ from layer to layer by patterns, which is not read.
    """
    found: dict[str, float] = {}
    if not parts:
        return found
    beside, inside = _beside(path), _table(metadata.get(METADATA, ""))
    for layer, part in parts.items():
        own = {name.removeprefix(f"{part}."): v for name, v in inside.items() if name.startswith(f"{part}.")} or beside
        alpha, down = own.get("lora_alpha"), layers[layer].get("lora_down.weight")
        if not isinstance(alpha, (int, float)) or isinstance(alpha, bool) or down is None or not down.ndim:
            continue
        if own.get(PATTERN):
            raise UserError(f"{path} has an alpha of its own for some layers ({PATTERN}): choose another LoRA.")
        found[layer] = float(alpha) * (sqrt(len(down)) if own.get("use_rslora") is True else 1)
    return found


def _beside(path: Path) -> dict[str, Any]:
    config = path.with_name(CONFIG)
    return _table(read_text(config)) if config.is_file() else {}


def _table(text: str) -> dict[str, Any]:
    try:
        content: Any = parse_json(text) if text else {}
    except ValueError:
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
