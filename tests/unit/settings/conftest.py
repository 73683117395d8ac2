from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def content() -> dict[str, Any]:
    """The least that settings must say."""
    return {
        "base": {"checkpoint": "model.safetensors"},
        "concepts": [
            {"folder": "pictures", "instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}
        ],
    }
