"""Runs that end when the evaluation loss has settled, and images that are only evaluated on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.runs.messages import Done, Evaluation, Saved
from sd_finetune.runs.snapshots import finished_snapshots, step_of
from sd_finetune.training.loop import train
from sd_finetune.training.settled import REASON, has_settled
from sd_finetune.training.setup import prepare
from tests.toy import Toy, events_of, make_images

EVALUATED = {"evaluation.every": "1 step", "evaluation.images": 2, "evaluation.timesteps": 2}


def test_the_variance_of_the_window_is_compared_with_that_of_all() -> None:
    """Of 4, 2, 1, 1 the variance is 1.5, of the last two 0; of 4, 2, 2, 1 it is 1.1875 and 0.25, a share of 0.21."""
    assert has_settled([4, 2, 1, 1], 2, 0.01)
    assert [has_settled([4, 2, 2, 1], 2, share) for share in (0.2, 0.22)] == [False, True]
    assert not has_settled([4, 2, 1], 2, 1.0), "too few"
    assert not has_settled([4, 2, 1, 1], 2, 0.0), "off"


def test_a_run_ends_with_its_result_and_a_snapshot_when_the_loss_has_settled(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([4.0, 2.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0])
    asked = {"evaluation.stop_below": 0.04, "evaluation.stop_window": 2, "train.length": "20 steps"}
    training = toy.prepare({**EVALUATED, **asked})
    monkeypatch.setattr(training.evaluation, "loss", lambda *_: next(losses))
    done = train(training)
    assert (done.step, done.outcome) == (4, "stopped"), "the first evaluation is before the first step"
    assert done.reason == REASON.format(window=2, share=0.04)
    assert events_of(training.run, Saved)[-1].step == 4
    assert list(map(step_of, finished_snapshots(training.run.snapshots))) == [4]
    training.events.append(done)
    resumed = prepare(training.run, resume=True)
    monkeypatch.setattr(resumed.evaluation, "loss", lambda *_: next(losses))
    assert train(resumed).step == 5, "what was evaluated before counts"


def test_held_out_images_are_evaluated_on_and_not_trained(toy: Toy) -> None:
    plain, held = (toy.prepare({**EVALUATED, "evaluation.held_out": share}) for share in (0.0, 0.34))
    images = [sorted({e.image.name for e in training.instances.examples}) for training in (plain, held)]
    assert len(images[0]) == 3
    assert images[1] == [images[0][0], images[0][2]]
    assert isinstance(train(held), Done)
    assert len(events_of(held.run, Evaluation)) > 1


def test_a_folder_among_the_training_images_is_not_trained(toy: Toy, tmp_path: Path) -> None:
    images = make_images(tmp_path / "dog", 2)
    asked = {**EVALUATED, "concepts.folder": str(images), "evaluation.images": 8}
    training = toy.prepare({**asked, "evaluation.folder": str(make_images(images / "eval", 3, seed=9))})
    assert {example.image.parent for example in training.instances.examples} == {images}


def test_a_folder_is_evaluated_on_with_the_prompt_of_the_first_concept(toy: Toy) -> None:
    folder = make_images(toy.home / "evaluated", 1, seed=9)
    training = toy.prepare({**EVALUATED, "evaluation.folder": str(folder), "evaluation.held_out": 0.5})
    assert len({e.image for e in training.instances.examples}) == 3, "then no share of the concepts' images is"
    other = toy.prepare(EVALUATED)
    assert training.evaluation is not None
    assert other.evaluation is not None
    assert set(training.evaluation.prompts()) == {"a photo of sks star"}
    assert training.evaluation.loss(training.conditioning) != other.evaluation.loss(other.conditioning)
