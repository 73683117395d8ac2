"""Draw pictures with a checkpoint, and with LoRAs, hypernetworks and embeddings on it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..settings.groups.samples import SAMPLERS
from .arguments import whole_number
from .model_files import file_and_weight, read_hypernetwork_for, read_lora_for

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..families.family import DiffusionModel
    from ..sampling.draw import Drawing

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
DRAWN_TOGETHER = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    side, seed = whole_number(64, 2048, multiple_of=8), whole_number(0, 2**32 - 1)
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="SD 1.x checkpoint, .safetensors or .ckpt")
    add("--config", type=Path, metavar="FILE", help="its description (.yaml); default: the one beside it, if any")
    add("--lora", action="append", default=[], metavar="FILE[:WEIGHT]", help="LoRA to add, repeatable; weight 1")
    add(
        "--embedding", type=Path, action="append", default=[], metavar="FILE",
        help="embedding of a new word, which --prompt calls by the file's name; repeatable",
    )  # fmt: skip
    add(
        "--hypernetwork", action="append", default=[], metavar="FILE[:MULTIPLIER]",
        help="hypernetwork to add, each after the one before it, repeatable; multiplier 1",
    )  # fmt: skip
    add("--prompt", required=True, help="what to draw")
    add("--negative", default="", metavar="PROMPT", help="what not to draw")
    add("--out", type=Path, default=Path("pictures"), help="folder, or picture file (default: folder pictures)")
    add("--count", type=whole_number(1, 10_000), default=1, help="pictures (default: 1)")
    add("--seed", type=seed, default=0, help="seed of the first picture; the next have the next ones (default: 0)")
    add("--steps", type=whole_number(1, 1000), default=25, help="denoising steps, 1 to 1000 (default: 25)")
    add("--cfg", type=_guidance, default=7.5, help="how closely the prompt is followed, 1 (off) to 30 (default: 7.5)")
    add("--sampler", choices=SAMPLERS, default="ddim", help="default: ddim")
    add("--width", type=side, help="pixels, a multiple of 8 (default: what the checkpoint was made for)")
    add("--height", type=side, help="pixels, a multiple of 8 (default: what the checkpoint was made for)")


def _guidance(text: str) -> float:
    if not 1 <= float(text) <= 30:
        raise argparse.ArgumentTypeError(f"{text} cannot be used: it takes 1 to 30")
    return float(text)


def run(options: argparse.Namespace) -> int:
    """Draw and print the paths; 0. What cannot be used raises UserError."""
    from ..families.load_model import load_model
    from ..formats.checkpoint import read_checkpoint
    from ..sampling.draw import Drawing

    checkpoint = read_checkpoint(options.checkpoint, options.config)
    model = load_model(checkpoint)
    _move(model)
    _attach(model, options)
    side = checkpoint.architecture.image_size * 8
    drawing = Drawing(
        width=options.width or side,
        height=options.height or side,
        steps=options.steps,
        guidance_scale=options.cfg,
        sampler=options.sampler,
        negative_prompt=options.negative,
    )
    _draw_all(model, options, drawing)
    return 0


def _move(model: DiffusionModel) -> None:
    """To the GPU in half precision if there is one."""
    import torch

    on_gpu = torch.cuda.is_available()
    model.to(torch.device("cuda" if on_gpu else "cpu"), torch.float16 if on_gpu else torch.float32)


def _attach(model: DiffusionModel, options: argparse.Namespace) -> None:
    from ..networks.hypernetwork import attach_hypernetwork_file
    from ..networks.lora_files import WeightedLora, attach_loras
    from ..networks.new_words import attach_embedding_files

    loras = list(map(file_and_weight, options.lora))
    if loras:
        attach_loras(
            model,
            [WeightedLora(read_lora_for(model.family.facts, path)[0], weight, str(path)) for path, weight in loras],
        )
    for path, multiplier in map(file_and_weight, options.hypernetwork):
        attach_hypernetwork_file(model, read_hypernetwork_for(model.family.facts, path), multiplier)
    if options.embedding:
        attach_embedding_files(model, options.embedding)


def _draw_all(model: DiffusionModel, options: argparse.Namespace, drawing: Drawing) -> None:
    from ..sampling.draw import draw_pictures

    seeds = range(options.seed, options.seed + options.count)
    for start in range(0, options.count, DRAWN_TOGETHER):
        chosen = list(seeds[start : start + DRAWN_TOGETHER])
        pictures = draw_pictures(model, [options.prompt] * len(chosen), chosen, drawing)
        for seed, picture in zip(chosen, pictures, strict=True):
            path = _place(options, seed)
            _save(picture, path, _parameters(options, drawing, seed))
            print(path)


def _place(options: argparse.Namespace, seed: int) -> Path:
    """The file asked for, with the seed in its name where there are several; else a file in the folder asked for."""
    out: Path = options.out
    if out.suffix.lower() in PICTURE_ENDINGS:
        return out if options.count == 1 else out.with_name(f"{out.stem}-{seed}{out.suffix}")
    words = re.sub(r"[^\w-]+", "-", options.prompt).strip("-")[:60]
    return out / f"{words or 'picture'}-{seed}.png"


def _parameters(options: argparse.Namespace, drawing: Drawing, seed: int) -> str:
    """How the picture was made, as the WebUI writes it into its pictures."""
    negative = f"\nNegative prompt: {drawing.negative_prompt}" if drawing.negative_prompt else ""
    return (
        f"{options.prompt}{negative}\nSteps: {drawing.steps}, Sampler: {drawing.sampler}, "
        f"CFG scale: {drawing.guidance_scale}, Seed: {seed}, Size: {drawing.width}x{drawing.height}, "
        f"Model: {options.checkpoint.stem}"
    )


def _save(picture: Image, path: Path, parameters: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    from ..runs.atomic import replacing

    kind = {".png": "PNG", ".webp": "WEBP"}.get(path.suffix.lower(), "JPEG")
    more: dict[str, Any] = {}
    if kind == "PNG":
        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_text("parameters", parameters)
    with replacing(path) as unfinished:
        picture.save(unfinished, format=kind, **more)
