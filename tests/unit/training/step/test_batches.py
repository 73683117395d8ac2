from __future__ import annotations

from collections import Counter

import torch

from tests.toy import Toy


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
