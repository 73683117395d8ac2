"""A model's sizes from the shapes of its tensors and, for the rest, from its config.

    infer_architecture(shapes, yaml_text=None, folder=None) -> SdxlArchitecture

Shapes give every width and depth, empty tensors the prediction type. Attention heads and the scale factor come from the
config; without one they are SDXL 1.0's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import UserError
from ..ldm.agreement import (
    number,
    refuse_other_encoders,
    refuse_wrong_heads,
    section,
    text_model_config,
    whole_number,
    with_config,
)
from ..ldm.infer_sizes import clip_sizes, open_clip_sizes, unet_sizes, vae_sizes
from ..ldm.sizes import UNetSizes
from ..noise_marks import ZERO_TERMINAL_SNR, predicted_by_marks
from ..recognition import Shapes
from . import sgm_config
from .architecture import DEFAULT_OPEN_CLIP, DEFAULT_TEXT_MODEL, SDXL_BASE, SdxlArchitecture
from .keys import TEXT, TEXT_2, UNET, VAE


def infer_architecture(shapes: Shapes, yaml_text: str | None = None, folder: Path | None = None) -> SdxlArchitecture:
    """The sizes of an SDXL checkpoint; as `families.sd1.infer_sizes.infer_architecture`."""
    architecture = SdxlArchitecture(
        unet=_like_sdxl(unet_sizes(shapes, UNET)),
        vae=vae_sizes(shapes, VAE),
        text_encoder=clip_sizes(shapes, f"{TEXT}text_model."),
        text_encoder_2=open_clip_sizes(shapes, TEXT_2),
        prediction_type=predicted_by_marks(shapes),
        zero_terminal_snr=ZERO_TERMINAL_SNR in shapes,
    )
    refuse_other_encoders(architecture.unet, [architecture.text_encoder, architecture.text_encoder_2])
    if yaml_text is None:
        _refuse_unknown_heads(architecture.unet)
        return architecture
    return _with_config(architecture, sgm_config.parse(yaml_text), folder)


def _like_sdxl(unet: UNetSizes) -> UNetSizes:
    base = SDXL_BASE.unet
    return replace(unet, num_heads=0, num_head_channels=base.num_head_channels, use_linear_in_transformer=True)


def _with_config(architecture: SdxlArchitecture, config: sgm_config.SgmConfig, folder: Path | None) -> SdxlArchitecture:
    unet, vae = with_config(architecture.unet, config.unet), with_config(architecture.vae, config.vae)
    text_model = config.text_model or DEFAULT_TEXT_MODEL
    text = with_config(architecture.text_encoder, _text_claims(text_model, folder, config))
    for name in ("num_heads", "num_head_channels"):
        refuse_wrong_heads(name, getattr(unet, name), list(unet.level_channels))
    refuse_wrong_heads("num_attention_heads", text.num_attention_heads, [text.hidden_size])
    schedule = section(config.own.get("schedule") or {})
    return replace(
        architecture,
        unet=unet,
        vae=vae,
        text_encoder=text,
        prediction_type="v_prediction" if config.predicts_v else architecture.prediction_type,
        zero_terminal_snr=architecture.zero_terminal_snr or schedule.get("zero_terminal_snr") is True,
        scale_factor=number(config.model, "scale_factor", 1.0, 1e-4, 1e4),
        linear_start=number(schedule, "linear_start", SDXL_BASE.linear_start, 1e-8, 0.999),
        linear_end=number(schedule, "linear_end", SDXL_BASE.linear_end, 1e-8, 0.999),
        image_size=whole_number(config.own, "image_size", SDXL_BASE.image_size, 1024),
        text_model=text_model,
        open_clip_model=config.open_clip_model or DEFAULT_OPEN_CLIP,
    )


def _text_claims(text_model: str, folder: Path | None, config: sgm_config.SgmConfig) -> dict[str, Any]:
    return {**text_model_config(text_model, folder), **section(config.own.get("text_encoder") or {})}


def _refuse_unknown_heads(unet: UNetSizes) -> None:
    usual = SDXL_BASE.unet.model_channels
    if unet.model_channels != usual:
        raise UserError(
            f"The UNet is {unet.model_channels} channels wide, not {usual} as SDXL, and its number of attention heads "
            "is unknown: put its .yaml config beside it or choose it with base.config (--config of a command)."
        )
