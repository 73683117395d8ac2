"""The algorithms of adapter layers. A new one is a file beside `lora.py` and a row here."""

from __future__ import annotations

from collections.abc import Mapping

from .adapter import Algorithm
from .lora import LoraLayer

ALGORITHMS: Mapping[str, Algorithm] = {row.name: row for row in (Algorithm("lora", LoraLayer),)}
