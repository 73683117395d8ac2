"""Real photographs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

# Read as files, not through skimage.data: that would need scikit-image's own dependencies.
PHOTOGRAPHS = {"cat": "chelsea.png", "cup": "coffee.png", "rocket": "rocket.jpg"}


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """A cat (451x300), a cup (600x400) and a rocket (640x427), from scikit-image."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None, "scikit-image is among the test requirements"
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    return {name: Image.open(folder / file).convert("RGB") for name, file in PHOTOGRAPHS.items()}
