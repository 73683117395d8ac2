"""Puts the pretrained parts together into the toy checkpoint and reports how good it is.

    python -m sd_finetune.demo.build WORK_FOLDER [--pictures 300]

Also draws the subject's pictures. The report is printed and kept beside the checkpoint as `quality.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..formats.architecture import Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from ..formats.checkpoint import new_checkpoint, read_checkpoint
from ..models.parts import TOKENIZER_FOLDER, ModelParts, load_parts
from ..models.sampling import Drawing, draw_pictures
from . import world
from .places import SUBJECT_FOLDER, TOY_CHECKPOINT
from .pretrain import (
    BANK_PICTURES,
    TEXT_CONFIG,
    UNET_CONFIG,
    VAE_CONFIG,
    latent_bank,
    picture_bank,
    reconstruction_psnr,
)
from .reader import read_picture

SUBJECT_BACKGROUNDS = ("navy", "mint", "cream", "gray")
"""The subject is never shown on the others, so that they can tell whether it can be put there."""
SUBJECT_PICTURES = 8
UNSEEN_WORD_LENGTH = 12.0
"""Norm of the embeddings of words in no caption, those of learned words have about half of one. Pretraining teaches the
text encoder to draw the class whatever strange word stands before it, by hardly telling such words apart; at this
length the pictures stay what they were (15 stars of 16), and a training can tell "sks" from nothing."""
ATTRIBUTES = ("shape", "colour", "size", "background")


def assemble(folder: Path, seed: int) -> None:
    """Write the toy checkpoint from the parts in `folder`, the averaged ones of the UNet's training."""
    vae_state = torch.load(folder / "vae.pt", map_location="cpu", weights_only=True)["vae"]
    vae = AutoencoderKL(**VAE_CONFIG).eval()
    vae.load_state_dict(vae_state)
    pictures, _ = picture_bank(folder, BANK_PICTURES, seed)
    _, scale = latent_bank(folder, vae, pictures)
    both = torch.nn.ModuleList([UNet2DConditionModel(**UNET_CONFIG), CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG))])
    averaged = torch.load(folder / "unet.pt", map_location="cpu", weights_only=True)["average"]
    both.load_state_dict({k.removeprefix("module."): v for k, v in averaged.items() if k.startswith("module.")})
    unet, text_encoder = both
    lengthen_unseen_words(text_encoder, CLIPTokenizer.from_pretrained(TOKENIZER_FOLDER))
    parts = {"unet": unet.state_dict(), "vae": vae_state, "text_encoder": text_encoder.state_dict()}
    new_checkpoint(TOY_CHECKPOINT, toy_architecture(scale), parts)


@torch.no_grad()
def lengthen_unseen_words(text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Give the embeddings of words in no caption the norm UNSEEN_WORD_LENGTH."""
    rng = np.random.default_rng(0)
    texts = ["", *(world.caption(world.random_scene(rng)) for _ in range(2000))]
    seen = sorted({token for text in set(texts) for token in tokenizer(text).input_ids})
    rows = text_encoder.text_model.embeddings.token_embedding.weight
    kept = rows[seen]
    rows *= UNSEEN_WORD_LENGTH / rows.norm(dim=1, keepdim=True)
    rows[seen] = kept


def toy_architecture(scale_factor: float) -> Architecture:
    """The sizes of the toy, as its .yaml tells them."""
    width, text_width = UNET_CONFIG["block_out_channels"][0], TEXT_CONFIG["hidden_size"]
    return Architecture(
        unet=UNetSizes(
            model_channels=width,
            channel_mult=(1, 1, 1, 1),
            num_heads=UNET_CONFIG["attention_head_dim"],
            context_dim=text_width,
        ),
        vae=VaeSizes(ch=VAE_CONFIG["block_out_channels"][0], ch_mult=(1, 1, 1, 1), num_res_blocks=0),
        text_encoder=TextEncoderSizes(
            hidden_size=text_width,
            intermediate_size=TEXT_CONFIG["intermediate_size"],
            num_hidden_layers=TEXT_CONFIG["num_hidden_layers"],
            num_attention_heads=TEXT_CONFIG["num_attention_heads"],
        ),
        scale_factor=scale_factor,
        image_size=world.PICTURE_SIZE // 8,
    )


def draw_subject(seed: int) -> None:
    """The subject's pictures, as a person would have photographed it."""
    rng = np.random.default_rng(seed)
    SUBJECT_FOLDER.mkdir(exist_ok=True)
    for number in range(SUBJECT_PICTURES):
        background = SUBJECT_BACKGROUNDS[number % len(SUBJECT_BACKGROUNDS)]
        scene = world.subject_scene(rng, background, size="large" if number % 2 else "small")
        world.draw_scene(scene).save(SUBJECT_FOLDER / f"{number + 1}.png")


def reader_accuracy(scenes: Sequence[world.Scene]) -> float:
    """Share of drawn pictures of which the reader gets everything right."""
    readings = [(read_picture(world.draw_scene(s)), s) for s in scenes]
    return _share(r.is_subject == s.is_subject and all(_same(r, s, a) for a in ATTRIBUTES) for r, s in readings)


def caption_accuracy(parts: ModelParts, scenes: Sequence[world.Scene], drawing: Drawing, seed: int) -> dict[str, float]:
    """Of pictures drawn from full captions of `scenes`, the share of right shapes, colours, sizes and backgrounds."""
    readings = []
    for start in range(0, len(scenes), 20):
        captions = [world.caption(s) for s in scenes[start : start + 20]]
        seeds = range(seed + start, seed + start + len(captions))
        readings += [read_picture(p) for p in draw_pictures(parts, captions, seeds, drawing)]
    shares = {a: _share(_same(r, s, a) for r, s in zip(readings, scenes, strict=True)) for a in ATTRIBUTES}
    everything = _share(all(_same(r, s, a) for a in ATTRIBUTES) for r, s in zip(readings, scenes, strict=True))
    return {**shares, "all of them": everything}


def _same(reading: object, scene: world.Scene, attribute: str) -> bool:
    return (scene.is_subject and attribute == "colour") or getattr(reading, attribute) == getattr(scene, attribute)


def _share(facts: object) -> float:
    return float(np.mean(list(facts)))  # type: ignore[call-overload]


def main() -> None:
    parser = argparse.ArgumentParser(description="Assemble the toy checkpoint and report its quality.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    assemble(options.folder, options.seed)
    draw_subject(options.seed)
    parts = load_parts(read_checkpoint(TOY_CHECKPOINT))
    parts.to(torch.device("cpu"), torch.float32)
    rng = np.random.default_rng(options.seed + 1000)
    held_out = [world.random_scene(rng) for _ in range(options.pictures)]
    pictures = np.stack([np.asarray(world.draw_scene(s)) for s in held_out])
    drawing = Drawing(world.PICTURE_SIZE, world.PICTURE_SIZE, steps=25, guidance_scale=options.guidance, sampler="ddim")
    report = {
        "pictures": options.pictures,
        "sampler": f"ddim, {drawing.steps} steps, guidance {drawing.guidance_scale}",
        "megabytes": round(TOY_CHECKPOINT.stat().st_size / 1e6, 1),
        "vae psnr (dB)": round(reconstruction_psnr(parts.vae, pictures), 2),
        "reader right": round(reader_accuracy(held_out), 4),
        **{f"{k} right": round(v, 4) for k, v in caption_accuracy(parts, held_out, drawing, options.seed).items()},
    }
    for name, value in report.items():
        print(f"{name:22} {value}")
    TOY_CHECKPOINT.with_name("quality.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
