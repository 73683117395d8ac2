from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from tests.browser import conftest as browser
from tests.webui.webui import WebUI, free_port, make_data_folder

chromium = browser.chromium


@pytest.fixture(scope="session")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """WebUI v1.10.1 with the toy checkpoint loaded and our extension in it, started once."""
    if "WEBUI_ROOT" not in os.environ:
        pytest.skip("set WEBUI_ROOT to a checkout of the WebUI v1.10.1 with its own Python in venv/ to run these")
    data = tmp_path_factory.mktemp("webui")
    make_data_folder(data)
    started = WebUI(Path(os.environ["WEBUI_ROOT"]), data, free_port())
    try:
        place_toy(started.checkpoints)
        started.start()
        yield started
    finally:
        started.stop()


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
