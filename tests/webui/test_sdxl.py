"""SDXL in the WebUI: lent, trained and given back to the bit; results, samples and v-prediction as it draws them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.reader import read_image
from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.settings.prompt_reading import PromptReading
from tests.toy import ROWS
from tests.webui.as_before import assert_as_before
from tests.webui.conftest import ready
from tests.webui.tab import Tab
from tests.webui.test_hosting import digest, lend
from tests.webui.test_images import PROMPT, THEIR_SAMPLERS, assert_drawn_alike, ours
from tests.webui.test_results import LISTED, RATES
from tests.webui.webui import WebUI

LONG = "a photo of sks star, " + "on a pink background, " * 31
DRAWN: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (PROMPT, {}),
    "negative": (PROMPT, {"negative_prompt": "blue moon"}),
    "emphasis": ("a photo of a (sks:1.4) star on a [pink] background", {}),
    "break": ("a photo of sks star BREAK on a (pink) background", {}),
    "long": (LONG, {"negative_prompt": "blue " * 80}),
}
CIRCLE = "a photo of a red circle on a navy background"
EXACT = 2
"""Of 255, the most that a value of a pixel may differ."""
STRONGER = {"dreambooth+text": 1.5, "textual_inversion": 2}
"""By row, how much more than on the other toy is moved: its prompts are heard less."""
AS_THERE = PromptReading("original", chunks=None)


@pytest.fixture(scope="module")
def model(sdxl: Path) -> DiffusionModel:
    return ready(read_checkpoint(sdxl))


def test_what_is_lent_is_the_checkpoint_to_the_bit(webui: WebUI, loaded_sdxl: Path) -> None:
    before = {PROMPT: webui.draw(PROMPT)}
    told = lend(webui, loaded_sdxl)
    assert told["tensors"] == digest(read_checkpoint(loaded_sdxl).tensors)
    assert Path(told["file"]).parts[:3] == ("/", "dev", "shm"), "it is not read from the disk"
    assert_as_before(webui, before)


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
@pytest.mark.parametrize("name", DRAWN)
def test_a_sample_is_the_webui_s_image(
    webui: WebUI, loaded_sdxl: Path, model: DiffusionModel, name: str, sampler: str
) -> None:
    prompt, changes = DRAWN[name]
    theirs = webui.draw(prompt, sampler_name=THEIR_SAMPLERS[sampler], **changes)
    own = ours(model, prompt, sampler, negative=changes.get("negative_prompt", ""), reading=AS_THERE)
    assert worst(own, theirs) <= EXACT
    assert theirs.std() > 20, "an image of something"


def worst(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.fixture
def predicts_v(webui: WebUI, loaded_sdxl: Path) -> Iterator[Path]:
    """The toy with v-prediction and zero terminal SNR, loaded, and the option that the WebUI has for these."""
    file = place_toy(webui.checkpoints, "sdxl-v")
    webui.post("/sdapi/v1/refresh-checkpoints")
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": file.name, "sd_noise_schedule": "Zero Terminal SNR"})
    yield file
    webui.post("/sdapi/v1/options", {"sd_noise_schedule": "Default"})


def test_v_prediction_is_drawn_as_there(webui: WebUI, predicts_v: Path) -> None:
    model = ready(read_checkpoint(predicts_v))
    for sampler in ("ddim", "euler"):
        theirs = webui.draw(CIRCLE, sampler_name=THEIR_SAMPLERS[sampler])
        assert worst(ours(model, CIRCLE, sampler), theirs) <= EXACT, sampler
        read = read_image(Image.fromarray(theirs))
        assert (read.shape, read.color, read.background) == ("circle", "red", "navy"), sampler


def test_a_checkpoint_made_of_one_that_predicts_v_does_so_there(webui: WebUI, predicts_v: Path, tmp_path: Path) -> None:
    """By the config that is written beside it."""
    assert_drawn_alike(webui, predicts_v, "dreambooth", tmp_path)


@pytest.mark.parametrize(
    "row", [*(name for name in ROWS if name != "dreambooth"), "loha", "lokr", "dora", "dora of lokr"]
)
def test_a_result_draws_the_same_here_and_there(
    webui: WebUI, loaded_sdxl: Path, model: DiffusionModel, row: str, tmp_path: Path
) -> None:
    assert_drawn_alike(webui, loaded_sdxl, row, tmp_path, STRONGER.get(row, 1))


@pytest.mark.parametrize("method", ["lora", "dreambooth"])
def test_a_run_leaves_the_webui_as_it_was(webui: WebUI, loaded_sdxl: Path, method: str, tmp_path: Path) -> None:
    """And its result is there without a restart; test_story.py has all methods, in the page."""
    name, before = f"xl by {method}", webui.draw(PROMPT)
    tab = Tab(webui, name, tmp_path, {"method": method}, length="2 steps", unet_learning_rate=RATES[method])
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    assert LISTED[method](webui, name)
    assert np.array_equal(webui.draw(PROMPT), before)
