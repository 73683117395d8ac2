"""How good the toy checkpoint is.

    python -m sd_finetune.demo.pretraining.toy_report [--pictures 300]

The report is printed and kept beside the checkpoint as `quality.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ...families.family import DiffusionModel
from ...families.load_model import load_model
from ...formats.checkpoint import read_checkpoint
from ...sampling.draw import Drawing, draw_pictures
from .. import world
from ..paths import TOY_CHECKPOINT
from ..reader import read_picture
from .pretrain import reconstruction_psnr

ATTRIBUTES = ("shape", "colour", "size", "background")
DRAWING = Drawing(world.PICTURE_SIZE, world.PICTURE_SIZE, steps=25, guidance_scale=3.0, sampler="ddim")


def toy_report(pictures: int = 300, seed: int = 1) -> dict[str, object]:
    """Shares of what the toy draws right from held-out captions, of what the reader reads right, and the VAE's PSNR."""
    model = load_model(read_checkpoint(TOY_CHECKPOINT))
    model.to(torch.device("cpu"), torch.float32)
    rng = np.random.default_rng(seed + 1000)
    held_out = [world.random_scene(rng) for _ in range(pictures)]
    drawn = np.stack([np.asarray(world.draw_scene(s)) for s in held_out])
    return {
        "pictures": pictures,
        "sampler": f"{DRAWING.sampler}, {DRAWING.steps} steps, guidance {DRAWING.guidance_scale}",
        "megabytes": round(TOY_CHECKPOINT.stat().st_size / 1e6, 1),
        "vae psnr (dB)": round(reconstruction_psnr(model.vae, drawn), 2),
        "reader right": round(reader_accuracy(held_out), 4),
        **{f"{k} right": round(v, 4) for k, v in caption_accuracy(model, held_out, seed).items()},
    }


def write_report(report: Mapping[str, object]) -> None:
    """Print it and keep it beside the checkpoint."""
    for name, value in report.items():
        print(f"{name:22} {value}")
    TOY_CHECKPOINT.with_name("quality.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def reader_accuracy(scenes: Sequence[world.Scene]) -> float:
    """Share of drawn pictures of which the reader gets everything right."""
    readings = [(read_picture(world.draw_scene(s)), s) for s in scenes]
    return _share(r.is_subject == s.is_subject and all(_same(r, s, a) for a in ATTRIBUTES) for r, s in readings)


def caption_accuracy(model: DiffusionModel, scenes: Sequence[world.Scene], seed: int) -> dict[str, float]:
    """Of pictures drawn from full captions of `scenes`, the share of right shapes, colours, sizes and backgrounds."""
    readings = []
    for start in range(0, len(scenes), 20):
        captions = [world.caption(s) for s in scenes[start : start + 20]]
        seeds = range(seed + start, seed + start + len(captions))
        readings += [read_picture(p) for p in draw_pictures(model, captions, seeds, DRAWING)]
    shares = {a: _share(_same(r, s, a) for r, s in zip(readings, scenes, strict=True)) for a in ATTRIBUTES}
    everything = _share(all(_same(r, s, a) for a in ATTRIBUTES) for r, s in zip(readings, scenes, strict=True))
    return {**shares, "all of them": everything}


def _same(reading: object, scene: world.Scene, attribute: str) -> bool:
    return (scene.is_subject and attribute == "colour") or getattr(reading, attribute) == getattr(scene, attribute)


def _share(facts: object) -> float:
    return float(np.mean(list(facts)))  # type: ignore[call-overload]


def main() -> None:
    parser = argparse.ArgumentParser(description="Report how good the toy checkpoint is.")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_report(toy_report(options.pictures, options.seed))


if __name__ == "__main__":
    main()
