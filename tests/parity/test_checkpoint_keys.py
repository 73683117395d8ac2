"""Our table of names against diffusers' own converter, on the full shapes of Stable Diffusion 1.5.

The tensors are one number each, spread over the full shape without memory, so that every name has its own content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from sd_finetune.families.sd1 import keys
from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.families.sd1.infer_sizes import infer_architecture
from sd_finetune.families.sd1.ldm_config import dump
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint

TOY = Sd1Architecture(
    unet=UNetSizes(model_channels=64, channel_mult=(1, 1, 1, 1), num_heads=4, context_dim=64),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 2, 2), num_res_blocks=1),
    text_encoder=TextEncoderSizes(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4),
    image_size=8,
)


def empty_modules(architecture: Sd1Architecture) -> dict[str, torch.nn.Module]:
    with torch.device("meta"):
        return {
            "unet": UNet2DConditionModel(**architecture.unet_config()),
            "vae": AutoencoderKL(**architecture.vae_config()),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**architecture.text_config())),
        }


def ldm_checkpoint(architecture: Sd1Architecture) -> dict[str, Tensor]:
    """A checkpoint in which the k-th tensor is filled with k."""
    table = keys.name_table(architecture)
    checkpoint: dict[str, Tensor] = {}
    for part, module in empty_modules(architecture).items():
        for name, parameter in module.named_parameters():
            ldm = table[part][name].name
            shape = keys.file_shape(ldm, tuple(parameter.shape))
            checkpoint[ldm] = torch.tensor(float(len(checkpoint))).expand(shape)
    return checkpoint


def converted_by_diffusers(checkpoint: dict[str, Tensor], config: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    unet = single_file_utils.create_unet_diffusers_config_from_ldm(config, checkpoint)
    vae = single_file_utils.create_vae_diffusers_config_from_ldm(config, checkpoint)
    return {
        "unet": single_file_utils.convert_ldm_unet_checkpoint(dict(checkpoint), config=unet),
        "vae": single_file_utils.convert_ldm_vae_checkpoint(dict(checkpoint), config=vae),
        "text_encoder": single_file_utils.convert_ldm_clip_checkpoint(dict(checkpoint)),
    }


def content(tensors: dict[str, Tensor]) -> dict[str, tuple[tuple[int, ...], float]]:
    return {name: (tuple(tensor.shape), tensor.flatten()[0].item()) for name, tensor in tensors.items()}


@pytest.mark.parametrize("architecture", [SD15, TOY], ids=["sd15", "toy"])
def test_the_table_agrees_with_diffusers_converter(architecture: Sd1Architecture) -> None:
    checkpoint = ldm_checkpoint(architecture)
    theirs = converted_by_diffusers(checkpoint, yaml.safe_load(dump(architecture)))
    for part, names in keys.name_table(architecture).items():
        ours = {
            name: (own := place.taken_from(checkpoint[place.name])).reshape(
                keys.module_shape(part, name, tuple(own.shape))
            )
            for name, place in names.items()
        }
        assert content(ours) == content(theirs[part]), part


def test_stable_diffusion_1_5_has_its_1130_tensors() -> None:
    """860 million, 84 million and 123 million parameters, as published."""
    sizes = {part: sum(p.numel() for p in module.parameters()) for part, module in empty_modules(SD15).items()}
    assert sizes == {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480}
    assert len(ldm_checkpoint(SD15)) == 1130


@pytest.mark.parametrize("architecture", [SD15, TOY], ids=["sd15", "toy"])
def test_modules_are_configured_as_diffusers_would(architecture: Sd1Architecture) -> None:
    """Their config from our yaml, and ours, build modules with the same settings."""
    checkpoint, config = ldm_checkpoint(architecture), yaml.safe_load(dump(architecture))
    unet = single_file_utils.create_unet_diffusers_config_from_ldm(config, checkpoint)
    vae = single_file_utils.create_vae_diffusers_config_from_ldm(config, checkpoint)
    for cls, theirs, ours in (
        (UNet2DConditionModel, unet, architecture.unet_config()),
        (AutoencoderKL, vae, architecture.vae_config()),
    ):
        with torch.device("meta"):
            assert settings_of(cls(**theirs)) == settings_of(cls(**ours))


def settings_of(module: Any) -> dict[str, Any]:
    """The module's whole config; sample_size is a default image size for pipelines, not read from the yaml."""
    settings = {
        name: value for name, value in module.config.items() if name not in ("sample_size", "_use_default_values")
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def test_sizes_measured_on_the_full_shapes() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in ldm_checkpoint(SD15).items()}
    assert infer_architecture(shapes) == infer_architecture(shapes, dump(SD15)) == SD15


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    parts = {
        part: {name: torch.randn(parameter.shape) * 0.02 for name, parameter in module.named_parameters()}
        for part, module in empty_modules(TOY).items()
    }
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    new_checkpoint(path, FAMILY, TOY, parts, "fp32")
    return path


@pytest.mark.parametrize(("part", "cls"), [("unet", UNet2DConditionModel), ("vae", AutoencoderKL)])
def test_diffusers_loads_our_file_as_we_do(toy_file: Path, part: str, cls: Any) -> None:
    """The consumer's whole way: file and yaml in, the same outputs as from our own parts."""
    theirs = cls.from_single_file(str(toy_file), original_config=str(toy_file.with_suffix(".yaml"))).eval().double()
    ours = cls(**(TOY.unet_config() if part == "unet" else TOY.vae_config())).eval()
    ours.load_state_dict(read_checkpoint(toy_file).parts[part])
    ours.double()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(1, 3, 64, 64, generator=generator).double()
    latents = torch.randn(1, 4, 8, 8, generator=generator).double()
    context = torch.randn(1, 77, 64, generator=generator).double()
    inputs = (latents, 500, context) if part == "unet" else (images,)
    with torch.no_grad():
        # Where weights lie in memory changes the order of additions: equal to the bit is too much to ask.
        torch.testing.assert_close(theirs(*inputs).sample, ours(*inputs).sample, rtol=1e-10, atol=1e-10)
