"""A model's sizes from the shapes of its tensors and, for the rest, from its config.

    infer_architecture(shapes, yaml_text=None, folder=None) -> Sd1Architecture

Shapes give every width and depth. Attention heads, prediction type, scale factor and noise schedule come from the
config; without one they are Stable Diffusion 1.5's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from ...errors import UserError
from ...reading.door import parse_json, read_text, reader
from ...reading.plain import shown
from ..recognition import Shapes
from . import ldm_config
from .architecture import DEFAULT_TEXT_MODEL, SD15, Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from .keys import TEXT, UNET, VAE

CLIP = TEXT + "text_model."
HEADS = ("num_heads", "num_head_channels", "num_attention_heads")
Sizes = TypeVar("Sizes", UNetSizes, VaeSizes, TextEncoderSizes)


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
    unet, vae, text = _unet_sizes(shapes), _vae_sizes(shapes), _text_sizes(shapes)
    if yaml_text is None:
        _refuse_unknown_heads(unet, text)
        return Sd1Architecture(unet, vae, text)
    config = ldm_config.parse(yaml_text)
    unet, vae = _with_config(unet, config.unet), _with_config(vae, config.vae)
    text_model = config.text_model or DEFAULT_TEXT_MODEL
    claims = {**_text_model_config(text_model, folder), **config.text_encoder}
    text = _with_config(text, claims)
    _refuse_wrong_heads("num_heads", unet.num_heads, list(unet.level_channels))
    _refuse_wrong_heads("num_head_channels", unet.num_head_channels, list(unet.level_channels))
    _refuse_wrong_heads("num_attention_heads", text.num_attention_heads, [text.hidden_size])
    # What the config leaves out has LDM's own default, as in the WebUI.
    parameters = config.model
    return Sd1Architecture(
        unet,
        vae,
        text,
        prediction_type="v_prediction" if parameters.get("parameterization") == "v" else "epsilon",
        scale_factor=ldm_config.number(parameters, "scale_factor", 1.0, 1e-4, 1e4),
        linear_start=ldm_config.number(parameters, "linear_start", 0.0001, 1e-8, 0.999),
        linear_end=ldm_config.number(parameters, "linear_end", 0.02, 1e-8, 0.999),
        timesteps=ldm_config.whole_number(parameters, "timesteps", 1000, 10_000),
        image_size=ldm_config.whole_number(parameters, "image_size", 64, 1024),
        text_model=text_model,
    )


def _unet_sizes(shapes: Shapes) -> UNetSizes:
    model_channels, in_channels = shapes[f"{UNET}input_blocks.0.0.weight"][:2]
    levels = list(_unet_levels(shapes))
    first = f"{UNET}input_blocks.1.1." if levels[0][2] else f"{UNET}middle_block.1."
    return UNetSizes(
        in_channels=in_channels,
        out_channels=shapes[f"{UNET}out.2.weight"][0],
        model_channels=model_channels,
        channel_mult=tuple(channels // model_channels for channels, _, _ in levels),
        num_res_blocks=levels[0][1],
        attention_resolutions=tuple(2**level for level, (_, _, has) in enumerate(levels) if has)[::-1],
        transformer_depth=_count(shapes, first + "transformer_blocks.{}.norm1.weight"),
        context_dim=shapes[f"{first}transformer_blocks.0.attn2.to_k.weight"][1],
    )


def _unet_levels(shapes: Shapes) -> Iterator[tuple[int, int, bool]]:
    """Channels, residual blocks and presence of attention of each level, from the first to the deepest."""
    blocks, channels, attention = 0, 0, False
    for index in count(1):
        block = f"{UNET}input_blocks.{index}."
        convolution = shapes.get(f"{block}0.out_layers.3.weight")
        if convolution is not None:
            blocks, channels = blocks + 1, convolution[0]
            attention = f"{block}1.norm.weight" in shapes
            continue
        yield channels, blocks, attention
        if f"{block}0.op.weight" not in shapes:
            return
        blocks = 0


def _vae_sizes(shapes: Shapes) -> VaeSizes:
    ch, in_channels = shapes[f"{VAE}encoder.conv_in.weight"][:2]
    # Of the decoder: its levels have one residual block more than the encoder's, which may have none.
    block = VAE + "decoder.up.{}.block.0.conv1.weight"
    levels = range(_count(shapes, block))
    return VaeSizes(
        in_channels=in_channels,
        out_ch=shapes[f"{VAE}decoder.conv_out.weight"][0],
        ch=ch,
        ch_mult=tuple(shapes[block.format(level)][0] // ch for level in levels),
        num_res_blocks=_count(shapes, VAE + "decoder.up.0.block.{}.conv1.weight") - 1,
        z_channels=shapes[f"{VAE}decoder.conv_in.weight"][1],
        embed_dim=shapes[f"{VAE}post_quant_conv.weight"][1],
    )


def _text_sizes(shapes: Shapes) -> TextEncoderSizes:
    vocab_size, hidden_size = shapes[f"{CLIP}embeddings.token_embedding.weight"]
    return TextEncoderSizes(
        vocab_size=vocab_size,
        max_position_embeddings=shapes[f"{CLIP}embeddings.position_embedding.weight"][0],
        hidden_size=hidden_size,
        intermediate_size=shapes[f"{CLIP}encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=_count(shapes, CLIP + "encoder.layers.{}.mlp.fc1.weight"),
        num_attention_heads=max(1, hidden_size // 64),
    )


def _count(shapes: Shapes, pattern: str) -> int:
    return next(number for number in count() if pattern.format(number) not in shapes)


def _refuse_unknown_heads(unet: UNetSizes, text: TextEncoderSizes) -> None:
    if unet.model_channels != SD15.unet.model_channels or text.hidden_size != SD15.text_encoder.hidden_size:
        raise UserError(
            f"The UNet is {unet.model_channels} channels wide, not {SD15.unet.model_channels} as Stable "
            "Diffusion 1.5, and its number of attention heads is unknown: put its .yaml config beside it or choose it "
            "with base.config (--config of a command)."
        )


def _refuse_wrong_heads(name: str, number: int, channels: list[int]) -> None:
    rest = [width for width in channels if number and width % number]
    if rest:
        raise UserError(
            f"The .yaml config says {name} {number}, which does not divide the {rest[0]} channels of the checkpoint's "
            "tensors: choose the right config with base.config (--config of a command)."
        )


def _with_config(sizes: Sizes, claims: Mapping[str, Any]) -> Sizes:
    """`sizes` with what only the config has; both must agree on the rest."""
    stated: dict[str, int] = {}
    for field in fields(sizes):
        claim = claims.get(field.name)
        if claim is None:
            continue
        if field.name in HEADS:
            stated[field.name] = max(0, ldm_config.whole_number(claims, field.name, 0, 10_000, least=-1))
        elif not _agree(getattr(sizes, field.name), claim):
            raise UserError(
                f"The .yaml config says {field.name} {shown(claim)}, but the checkpoint's tensors say "
                f"{getattr(sizes, field.name)}: choose the right config with base.config (--config of a command)."
            )
    if stated.get("num_head_channels") and "num_heads" not in stated:
        stated["num_heads"] = 0
    return replace(sizes, **stated)


def _agree(measured: int | tuple[int, ...], claim: Any) -> bool:
    claims = cast("list[object]", claim) if isinstance(claim, list) else [claim]
    if isinstance(measured, tuple):
        # The order of `attention_resolutions` has no meaning; that of the channels is ascending in every model.
        return sorted(map(str, claims)) == sorted(map(str, measured))
    # A config of LDM may give a number once for each level.
    return all(each == measured for each in claims)


def _text_model_config(text_model: str, folder: Path | None) -> Mapping[str, Any]:
    """The `config.json` in the folder that the config has for CLIP; empty if there is none."""
    inside = Path(text_model)
    if folder is None or inside.is_absolute() or ".." in inside.parts or "\0" in text_model:
        return {}  # a name of the Hugging Face hub, or a place that is none of a checkpoint's business
    file = folder / inside / "config.json"
    return _text_config(file) if file.is_file() else {}


@reader
def _text_config(file: Path) -> Mapping[str, Any]:
    content: Any = parse_json(read_text(file))
    text: Any = content.get("text_config") or content
    if not isinstance(text, dict):
        raise TypeError("no table")
    return cast("dict[str, Any]", text)
