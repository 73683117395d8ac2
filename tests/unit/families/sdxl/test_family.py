"""SDXL: names, sizes and files of a small model with random weights, and of the full shape without any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.families.ldm.sizes import TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.load_model import load_model
from sd_finetune.families.place import file_names
from sd_finetune.families.sdxl import keys
from sd_finetune.families.sdxl.architecture import SDXL_BASE, SdxlArchitecture
from sd_finetune.families.sdxl.facts import SDXL
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.sdxl.infer_sizes import infer_architecture
from sd_finetune.families.sdxl.modules import empty_modules
from sd_finetune.families.sdxl.sgm_config import dump
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint, write_checkpoint
from sd_finetune.formats.known_base import known_base, resolved
from sd_finetune.settings.read import from_dict
from sd_finetune.training.room import memory_facts

SMALL = SdxlArchitecture(
    unet=UNetSizes(
        model_channels=32,
        channel_mult=(1, 2, 2),
        num_res_blocks=1,
        attention_resolutions=(4, 2),
        num_heads=0,
        num_head_channels=16,
        transformer_depth=(1, 1, 2),
        context_dim=32 + 64,
        use_linear_in_transformer=True,
        adm_in_channels=48 + 6 * 256,
    ),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=0),
    text_encoder=TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2),
    text_encoder_2=TextEncoderSizes(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=1,
        projection_dim=48,
        hidden_act="gelu",
    ),
    prediction_type="v_prediction",
    zero_terminal_snr=True,
    image_size=8,
    text_model="nowhere",
    open_clip_model="none",
)


def parameters(architecture: SdxlArchitecture) -> dict[str, dict[str, nn.Parameter]]:
    return {part: dict(module.named_parameters()) for part, module in empty_modules(architecture).by_part().items()}


def random_parts(architecture: SdxlArchitecture) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return {
        part: {name: torch.randn(own.shape, generator=generator) / 8 for name, own in named.items()}
        for part, named in parameters(architecture).items()
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdxl") / "small.safetensors"
    new_checkpoint(path, FAMILY, SMALL, random_parts(SMALL), "fp32")
    return path


@pytest.mark.parametrize("architecture", [SDXL_BASE, SMALL], ids=["base", "small"])
def test_the_table_has_every_parameter_of_the_modules(architecture: SdxlArchitecture) -> None:
    table = keys.name_table(architecture)
    assert {part: set(places) for part, places in table.items()} == {
        part: set(named) for part, named in parameters(architecture).items()
    }


def test_the_full_model_has_its_published_sizes() -> None:
    counts = {part: sum(p.numel() for p in named.values()) for part, named in parameters(SDXL_BASE).items()}
    assert counts["unet"] == SDXL.memory.unet == 2_567_463_684
    assert counts["text_encoder"] + counts["text_encoder_2"] == SDXL.memory.text_encoders
    assert counts["vae"] == SDXL.memory.vae
    names = file_names(keys.name_table(SDXL_BASE))
    assert sum(name.startswith(keys.UNET) for name in names) == 1680


def test_everything_comes_back_from_tensors_and_config(file: Path) -> None:
    read = read_checkpoint(file)
    assert read.family is FAMILY
    assert read.architecture == SMALL
    for part, named in random_parts(SMALL).items():
        for name, value in named.items():
            assert torch.equal(read.parts[part][name], value), name


def test_without_a_config_the_markers_say_what_is_predicted() -> None:
    places = keys.name_table(SDXL_BASE)
    shapes: dict[str, tuple[int, ...]] = {}
    for part, named in parameters(SDXL_BASE).items():
        for name, parameter in named.items():
            place, shape = places[part][name], tuple(parameter.shape)
            whole = shape[::-1] if place.transposed else (shape[0] * place.share[1], *shape[1:])
            shapes[place.name] = FAMILY.file_shape(place.name, whole)
    assert infer_architecture(shapes) == SDXL_BASE
    assert infer_architecture(shapes, dump(SDXL_BASE)) == SDXL_BASE
    marked = infer_architecture({**shapes, "v_pred": (0,), "ztsnr": (0,)})
    assert marked == replace(SDXL_BASE, prediction_type="v_prediction", zero_terminal_snr=True)


def test_what_is_trained_of_a_fused_tensor_leaves_the_rest(file: Path, tmp_path: Path) -> None:
    base = read_checkpoint(file)
    name = "text_model.encoder.layers.1.self_attn.k_proj.weight"
    place = base.places["text_encoder_2"][name]
    trained = {"text_encoder_2": {name: base.parts["text_encoder_2"][name] + 1}}
    write_checkpoint(tmp_path / "new.safetensors", base, trained, "fp32")
    new = read_checkpoint(tmp_path / "new.safetensors")
    changed = {key for key, value in base.tensors.items() if not torch.equal(value, new.tensors[key])}
    assert changed == {place.name}
    difference = (new.tensors[place.name] - base.tensors[place.name]).chunk(3)
    assert [float(third.sum()) for third in difference] == [0, pytest.approx(64 * 64), 0]


def test_it_predicts(file: Path) -> None:
    model = load_model(read_checkpoint(file))
    conditioning = model.encode_prompts(["a star", "a ring"])
    assert conditioning.hidden_states.shape == (2, 77, 96)
    assert conditioning.pooled is not None
    assert conditioning.pooled.shape == (2, 48)
    answer = model.predict(torch.randn(2, 4, 8, 8), torch.tensor([10, 900]), conditioning)
    assert answer.shape == (2, 4, 8, 8)
    assert torch.isfinite(answer).all()


def test_what_suits_it_is_known_before_it_is_loaded(file: Path) -> None:
    known = known_base(file)
    assert (known.family, known.native_side) == (SDXL, 64)
    assert known.memory == memory_facts(read_checkpoint(file))
    settings = from_dict({
        "method": "dreambooth",
        "base": {"checkpoint": str(file)},
        "concepts": [{"folder": "dogs", "class_prompt": "a dog"}],
    })  # fmt: skip
    found = resolved(settings)
    assert (found.data.resolution, found.unet_learning_rate(), found.text_encoder_learning_rate()) == (64, 1e-6, 5e-7)
