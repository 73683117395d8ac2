"""A server with something behind each of its routes, and all that its routes take, found by walking the router."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient

from sd_finetune.presets.preset import preset_of
from sd_finetune.presets.shelf import save_preset
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, EventLog, Trial
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.app import make_app
from sd_finetune.ui.server.context import Context
from tests.screen import all_routes, make_context, make_images, wait_until

BASE = "http://127.0.0.1:7861"
MARKUP = "<script>alert(1)</script>"
THERE: dict[str, str] = {
    "name": "dog", "run": "dog-001", "number": "1", "key": "key", "image": "0.png", "file": "dog.safetensors",
    "since": "0", "side": "256", "state": "x", "package": "none of ours", "folder": "",
}  # fmt: skip
"""What each parameter of a path or a query is where there is something. A new parameter has to be added."""
UPLOAD = "/sd_finetune/projects/{name}/concepts/{number}/upload"
"""The one route whose body is not JSON."""


@dataclass(frozen=True)
class Target:
    """A route with a method. body: the example of its documentation, None where it takes no JSON."""

    method: str
    path: str
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    body: Any = None

    def address(self, values: dict[str, str]) -> str:
        """With the values of its parameters, whatever they are."""
        path = self.path
        for name in self.in_path:
            path = path.replace("{" + name + "}", quote(values[name], safe="", errors="surrogatepass"))
        query = "&".join(f"{name}={quote(values[name], safe='', errors='surrogatepass')}" for name in self.in_query)
        return f"{path}?{query}" if query else path


def targets() -> list[Target]:
    """All of them."""
    found: list[Target] = []
    for address, route in all_routes():
        dependants = [route.dependant]
        in_path, in_query = set[str](), set[str]()
        while dependants:
            each = dependants.pop()
            assert not each.body_params, f"{route.path} reads its body past ui/server/body.py"
            assert not each.header_params, f"{route.path} takes a header, which is not tested here"
            assert not each.cookie_params, f"{route.path} takes a cookie, which is not tested here"
            in_path |= {param.name for param in each.path_params}
            in_query |= {param.name for param in each.query_params}
            dependants += each.dependencies
        assert in_path | in_query <= THERE.keys(), f"{route.path}: add what stands for its parameters to THERE"
        extra = (route.openapi_extra or {}).get("requestBody")
        body = extra["content"]["application/json"]["example"] if extra else None
        for method in sorted(route.methods):
            found.append(Target(method, address, tuple(sorted(in_path)), tuple(sorted(in_query)), body))
    assert len(found) > 35
    return found


class Behind:
    """What is behind the routes, made anew after each change: a project with a run, class images and generated ones."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.context: Context = make_context(home)
        self.projects = self.context.projects
        self.pictures = make_images(home / "pictures")
        self.app = make_app(self.context)
        self.client = TestClient(self.app, base_url=BASE, raise_server_exceptions=False)
        self._fill()
        shutil.copytree(self.context.host.data_folder, home / "kept")
        shutil.copytree(self.pictures, home / "kept pictures")
        self._as_it_was = self.state()

    def _fill(self) -> None:
        concept = {"folder": str(self.pictures), "instance_prompt": MARKUP, "class_prompt": MARKUP}
        settings = {
            "base": {"checkpoint": str(self.context.host.checkpoints()[0].path)},
            "output": {"name": "dog", "notes": MARKUP},
            "prior": {"weight": 0},
            "train": {"length": "20 steps"},
            "samples": {"prompts": [MARKUP]},
            "concepts": [concept],
        }
        project = Project.create(self.projects, "dog", "toy", settings)
        assert self.client.post("/sd_finetune/projects/dog/train").status_code == 200
        wait_until(lambda: self.context.runner.current() is None)
        run = project.runs / "dog-001"
        with (run / "events.jsonl").open("a") as events:
            events.write(json.dumps({"kind": "warning", "time": 1, "message": MARKUP}) + "\n")
        (run / "worker.log").write_text(MARKUP)
        (run / "samples" / "page.html").write_text(MARKUP)
        (self.pictures / "0.txt").write_text(MARKUP)
        drawn = make_images(project.folder / "drawn" / "key", 1)
        (drawn / "request.json").write_text(json.dumps({"prompt": MARKUP, "seed": 1, "count": 1, "with": ""}))
        trial = RunFolder.create(project.folder / "rate-trials", "dog", from_dict(settings))
        points = [
            Trial(step=k, learning_rate=10.0 ** (k - 6), loss=loss) for k, loss in enumerate((1.0, 0.9, 0.5, 0.4, 2))
        ]
        for event in (*points, Done(step=5, outcome="finished")):
            EventLog(trial.events).append(event)
        save_preset(preset_of("key", "lora", {"lora.rank": 8}, MARKUP), self.context.host.data_folder / "presets")
        cached = make_images(self.context.host.data_folder / "class-images" / "key", 2)
        (cached / "class-images.json").write_text(json.dumps({"prompt": MARKUP}))

    def state(self) -> dict[str, bytes]:
        """All that a request could change, but for what is kept to compare with, and notes of what was read."""
        unseen = ("kept", "image-cache")
        files = (path for path in self.home.rglob("*") if path.is_file() and not any(u in str(path) for u in unseen))
        return {str(path): path.read_bytes() for path in files}

    def is_changed(self) -> bool:
        """Whether a request has changed anything."""
        return self.state() != self._as_it_was

    def mend(self) -> None:
        """Undo what a request has changed."""
        if not self.is_changed():
            return
        for folder, kept in ((self.context.host.data_folder, "kept"), (self.pictures, "kept pictures")):
            shutil.rmtree(folder)
            shutil.copytree(self.home / kept, folder)
        self.context.views.forget(self.context.host.data_folder)

    def ask(self, target: Target, values: dict[str, str] | None = None, body: Any = None, **more: Any) -> Any:
        """The answer of a route, with other values than those that are there."""
        if target.method != "GET" and body is not None:
            more["json"] = body
        return self.client.request(target.method, target.address({**THERE, **(values or {})}), **more)


def texts_in(body: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts stand in a body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        if isinstance(value, str):
            yield (*place, key)
        yield from texts_in(value, (*place, key))


def with_text(body: Any, place: tuple[Any, ...], text: Any) -> Any:
    """A copy of a body with another text at a place."""
    if not place:
        return text
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[place[0]] = with_text(body[place[0]], place[1:], text)
    return copy
