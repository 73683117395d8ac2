"""The tab in every WebUI that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.webui.page import picture
from tests.webui.webui import WebUI

PROMPT = "a photo of sks star on a pink background"


def test_the_tab_is_there(host: WebUI, open_page: Callable[..., Any]) -> None:
    told = host.get("/sd_finetune/start")
    assert told["host"] == host.kind.title
    assert told["faults"] == []
    for theme in ("light", "dark"):
        picture(open_page(host, theme), f"{host.kind.name}-{theme}")


def test_it_draws_the_same_twice(host: WebUI) -> None:
    drawn = host.draw(PROMPT)
    assert drawn.std() > 10
    assert np.array_equal(host.draw(PROMPT), drawn)
    assert not np.array_equal(host.draw("a dog"), drawn)
