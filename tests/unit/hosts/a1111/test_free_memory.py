"""Free RAM in a container, on made files as the kernel has them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from sd_finetune.hosts.a1111 import free_memory as module
from sd_finetune.hosts.a1111.free_memory import free_memory, left_in_groups

V1 = "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/docker/ab\n"
NO_LIMIT_OF_V1 = "9223372036854771712"


def left(folder: Path, own: str, files: dict[str, str]) -> list[int]:
    for name, text in files.items():
        file = folder / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    (folder / "own").write_text(own)
    return list(left_in_groups(folder / "own", folder / "groups"))


def test_what_a_container_of_version_2_may_still_take(tmp_path: Path) -> None:
    files = {
        "memory.max": "9000", "memory.current": "8000",
        "memory.stat": "anon 4000\ninactive_file 3000\nactive_file 500\nslab 0",
    }  # fmt: skip
    assert left(tmp_path, "0::/\n", files) == [4000], "what is kept of files gives way"


def test_the_limit_of_a_group_around_it_counts_too(tmp_path: Path) -> None:
    files = {
        "user/memory.max": "9000", "user/memory.current": "7000", "user/memory.stat": "inactive_file 0",
        "user/webui/memory.max": "max", "user/webui/memory.current": "7000", "user/webui/memory.stat": "",
    }  # fmt: skip
    assert left(tmp_path, "0::/user/webui\n", files) == [2000]


@pytest.mark.parametrize("group", ["memory", "memory/docker/ab"])
def test_of_version_1(tmp_path: Path, group: str) -> None:
    """In a container, its own group is mounted as the topmost one, whatever it is called."""
    files = {
        f"{group}/memory.limit_in_bytes": "9000", f"{group}/memory.usage_in_bytes": "8000",
        f"{group}/memory.stat": "inactive_file 5\ntotal_inactive_file 1000\ntotal_active_file 7",
    }  # fmt: skip
    assert left(tmp_path, V1, files) == [2000]


@pytest.mark.parametrize("own", ["", "0::/\n", V1, "0::/../x\n"])
def test_without_limits_there_are_none(tmp_path: Path, own: str) -> None:
    assert left(tmp_path, own, {}) == []
    assert list(left_in_groups(tmp_path / "missing", tmp_path)) == []


def test_the_least_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(module, "GROUPS", tmp_path / "groups")
    files = {"memory/memory.usage_in_bytes": "8000", "memory/memory.stat": ""}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 5000}))
    left(tmp_path, V1, {**files, "memory/memory.limit_in_bytes": NO_LIMIT_OF_V1})
    assert free_memory() == 5000
    left(tmp_path, V1, {**files, "memory/memory.limit_in_bytes": "9000"})
    assert free_memory() == 1000
