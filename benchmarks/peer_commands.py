"""The same work as a command line of ours, of diffusers' example scripts and of sd-scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .material import PROMPT

WORD = "sks-star"
CLASS_PROMPT = "a photo of a star"
FULL, LORA = "train_dreambooth.py", "train_dreambooth_lora.py"
PRIOR = "--with_prior_preservation"


@dataclass(frozen=True)
class Work:
    """What both sides do."""

    checkpoint: Path
    diffusers_folder: Path
    images: Path
    """With `metadata.csv`, which gives each its prompt."""
    class_images: Path
    captioned: Path
    """The same images as sd-scripts want them: in a folder named REPEATS_PROMPT."""
    tokenizers: Path
    """In which sd-scripts look before they ask for one on the net."""
    steps: int
    batch: int
    resolution: int
    precision: str
    """As in train.mixed_precision."""
    device: str
    rank: int = 8
    learning_rate: float = 1e-4


@dataclass(frozen=True)
class Side:
    """One of the two programs that are compared."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """In which the command is started."""


Script = Callable[[Path, Work, Path], list[str]]
"""Checkout, work, output folder → script and arguments."""


@dataclass(frozen=True)
class Pair:
    """One row of the comparison. peer: "diffusers" or "sd-scripts"."""

    name: str
    peer: str
    ours: Mapping[str, Any]
    theirs: Script
    environment: dict[str, str] = field(default_factory=dict)
    """Of ours."""
    batch_factor: int = 1
    """Images in a forward pass for each image of a batch: 2 with class images."""
    family: str = "sd1"


def our_side(pair: Pair, work: Work, output: Path) -> Side:
    """`python -m sd_finetune train`, as a user starts it."""
    fixed = {
        "base.checkpoint": str(work.checkpoint),
        "train.length": f"{work.steps} steps",
        "train.batch_size": work.batch,
        "train.mixed_precision": work.precision,
        "train.device": work.device,
        "data.resolution": work.resolution,
        "prior.weight": 0,
        "evaluation.every": "0",
        "samples.at_start": False,
        "concepts.1.folder": str(work.images),
        "concepts.1.instance_prompt": PROMPT,
    }
    values = {**fixed, **pair.ours}
    if pair.batch_factor == 2:
        values |= {"concepts.1.class_folder": str(work.class_images), "concepts.1.class_prompt": CLASS_PROMPT}
    settings = output / "settings.toml"
    settings.write_text("version = 3\n[[concepts]]\n", encoding="utf-8")
    sets = [f"--set={name}={_toml(value)}" for name, value in values.items()]
    command = [sys.executable, "-m", "sd_finetune", "train", str(settings), "--runs", str(output / "runs"), *sets]
    return Side(command, pair.environment)


def their_side(pair: Pair, work: Work, output: Path, checkout: Path, python: str) -> Side:
    """The script as its documentation has it."""
    folder = checkout if pair.peer == "sd-scripts" else None
    return Side([python, *pair.theirs(checkout, work, output)], {"HF_HOME": str(output.parent / "cache")}, folder)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def common_arguments(work: Work, output: Path) -> list[str]:
    """Arguments that all of diffusers' scripts share."""
    return [
        f"--pretrained_model_name_or_path={work.diffusers_folder}",
        f"--output_dir={output / 'result'}",
        f"--resolution={work.resolution}",
        f"--train_batch_size={work.batch}",
        f"--max_train_steps={work.steps}",
        f"--learning_rate={work.learning_rate}",
        f"--mixed_precision={work.precision}",
        "--lr_scheduler=constant",
        "--lr_warmup_steps=0",
        "--checkpointing_steps=1000000",
        "--report_to=all",  # all that are installed: none
        "--center_crop",
        "--seed=0",
    ]


def _text_to_image_lora(checkout: Path, work: Work, output: Path) -> list[str]:
    script = checkout / "examples/text_to_image/train_text_to_image_lora.py"
    return [str(script), *common_arguments(work, output), f"--train_data_dir={work.images}", f"--rank={work.rank}"]


def dreambooth(script: str, *more: str) -> Script:
    """One of the scripts of DreamBooth, with further arguments."""

    def arguments(checkout: Path, work: Work, output: Path) -> list[str]:
        found = [str(checkout / "examples/dreambooth" / script), *common_arguments(work, output)]
        found += [f"--instance_data_dir={work.captioned}", f"--instance_prompt={PROMPT}", *more]
        if "lora" in script:
            found.append(f"--rank={work.rank}")
        if PRIOR in more:
            found += [f"--class_data_dir={work.class_images}", f"--class_prompt={CLASS_PROMPT}"]
            found += [f"--num_class_images={len(list(work.class_images.iterdir()))}"]
        return found

    return arguments


