"""Many pages that follow one run as ui/web/follow.mjs and ui/web/watch.mjs do, in one thread; and a server."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from tests.screen import FAKE_WORKER_FOLDER, wait_until

STEADY, LISTS = 0.5, 1.0
"""Seconds after which a page asks again for a run's status, and for the lists, at the least."""
SERVE = """
import sys
from pathlib import Path
import uvicorn
import sd_finetune.runs.launch as launch
from sd_finetune.ui.server.app import make_app
from tests.screen import make_context
if sys.argv[3]:
    launch.WORKER = sys.argv[3]
uvicorn.run(make_app(make_context(Path(sys.argv[1]))), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    port: int
    process: psutil.Process

    def ask(self, path: str, content: Any = None) -> Any:
        """The answer of a route, of a POST where there is content."""
        body = None if content is None else json.dumps(content).encode()
        address = f"http://127.0.0.1:{self.port}/sd_finetune/{quote(path)}"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def cpu_seconds(self) -> float:
        """That it has used so far, without its workers."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def serving(folder: Path, worker: str = "") -> Iterator[Server]:
    """A server on the data in `folder`; `worker` is another module than the real worker."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = Path(__file__).parents[2]
    paths = os.pathsep.join([str(home), str(FAKE_WORKER_FOLDER)])
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder), str(port), worker],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    server = Server(port, psutil.Process(process.pid))
    try:
        wait_until(lambda: _answers(server))
        yield server
    finally:
        process.terminate()
        process.wait()


def _answers(server: Server) -> bool:
    try:
        return bool(server.ask("projects"))
    except OSError:
        return False


@dataclass
class Pages:
    """So many pages that look at a run, from `begin` to `end`."""

    server: Server
    project: str
    run: str
    count: int
    asked: int = 0
    slowest: float = 0.0
    """Seconds until the slowest answer was there."""
    latest: dict[int, int] = field(default_factory=dict[int, int])
    """By page, the latest step that it has seen."""

    def begin(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    async def _all(self) -> None:
        pages = [each for number in range(self.count) for each in (self._follow(number), self._watch(number))]
        await asyncio.gather(*pages)

    async def _follow(self, number: int) -> None:
        path = f"projects/{quote(self.project)}/runs/{quote(self.run)}/status"
        await asyncio.sleep(STEADY * number / self.count)
        connection = await self._connect()
        since = 0
        while not self._ending.is_set():
            news = await self._get(connection, f"{path}?since={since}")
            since = news["since"]
            if news["step"]:
                self.latest[number] = news["step"]["step"]
            await asyncio.sleep(0 if news["more"] else max(STEADY, news["wait"]))
        connection[1].close()

    async def _watch(self, number: int) -> None:
        await asyncio.sleep(LISTS * number / self.count)
        connection = await self._connect()
        while not self._ending.is_set():
            lists = await self._get(connection, "projects")
            await asyncio.sleep(max(LISTS, lists["wait"]))
        connection[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def _get(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str) -> Any:
        reader, writer = connection
        began = time.monotonic()
        writer.write(f"GET /sd_finetune/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 200"), head
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
        content = json.loads(await reader.readexactly(length))
        self.asked += 1
        self.slowest = max(self.slowest, time.monotonic() - began)
        return content
