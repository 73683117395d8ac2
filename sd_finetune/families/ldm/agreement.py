"""What a config says beside what a checkpoint's tensors show.

with_config(sizes, claims) -> the sizes with what only the config has
refuse_wrong_heads(name, number, channels)
refuse_other_encoders(unet, encoders)
number(section, name, default, least, most), whole_number(section, name, default, most, least=1)
section(value), text(value): TypeError for anything else
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from ...errors import UserError
from ...reading.door import parse_json, read_text, reader
from ...reading.plain import finite, shown
from .sizes import SIZE_EMBEDDING, SIZE_IDS, TextEncoderSizes, UNetSizes, VaeSizes

HEADS = ("num_heads", "num_head_channels", "num_attention_heads")
ONLY_IN_CONFIG = {"hidden_act", "projection_dim"}
"""Of a text encoder's sizes: its config.json tells of the network around it."""
Sizes = TypeVar("Sizes", UNetSizes, VaeSizes, TextEncoderSizes)


def with_config(sizes: Sizes, claims: Mapping[str, Any]) -> Sizes:
    """`sizes` with what only the config has.

    Raises:
        UserError: they disagree about the rest.
    """
    stated: dict[str, int] = {}
    for field in fields(sizes):
        claim = claims.get(field.name)
        if claim is None or field.name in ONLY_IN_CONFIG:
            continue
        if field.name in HEADS:
            stated[field.name] = max(0, whole_number(claims, field.name, 0, 10_000, least=-1))
        elif not _agree(field.name, sizes, claim):
            raise UserError(
                f"The config says {field.name} {shown(claim)}, but the checkpoint's tensors say "
                f"{_plainly(field.name, sizes)}: choose the right config with base.config (--config of a command)."
            )
    if stated.get("num_head_channels") and "num_heads" not in stated:
        stated["num_heads"] = 0
    return replace(sizes, **stated)


def _plainly(name: str, sizes: UNetSizes | VaeSizes | TextEncoderSizes) -> object:
    if name == "transformer_depth" and isinstance(sizes, UNetSizes):
        return sizes.depth_of_levels()
    return getattr(sizes, name)


def _agree(name: str, sizes: UNetSizes | VaeSizes | TextEncoderSizes, claim: Any) -> bool:
    measured: int | tuple[int, ...] | bool = getattr(sizes, name)
    claims = cast("list[object]", claim) if isinstance(claim, list) else [claim]
    if name == "transformer_depth" and isinstance(sizes, UNetSizes):
        # Of levels without attention, configs say anything.
        claims = claims if len(claims) > 1 else claims * len(sizes.transformer_depth)
        if len(claims) != len(sizes.transformer_depth):
            return False
        pairs = zip(sizes.transformer_depth, claims, strict=True)
        return all(own == said for level, (own, said) in enumerate(pairs) if sizes.has_attention(level))
    if isinstance(measured, tuple):
        # The order of `attention_resolutions` has no meaning; that of the channels is ascending in every model.
        return sorted(map(str, claims)) == sorted(map(str, measured))
    # A config of LDM may give a number once for each level.
    return all(each == measured for each in claims)


def refuse_wrong_heads(name: str, number: int, channels: list[int]) -> None:
    """Raise UserError if so many heads, or heads of so many channels, do not divide these."""
    rest = [width for width in channels if number and width % number]
    if rest:
        raise UserError(
            f"The config says {name} {number}, which does not divide the {rest[0]} channels of the checkpoint's "
            "tensors: choose the right config with base.config (--config of a command)."
        )


def refuse_other_encoders(unet: UNetSizes, encoders: Sequence[TextEncoderSizes]) -> None:
    """Raise UserError if the text encoders' output, side by side, is not as wide as what the UNet reads."""
    widths = [text.hidden_size for text in encoders]
    if sum(widths) != unet.context_dim:
        are = "text encoder is" if len(widths) == 1 else "text encoders are"
        raise UserError(
            f"The checkpoint's {are} {' and '.join(map(str, widths))} wide, and its UNet reads {unet.context_dim}: "
            "choose one whose parts belong together."
        )
    vector = encoders[-1].projection_dim + SIZE_IDS * SIZE_EMBEDDING
    if unet.adm_in_channels and vector != unet.adm_in_channels:
        raise UserError(
            f"The checkpoint's last text encoder and the sizes of an image make a vector of {vector} values, and its "
            f"UNet reads {unet.adm_in_channels}: choose one whose parts belong together."
        )


def number(section: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    """The number `name` of a section, `default` if it has none.

    Raises:
        UserError: it is not a number from `least` to `most`.
    """
    value = section.get(name)
    found = default if value is None else finite(value)
    if found is None or not least <= found <= most:
        raise UserError(
            f"The config says {name} {shown(value)}, which is not a number from {least:g} to {most:g}: correct "
            "it, or choose the right config with base.config (--config of a command)."
        )
    return found


def whole_number(section: Mapping[str, Any], name: str, default: int, most: int, least: int = 1) -> int:
    """The same for a whole number."""
    found = number(section, name, default, least, most)
    if found != int(found):
        raise UserError(f"The config says {name} {found:g}, which is not a whole number: correct it.")
    return int(found)


def section(value: Any) -> Mapping[str, Any]:
    """A part of a config with named values.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, got {type(value).__name__}")
    return cast("Mapping[str, Any]", value)


def text(value: Any) -> str | None:
    """A text of a config, if there is one.

    Raises:
        TypeError: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def text_model_config(text_model: str, folder: Path | None) -> Mapping[str, Any]:
    """The `config.json` in the folder that a config has for CLIP; empty if there is none.

    folder: where a relative one is looked up.
    """
    inside = Path(text_model)
    if folder is None or inside.is_absolute() or ".." in inside.parts or "\0" in text_model:
        return {}  # a name of the Hugging Face hub, or a place that is none of a checkpoint's business
    file = folder / inside / "config.json"
    return _text_config(file) if file.is_file() else {}


@reader
def _text_config(file: Path) -> Mapping[str, Any]:
    content: Any = parse_json(read_text(file))
    own: Any = content.get("text_config") or content
    if not isinstance(own, dict):
        raise TypeError("no table")
    return cast("dict[str, Any]", own)
