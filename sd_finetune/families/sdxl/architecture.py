"""The sizes of an SDXL model, and the constructor arguments that follow from them.

SdxlArchitecture(unet, vae, text_encoder, text_encoder_2, prediction_type, zero_terminal_snr, scale_factor, ...)
SDXL_BASE: that of SDXL 1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...diffusion.noising import PredictionType
from ..ldm.sizes import SIZE_EMBEDDING, SIZE_IDS, TextEncoderSizes, UNetSizes, VaeSizes

DEFAULT_TEXT_MODEL = "openai/clip-vit-large-patch14"
DEFAULT_OPEN_CLIP = "ViT-bigG-14"

_UNET = UNetSizes(
    channel_mult=(1, 2, 4),
    attention_resolutions=(4, 2),
    num_heads=0,
    num_head_channels=64,
    transformer_depth=(1, 2, 10),  # that of the first level, which has no attention, means nothing
    context_dim=2048,
    use_linear_in_transformer=True,
    adm_in_channels=1280 + SIZE_IDS * SIZE_EMBEDDING,
)
_OPEN_CLIP = TextEncoderSizes(
    hidden_size=1280,
    intermediate_size=5120,
    num_hidden_layers=32,
    num_attention_heads=20,
    projection_dim=1280,
    hidden_act="gelu",
)


@dataclass(frozen=True)
class SdxlArchitecture:
    """An SDXL model: the sizes of its four parts, and noise schedule and scale."""

    unet: UNetSizes = _UNET
    vae: VaeSizes = field(default_factory=VaeSizes)
    text_encoder: TextEncoderSizes = field(default_factory=TextEncoderSizes)
    """CLIP-L."""
    text_encoder_2: TextEncoderSizes = _OPEN_CLIP
    """OpenCLIP's bigG."""
    prediction_type: PredictionType = "epsilon"
    """What the UNet predicts: the noise, or v (arXiv 2202.00512, appendix D)."""
    zero_terminal_snr: bool = False
    """Whether nothing of the image is left at the last timestep (arXiv 2305.08891)."""
    scale_factor: float = 0.13025
    """Factor between the output of the VAE's encoder and latents (arXiv 2112.10752, appendix G)."""
    linear_start: float = 0.00085
    linear_end: float = 0.012
    timesteps: int = 1000
    image_size: int = 128
    """Height and width, in latent pixels, of the images the model was trained on."""
    text_model: str = DEFAULT_TEXT_MODEL
    """Where the WebUI finds CLIP-L's tokenizer and config: a Hugging Face model or a folder."""
    open_clip_model: str = DEFAULT_OPEN_CLIP
    """OpenCLIP's name for the second text encoder."""

    @property
    def sizes(self) -> Mapping[str, UNetSizes | VaeSizes | TextEncoderSizes]:
        """By part."""
        return {
            "unet": self.unet,
            "vae": self.vae,
            "text_encoder": self.text_encoder,
            "text_encoder_2": self.text_encoder_2,
        }


SDXL_BASE = SdxlArchitecture()
