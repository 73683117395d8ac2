"""The toy SDXL: its sizes, and its whole checkpoints from what of them was trained.

    expand(folder, "sdxl") -> Path, of `toy-xl.safetensors`, which predicts the noise
    expand(folder, "sdxl-v") -> Path, of `toy-xl-v.safetensors`, which predicts v with a zero terminal SNR

OpenCLIP's smallest text encoder alone would be 42 MB. Most of that no pretraining has touched: embeddings of tokens
that are in no caption, and layers between. These are computed from seeds, to the bit alike on every machine, and the
VAE and CLIP-L's embeddings are those of the toy Stable Diffusion 1. The package has the rest, `toy_xl/`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..families.ldm.sizes import SIZE_EMBEDDING, SIZE_IDS, TextEncoderSizes, UNetSizes, VaeSizes
from ..families.sdxl.architecture import SdxlArchitecture
from ..families.sdxl.family import FAMILY
from ..formats.checkpoint import new_checkpoint, read_checkpoint
from .paths import TOY_CHECKPOINT, TRAINED_XL, TRAINED_XL_V

TOY_SDXL = SdxlArchitecture(
    unet=UNetSizes(
        model_channels=64,
        channel_mult=(1, 1, 1),
        attention_resolutions=(4, 2),
        num_heads=0,
        num_head_channels=16,
        transformer_depth=(1, 1, 2),
        context_dim=128 + 256,
        use_linear_in_transformer=True,
        adm_in_channels=256 + SIZE_IDS * SIZE_EMBEDDING,
    ),
    vae=VaeSizes(ch=64, ch_mult=(1, 1, 1, 1), num_res_blocks=0),
    text_encoder=TextEncoderSizes(hidden_size=128, intermediate_size=256, num_hidden_layers=3, num_attention_heads=8),
    text_encoder_2=TextEncoderSizes(  # OpenCLIP's ViT-S-32-alt, which it knows by name
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=10,
        num_attention_heads=4,
        projection_dim=256,
        hidden_act="gelu",
    ),
    scale_factor=0.3706,
    image_size=8,
    open_clip_model="ViT-S-32-alt",
)
"""Shaped like SDXL: no attention at the highest level, two transformer blocks at the lowest."""
CLIP_L_LAYERS = (0, 1)
"""The layers that were trained, in the order of the pretraining's; the third one's output SDXL does not use."""
CLIP_G_LAYERS = (0, 1, 9)
"""The others hardly change what passes them."""
SHARED = r"attn2\.to_[kv]\.|^add_embedding\."
"""What of the UNet the variants have in common: what reads text and sizes."""
UNSEEN_NORM = 8.0
"""Of the embeddings of CLIP-G's tokens that are in no caption, about."""
UNSEEN_SCALE = 1.0
"""What CLIP-L's embeddings of such tokens, which have the norm 12 in the toy Stable Diffusion 1, are multiplied by."""
LAYER_SCALE = 0.02
RESIDUAL_SCALE = 1e-4
"""Largest weights of layers that were not trained, and of what they add: little, but not nothing, so that they have
gradients."""
VERSION = 1
"""To be raised when this file makes another checkpoint of the same tensors."""
EXPANDED_FROM = "toy.expanded_from"
EMBEDDING = "embeddings.token_embedding.weight"


@dataclass(frozen=True)
class Variant:
    """One of the checkpoints. `trained`: the files with what was trained; the last one that has a tensor counts."""

    file_name: str
    architecture: SdxlArchitecture
    trained: tuple[Path, ...]


VARIANTS = {
    "sdxl": Variant("toy-xl.safetensors", TOY_SDXL, (TRAINED_XL,)),
    "sdxl-v": Variant(
        "toy-xl-v.safetensors",
        replace(TOY_SDXL, prediction_type="v_prediction", zero_terminal_snr=True),
        (TRAINED_XL, TRAINED_XL_V),
    ),
}


def expand(folder: Path, name: str) -> Path:
    """Write a variant's checkpoint and its `.yaml` into a folder, unless they are there; its path.

    name: "sdxl" | "sdxl-v".
    """
    variant = VARIANTS[name]
    path, source = folder / variant.file_name, digest((*variant.trained, TOY_CHECKPOINT))
    if not _is_from(path, source):
        trained: dict[str, Tensor] = {}
        for file in variant.trained:
            trained |= load_file(file)
        new_checkpoint(path, FAMILY, variant.architecture, whole_parts(trained), metadata={EXPANDED_FROM: source})
    return path


