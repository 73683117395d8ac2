"""What a run notes about its images beside the run folders, and what it reads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.data import seen_before, usable
from sd_finetune.runs.messages import Phase
from sd_finetune.training.phases import CHECKING
from sd_finetune.training.state import Training
from tests.toy import Toy, events_of, make_images


def checked(training: Training) -> list[tuple[int, int]]:
    return [(e.done, e.total) for e in events_of(training.run, Phase) if e.name == CHECKING]


@pytest.fixture(autouse=True)
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_before, "SETTLED_SECONDS", -1)
    usable._remembered.cache_clear()  # pyright: ignore[reportPrivateUsage]


def test_images_are_checked_with_progress_once(toy: Toy, tmp_path: Path) -> None:
    changes = {
        "concepts.folder": str(make_images(tmp_path / "own", 3)),
        "concepts.class_folder": str(make_images(tmp_path / "class", 2)),
        "data.cache_folder": str(tmp_path / "cache"),
        "prior.weight": 1.0,
    }
    assert checked(toy.prepare(changes)) == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]
    usable._remembered.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert checked(toy.prepare(changes)) == []
    assert len(list((tmp_path / "cache" / "seen").iterdir())) == 2
