"""The tab without its page: projects and runs through the routes that the page uses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.toy import make_images
from tests.webui.webui import WebUI

RUN_SECONDS = 400


class Tab:
    """A project in the tab, on the loaded checkpoint or on `base`, trained through the routes that the page uses."""

    def __init__(
        self,
        webui: WebUI,
        name: str,
        folder: Path,
        changes: Mapping[str, Any] | None = None,
        base: str | None = None,
        **train: Any,
    ):
        self.webui, self.name = webui, name
        self.start = webui.get("/sd_finetune/start")
        titles = [each["title"] for each in self.start["checkpoints"]]
        title = next((title for title in titles if title.startswith(base)), None) if base else None
        made = webui.post("/sd_finetune/projects", {"name": name, "checkpoint": title})
        settings = made["settings"]
        settings["train"] = {**settings.get("train", {}), "device": "cpu", **train}
        settings["data"] = {**settings.get("data", {}), "resolution": 64}
        settings["prior"] = {"weight": 0}
        settings["evaluation"] = {"every": "0"}
        settings["schedule"] = {"warmup": "0 steps"}
        pictures = make_images(folder / "pictures", 2)
        settings["concepts"] = [{"folder": str(pictures), "instance_prompt": "a photo of sks star"}]
        settings.update(changes or {})
        kept = webui.post(f"/sd_finetune/projects/{quote(name)}/settings", settings)
        assert kept["faults"] == {}, kept
        self.run = webui.post(f"/sd_finetune/projects/{quote(name)}/train")["run"]

    def status(self) -> Any:
        return self.webui.get(f"/sd_finetune/projects/{quote(self.name)}/runs/{quote(self.run)}/status")

    def wait(self) -> None:
        """Until the run is over."""
        self._wait_for(lambda: not self.status()["active"])

    def wait_for_step(self) -> None:
        """Until it has trained a step."""
        self._wait_for(lambda: any(event["kind"] == "step" for event in self.events()))

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + RUN_SECONDS
        while not condition():
            assert time.monotonic() < end, (self.folder / "worker.log").read_text()[-3000:]
            time.sleep(0.5)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    @property
    def folder(self) -> Path:
        return self.webui.data / "sd_finetune" / "models" / self.name / "runs" / self.run
