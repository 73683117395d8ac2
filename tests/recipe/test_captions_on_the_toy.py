"""What captions are for: what they name is not learned with the word. All images of the ring have one background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.masks import background_moved
from benchmarks.quality import settings_for, train
from sd_finetune.demo.run import load_result
from sd_finetune.settings.duration import Duration

METHOD, STEPS = "textual-inversion", 60


def test_a_background_that_captions_name_is_not_learned(tmp_path: Path) -> None:
    """As a share of the way from the base's background to that of all training images, after a few steps of a word."""
    settings = settings_for(METHOD, None, "off", seed=1)
    settings = replace(settings, train=replace(settings.train, length=Duration(STEPS, "steps")))
    moved: dict[str, float] = {}
    for caption in ("", settings.concepts[0].default_caption):
        asked = replace(settings, concepts=(replace(settings.concepts[0], default_caption=caption),))
        moved[caption] = background_moved(load_result(METHOD, train(asked, tmp_path)))
    without, captioned = moved.values()
    assert without > 0.5
    assert abs(captioned) < 0.3, moved
