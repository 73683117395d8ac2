"""The sizes of a Stable Diffusion 1 model, and the constructor arguments that follow from them.

Sd1Architecture(unet, vae, text_encoder, prediction_type, zero_terminal_snr, scale_factor, ...)
Sd1Architecture.unet_config() / .vae_config() / .text_config() -> dict, the keyword arguments of
    diffusers.UNet2DConditionModel / diffusers.AutoencoderKL / transformers.CLIPTextConfig
SD15: that of Stable Diffusion 1.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..ldm.sizes import TextEncoderSizes, UNetSizes, VaeSizes

DEFAULT_TEXT_MODEL = "openai/clip-vit-large-patch14"


@dataclass(frozen=True)
class Sd1Architecture:
    """A Stable Diffusion 1 model: the sizes of its three parts, and noise schedule and scale."""

    unet: UNetSizes = field(default_factory=UNetSizes)
    vae: VaeSizes = field(default_factory=VaeSizes)
    text_encoder: TextEncoderSizes = field(default_factory=TextEncoderSizes)
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon"
    """What the UNet predicts: the noise, or v (arXiv 2202.00512, appendix D)."""
    zero_terminal_snr: bool = False
    """Whether nothing of the image is left at the last timestep (arXiv 2305.08891)."""
    scale_factor: float = 0.18215
    """Factor between the output of the VAE's encoder and latents (arXiv 2112.10752, appendix G)."""
    linear_start: float = 0.00085
    linear_end: float = 0.012
    timesteps: int = 1000
    image_size: int = 64
    """Height and width, in latent pixels, of the images the model was trained on."""
    text_model: str = DEFAULT_TEXT_MODEL
    """Where the WebUI finds tokenizer and text encoder config: a Hugging Face model or a folder."""

    @property
    def sizes(self) -> Mapping[str, UNetSizes | VaeSizes | TextEncoderSizes]:
        """By part."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}

    def unet_config(self) -> dict[str, Any]:
        """Arguments of diffusers.UNet2DConditionModel."""
        return self.unet.arguments(self.image_size)

    def vae_config(self) -> dict[str, Any]:
        """Arguments of diffusers.AutoencoderKL."""
        return self.vae.arguments(self.scale_factor, self.image_size)

    def text_config(self) -> dict[str, Any]:
        """Arguments of transformers.CLIPTextConfig."""
        return self.text_encoder.arguments()


SD15 = Sd1Architecture()
