"""Whether masks keep the background of the training images out of what is learned, on the toy.

    python -m benchmarks.masks [--methods lora textual-inversion] [--priors off images] [--seeds 2] [--images 60]
        [--json FILE]

All images of the ring are on mint. Trains the demo's settings with them, as they are, with masks, and with masks and a
prior outside, once for each seed, and prints a table of means over seeds: shares of the images of new prompts, the
subject on each of the other backgrounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.quality import SCORE_SEED, settings_for, train
from sd_finetune.commands.demo import METHODS
from sd_finetune.data.images import open_image
from sd_finetune.data.latents import to_pixels
from sd_finetune.demo.reader import FOREGROUND_DISTANCE
from sd_finetune.demo.run import load_base, load_result
from sd_finetune.demo.score import read_prompt
from sd_finetune.demo.subjects import RING_BACKGROUND, SUBJECTS
from sd_finetune.demo.world import BACKGROUNDS
from sd_finetune.families.family import DiffusionModel
from sd_finetune.settings.groups.masks import Masks
from sd_finetune.settings.options import Settings

SUBJECT, TAUGHT = SUBJECTS["ring"], RING_BACKGROUND
"""Its training images have this background."""
OTHERS = tuple(name for name in BACKGROUNDS if name != TAUGHT)
NOISY_IMAGES, TIMESTEP = 16, 900
PRIOR_WEIGHTS = {"dreambooth": 4.0}
"""Of the prior outside, where 1 is too little, as with the class prior from the model (benchmarks/quality.py)."""


def ways(method: str) -> dict[str, Masks]:
    """What is compared, by what it is called."""
    masks = Masks(source="files")
    held = replace(masks, prior_weight=PRIOR_WEIGHTS.get(method, 1.0))
    return {"no masks": Masks(), "masks": masks, "masks and prior outside": held}


@dataclass(frozen=True)
class Leak:
    """All shares, 0 ... 1.

    fidelity: images of the subject's prompts that show it, on whatever background. leak: images of its prompt without a
    background that have that of the training images. class_leak: the same of the class prompt. asked: images of its
    prompts with another background that have that one. moved: how far the background that the model makes of next to
    nothing but noise has come from the base's to that of the training images; may be below 0 and above 1.
    """

    fidelity: float
    leak: float
    class_leak: float
    asked: float
    moved: float


def masked_images(folder: Path) -> Path:
    """The subject's training images with masks beside them, white where a pixel is not of the background."""
    own = folder / SUBJECT.name
    own.mkdir()
    ground = np.array(BACKGROUNDS[TAUGHT], np.float32)
    for file in sorted(SUBJECT.folder.glob("*.png")):
        image = Image.open(file).convert("RGB")
        image.save(own / file.name)
        distance = np.linalg.norm(np.asarray(image, np.float32) - ground, axis=-1)
        Image.fromarray(np.uint8(255) * (distance >= FOREGROUND_DISTANCE)).save(own / f"{file.stem}.mask.png")
    return own


def masked_settings(method: str, prior: str, seed: int, images: Path, masks: Masks) -> Settings:
    """The demo's settings for the subject, with these images and masks, and no captions that name the background."""
    settings = settings_for(method, SUBJECT, prior, seed)
    concept = replace(settings.concepts[0], folder=str(images), default_caption="")
    return replace(settings, masks=masks, concepts=(concept,))


def measure(model: DiffusionModel, count: int) -> Leak:
    """Generate `count` images for each prompt without a background, and as many with the others, in turn."""
    each = -(-count // len(OTHERS))
    plain = read_prompt(model, SUBJECT.prompt, count, SCORE_SEED)
    classes = read_prompt(model, SUBJECT.class_prompt, count, SCORE_SEED)
    asked = {name: read_prompt(model, f"{SUBJECT.prompt} on a {name} background", each, SCORE_SEED) for name in OTHERS}
    moved = [(name, reading) for name, readings in asked.items() for reading in readings]
    return Leak(
        fidelity=_share([SUBJECT.is_shown(reading) for reading in (*plain, *(reading for _, reading in moved))]),
        leak=_share([reading.background == TAUGHT for reading in plain]),
        class_leak=_share([reading.background == TAUGHT for reading in classes]),
        asked=_share([reading.background == name for name, reading in moved]),
        moved=background_moved(model),
    )


@torch.no_grad()
def background_moved(model: DiffusionModel) -> float:
    """As `Leak.moved`."""
    images = [to_pixels(np.array(open_image(file))) for file in sorted(SUBJECT.folder.glob("*.png"))]
    base = load_base()
    taught = _around(base.vae.encode(torch.stack(images)).latent_dist.mean * base.scale_factor)
    before, after = _drawn_around(base), _drawn_around(model)
    return float((after - before) @ (taught - before) / (taught - before).square().sum())


def _drawn_around(model: DiffusionModel) -> Tensor:
    """The outermost of the clean latents that the model predicts for its subject's prompt, (4,)."""
    noise = torch.randn(NOISY_IMAGES, 4, 8, 8, generator=torch.Generator().manual_seed(SCORE_SEED))
    timesteps, kept = torch.full((NOISY_IMAGES,), TIMESTEP), model.alphas_cumprod[TIMESTEP]
    predicted = model.predict(noise, timesteps, model.encode_prompts([SUBJECT.prompt] * NOISY_IMAGES))
    return _around((noise - (1 - kept).sqrt() * predicted) / kept.sqrt())


def _around(latents: Tensor) -> Tensor:
    """The mean of the outermost latents of all images, (4,)."""
    edges = [latents[..., 0, :], latents[..., -1, :], latents[..., :, 0], latents[..., :, -1]]
    return torch.cat(edges, dim=-1).mean(dim=(0, 2))


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    names = [field.name for field in fields(Leak)]
    lines = [f"| | {' | '.join(name.replace('_', ' ') for name in names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(f'{found[n]:.1%}' for n in names)} |" for row, found in rows.items()]
    return "\n".join(lines)


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("lora", "textual-inversion"))
    parser.add_argument("--priors", nargs="+", choices=("off", "images"), default=("off",))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--images", type=int, default=60, help="images of each kind of prompt")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    rows = {"base": asdict(measure(load_base(), options.images))}
    with tempfile.TemporaryDirectory() as folder:
        images = masked_images(Path(folder))
        for method in options.methods:
            for prior in options.priors:
                for way, masks in ways(method).items():
                    name = f"{method}, {way}" + (f", class {prior}" if prior != "off" else "")
                    found: list[dict[str, float]] = []
                    for seed in range(1, options.seeds + 1):
                        result = train(masked_settings(method, prior, seed, images, masks), Path(folder))
                        found.append(asdict(measure(load_result(method, result), options.images)))
                    rows[name] = {each: mean(one[each] for one in found) for each in found[0]}
                    print(f"{name}: {found}", flush=True)
    print("", table(rows), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
