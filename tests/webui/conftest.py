from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from tests.webui import proved
from tests.webui.kinds import A1111, KINDS, Kind
from tests.webui.page import PATIENCE, open_tab
from tests.webui.slim import forget_slim
from tests.webui.webui import WebUI, free_port, make_data_folder

PASSED = pytest.StashKey[dict[str, dict[str, bool]]]()
"""By WebUI and test, whether it passed."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PASSED] = {kind.name: {} for kind in KINDS}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, None]:
    report = (yield).get_result()
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    own = A1111 if "webui" in getattr(item, "fixturenames", ()) else None
    kind = parameters.get("kind", own)
    if kind is not None and (report.failed or (report.passed and report.when == "call")):
        passed = item.config.stash[PASSED][kind.name]
        key = proved.key_of(item.nodeid, parameters)
        passed[key] = passed.get(key, True) and report.passed


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With `--record`, docs/hosts.md."""
    if not session.config.getoption("--record"):
        return
    for kind in KINDS:
        passed = session.config.stash[PASSED][kind.name]
        if passed and kind.root is not None:
            versions = WebUI(kind.root, Path(), 0, kind).versions()
            facts = {"title": kind.title, "version": kind.version, "packages": versions}
            proved.note(kind.name, {**facts, "unusable": list(kind.unusable)}, passed)
    proved.write_page()


def root_of(kind: Kind) -> Path:
    if kind.root is None:
        pytest.skip(f"set {kind.variable} to a checkout of {kind.title} with its own Python in venv/ to run these")
    return kind.root


@contextmanager
def running(
    kind: Kind, data: Path, *flags: str, place: Callable[[Path], Path] | None = None, **how: bool
) -> Iterator[WebUI]:
    """One that runs on the data directory `data`, which is made if it is not there, with our extension in it."""
    root = root_of(kind)
    if not data.exists():
        make_data_folder(data, kind)
    started = WebUI(root, data, free_port(), kind)
    (place or kind.place)(started.checkpoints)
    try:
        started.start(*flags, **how)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """WebUI v1.10.1 with the toy checkpoint loaded and our extension in it, started once."""
    with running(A1111, tmp_path_factory.mktemp("a1111") / "webui") as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def _no_slim_left() -> Iterator[None]:
    yield
    forget_slim()


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every kind of WebUI that is there."""
    root_of(request.param)
    return request.param


@pytest.fixture(scope="session")
def host(kind: Kind, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """Each of them with its checkpoint loaded and our extension in it, started once, one after the other."""
    if kind is A1111:
        yield request.getfixturevalue("webui")
        return
    with running(kind, tmp_path_factory.mktemp(kind.name) / "webui") as started:
        yield started


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
"""Takes flags, and what puts checkpoints into the new WebUI where that is not what its kind begins with."""


@pytest.fixture
def started(tmp_path: Path) -> Started:
    """Starts another WebUI v1.10.1; what it holds stays when it is started again."""
    root_of(A1111)
    return partial(running, A1111, tmp_path / "webui")


@pytest.fixture
def started_host(kind: Kind, tmp_path: Path) -> Started:
    """The same of each kind."""
    return partial(running, kind, tmp_path / "webui")


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
