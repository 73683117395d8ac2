"""Caption all as the page asks for it: in the host's turn, with progress, stop, and what was written kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from sd_finetune.data.captioning.command_file import NAME
from sd_finetune.hosts.host import Interrogator
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Phase, Warning_, read_events
from sd_finetune.ui.server.app import make_app
from tests.captioning import ALL, STUCK, script
from tests.screen import Screen, make_context, wait_until

BASE = "http://127.0.0.1:7861"
PLACE = "/sd_finetune/projects/dog"


class Model:
    """Stands in for a model of the WebUI's; waits before the image number `held`, counted from 0."""

    def __init__(self, held: int = -1, broken: int = -1) -> None:
        self.seen: list[str] = []
        self.held, self.broken, self.go_on = held, broken, threading.Event()
        self.loaded = False

    @contextmanager
    def ready(self) -> Iterator[Callable[[Image.Image], str]]:
        self.loaded = True
        try:
            yield self._caption
        finally:
            self.loaded = False

    def _caption(self, image: Image.Image) -> str:
        number = len(self.seen)
        self.seen.append(image.mode)
        if number == self.held:
            assert self.go_on.wait(60)
        if number == self.broken:
            raise RuntimeError("out of memory")
        return f"caption {number}"


class Page:
    """Asks as the page does."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.client = screen, TestClient(make_app(screen.context), base_url=BASE)

    def make(self, by: str = "blip", existing: str = "keep", number: int = 1) -> Any:
        return self.client.post(f"{PLACE}/concepts/{number}/captions/make", json={"by": by, "existing": existing})

    def end(self) -> None:
        assert self.client.post(f"{PLACE}/end").status_code == 200

    def lists(self) -> Any:
        return self.client.get("/sd_finetune/projects").json()

    def wait(self) -> Any:
        """Until it has ended; what is said of the end."""
        wait_until(lambda: self.screen.context.runner.current() is None)
        self.screen.context.lists.clear()
        return self.lists()["ended"]

    def captions(self) -> dict[str, str]:
        return {file.stem: file.read_text().strip() for file in self.screen.pictures.glob("*.txt")}


@pytest.fixture
def page(screen: Screen) -> Page:
    return Page(screen)


def offer(screen: Screen, monkeypatch: pytest.MonkeyPatch, model: Model, missing: str = "") -> None:
    """Give the host a model that is called blip."""
    found = [Interrogator("blip", "BLIP, a sentence", missing, model.ready)]
    monkeypatch.setattr(screen.context.host, "interrogators", lambda: found)


def events(screen: Screen) -> list[Any]:
    (folder,) = (screen.context.projects / "dog" / "captionings").iterdir()
    return read_events(RunFolder(folder).events)[0]


def test_a_model_of_the_host_captions_all(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    model, told = Model(), list[str]()

    @contextmanager
    def in_turn(run: RunFolder, given_up: Callable[[], bool]) -> Iterator[None]:
        told.append(f"begin {model.loaded}")
        yield
        told.append(f"end {model.loaded}")

    offer(screen, monkeypatch, model)
    monkeypatch.setattr(screen.context.host, "in_turn", in_turn)
    (screen.pictures / "1.txt").write_text("mine")
    assert page.make().json() == {}
    ended = page.wait()
    assert page.captions() == {"0": "caption 0", "1": "mine", "2": "caption 1"}
    assert (ended["kind"], ended["error"], ended["reason"]) == ("captions", "", "Captioned 2 of 2 images.")
    assert told == ["begin False", "end False"], "in the host's turn, and unloaded before it ends"
    phases = [(event.name, event.done, event.total) for event in events(screen) if isinstance(event, Phase)]
    assert phases[-3:] == [("captioning", done, 2) for done in range(3)]


def test_it_tells_how_far_it_is_and_stops_in_the_middle(
    screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(held=1)
    offer(screen, monkeypatch, model)
    page.make()
    wait_until(lambda: (job := page.lists()["job"]) and job["phase"] == {"name": "captioning", "done": 1, "total": 3})
    assert "is captioning images" in page.client.post(f"{PLACE}/train").json()["error"]
    page.end()
    assert page.lists()["job"] is not None, "it is not free before the image that it is at is done"
    model.go_on.set()
    ended = page.wait()
    assert page.captions() == {"0": "caption 0", "1": "caption 1"}
    assert (ended["error"], ended["reason"]) == ("", "Captioning was stopped. Captioned 2 of 3 images.")


def test_the_host_s_own_button_stops_it(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    offer(screen, monkeypatch, model)
    monkeypatch.setattr(screen.context.host, "asked_to_stop", lambda run: len(model.seen) == 1)
    page.make()
    assert "stopped. Captioned 1 of 3 images." in page.wait()["reason"]


def test_failures_are_named_and_the_rest_goes_on(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(screen, monkeypatch, Model(broken=1))
    page.make()
    ended = page.wait()
    assert page.captions() == {"0": "caption 0", "2": "caption 2"}
    assert "Captioned 2 of 3 images. No caption for 1 image: " in ended["reason"]
    (warning,) = [event.message for event in events(screen) if isinstance(event, Warning_)]
    assert f"{screen.pictures / '1.png'} has no caption (RuntimeError: out of memory)." == warning


def test_ended_while_it_waits_for_its_turn_it_never_begins(
    screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, turn = Model(), threading.Event()

    @contextmanager
    def in_turn(run: RunFolder, given_up: Callable[[], bool]) -> Iterator[None]:
        turn.wait(60)
        yield

    offer(screen, monkeypatch, model)
    monkeypatch.setattr(screen.context.host, "in_turn", in_turn)
    page.make()
    page.end()
    assert page.wait()["reason"] == "It was ended while it waited for its turn."
    turn.set()
    assert (page.captions(), model.seen) == ({}, [])


def name_command(screen: Screen, words: list[str]) -> Path:
    file = screen.context.host.data_folder / NAME
    file.write_text(f"[captioner]\ncommand = {json.dumps(words)}\n")
    return file


def test_the_command_of_this_computer_s_owner(screen: Screen, page: Page, tmp_path: Path) -> None:
    (listed,) = page.client.get("/sd_finetune/captioners").json()
    assert listed["missing"].startswith("No command is named yet: write it into ")
    assert page.make("command").json()["error"] == listed["missing"]
    file = name_command(screen, script(tmp_path, ALL))
    assert page.client.get("/sd_finetune/captioners").json() == [
        {"name": "command", "title": "Your command, caption.py", "missing": ""}
    ]
    page.make("command")
    assert page.wait()["reason"] == "Captioned 3 of 3 images."
    assert page.captions() == {str(number): f"a dog, number {number}" for number in range(3)}
    file.write_text("[captioner]")
    assert "is not a list of texts" in page.make("command").json()["error"]


def test_a_command_that_hangs_is_ended(screen: Screen, page: Page, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    name_command(screen, [*script(tmp_path, STUCK), str(mark)])
    page.make("command")
    wait_until(mark.exists)
    wait_until(page.captions)
    page.end()
    assert "stopped. Captioned 1 of 3 images." in page.wait()["reason"]
    assert page.captions() == {"0": "the first"}


def test_a_command_that_fails_is_told_with_its_last_words(screen: Screen, page: Page, tmp_path: Path) -> None:
    name_command(screen, script(tmp_path, "import sys; sys.exit('no GPU')"))
    page.make("command")
    error = page.wait()["error"]
    assert 'failed with exit code 1; its last words were "no GPU". Captioned 0 of 3 images.' in error


def test_no_route_can_choose_the_program(screen: Screen, page: Page, tmp_path: Path) -> None:
    """Who may use the tab may not run programs on this computer."""
    evil = script(tmp_path, f"open({str(tmp_path / 'evil')!r}, 'w')", "evil.py")
    for content in (
        {"by": evil, "existing": "keep"},
        {"by": "command", "command": evil, "captioner": {"command": evil}},
    ):
        assert page.client.post(f"{PLACE}/concepts/1/captions/make", json=content).json()["error"]
    settings = screen.settings(captioner={"command": evil, "timeout": 5})
    page.client.post(f"{PLACE}/settings", json=settings)
    assert "No command is named" in page.make("command").json()["error"]
    for file in (NAME, f"../../../../{NAME}"):
        words = f"[captioner]\ncommand = {json.dumps(evil)}\n"
        page.client.post(f"{PLACE}/concepts/1/upload", params={"file": file}, content=words)
    assert not list(screen.context.host.data_folder.rglob(NAME))
    assert "No command is named" in page.make("command").json()["error"]
    assert not (tmp_path / "evil").exists()


def test_what_cannot_be_done_is_said(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "The WebUI has no model for BLIP yet: press Interrogate CLIP."
    offer(screen, monkeypatch, Model(), missing)
    assert page.make().json()["error"] == missing
    assert '"gpt" captions no images here: use one of blip, command.' in page.make("gpt").json()["error"]
    offer(screen, monkeypatch, Model())
    assert 'existing = "all" is not known: use one of keep, replace' in page.make(existing="all").json()["error"]
    assert "Concept 7 has no folder yet" in page.make(number=7).json()["error"]
    assert screen.context.runner.current() is None


def test_what_a_killed_server_left_does_not_stand_in_the_way(
    screen: Screen, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(held=1)
    offer(screen, monkeypatch, model)
    page.make()
    wait_until(lambda: len(model.seen) == 2)
    second = make_context(tmp_path)
    assert second.runner.current() is None
    screen.context.runner.close()
    model.go_on.set()
    wait_until(lambda: not model.loaded)
    assert set(page.captions()) == {"0", "1"}, "with its server it ends, too"
    offer(screen, monkeypatch, Model())
    page.make()
    assert page.wait()["reason"] == "Captioned 1 of 1 image."


def test_it_can_be_taken_back(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("mine", "a\nb"):
        (screen.pictures / "1.txt").write_text(text)
        (screen.pictures / "2.txt").unlink(missing_ok=True)
        offer(screen, monkeypatch, Model())
        page.make(existing="replace")
        page.wait()
        (screen.pictures / "2.txt").write_text("by hand since")
        assert page.client.get(f"{PLACE}/captions").json() == {"problems": [], "undoable": 3}
        told = page.client.post(f"{PLACE}/captions/undo").json()["sentence"]
        assert told.startswith("Took back 2 captions. 1 caption left as they are: ")
        assert page.captions() == {"1": text, "2": "by hand since"}
        assert "nothing to undo" in page.client.post(f"{PLACE}/captions/undo").json()["error"]


def test_while_it_goes_on_nothing_is_taken_back(screen: Screen, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(held=1, broken=2)
    offer(screen, monkeypatch, model)
    page.make()
    wait_until(lambda: len(model.seen) == 2)
    assert "wait until it ends" in page.client.post(f"{PLACE}/captions/undo").json()["error"]
    model.go_on.set()
    page.wait()
    told = page.client.get(f"{PLACE}/captions").json()
    assert told["undoable"] == 2
    assert "2.png has no caption (RuntimeError: out of memory)." in told["problems"][0]
