"""Those who ask the same at the same time share an answer, and many of them ask less often."""

from __future__ import annotations

import threading
import time

import pytest

from sd_finetune.ui.live.shared import Rhythm, Shared


def test_an_answer_is_made_once_while_it_is_fresh() -> None:
    shared, made = Shared[int](60), []
    for key in ("a", "a", "b", "a"):
        shared.of(key, lambda key=key: made.append(key) or len(made))
    assert made == ["a", "b"]
    shared.clear()
    assert shared.of("a", lambda: made.append("a") or len(made)) == 3


def test_an_answer_that_is_not_fresh_is_made_anew_and_not_kept() -> None:
    shared = Shared[int](0)
    assert [shared.of("a", lambda n=n: n) for n in (1, 2, 3)] == [1, 2, 3]
    for number in range(100):
        shared.of(number, lambda: 0)
    assert len(shared._answers) == 1


def test_many_at_once_wait_for_one_answer() -> None:
    shared, made = Shared[int](60), []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return 1

    threads = [threading.Thread(target=shared.of, args=("a", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_an_error_is_not_kept() -> None:
    shared = Shared[int](60)
    with pytest.raises(ZeroDivisionError):
        shared.of("a", lambda: 1 // 0)
    assert shared.of("a", lambda: 1) == 1


@pytest.mark.parametrize(("askers", "least", "most"), [(1, 0.5, 0.5), (5, 0.5, 0.5), (30, 2.25, 2.75), (500, 4, 4)])
def test_the_more_ask_the_longer_they_wait(
    monkeypatch: pytest.MonkeyPatch, askers: int, least: float, most: float
) -> None:
    """Each asks when its time has come, for a minute."""
    now = 0.0
    monkeypatch.setattr("sd_finetune.ui.live.shared.time.monotonic", lambda: now)
    rhythm, due = Rhythm(), [number / askers / 2 for number in range(askers)]
    while now < 60:
        turn = min(range(askers), key=due.__getitem__)
        now = due[turn]
        wait = rhythm.wait()
        due[turn] = now + wait
    assert least <= wait <= most
    assert len(rhythm._asked) <= 2 + max(10, askers / least) * Rhythm.COUNTED
