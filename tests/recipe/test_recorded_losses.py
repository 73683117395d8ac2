"""Losses of short runs as version 0.1.0 computed them: what is rearranged must not change them.

A change that is meant to change them records them anew, from the project's folder:
`python -m tests.recipe.test_recorded_losses > tests/recipe/recorded_losses.json`
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.messages import Step
from tests.toy import DEEP, ROWS, Toy, events_of, forget_accelerator, make_toy

RECORDED = Path(__file__).with_name("recorded_losses.json")
RELATIVE_TOLERANCE = 5e-5
"""Between versions of torch and kinds of processors; on one machine they are equal to the bit."""

FROM_MODEL: dict[str, Any] = {"prior.weight": 1.0, "prior.source": "model"}
CASES: dict[str, dict[str, Any]] = {
    **ROWS,
    "lora, prior from images": {"prior.weight": 1.0},
    "lora, prior from the model": FROM_MODEL,
    "dreambooth, prior from the model": {"method": "dreambooth", "prior.bank_size": 4, **FROM_MODEL},
    "lora, min-SNR, offset, flip, cosine": {
        "train.snr_gamma": 5,
        "train.noise_offset": 0.1,
        "data.horizontal_flip": True,
        "schedule.name": "cosine",
        "schedule.warmup": "1 step",
    },
}


def losses_of(toy: Toy, case: str) -> list[float]:
    training = toy.train({"train.length": "4 steps", "train.batch_size": 2, **CASES[case]})
    return [step.loss for step in events_of(training.run, Step)]


@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_that_were_recorded(deep_toy: Toy, case: str) -> None:
    expected = json.loads(RECORDED.read_text(encoding="utf-8"))[case]
    assert len(expected) == 4
    assert losses_of(deep_toy, case) == pytest.approx(expected, rel=RELATIVE_TOLERANCE)


if __name__ == "__main__":
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        own = make_toy(Path(folder), **DEEP)
        for name in CASES:
            found[name] = losses_of(own, name)
            forget_accelerator()
    print(json.dumps(found, indent=1))
