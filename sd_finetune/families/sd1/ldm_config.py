"""The `.yaml` beside a checkpoint: the LDM config of CompVis's stable-diffusion, as WebUI v1.10.1 reads it.

dump(architecture) -> str
parse(yaml_text) -> LdmConfig
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ...errors import UserError
from ..ldm.agreement import section, text
from ..safe_yaml import load_yaml
from .architecture import Sd1Architecture


@dataclass(frozen=True)
class LdmConfig:
    """The content of a config. A field is None when the config does not have it."""

    model: Mapping[str, Any]
    """`model.params`: schedule, scale factor, parameterization, image size."""
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text_model: str | None
    text_encoder: Mapping[str, Any]
    """Our own top-level section (the WebUI reads only `model`): what does not follow from CLIP's tensors."""
    schedule: Mapping[str, Any]
    """Another: whether the noise schedule has zero terminal SNR."""


def parse(yaml_text: str) -> LdmConfig:
    """Read the text of an LDM config.

    Raises:
        UserError: it is not an LDM config, or one of another kind of model than Stable Diffusion 1.
    """
    try:
        content = load_yaml(yaml_text)
        model = content["model"]["params"]
        unet = model["unet_config"]["params"]
        first_stage = model["first_stage_config"]["params"]
        condition = section(model["cond_stage_config"].get("params") or {})
        return LdmConfig(
            model=section(model),
            unet=section(unet),
            vae={**section(first_stage["ddconfig"]), "embed_dim": first_stage.get("embed_dim")},
            text_model=text(condition.get("version")),
            text_encoder=section(content.get("text_encoder") or {}),
            schedule=section(content.get("schedule") or {}),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            "The .yaml config is not one of a Stable Diffusion 1 model (model.params.unet_config, first_stage_config "
            "and cond_stage_config are needed): choose the right one, or remove it from beside the checkpoint."
        ) from error


def dump(architecture: Sd1Architecture) -> str:
    """The config of a model, from which `parse` gets the same numbers back."""
    model = {
        "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
        "params": {
            **_model_params(architecture),
            "unet_config": {
                "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
                "params": _unet_params(architecture),
            },
            "first_stage_config": {
                "target": "ldm.models.autoencoder.AutoencoderKL",
                "params": _first_stage_params(architecture),
            },
            "cond_stage_config": {
                "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                "params": {"version": architecture.text_model},
            },
        },
    }
    own: dict[str, Any] = {"text_encoder": {"num_attention_heads": architecture.text_encoder.num_attention_heads}}
    if architecture.zero_terminal_snr:
        own["schedule"] = {"zero_terminal_snr": True}
    return yaml.safe_dump({"model": model, **own}, sort_keys=False)


def _model_params(architecture: Sd1Architecture) -> dict[str, Any]:
    # `parameterization` is only written for v: LDM's default is "eps".
    v_prediction = {"parameterization": "v"} if architecture.prediction_type == "v_prediction" else {}
    return {
        **v_prediction,
        "linear_start": architecture.linear_start,
        "linear_end": architecture.linear_end,
        "num_timesteps_cond": 1,
        "timesteps": architecture.timesteps,
        "first_stage_key": "jpg",
        "cond_stage_key": "txt",
        "image_size": architecture.image_size,
        "channels": architecture.vae.z_channels,
        "cond_stage_trainable": False,
        "conditioning_key": "crossattn",
        "scale_factor": architecture.scale_factor,
        "use_ema": False,
    }


def _unet_params(architecture: Sd1Architecture) -> dict[str, Any]:
    unet = architecture.unet
    heads = {"num_heads": unet.num_heads} if unet.num_heads else {"num_head_channels": unet.num_head_channels}
    return {
        "image_size": architecture.image_size,
        "in_channels": unet.in_channels,
        "out_channels": unet.out_channels,
        "model_channels": unet.model_channels,
        "attention_resolutions": list(unet.attention_resolutions),
        "num_res_blocks": unet.num_res_blocks,
        "channel_mult": list(unet.channel_mult),
        **heads,
        "use_spatial_transformer": True,
        "transformer_depth": unet.depth_of_levels(),
        "context_dim": unet.context_dim,
        "use_checkpoint": False,
        "legacy": False,
    }


def _first_stage_params(architecture: Sd1Architecture) -> dict[str, Any]:
    vae = architecture.vae
    sizes = {
        "double_z": True,
        "z_channels": vae.z_channels,
        "resolution": architecture.image_size * 2 ** (len(vae.ch_mult) - 1),
        "in_channels": vae.in_channels,
        "out_ch": vae.out_ch,
        "ch": vae.ch,
        "ch_mult": list(vae.ch_mult),
        "num_res_blocks": vae.num_res_blocks,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    return {"embed_dim": vae.embed_dim, "ddconfig": sizes, "lossconfig": {"target": "torch.nn.Identity"}}
