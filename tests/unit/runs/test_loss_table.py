from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.runs.loss_table import append_losses, cut_losses
from sd_finetune.runs.messages import Step


def step(number: int) -> Step:
    return Step(number, 9, 1, 0.5, 0.25, None, {"unet": 1e-4}, 1.0, 1.0, 0)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        append_losses(tmp_path / "loss.csv", step(number))
    return tmp_path / "loss.csv"


def steps(table: Path) -> list[str]:
    header, *rows = table.read_text().splitlines()
    assert header == "step,epoch,loss,instance_loss,prior_loss,unet"
    return [row.split(",")[0] for row in rows]


def test_steps_that_are_repeated_are_cut(table: Path) -> None:
    cut_losses(table, 2)
    append_losses(table, step(3))
    assert steps(table) == ["1", "2", "3"]
    cut_losses(table, 0)
    assert steps(table) == []


@pytest.mark.parametrize("damage", [b"\r\n\r\n", b"\0" * 4096, b"3,1,0.", b"\xff\xfe", b"\n,,,\n", b'"unclosed\n'])
def test_a_damaged_end_is_cut_too(table: Path, damage: bytes) -> None:
    table.write_bytes(table.read_bytes() + damage)
    cut_losses(table, 2)
    append_losses(table, step(3))
    assert steps(table) == ["1", "2", "3"]


def test_an_empty_table_gets_its_header_again(table: Path) -> None:
    table.write_bytes(b"")
    cut_losses(table, 2)
    append_losses(table, step(3))
    assert steps(table) == ["3"]


def test_a_place_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    table = tmp_path / "loss.csv"
    cut_losses(table, 2)
    assert not table.exists()
    table.mkdir()
    cut_losses(table, 2)
