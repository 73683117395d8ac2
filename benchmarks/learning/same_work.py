"""What the demo's settings are for others: the same base, images, prompts, steps, batch size and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.material import diffusers_folder
from benchmarks.peer_commands import Work
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.run import load_base
from sd_finetune.demo.score import generate_many
from sd_finetune.demo.subjects import SUBJECTS

STEPS, BATCH, RESOLUTION, RANK, WARMUP = 400, 4, 64, 8, 10
CLASS_IMAGES = 40
CLASS_SEED = 0
"""Of the first class image; those that are scored have others."""


@dataclass
class SameWork:
    """In `home`, made when it is asked for, once."""

    home: Path
    steps: int = STEPS
    class_count: int = CLASS_IMAGES

    @cached_property
    def base(self) -> Path:
        """As diffusers reads it."""
        return diffusers_folder(TOY_CHECKPOINT, self.home / "base")

    @cached_property
    def class_images(self) -> Path:
        """As many as the demo has, generated as it does."""
        folder = self.home / "class-images-of-the-base"
        folder.mkdir()
        drawn = generate_many(load_base(), SUBJECTS["star"].class_prompt, self.class_count, CLASS_SEED)
        for number, image in enumerate(drawn):
            image.save(folder / f"{number:03}.png")
        return folder

    def at(self, rate: float) -> Work:
        """As `benchmarks.peer_commands` has it."""
        images = SUBJECTS["star"].folder
        return Work(
            checkpoint=TOY_CHECKPOINT,
            diffusers_folder=self.base,
            images=images,
            class_images=self.class_images,
            captioned=images,
            tokenizers=self.home,
            steps=self.steps,
            batch=BATCH,
            resolution=RESOLUTION,
            precision="no",
            device="cpu",
            rank=RANK,
            learning_rate=rate,
        )
