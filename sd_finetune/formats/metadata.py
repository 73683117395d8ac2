"""The metadata of a trained file: kohya's `ss_*`, Stability's `modelspec.*`, and our own settings.

    training_metadata(settings, facts) -> {name: text}, for any method
    base_facts(checkpoint, notes) -> BaseFacts, reads the whole file for its hash unless that is noted
    RunFacts(base, concepts, steps_per_epoch, total_steps, step, started_at, finished_at), ConceptFacts(...)

The WebUI takes a LoRA's name in prompts from `ss_output_name`, its model version from `ss_base_model_version`, its hash
from `sshs_model_hash`, and shows most of the rest. Of paths on the user's machine only the last name is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from math import ceil
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from .. import __version__
from ..families.facts import FamilyFacts
from ..settings.catalogue import all_options
from ..settings.groups.captions import CHUNK_TOKENS
from ..settings.groups.textual_inversion import NAME
from ..settings.groups.timesteps import MOST
from ..settings.learned_words import learned_words, word_of
from ..settings.methods import METHODS, ResultKind
from ..settings.optimizer_arguments import optimizer_text
from ..settings.options import Settings
from ..settings.read import to_dict
from ..settings.result_files import ResultFile, result_files
from ..settings.schedules import SCHEDULES
from .checkpoint import Checkpoint
from .hashes import file_hashes, legacy_hash
from .known_hashes import known_sha256
from .metadata_keys import SETTINGS_KEY, VERSION_KEY, WORD_KEY
from .network_metadata import about_network

# Of results that are not whole checkpoints. `implementation` names the program whose tensor names the file has.
ARCHITECTURE_ENDINGS: Mapping[ResultKind, str] = {
    "lora": "/lora", "embedding": "/textual-inversion", "hypernetwork": "/hypernetwork"
}  # fmt: skip
IMPLEMENTATIONS: Mapping[ResultKind, str] = {
    "hypernetwork": "https://github.com/AUTOMATIC1111/stable-diffusion-webui"
}  # fmt: skip
NAMES_WITH_FOLDERS = "concepts.exclude"
"""An option that is not a path, but whose names have sub-folders of one."""


@dataclass(frozen=True)
class BaseFacts:
    """The checkpoint that was trained."""

    name: str
    old_hash: str
    """The WebUI's 8 digit hash."""
    sha256: str
    prediction_type: str
    family: FamilyFacts
    zero_terminal_snr: bool = False
    """Whether nothing of the image is left at the last timestep."""


@dataclass(frozen=True)
class ConceptFacts:
    """What was found in a concept's folders."""

    prompts: Sequence[str]
    """The prompt of each training image, without repeats."""
    class_images: int = 0


@dataclass(frozen=True)
class RunFacts:
    """What is not in the settings of a run. Times are Unix timestamps."""

    base: BaseFacts
    concepts: Sequence[ConceptFacts]
    """In the order of the settings' concepts."""
    sizes: Mapping[tuple[int, int], int]
    """How many training images of an epoch have each width and height, in pixels."""
    steps_per_epoch: int
    total_steps: int
    step: int
    started_at: float
    finished_at: float


def base_facts(checkpoint: Checkpoint, notes: Path | None = None) -> BaseFacts:
    """Name and hashes of the checkpoint's file, and what it is. notes: as in `known_sha256`; None: there are none."""
    path, architecture = checkpoint.path, checkpoint.architecture
    hashes = file_hashes(path) if notes is None else (legacy_hash(path), known_sha256(path, notes))
    facts, is_zero_snr = checkpoint.family.facts, architecture.zero_terminal_snr
    return BaseFacts(path.name, *hashes, architecture.prediction_type, facts, is_zero_snr)


