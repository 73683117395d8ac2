from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.data.concepts import Example
from sd_finetune.data.held_out import held_out, split_examples, trained


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (10, 0.2, [2, 7]),
        (10, 0.5, [1, 3, 5, 7, 9]),
        (3, 0.1, [1]),
        (2, 0.5, [1]),
        (1, 0.5, []),
        (10, 0.0, []),
    ],
)
def test_images_are_held_out_evenly_and_never_all(count: int, share: float, expected: list[int]) -> None:
    assert held_out(range(count), share) == expected
    assert trained(range(count), share) == [k for k in range(count) if k not in expected]


def test_all_uses_of_an_image_are_held_out_of_its_concept() -> None:
    examples = [Example(Path(f"{k}.png"), "a star", concept, "instance") for concept in (0, 1) for k in (0, 1, 2) * 2]
    own, others = split_examples(examples, 0.4)
    assert [(e.concept, e.image.name) for e in others] == [(c, "1.png") for c in (0, 0, 1, 1)]
    assert own == [e for e in examples if e not in others]
