"""The `.yaml` beside an SDXL checkpoint: the config of Stability AI's generative-models, as WebUI v1.10.1 reads it.

dump(architecture) -> str
parse(yaml_text) -> SgmConfig
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ...errors import UserError
from ..ldm.agreement import section, text
from ..ldm.sizes import SIZE_EMBEDDING
from ..safe_yaml import load_yaml
from .architecture import SdxlArchitecture

SGM = "sgm.modules"
DIFFUSION = f"{SGM}.diffusionmodules"
ENCODERS = f"{SGM}.encoders.modules"


@dataclass(frozen=True)
class SgmConfig:
    """The content of a config. A field is None when the config does not have it."""

    model: Mapping[str, Any]
    """`model.params`: scale factor."""
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    predicts_v: bool
    text_model: str | None
    open_clip_model: str | None
    own: Mapping[str, Any]
    """Our own top-level sections (the WebUI reads only `model`): what does not follow from tensors or `model`."""


def parse(yaml_text: str) -> SgmConfig:
    """Read the text of a config.

    Raises:
        UserError: it is not a config, or one of another kind of model than SDXL.
    """
    try:
        content = load_yaml(yaml_text)
        model = content["model"]["params"]
        first_stage = model["first_stage_config"]["params"]
        denoiser = model["denoiser_config"]["params"]
        embedders = [section(each.get("params") or {}) for each in model["conditioner_config"]["params"]["emb_models"]]
        return SgmConfig(
            model=section(model),
            unet=section(model["network_config"]["params"]),
            vae={**section(first_stage["ddconfig"]), "embed_dim": first_stage.get("embed_dim")},
            predicts_v=str(denoiser["scaling_config"]["target"]).endswith(".VScaling"),
            text_model=text(embedders[0].get("version")),
            open_clip_model=text(embedders[1].get("arch")),
            own={name: value for name, value in section(content).items() if name != "model"},
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            "The .yaml config is not one of an SDXL model (model.params.network_config, denoiser_config, "
            "conditioner_config and first_stage_config are needed): choose the right one, or remove it from beside the "
            "checkpoint."
        ) from error


def dump(architecture: SdxlArchitecture) -> str:
    """The config of a model, from which `parse` gets the same numbers back."""
    model = {
        "target": "sgm.models.diffusion.DiffusionEngine",
        "params": {
            "scale_factor": architecture.scale_factor,
            "disable_first_stage_autocast": True,
            "denoiser_config": _part(f"{DIFFUSION}.denoiser.DiscreteDenoiser", _denoiser(architecture)),
            "network_config": _part(f"{DIFFUSION}.openaimodel.UNetModel", _unet(architecture)),
            "conditioner_config": _part(f"{SGM}.GeneralConditioner", {"emb_models": _embedders(architecture)}),
            "first_stage_config": _part("sgm.models.autoencoder.AutoencoderKLInferenceWrapper", _vae(architecture)),
        },
    }
    own: dict[str, Any] = {
        "text_encoder": {"num_attention_heads": architecture.text_encoder.num_attention_heads},
        "schedule": {
            "linear_start": architecture.linear_start,
            "linear_end": architecture.linear_end,
            "zero_terminal_snr": architecture.zero_terminal_snr,
        },
        "image_size": architecture.image_size,
    }
    return yaml.safe_dump({"model": model, **own}, sort_keys=False)


def _part(target: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"target": target, "params": dict(params)}


def _denoiser(architecture: SdxlArchitecture) -> dict[str, Any]:
    kind = "V" if architecture.prediction_type == "v_prediction" else "Eps"
    return {
        "num_idx": architecture.timesteps,
        "weighting_config": {"target": f"{DIFFUSION}.denoiser_weighting.{kind}Weighting"},
        "scaling_config": {"target": f"{DIFFUSION}.denoiser_scaling.{kind}Scaling"},
        "discretization_config": {"target": f"{DIFFUSION}.discretizer.LegacyDDPMDiscretization"},
    }


def _unet(architecture: SdxlArchitecture) -> dict[str, Any]:
    unet = architecture.unet
    heads = {"num_heads": unet.num_heads} if unet.num_heads else {"num_head_channels": unet.num_head_channels}
    return {
        "adm_in_channels": unet.adm_in_channels,
        "num_classes": "sequential",
        "use_checkpoint": False,
        "in_channels": unet.in_channels,
        "out_channels": unet.out_channels,
        "model_channels": unet.model_channels,
        "attention_resolutions": list(unet.attention_resolutions),
        "num_res_blocks": unet.num_res_blocks,
        "channel_mult": list(unet.channel_mult),
        **heads,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": unet.use_linear_in_transformer,
        "transformer_depth": list(unet.transformer_depth),
        "context_dim": unet.context_dim,
        "spatial_transformer_attn_type": "softmax",
        "legacy": False,
    }


def _embedders(architecture: SdxlArchitecture) -> list[dict[str, Any]]:
    clip = {
        "version": architecture.text_model,
        "layer": "hidden",
        "layer_idx": architecture.text_encoder.num_hidden_layers - 1,
    }
    open_clip = {
        "arch": architecture.open_clip_model,
        "freeze": True,
        "layer": "penultimate",
        "always_return_pooled": True,
        "legacy": False,
    }
    sizes = ("original_size_as_tuple", "crop_coords_top_left", "target_size_as_tuple")
    return [
        {"is_trainable": False, "input_key": "txt", **_part(f"{ENCODERS}.FrozenCLIPEmbedder", clip)},
        {"is_trainable": False, "input_key": "txt", **_part(f"{ENCODERS}.FrozenOpenCLIPEmbedder2", open_clip)},
        *(
            {
                "is_trainable": False,
                "input_key": key,
                **_part(f"{ENCODERS}.ConcatTimestepEmbedderND", {"outdim": SIZE_EMBEDDING}),
            }
            for key in sizes
        ),
    ]


def _vae(architecture: SdxlArchitecture) -> dict[str, Any]:
    vae = architecture.vae
    sizes = {
        "attn_type": "vanilla",
        "double_z": True,
        "z_channels": vae.z_channels,
        "resolution": 256,
        "in_channels": vae.in_channels,
        "out_ch": vae.out_ch,
        "ch": vae.ch,
        "ch_mult": list(vae.ch_mult),
        "num_res_blocks": vae.num_res_blocks,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    return {"embed_dim": vae.embed_dim, "ddconfig": sizes, "lossconfig": {"target": "torch.nn.Identity"}}
