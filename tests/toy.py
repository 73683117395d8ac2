"""A checkpoint of each family with random weights, as small as one can be, and whole runs on it within a second."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from diffusers import ModelMixin
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from sd_finetune.families.family import DiffusionModel, Family, Modules, family_called
from sd_finetune.families.ldm.sizes import SIZE_EMBEDDING, SIZE_IDS, TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.ldm.text_encoder import ClipTextEncoder
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sd1.architecture import Sd1Architecture
from sd_finetune.families.sdxl.architecture import SdxlArchitecture
from sd_finetune.families.table import FAMILIES
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.own_packages.find import installed_version
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Error, Event, Saved, Step, read_events, send_command
from sd_finetune.settings.algorithms import ALGORITHMS as ALGORITHMS_OF_THE_TABLE
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training

ARCHITECTURE = Sd1Architecture(
    unet=UNetSizes(
        model_channels=32,
        channel_mult=(1, 1),
        num_res_blocks=1,
        attention_resolutions=(1,),
        num_heads=2,
        context_dim=32,
    ),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=0),
    text_encoder=TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2),
    image_size=8,
)

SDXL = SdxlArchitecture(
    unet=UNetSizes(
        model_channels=32,
        channel_mult=(1, 1),
        num_res_blocks=1,
        attention_resolutions=(2,),
        num_heads=0,
        num_head_channels=16,
        context_dim=32 + 48,
        use_linear_in_transformer=True,
        adm_in_channels=48 + SIZE_IDS * SIZE_EMBEDDING,
    ),
    vae=ARCHITECTURE.vae,
    text_encoder=TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2),
    text_encoder_2=TextEncoderSizes(
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        projection_dim=48,
        hidden_act="gelu",
    ),
    image_size=8,
)
"""The last layers of its text encoders count for the pooled vector alone."""

ATTENTION_TO_PROMPTS = {"sd1": 1, "sdxl": 6}
"""By family, what multiplies the UNet's keys and values of prompts, as SDXL's states come without a norm."""

SMALLEST: dict[str, Any] = {"sd1": ARCHITECTURE, "sdxl": SDXL}
"""Architectures by family."""

DEEP: dict[str, Any] = {"unet": UNetSizes(model_channels=32, channel_mult=(1, 1, 1, 1), num_heads=2, context_dim=32)}
"""Differences that give the UNet all levels and blocks of Stable Diffusion 1.5, for a third of the speed."""

DEEP_SDXL: dict[str, Any] = {
    "unet": replace(
        SDXL.unet,
        channel_mult=(1, 1, 1),
        num_res_blocks=2,
        attention_resolutions=(4, 2),
        transformer_depth=(1, 1, 2),
    )
}
"""The same of SDXL, but for two layers in place of ten where there are ten."""

PREDICTS_V: dict[str, Any] = {"prediction_type": "v_prediction", "zero_terminal_snr": True}
"""Differences of an SDXL that predicts v, down to images of which nothing is left."""

WIDE_TEXT: dict[str, Any] = {
    "unet": replace(ARCHITECTURE.unet, context_dim=48),
    "text_encoder": replace(ARCHITECTURE.text_encoder, hidden_size=48),
}
"""Differences that give cross-attention another context width than self-attention, as in every real checkpoint."""

CHECKPOINTS: dict[str, dict[str, Any]] = {
    "sd1": {},
    "deep sd1": DEEP,
    "sdxl": {"family": "sdxl"},
    "deep sdxl": {"family": "sdxl", **DEEP_SDXL},
    "sdxl, v": {"family": "sdxl", **PREDICTS_V},
    "deep sdxl, v": {"family": "sdxl", **DEEP_SDXL, **PREDICTS_V},
}
"""What tests are made with, as `make_checkpoint` takes it."""

PLAIN: dict[str, Any] = {
    "method": "lora",
    "output.name": "toy",
    "output.precision": "fp32",
    "train.length": "2 steps",
    "train.device": "cpu",
    "train.unet_learning_rate": 1e-3,
    "train.text_encoder_learning_rate": 5e-4,
    "prior.weight": 0,
    "class_images.steps": 1,
    "data.resolution": 72,  # 64 would leave one pixel of the lowest level, which torch does not normalize
    "lora.rank": 4,
    "lora.alpha": 2,
    "samples.steps": 1,
    "evaluation.every": "0",
    "concepts.instance_prompt": "a photo of sks star",
    "concepts.class_prompt": "a photo of a star",
    "concepts.class_images": 4,
}

ROWS: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora"},
    "lora+text": {"method": "lora", "train.train_text_encoder": True},
    "lora+words": {  # words beside the layers, of which the first says just what its tokens said before
        "method": "lora",
        "lora.new_words": "bundled",
        "textual_inversion.word": "sks star",
        "textual_inversion.initial_text": "sks star",
        "textual_inversion.vectors": 2,
        "textual_inversion.learning_rate": 1e-2,
    },
    "dreambooth": {"method": "dreambooth"},
    "dreambooth+text": {"method": "dreambooth", "train.train_text_encoder": True},
    "textual_inversion": {  # a new word that says just what its tokens said before
        "method": "textual_inversion",
        "textual_inversion.word": "sks star",
        "textual_inversion.initial_text": "sks star",
        "textual_inversion.vectors": 2,
        "textual_inversion.learning_rate": 1e-2,
        "textual_inversion.template": "instance_prompt",
    },
    "hypernetwork": {"method": "hypernetwork", "hypernetwork.activation": "swish", "hypernetwork.layer_norm": True},
}
"""The methods of the matrix, as changes to the plain settings."""

_TEXT = {"train.train_text_encoder": True}
ALGORITHMS: dict[str, dict[str, Any]] = {
    **{name: {"lora.algorithm": name, **_TEXT} for name in ALGORITHMS_OF_THE_TABLE if name != "lora"},
    "lokr": {"lora.algorithm": "lokr", "lora.factor": 4, "lora.rank": 2, "lora.conv_rank": 1},
    "lokr, full matrix": {"lora.algorithm": "lokr", "lora.full_matrix": True},
    "dora": {"lora.dora": True, "lora.conv_rank": 3, **_TEXT},
    "dora of loha": {"lora.dora": True, "lora.algorithm": "loha", "lora.conv_rank": 2},
    "dora of lokr": {"lora.dora": True, "lora.algorithm": "lokr", "lora.decompose_both": True, "lora.rank": 1},
}
"""Kinds of LoRA layers, likewise: every algorithm of the table, and other forms of some."""


def make_checkpoint(
    path: Path,
    seed: int = 0,
    precision: str = "fp32",
    family: str = "sd1",
    prompt_mean: float = 0.0,
    **differences: Any,
) -> Path:
    """A checkpoint of random weights whose drawn images tell prompts and seeds apart.

    prompt_mean: of a prompt's states, which the WebUI's forks divide by. differences: from the family's smallest
    architecture.
    """
    kind = family_called(family)
    architecture = architecture_of(family, **differences)
    torch.manual_seed(seed)
    modules = random_modules(kind, architecture)
    vae = modules["vae"]
    with torch.no_grad():
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = -30  # a standard deviation of 3e-7, so that latents can be foretold
        vae.decoder.conv_out.weight *= 10
        for name, weight in modules["unet"].named_parameters():
            if ".attn2.to_k." in name or ".attn2.to_v." in name:
                weight *= ATTENTION_TO_PROMPTS[family]
        for name in kind.facts.text_encoders:
            modules[name].text_model.embeddings.token_embedding.weight *= 10
            modules[name].text_model.final_layer_norm.bias += prompt_mean
    new_checkpoint(path, kind, architecture, {name: m.state_dict() for name, m in modules.items()}, precision)
    return path


def architecture_of(family: str = "sd1", **differences: Any) -> Any:
    """The family's smallest, but for the differences."""
    return replace(SMALLEST[family], **differences)


