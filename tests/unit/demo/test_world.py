"""Images and captions of the toy world."""

from __future__ import annotations

import numpy as np
import pytest

from sd_finetune.demo import world


def test_the_same_seed_draws_the_same_image():
    first, second = (world.draw_scene(world.random_scene(np.random.default_rng(4))) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.size == (world.IMAGE_SIZE,) * 2


def test_the_full_caption_names_every_attribute():
    scene = world.Scene("star", "red", "small", "navy")
    assert world.caption(scene) == "a photo of a small red star on a navy background"


def test_captions_leave_attributes_out_but_never_the_shape():
    scene, rng = world.Scene("star", "red", "small", "navy"), np.random.default_rng(0)
    captions = {world.caption(scene, rng) for _ in range(200)}
    assert len(captions) == 8
    assert all("star" in caption for caption in captions)


@pytest.mark.parametrize("shape", world.SHAPES)
def test_outlines_are_centred_and_of_unit_size(shape: str):
    outline = world.unit_outline(shape)
    assert np.abs(outline).max() == pytest.approx(1)
    assert outline.max(0) + outline.min(0) == pytest.approx([0, 0], abs=1e-12)


def test_colours_and_backgrounds_share_no_name():
    assert not world.COLORS.keys() & world.BACKGROUNDS.keys()
