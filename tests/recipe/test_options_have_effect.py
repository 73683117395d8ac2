"""No dead control: every option there is changes something that can be measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from sd_finetune.data.image_cache import image_cache
from sd_finetune.errors import UserError
from sd_finetune.formats.metadata import SETTINGS_KEY
from sd_finetune.runs.messages import Evaluation, Phase, Sample, Saved, Step, Warning_
from sd_finetune.runs.snapshots import finished_snapshots, step_of
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.read import to_dict
from sd_finetune.training import ready_model
from sd_finetune.training.average import average_of
from sd_finetune.training.compute.attention import attentions_of
from sd_finetune.training.device import accelerator_for
from sd_finetune.training.loop import train
from sd_finetune.training.setup import Training
from sd_finetune.training.step.capture import recorder_for
from sd_finetune.training.worker import work
from sd_finetune.vram.estimate import GIB
from sd_finetune.vram.room import Room
from tests.optimizers import ROW, optimizer_changes
from tests.toy import (
    ARCHITECTURE,
    WIDE_TEXT,
    Toy,
    after_step,
    answer,
    events_of,
    forget_accelerator,
    make_checkpoint,
    make_images,
)

Measure = Callable[[Training], Any]


@dataclass(frozen=True)
class Effect:
    """With `value`, what `measure` returns is another than without, in runs that else are `within`."""

    measure: Measure
    value: Any
    within: dict[str, Any] = field(default_factory=dict)


def hash_of(*pieces: bytes) -> str:
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def weights(training: Training) -> str:
    """What was learnt in two steps."""
    train(training)
    return hash_of(*(value.detach().numpy().tobytes() for value in training.method.trained_tensors().values()))


def tensors(training: Training) -> Any:
    return {name: tuple(value.shape) for name, value in training.method.trained_tensors().items()}


def answers(training: Training) -> str:
    """What the trained model predicts, layers as they are applied included."""
    train(training)
    return hash_of(answer(training.model).float().numpy().tobytes())


def steps(training: Training) -> list[int]:
    train(training)
    return [event.step for event in events_of(training.run, Step)]


def images_a_step(training: Training) -> list[int]:
    """Of the first step, the images in each forward pass."""
    return [len(batch.latents) for batch in training.batches.of_step(0)]


def rates(training: Training) -> list[float]:
    train(training)
    return [event.learning_rates["unet"] for event in events_of(training.run, Step)]


def saved_weights(training: Training) -> str:
    """What is in the result's file."""
    train(training)
    file = load_file(events_of(training.run, Saved)[-1].path)
    return hash_of(*(file[name].numpy().tobytes() for name in sorted(file)))


