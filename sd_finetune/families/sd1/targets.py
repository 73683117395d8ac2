"""The names of layers in a LoRA file for Stable Diffusion 1."""

from __future__ import annotations

from .facts import SD1


def lora_name(part: str, path: str) -> str:
    """As kohya's scripts name it: the path in the diffusers or transformers module, dots as underscores."""
    return f"{SD1.lora_prefixes[part]}{path.replace('.', '_')}"
