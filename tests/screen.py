"""What tests of the screen share: a host in a folder of its own, a context, a worker that only pretends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from PIL import Image

from sd_finetune.demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
from sd_finetune.hosts.standalone import Standalone
from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.app import PREFIX, ROUTES
from sd_finetune.ui.server.context import Context
from sd_finetune.ui.server.page_routes import own_page

FAKE_WORKER_FOLDER = Path(__file__).parent / "browser"
WAITED_SECONDS = 120


def make_host(folder: Path) -> Standalone:
    return Standalone(folder / "data", TOY_CHECKPOINT, DEMO_FOLDER / "lora.toml", [folder / "checkpoints"])


def make_context(folder: Path) -> Context:
    return Context.of(make_host(folder))


def all_routes() -> list[tuple[str, APIRoute]]:
    """Each route of the server with its path; an app of FastAPI's newest versions does not list them."""
    routers = [*((PREFIX, part.router) for part in ROUTES), ("", own_page)]
    found = [(f"{start}{route.path}", route) for start, router in routers for route in router.routes]
    assert len(found) > 20
    assert all(isinstance(route, APIRoute) for _, route in found)
    return found


def pretend(patch: pytest.MonkeyPatch) -> None:
    """From now on runs are started with the worker that only pretends."""
    patch.setattr("sd_finetune.runs.launch.WORKER", "fake_worker")
    known = os.environ.get("PYTHONPATH")
    patch.setenv("PYTHONPATH", f"{FAKE_WORKER_FOLDER}{os.pathsep}{known}" if known else str(FAKE_WORKER_FOLDER))


def make_images(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (64, 48 + 16 * (number % 2)), (40 * number, 80, 120)).save(folder / f"{number}.png")
    return folder


@dataclass(frozen=True)
class Screen:
    """A context with one project, "dog", whose settings can be trained."""

    context: Context
    pictures: Path

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Plain settings with "group.option" changes, dots written as double underscores."""
        concept = {"folder": str(self.pictures), "instance_prompt": "a photo of sks dog"}
        content: dict[str, Any] = {
            "base": {"checkpoint": str(TOY_CHECKPOINT)},
            "output": {"name": "dog"},
            "prior": {"weight": 0},
            "train": {"length": "20 steps"},
            "samples": {"prompts": ["a dog"]},
            "concepts": [concept],
        }
        for name, value in changes.items():
            group, _, option = name.rpartition("__")
            (content.setdefault(group, {}) if group else content)[option] = value
        return content


def make_screen(folder: Path, patch: pytest.MonkeyPatch) -> Screen:
    """A context with the project "dog" in `folder`, and a worker that only pretends."""
    pretend(patch)
    made = Screen(make_context(folder), make_images(folder / "pictures"))
    Project.create(made.context.projects, "dog", "toy", made.settings())
    return made


def wait_until(true: Callable[[], Any], seconds: float = WAITED_SECONDS) -> Any:
    """What `true` returns, as soon as it is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")
