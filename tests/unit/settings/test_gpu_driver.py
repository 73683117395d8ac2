"""Whether there is a GPU, as the tab sees it."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("system", "torch", "certain"),
    [("linux", "2.4.1", True), ("win32", "2.4.1+cpu", True), ("win32", "2.4.1+cu124", False), ("win32", None, False)],
)
def test_that_there_is_none_is_certain_but_on_windows(
    system: str, torch: str | None, certain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ZLUDA may stand in for the driver."""
    monkeypatch.setattr(gpu_driver, "ROCM", tmp_path / "none")
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(gpu_driver, "installed_version", lambda package: torch)
    assert gpu_driver.has_no_gpu() == certain
    monkeypatch.setattr(gpu_driver, "WSL", tmp_path)
    assert gpu_driver.has_no_gpu() == ("+cpu" in (torch or "")), "AMD's may be behind it"
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Nvidia(1))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_driver.has_no_gpu() == ("+cpu" in (torch or ""))
    assert gpu_driver.computes_with_nvidia() == ("+cpu" not in (torch or ""))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpu_driver.has_no_gpu()
    assert not gpu_driver.computes_with_nvidia()


class Nvidia:
    """Its driver's library that manages GPUs."""

    def __init__(self, count: int, error: int = 0) -> None:
        self.count, self.error = count, error

    def nvmlInit_v2(self) -> int:
        return self.error

    def nvmlShutdown(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = self.count
        return 0


class SeveralNvidia(Nvidia):
    """GPUs of so many GiB, and the compute capability of each."""

    def __init__(self, *gpus: tuple[int, int], error: int = 0) -> None:
        super().__init__(len(gpus))
        self.gpus, self.of_memory = gpus, error

    def nvmlDeviceGetHandleByIndex_v2(self, number: Any, handle: Any) -> int:
        handle._obj.value = number.value + 1
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        memory._obj.total = self.gpus[handle.value - 1][0] << 30
        return self.of_memory

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any, major: Any, minor: Any) -> int:
        major._obj.value = self.gpus[handle.value - 1][1]
        return 0


def test_the_largest_gpu_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(library: Any) -> gpu_driver.LargestGpu | None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
        return gpu_driver.largest_gpu()

    assert found(SeveralNvidia((6, 7), (24, 8), (12, 9))) == gpu_driver.LargestGpu(24 << 30, bf16=True)
    assert found(SeveralNvidia((6, 7))) == gpu_driver.LargestGpu(6 << 30, bf16=False)
    assert found(SeveralNvidia()) is None
    assert found(SeveralNvidia((6, 7), error=3)) is None, "the driver does not tell"
    assert found(Nvidia(1, error=9)) is None
    assert found(Nvidia(1)) is None, "an old driver, which has less to ask"
    assert found(object()) is None


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has one GPU")
def test_gpus_are_counted_as_far_as_this_process_may_use_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Nvidia(4))
    assert gpu_driver.gpu_count() == 4
    for visible, count in (("", 0), ("-1", 0), ("2", 1), ("0,3", 2), ("0,1,2,3,4,5", 4)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpu_driver.gpu_count() == count
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Nvidia(4, error=9))
    assert gpu_driver.gpu_count() is None, "the driver does not tell"

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    monkeypatch.setattr(gpu_driver, "ROCM", tmp_path / "none")
    assert gpu_driver.gpu_count() == 0
    monkeypatch.setattr(gpu_driver, "ROCM", tmp_path)
    monkeypatch.setattr(gpu_driver, "ROCM_NODES", tmp_path)
    for number, simds in enumerate((0, 240, 240)):  # the processor is a node too
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "properties").write_text(f"cpu_cores_count 8\nsimd_count {simds}\n")
    assert gpu_driver.gpu_count() == 2
