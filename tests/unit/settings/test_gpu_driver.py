"""Whether there is a GPU, as the tab sees it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from sd_finetune.settings import gpu_driver


def no_library(name: str) -> None:
    raise OSError(name)


@pytest.mark.parametrize(("nvidia", "rocm", "found"), [(False, False, False), (True, False, True), (False, True, True)])
def test_the_driver_of_either_maker_counts(
    nvidia: bool, rocm: bool, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_driver, "ROCM", tmp_path if rocm else tmp_path / "none")
    monkeypatch.setattr(ctypes, "CDLL", (lambda name: None) if nvidia else no_library)
    assert gpu_driver.has_gpu_driver() == found
