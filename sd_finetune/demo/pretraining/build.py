"""Assembles the toy checkpoint from the pretrained parts and reports its quality.

    python -m sd_finetune.demo.pretraining.build WORK_FOLDER

Also saves the subjects' training images. `python -m sd_finetune.demo.pretraining.toy_report` only makes the report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ...families.ldm.sizes import TextEncoderSizes, UNetSizes, VaeSizes
from ...families.sd1.architecture import Sd1Architecture
from ...families.sd1.family import FAMILY
from ...families.vocabulary import CLIP_TOKENIZER_FOLDER
from ...formats.checkpoint import new_checkpoint
from .. import world
from ..paths import TOY_CHECKPOINT
from ..subjects import SUBJECTS, draw_subject
from .denoising import averaged_weights
from .material import image_bank, latent_bank, seen_tokens
from .pretrain import BANK_IMAGES, TEXT_CONFIG, UNET_CONFIG, VAE_CONFIG
from .toy_report import TOY_REPORT, toy_report, write_report

UNSEEN_WORD_LENGTH = 12.0
"""Norm of the embeddings of words in no caption, those of learned words have about half of one. In pretraining the
text encoder learns to encode the class after any unknown word, by hardly distinguishing such words; at
this norm the images stay the same (15 stars of 16), and training can distinguish "sks" from no word."""


def assemble(folder: Path, seed: int) -> None:
    """Write the toy checkpoint from the parts in `folder`, with the averaged weights of the UNet's training."""
    vae_state = torch.load(folder / "vae.pt", map_location="cpu", weights_only=True)["vae"]
    vae = AutoencoderKL(**VAE_CONFIG).eval()
    vae.load_state_dict(vae_state)
    images, _ = image_bank(folder, BANK_IMAGES, seed)
    _, scale = latent_bank(folder, vae, images)
    unet, text_encoder = UNet2DConditionModel(**UNET_CONFIG), CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG))
    both = torch.nn.ModuleList([unet, text_encoder])
    both.load_state_dict(averaged_weights(folder / "unet.pt"))
    lengthen_unseen_words(text_encoder, CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER))
    parts = {"unet": unet.state_dict(), "vae": vae_state, "text_encoder": text_encoder.state_dict()}
    new_checkpoint(TOY_CHECKPOINT, FAMILY, toy_architecture(scale), parts)


@torch.no_grad()
def lengthen_unseen_words(text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Give the embeddings of words in no caption the norm UNSEEN_WORD_LENGTH."""
    seen = seen_tokens(tokenizer)
    rows = text_encoder.text_model.embeddings.token_embedding.weight
    kept = rows[seen]
    rows *= UNSEEN_WORD_LENGTH / rows.norm(dim=1, keepdim=True)
    rows[seen] = kept


def toy_architecture(scale_factor: float) -> Sd1Architecture:
    """The sizes of the toy, for its .yaml."""
    width, text_width = UNET_CONFIG["block_out_channels"][0], TEXT_CONFIG["hidden_size"]
    return Sd1Architecture(
        unet=UNetSizes(
            model_channels=width,
            channel_mult=(1, 1, 1, 1),
            num_heads=UNET_CONFIG["attention_head_dim"],
            context_dim=text_width,
        ),
        vae=VaeSizes(ch=VAE_CONFIG["block_out_channels"][0], ch_mult=(1, 1, 1, 1), num_res_blocks=0),
        text_encoder=TextEncoderSizes(
            hidden_size=text_width,
            intermediate_size=TEXT_CONFIG["intermediate_size"],
            num_hidden_layers=TEXT_CONFIG["num_hidden_layers"],
            num_attention_heads=TEXT_CONFIG["num_attention_heads"],
        ),
        scale_factor=scale_factor,
        image_size=world.IMAGE_SIZE // 8,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Assemble the toy checkpoint and report its quality.")
    parser.add_argument("folder", type=Path, help="the work folder of the pretraining")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    assemble(options.folder, options.seed)
    for subject in SUBJECTS.values():
        draw_subject(subject, options.seed)
    write_report(TOY_REPORT, toy_report(TOY_CHECKPOINT))


if __name__ == "__main__":
    main()
