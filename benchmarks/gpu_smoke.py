"""LoRA and DreamBooth at Stable Diffusion 1.5's size on a GPU: speed, use of the machine, memory.

    python benchmarks/gpu_smoke.py [--device cuda|cpu] [--size sd15|toy] [--steps 30] [--json FILE]

The model has seeded random weights. Each row is a run of `training.loop.train` without prior, in bf16, with the latents
of noise images cached: 512 px at the size of SD1.5, 64 px for the toy. `--device cpu --size toy` proves the benchmark
without a GPU; on a CPU there is no reserved memory to tell.

ceiling: FLOP/s of a large bf16 matrix product on the same device. share: FLOP of a step, forward and backward as
`torch.utils.flop_counter` counts them, times steps a second, over the ceiling.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

sys.path.insert(0, str(Path(__file__).parents[1]))

from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Error, Step, read_events
from sd_finetune.settings.read import from_dict
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step.loss import loss_of

TOY = Sd1Architecture(
    unet=UNetSizes(model_channels=64, channel_mult=(1, 1, 1, 1), num_heads=4, context_dim=64),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=0),
    text_encoder=TextEncoderSizes(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4),
    image_size=8,
)
SIZES = {"sd15": (SD15, 8192), "toy": (TOY, 512)}
"""Architecture, and the side of the matrices whose product is the ceiling."""
WARM_UP = 5


def random_checkpoint(path: Path, architecture: Sd1Architecture) -> None:
    """Seeded random weights in fp16."""
    torch.manual_seed(0)
    modules = {
        "unet": UNet2DConditionModel(**architecture.unet_config()),
        "vae": AutoencoderKL(**architecture.vae_config()),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**architecture.text_config())),
    }
    new_checkpoint(path, FAMILY, architecture, {name: module.state_dict() for name, module in modules.items()})


def prepared(home: Path, options: argparse.Namespace, method: str, batch: int, resolution: int) -> Training:
    """A run ready to train on as many images of noise as a batch has."""
    folder = home / f"{batch} images"
    folder.mkdir(exist_ok=True)
    for number in range(batch):
        pixels = np.random.default_rng(number).integers(0, 256, (resolution, resolution, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    content: dict[str, Any] = {
        "method": method,
        "base": {"checkpoint": str(home / "base.safetensors")},
        "train": {
            "length": f"{options.steps} steps",
            "batch_size": batch,
            "mixed_precision": "bf16",
            "device": options.device,
        },
        "prior": {"weight": 0},
        "data": {"resolution": resolution},
        "evaluation": {"every": "0"},
        "concepts": [{"folder": str(folder), "instance_prompt": "a photo of sks star"}],
    }
    return prepare(RunFolder.create(home / "runs", method, from_dict(content)), resume=False)


def flops_of_step(training: Training) -> int:
    """FLOP of one step's forward and backward passes."""
    counter = FlopCounterMode(display=False)
    with counter:
        for batch in training.batches.of_step(0):
            with training.accelerator.autocast():
                part = loss_of(training.model, batch, training.conditioning(batch.prompts), training.settings)
            training.accelerator.backward(part.total)
    training.optimizer.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def ceiling(device: str, side: int) -> float:
    """FLOP/s of a bf16 matrix product, the best of ten."""
    left = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        left @ left
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def measure(home: Path, options: argparse.Namespace, method: str, batch: int, ceiling_flops: float) -> dict[str, Any]:
    """One row of the table."""
    if options.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    training = prepared(home, options, method, batch, SIZES[options.size][0].image_size * 8)
    flops = flops_of_step(training)
    outcome = train(training)
    if isinstance(outcome, Error):
        raise SystemExit(outcome.message)
    times = [event.time for event in read_events(training.run.events)[0] if isinstance(event, Step)]
    seconds = statistics.median(b - a for a, b in zip(times[WARM_UP:-1], times[WARM_UP + 1 :], strict=True))
    peak = torch.cuda.max_memory_reserved() if options.device == "cuda" else 0
    return {
        "method": method,
        "batch": batch,
        "images/s": round(batch / seconds, 2),
        "share of ceiling": round(flops / seconds / ceiling_flops, 3),
        "peak reserved (GiB)": round(peak / 2**30, 2) if peak else "-",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", choices=tuple(SIZES), default="sd15")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.steps < WARM_UP + 3:
        parser.error(f"--steps must be at least {WARM_UP + 3}")
    architecture, side = SIZES[options.size]
    flops = ceiling(options.device, side)
    rows = []
    with tempfile.TemporaryDirectory() as home:
        random_checkpoint(Path(home) / "base.safetensors", architecture)
        for method in ("lora", "dreambooth"):
            for batch in map(int, options.batches.split(",")):
                rows.append(measure(Path(home), options, method, batch, flops))
                gc.collect()
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {options.size}, bf16, ceiling {flops / 1e12:.3g} TFLOP/s")
    print("".join(f"{heading:>21}" for heading in rows[0]))
    for row in rows:
        print("".join(f"{value:>21}" for value in row.values()))
    result = {"device": name, "torch": torch.__version__, "size": options.size, "ceiling": flops, "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
