"""What a run writes, drawn by the WebUI and by our own preview: the same image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.lora import read_lora
from sd_finetune.sampling.generate import SAMPLERS, GenerationSettings, generate_images
from sd_finetune.settings.prompt_reading import AS_THE_WEBUI, PromptReading
from sd_finetune.training.output.save import save_result
from sd_finetune.training.setup import Training
from tests.toy import ALGORITHMS, ROWS, Toy, forget_accelerator, make_images
from tests.webui.webui import PICTURE, WebUI

PROMPT = "a photo of sks star on a pink background"
SAME = 2.0
"""Mean difference, of 255, of images that count as the same: the WebUI cuts off what we round, half of 1."""
THEIR_SAMPLERS = {"ddim": "DDIM", "euler": "Euler", "euler_a": "Euler a", "dpmpp_2m": "DPM++ 2M"}
SMALL = {"lora.rank": 4, "lora.alpha": 2, "data.resolution": 64, "output.precision": "fp16"}
SHOWN: dict[str, dict[str, Any]] = {
    **ROWS,
    "textual_inversion.pt": {**ROWS["textual_inversion"], "textual_inversion.format": "pt"},
    **{name: {"method": "lora", "output.precision": "fp32", **row} for name, row in ALGORITHMS.items()},
}
"""In fp16 the WebUI's torch multiplies no matrices on a CPU, as it does with those of all algorithms but LoRA's."""
STRENGTH = {"dreambooth+text": 0.03, "hypernetwork": 0.3, **dict.fromkeys(ALGORITHMS, 0.1)}
"""By row, the standard deviation of what is added to all that is trained, else 0.2; of a checkpoint's tensors, in their
own."""
FOLDERS = {
    "checkpoint": "models/Stable-diffusion",
    "lora": "models/Lora",
    "embedding": "embeddings",
    "hypernetwork": "models/hypernetworks",
}
IN_PROMPT = {"lora": "<lora:{name}:1>", "hypernetwork": "<hypernet:{name}:1>"}


def ours(
    model: DiffusionModel,
    prompt: str,
    sampler: str = "euler",
    steps: int = PICTURE["steps"],
    negative: str = "",
    reading: PromptReading = AS_THE_WEBUI,
) -> np.ndarray:
    drawing = GenerationSettings(64, 64, steps, PICTURE["cfg_scale"], sampler, negative, reading)
    return np.asarray(generate_images(model, [prompt], [PICTURE["seed"]], drawing)[0])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("steps", [8, 13])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_preview_is_the_image_of_the_webui(webui: WebUI, model: DiffusionModel, sampler: str, steps: int) -> None:
    theirs = webui.draw(PROMPT, sampler_name=THEIR_SAMPLERS[sampler], steps=steps)
    assert theirs.std() > 20, "an image of something"
    assert difference(ours(model, PROMPT, sampler, steps), theirs) < SAME


def taught(base: Path, row: str, name: str, home: Path, strength: float = 1) -> Training:
    """A run that has not trained but moved all that it would train, as far as an image shows and still is one."""
    toy = Toy(home, base, make_images(home / "images", 2))
    training = toy.prepare({**SMALL, **SHOWN[row], "output.name": name})
    generator = torch.Generator().manual_seed(9)
    for value in training.method.trained_tensors().values():
        size = strength * STRENGTH.get(row, 0.2)
        if row.startswith("dreambooth") and value.numel() > 1:
            size *= float(value.detach().std())
        value.data += size * torch.randn(value.shape, generator=generator)
    return training


@pytest.mark.parametrize("row", SHOWN)
def test_a_result_draws_the_same_here_and_there(webui: WebUI, model: DiffusionModel, row: str, tmp_path: Path) -> None:
    assert_drawn_alike(webui, webui.checkpoints / TOY_CHECKPOINT.name, row, tmp_path)


def assert_drawn_alike(webui: WebUI, loaded: Path, row: str, home: Path, strength: float = 1) -> None:
    """What a run of this row on the loaded checkpoint writes, drawn by the WebUI and by our own preview."""
    name = "sks star" if row.startswith("textual_inversion") else f"test-{re.sub('[+, ]+', '-', row)}"
    training = taught(loaded, row, name, home, strength)
    kind = training.settings.result_kind()
    put = webui.data / FOLDERS[kind]
    base = webui.draw(PROMPT)
    file = save_result(training, 1, final=True)
    written = {str(made): str(put / made.name) for made in file.parent.iterdir()}
    try:
        webui.post("/test/results", {"kind": kind, "written": written})
        changes = {"override_settings": {"sd_model_checkpoint": file.stem}} if kind == "checkpoint" else {}
        theirs = webui.draw(f"{PROMPT} {IN_PROMPT.get(kind, '').format(name=name)}".strip(), **changes)
        if kind == "lora":
            assert set(webui.get("/test/networks")[name]) == set(read_lora(file)[0])
    finally:
        webui.post("/test/results", {"kind": kind, "removed": list(written.values())})
        forget_accelerator()
    training.model.unet.eval()
    for text_encoder in training.model.text_encoders.values():
        text_encoder.eval()
    preview = ours(training.model, PROMPT)
    assert difference(preview, theirs) < SAME
    assert difference(theirs, base) > 3, "the file changes the image"
    assert difference(webui.draw(PROMPT), base) == 0, "without the file all is as before"
