"""A real browser on a real server: Debian's Chromium, driven by Playwright: `chromium` of tests/conftest.py."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from sd_finetune.ui.server.app import make_app
from sd_finetune.ui.server.context import Context
from tests.screen import make_context, make_images, pretend, wait_until

PATIENCE = 60_000
"""Milliseconds: a machine that does other things besides may be slow."""
VIEWPORT = {"width": 1280, "height": 900}


@dataclass
class Server:
    """A server in a thread of this process; `folder` is all that it owns."""

    folder: Path
    port: int
    context: Context
    uvicorn: uvicorn.Server

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        end = time.monotonic() + 2
        while self.uvicorn.server_state.tasks and time.monotonic() < end:  # cut off, one would be answered with 500
            time.sleep(0.01)
        self.uvicorn.force_exit = True
        self.context.runner.close()


def start_server(folder: Path, port: int) -> Server:
    context = make_context(folder)
    own = uvicorn.Server(
        uvicorn.Config(make_app(context), host="127.0.0.1", port=port, log_level="critical", lifespan="off")
    )
    threading.Thread(target=own.run, daemon=True).start()
    wait_until(lambda: own.started)
    return Server(folder, port, context, own)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose runs are real ones."""
    started = start_server(tmp_path, free_port())
    yield started
    end(started)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose runs only pretend, see fake_worker.py."""
    pretend(monkeypatch)
    started = start_server(tmp_path, free_port())
    yield started
    end(started)


def end(server: Server) -> None:
    server.context.runner.kill()
    wait_until(lambda: server.context.runner.current() is None)
    server.stop()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return make_images(tmp_path / "my pictures", 3)


@pytest.fixture(scope="session")
def warm(chromium: Any) -> Iterator[Any]:
    """A window with a page that stays open: the pages beside it start in half the time."""
    context = chromium.new_context(viewport=VIEWPORT)
    context.new_page()
    yield context
    context.close()


def forget_kept(warm: Any, address: str) -> None:
    """Take away what a page of an earlier test on the same port kept in its browser."""
    session = warm.new_cdp_session(warm.pages[0])
    session.send("Storage.clearDataForOrigin", {"origin": address.rstrip("/"), "storageTypes": "all"})
    session.detach()


@pytest.fixture
def new_page(chromium: Any, warm: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end none of them may have complained, or asked another host for anything.

    Each has a browser of its own, as far as it can tell.
    """
    faults: list[str] = []
    opened: list[Any] = []

    def open_page(address: str, **options: Any) -> Any:
        if opened or options:
            page = chromium.new_page(**{"viewport": VIEWPORT, **options})
        else:
            forget_kept(warm, address)
            page = warm.new_page()
        opened.append(page)
        page.set_default_timeout(PATIENCE)
        watch(page, address, faults)
        page.goto(address)
        page.wait_for_selector("#sd_finetune_create", state="attached")
        return page

    yield open_page
    for page in opened:
        page.close()  # and with it the window that was made for it
    assert faults == []


def watch(page: Any, address: str, faults: list[str]) -> None:
    """Note errors in the console, exceptions, and requests to other hosts."""
    # Chromium writes a line for each answer of 400 and each server that is away; the page says those in words.
    expected = ("400 (Bad Request)", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")

    def on_console(message: Any) -> None:
        if message.type == "error" and not any(words in message.text for words in expected):
            faults.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith((address.split("?")[0], "data:")) else faults.append(r.url))
