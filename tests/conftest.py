"""The toy that whole runs are made with, and real photographs."""

from __future__ import annotations

import gc
import importlib.util
import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.toy import Toy

ROOT = Path(__file__).parents[1]

# Read as files, not through skimage.data: that would need scikit-image's own dependencies.
PHOTOGRAPHS = {"cat": "chelsea.png", "cup": "coffee.png", "rocket": "rocket.jpg", "astronaut": "astronaut.png"}


BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Debian's Chromium without what draws a window, which takes half of the time."""
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)

# What trains, generates images, runs the command line or starts processes; all that is not in tests/unit is slow too.
# The rest is the quick tier, `python install.py test --quick`: at most a minute on two cores.
SLOW = (
    "tests/unit/commands/test_class_images.py",
    "tests/unit/commands/test_lora_commands.py",
    "tests/unit/commands/test_sample.py",
    "tests/unit/commands/test_train.py",
    "tests/unit/demo/pretraining",
    "tests/unit/demo/test_expand_xl.py",
    "tests/unit/hosts/a1111",
    "tests/unit/hosts/forge",
    "tests/unit/hosts/webui",
    "tests/unit/methods",
    "tests/unit/report/test_hardware.py",
    "tests/unit/sampling",
    "tests/unit/training/step",
    "tests/unit/ui/jobs",
    "tests/unit/ui/server",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Switches, mostly of tests/reliability."""
    parser.addoption("--long", action="store_true", help="tests of reliability at full length, and every proof twice")
    parser.addoption("--record", action="store_true", help="write what they measure to docs/reliability.md")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep all that is there before the first test out of the garbage collector.

    Those are half a million objects of torch, diffusers and the tests themselves. Going through them again and again
    took a fifth of the time.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and skip what needs a GPU where there is none."""
    for item in items:
        if item.get_closest_marker("cuda") and not has_cuda():
            item.add_marker(pytest.mark.skip(reason="it needs a GPU with CUDA"))
        place = item.path.relative_to(ROOT).as_posix()
        if not place.startswith("tests/unit/") or place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@cache
def has_cuda() -> bool:
    """Asked where a test has that mark: torch takes a second to load."""
    import torch

    return torch.cuda.is_available()


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether to try what takes long at its full length, such as that which docs/reliability.md tells of."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser: one for all folders of tests, as a process can hold only one Playwright."""
    if CHROMIUM is None:
        pytest.skip(f"install one of {', '.join(BROWSERS)} to run the tests in a browser")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started, pytest.MonkeyPatch.context() as patch:
        # Playwright notes the stack at every call, and reading its source lines takes longer than the call itself.
        patch.setattr(inspect, "stack", partial(inspect.stack, 0))
        flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """A cat (451x300), a cup (600x400), a rocket (640x427) and an astronaut (512x512), from scikit-image."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None, "scikit-image is among the test requirements"
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    return {name: Image.open(folder / file).convert("RGB") for name, file in PHOTOGRAPHS.items()}


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Toy]]:
    """Runs within a second or three, on the checkpoint that has this name in `tests.toy.CHECKPOINTS`."""
    # Here, as it loads torch, which half of the tests can do without.
    from tests.toy import CHECKPOINTS, make_toy, once_a_process

    with once_a_process():
        yield cache(lambda name: make_toy(tmp_path_factory.mktemp("toy"), **CHECKPOINTS[name]))


@pytest.fixture(scope="session")
def toy(toys: Callable[[str], Toy]) -> Toy:
    """A Stable Diffusion 1: runs within a second."""
    return toys("sd1")


@pytest.fixture(scope="session")
def deep_toy(toys: Callable[[str], Toy]) -> Toy:
    """With all levels and blocks of Stable Diffusion 1.5, where their number or names matter: three times as slow."""
    return toys("deep sd1")


@pytest.fixture(autouse=True)
def _fresh_accelerator() -> Iterator[None]:
    """accelerate keeps one state per process, and refuses a second run of another precision in it."""
    yield
    if "accelerate" in sys.modules:
        from tests.toy import forget_accelerator

        forget_accelerator()
