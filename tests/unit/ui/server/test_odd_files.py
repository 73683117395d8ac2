"""One odd file in the folder of projects: the tab starts, everything else is answered, and the odd thing is named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.app import make_app
from sd_finetune.ui.server.context import Context
from tests.screen import Screen, make_images, wait_until

PROJECTS = "/sd_finetune/projects"
NOT_JSON = [b"", b"{", b"[]", b"{}", b"null", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5000]
ODD_EVENTS = [
    b'{"kind": ["x"]}', b'{"kind": {}}', b'{"kind": null}', b"{}", b"[]", b"3", b"[" * 100_000, b'{"kind": "phase"}',
    b'{"kind": "phase", "name": 3, "done": "x", "total": null, "time": "y"}', b'{"kind": "step"}', b"\xff\x00",
    b'{"kind": "step", "step": [], "total_steps": {}, "learning_rates": [], "time": null}',
    b'{"kind": "saved", "result": ["lora"], "path": 3, "step": 1, "time": 1}',
    b'{"kind": "saved", "result": "nothing", "path": "/x", "step": 1, "time": 1}',
    b'{"kind": "saved", "result": "lora", "path": "/' + b"x" * 5000 + b'", "step": 1, "time": 1}',
    b'{"kind": "sample", "file": 3, "step": "x", "time": 1}', b'{"kind": "error", "message": [], "time": 1}',
    b'{"kind": "done", "outcome": 3, "step": 1, "time": 1}',
    b'{"kind": "evaluation", "step": 1, "loss": [], "time": 1}',
    b'{"kind": "warning", "message": "\\ud800", "time": 1}', b'{"kind": "warning", "message": "x", "time": 1e999}',
    b'{"kind": "evaluation", "step": ' + b"9" * 400 + b', "loss": 1e999, "time": NaN}',
]  # fmt: skip
OF_RUN = ["worker.json", "settings.json", "base.json", "about.json", "loss.csv", "worker.log", "commands.jsonl"]


@pytest.fixture
def two(screen: Screen) -> Screen:
    """A second project with a run and with images that were generated."""
    other = Project.create(screen.context.projects, "odd", "toy", screen.settings())
    client = TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")
    client.post(f"{PROJECTS}/odd/train")
    wait_until(lambda: screen.context.runner.current() is None)
    assert other.run_names() == ["odd-001"]
    (other.folder / "drawn" / "1").mkdir(parents=True)
    return screen


def started_anew(screen: Screen) -> TestClient:
    """A client of a server that finds all this when it starts; an error inside of it is an answer with 500.

    That it starts is tried for each; the routes themselves are not made anew, which takes a while.
    """
    Context.of(screen.context.host)
    screen.context.views.forget(screen.context.projects)
    screen.context.lists.clear()
    return client_of(screen.context)


@cache
def client_of(context: Context) -> TestClient:
    client = TestClient(make_app(context), base_url="http://127.0.0.1:7861", raise_server_exceptions=False)
    return client.__enter__()  # one event loop for all requests


def places() -> list[str]:
    run = [f"runs/odd-001/{name}" for name in (*OF_RUN, "events.jsonl")]
    return ["model.json", *run, "class-picture-runs/x/worker.json", "drawn/1/request.json", "drawn/1/worker.json"]


def all_answers(client: TestClient, project: str) -> dict[str, Any]:
    run = f"{PROJECTS}/{project}/runs/{project}-001"
    paths = [f"{PROJECTS}/{project}{path}" for path in ("", "/generated", "/class-images", "/concepts/1")]
    paths += [f"{run}/{path}" for path in ("status", "results", "log", "settings", "loss.csv")]
    answers = {path: client.get(path) for path in paths}
    answers[f"{run}/settings/use"] = client.post(f"{run}/settings/use")
    answers[f"{run}/resume"] = client.post(f"{run}/resume")
    return answers


def assert_all_else_stands(client: TestClient) -> None:
    lists = client.get(PROJECTS)
    assert lists.status_code == 200
    assert "dog" in lists.json()["projects"]
    assert client.get("/sd_finetune/continuation-sources").status_code == 200
    assert client.get("/sd_finetune/start").status_code == 200
    for path in ("", "/generated", "/class-images", "/concepts/1"):
        assert client.get(f"{PROJECTS}/dog{path}").status_code == 200, path
    for path, answer in all_answers(client, "odd").items():
        assert answer.status_code in (200, 400), f"{path}: {answer.text}"
        if answer.status_code == 400:
            assert answer.json()["error"].endswith((".", "?"))


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_loop(path: Path) -> None:
    path.symlink_to(path)


def content(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


ODD: dict[str, Callable[[Path], Any]] = {
    "a folder": a_folder,
    "a dangling link": a_dangling_link,
    "a link to itself": a_loop,
    **{f"content {data[:10]!r}": content(data) for data in NOT_JSON},
}


def test_an_odd_file_concerns_only_what_it_belongs_to(two: Screen) -> None:
    """Each place has some of them, and the next one others."""
    for turn, place in enumerate(places()):
        path = two.context.projects / "odd" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.is_file() else None
        for name, make in list(ODD.items())[turn % 5 :: 5]:
            remove(path)
            make(path)
            try:
                assert_all_else_stands(started_anew(two))
            except AssertionError as error:
                raise AssertionError(f"{place} is {name}") from error
        remove(path)
        if before is not None:
            path.write_bytes(before)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)


def test_odd_lines_among_the_events(two: Screen) -> None:
    run = two.context.projects / "odd" / "runs" / "odd-001"
    before = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    odd = b"".join(line + b"\n" for line in ODD_EVENTS)
    (run / "events.jsonl").write_bytes(b"".join([odd, *before[:5], odd, *before[5:], odd]))
    (run / "commands.jsonl").write_bytes(odd)
    client = started_anew(two)
    assert_all_else_stands(client)
    told = client.get(f"{PROJECTS}/odd/runs/odd-001/status").json()
    assert (len(told["points"]), told["step"]["step"]) == (20, 20)


def test_damaged_events_are_told_once(two: Screen) -> None:
    events = two.context.projects / "odd" / "runs" / "odd-001" / "events.jsonl"
    with events.open("ab") as file:
        file.write(b'{"kind": ["x"]}\n{"kind": "step"}\n{"kind": "of a later version"}\n')
    told = started_anew(two).get(f"{PROJECTS}/odd/runs/odd-001/status").json()
    assert [entry["message"] for entry in told["warnings"] if "is damaged" in entry["message"]] == [
        f"{events} is damaged: what is missing here cannot be read any more."
    ]


def test_what_is_damaged_is_named_where_it_stands_and_can_be_deleted(two: Screen) -> None:
    odd = two.context.project("odd")
    (odd.folder / "drawn" / "1" / "request.json").write_text("{}")
    client = started_anew(two)
    (told,) = client.get(f"{PROJECTS}/odd/generated").json()
    assert "request.json is damaged" in told["error"]
    odd.file.write_text("[]")
    assert "model.json is damaged" in client.get(f"{PROJECTS}/odd").json()["error"]
    assert client.post(f"{PROJECTS}/odd/delete").json()["projects"] == ["dog"]


def test_a_worker_that_cannot_be(two: Screen) -> None:
    for pid in (-1, 2**70, None, []):
        note = {"pid": pid, "started": 0, "since": 0}
        (two.context.projects / "odd" / "runs" / "odd-001" / "worker.json").write_text(json.dumps(note))
        assert_all_else_stands(started_anew(two))


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_runs_and_projects_that_are_files_or_have_odd_names(two: Screen) -> None:
    projects = two.context.projects
    (projects / "a file").write_text("")
    (projects / "empty").mkdir()
    (projects / "odd" / "runs" / "a file").write_text("")
    (projects / "odd" / "runs" / os.fsdecode(b"caf\xe9-001")).mkdir()
    (projects / "odd" / "runs" / os.fsdecode(b"caf\xe9-001") / "settings.json").write_text("{}")
    (projects / os.fsdecode(b"caf\xe9")).mkdir()
    (projects / os.fsdecode(b"caf\xe9") / "model.json").write_text('{"settings": {}}')
    for folder in ("class-picture-runs", "drawn"):
        (projects / "dog" / folder).write_text("a file")
    assert_all_else_stands(started_anew(two))


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_images_and_captions_whose_names_are_no_text(two: Screen) -> None:
    """As a zip from another system leaves them: they are told by a name that can be shown, and break nothing."""
    name = os.fsdecode(b"caf\xe9")
    for folder in (two.pictures, two.context.host.data_folder / "class-images" / name):
        make_images(folder, 2)
        (folder / "0.png").rename(folder / f"{name}.png")
        (folder / f"{name}.txt").write_bytes(b"caf\xe9")
    cached = two.context.host.data_folder / "class-images" / name
    (cached / "class-images.json").write_text(json.dumps({"prompt": "a dog"}))
    project = two.context.project("dog")
    settings = project.settings()
    settings["concepts"][0]["class_prompt"] = "a dog"
    project.replace_settings(settings)
    client = started_anew(two)
    assert_all_else_stands(client)
    assert r"caf\xe9.png" in " ".join(client.get(f"{PROJECTS}/dog/concepts/1").json()["skipped"])
    (told,) = client.get(f"{PROJECTS}/dog/class-images").json()
    assert (told["key"], told["sampling"]) == (r"caf\xe9", "")
    assert client.get(f"{PROJECTS}/dog/class-images/{told['key']}/1.png").status_code == 200
