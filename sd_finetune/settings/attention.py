"""The ways there are to compute attention, to equal results but for rounding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AttentionFacts:
    """One choice of `train.attention`."""

    title: str
    """Its name in the tab."""
    package: str = ""
    """The package that it needs beside torch, by the name that both `import` and pip know it by."""
    needs_gpu: bool = False


ATTENTIONS = {
    "auto": AttentionFacts("auto"),
    "sdpa": AttentionFacts("PyTorch (SDPA)"),
    "xformers": AttentionFacts("xformers", package="xformers", needs_gpu=True),
    "sliced": AttentionFacts("sliced"),
}
FASTEST = "sdpa"
"""What "auto" amounts to. PyTorch's own attention has the kernels of FlashAttention and of xFormers, is as fast and
takes as little memory (diffusers' page on PyTorch 2.0), and is there with every torch that we run on."""
