"""The prompts that a WebUI keeps encoded."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

from modules import processing


def forget_prompts() -> None:
    """Drop the encoded prompts, which are kept by text: a word in one may have got another meaning."""
    for each, parts in (
        (processing.StableDiffusionProcessing, ("cached_c", "cached_uc")),
        (processing.StableDiffusionProcessingTxt2Img, ("cached_hr_c", "cached_hr_uc")),
    ):
        for part in parts:
            setattr(each, part, [None] * len(getattr(each, part, (None, None))))  # forks keep more than two things
