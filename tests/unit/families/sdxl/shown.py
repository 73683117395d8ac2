"""What is compared with the WebUI of an SDXL with random weights: prompts, and what its UNet is told and answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sd_finetune.families.conditioning import TextConditioning
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.settings.emphasis import EmphasisMode
from sd_finetune.settings.prompt_reading import PromptReading
from tests.unit.families.sdxl.test_family import SMALL, random_parts

TESTED = replace(SMALL, text_encoder_2=replace(SMALL.text_encoder_2, intermediate_size=4 * 64))
"""OpenCLIP has no other width of its hidden layers."""
SIZE = (128, 64)
"""Width and height of the images."""
TIMESTEPS = torch.tensor([10, 900])


@dataclass(frozen=True)
class Shown:
    """A prompt, and how it is read. webui_clip_skip: the WebUI's option, which it does not ask with SDXL."""

    prompt: str
    emphasis: EmphasisMode = "original"
    negative: bool = False
    webui_clip_skip: int = 1

    def told(self, model: DiffusionModel) -> TextConditioning:
        encoded = model.encode_prompts([self.prompt], PromptReading(self.emphasis, chunks=None))
        return encoded.without_text() if self.negative and not self.prompt else encoded


SHOWN = (
    Shown("a photo of a sks star on a pink background"),
    Shown(""),
    Shown("", negative=True),
    Shown(" ", negative=True),
    Shown("a (red:1.3) star BREAK on a [pink] sky"),
    Shown("a (red:1.3) star BREAK on a [pink] sky", "no_norm"),
    Shown("a (red:1.3) star BREAK on a [pink] sky", "none"),
    Shown("a pink star, a moon and a (red:1.4) sky, " * 14, "no_norm"),
    Shown("star " * 75, webui_clip_skip=2),
)


def make_tested(path: Path, text_model: str = SMALL.text_model) -> DiffusionModel:
    """Its checkpoint and the model. text_model: as in `SdxlArchitecture`."""
    architecture = replace(TESTED, text_model=text_model)
    new_checkpoint(path, FAMILY, architecture, random_parts(architecture), "fp32")
    model = load_model(read_checkpoint(path))
    model.to(torch.device("cpu"), torch.float32)
    return model


def noisy_latents() -> Tensor:
    shape = (len(TIMESTEPS), 4, SIZE[1] // 8, SIZE[0] // 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def found(model: DiffusionModel) -> dict[str, Tensor]:
    """Hidden states and pooled vector of each prompt, by its number, and the UNet's answer with the first."""
    told = {str(number): shown.told(model) for number, shown in enumerate(SHOWN)}
    own: dict[str, Any] = {}
    for number, conditioning in told.items():
        own |= {f"{number}.states": conditioning.hidden_states, f"{number}.pooled": conditioning.pooled}
    first = told["0"].repeated(len(TIMESTEPS))
    return {**own, "unet": model.predict(noisy_latents(), TIMESTEPS, first)}


def sampled(tensor: Tensor) -> list[float]:
    """Some of its values: of hidden states those of a few tokens of each chunk, in both encoders."""
    if tensor.dim() == 3:
        by_chunk = tensor.unflatten(1, (-1, 77))[0]
        tensor = by_chunk[:, [0, 1, 3, 20, 76]][:, :, [0, 11, 31, 32, 50, 95]]
    elif tensor.dim() == 4:
        tensor = tensor[:, :, 2:7:4, 1:15:5]
    else:
        tensor = tensor[:, ::6]
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]
