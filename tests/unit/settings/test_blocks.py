"""Which value a layer gets by the beginning of its name."""

from __future__ import annotations

import time

import pytest

from sd_finetune.settings.blocks import beginning_of, block_values

PATH = "up_blocks.1.attentions.0.proj_in"


@pytest.mark.parametrize(
    ("part", "text", "beginning"),
    [
        ("unet", "up_blocks = 4", "up_blocks"),
        ("unet", "up_blocks = 4, up_blocks.1 = 8", "up_blocks.1"),
        ("unet", f"up_blocks.1 = 8, {PATH} = 2, unet = 1", PATH),
        ("unet", "unet.up_blocks = 4", "unet.up_blocks"),
        ("unet", "up_block = 4, up_blocks.11 = 4, attentions = 4, mid_block = 4", ""),
        ("text_encoder", "up_blocks = 4, unet = 2", ""),
        ("text_encoder", "text_encoder = 4", "text_encoder"),
    ],
)
def test_the_longest_beginning_counts(part: str, text: str, beginning: str) -> None:
    assert beginning_of(part, PATH, block_values(text)) == beginning


def test_many_of_them_take_no_longer() -> None:
    """As in a preset of somebody else; it is asked for each of a thousand layers, again and again."""
    many = {f"block.{number}": 4.0 for number in range(100_000)}
    started = time.process_time()
    for _ in range(1000):
        assert beginning_of("unet", PATH, many) == ""
    assert time.process_time() - started < 1
