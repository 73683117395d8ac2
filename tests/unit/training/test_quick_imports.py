from __future__ import annotations

import gc
import importlib.util
import sys

import pytest

from sd_finetune.training import quick_imports
from sd_finetune.training.quick_imports import nothing_collected, unneeded_packages_hidden


def test_packages_are_hidden_in_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_imports, "UNNEEDED", ("wave", "json"))
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with unneeded_packages_hidden():
        assert importlib.util.find_spec("wave") is None
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("wave")
        assert importlib.import_module("json") is sys.modules["json"]  # it was imported before
    assert importlib.util.find_spec("wave") is not None
    assert importlib.import_module("wave").__name__ == "wave"


def test_garbage_is_left_alone_in_the_block_only() -> None:
    frozen = gc.get_freeze_count()
    try:
        with nothing_collected():
            assert not gc.isenabled()
            kept = [[]]
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
        assert not any(kept is tracked for tracked in gc.get_objects())
    finally:
        gc.unfreeze()
