from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from sd_finetune.hosts import packages

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "webui.txt"
IN_WEBUI = {"transformers": "4.30.2", "matplotlib": "3.8", "psutil": "5.9.5", "PyYAML": "6", "tqdm": "4", "tomli": "2"}


def install(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(packages.metadata, "version", version)


@pytest.mark.parametrize(
    ("transformers", "diffusers", "works"),
    [
        ("4.30.2", "0.29.1", False),
        ("4.30.2", "0.29.2", True),
        ("4.30.2", "0.30.3", True),
        ("4.30.2", "0.31.0", False),
        ("4.46.3", "0.31.0", True),
        ("4.46.3", "0.32.0.dev0", False),
    ],
)
def test_the_versions_of_diffusers_that_work(
    monkeypatch: pytest.MonkeyPatch, transformers: str, diffusers: str, works: bool
) -> None:
    install(monkeypatch, {**IN_WEBUI, "transformers": transformers, "diffusers": diffusers})
    faults = packages.faults()
    assert (faults == []) == works
    assert works or f"diffusers {diffusers} is installed" in faults[0]
    assert packages.missing(REQUIREMENTS) == [], "what is there is left as it is, whatever its version"


def test_a_missing_package_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, IN_WEBUI)
    (fault,) = packages.faults()
    assert fault.startswith("diffusers is not installed, which training needs")
    assert packages.missing(REQUIREMENTS) == ["diffusers==0.29.2"]


def test_all_that_may_be_added_has_a_version() -> None:
    lines = REQUIREMENTS.read_text().splitlines()
    assert {line.partition("==")[0] for line in lines if "==" in line} >= set(packages.ADDED)
