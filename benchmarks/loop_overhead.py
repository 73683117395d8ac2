"""What the training loop costs beyond the arithmetic of a step.

    python benchmarks/loop_overhead.py [--steps 60] [--batch 4] [--widths 64,192] [--json FILE]

Two LoRA runs with class-prior preservation live in one process and do their steps in turns, so that whatever else the
machine does hits both alike:

- ours: `training.loop.train`, with its batches, random numbers, events, table of losses and commands;
- barest: UNet forward on fixed tensors, mean squared error, backward, clipping, optimizer, the loss read out.

Models are Stable Diffusion 1 with random weights, all levels of the given width, on 64 x 64 images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch.nn.functional import mse_loss
from transformers import CLIPTextConfig, CLIPTextModel

sys.path.insert(0, str(Path(__file__).parents[1]))

from sd_finetune.families.sd1.architecture import Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.read import from_dict
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training

WARM_UP = 3


def random_checkpoint(path: Path, width: int) -> None:
    """A model of random weights whose levels are all `width` channels wide."""
    torch.manual_seed(0)
    architecture = Sd1Architecture(
        unet=UNetSizes(model_channels=width, channel_mult=(1, 1, 1, 1), num_heads=4, context_dim=64),
        vae=VaeSizes(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=0),
        text_encoder=TextEncoderSizes(
            hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4
        ),
        image_size=8,
    )
    modules = {
        "unet": UNet2DConditionModel(**architecture.unet_config()),
        "vae": AutoencoderKL(**architecture.vae_config()),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**architecture.text_config())),
    }
    new_checkpoint(path, FAMILY, architecture, {name: module.state_dict() for name, module in modules.items()}, "fp32")


def prepared(home: Path, batch: int, steps: int) -> Training:
    """A run ready to train, on images of noise."""
    for role in ("subject", "class"):
        (home / role).mkdir(exist_ok=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(home / role / f"{number}.png")
    concept = {
        "folder": str(home / "subject"),
        "instance_prompt": "a photo of sks star",
        "class_prompt": "a photo of a star",
        "class_folder": str(home / "class"),
        "class_images": 8,
    }
    content = {
        "base": {"checkpoint": str(home / "toy.safetensors")},
        "train": {"length": f"{steps} steps", "batch_size": batch, "device": "cpu"},
        "data": {"resolution": 64},
        "evaluation": {"every": "0"},
        "concepts": [concept],
    }
    return prepare(RunFolder.create(home / "runs", "overhead", from_dict(content)), resume=False)


class Turns:
    """Lets the loop run in a thread of its own, one step at each call, and tells how long that step took."""

    def __init__(self, training: Training) -> None:
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        of_step = training.batches.of_step

        def waiting(step: int) -> Iterator[object]:
            self._done.release()
            self._go.acquire()
            yield from of_step(step)

        training.batches.of_step = waiting  # type: ignore[assignment,method-assign]
        threading.Thread(target=train, args=(training,), daemon=True).start()
        self._done.acquire()

    def __call__(self) -> None:
        self._go.release()
        self._done.acquire()


def barest(training: Training) -> Callable[[], None]:
    """One step with nothing but the network and the optimizer."""
    (batch,) = training.batches.of_step(0)
    context = training.conditioning(batch.prompts).detach()
    parameters = training.trained_parameters
    target = torch.randn_like(batch.latents)

    def step() -> None:
        predicted = training.model.unet(batch.latents, batch.timesteps, context).sample
        loss = mse_loss(predicted, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def measure(home: Path, width: int, batch: int, steps: int) -> dict[str, float]:
    """Median milliseconds of a step of each kind, and the ratio of the first to the second."""
    random_checkpoint(home / "toy.safetensors", width)
    kinds: dict[str, Callable[[], None]] = {
        "ours": Turns(prepared(home, batch, steps + WARM_UP + 1)),
        "barest": barest(prepared(home, batch, 1)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(steps + WARM_UP):
        for name, step in kinds.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    medians = {f"{name} (ms)": 1000 * statistics.median(times[WARM_UP:]) for name, times in seconds.items()}
    ratios = [a / b for a, b in zip(seconds["ours"][WARM_UP:], seconds["barest"][WARM_UP:], strict=True)]
    return {"width": width, "batch": 2 * batch, **medians, "ratio": statistics.median(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4, help="instance images; as many class images join them")
    parser.add_argument("--widths", default="64,192")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for width in map(int, options.widths.split(",")):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            rows.append(measure(Path(home), width, options.batch, options.steps))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.steps} steps each")
    print("".join(f"{name:>14}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:14.3f}" if isinstance(value, float) else f"{value:14}" for value in row.values()))
    text = json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "rows": rows}, indent=2)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
