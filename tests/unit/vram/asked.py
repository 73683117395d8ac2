"""Settings to ask about."""

from __future__ import annotations

from typing import Any

from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict


def asked_for(method: str, changes: dict[str, Any] | None = None, prior: float = 0) -> Settings:
    """A run at 512 pixels and batch size 1, with changes by full name. Without samples."""
    content: dict[str, Any] = {
        "method": method,
        "base": {"checkpoint": "sd.safetensors"},
        "prior": {"weight": prior},
        "concepts": [{"folder": "dogs", "instance_prompt": "[filewords]", "class_prompt": "a dog"}],
    }
    for name, value in (changes or {}).items():
        group, _, option = name.partition(".")
        content.setdefault(group, {})[option] = value
    return from_dict(content)
