from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from tests.webui.page import PATIENCE, open_tab
from tests.webui.webui import WebUI, free_port, make_data_folder


def webui_root() -> Path:
    if "WEBUI_ROOT" not in os.environ:
        pytest.skip("set WEBUI_ROOT to a checkout of the WebUI v1.10.1 with its own Python in venv/ to run these")
    return Path(os.environ["WEBUI_ROOT"])


@pytest.fixture(scope="session")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """WebUI v1.10.1 with the toy checkpoint loaded and our extension in it, started once."""
    root = webui_root()
    data = tmp_path_factory.mktemp("webui")
    make_data_folder(data)
    started = WebUI(root, data, free_port())
    try:
        place_toy(started.checkpoints)
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def sdxl(webui: WebUI) -> Path:
    """The toy SDXL, beside the toy."""
    file = place_toy(webui.checkpoints, "sdxl")
    webui.post("/sdapi/v1/refresh-checkpoints")
    return file


@pytest.fixture
def loaded_sdxl(webui: WebUI, sdxl: Path) -> Iterator[Path]:
    """The same, loaded; afterwards it is the toy again."""
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": sdxl.name})
    yield sdxl
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": TOY_CHECKPOINT.name})


Started = Callable[..., AbstractContextManager[WebUI]]
"""Takes flags, and the checkpoint to put into the new WebUI."""


@pytest.fixture
def started(tmp_path: Path) -> Started:
    """Starts another WebUI; what it holds stays when it is started again."""
    root = webui_root()

    @contextmanager
    def start(*flags: str, place: Callable[[Path], Path] = place_toy, **how: bool) -> Iterator[WebUI]:
        data = tmp_path / "webui"
        if not data.exists():
            make_data_folder(data)
        other = WebUI(root, data, free_port())
        place(other.checkpoints)
        try:
            other.start(*flags, **how)
            yield other
        finally:
            other.stop()

    return start


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a WebUI's page at our tab; at the end our script must not have complained there."""
    faults: list[str] = []
    contexts: list[Any] = []

    def open_page(webui: WebUI, theme: str = "light", width: int = 1280) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(f"{error}\n{error.stack}"))
        page.goto(f"{webui.address}?__theme={theme}")
        open_tab(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [fault for fault in faults if "sd_finetune" in fault] == []


@pytest.fixture(scope="session")
def base() -> Checkpoint:
    return read_checkpoint(TOY_CHECKPOINT)


@pytest.fixture
def model(base: Checkpoint) -> DiffusionModel:
    """The toy's modules, ready to draw."""
    return ready(base)


def ready(checkpoint: Checkpoint) -> DiffusionModel:
    model = load_model(checkpoint)
    model.to(torch.device("cpu"), torch.float32)
    return model