def _textual_inversion(checkout: Path, work: Work, output: Path) -> list[str]:
    script = checkout / "examples/textual_inversion/textual_inversion.py"
    own = [f"--train_data_dir={work.captioned}", f"--placeholder_token={WORD}", "--initializer_token=star"]
    return [str(script), *common_arguments(work, output), *own, "--num_vectors=2", "--save_steps=1000000"]


def _sd_scripts(script: str, *more: str) -> Script:
    def arguments(checkout: Path, work: Work, output: Path) -> list[str]:
        return [
            str(checkout / script),
            f"--pretrained_model_name_or_path={work.checkpoint}",
            f"--train_data_dir={work.captioned.parent}",
            f"--output_dir={output / 'result'}",
            f"--resolution={work.resolution}",
            f"--train_batch_size={work.batch}",
            f"--max_train_steps={work.steps}",
            f"--learning_rate={work.learning_rate}",
            f"--mixed_precision={work.precision}",
            "--optimizer_type=AdamW",
            "--lr_scheduler=constant",
            "--save_model_as=safetensors",
            "--save_precision=fp16",
            "--max_data_loader_n_workers=0",
            f"--tokenizer_cache_dir={work.tokenizers}",
            "--cache_latents",
            "--sdpa",
            "--seed=0",
            *(text.format(rank=work.rank, word=WORD) for text in more),
        ]

    return arguments


_LORA: dict[str, Any] = {"method": "lora", "lora.rank": 8}
_SAME_LAYERS: dict[str, Any] = {**_LORA, "lora.targets": "attention"}
_DREAMBOOTH: dict[str, Any] = {"method": "dreambooth", "output.precision": "fp32"}  # as diffusers writes it
_CHECKPOINTED = {"train.gradient_checkpointing": True}
_TEXT = {"train.train_text_encoder": True}
_WORD: dict[str, Any] = {
    "method": "textual_inversion",
    "textual_inversion.word": WORD,
    "textual_inversion.initial_text": "star",
    "textual_inversion.vectors": 2,
}

PAIRS = (
    Pair("LoRA", "diffusers", _LORA, _text_to_image_lora),
    Pair("LoRA, the same layers", "diffusers", _SAME_LAYERS, _text_to_image_lora),
    Pair("DreamBooth", "diffusers", _DREAMBOOTH, dreambooth(FULL)),
    Pair(
        "DreamBooth with class images",
        "diffusers",
        {**_DREAMBOOTH, "prior.weight": 1},
        dreambooth(FULL, PRIOR),
        batch_factor=2,
    ),
    Pair(
        "DreamBooth with text encoder", "diffusers", {**_DREAMBOOTH, **_TEXT}, dreambooth(FULL, "--train_text_encoder")
    ),
    Pair("LoRA, DreamBooth script, the same layers", "diffusers", _SAME_LAYERS, dreambooth(LORA)),
    Pair("Textual Inversion", "diffusers", _WORD, _textual_inversion),
    Pair(
        "LoRA",
        "sd-scripts",
        _LORA,
        _sd_scripts(
            "train_network.py", "--network_module=networks.lora", "--network_dim={rank}", "--network_train_unet_only"
        ),
    ),
    Pair(
        "DreamBooth",
        "sd-scripts",
        {**_DREAMBOOTH, "output.precision": "fp16"},
        _sd_scripts("train_db.py", "--stop_text_encoder_training=-1"),
    ),
    Pair(
        "Textual Inversion",
        "sd-scripts",
        _WORD,
        _sd_scripts(
            "train_textual_inversion.py", "--token_string={word}", "--init_word=star", "--num_vectors_per_token=2"
        ),
    ),
    Pair(
        "LoRA of SDXL",
        "sd-scripts",
        _LORA,
        _sd_scripts(
            "sdxl_train_network.py",
            "--network_module=networks.lora",
            "--network_dim={rank}",
            "--network_train_unet_only",
            "--cache_text_encoder_outputs",
            "--no_half_vae",
        ),
        family="sdxl",
    ),
    Pair(
        "DreamBooth of SDXL",
        "sd-scripts",
        {**_DREAMBOOTH, "output.precision": "fp16", **_CHECKPOINTED},
        _sd_scripts("sdxl_train.py", "--cache_text_encoder_outputs", "--no_half_vae", "--gradient_checkpointing"),
        family="sdxl",
    ),
)
