"""The worker trains the part of an image that the preview shows."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sd_finetune.data.smart_crop import crop_of_image
from sd_finetune.runs.messages import Phase
from sd_finetune.settings.options import Data
from tests.toy import Toy, events_of


def test_the_worker_crops_where_the_preview_says(toy: Toy, tmp_path: Path, photographs: dict[str, Image.Image]) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    photographs["astronaut"].crop((0, 0, 320, 512)).save(folder / "portrait.png")
    off_center = Image.new("RGB", (400, 128), "gray")
    off_center.paste(photographs["cup"].resize((120, 120)), (270, 4))
    off_center.save(folder / "cup.png")
    changes = {"concepts.folder": str(folder), "data.buckets": False, "train.length": "1 step"}
    training = toy.train({**changes, "data.crop": "smart"})
    data = Data(resolution=training.settings.data.resolution, buckets=False, crop="smart")
    crops = {e.image.name: crop for e, crop in zip(training.instances.examples, training.instances.crops, strict=True)}
    assert crops == {name: crop_of_image(folder / name, data) for name in ("cup.png", "portrait.png")}
    assert crops["portrait.png"].box[1] < 61, "where the face begins"
    assert crops["cup.png"].box[2] > 380
    assert "choosing parts of training images" in {event.name for event in events_of(training.run, Phase)}
