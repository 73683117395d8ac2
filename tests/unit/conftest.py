"""The tiny model as fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.families.sd1.architecture import Sd1Architecture
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint
from tests.tiny import TINY, Parts, build_parts


@pytest.fixture(scope="session")
def tiny() -> Sd1Architecture:
    return TINY


@pytest.fixture(scope="session")
def tiny_parts() -> Parts:
    """Read-only: tests that change a tensor clone it."""
    return build_parts(TINY)


@pytest.fixture
def tiny_file(tmp_path: Path, tiny_parts: Parts) -> Path:
    """A float16 checkpoint of the tiny model with its `.yaml`."""
    path = tmp_path / "tiny.safetensors"
    new_checkpoint(path, FAMILY, TINY, tiny_parts)
    return path
