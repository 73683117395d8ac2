"""What a run notes about its images beside the run folders, and what it reads again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.data import seen_before, usable
from sd_finetune.data.latents import ImageEncoder, View
from sd_finetune.runs.messages import Phase
from sd_finetune.training.phases import CHECKING
from sd_finetune.training.state import Training
from tests.toy import Toy, events_of, make_checkpoint, make_images, trained


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


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """The views that are encoded from now on."""
    views: list[View] = []
    encode = ImageEncoder.__call__

    def noting(encoder: ImageEncoder, view: View) -> Tensor:
        views.append(view)
        return encode(encoder, view)

    monkeypatch.setattr(ImageEncoder, "__call__", noting)
    return views


def on_disk(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {
        "concepts.folder": str(make_images(tmp_path / "own", 3)),
        "data.cache_folder": str(tmp_path / "cache"),
        "data.cache_latents": "disk",
        "data.horizontal_flip": True,
        **more,
    }


def test_latents_on_the_disk_train_as_those_in_ram_and_are_made_once(
    toy: Toy, tmp_path: Path, encoded: list[View]
) -> None:
    changes = on_disk(tmp_path)
    found = {where: trained(toy.train({**changes, "data.cache_latents": where})) for where in ("ram", "disk")}
    assert len(encoded) == 12
    encoded.clear()
    found["again"] = trained(toy.train(changes))
    assert encoded == []
    for other in ("disk", "again"):
        assert all(torch.equal(found["ram"][name], found[other][name]) for name in found["ram"])


def test_another_vae_or_image_never_gets_old_latents(toy: Toy, tmp_path: Path, encoded: list[View]) -> None:
    changes = on_disk(tmp_path)
    toy.prepare(changes)
    encoded.clear()
    other = make_checkpoint(tmp_path / "other.safetensors", seed=5)
    toy.prepare({**changes, "base.checkpoint": str(other)})
    assert len(encoded) == 6
    encoded.clear()
    image = tmp_path / "own" / "1.png"
    image.write_bytes((make_images(tmp_path / "another", 1, seed=9) / "0.png").read_bytes())
    toy.prepare(changes)
    assert {view.image for view in encoded} == {image}
    encoded.clear()
    toy.prepare({**changes, "data.resolution": 80})
    assert len(encoded) == 6


def test_class_images_are_on_the_disk_too(toy: Toy, tmp_path: Path, encoded: list[View]) -> None:
    changes = on_disk(tmp_path, **{"prior.weight": 1.0, "concepts.class_folder": str(make_images(tmp_path / "c", 2))})
    toy.prepare(changes)
    assert len(encoded) == 10
    encoded.clear()
    toy.prepare(changes)
    assert encoded == []
