"""Tests of what docs/reliability.md promises: short by default, at full length with `--long`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.reliability.promises import PROMISES, note


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Called with what was measured, as docs/reliability.md shall say it; kept with `--record`."""

    def keep(figures: str) -> None:
        name = request.path.stem.removeprefix("test_")
        assert name in {promise.name for promise in PROMISES}, f"{name} is not among the promises"
        if request.config.getoption("--record"):
            note(name, request.node.name, figures)

    return keep
