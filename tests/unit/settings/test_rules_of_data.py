from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.read import find_faults


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (
            {"extra_resolutions": "768, big"},
            "extra_resolutions",
            'data.extra_resolutions = "768, big" is not valid: use',
        ),
        (
            {"extra_resolutions": "768, 60"},
            "extra_resolutions",
            'data.extra_resolutions = "768, 60" has 60, which is out',
        ),
        ({"extra_resolutions": "500"}, "extra_resolutions", "multiples of 8"),
        (
            {"resolution": 512, "extra_resolutions": ", ".join(map(str, range(64, 200, 8)))},
            "extra_resolutions",
            "data.extra_resolutions has 17 resolutions: use at most 16.",
        ),
        (
            {"resolution": 512, "smallest_side": 640},
            "smallest_side",
            "data.smallest_side = 640 is above data.resolution = 512: set it to 512",
        ),
        (
            {"resolution": 512, "largest_side": 320},
            "largest_side",
            "data.largest_side = 320 is below data.resolution = 512: set it to 512",
        ),
        ({"crop": "random"}, "crop", 'set data.cache_latents = "off", or data.crop = "center"'),
    ],
)
def test_what_cannot_be(content: dict[str, Any], data: dict[str, Any], name: str, sentence: str) -> None:
    faults = find_faults({**content, "data": data})
    assert sentence in faults[f"data.{name}"]


def test_what_can(content: dict[str, Any]) -> None:
    for data in (
        {"extra_resolutions": "768, 1024"},
        {"buckets": False, "smallest_side": 640},
        {"crop": "random", "cache_latents": "off"},
    ):
        assert find_faults({**content, "data": data}) == {}
