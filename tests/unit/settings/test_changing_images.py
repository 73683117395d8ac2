"""Images that are other ones at each use, whose latents cannot be cached."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.migrations import VERSION
from sd_finetune.settings.read import find_faults


@pytest.mark.parametrize("cached", ["ram", "disk"])
def test_they_are_refused_together_with_the_way_out(content: dict[str, Any], cached: str) -> None:
    data = {"cache_latents": cached, "crop": "random", "hue_jitter": 0.1, "contrast_jitter": 0.25}
    faults = find_faults({**content, "version": VERSION, "data": data})
    assert list(faults.values()) == [
        'data.crop = "random" and data.contrast_jitter = 0.25 and data.hue_jitter = 0.1 change an image at each use, '
        f'and data.cache_latents = "{cached}" encodes it once: set data.cache_latents = "off", or '
        'data.crop = "center" and data.contrast_jitter = 0.0 and data.hue_jitter = 0.0.'
    ]
    assert find_faults({**content, "version": VERSION, "data": {**data, "cache_latents": "off"}}) == {}