def training_metadata(settings: Settings, facts: RunFacts, number: int = 0) -> dict[str, str]:
    """All metadata of a file written after `facts.step` steps, except the hashes of its own tensors.

    number: of the file, in the order of `result_files`.
    """
    file = result_files(settings)[number]
    name = file.name
    entries = {
        **_model(settings, facts, name),
        **_progress(settings, facts),
        **_options(settings),
        **_images(settings, facts),
    }
    if file.kind == "lora":
        entries.update(about_network(settings))
    texts = {f"ss_{name}": _text(value) for name, value in entries.items()}
    own = {VERSION_KEY: __version__, SETTINGS_KEY: json.dumps(_shareable(settings), ensure_ascii=False)}
    words = (file.word,) if file.word else learned_words(settings) if settings.learns_word() else ()
    if words:
        own[WORD_KEY] = ", ".join(word.word for word in words)
    return {**texts, **_modelspec(settings, facts, file), **own}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _model(settings: Settings, facts: RunFacts, name: str) -> dict[str, Any]:
    return {
        "output_name": name,
        "training_comment": settings.output.notes,
        "v2": facts.base.family.kohya_v2,
        "base_model_version": facts.base.family.kohya_versions[facts.base.prediction_type],
        "sd_model_name": facts.base.name,
        "sd_model_hash": facts.base.old_hash,
        "new_sd_model_hash": facts.base.sha256,
        "vae_name": Path(settings.base.vae).name if settings.base.vae else None,
        "zero_terminal_snr": facts.base.zero_terminal_snr,
        "clip_skip": settings.train.clip_skip if settings.train.clip_skip > 1 else None,
        "max_token_length": settings.captions.tokens if settings.captions.tokens > CHUNK_TOKENS else None,
    }


def _progress(settings: Settings, facts: RunFacts) -> dict[str, Any]:
    per_epoch = max(1, facts.steps_per_epoch)
    return {
        "steps": facts.step,
        "max_train_steps": facts.total_steps,
        "epoch": ceil(facts.step / per_epoch),
        "num_epochs": ceil(facts.total_steps / per_epoch),
        "num_batches_per_epoch": facts.steps_per_epoch * settings.train.gradient_accumulation_steps,
        "lr_warmup_steps": settings.schedule.warmup.steps(facts.steps_per_epoch),
        "training_started_at": facts.started_at,
        "training_finished_at": facts.finished_at,
    }


def _options(settings: Settings) -> dict[str, Any]:
    train = settings.train
    return {
        "resolution": (settings.data.side, settings.data.side),
        **_learning_rates(settings),
        "optimizer": optimizer_text(settings),
        "lr_scheduler": _scheduler(settings),
        "seed": train.seed,
        "batch_size_per_device": train.batch_size,
        "total_batch_size": train.rows * train.gradient_accumulation_steps,
        "gradient_accumulation_steps": train.gradient_accumulation_steps,
        "gradient_checkpointing": train.gradient_checkpointing,
        "mixed_precision": train.mixed_precision,
        "max_grad_norm": train.max_grad_norm,
        "noise_offset": train.noise_offset or None,
        "multires_noise_iterations": settings.noise.multires_iterations or None,
        "multires_noise_discount": settings.noise.multires_discount if settings.noise.multires_iterations else None,
        "ip_noise_gamma": settings.noise.input_perturbation or None,
        "prior_loss_weight": settings.prior_weight(),
        **_loss(settings),
        "cache_latents": settings.data.latents_are_cached(),
        "flip_aug": settings.data.horizontal_flip,
    }


def _loss(settings: Settings) -> dict[str, Any]:
    loss = settings.loss
    is_huber = loss.type != "mse"
    return {
        "loss_type": loss.type if is_huber else "l2",
        "huber_schedule": loss.delta_schedule if is_huber else None,
        "huber_c": loss.huber_delta if is_huber else None,
        "min_snr_gamma": (settings.train.snr_gamma or None) if loss.timestep_weights == "min_snr" else None,
        "debiased_estimation": loss.timestep_weights == "debiased",
    }


def _learning_rates(settings: Settings) -> dict[str, Any]:
    if METHODS[settings.method].learns_word:
        return {"learning_rate": _rate(settings, "embedding")}
    rate = _rate(settings, "unet")
    return {
        "learning_rate": rate,
        "unet_lr": rate,
        "text_encoder_lr": _rate(settings, "text_encoder") if settings.train.train_text_encoder else None,
        **({"embedding_lr": _rate(settings, "embedding")} if settings.learns_word() else {}),
    }


def _scheduler(settings: Settings) -> str:
    """By kohya's name."""
    asked, facts = settings.schedule, SCHEDULES[settings.schedule.name]
    with_warmup = facts.kohya_name_with_warmup if asked.warmup.amount else ""
    return with_warmup or (facts.kohya_name_with_end if asked.end else "") or asked.name


def _rate(settings: Settings, part: str) -> float | str:
    rates = settings.rates(part)
    return str(rates) if rates.later else rates.first


