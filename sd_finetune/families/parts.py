"""A checkpoint's parts as fresh modules: UNet, VAE, text encoder, tokenizer and noise schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..diffusion.noising import PredictionType
from ..diffusion.schedule import scaled_linear_alphas_cumprod
from ..errors import UserError
from ..formats.checkpoint import Checkpoint
from .placeholder_tokens import NewWord, with_new_words

TOKENIZER_FOLDER = Path(__file__).parent / "tokenizer"


@dataclass
class ModelParts:
    """The modules of one model. `alphas_cumprod`: (timesteps,), float64, on the CPU until `to` moves it.

    new_words: words with vectors of their own that are attached to the text encoder (models.textual_inversion).
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    alphas_cumprod: Tensor
    prediction_type: PredictionType
    scale_factor: float
    new_words: tuple[NewWord, ...] = ()

    def module(self, part: str) -> nn.Module:
        """The module called "unet", "vae" or "text_encoder"."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}[part]

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move and cast all modules. The VAE of SD1 overflows in float16, so it stays in float32 then."""
        self.unet.to(device, dtype)
        self.text_encoder.to(device, dtype)
        self.vae.to(device, torch.float32 if dtype == torch.float16 else dtype)
        self.alphas_cumprod = self.alphas_cumprod.to(device)


def load_parts(checkpoint: Checkpoint) -> ModelParts:
    """Build the modules and give them the checkpoint's tensors as they are, without a second copy; all frozen."""
    architecture = checkpoint.architecture
    with init_empty_weights(include_buffers=False):
        unet = UNet2DConditionModel(**architecture.unet_config())
        vae = AutoencoderKL(**architecture.vae_config())
        text_encoder = CLIPTextModel(CLIPTextConfig(**architecture.text_config()))
    for part, module in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        _refuse_other_shapes(checkpoint, part, module)
        assign_tensors(module, checkpoint.parts[part])
        module.eval().requires_grad_(False)
    return ModelParts(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER_FOLDER),
        alphas_cumprod=scaled_linear_alphas_cumprod(
            architecture.linear_start, architecture.linear_end, architecture.timesteps
        ),
        prediction_type=architecture.prediction_type,
        scale_factor=architecture.scale_factor,
    )


def _refuse_other_shapes(checkpoint: Checkpoint, part: str, module: nn.Module) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    for name, tensor in checkpoint.parts[part].items():
        if name in wanted and tuple(tensor.shape) != wanted[name]:
            raise UserError(
                f"{checkpoint.path} has {checkpoint.file_names[part][name]} of size {tuple(tensor.shape)} where its "
                f"other tensors ask for {wanted[name]}: choose a sound checkpoint, or its right .yaml config."
            )


def assign_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give `module` its tensors, every key explained.

    CLIP's `position_ids` is a constant that some versions of transformers keep among the weights and others do not.
    """
    result = module.load_state_dict(dict(tensors), strict=False, assign=True)
    unexplained = [k for k in (*result.missing_keys, *result.unexpected_keys) if not k.endswith("position_ids")]
    if unexplained:
        raise ValueError(f"{type(module).__name__} and the checkpoint disagree about {', '.join(unexplained[:5])}")


def word_tokens(parts: ModelParts, text: str) -> tuple[int, ...]:
    """Token ids of a text by themselves, without start, end and padding, however many they are."""
    return tuple(parts.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


def tokenize(parts: ModelParts, prompts: Sequence[str]) -> Tensor:
    """Token ids, (prompts, 77), int64; what is longer is cut, as every SD1 program does for one chunk.

    Where a new word stands, its placeholders do.
    """
    start, end = parts.tokenizer.bos_token_id, parts.tokenizer.eos_token_id
    room = parts.tokenizer.model_max_length - 2
    rows = [with_new_words(word_tokens(parts, prompt), parts.new_words, room) for prompt in prompts]
    return torch.tensor([[start, *row, *[end] * (room - len(row) + 1)] for row in rows])


def uses_new_word(parts: ModelParts, prompt: str) -> bool:
    """Whether the prompt, as far as it is read, has a new word in it."""
    placeholders = {placeholder for word in parts.new_words for placeholder in word.placeholders}
    return bool(placeholders) and not placeholders.isdisjoint(tokenize(parts, [prompt])[0].tolist())


def encode_prompts(parts: ModelParts, prompts: Sequence[str]) -> Tensor:
    """Hidden states of the text encoder's last layer after its norm, (prompts, 77, context width)."""
    ids = tokenize(parts, prompts).to(parts.text_encoder.device)
    return parts.text_encoder(ids).last_hidden_state