def devices_of_average(training: Training) -> set[str]:
    """Where the average is, with another device than the trained weights' in place of RAM."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sd_finetune.training.average.RAM", torch.device("meta"))
        average = average_of(training.updates.parameters, training.settings.ema)
        assert average
        average.follow(1)
    return {value.device.type for value in average.named(training.method.trained_tensors()).values()}


def files(training: Training) -> list[str]:
    train(training)
    return [f"{Path(e.path).parent.name}/{Path(e.path).name}" for e in events_of(training.run, Saved)]


def files_there(training: Training) -> list[str]:
    train(training)
    return sorted(Path(e.path).name for e in events_of(training.run, Saved) if Path(e.path).is_file())


def snapshots_on_the_way(training: Training) -> list[list[int]]:
    """The steps of the snapshots that there are after each step."""
    found: list[list[int]] = []
    total = training.total_steps
    for step in range(1, total + 1):
        after_step(training, step, lambda: found.append(list(map(step_of, finished_snapshots(training.run.snapshots)))))
    train(training)
    return found


def snapshots_left(training: Training) -> list[int]:
    assert work(training.run.path, resume=False) == 0
    return list(map(step_of, finished_snapshots(training.run.snapshots)))


def number_formats(training: Training) -> set[str]:
    train(training)
    with safe_open(events_of(training.run, Saved)[-1].path, "pt") as file:
        return {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118


def metadata_comment(training: Training) -> str:
    train(training)
    with safe_open(events_of(training.run, Saved)[-1].path, "pt") as file:
        return {k: v for k, v in file.metadata().items() if k != SETTINGS_KEY}["ss_training_comment"]


def logs(training: Training) -> bool:
    """Whether there is something for TensorBoard."""
    train(training)
    return any(training.run.tensorboard.glob("events.*"))


def modelspec(training: Training) -> dict[str, str]:
    train(training)
    with safe_open(events_of(training.run, Saved)[-1].path, "pt") as file:
        shown = ("title", "author", "license", "trigger_phrase")
        return {name: file.metadata().get(f"modelspec.{name}", "") for name in shown}


def samples(training: Training) -> list[tuple[int, str, str]]:
    """Step, prompt and image of each sample."""
    train(training)
    return [
        (e.step, e.prompt, hash_of((training.run.path / e.file).read_bytes())) for e in events_of(training.run, Sample)
    ]


def evaluations(training: Training) -> list[tuple[int, float]]:
    train(training)
    return [(event.step, event.loss) for event in events_of(training.run, Evaluation)]


def class_images_of(training: Training) -> list[str]:
    return [hash_of(e.image.read_bytes()) for e in training.classes.examples] if training.classes else []


def class_sides(training: Training) -> set[tuple[int, int]]:
    assert training.classes
    return {Image.open(e.image).size for e in training.classes.examples}


def class_places(training: Training) -> list[Path]:
    return [e.image.parent for e in training.classes.examples] if training.classes else []


def bank_bytes(training: Training) -> int:
    return training.run.prior_bank.stat().st_size


def outside_bank_bytes(training: Training) -> int:
    return training.run.outside_bank.stat().st_size


def losses(training: Training) -> list[float]:
    train(training)
    return [event.loss for event in events_of(training.run, Step)]


def drawing_steps(training: Training) -> list[int]:
    return [e.done for e in events_of(training.run, Phase) if e.name == "generating class images"]


def prompts(training: Training) -> list[str]:
    """Of the first steps."""
    return [prompt for k in range(8) for batch in training.batches.of_step(k) for prompt in batch.prompts]


def latents(training: Training) -> str:
    return hash_of(*(batch.latents.numpy().tobytes() for k in range(8) for batch in training.batches.of_step(k)))


def timesteps(training: Training) -> list[int]:
    return [t for k in range(8) for batch in training.batches.of_step(k) for t in batch.timesteps.tolist()]


def latent_sides(training: Training) -> list[tuple[int, ...]]:
    """Of all batches of an epoch."""
    steps = range(training.batches.steps_per_epoch)
    return [tuple(batch.latents.shape[2:]) for step in steps for batch in training.batches.of_step(step)]


def cached(training: Training) -> list[str]:
    return [e.name for e in events_of(training.run, Phase) if e.name.startswith("encoding")]


def latents_on_disk(training: Training) -> int:
    """How many files there are in the folder "second", as it is the one that a test sets."""
    cache = image_cache(training.settings, training.run.path.parent)
    return len(list(cache.rglob("*.safetensors"))) if cache.name == "second" else 0


def result_kind(training: Training) -> str:
    train(training)
    return events_of(training.run, Saved)[-1].result


def forwards(training: Training) -> int:
    """How often an attention of the UNet is computed in all steps together, in the backward pass too."""
    calls: list[None] = []
    attentions_of(training.model.unet)[0].register_forward_pre_hook(lambda *_: calls.append(None))
    train(training)
    return len(calls)


class Kernels(TorchDispatchMode):
    """Notes what is computed while it is active, and in which types of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.types: dict[str, set[torch.dtype]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        first = made[0] if isinstance(made, tuple) else made
        self.types.setdefault(str(func.overloadpacket), set()).add(first.dtype)
        return made


def in_attention(training: Training) -> dict[str, set[torch.dtype]]:
    """What an attention of the UNet runs in steps."""
    kernels, attention = Kernels(), attentions_of(training.model.unet)[0]
    attention.register_forward_pre_hook(lambda *_: kernels.__enter__() and None)
    attention.register_forward_hook(lambda *_: kernels.__exit__(None, None, None))
    train(training)
    return kernels.types


def kernels_of_attention(training: Training) -> set[str]:
    return {name for name in in_attention(training) if "attention" in name or "softmax" in name}


def types_of_products(training: Training) -> set[torch.dtype]:
    return set[torch.dtype]().union(*(types for name, types in in_attention(training).items() if name.endswith("mm")))


def bytes_of_weights(training: Training) -> list[int]:
    """Of what is trained and of its gradients, when the last of them is there."""
    found: list[int] = []
    finish = training.updates.finish

    def count_and_finish() -> None:
        weights = list(training.method.trained_tensors().values())
        held = [each for weight in weights for each in (weight, weight.grad) if each is not None]
        found.append(sum(each.numel() * each.element_size() for each in held))
        finish()

    training.updates.finish = count_and_finish  # type: ignore[method-assign]
    train(training)
    return found


def most_gradients(training: Training) -> int:
    """How many gradients there are when the update is finished, of the most in any step."""
    counts: list[int] = []
    finish = training.updates.finish

    def count_and_finish() -> None:
        counts.append(sum(p.grad is not None for p in training.updates.parameters))
        finish()

    training.updates.finish = count_and_finish  # type: ignore[method-assign]
    train(training)
    return max(counts)


def scheduled(name: str) -> dict[str, Any]:
    return {"schedule.name": name, "train.length": "4 steps"}


PRIOR = {"prior.weight": 1.0, "concepts.class_images": 2, "class_images.steps": 3}
UNCACHED = {"data.cache_latents": "off"}
SHORT = {"train.length": "1 step"}
WORD = {"method": "textual_inversion", "textual_inversion.word": "zib-7"}
IN_LORA = {
    "textual_inversion.word": "zib-7", "textual_inversion.initial_text": "star",
    "concepts.instance_prompt": "a photo of zib-7",
}  # fmt: skip
OWN_WORD = {**WORD, "concepts.word": "zab-2"}
OWN = {"textual_inversion.template": "own", "textual_inversion.own_templates": ["a [name]", "one [name]"]}
LOKR = {"lora.algorithm": "lokr", "lora.rank": 1}
RELU = {"hypernetwork.activation": "relu"}
HYPERNETWORK = {"method": "hypernetwork", "base.checkpoint": "{other}/wide-text.safetensors"}
TEXT = {"train.train_text_encoder": True}
DRAWN = {"samples.prompts": ["a star"], "samples.every": "2 steps", "samples.at_start": False, "samples.steps": 2}
DRAWN_LAST = {"samples.prompts": ["a star"], "samples.every": "0", "samples.at_start": False, "samples.steps": 2}
EVALUATED = {"evaluation.every": "1 step", "evaluation.images": 2, "evaluation.timesteps": 2}
SETTLING = {**EVALUATED, "evaluation.stop_window": 2, "train.length": "9 steps"}
CLIPPED = {"train.max_grad_norm": 1e-4, "optimizer.eps": 0.1, "train.unet_learning_rate": 1e-2}
FILEWORDS = {"concepts.instance_prompt": "[filewords]"}
TAGGED = {"concepts.folder": "{other}/tagged", **FILEWORDS}
NAMED = {"concepts.folder": "{other}/named", **FILEWORDS}
MASKED = {"concepts.folder": "{other}/masked"}
FILES = {"masks.source": "files"}
SHUFFLED = {"captions.shuffle": True}
WIDE = {"concepts.folder": "{other}/wide", "data.bucket_step": 16, "data.resolution": 96}
NOTED = {"concepts.folder": "{other}/noted"}
LONG = {"concepts.instance_prompt": "a photo of sks star, " * 20}
EMPHASIZED = {"concepts.instance_prompt": "a (red:1.5) star"}
SEVERAL_LAYERS = {"base.checkpoint": "{other}/layers.safetensors"}
LOGIT_NORMAL = {"timesteps.distribution": "logit_normal"}
HUBER = {"loss.type": "huber"}
AVERAGED = {"ema.decay": 0.9, "train.length": "5 steps", "train.unet_learning_rate": 1e-2}
BIG_STEPS = {"train.unet_learning_rate": 1e-2}

# {other} stands for a folder with other.safetensors, wide-text.safetensors, v.yaml and folders of images.
EFFECTS: dict[str, Effect] = {
    "method": Effect(result_kind, "dreambooth", within=SHORT),
    "base.checkpoint": Effect(weights, "{other}/other.safetensors"),
    "base.vae": Effect(weights, "{other}/other.safetensors"),
    "base.config": Effect(losses, "{other}/v.yaml"),
    "base.continue_from": Effect(weights, "{other}/zib.safetensors", within=WORD),
    "output.name": Effect(files, "renamed", within=SHORT),
    "output.name_pattern": Effect(files, "{name}-{method}-{step:04d}", within=SHORT),
    "output.embeddings_folder": Effect(
        files, "{other}/embeddings", within={**IN_LORA, **SHORT, "lora.new_words": "beside"}
    ),
    "output.subfolder": Effect(files, "people/anna", within=SHORT),
    "output.folder": Effect(files, "{other}/here", within=SHORT),
    "output.precision": Effect(number_formats, "bf16", within=SHORT),
    "output.layout": Effect(files, "diffusers", within={"method": "dreambooth", **SHORT}),
    "output.save_every": Effect(files, "1 step"),
    "ema.decay": Effect(saved_weights, 0.9, within={"train.length": "5 steps"}),
    "ema.warmup": Effect(saved_weights, False, within=AVERAGED),
    "ema.samples": Effect(samples, False, within={**AVERAGED, **DRAWN_LAST}),
    "ema.results": Effect(saved_weights, False, within=AVERAGED),
    "ema.on_cpu": Effect(devices_of_average, True, within=AVERAGED),
    "output.keep": Effect(files_there, 1, within={"output.save_every": "1 step", "train.length": "4 steps"}),
    "snapshots.every_minutes": Effect(snapshots_on_the_way, 1e-9),
    "snapshots.every": Effect(snapshots_on_the_way, "1 step"),
    "snapshots.keep": Effect(snapshots_on_the_way, 1, within={"snapshots.every": "1 step", "train.length": "4 steps"}),
    "snapshots.at_end": Effect(snapshots_left, True, within=SHORT),
    "output.title": Effect(modelspec, "My star", within=SHORT),
    "output.author": Effect(modelspec, "me", within=SHORT),
    "output.license": Effect(modelspec, "CC0", within=SHORT),
    "output.trigger_phrase": Effect(modelspec, "zib star", within=SHORT),
    "output.log_with": Effect(logs, "tensorboard", within=SHORT),
    "output.notes": Effect(metadata_comment, "my remark", within=SHORT),
    "train.length": Effect(steps, "3 steps"),
    "train.batch_size": Effect(images_a_step, 2),
    "train.devices": Effect(images_a_step, 2),  # of all devices together, which are one here
    "train.gradient_accumulation_steps": Effect(images_a_step, 2),
    "train.unet_learning_rate": Effect(weights, 2e-3),
    "train.train_text_encoder": Effect(tensors, True),
    "train.text_encoder_learning_rate": Effect(weights, 2e-3, within=TEXT),
    "train.text_encoder_share": Effect(weights, 0.5, within=TEXT),
    "train.clip_skip": Effect(weights, 2, within=SEVERAL_LAYERS),
    "train.seed": Effect(weights, 1),
    "train.mixed_precision": Effect(types_of_products, "bf16", within=SHORT),
    "train.gradient_checkpointing": Effect(forwards, True, within=SHORT),
    "train.weights": Effect(bytes_of_weights, "bf16", within={"train.mixed_precision": "bf16"}),
    "train.frozen_weights": Effect(weights, "fp8"),
    "train.fused_backward": Effect(most_gradients, True, within={"train.clip_by": "parameter_norm"}),
    "train.attention": Effect(kernels_of_attention, "sliced", within=SHORT),
    "train.clip_by": Effect(weights, "parameter_norm", within=CLIPPED),
    "train.max_grad_norm": Effect(weights, 1e-4, within={"optimizer.eps": 0.1, **BIG_STEPS}),
    "train.snr_gamma": Effect(weights, 0.1),
    "train.noise_offset": Effect(weights, 0.2),
    "noise.multires_iterations": Effect(weights, 3),
    "noise.multires_discount": Effect(weights, 0.9, within={"noise.multires_iterations": 3}),
    "noise.input_perturbation": Effect(weights, 0.3),
    "timesteps.smallest": Effect(timesteps, 500),
    "timesteps.largest": Effect(timesteps, 500),
    "timesteps.distribution": Effect(timesteps, "logit_normal"),
    "timesteps.logit_mean": Effect(timesteps, -1.0, within=LOGIT_NORMAL),
    "timesteps.logit_std": Effect(timesteps, 0.5, within=LOGIT_NORMAL),
    "loss.type": Effect(losses, "huber"),
    "loss.huber_delta": Effect(losses, 0.5, within=HUBER),
    "loss.delta_schedule": Effect(losses, "constant", within=HUBER),
    "loss.timestep_weights": Effect(losses, "debiased"),
    "optimizer.beta1": Effect(weights, 0.5),
    "optimizer.beta2": Effect(weights, 0.5),
    "optimizer.beta3": Effect(weights, 0.5, within={"optimizer.name": "came"}),
    "optimizer.eps": Effect(weights, 1e-3),
    "optimizer.decay_all": Effect(weights, True, within={"method": "dreambooth", "optimizer.weight_decay": 0.5}),
    "optimizer.weight_decay": Effect(weights, 0.5),
    "schedule.name": Effect(rates, "cosine"),
    "schedule.warmup": Effect(rates, "2 steps"),
    "schedule.cycles": Effect(rates, 1, within=scheduled("cosine_with_restarts")),
    "schedule.power": Effect(rates, 1.0, within=scheduled("polynomial")),
    "schedule.start": Effect(rates, 0.5, within=scheduled("one_cycle")),
    "schedule.rise": Effect(rates, 0.6, within=scheduled("one_cycle")),
    "schedule.decay": Effect(rates, 0.5, within=scheduled("warmup_stable_decay")),
    "schedule.end": Effect(rates, 0.5, within=scheduled("linear")),
    "prior.weight": Effect(weights, 3.0, within=PRIOR),
    "prior.source": Effect(weights, "model", within=PRIOR),
    "prior.decay": Effect(weights, "2 steps", within=PRIOR),
    "prior.minimum": Effect(weights, 0.5, within={**PRIOR, "prior.decay": "1 step"}),
    "prior.bank_size": Effect(bank_bytes, 1, within={**PRIOR, "method": "dreambooth", "prior.source": "model"}),
    "class_images.negative_prompt": Effect(class_images_of, "blurred", within=PRIOR),
    "class_images.steps": Effect(class_images_of, 5, within=PRIOR),
    "class_images.guidance_scale": Effect(class_images_of, 2.0, within=PRIOR),
    "class_images.seed": Effect(class_images_of, 5, within=PRIOR),
    "class_images.sampler": Effect(class_images_of, "euler", within=PRIOR),
    "class_images.proportions": Effect(class_sides, "training", within={**WIDE, **PRIOR}),
    "class_images.batch_size": Effect(
        drawing_steps, 1, within={**PRIOR, "class_images.cache_folder": "{fresh}", "class_images.steps": 1}
    ),
    "class_images.cache_folder": Effect(class_places, "{fresh}", within=PRIOR),
    "data.resolution": Effect(latent_sides, 96),
    "data.extra_resolutions": Effect(latent_sides, "96"),
    "data.buckets": Effect(latent_sides, False, within=WIDE),
    "data.bucket_step": Effect(latent_sides, 8, within=WIDE),
    "data.smallest_side": Effect(latent_sides, 80, within=WIDE),
    "data.largest_side": Effect(latent_sides, 96, within=WIDE),
    "data.upscale": Effect(latent_sides, False, within={**WIDE, "data.resolution": 256}),
    "data.crop": Effect(latents, "random", within={**WIDE, "data.cache_latents": "off"}),
    "data.horizontal_flip": Effect(latents, True),
    "data.cache_latents": Effect(cached, "off"),
    "data.cache_folder": Effect(latents_on_disk, "{fresh}", within={"data.cache_latents": "disk"}),
    "data.brightness_jitter": Effect(latents, 0.3, within=UNCACHED),
    "data.contrast_jitter": Effect(latents, 0.3, within=UNCACHED),
    "data.saturation_jitter": Effect(latents, 0.3, within=UNCACHED),
    "data.hue_jitter": Effect(latents, 0.3, within=UNCACHED),
    "captions.image_comments": Effect(prompts, True, within={**NOTED, **FILEWORDS}),
    "captions.tokens": Effect(weights, 150, within=LONG),
    "captions.emphasis": Effect(weights, "no_norm", within=EMPHASIZED),
    "captions.name_regex": Effect(prompts, r"[a-z]+", within=NAMED),
    "captions.name_join": Effect(prompts, "+", within={**NAMED, "captions.name_regex": r"[a-z]+"}),
    "captions.several_lines": Effect(prompts, "random", within=TAGGED),
    "captions.prefix": Effect(prompts, "sks,", within=TAGGED),
    "captions.suffix": Effect(prompts, ", photo", within=TAGGED),
    "captions.wildcards": Effect(prompts, True, within=TAGGED),
    "captions.separator": Effect(prompts, ";", within={**TAGGED, **SHUFFLED}),
    "captions.shuffle": Effect(prompts, True, within=TAGGED),
    "captions.keep_first": Effect(prompts, 2, within={**TAGGED, **SHUFFLED}),
    "captions.tag_drop_rate": Effect(prompts, 0.5, within=TAGGED),
    "captions.drop_rate": Effect(prompts, 0.5, within=TAGGED),
    "masks.source": Effect(losses, "files", within=MASKED),
    "masks.outside_weight": Effect(weights, 0.3, within={**MASKED, **FILES}),
    "masks.normalize": Effect(losses, False, within={**MASKED, **FILES}),
    "masks.prior_weight": Effect(losses, 2.0, within={**MASKED, **FILES, **BIG_STEPS}),
    "masks.bank_size": Effect(
        outside_bank_bytes,
        2,
        within={**MASKED, **FILES, "method": "dreambooth", "masks.prior_weight": 1.0, "train.length": "2 epochs"},
    ),
    "lora.algorithm": Effect(tensors, "loha"),
    "lora.dora": Effect(tensors, True),
    "lora.targets": Effect(tensors, "all"),
    "lora.pattern": Effect(tensors, "attn2", within={"lora.targets": "pattern", "lora.pattern": "attn"}),
    "lora.block_ranks": Effect(tensors, "mid_block = 2, up_blocks = 0"),
    "lora.block_rates": Effect(weights, "mid_block = 3"),
    "lora.max_norm": Effect(weights, 1e-4),
    "lora.factor": Effect(tensors, 2, within=LOKR),
    "lora.full_matrix": Effect(tensors, True, within=LOKR),
    "lora.decompose_both": Effect(tensors, True, within=LOKR),
    "lora.rank": Effect(tensors, 7),
    "lora.alpha": Effect(answers, 3.0),
    "lora.conv_rank": Effect(tensors, 3),
    "lora.rank_stabilized": Effect(answers, True),
    "lora.plus_ratio": Effect(weights, 16.0),
    "lora.dropout": Effect(weights, 0.5),
    "lora.rank_dropout": Effect(weights, 0.5),
    "lora.module_dropout": Effect(weights, 0.5),
    "lora.new_words": Effect(tensors, "bundled", within=IN_LORA),
    "lora.new_words_share": Effect(weights, 0.5, within={**IN_LORA, "lora.new_words": "bundled"}),
    "textual_inversion.word": Effect(prompts, "zib-9", within=WORD),
    "textual_inversion.vectors": Effect(tensors, 3, within=WORD),
    "textual_inversion.initial_text": Effect(weights, "star", within=WORD),
    "textual_inversion.learning_rate": Effect(weights, 0.1, within=WORD),
    "textual_inversion.template": Effect(prompts, "style", within=WORD),
    "textual_inversion.own_templates": Effect(prompts, ["the [name]"], within={**WORD, **OWN}),
    "textual_inversion.format": Effect(files, "pt", within={**WORD, **SHORT}),
    "hypernetwork.sizes": Effect(tensors, "48", within=HYPERNETWORK),
    "hypernetwork.layer_structure": Effect(tensors, "1, 3, 1", within=HYPERNETWORK),
    "hypernetwork.activation": Effect(weights, "relu", within=HYPERNETWORK),
    "hypernetwork.activate_output": Effect(weights, True, within={**HYPERNETWORK, **RELU}),
    "hypernetwork.initialization": Effect(weights, "XavierNormal", within=HYPERNETWORK),
    "hypernetwork.layer_norm": Effect(tensors, True, within=HYPERNETWORK),
    "hypernetwork.dropout_structure": Effect(weights, "0, 0.5, 0", within=HYPERNETWORK),
    "samples.prompts": Effect(samples, ["a moon", "a star"], within=DRAWN),
    "samples.negative_prompt": Effect(samples, "blurred", within=DRAWN),
    "samples.emphasis": Effect(samples, "no_norm", within={**DRAWN, "samples.prompts": ["a (red:1.5) star"]}),
    "samples.every": Effect(samples, "1 step", within=DRAWN),
    "samples.at_start": Effect(samples, True, within=DRAWN),
    "samples.steps": Effect(samples, 3, within=DRAWN),
    "samples.guidance_scale": Effect(samples, 2.0, within=DRAWN),
    "samples.seed": Effect(samples, 9, within=DRAWN),
    "samples.sampler": Effect(samples, "euler", within=DRAWN),
    "samples.width": Effect(samples, 96, within=DRAWN),
    "samples.height": Effect(samples, 96, within=DRAWN),
    "evaluation.every": Effect(evaluations, "2 steps", within=EVALUATED),
    "evaluation.images": Effect(evaluations, 3, within=EVALUATED),
    "evaluation.held_out": Effect(evaluations, 0.5, within=EVALUATED),
    "evaluation.folder": Effect(evaluations, "{other}/wide", within=EVALUATED),
    "evaluation.stop_below": Effect(steps, 1.0, within=SETTLING),
    "evaluation.stop_window": Effect(steps, 3, within={**SETTLING, "evaluation.stop_below": 1.0}),
    "evaluation.timesteps": Effect(evaluations, 3, within=EVALUATED),
    "concepts.folder": Effect(latents, "{other}/other"),
    "concepts.mask_folder": Effect(losses, "{other}/masks", within={**MASKED, **FILES}),
    "concepts.instance_prompt": Effect(prompts, "a photo of zwx star"),
    "concepts.metadata_file": Effect(prompts, "{other}/meta.json", within=FILEWORDS),
    "concepts.default_caption": Effect(prompts, "a moon", within=FILEWORDS),
    "concepts.word": Effect(prompts, "zab-2", within=WORD),
    "concepts.initial_text": Effect(weights, "star", within=OWN_WORD),
    "concepts.vectors": Effect(tensors, 3, within=OWN_WORD),
    "concepts.word_file": Effect(files, "named", within={**OWN_WORD, **SHORT}),
    "concepts.continue_from": Effect(weights, "{other}/zib.safetensors", within=OWN_WORD),
    "concepts.class_prompt": Effect(class_images_of, "a photo of a moon", within=PRIOR),
    "concepts.class_folder": Effect(class_images_of, "{other}/class", within=PRIOR),
    "concepts.class_images": Effect(class_images_of, 3, within=PRIOR),
    "concepts.exclude": Effect(latents, ["0.png"]),
    "concepts.repeats": Effect(steps, 2, within={"train.length": "1 epoch"}),
}

ELSEWHERE = {
    "train.check_vram": "test_a_run_without_room_is_refused_unless_that_is_off",
    "train.compile": "test_blocks_are_compiled_where_the_settings_say_so",
    "train.tf32": "test_products_in_tf32_are_left_to_the_settings",
    "train.device": "test_the_device_is_the_one_asked_for",
    "train.capture": "test_steps_are_captured_if_asked",
    "optimizer.name": "test_the_optimizer_is_the_one_asked_for",
}
"""Options whose effect cannot be seen in this way, and the test below that sees it."""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("other")
    make_checkpoint(home / "other.safetensors", seed=1)
    make_checkpoint(home / "v.safetensors", prediction_type="v_prediction")
    make_checkpoint(home / "layers.safetensors", text_encoder=replace(ARCHITECTURE.text_encoder, num_hidden_layers=2))
    make_checkpoint(home / "wide-text.safetensors", **WIDE_TEXT)
    save_file({"emb_params": torch.ones(1, 32)}, home / "zib.safetensors")
    make_images(home / "other", 2, seed=1)
    make_images(home / "class", 1, seed=2)
    make_images(home / "wide", 2, size=(192, 72))
    make_images(home / "tagged", 1, seed=4)
    (home / "tagged/0.txt").write_text("a {red|blue} star, b, c, d; e, f\ng")
    make_images(home / "named", 1, seed=5)
    (home / "named/0.png").rename(home / "named/01-a_red_star.png")
    make_images(home / "masked", 2, seed=6)
    Image.linear_gradient("L").save(home / "masked/0.mask.png")
    Image.linear_gradient("L").rotate(90).save(home / "masked/1.mask.png")
    (home / "masks").mkdir()
    Image.linear_gradient("L").save(home / "masks/1.png")
    (home / "meta.json").write_text('{"0": {"caption": "a corgi"}}')
    noted = PngInfo()
    noted.add_text("Comment", "a corgi")
    for image in make_images(home / "noted", 2, seed=3).iterdir():
        Image.open(image).save(image, pnginfo=noted)
    return home


def test_every_option_is_among_them() -> None:
    assert set(EFFECTS) | set(ELSEWHERE) == set(all_options())
    assert not set(EFFECTS) & set(ELSEWHERE)
    assert [test for test in ELSEWHERE.values() if test not in globals()] == []


def filled(changes: dict[str, Any], other: Path, fresh: Path) -> dict[str, Any]:
    return json.loads(json.dumps(changes).replace("{other}", str(other)).replace("{fresh}", str(fresh)))


def key_of(effect: Effect) -> str:
    return f"{effect.measure.__name__} {effect.within}"


@pytest.fixture
def measured(toy: Toy, other: Path, tmp_path: Path, baselines: dict[str, Any]) -> Callable[..., Any]:
    """What an effect's measure returns: without changes, which is measured once, or with them."""

    def measure(effect: Effect, changes: dict[str, Any] | None = None, fresh: str = "first") -> Any:
        if changes is None and key_of(effect) in baselines:
            return baselines[key_of(effect)]
        forget_accelerator()
        found = effect.measure(toy.prepare(filled({**effect.within, **(changes or {})}, other, tmp_path / fresh)))
        if changes is None:
            baselines[key_of(effect)] = found
        return found

    return measure


@pytest.mark.parametrize("name", EFFECTS)
def test_it_changes_something(measured: Callable[..., Any], name: str) -> None:
    effect = EFFECTS[name]
    assert measured(effect, {name: effect.value}, "second") != measured(effect)


PROOFS: dict[str, list[str]] = {}
for each, its_effect in EFFECTS.items():
    PROOFS.setdefault(its_effect.measure.__name__, []).append(each)


@pytest.mark.parametrize("measure", PROOFS)
def test_a_proof_fails_with_the_option_as_it_is(
    measured: Callable[..., Any], toy: Toy, other: Path, tmp_path: Path, long: bool, measure: str
) -> None:
    """So what is measured differs by the option alone. One proof for each measure, with `--long` all."""
    for name in PROOFS[measure] if long else PROOFS[measure][:1]:
        effect = EFFECTS[name]
        plain = to_dict(toy.settings(filled(effect.within, other, tmp_path / "first")))
        group, _, option = name.rpartition(".")
        table = plain["concepts"][0] if group == "concepts" else plain[group] if group else plain
        assert measured(effect, {name: table[option]}, f"as it is, {name}") == measured(effect), name


def test_rates_in_turn_are_applied_to_each_part_by_itself(toy: Toy) -> None:
    asked = {
        **TEXT,
        "train.length": "4 steps",
        "train.unet_learning_rate": "0.004:1, 0.002:3, 0.001",
        "train.text_encoder_learning_rate": 5e-4,
    }
    training = toy.prepare(asked)
    train(training)
    told = [event.learning_rates for event in events_of(training.run, Step)]
    assert [rates["unet"] for rates in told] == pytest.approx([0.004, 0.002, 0.002, 0.001])
    assert [rates["text_encoder"] for rates in told] == pytest.approx([5e-4] * 4)


@pytest.fixture(scope="module")
def baselines() -> dict[str, Any]:
    """What a measure returns without the change, by measure and by what else is set."""
    return {}


def test_a_run_without_room_is_refused_unless_that_is_off(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU that has next to nothing; of other programs on a larger one there is a warning."""
    loaded: list[str] = []
    made = ready_model.load_model
    monkeypatch.setattr(ready_model, "load_model", lambda base: loaded.append("loaded") or made(base))
    monkeypatch.setattr("sd_finetune.training.room.room_of", lambda device: Room(total=10, free=5))
    with pytest.raises(UserError, match=r"set train\.check_vram to false to try it anyway"):
        toy.prepare()
    assert loaded == []
    assert [event.message for event in events_of(toy.prepare({"train.check_vram": False}).run, Warning_)] != []
    monkeypatch.setattr("sd_finetune.training.room.room_of", lambda device: Room(total=8 * GIB, free=5))
    (warning,) = events_of(toy.prepare().run, Warning_)
    assert "close other programs that use the GPU" in warning.message
    monkeypatch.setattr("sd_finetune.training.room.room_of", lambda device: Room(total=8 * GIB, free=7 * GIB))
    assert events_of(toy.prepare().run, Warning_) == []


def test_the_device_is_the_one_asked_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert toy.prepare({"train.device": "cpu"}).accelerator.device.type == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="needs a CUDA GPU, and none was found"):
        toy.prepare({"train.device": "cuda"})
    with pytest.raises(UserError, match="'fp16' needs a CUDA GPU"):
        toy.prepare({"train.device": "auto", "train.mixed_precision": "fp16"})


def test_steps_are_captured_if_asked(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.training.step.capture.CudaRecorder", lambda device: f"on {device}")
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert recorder_for(toy.settings(), gpu) == "on cuda"
    assert recorder_for(toy.settings({"train.capture": "off"}), gpu) is None
    assert recorder_for(toy.settings(), cpu) is None
    assert recorder_for(toy.settings({"train.gradient_checkpointing": True}), gpu) is None


@pytest.mark.parametrize("asked", [True, False])
def test_blocks_are_compiled_where_the_settings_say_so(toy: Toy, monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    """tests/unit/training/compute/test_compiled.py shows what that does. The warning of a missing compiler is told."""
    told: list[Any] = []

    def compile_blocks(unet: Any, device: torch.device, warn: Any) -> None:
        told.append((unet, device.type))
        warn("there is no compiler")

    monkeypatch.setattr("sd_finetune.training.setup.compile_blocks", compile_blocks)
    training = toy.prepare({"train.compile": asked})
    assert told == [(training.model.unet, "cpu")] * asked
    assert [event.message for event in events_of(training.run, Warning_)] == ["there is no compiler"] * asked


@pytest.mark.parametrize("asked", [True, False])
def test_products_in_tf32_are_left_to_the_settings(toy: Toy, monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    """On a GPU, which has it for fp32 whatever the precision of the forward pass; the CPU has no such thing."""
    told: list[bool] = []
    monkeypatch.setattr("sd_finetune.training.device.set_tf32", told.append)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("accelerate.Accelerator", lambda **_: None)
    accelerator_for(toy.settings({"train.device": "auto", "train.tf32": asked}))
    accelerator_for(toy.settings({"train.device": "cpu", "train.tf32": asked}))
    assert told == [asked]


@ROW
def test_the_optimizer_is_the_one_asked_for(toy: Toy, name: str) -> None:
    module, _, own_name = OPTIMIZERS[name].builds.rpartition(".")
    assert type(toy.prepare(optimizer_changes(name)).optimizer) is getattr(import_module(module), own_name)


def group_rates(training: Training) -> list[float]:
    return list(dict.fromkeys(group["lr"] for group in training.optimizer.param_groups))


def test_the_defaults_of_rates_follow_the_method(toy: Toy) -> None:
    unset = {"train.unet_learning_rate": 0, "train.text_encoder_learning_rate": 0, **TEXT}
    rates_of = {method: group_rates(toy.prepare({**unset, "method": method})) for method in ("lora", "dreambooth")}
    assert rates_of == {"lora": [1e-4, 5e-5], "dreambooth": [2e-6, 1e-6]}
    forget_accelerator()
    assert group_rates(toy.prepare({"method": "hypernetwork", "train.unet_learning_rate": 0})) == [1e-5]
