"""The group [lora]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option

LORA = ("lora",)


@dataclass(frozen=True)
class Lora:
    """Size and scale of the LoRA layers."""

    rank: int = option(16, "rank of the LoRA layers (kohya's network dim)", minimum=1, maximum=1024, methods=LORA)
    alpha: float | None = option(
        None,
        "LoRA alpha (kohya's network alpha): the layers are scaled by alpha / rank; auto = same as rank",
        minimum=0,
        methods=LORA,
        zero_is_auto=True,
    )
