"""Images that are wrong in every way a folder of images can hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SaveImage = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> SaveImage:
    """save(name, color_or_image, **options): an image file under tmp_path."""

    def save_image(name: str, content: str | Image.Image = "red", **options: object) -> Path:
        image = content if isinstance(content, Image.Image) else Image.new("RGB", (40, 30), content)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **options)
        return path

    return save_image


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """(30, 40, 3) uint8; no two corners, rows or columns alike."""
    return np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)
