"""The reader is right on drawn pictures, and says no where it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sd_finetune.demo import world
from sd_finetune.demo.reader import UNCLEAR, read_picture

ATTRIBUTES = ("shape", "colour", "size", "background")


def test_reads_at_least_98_of_100_drawn_pictures_wholly_right():
    rng = np.random.default_rng(7)
    scenes = [world.random_scene(rng) for _ in range(400)]
    readings = [read_picture(world.draw_scene(scene)) for scene in scenes]
    right = [all(getattr(r, a) == getattr(s, a) for a in ATTRIBUTES) for r, s in zip(readings, scenes, strict=True)]
    assert np.mean(right) >= 0.98
    assert not any(r.is_subject for r in readings)


@pytest.mark.parametrize("background", world.BACKGROUNDS)
def test_knows_the_subject_on_every_background(background: str):
    rng = np.random.default_rng(3)
    readings = [read_picture(world.draw_scene(world.subject_scene(rng, background))) for _ in range(20)]
    assert np.mean([r.is_subject and r.background == background for r in readings]) >= 0.98


def test_a_star_of_one_colour_is_not_the_subject():
    scene = world.subject_scene(np.random.default_rng(0), "mint")
    for colour in world.SUBJECT_COLOURS:
        assert not read_picture(world.draw_scene(replace(scene, colour=colour, second_colour=None))).is_subject


def test_the_subject_mirrored_is_another_thing():
    picture = world.draw_scene(world.subject_scene(np.random.default_rng(0), "mint"))
    assert read_picture(picture).is_subject
    assert not read_picture(picture.transpose(0)).is_subject


def test_noise_and_emptiness_are_unclear():
    rng = np.random.default_rng(0)
    from PIL import Image

    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    assert read_picture(noise).shape == UNCLEAR or read_picture(noise).colour == UNCLEAR
    empty = read_picture(Image.new("RGB", (64, 64), world.BACKGROUNDS["mint"]))
    assert (empty.shape, empty.colour, empty.background) == (UNCLEAR, UNCLEAR, "mint")