def random_modules(family: Family, architecture: Any) -> dict[str, Any]:
    """The modules by part, with values as their libraries begin with."""
    return {part: _with_values(module) for part, module in family.empty_modules(architecture).by_part().items()}


def _with_values(module: Any) -> nn.Module:
    own = type(module)
    if own is ClipTextEncoder and hasattr(plain := CLIPTextModel(module.config), "text_model"):
        return plain  # the same but for the random numbers that a projection would take
    return own.from_config(module.config) if isinstance(module, ModelMixin) else own(module.config)


def make_images(folder: Path, count: int, size: int | tuple[int, int] = 64, seed: int = 0) -> Path:
    """`count` images of noise in large squares, no two alike and none its own mirror image.

    size: width and height in pixels, or both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = size if isinstance(size, tuple) else (size, size)
    for number in range(count):
        squares = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(squares).resize(pixels, Image.Resampling.NEAREST).save(folder / f"{number}.png")
    return folder


@dataclass
class Toy:
    """Makes runs with the plain settings and what a test changes in them, "group.option": value."""

    home: Path
    checkpoint: Path
    images: Path

    def settings(self, changes: Mapping[str, Any] | None = None) -> Settings:
        content: dict[str, Any] = {}
        own = {
            "base.checkpoint": str(self.checkpoint),
            "concepts.folder": str(self.images),
            "class_images.cache_folder": str(self.home / "class-images"),
        }
        for name, value in {**PLAIN, **own, **(changes or {})}.items():
            group, _, option = name.rpartition(".")
            (content.setdefault(group, {}) if group else content)[option] = value
        return from_dict({**content, "concepts": [content["concepts"]]})

    def run(self, changes: Mapping[str, Any] | None = None) -> RunFolder:
        return RunFolder.create(self.home / "runs", "toy", self.settings(changes))

    def prepare(self, changes: Mapping[str, Any] | None = None) -> Training:
        return prepare(self.run(changes), resume=False)

    def train(self, changes: Mapping[str, Any] | None = None) -> Training:
        """A run to its end."""
        training = self.prepare(changes)
        outcome = train(training)
        assert isinstance(outcome, Done), outcome
        return training


def make_toy(home: Path, **kind: Any) -> Toy:
    """kind: its family and the differences of its architecture, as `make_checkpoint` takes them."""
    torch.set_num_threads(1)  # with so little to compute, threads only wait for each other
    return Toy(home, make_checkpoint(home / "toy.safetensors", **kind), make_images(home / "images", 3))


@contextmanager
def once_a_process() -> Iterator[None]:
    """What is the same in all runs of the toy is made once, as it took a third of the time to prepare one.

    That is: tokenizers, which never change; the toy's modules without weights, of which each run gets a copy; and the
    versions that are installed.
    """
    read = lru_cache(partial(CLIPTokenizer.from_pretrained))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformers.CLIPTokenizer.from_pretrained", read)
        patch.setattr("sd_finetune.runs.about.installed_version", cache(installed_version))
        for name in FAMILIES:
            kind = type(family_called(name))
            patch.setattr(kind, "empty_modules", copies_of(kind.empty_modules))
        yield


def copies_of(build: Callable[[Any, Any], Modules]) -> Callable[[Any, Any], Modules]:
    """The same as `build`, a method of a family, but that it builds the modules of a toy once and then copies them."""
    toys = [architecture_of(**kind) for kind in CHECKPOINTS.values()]
    built: dict[str, tuple[bytes, Mapping[str, Any]]] = {}

    def empty_modules(family: Any, architecture: Any) -> Modules:
        if architecture not in toys:
            return build(family, architecture)
        key = repr(architecture)
        if key not in built:
            modules = build(family, architecture)
            built[key] = pickle.dumps((modules.unet, modules.vae, modules.text_encoders)), modules.tokenizers
        pickled, tokenizers = built[key]
        return Modules(*pickle.loads(pickled), tokenizers)

    return empty_modules


def forget_accelerator() -> None:
    """accelerate keeps one state per process, and refuses a second run of another precision in it."""
    AcceleratorState._reset_state(True)


def events_of(run: RunFolder, kind: type[Event] = Event) -> list[Any]:
    return [event for event in read_events(run.events)[0] if isinstance(event, kind)]


def after_step(training: Training, step: int, action: Callable[[], object]) -> None:
    """Call `action` as soon as that step has been reported."""
    append = training.events.append

    def append_and_act(event: Event) -> None:
        append(event)
        if isinstance(event, Step) and event.step == step:
            action()

    training.events.append = append_and_act  # type: ignore[method-assign]


def train_and_command(training: Training, step: int, *commands: Any) -> Done | Error:
    """Train, and send the commands when `step` steps are done."""

    def send() -> None:
        for command in commands:
            send_command(training.run.commands, command)

    after_step(training, step, send)
    return train(training)


def stopped_and_resumed(toy: Toy, changes: dict[str, Any], step: int) -> Training:
    """A run that was stopped after `step` steps and then resumed, at its end."""
    stopped = toy.prepare(changes)
    train_and_command(stopped, step, "stop")
    resumed = prepare(stopped.run, resume=True)
    assert resumed.first_step == step
    assert isinstance(train(resumed), Done)
    return resumed


def assert_same_outcome(first: Training, second: Training) -> None:
    """What is trained and what was saved last are the same to the bit."""
    saved = [load_file(events_of(each.run, Saved)[-1].path) for each in (first, second)]
    for one, other in ((trained(first), trained(second)), (saved[0], saved[1])):
        assert one.keys() == other.keys()
        assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []


def trained(training: Training) -> dict[str, Tensor]:
    """A copy of the trained values."""
    return {name: value.detach().clone() for name, value in training.method.trained_tensors().items()}


def gradients_of_first_step(training: Training) -> dict[str, Tensor]:
    """Train, and return the gradients that the first optimizer step was made with."""
    found: dict[str, Tensor] = {}
    step = training.optimizer.step

    def step_and_tell(*args: Any) -> Any:
        for name, value in training.method.trained_tensors().items():
            found.setdefault(name, torch.zeros_like(value) if value.grad is None else value.grad.clone())
        return step(*args)

    training.optimizer.step = step_and_tell  # type: ignore[method-assign]
    assert isinstance(train(training), Done)
    return found


def answer(model: DiffusionModel, prompt: str = "a photo of sks star") -> Tensor:
    """What the model answers to a fixed noisy latent: (2, 4, 9, 9), in the UNet's precision."""
    generator = torch.Generator().manual_seed(5)
    noisy = torch.randn(2, 4, 9, 9, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        return model.predict(noisy, torch.tensor([30, 700]), model.encode_prompts([prompt] * 2))


def through_layers(layers: Iterable[Any], states: Tensor) -> Tensor:
    """What layers of a text encoder make of states, (batch, 77, width), each of which sees those before it alone."""
    mask = torch.full((77, 77), torch.finfo(torch.float32).min).triu(1).expand(len(states), 1, 77, 77)
    for layer in layers:
        answer = layer(states, attention_mask=mask, causal_attention_mask=None)
        states = answer[0] if isinstance(answer, tuple) else answer  # a tensor since transformers 5
    return states


def load_doubled(checkpoint: Path) -> DiffusionModel:
    """The model of a checkpoint, its UNet in float64; transformers' CLIP does not take that."""
    model = load_model(read_checkpoint(checkpoint))
    for text_encoder in model.text_encoders.values():
        text_encoder.float()
    model.unet.double()
    return model


def in_double(training: Training) -> DiffusionModel:
    """The model of a run, trained layers included, in the same types."""
    training.model.unet.double()
    if "unet" in training.method.networks:
        training.method.networks["unet"].double()
    return training.model


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def worst_error(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """The relative error of all tensors taken as one; the names must be the same."""
    assert found.keys() == expected.keys()
    flat = [torch.cat([values[name].flatten() for name in expected]) for values in (found, expected)]
    return relative_error(*flat)
