"""Caption all by the WebUI's own models, in its queue and with its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screen import wait_until
from tests.toy import make_images
from tests.webui.webui import WebUI

PLACE = "/sd_finetune/projects/captions"
SETTINGS = {"interrogate_deepbooru_score_threshold": 0.0, "interrogate_return_ranks": True}
"""All tags, whatever an untrained model thinks of them."""


@pytest.fixture
def models(webui: WebUI) -> Iterator[None]:
    before = webui.get("/sdapi/v1/options")
    webui.post("/test/captioners", {"there": True})
    webui.post("/sdapi/v1/options", SETTINGS)
    yield
    webui.post("/sdapi/v1/options", {name: before[name] for name in SETTINGS})
    webui.post("/test/captioners", {"there": False})


@pytest.mark.usefixtures("models")
def test_the_webui_s_models_caption_in_its_turn(webui: WebUI, tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", 2)
    made = webui.post("/sd_finetune/projects", {"name": "captions", "checkpoint": None})
    webui.post(f"{PLACE}/settings", {**made["settings"], "concepts": [{"folder": str(images)}]})
    assert [each["missing"] for each in webui.get("/sd_finetune/captioners")][:2] == ["", ""]
    before = webui.get("/test/weights")
    assert caption(webui, "deepbooru", "keep") == "Captioned 2 of 2 images."
    tags = r"1girl, one star, smile \(mouth\)"
    assert {file.read_text().strip() for file in images.glob("*.txt")} == {tags}
    assert caption(webui, "blip", "before") == "Captioned 2 of 2 images."
    said = "a star of 384 pixels, 24 to 48 words"
    assert {file.read_text().strip() for file in images.glob("*.txt")} == {f"{said}, {tags}"}
    assert webui.get("/test/weights") == before, "its checkpoint is where and as it was"
    assert webui.draw("a star").std() > 10, "and its queue goes on"


def caption(webui: WebUI, by: str, existing: str) -> str:
    """What is said of the end."""
    last = (webui.get("/sd_finetune/projects")["ended"] or {}).get("run")
    webui.post(f"{PLACE}/concepts/1/captions/make", {"by": by, "existing": existing})

    def ended() -> dict[str, str] | None:
        found = webui.get("/sd_finetune/projects")["ended"]
        return found if found and found["run"] != last else None

    end = wait_until(ended)
    assert (end["kind"], end["error"]) == ("captions", "")
    return end["reason"]
