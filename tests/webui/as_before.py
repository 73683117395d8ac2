"""What a WebUI draws before a run, with and without a LoRA, and that it draws the same afterwards, to the bit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.lora import LoraModule, write_lora
from tests.webui.webui import WebUI

PROMPT = "a photo of a small red circle on a navy background"
WITH_LORA = f"{PROMPT} <lora:noise:1>"


def write_noise(webui: WebUI) -> None:
    """A LoRA called "noise" that changes pictures."""
    base = read_checkpoint(webui.checkpoint)
    unet = base.family.empty_modules(base.architecture).unet
    generator = torch.Generator().manual_seed(3)
    layers = {
        lora_name("unet", path): LoraModule(
            0.1 * torch.randn(2, *layer.weight.shape[1:], generator=generator),
            0.1 * torch.randn(layer.weight.shape[0], 2, *[1] * (layer.weight.dim() - 2), generator=generator),
            alpha=2,
        )
        for path, layer in lora_targets("unet", unet).items()
    }
    write_lora(webui.loras / "noise.safetensors", layers, {})


def pictures_before(webui: WebUI) -> dict[str, np.ndarray]:
    """By prompt; the LoRA's last, so that the loaded weights are changed by it."""
    drawn = {prompt: webui.draw(prompt) for prompt in (PROMPT, WITH_LORA)}
    assert not np.array_equal(drawn[PROMPT], drawn[WITH_LORA])
    return drawn


def assert_as_before(webui: WebUI, pictures: Mapping[str, np.ndarray]) -> None:
    for prompt, picture in [*pictures.items(), *reversed(pictures.items())]:
        assert np.array_equal(webui.draw(prompt), picture), prompt
