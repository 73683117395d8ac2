"""A LoRA's metadata about its layers, as kohya's scripts write it; LyCORIS is the program that has the other kinds."""

from __future__ import annotations

from typing import Any

from ..settings.options import Settings

PLAIN, OTHERS = "networks.lora", "lycoris.kohya"
"""The network modules of kohya's scripts: its own, and LyCORIS's."""


def about_network(settings: Settings) -> dict[str, Any]:
    """Entries without the beginning `ss_`."""
    options = settings.lora
    is_plain = options.algorithm == "lora" and not options.dora
    return {
        "network_module": PLAIN if is_plain else OTHERS,
        "network_dim": options.rank,
        "network_alpha": settings.lora_alpha(),
        "network_args": {**({} if is_plain else _kind(settings)), **_convolutions(settings)},
        "network_dropout": options.dropout or None,
    }


def _kind(settings: Settings) -> dict[str, str]:
    """As LyCORIS takes it; its name for LoRA is "locon"."""
    options = settings.lora
    arguments: dict[str, Any] = {"algo": "locon" if options.algorithm == "lora" else options.algorithm}
    if options.algorithm == "lokr":
        arguments |= {
            "factor": options.factor or -1,
            "full_matrix": options.full_matrix,
            "decompose_both": options.decompose_both,
        }
    if options.dora:
        arguments |= {"dora_wd": True, "wd_on_output": False}
    return {name: str(value) for name, value in arguments.items()}


def _convolutions(settings: Settings) -> dict[str, str]:
    rank = settings.lora.conv_rank
    return {"conv_dim": str(rank), "conv_alpha": str(settings.lora_alpha_of(rank))} if rank else {}
