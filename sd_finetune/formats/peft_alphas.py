"""The alpha of LoRAs that PEFT or diffusers wrote, which stands beside the tensors and not among them.

PEFT has it in `adapter_config.json` in the file's folder, diffusers since 0.34 in the file's metadata; without both, it
is the rank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import UserError
from ..families.ldm.foreign_lora_names import ForeignName
from ..reading.door import parse_json, read_text
from ..reading.plain import finite, shown

CONFIG = "adapter_config.json"
METADATA = "lora_adapter_metadata"
PATTERN = "alpha_pattern"
_PLAIN_KEY = re.compile(r"\^?[\w.]+")
"""Of a pattern: the end of a layer's path, or all of it. Other expressions are not tried, which may never end."""


class _HasShape(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def peft_alphas(
    path: Path,
    metadata: Mapping[str, str],
    names: Mapping[str, ForeignName],
    layers: Mapping[str, Mapping[str, _HasShape]],
) -> dict[str, float]:
    """By layer; the rank of each, whatever `rank_pattern` says, is that of its tensors.

    names: those of layers with a name of diffusers' or PEFT's. layers: their tensors, or what a header says of these.

    Raises:
        UserError: some layers have an alpha of their own by a pattern that is not read.
    """
    found: dict[str, float] = {}
    if not names:
        return found
    beside, inside = _beside(path), _table(metadata.get(METADATA, ""))
    for layer, name in names.items():
        start = f"{name.part}."
        own = {key.removeprefix(start): value for key, value in inside.items() if key.startswith(start)} or beside
        alpha, down = _alpha_of(path, name.path, own), layers[layer].get("lora_down.weight")
        if alpha is None or down is None or not down.shape:
            continue
        found[layer] = alpha * (sqrt(down.shape[0]) if own.get("use_rslora") is True else 1)
    return found


def _alpha_of(path: Path, layer: str, config: Mapping[str, Any]) -> float | None:
    """By the first pattern that fits the layer's path, or else the one of all."""
    patterns: Any = config.get(PATTERN)
    table = cast("dict[str, Any]", patterns) if isinstance(patterns, dict) else {}
    for pattern, value in table.items():
        if not _PLAIN_KEY.fullmatch(pattern):
            raise UserError(
                f"{path} has an alpha of its own for layers by the pattern {shown(pattern)} ({PATTERN}), and only the "
                "ends of layers' names are read: choose another LoRA."
            )
        end = pattern.removeprefix("^")
        if layer == end or (end == pattern and layer.endswith(f".{end}")):
            return finite(value)
    return finite(config.get("lora_alpha"))


def _beside(path: Path) -> dict[str, Any]:
    config = path.with_name(CONFIG)
    return _table(read_text(config)) if config.is_file() else {}


def _table(text: str) -> dict[str, Any]:
    try:
        content: Any = parse_json(text) if text else {}
    except ValueError:
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
