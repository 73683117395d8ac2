"""A model's sizes from the shapes of its tensors and, for the rest, from its config.

    infer_architecture(shapes, yaml_text=None, folder=None) -> Sd1Architecture

Shapes give every width and depth. Attention heads, prediction type, scale factor and noise schedule come from the
config; without one they are Stable Diffusion 1.5's.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from ..ldm.agreement import (
    number,
    refuse_other_encoders,
    refuse_wrong_heads,
    text_model_config,
    whole_number,
    with_config,
)
from ..ldm.infer_sizes import clip_sizes, unet_sizes, vae_sizes
from ..noise_marks import ZERO_TERMINAL_SNR, predicted_by_marks
from ..recognition import Shapes
from . import ldm_config
from .architecture import DEFAULT_TEXT_MODEL, SD15, Sd1Architecture, TextEncoderSizes, UNetSizes
from .keys import TEXT, UNET, VAE


def infer_architecture(shapes: Shapes, yaml_text: str | None = None, folder: Path | None = None) -> Sd1Architecture:
    """The sizes of a Stable Diffusion 1 checkpoint.

    Args:
        shapes: of the checkpoint's tensors, under the names of `families.sd1.keys`.
        yaml_text: the LDM config, if there is one.
        folder: where a relative `cond_stage_config.params.version` of the config is looked up.

    Raises:
        UserError: config and tensors contradict each other, or the number of attention heads is unknown.
        KeyError: a tensor is missing from which a size is read.
    """
    unet, vae, text = unet_sizes(shapes, UNET), vae_sizes(shapes, VAE), clip_sizes(shapes, f"{TEXT}text_model.")
    refuse_other_encoders(unet, [text])
    by_marks = predicted_by_marks(shapes)
    if yaml_text is None:
        _refuse_unknown_heads(unet, text)
        return Sd1Architecture(unet, vae, text, by_marks, ZERO_TERMINAL_SNR in shapes)
    config = ldm_config.parse(yaml_text)
    unet, vae = with_config(unet, config.unet), with_config(vae, config.vae)
    text_model = config.text_model or DEFAULT_TEXT_MODEL
    claims = {**text_model_config(text_model, folder), **config.text_encoder}
    text = with_config(text, claims)
    refuse_wrong_heads("num_heads", unet.num_heads, list(unet.level_channels))
    refuse_wrong_heads("num_head_channels", unet.num_head_channels, list(unet.level_channels))
    refuse_wrong_heads("num_attention_heads", text.num_attention_heads, [text.hidden_size])
    # What the config leaves out has LDM's own default, as in the WebUI.
    parameters = config.model
    return Sd1Architecture(
        unet,
        vae,
        text,
        prediction_type="v_prediction" if parameters.get("parameterization") == "v" else by_marks,
        zero_terminal_snr=ZERO_TERMINAL_SNR in shapes or config.schedule.get("zero_terminal_snr") is True,
        scale_factor=number(parameters, "scale_factor", 1.0, 1e-4, 1e4),
        linear_start=number(parameters, "linear_start", 0.0001, 1e-8, 0.999),
        linear_end=number(parameters, "linear_end", 0.02, 1e-8, 0.999),
        timesteps=whole_number(parameters, "timesteps", 1000, 10_000),
        image_size=whole_number(parameters, "image_size", 64, 1024),
        text_model=text_model,
    )


def _refuse_unknown_heads(unet: UNetSizes, text: TextEncoderSizes) -> None:
    if unet.model_channels != SD15.unet.model_channels or text.hidden_size != SD15.text_encoder.hidden_size:
        raise UserError(
            f"The UNet is {unet.model_channels} channels wide, not {SD15.unet.model_channels} as Stable "
            "Diffusion 1.5, and its number of attention heads is unknown: put its .yaml config beside it or choose it "
            "with base.config (--config of a command)."
        )
