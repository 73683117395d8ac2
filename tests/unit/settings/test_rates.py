"""Learning rates as the WebUI's Train tab takes them."""

from __future__ import annotations

import pytest

from sd_finetune.settings.rates import Rates


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("0.005", Rates(0.005)),
        ("0,0001", Rates(0.0001)),
        (" 1e-4 ", Rates(0.0001)),
        ("0.005:100, 1e-3:1000", Rates(0.005, ((100, 0.001),))),
        ("0.005:100,1e-3:1000, 1e-5", Rates(0.005, ((100, 0.001), (1000, 1e-5)))),
        ("0,005:100, 1e-3", Rates(0.005, ((100, 0.001),))),
        ("0,005:100; 0,001", Rates(0.005, ((100, 0.001),))),
    ],
)
def test_what_is_read(text: str, rates: Rates) -> None:
    assert Rates.parse(text) == rates
    assert Rates.parse(str(rates)) == rates


@pytest.mark.parametrize(
    "text", ["", "fast", "0.1, 0.2", "0.1:20, 0.2:10", "0.1:x, 0.2", "0:10, 0.1", "nan", "1e-3:5:6"]
)
def test_what_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="is not a learning rate"):
        Rates.parse(text)


def test_the_rate_of_a_step_is_that_of_the_webui() -> None:
    """A rate applies to so many steps from the start; the last one stays."""
    rates = Rates.parse("0.005:100, 1e-3:200, 5e-4")
    assert [rates.at(step) for step in (0, 99, 100, 199, 200, 10**6)] == [0.005, 0.005, 1e-3, 1e-3, 5e-4, 5e-4]
    assert rates.share(100) == 0.2
    assert Rates(0.0).share(7) == 1
