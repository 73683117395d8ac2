"""Generate images with a checkpoint and, optionally, LoRAs, hypernetworks and embeddings."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..runs.atomic import refuse_unwritable, replacing
from ..settings.emphasis import EMPHASIS_MODES, EMPHASIS_TITLES
from ..settings.groups.samples import SAMPLERS
from ..settings.option import MOST_SEED
from ..settings.prompt_reading import PromptReading
from ..settings.sample_syntax import unknown_in_prompt
from ..training.quick_imports import unneeded_packages_hidden
from .arguments import number, whole_number
from .model_files import add_checkpoint_arguments, file_and_weight, read_hypernetwork_for, read_lora_for

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..families.family import DiffusionModel
    from ..sampling.generate import GenerationSettings

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
IMAGES_PER_BATCH = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    side, seed = whole_number(64, 2048, multiple_of=8), whole_number(0, MOST_SEED)
    add = parser.add_argument
    add_checkpoint_arguments(parser, vae="VAE in place of the checkpoint's own")
    add(
        "--lora",
        action="append",
        default=[],
        metavar="FILE[:WEIGHT]",
        help="LoRA to use, repeatable; the weight is 1 by default",
    )
    add(
        "--embedding", type=Path, action="append", default=[], metavar="FILE",
        help="embedding, with the file's name as its word in --prompt; repeatable",
    )  # fmt: skip
    add(
        "--hypernetwork", action="append", default=[], metavar="FILE[:MULTIPLIER]",
        help="hypernetwork to use, each after the one before it, repeatable; the multiplier is 1 by default",
    )  # fmt: skip
    add("--prompt", required=True, help="prompt")
    add("--negative", default="", metavar="PROMPT", help="negative prompt")
    add("--out", type=Path, default=Path("images"), help="folder or image file (default: the folder images)")
    add("--count", type=whole_number(1, 10_000), default=1, help="number of images (default: 1)")
    add("--seed", type=seed, default=0, help="seed of the first image; each further image adds 1 (default: 0)")
    add("--steps", type=whole_number(1, 1000), default=25, help="sampling steps, 1 to 1000 (default: 25)")
    add("--cfg", type=number(1, 30), default=7.5, help="CFG scale, 1 (off) to 30 (default: 7.5)")
    add("--sampler", choices=SAMPLERS, default="ddim", help="sampling method (default: ddim)")
    add("--clip-skip", type=whole_number(1, 12), default=1, help="clip skip, as in the WebUI (default: 1)")
    add(
        "--emphasis", choices=EMPHASIS_MODES, default="original",
        help="how (word:1.2), [word] and BREAK are read: the WebUI's emphasis modes (default: original)",
    )  # fmt: skip
    add("--width", type=side, help="pixels, a multiple of 8 (default: the resolution of the checkpoint)")
    add("--height", type=side, help="pixels, a multiple of 8 (default: the resolution of the checkpoint)")


def run(options: argparse.Namespace) -> int:
    """Generate images and print their paths; 0, or 1 if one is not finite or all black, which is not saved.

    Raises UserError for arguments that cannot be used.
    """
    with unneeded_packages_hidden():
        from ..families.family import import_libraries
        from ..families.load_model import load_model
        from ..families.prompts import refuse_clip_skip
        from ..formats.checkpoint import read_checkpoint
        from ..formats.vae_file import with_vae
        from ..sampling.generate import GenerationSettings

        import_libraries()
    _refuse_unknown(options)
    refuse_unwritable(_place(options, options.seed))
    base = read_checkpoint(options.checkpoint, options.config)
    base = with_vae(base, options.vae) if options.vae else base
    base.refuse_not_finite()
    model = load_model(base)
    refuse_clip_skip(model, options.clip_skip, "--clip-skip")
    _move(model)
    _attach(model, options)
    side = model.native_side
    generation = GenerationSettings(
        width=options.width or side,
        height=options.height or side,
        steps=options.steps,
        guidance_scale=options.cfg,
        sampler=options.sampler,
        negative_prompt=options.negative,
        reading=PromptReading(options.emphasis, options.clip_skip, chunks=None),
    )
    failed = _generate_all(model, options, generation)
    if failed:
        more = f" So it is with {len(failed) - 1} more of {options.count}." if len(failed) > 1 else ""
        print(failed[0] + more, file=sys.stderr)
    return 1 if failed else 0


def _refuse_unknown(options: argparse.Namespace) -> None:
    """Raise UserError for what the WebUI knows in prompts and this command does not."""
    for name in ("prompt", "negative"):
        prompt = getattr(options, name)
        networks = "give the file with --lora or --hypernetwork"
        unknown = unknown_in_prompt(prompt, networks, is_negative=name == "negative")
        if unknown:
            raise UserError(f'--{name} "{prompt}" {unknown}')


def _move(model: DiffusionModel) -> None:
    """To the GPU if there is one, in half precision but on a Mac's."""
    import torch

    from ..training.device import best_device

    device = best_device()
    model.to(device, torch.float16 if device.type == "cuda" else torch.float32)


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
    attach_embedding_files(model, options.embedding, [path for path, _ in loras])


def _generate_all(model: DiffusionModel, options: argparse.Namespace, generation: GenerationSettings) -> list[str]:
    """Save and print each image; a sentence for each one that is none."""
    from ..sampling.generate import draw_images, no_image

    failed: list[str] = []
    seeds = range(options.seed, options.seed + options.count)
    for start in range(0, options.count, IMAGES_PER_BATCH):
        chosen = list(seeds[start : start + IMAGES_PER_BATCH])
        images = draw_images(model, [options.prompt] * len(chosen), chosen, generation)
        for seed, drawn in zip(chosen, images, strict=True):
            if drawn.image is None:
                failed.append(no_image(seed, drawn))
                continue
            path = _place(options, seed)
            _save(drawn.image, path, _parameters(options, generation, seed))
            print(path)
    return failed


def _place(options: argparse.Namespace, seed: int) -> Path:
    """The file of --out, with the seed in its name if there are several images; else a file in the folder of --out."""
    out: Path = options.out
    if out.suffix.lower() in IMAGE_ENDINGS:
        return out if options.count == 1 else out.with_name(f"{out.stem}-{seed}{out.suffix}")
    words = re.sub(r"[^\w-]+", "-", options.prompt).strip("-")[:60]
    return out / f"{words or 'image'}-{seed}.png"


def _parameters(options: argparse.Namespace, generation: GenerationSettings, seed: int) -> str:
    """The generation parameters, as the WebUI writes them into its images."""
    negative = f"\nNegative prompt: {generation.negative_prompt}" if generation.negative_prompt else ""
    return (
        f"{options.prompt}{negative}\nSteps: {generation.steps}, Sampler: {generation.sampler}, "
        f"CFG scale: {generation.guidance_scale}, Seed: {seed}, Size: {generation.width}x{generation.height}, "
        f"Model: {options.checkpoint.stem}{_reading_parameters(options)}"
    )


def _reading_parameters(options: argparse.Namespace) -> str:
    """Named where they are not the WebUI's own, as it does."""
    skip = f", Clip skip: {options.clip_skip}" if options.clip_skip > 1 else ""
    return skip + (f", Emphasis: {EMPHASIS_TITLES[options.emphasis]}" if options.emphasis != "original" else "")


def _save(image: Image, path: Path, parameters: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    kind = {".png": "PNG", ".webp": "WEBP"}.get(path.suffix.lower(), "JPEG")
    more: dict[str, Any] = {}
    if kind == "PNG":
        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_text("parameters", parameters)
    with replacing(path) as unfinished:
        image.save(unfinished, format=kind, **more)
