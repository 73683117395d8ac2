from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sd_finetune.training.log_stream import MOST_BYTES, LogStream


def test_it_writes_what_it_is_given(tmp_path: Path) -> None:
    with (tmp_path / "worker.log").open("wb") as file:
        log = LogStream(file.fileno())
        print("first\nsecond \N{SNOWMAN} \udcff", file=log, flush=True)
    assert (tmp_path / "worker.log").read_text("utf-8").splitlines() == ["first", "second \N{SNOWMAN} \\udcff"]


def test_what_a_full_disk_does_not_take_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.write, [3]

    def write_a_little(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("sd_finetune.training.log_stream.os.write", write_a_little)
    with (tmp_path / "worker.log").open("wb") as file:
        log = LogStream(file.fileno())
        print("Traceback: it failed", file=log)
        print("x" * MOST_BYTES, end="", file=log)
        assert (tmp_path / "worker.log").read_bytes() == b"Tra"
        room[0] = 2 * MOST_BYTES
        print("done", file=log)
    assert (tmp_path / "worker.log").read_text().endswith("xxxdone\n")


def test_a_worker_prints_through_it() -> None:
    """To a device that is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    code = (
        "import sys\nfrom sd_finetune.training.log_stream import printing_to_a_log\n"
        "with printing_to_a_log():\n    print('one'); print('two', file=sys.stderr, flush=True)\nsys.exit(7)"
    )
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-u", "-c", code]
        assert subprocess.run(command, stdout=full, stderr=full, timeout=60, check=False).returncode == 7