def _images(settings: Settings, facts: RunFacts) -> dict[str, Any]:
    names = _unique([Path(concept.folder).name for concept in settings.concepts])
    rows = list(zip(names, settings.concepts, facts.concepts, strict=True))
    shown = sum(concept.repeats * len(found.prompts) for _, concept, found in rows)
    smallest, largest = settings.data.side_limits(settings.data.side) if settings.data.buckets else (None, None)
    buckets = [{"resolution": list(size), "count": count} for size, count in sorted(facts.sizes.items())]
    return {
        "num_train_images": shown,
        "num_reg_images": sum(found.class_images for _, _, found in rows),
        "dataset_dirs": {n: {"n_repeats": c.repeats, "img_count": len(f.prompts)} for n, c, f in rows},
        "reg_dataset_dirs": {
            name: {"n_repeats": 1, "img_count": found.class_images} for name, _, found in rows if found.class_images
        },
        "enable_bucket": settings.data.buckets,
        "bucket_no_upscale": not settings.data.upscale,
        "min_bucket_reso": smallest,
        "max_bucket_reso": largest,
        "bucket_info": {"buckets": {str(number): bucket for number, bucket in enumerate(buckets)}},
        "tag_frequency": {name: _tags(found.prompts) for name, _, found in rows},
    }


def _tags(prompts: Iterable[str]) -> dict[str, int]:
    tags = (tag.strip() for prompt in prompts for tag in prompt.split(","))
    return dict(Counter(tag for tag in tags if tag))


def _unique(names: Sequence[str]) -> list[str]:
    """The names, numbered where they repeat, since they become keys."""
    return [f"{name} ({count})" if (count := names[: k + 1].count(name)) > 1 else name for k, name in enumerate(names)]


def _modelspec(settings: Settings, facts: RunFacts, file: ResultFile) -> dict[str, str]:
    """Stability AI's model specification 1.0.1."""
    side = settings.data.side
    made = datetime.fromtimestamp(int(facts.finished_at), timezone.utc)
    entries = {
        "sai_model_spec": "1.0.1",
        "architecture": facts.base.family.modelspec_architecture + ARCHITECTURE_ENDINGS.get(file.kind, ""),
        "implementation": _implementation(file.kind, facts.base.family),
        "title": settings.output.title or file.name,
        "author": settings.output.author,
        "license": settings.output.license,
        "resolution": f"{side}x{side}",
        "date": made.isoformat(),
        "prediction_type": "v" if facts.base.prediction_type == "v_prediction" else "epsilon",
        "description": settings.output.notes,
        "timestep_range": _timestep_range(settings),
        "encoder_layer": str(settings.train.clip_skip) if settings.train.clip_skip > 1 else "",
        "trigger_phrase": _trigger_phrase(settings, file),
    }
    return {f"modelspec.{name}": value for name, value in entries.items() if value}


def _implementation(kind: ResultKind, family: FamilyFacts) -> str:
    if kind == "lora":
        return family.lora_implementation
    return IMPLEMENTATIONS.get(kind, "https://github.com/Stability-AI/generative-models")


def _timestep_range(settings: Settings) -> str:
    """As kohya's scripts write it, whose end is not trained; empty for all."""
    asked = settings.timesteps
    is_part = (asked.smallest, asked.largest) != (0, MOST)
    return f"{asked.smallest},{asked.largest + 1}" if is_part else ""


def _trigger_phrase(settings: Settings, file: ResultFile) -> str:
    if file.kind == "embedding":
        return file.name  # programs use the file's name of an embedding as the word
    prompts = [c.instance_prompt.replace(NAME, word_of(settings, c)) for c in settings.concepts]
    return settings.output.trigger_phrase or ", ".join(prompt for prompt in prompts if "[" not in prompt)


def _shareable(settings: Settings) -> dict[str, Any]:
    """The settings without folders of the user's machine: of each path only the last name."""
    paths = {name for name, member in all_options().items() if member.option and member.option.is_path}
    paths.add(NAMES_WITH_FOLDERS)

    def without_folders(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            table = cast("dict[str, Any]", value)
            return {key: without_folders(inner, f"{name}.{key}".lstrip(".")) for key, inner in table.items()}
        if isinstance(value, list):
            return [without_folders(inner, name) for inner in cast("list[Any]", value)]
        return PureWindowsPath(value).name if name in paths else value  # which takes both slashes for one

    return without_folders(to_dict(settings), "")
