from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.hosts import packages


@pytest.fixture
def webui(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The faults of a WebUI on such versions; `own` is whether our packages are there."""

    def faults(torch: str | None = "2.1.2+cu121", python: tuple[int, ...] = (3, 10, 6), own: bool = True) -> list[str]:
        versions = {"torch": torch, "diffusers": "0.10.0", "transformers": "5.24.0"}
        monkeypatch.setattr(packages, "installed_version", versions.get)
        monkeypatch.setattr(packages.sys, "version_info", python)
        monkeypatch.setattr(packages, "own_packages", lambda: Path("packages") if own else None)
        return packages.faults()

    return faults


def test_what_the_webui_has_of_our_packages_does_not_matter(webui: Callable[..., list[str]]) -> None:
    assert webui() == []
    assert webui(torch="2.13.0", python=(3, 13, 0)) == []


def test_without_our_packages_the_ways_out_are_told(webui: Callable[..., list[str]]) -> None:
    (fault,) = webui(own=False)
    assert "not installed, or not completely" in fault
    assert "without --skip-install" in fault
    assert f'"{packages.sys.executable}" "{Path(__file__).parents[3] / "install.py"}" packages' in fault
    assert "docs/installation.md" in fault


@pytest.mark.parametrize(
    ("torch", "said"), [("2.0.1+cu118", "torch 2.0.1+cu118 is installed"), (None, "torch is not installed")]
)
def test_a_torch_that_is_too_old(webui: Callable[..., list[str]], torch: str | None, said: str) -> None:
    (fault,) = webui(torch=torch)
    assert fault.startswith(said)


@pytest.mark.parametrize("python", [(3, 9, 18), (3, 14, 0)])
def test_a_python_that_they_are_not_made_for(webui: Callable[..., list[str]], python: tuple[int, ...]) -> None:
    (fault,) = webui(python=python, own=False)
    assert f"Python 3.{python[1]}, and training needs one from 3.10 to 3.13" in fault
