"""The modules of the toy SDXL as it is pretrained: without what nothing passes, and with few trained token embeddings.

Of CLIP-L the third layer is left out, whose output SDXL does not use. Of CLIP-G's ten the first two and the last are
there; the others come in `expand_xl`, hardly changing what passes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from ...families.family import DiffusionModel
from ...families.ldm.sizes import TextEncoderSizes
from ..expand_xl import CLIP_G_LAYERS, CLIP_L_LAYERS, TOY_SDXL, unseen_embeddings

END_OF_TEXT = 49407
SEEN_SCALE = 0.6
"""CLIP-G's token embeddings that are trained begin shorter than the others stay."""
ADDS_NOTHING = r"transformer_blocks\.1\..*(to_out\.0|ff\.net\.2)\.|^add_embedding\.linear_2\."
"""What of new modules is zero at the start, so that the others' images are as before."""
TEXT_STD = 3.8
"""Standard deviation of CLIP-L's hidden states before the final norm, which the toy Stable Diffusion 1 has."""


class TokenEmbeddings(nn.Module):
    """Those of the tokens `seen` are trained, all others stay what they are, times `unseen_scale`."""

    def __init__(self, rows: Tensor, seen: Sequence[int]) -> None:
        super().__init__()
        place = torch.full((len(rows),), -1)
        place[list(seen)] = torch.arange(len(seen))
        self.register_buffer("rows", rows.clone(), persistent=False)
        self.register_buffer("place", place, persistent=False)
        self.weight = nn.Parameter(rows[list(seen)].clone())
        self.unseen_scale = 1.0

    def forward(self, ids: Tensor) -> Tensor:
        place = cast("Tensor", self.place)[ids]
        trained = F.embedding(place.clamp(min=0), self.weight)
        return torch.where(place[..., None] >= 0, trained, cast("Tensor", self.rows)[ids] * self.unseen_scale)


class TextEncoders(nn.Module):
    """Token ids to the hidden states of both encoders side by side, and the pooled vector."""

    def __init__(self, clip_l: CLIPTextModel, clip_g: CLIPTextModelWithProjection) -> None:
        super().__init__()
        self.clip_l, self.clip_g = clip_l, clip_g

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        first = self.clip_l(ids, output_hidden_states=True).hidden_states[-1]
        second = self.clip_g(padded_with_0(ids), output_hidden_states=True)
        return torch.cat([first, second.hidden_states[-2]], -1), second.text_embeds

    def scale_unseen(self, scale: float) -> None:
        """Multiply the embeddings of all tokens that are not trained."""
        for encoder in (self.clip_l, self.clip_g):
            cast("Any", encoder).text_model.embeddings.token_embedding.unseen_scale = scale


def padded_with_0(ids: Tensor) -> Tensor:
    """CLIP-G's token ids: 0 after the first end of text."""
    ends = (ids == END_OF_TEXT).cumsum(-1)
    return torch.where((ends == 0) | ((ends == 1) & (ids == END_OF_TEXT)), ids, 0)


def xl_modules(start: DiffusionModel, seen: Sequence[int]) -> tuple[UNet2DConditionModel, TextEncoders]:
    """UNet and text encoders with the weights of the toy Stable Diffusion 1 where they have its modules.

    start: that toy; seen: the tokens whose embeddings are trained.
    """
    clip_l = CLIPTextModel(text_config(TOY_SDXL.text_encoder, CLIP_L_LAYERS))
    clip_g = CLIPTextModelWithProjection(text_config(TOY_SDXL.text_encoder_2, CLIP_G_LAYERS))
    clip_l.load_state_dict(start.text_encoder.state_dict())
    # transformers types them as embeddings of all tokens, which these are not
    embeddings_l, embeddings_g = (cast("Any", encoder).text_model.embeddings for encoder in (clip_l, clip_g))
    embeddings_l.token_embedding = TokenEmbeddings(embeddings_l.token_embedding.weight.data, seen)
    embeddings_g.token_embedding = TokenEmbeddings(unseen_embeddings(), seen)
    embeddings_g.token_embedding.weight.data *= SEEN_SCALE
    embeddings_g.position_embedding.weight.data.normal_(std=0.05)
    unet = UNet2DConditionModel(**TOY_SDXL.unet.arguments(TOY_SDXL.image_size))
    start_unet(unet, start)
    return unet, TextEncoders(clip_l, clip_g)


def text_config(sizes: TextEncoderSizes, layers: Sequence[int]) -> CLIPTextConfig:
    """The encoder with as many layers as are trained."""
    return CLIPTextConfig(**{**sizes.arguments(), "num_hidden_layers": len(layers)})


@torch.no_grad()
def start_unet(unet: UNet2DConditionModel, start: DiffusionModel) -> None:
    """Take over the weights of the corresponding modules; what has none begins without effect.

    Level 3 of the toy Stable Diffusion 1, the lowest, has none in SDXL, so its levels on the way up count from 1.
    """
    norm = cast("Any", start.text_encoder).text_model.final_layer_norm.weight.data / TEXT_STD
    source = start.unet.state_dict()
    for name, parameter in unet.named_parameters():
        way, _, rest = name.partition(".")
        level, _, module = rest.partition(".")
        found = source.get(f"{way}.{int(level) + 1}.{module}" if way == "up_blocks" else name)
        if found is None:
            if re.search(ADDS_NOTHING, name):
                parameter.zero_()
        elif found.shape == parameter.shape:
            parameter.copy_(found)
        elif found.ndim == 4:
            parameter.copy_(found[:, :, 0, 0])  # a 1x1 convolution is a linear layer here
        else:
            parameter[:, : found.shape[1]] = found * norm  # CLIP-L's part of the context