def digest(files: Iterable[Path]) -> str:
    """Of all that a whole checkpoint depends on."""
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    found.update(str(VERSION).encode())
    return found.hexdigest()


def _is_from(path: Path, source: str) -> bool:
    if not (path.is_file() and path.with_suffix(".yaml").is_file()):
        return False
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get(EXPANDED_FROM) == source


def whole_parts(trained: Mapping[str, Tensor]) -> dict[str, Mapping[str, Tensor]]:
    """The state dict of each part, of what was trained, by part and module's name."""
    base = read_checkpoint(TOY_CHECKPOINT)
    return {
        "unet": _named(trained, "unet."),
        "vae": base.parts["vae"],
        "text_encoder": _clip_l(trained, base.parts["text_encoder"]),
        "text_encoder_2": _clip_g(trained),
    }


def _named(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _clip_l(trained: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The toy Stable Diffusion 1's with a third layer, which is its second, and what was trained."""
    third = {re.sub(r"layers\.1\.", "layers.2.", name): value for name, value in base.items()}
    whole = {**third, **base}
    whole |= {name: value * UNSEEN_SCALE for name, value in whole.items() if name.endswith(EMBEDDING)}
    return _with_trained(whole, trained, "text_encoder.", CLIP_L_LAYERS)


def _clip_g(trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    rest = sorted(set(range(TOY_SDXL.text_encoder_2.num_hidden_layers)) - set(CLIP_G_LAYERS))
    rows = {f"text_model.{EMBEDDING}": unseen_embeddings()}
    return _with_trained({**rows, **untrained_layers(rest)}, trained, "text_encoder_2.", CLIP_G_LAYERS)


def _with_trained(
    whole: Mapping[str, Tensor], trained: Mapping[str, Tensor], start: str, layers: tuple[int, ...]
) -> dict[str, Tensor]:
    """Whole, with the layers and the embeddings of seen tokens that were trained."""
    result = dict(whole)
    for name, value in _named(trained, start).items():
        if name.endswith(EMBEDDING):
            result[name] = result[name].float()
            result[name][trained["seen"]] = value.float()
        else:
            result[re.sub(r"layers\.(\d+)\.", lambda found: f"layers.{layers[int(found[1])]}.", name)] = value
    return result


def unseen_embeddings() -> Tensor:
    """CLIP-G's token embeddings before any training, (vocabulary, width)."""
    sizes = TOY_SDXL.text_encoder_2
    largest = UNSEEN_NORM * (3 / sizes.hidden_size) ** 0.5
    return _seeded(np.random.RandomState(0), (sizes.vocab_size, sizes.hidden_size), largest).half().float()


def untrained_layers(numbers: list[int]) -> dict[str, Tensor]:
    """Layers of CLIP-G that nearly only hand on what comes."""
    sizes, state = TOY_SDXL.text_encoder_2, np.random.RandomState(1)
    width, inner = sizes.hidden_size, sizes.intermediate_size
    linear = {f"self_attn.{kind}_proj": (width, width) for kind in ("q", "k", "v", "out")}
    linear |= {"mlp.fc1": (inner, width), "mlp.fc2": (width, inner)}
    tensors: dict[str, Tensor] = {}
    for number in numbers:
        start = f"text_model.encoder.layers.{number}."
        for name, (rows, columns) in linear.items():
            adds = name in ("self_attn.out_proj", "mlp.fc2")
            tensors[f"{start}{name}.weight"] = _seeded(state, (rows, columns), RESIDUAL_SCALE if adds else LAYER_SCALE)
            tensors[f"{start}{name}.bias"] = torch.zeros(rows)
        for norm in ("layer_norm1", "layer_norm2"):
            tensors[f"{start}{norm}.weight"], tensors[f"{start}{norm}.bias"] = torch.ones(width), torch.zeros(width)
    return tensors


def _seeded(state: np.random.RandomState, shape: tuple[int, int], largest: float) -> Tensor:
    """Numbers within ±largest. RandomState's are the same in every release, and these need no function of the machine's
    mathematics library."""
    return torch.from_numpy((state.random_sample(shape) * 2 - 1) * largest).float()
