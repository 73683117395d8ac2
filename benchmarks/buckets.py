"""Whether a subject that is not a square is drawn whole, with aspect ratio buckets and without, on the toy.

    python -m benchmarks.buckets [--methods lora] [--seeds 2] [--images 40] [--pictures FOLDER] [--json FILE]

The subject is a pair, twice as wide as high: the star of two colors on the left, a red circle on the right. Trains the
demo's settings with its images in buckets and as squares, once for each seed, generates it in the size of the images
and as a square, and prints a table of means over seeds: shares of the images that have the colors of both in their
places ("both"), and in which the border cuts through neither ("whole").
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality import SCORE_SEED, settings_for, train
from sd_finetune.commands.demo import METHODS
from sd_finetune.data.buckets import trained_size
from sd_finetune.data.cropping import Size
from sd_finetune.demo.reader import COLOR_DISTANCE, FOREGROUND_DISTANCE
from sd_finetune.demo.run import load_base, load_result
from sd_finetune.demo.score import IMAGES_PER_BATCH, SCORED_GENERATION
from sd_finetune.demo.subjects import IMAGES, STAR_BACKGROUNDS
from sd_finetune.demo.world import COLORS, IMAGE_SIZE, SUBJECT_COLORS, draw_scene, plain_scene, subject_scene
from sd_finetune.families.family import DiffusionModel
from sd_finetune.sampling.generate import generate_images
from sd_finetune.settings.options import Settings

PROMPT = "a photo of sks pair"
PAIR: Size = (2 * IMAGE_SIZE, IMAGE_SIZE)
LEAST_PIXELS = 30
"""Of a color that is there; the smaller of the star's halves has about 150."""
STEP = 8
"""Of the buckets' sides: those of the toy are small."""


def pairs(folder: Path) -> Path:
    """The training images."""
    rng = np.random.default_rng(11)
    folder.mkdir()
    for number in range(IMAGES):
        background = STAR_BACKGROUNDS[number % len(STAR_BACKGROUNDS)]
        image = Image.new("RGB", PAIR)
        image.paste(draw_scene(subject_scene(rng, background, "large")), (0, 0))
        image.paste(draw_scene(plain_scene(rng, "circle", "red", "large", background)), (IMAGE_SIZE, 0))
        image.save(folder / f"{number + 1}.png")
    return folder


def settings_of(method: str, seed: int, images: Path, buckets: bool) -> Settings:
    """The demo's settings for the pair, without a prior."""
    settings = settings_for(method, None, "off", seed)
    concept = replace(settings.concepts[0], folder=str(images), instance_prompt=PROMPT)
    return replace(settings, data=replace(settings.data, buckets=buckets, bucket_step=STEP), concepts=(concept,))


def generate(model: DiffusionModel, size: Size, count: int) -> list[Image.Image]:
    """`count` images of the pair."""
    generation = replace(SCORED_GENERATION, width=size[0], height=size[1])
    images: list[Image.Image] = []
    for start in range(0, count, IMAGES_PER_BATCH):
        seeds = range(SCORE_SEED + start, SCORE_SEED + min(start + IMAGES_PER_BATCH, count))
        images += generate_images(model, [PROMPT] * len(seeds), seeds, generation)
    return images


def shown(image: Image.Image) -> tuple[bool, bool]:
    """Whether both parts of the pair are in their places, and whether they are and the border cuts through neither."""
    pixels = np.asarray(image.convert("RGB"), np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(border, axis=0)
    left, right = pixels[:, : image.width // 2], pixels[:, image.width // 2 :]
    both = all(_has(left, color) for color in SUBJECT_COLORS) and _has(right, "red") and not _has(left, "red")
    cut = (np.linalg.norm(border - ground, axis=-1) >= FOREGROUND_DISTANCE).any()
    return both, both and not cut


def _has(pixels: NDArray[np.float32], color: str) -> bool:
    """Whether a color is that of enough pixels."""
    near = np.linalg.norm(pixels - np.array(COLORS[color], np.float32), axis=-1) <= COLOR_DISTANCE
    return int(near.sum()) >= LEAST_PIXELS


def shares(images: Sequence[Image.Image]) -> dict[str, float]:
    """Of the images that show both parts, and that show them whole."""
    found = [shown(image) for image in images]
    return {"both": mean(both for both, _ in found), "whole": mean(whole for _, whole in found)}


def keep_pictures(images: Sequence[Image.Image], file: Path) -> None:
    """The first of them side by side, three times as large."""
    first = [image.resize((image.width * 3, image.height * 3), Image.Resampling.NEAREST) for image in images[:4]]
    row = Image.new("RGB", (sum(image.width + 6 for image in first) - 6, first[0].height), "white")
    for number, image in enumerate(first):
        row.paste(image, (number * (image.width + 6), 0))
    row.save(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("lora",))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--pictures", type=Path, help="folder for some of the images")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = pairs(Path(folder) / "pair")
        data = settings_of("lora", 1, images, buckets=True).data
        wide = trained_size(PAIR, data)
        rows["base, wide"] = shares(generate(load_base(), wide, options.images))
        for method in options.methods:
            for way in ("buckets", "squares"):
                found: dict[str, list[dict[str, float]]] = {"wide": [], "square": []}
                for seed in range(1, options.seeds + 1):
                    result = train(settings_of(method, seed, images, way == "buckets"), Path(folder))
                    model = load_result(method, result)
                    for shape, size in {"wide": wide, "square": (IMAGE_SIZE, IMAGE_SIZE)}.items():
                        made = generate(model, size, options.images)
                        found[shape].append(shares(made))
                        if options.pictures and seed == 1:
                            options.pictures.mkdir(parents=True, exist_ok=True)
                            keep_pictures(made, options.pictures / f"{method}-{way}-{shape}.png")
                for shape, scores in found.items():
                    rows[f"{method}, {way}, drawn {shape}"] = {k: mean(s[k] for s in scores) for k in scores[0]}
                print(f"{method}, {way}: {found}", flush=True)
    print("", "| | both | whole |", "|---|---|---|", sep="\n")
    for name, numbers in rows.items():
        print(f"| {name} | {numbers['both']:.1%} | {numbers['whole']:.1%} |")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
