"""docs/reliability.md is what the tests noted."""

from __future__ import annotations

from tests.reliability.promises import PAGE, page


def test_the_page_says_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m pytest tests/reliability --long --record"
