"""The Python of each WebUI is ours to use, not to change."""

from __future__ import annotations

from pathlib import Path

from tests.webui.tab import Tab
from tests.webui.webui import WebUI


def test_they_are_what_they_were(host: WebUI, tmp_path: Path) -> None:
    tab = Tab(host, "packages", tmp_path, length="1 step")
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    assert host.packages() == host.packages_before, "before anything of ours was installed or started"
