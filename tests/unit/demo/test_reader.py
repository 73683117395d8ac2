"""The reader is right on drawn images, and says no where it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sd_finetune.demo import world
from sd_finetune.demo.reader import UNCLEAR, read_image

ATTRIBUTES = ("shape", "color", "size", "background")


def test_reads_at_least_98_of_100_drawn_images_wholly_right():
    rng = np.random.default_rng(7)
    scenes = [world.random_scene(rng) for _ in range(400)]
    readings = [read_image(world.draw_scene(scene)) for scene in scenes]
    right = [all(getattr(r, a) == getattr(s, a) for a in ATTRIBUTES) for r, s in zip(readings, scenes, strict=True)]
    assert np.mean(right) >= 0.98
    assert not any(r.is_subject for r in readings)


@pytest.mark.parametrize("background", world.BACKGROUNDS)
def test_knows_the_subject_on_every_background(background: str):
    rng = np.random.default_rng(3)
    readings = [read_image(world.draw_scene(world.subject_scene(rng, background))) for _ in range(20)]
    assert np.mean([r.is_subject and r.background == background for r in readings]) >= 0.98


def test_a_star_of_one_colour_is_not_the_subject():
    scene = world.subject_scene(np.random.default_rng(0), "mint")
    for color in world.SUBJECT_COLORS:
        assert not read_image(world.draw_scene(replace(scene, color=color, second_color=None))).is_subject


def test_tells_how_far_the_halves_colors_are_apart():
    rng = np.random.default_rng(0)
    subject = world.subject_scene(rng, "mint")
    # Of yellow (250, 222, 40) and purple (140, 48, 190): the root of 110² + 174² + 150².
    assert read_image(world.draw_scene(subject)).halves_apart == pytest.approx(254.7, abs=1)
    half = replace(subject, color="red", second_color="orange", rimmed=False)
    assert read_image(world.draw_scene(half)).halves_apart == pytest.approx(107.3, abs=1)
    assert read_image(world.draw_scene(replace(half, second_color=None))).halves_apart == 0


def test_the_subject_mirrored_is_another_thing():
    image = world.draw_scene(world.subject_scene(np.random.default_rng(0), "mint"))
    assert read_image(image).is_subject
    assert not read_image(image.transpose(0)).is_subject


def test_noise_and_emptiness_are_unclear():
    rng = np.random.default_rng(0)
    from PIL import Image

    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    assert read_image(noise).shape == UNCLEAR or read_image(noise).color == UNCLEAR
    empty = read_image(Image.new("RGB", (64, 64), world.BACKGROUNDS["mint"]))
    assert (empty.shape, empty.color, empty.background) == (UNCLEAR, UNCLEAR, "mint")
