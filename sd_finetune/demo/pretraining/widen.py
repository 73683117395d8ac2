"""Doubles the width of a checkpoint's text encoder without changing its function (Net2Net, arXiv 1511.05641).

    python -m sd_finetune.demo.pretraining.widen NARROW.safetensors WIDE.safetensors

So the toy's text has another width than its images, as in every real checkpoint: with one width for both, a
hypernetwork would have one pair of MLPs for text and images.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...families.sd1.architecture import Sd1Architecture
from ...formats.checkpoint import new_checkpoint, read_checkpoint

READS_TEXT = re.compile(r"\.attn2\.to_[kv]\.weight$")
"""Weights of the UNet that take the hidden states."""


def widened_architecture(narrow: Sd1Architecture) -> Sd1Architecture:
    """The same with a text encoder twice as wide, with twice as many heads."""
    text = narrow.text_encoder
    return replace(
        narrow,
        unet=replace(narrow.unet, context_dim=2 * narrow.unet.context_dim),
        text_encoder=replace(text, hidden_size=2 * text.hidden_size, num_attention_heads=2 * text.num_attention_heads),
    )


def widened_text_encoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each channel twice, so that mean and variance stay the same, and half of each weight that takes one."""
    return {name: _widened(name, value) for name, value in tensors.items()}


def _widened(name: str, value: Tensor) -> Tensor:
    is_linear = value.ndim == 2 and "embedding" not in name
    if is_linear and ".fc2." not in name:  # which takes the MLP's inner channels, whose number stays the same
        value = torch.cat([value, value], dim=1) / 2
    if ".fc1." in name or "position_ids" in name:
        return value
    return torch.cat([value, value], dim=0 if is_linear else -1)


def widened_unet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The UNet for the wide text encoder, with the same output as before."""
    return {
        name: torch.cat([value, value], dim=1) / 2 if READS_TEXT.search(name) else value
        for name, value in tensors.items()
    }


def widen(narrow: Path, wide: Path) -> None:
    """Write the wide checkpoint, with its `.yaml`."""
    base = read_checkpoint(narrow)
    parts = {
        **base.parts,
        "unet": widened_unet(base.parts["unet"]),
        "text_encoder": widened_text_encoder(base.parts["text_encoder"]),
    }
    new_checkpoint(wide, base.family, widened_architecture(base.architecture), parts)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Double the width of a checkpoint's text encoder.")
    parser.add_argument("narrow", type=Path)
    parser.add_argument("wide", type=Path)
    options = parser.parse_args(arguments)
    widen(options.narrow, options.wide)


if __name__ == "__main__":
    main()
