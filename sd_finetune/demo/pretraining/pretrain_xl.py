"""Pretrains the toy SDXL: UNet and text encoders together, then the UNet of each variant. Seeded and resumable.

    python -m sd_finetune.demo.pretraining.pretrain_xl WORK_FOLDER [--joint-steps N] [--epsilon-steps N] [--v-steps N]

It starts from the toy Stable Diffusion 1, whose VAE it keeps. Both variants have the same text encoders. The stages are
saved in WORK_FOLDER every few hundred steps; run the same command again to resume.
`python -m sd_finetune.demo.pretraining.build_xl WORK_FOLDER` keeps what was trained in the package.
"""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from ...families.load_model import load_model
from ...families.vocabulary import CLIP_TOKENIZER_FOLDER
from ...formats.checkpoint import read_checkpoint
from .. import world
from ..expand_xl import SHARED
from ..paths import TOY_CHECKPOINT
from .denoising import Denoising, Examples, averaged_weights, train_denoiser
from .material import Captions, image_bank, latent_bank, seen_tokens
from .xl_modules import END_OF_TEXT, TextEncoders, xl_modules

BANK_IMAGES = 12_000
BATCH = 32
FULL_LENGTH_SHARES = {"joint": 0.05, "epsilon": 0.2, "v": 0.2}
"""Share of steps with captions of all 77 tokens; text encoders take long to train on them."""
STREAMS = {"joint": 4, "epsilon": 3, "v": 5}
UNSEEN_SCALES = (0.25, 1.0)
"""The embeddings of unseen words are multiplied by something between these, so that their length matters little."""
ENCODED_EMPTY_SHARE = 0.3
"""Of empty captions; the others are zeros, as the WebUI generates with an empty negative prompt."""
OMITTED_SHARE = 0.15
"""Share of captions that only CLIP-L sees, and of those that only CLIP-G sees, so that both say what they can."""
OTHER_SIZE_SHARE = 0.25


class ToySdxl:
    """UNet and text encoders while they are pretrained."""

    def __init__(self, unet: UNet2DConditionModel, text: TextEncoders) -> None:
        self.unet, self.text = unet, text

    def predict(self, noisy: Tensor, timesteps: Tensor, ids: Tensor, rng: np.random.Generator) -> Tensor:
        """As `denoising.Predict`."""
        self.text.scale_unseen(float(rng.uniform(*UNSEEN_SCALES)))
        said, pooled = self.text(ids)
        states, pooled = omit(said, pooled, ids, rng)
        added = {"text_embeds": pooled, "time_ids": size_ids(len(ids), rng).to(noisy.device)}
        return self.unet(noisy, timesteps, states, added_cond_kwargs=added).sample

    def train(self, stage: Denoising, trained: nn.ModuleList, examples: Examples) -> None:
        """Train and take the averaged weights over."""
        train_denoiser(stage, trained, examples, self.predict)
        trained.load_state_dict(averaged_weights(stage.file))


def omit(states: Tensor, pooled: Tensor, ids: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Zero the text of most empty captions and, now and then, what one of the encoders says."""
    chance = torch.from_numpy(rng.random(len(ids))).to(ids.device)
    is_empty = ids[:, 1] == END_OF_TEXT
    nothing = is_empty & (chance > ENCODED_EMPTY_SHARE)
    without_l = nothing | (~is_empty & (chance < OMITTED_SHARE))
    without_g = nothing | (~is_empty & (chance > 1 - OMITTED_SHARE))
    width = states.shape[-1] - pooled.shape[-1]
    first = states[..., :width].masked_fill(without_l[:, None, None], 0)
    second = states[..., width:].masked_fill(without_g[:, None, None], 0)
    return torch.cat([first, second], -1), pooled.masked_fill(without_g[:, None], 0)


def size_ids(count: int, rng: np.random.Generator) -> Tensor:
    """Mostly those of a whole image, as the WebUI generates; the others teach that they matter little."""
    side = world.IMAGE_SIZE
    ids = np.tile([side, side, 0, 0, side, side], (count, 1))
    other = rng.random(count) < OTHER_SIZE_SHARE
    drawn = [rng.integers(32, 257, (count, 2)), rng.integers(0, 65, (count, 2)), rng.integers(32, 257, (count, 2))]
    ids[other] = np.concatenate(drawn, 1)[other]
    return torch.from_numpy(ids)


def pretrain(folder: Path, steps: dict[str, int], seed: int, device: torch.device) -> None:
    """All stages, each with its steps, with files in `folder`."""
    tokenizer = CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER)
    torch.manual_seed(seed)
    start = load_model(read_checkpoint(TOY_CHECKPOINT))
    start.to(torch.device("cpu"), torch.float32)
    unet, text = xl_modules(start, trained_tokens(tokenizer))
    images, scenes = image_bank(folder, BANK_IMAGES, seed)
    latents, _ = latent_bank(folder, start.vae, images)
    examples = Examples(latents, scenes, Captions(tokenizer))
    toy = ToySdxl(unet, text.to(device))
    cast("Any", unet).to(device)  # which diffusers wraps without types
    for name, count in steps.items():
        text.requires_grad_(name == "joint")
        if name == "v":
            freeze_shared(unet)
        trained = nn.ModuleList([unet, text] if name == "joint" else [unet])
        share = FULL_LENGTH_SHARES[name]
        stage = Denoising(
            file=folder / f"{name}.pt",
            steps=count,
            batch=BATCH,
            seed=seed,
            stream=STREAMS[name],
            is_full=partial(_by_chance, share),
            device=device,
            predicts_v=name == "v",
        )
        toy.train(stage, trained, examples)


def trained_tokens(tokenizer: CLIPTokenizer) -> list[int]:
    """The tokens whose embeddings are trained: those of captions, and CLIP-G's padding."""
    return [0, *seen_tokens(tokenizer)]


def _by_chance(share: float, _: int, rng: np.random.Generator) -> bool:
    return float(rng.random()) < share


def freeze_shared(unet: UNet2DConditionModel) -> None:
    """Keep what both variants have in common as it is."""
    for name, parameter in unet.named_parameters():
        parameter.requires_grad_(re.search(SHARED, name) is None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretrain the toy SDXL.")
    parser.add_argument("folder", type=Path)
    for name, steps in (("joint", 1300), ("epsilon", 2400), ("v", 2200)):
        parser.add_argument(f"--{name}-steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    steps = {name: cast("int", getattr(options, f"{name}_steps")) for name in STREAMS}
    pretrain(options.folder, steps, options.seed, options.device)


if __name__ == "__main__":
    main()
