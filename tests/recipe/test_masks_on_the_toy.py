"""What masks are for: the background of the training images is not learned. The whole bench: `benchmarks/masks.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.masks import background_moved, masked_images, masked_settings, ways
from benchmarks.quality import train
from sd_finetune.demo.run import load_result
from sd_finetune.settings.duration import Duration

STEPS = 12
MOST = {"masks": 0.3, "masks and prior outside": 0.15}


def test_the_background_is_not_learned(tmp_path: Path) -> None:
    """As a share of the way from the base's background to that of all training images, after a few steps of a LoRA."""
    images = masked_images(tmp_path)
    moved: dict[str, float] = {}
    for name, masks in ways("lora").items():
        settings = masked_settings("lora", "off", 1, images, masks)
        settings = replace(settings, train=replace(settings.train, length=Duration(STEPS, "steps")))
        moved[name] = background_moved(load_result("lora", train(settings, tmp_path)))
    assert moved.pop("no masks") > 0.5
    assert {name: share for name, share in moved.items() if abs(share) > MOST[name]} == {}
