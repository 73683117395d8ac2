"""Runs on images of different proportions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.runs.messages import Done
from sd_finetune.training.loop import train
from sd_finetune.training.orders import Orders
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step.batches import Batch
from sd_finetune.training.step.loss import loss_of
from sd_finetune.training.step.updates import Updates
from tests.toy import ROWS, Toy, forget_accelerator, make_images, stopped_and_resumed, trained

BUCKETS = {"data.resolution": 80, "data.bucket_step": 16, "train.batch_size": 2, "prior.weight": 0.5}
WIDE, TALL, SQUARE = (6, 14), (14, 6), (10, 10)
"""Of latents, height and width."""


@pytest.fixture(scope="module")
def shapes(toy: Toy) -> dict[str, Any]:
    """Three wide images, one tall and one square one, and class images of other proportions."""
    for name, sizes in {"mixed": [(200, 90)] * 3 + [(90, 200), (80, 80)], "class": [(80, 80), (200, 90)]}.items():
        for number, size in enumerate(sizes):
            (image,) = make_images(toy.home / name / str(number), 1, size, seed=number).iterdir()
            image.rename(toy.home / name / f"{number}.png")
            image.parent.rmdir()
    folders = {"concepts.folder": toy.home / "mixed", "concepts.class_folder": toy.home / "class"}
    return {**BUCKETS, "concepts.class_images": 2, **{name: str(folder) for name, folder in folders.items()}}


def batches_of(training: Training, steps: int) -> list[list[Batch]]:
    return [list(training.batches.of_step(step)) for step in range(steps)]


def side_of(batch: Batch) -> tuple[int, ...]:
    return tuple(batch.latents.shape[2:])


def test_an_epoch_has_each_image_once_whatever_the_sizes(toy: Toy, shapes: dict[str, Any]) -> None:
    training = toy.prepare(shapes)
    assert training.batches.steps_per_epoch == 4, "two of the wide images, one of each of the others"
    shown: Counter[tuple[int, ...]] = Counter()
    for batches in batches_of(training, 4):
        instances = batches[0].instance_count
        assert sum(batch.class_rows for batch in batches) == instances == batches[0].class_count
        assert sum(len(batch.latents) for batch in batches) == 2 * instances
        assert len({side_of(batch) for batch in batches}) == len(batches)
        for batch in batches:
            shown[side_of(batch)] += len(batch.latents) - batch.class_rows
    assert shown == {WIDE: 3, TALL: 1, SQUARE: 1}


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_the_loss_is_that_of_each_example_alone(toys: Callable[[str], Toy], shapes: dict[str, Any], kind: str) -> None:
    training = toys(kind).prepare(shapes)
    for batches in batches_of(training, 4):
        whole = torch.stack([_loss(training, batch) for batch in batches]).sum()
        rows = [_row(batch, k) for batch in batches for k in range(len(batch.latents))]
        alone = torch.stack([_loss(training, row) for row in rows]).sum()
        torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)


def _row(batch: Batch, k: int) -> Batch:
    one = slice(k, k + 1)
    return replace(
        batch,
        latents=batch.latents[one],
        noise=batch.noise[one],
        timesteps=batch.timesteps[one],
        prompts=batch.prompts[one],
        size_ids=None if batch.size_ids is None else batch.size_ids[one],
        class_rows=int(k >= len(batch.latents) - batch.class_rows),
    )


def _loss(training: Training, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        conditioning = batch.told(training.conditioning(batch.prompts))
        return loss_of(training.model, batch, conditioning, training.settings).total


@pytest.mark.parametrize("source", ["images", "model"])
@pytest.mark.parametrize(
    ("kind", "method"), [*(("sd1", name) for name in ROWS), ("sdxl", "lora+text"), ("sdxl, v", "dreambooth")]
)
def test_every_method_trains_and_resumes_exactly(
    toys: Callable[[str], Toy], shapes: dict[str, Any], kind: str, method: str, source: str
) -> None:
    toy, row = toys(kind), ROWS[method]
    asked = {**shapes, **row, "prior.source": source, "train.length": "5 steps", "prior.bank_size": 4}
    whole = trained(toy.train(asked))
    resumed = trained(stopped_and_resumed(toy, {**asked, "snapshots.at_end": True}, 2))
    assert [name for name, value in resumed.items() if not torch.equal(value, whole[name])] == []


ONE_BACKWARD = {"train.fused_backward": True}
STOPPED = {**ROWS["dreambooth"], **ONE_BACKWARD, "train.max_grad_norm": 0, "train.length": "3 steps"}
IN_ONE: dict[str, dict[str, Any]] = {
    "dreambooth": {**ROWS["dreambooth"], "train.batch_size": 1},
    "each clipped, decayed": {
        **ROWS["dreambooth"], "train.clip_by": "parameter_norm", "train.max_grad_norm": 1e-3,
        "optimizer.name": "adafactor", "optimizer.weight_decay": 0.1,
    },
    "held to the model": {**ROWS["dreambooth"], "prior.source": "model", "prior.decay": "3 steps"},
    "bf16": {**ROWS["dreambooth"], "train.mixed_precision": "bf16", "train.weights": "bf16", "train.batch_size": 1},
    "text encoders": {**ROWS["dreambooth+text"]},
    "checkpointed": {**ROWS["lora+text"], "train.gradient_checkpointing": True},
    "words": {**ROWS["lora+words"], "train.gradient_checkpointing": True},
}  # fmt: skip
"""What is trained inside of the backward pass, which all batches of a step have together."""


@pytest.mark.parametrize("case", IN_ONE)
def test_inside_the_backward_pass_a_step_is_the_same(toy: Toy, shapes: dict[str, Any], case: str) -> None:
    """To the order in which the gradients of two passes add up; a tiny one moves weights by what it is worth."""
    asked = {**shapes, "train.max_grad_norm": 0, "optimizer.eps": 1.0, "train.length": "3 steps", **IN_ONE[case]}
    start = trained(toy.prepare({**asked, **ONE_BACKWARD}))
    assert any(len(batches) > 1 for batches in batches_of(toy.prepare(asked), 3))
    forget_accelerator()
    plain, fused = (trained(toy.train({**asked, **more})) for more in ({}, ONE_BACKWARD))
    moved, apart = (
        torch.cat([(plain[name].double() - other[name].double()).flatten() for name in plain])
        for other in (start, fused)
    )
    assert float(moved.norm()) > 0
    assert float(apart.norm()) <= 1e-4 * float(moved.norm())


@pytest.mark.parametrize("checkpointed", [False, True])
def test_the_gradients_of_a_pass_do_not_wait_for_the_next(
    toy: Toy, shapes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, checkpointed: bool
) -> None:
    """Else fused backward would hold as much as without."""
    training = toy.prepare({**shapes, **STOPPED, "train.gradient_checkpointing": checkpointed})
    layers = {m.weight: m for m in training.model.unet.modules() if isinstance(m, torch.nn.Linear)}
    waiting: set[torch.Tensor] = set()
    most: list[int] = []
    use_gradient = Updates.use_gradient

    def use_and_note(updates: Updates, number: int) -> None:
        use_gradient(updates, number)
        waiting.discard(updates.parameters[number])
        most.append(len(waiting))

    monkeypatch.setattr(Updates, "use_gradient", use_and_note)
    for weight, layer in layers.items():
        layer.register_full_backward_pre_hook(lambda *_, weight=weight: waiting.add(weight))
    train(training)
    assert len(most) == 3 * len(training.updates.parameters)
    assert max(most) < 6 < len(layers) / 4


@pytest.mark.parametrize("moment", [3, 5])
def test_stopped_at_any_moment_it_resumes_to_the_same_end(
    toy: Toy, shapes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """No step is done by half, however many batches of other sizes it has."""
    changes = {**shapes, **STOPPED}
    whole = trained(toy.train(changes))
    stopped = toy.prepare(changes)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == moment:
            stopped.orders.stop()
        Orders.check(stopped.orders)

    monkeypatch.setattr(stopped.orders, "check", check)
    outcome = train(stopped)
    assert isinstance(outcome, Done)
    assert outcome.outcome == "stopped"
    again = prepare(stopped.run, resume=outcome.step > 0)
    train(again)
    assert [name for name, value in trained(again).items() if not torch.equal(value, whole[name])] == []


def test_the_evaluation_loss_is_over_all_images_alike(toy: Toy, shapes: dict[str, Any]) -> None:
    training = toy.prepare({**shapes, "evaluation.every": "1 step", "evaluation.images": 5, "evaluation.timesteps": 2})
    assert training.evaluation is not None
    batches = training.evaluation._batches  # type: ignore[attr-defined]
    assert Counter(side_of(batch) for batch in batches) == {WIDE: 2, TALL: 2, SQUARE: 2}
    alone = [_unweighted(training, _row(batch, k)) for batch in batches for k in range(len(batch.latents))]
    assert training.evaluation.loss(training.conditioning) == pytest.approx(sum(alone) / len(alone))


def _unweighted(training: Training, row: Batch) -> float:
    return float(_loss(training, replace(row, instance_count=1)))


def test_a_random_crop_is_another_part_at_each_use_and_the_same_in_each_run(
    toy: Toy, shapes: dict[str, Any], tmp_path: Path
) -> None:
    make_images(tmp_path, 1, (200, 90))
    asked = {**shapes, "concepts.folder": str(tmp_path), "data.crop": "random", "data.cache_latents": "off"}

    def drawn() -> list[float]:
        return [batch.latents.sum().item() for (batch, *_) in batches_of(toy.prepare({**asked, "prior.weight": 0}), 4)]

    first = drawn()
    assert len(set(first)) == 4
    assert drawn() == first
