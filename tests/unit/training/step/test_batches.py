from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from tests.toy import Toy, make_images


def test_an_epoch_shows_each_image_once_per_repeat(toy: Toy) -> None:
    training = toy.prepare({"concepts.repeats": 3, "train.batch_size": 2, "train.gradient_accumulation_steps": 2})
    shown: list[float] = []
    for step in range(training.batches.steps_per_epoch):
        shown += [round(row.sum().item(), 2) for batch in training.batches.of_step(step) for row in batch.latents]
    assert training.batches.steps_per_epoch == 3  # of 9 showings, four in a step
    assert sorted(Counter(shown).values()) == [3, 3, 3]


def test_class_examples_follow_one_another_without_a_gap(toy: Toy) -> None:
    training = toy.prepare({"prior.weight": 1.0, "concepts.class_images": 4, "train.batch_size": 2})
    rows = []
    for step in range(4):  # 2 + 1 + 2 + 1 showings
        for batch in training.batches.of_step(step):
            count = len(batch.latents) // 2
            assert batch.class_rows == count
            assert (batch.instance_count, batch.class_count) == (count, count)
            assert batch.prompts == ["a photo of sks star"] * count + ["a photo of a star"] * count
            rows += [round(row.sum().item(), 3) for row in batch.latents[count:]]
    assert len(set(rows[:4])) == 4, "all four class images before any comes again"


def test_instance_and_class_have_noise_of_their_own(toy: Toy) -> None:
    (batch,) = toy.prepare({"prior.weight": 1.0, "train.batch_size": 3}).batches.of_step(0)
    assert len({noise.sum().item() for noise in batch.noise}) == 6
    assert not torch.equal(batch.timesteps[:3], batch.timesteps[3:])


def test_captions_by_chance_are_those_of_the_number(toy: Toy) -> None:
    """However examples are split into batches, and wherever a run is resumed."""
    images = make_images(toy.home / "tagged", 3)
    for number in range(3):
        (images / f"{number}.txt").write_text(f"{number}, a, b, c, d, e")
    asked = {
        "concepts.folder": str(images),
        "concepts.instance_prompt": "[filewords]",
        "captions.shuffle": True,
        "captions.tag_drop_rate": 0.3,
    }

    def shown(steps: Iterable[int], **more: Any) -> list[str]:
        batches = toy.prepare({**asked, **more}).batches
        return [prompt for step in steps for batch in batches.of_step(step) for prompt in batch.prompts]

    all_at_once = shown(range(6))
    assert len(set(all_at_once)) == 6
    assert shown([4, 3]) == [all_at_once[4], all_at_once[3]]
    split = {"train.batch_size": 3}
    assert shown(range(2), **split) == all_at_once


@pytest.mark.parametrize("distribution", ["uniform", "logit_normal", "low_noise"])
def test_timesteps_of_training_and_class_images_are_in_the_range(toy: Toy, distribution: str) -> None:
    asked = {"timesteps.smallest": 400, "timesteps.largest": 402, "timesteps.distribution": distribution}
    batches = toy.prepare({"prior.weight": 1.0, "train.batch_size": 3, **asked}).batches
    drawn = torch.cat([batch.timesteps for step in range(8) for batch in batches.of_step(step)])
    assert len(drawn) == 48
    assert set(drawn.tolist()) == {400, 401, 402}
    split = toy.prepare({"prior.weight": 1.0, "train.batch_size": 1, **asked}).batches
    alone = [batch.timesteps for step in range(3) for batch in split.of_step(step)]
    assert torch.equal(torch.stack(alone).T.flatten(), drawn[:6]), "each is its example's, however they are split"
