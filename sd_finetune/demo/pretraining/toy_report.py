"""Quality of the toy checkpoints.

    python -m sd_finetune.demo.pretraining.toy_report [--images 300]

The report on the toy Stable Diffusion 1 is printed and saved beside the checkpoint as `quality.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from ...families.family import DiffusionModel
from ...families.load_model import load_model
from ...formats.checkpoint import read_checkpoint
from ...sampling.generate import GenerationSettings, generate_images
from .. import world
from ..paths import TOY_CHECKPOINT
from ..reader import read_image
from .pretrain import reconstruction_psnr

TOY_REPORT = TOY_CHECKPOINT.with_name("quality.json")
ATTRIBUTES = ("shape", "color", "size", "background")
GENERATION = GenerationSettings(world.IMAGE_SIZE, world.IMAGE_SIZE, steps=25, guidance_scale=3.0, sampler="ddim")


def toy_report(checkpoint: Path, images: int = 300, seed: int = 1) -> dict[str, object]:
    """Accuracy of a toy for held-out captions, accuracy of the reader, and the VAE's PSNR."""
    model = load_model(read_checkpoint(checkpoint))
    model.to(torch.device("cpu"), torch.float32)
    rng = np.random.default_rng(seed + 1000)
    held_out = [world.random_scene(rng) for _ in range(images)]
    pixels = np.stack([np.asarray(world.draw_scene(s)) for s in held_out])
    return {
        "images": images,
        "sampler": f"{GENERATION.sampler}, {GENERATION.steps} steps, guidance {GENERATION.guidance_scale}",
        "megabytes": round(checkpoint.stat().st_size / 1e6, 1),
        "vae psnr (dB)": round(reconstruction_psnr(model.vae, pixels), 2),
        "reader right": round(reader_accuracy(held_out), 4),
        **{f"{k} right": round(v, 4) for k, v in caption_accuracy(model, held_out, seed).items()},
    }


def write_report(path: Path, report: Mapping[str, object]) -> None:
    """Print it and save it."""
    text = json.dumps(report, indent=2)
    print(text)
    path.write_text(text + "\n", encoding="utf-8")


def reader_accuracy(scenes: Sequence[world.Scene]) -> float:
    """Share of rendered scenes of which the reader gets everything right."""
    readings = [(read_image(world.draw_scene(s)), s) for s in scenes]
    return _share(r.is_subject == s.is_subject and all(_same(r, s, a) for a in ATTRIBUTES) for r, s in readings)


def caption_accuracy(
    model: DiffusionModel, scenes: Sequence[world.Scene], seed: int, generation: GenerationSettings = GENERATION
) -> dict[str, float]:
    """For images generated with full captions of `scenes`, the shares of right attributes."""
    readings = []
    for start in range(0, len(scenes), 20):
        captions = [world.caption(s) for s in scenes[start : start + 20]]
        seeds = range(seed + start, seed + start + len(captions))
        readings += [read_image(p) for p in generate_images(model, captions, seeds, generation)]
    shares = {a: _share(_same(r, s, a) for r, s in zip(readings, scenes, strict=True)) for a in ATTRIBUTES}
    everything = _share(all(_same(r, s, a) for a in ATTRIBUTES) for r, s in zip(readings, scenes, strict=True))
    return {**shares, "all of them": everything}


def _same(reading: object, scene: world.Scene, attribute: str) -> bool:
    return (scene.is_subject and attribute == "color") or getattr(reading, attribute) == getattr(scene, attribute)


def _share(facts: object) -> float:
    return float(np.mean(list(facts)))  # type: ignore[call-overload]


def main() -> None:
    parser = argparse.ArgumentParser(description="Report how good the toy checkpoint is.")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_report(TOY_REPORT, toy_report(TOY_CHECKPOINT, options.images, options.seed))


if __name__ == "__main__":
    main()
