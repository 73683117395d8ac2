from __future__ import annotations

import importlib.util
import sys

import pytest

from sd_finetune.training import unneeded_packages
from sd_finetune.training.unneeded_packages import unneeded_packages_hidden


def test_they_are_hidden_in_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unneeded_packages, "UNNEEDED", ("wave", "json"))
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with unneeded_packages_hidden():
        assert importlib.util.find_spec("wave") is None
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("wave")
        assert importlib.import_module("json") is sys.modules["json"]  # it was imported before
    assert importlib.util.find_spec("wave") is not None
    assert importlib.import_module("wave").__name__ == "wave"
