"""A LoRA's metadata about its layers, as kohya's scripts write it; LyCORIS is the program that has the other kinds."""

from __future__ import annotations

from typing import Any

from ..settings.algorithms import ALGORITHMS
from ..settings.options import Settings

LYCORIS = "lycoris.kohya"
"""Its network module for kohya's scripts."""


def about_network(settings: Settings) -> dict[str, Any]:
    """Entries without the beginning `ss_`."""
    options = settings.lora
    module = "" if options.dora else ALGORITHMS[options.algorithm].kohya_module
    return {
        "network_module": module or LYCORIS,
        "network_dim": options.rank,
        "network_alpha": settings.lora_alpha(),
        "network_args": {**({} if module else _kind(settings)), **_convolutions(settings)},
        "network_dropout": options.dropout or None,
    }


def _kind(settings: Settings) -> dict[str, str]:
    """As LyCORIS takes it."""
    options, facts = settings.lora, ALGORITHMS[settings.lora.algorithm]
    arguments: dict[str, Any] = {"algo": facts.lycoris_name or options.algorithm}
    for name in facts.shape_options:
        value = getattr(options, name)
        arguments[name] = value if isinstance(value, bool) else value or -1
    if options.dora:
        arguments |= {"dora_wd": True, "wd_on_output": False}
    return {name: str(value) for name, value in arguments.items()}


def _convolutions(settings: Settings) -> dict[str, str]:
    rank = settings.lora.conv_rank
    return {"conv_dim": str(rank), "conv_alpha": str(settings.lora_alpha_of(rank))} if rank else {}
