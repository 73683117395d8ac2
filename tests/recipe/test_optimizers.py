"""Every optimizer of the table in whole runs of the toy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.messages import Phase
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.training.setup import prepare
from tests.toy import Toy, events_of


def test_a_missing_package_is_told_before_anything_is_loaded(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run()
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    with pytest.raises(UserError, match="needs the package not_installed"):
        prepare(run, resume=False)
    assert events_of(run, Phase) == []
