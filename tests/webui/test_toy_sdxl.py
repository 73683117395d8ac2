"""The toy SDXL in the WebUI: both variants draw what their captions say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sd_finetune.demo import world
from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.reader import read_image
from tests.webui.webui import WebUI

NOISE_SCHEDULES = {"sdxl": "Default", "sdxl-v": "Zero Terminal SNR"}
ATTRIBUTES = ("shape", "color", "size", "background")


@pytest.fixture
def load(webui: WebUI) -> Iterator[Callable[[str], Path]]:
    """Places and loads a toy; afterwards the first one is loaded again."""

    def load(name: str) -> Path:
        file = place_toy(webui.checkpoints, name)
        webui.post("/sdapi/v1/refresh-checkpoints")
        options = {"sd_model_checkpoint": file.name, "sd_noise_schedule": NOISE_SCHEDULES[name]}
        webui.post("/sdapi/v1/options", options)
        return file

    yield load
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": TOY_CHECKPOINT.name, "sd_noise_schedule": "Default"})


@pytest.mark.parametrize("name", NOISE_SCHEDULES)
def test_it_draws_what_the_caption_says(name: str, webui: WebUI, load: Callable[[str], Path]) -> None:
    load(name)
    rng = np.random.default_rng(7)
    right: list[bool] = []
    for seed in range(6):
        scene = world.random_scene(rng)
        pixels = webui.draw(world.caption(scene), sampler_name="DDIM", steps=15, cfg_scale=3, seed=seed)
        reading = read_image(Image.fromarray(pixels))
        right += [getattr(reading, each) == getattr(scene, each) for each in ATTRIBUTES]
    assert np.mean(right) >= 0.9
