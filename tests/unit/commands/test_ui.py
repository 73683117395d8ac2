"""The command ui, where it cannot serve."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sd_finetune.__main__ import main


def test_a_port_that_another_program_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert main(["ui", "--port", port]) == 2
    sentence = (
        f"--port {port} cannot be used, most likely because another program has it: name another one, or end that.\n"
    )
    assert capsys.readouterr() == ("", sentence)


def test_folders_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for option, problem in (("--data", "is a file: name another"), ("--checkpoints", "is not a folder: name one")):
        assert main(["ui", option, "file"]) == 2
        assert capsys.readouterr().err.startswith(f"{option} file {problem}")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["ui", "--port", port])
    assert f"{port} is out of range: use a whole number from 1 to 65535" in capsys.readouterr().err
