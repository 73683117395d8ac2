"""Files that are not usable images lie beside good ones: each is named, nothing hangs, the run goes on."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastapi.testclient import TestClient

from sd_finetune.data.images import look_at
from sd_finetune.data.usable import usable_images
from sd_finetune.readable import readable
from sd_finetune.runs.messages import Warning_
from sd_finetune.ui.server.app import make_app
from tests.reliability.nasty_images import ENDINGS, encoded, make_good, make_nasty
from tests.screen import Screen, make_screen, wait_until
from tests.toy import Toy, events_of

AT_MOST_SECONDS = 20
CONCEPT = "/sd_finetune/projects/dog/concepts/1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def good(folder: Path) -> list[Path]:
    return make_good(folder)


@pytest.fixture
def nasty(folder: Path, good: list[Path]) -> Iterator[list[Path]]:
    with make_nasty(folder) as made:
        yield made


def unnamed(nasty: list[Path], sentences: list[str]) -> list[Path]:
    """Those of the files that no sentence is about."""
    named = {sentence.removeprefix("Skipped: ") for sentence in sentences}
    return [path for path in nasty if not any(text.startswith(f"{readable(str(path))} ") for text in named)]


def test_the_worker_names_every_one_and_goes_on(
    toy: Toy, folder: Path, good: list[Path], nasty: list[Path], measured: Callable[[str], None]
) -> None:
    assert len(nasty) >= 200
    with peak_of_memory() as peak:
        started = time.monotonic()
        found = usable_images(folder)
        seconds = time.monotonic() - started
    assert found.images == good
    assert unnamed(nasty, found.warnings()) == []
    assert seconds < AT_MOST_SECONDS
    training = toy.train({"concepts.folder": str(folder)})
    assert {example.image for example in training.instances.examples} == set(good)
    assert unnamed(nasty, [warning.message for warning in events_of(training.run, Warning_)]) == []
    measured(
        f"all {len(nasty)} named and the {len(good)} good ones trained, within {max(seconds, 0.1):.1f} s and with "
        f"{peak() / 1e6:,.0f} MB of memory"
    )


def test_the_tab_names_every_one_and_counts_none(
    tmp_path: Path,
    folder: Path,
    good: list[Path],
    nasty: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    measured: Callable[[str], None],
) -> None:
    screen = make_screen(tmp_path / "screen", monkeypatch)
    client = client_of(screen)
    settings = screen.settings(train__length="2 epochs")
    settings["concepts"][0]["folder"] = str(folder)
    client.post("/sd_finetune/projects/dog/settings", json=settings)
    told = wait_until(lambda: checked(client), AT_MOST_SECONDS)
    assert [image["name"] for image in client.get(f"{CONCEPT}/images").json()] == [path.name for path in good]
    assert unnamed(nasty, told["skipped"]) == []
    check = client.get("/sd_finetune/projects/dog").json()["check"]
    assert (check["images"], check["steps"], check["unchecked"]) == ([5], 10, 0)
    slowest = max(thumbnail_seconds(client, path.name) for path in nasty)
    assert all(client.get(f"{CONCEPT}/thumbnail", params={"image": path.name}).status_code == 200 for path in good)
    kept = [path.name for path in plain_files(nasty) if upload(client, path) == 200]
    assert all(name.startswith(("dog-", "misnamed.txt")) or "\udcfc" in name for name in kept), kept
    assert client.post("/sd_finetune/projects/dog/train").json()["run"] == "dog-001"
    wait_until(lambda: screen.context.runner.current() is None)
    measured(f"through the tab the same, and no thumbnail takes more than {max(slowest, 0.1):.1f} s to be refused")


def test_damaged_images_end_in_a_reason(long: bool, measured: Callable[[str], None]) -> None:
    """Bytes changed, cut out and repeated at random."""
    chance, count = random.Random(0), 20_000 if long else 300
    whole = {kind: encoded(kind) for kind in ENDINGS.values()}
    slowest = 0.0
    for number in range(count):
        content = changed(whole[list(whole)[number % len(whole)]], chance)
        started = time.monotonic()
        seen = look_at(io.BytesIO(content))
        slowest = max(slowest, time.monotonic() - started)
        assert (seen.size is None) == bool(seen.why)
    assert slowest < AT_MOST_SECONDS
    measured(f"{count:,} randomly damaged images are read or end in a reason, each within {slowest:.1f} s")


def changed(content: bytes, chance: random.Random) -> bytes:
    """The same with some of it damaged."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(min(len(damaged), chance.choice((64, 1024, len(damaged)))))
        what = chance.randrange(4)
        if what == 0:
            damaged[place] = chance.randrange(256)
        elif what == 1:
            damaged[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))
        elif what == 2:
            del damaged[place : place + chance.randint(1, 100)]
        else:
            damaged[place:place] = damaged[place : place + chance.randint(1, 1000)]
    return bytes(damaged)


def client_of(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def checked(client: TestClient) -> dict[str, Any] | None:
    told = client.get(CONCEPT).json()
    return None if told["unchecked"] else told


def thumbnail_seconds(client: TestClient, name: str) -> float:
    started = time.monotonic()
    answer = client.get(f"{CONCEPT}/thumbnail", params={"image": name.encode("utf-8", "surrogateescape")})
    assert answer.status_code in (200, 400), name
    return time.monotonic() - started


def plain_files(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def upload(client: TestClient, path: Path) -> int:
    name = path.name.encode("utf-8", "surrogateescape")
    code = client.post(f"{CONCEPT}/upload", params={"file": name}, content=path.read_bytes()).status_code
    assert code in (200, 400), path.name
    return code


@contextmanager
def peak_of_memory() -> Iterator[Callable[[], int]]:
    """By how many bytes this process grew at most while the block ran, looked at a hundred times a second."""
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: most - before
    finally:
        done.set()
        thread.join()
