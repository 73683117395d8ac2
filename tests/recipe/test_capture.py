"""Captured steps learn what plain ones learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.runs.messages import Step, Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step import capture
from tests.recorder import Replaying
from tests.toy import ROWS, Toy, events_of, forget_accelerator, make_images, train_and_command, trained

STEPS = 6
PLAIN: dict[str, Any] = {"train.length": f"{STEPS} steps", "data.horizontal_flip": True}
PRIOR: dict[str, Any] = {"prior.weight": 1.0, "concepts.class_images": 2}
FROM_MODEL: dict[str, Any] = {**PRIOR, "prior.source": "model", "train.snr_gamma": 5}
DROPOUT = {**ROWS["hypernetwork"], "hypernetwork.dropout_structure": "0, 0.5, 0"}
LOSS_AND_NOISE = {
    "loss.type": "huber", "loss.timestep_weights": "soft_min_snr", "timesteps.distribution": "logit_normal",
    "noise.multires_iterations": 3, "noise.input_perturbation": 0.3,
}  # fmt: skip
LENGTHS = {  # by chance of one chunk or two
    "captions.tokens": 150, "captions.wildcards": True, "train.batch_size": 3,
    "concepts.instance_prompt": "a photo of sks star, {red|" + "blue " * 80 + "}",
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    **{name: {**row, **PRIOR} for name, row in ROWS.items()},
    "lora, prior from the model": {**ROWS["lora+text"], **FROM_MODEL},
    "dreambooth, prior from the model": {**ROWS["dreambooth"], **FROM_MODEL},
    "word, prior from the model": {**ROWS["textual_inversion"], **FROM_MODEL},
    "dropout": DROPOUT,
    "accumulation": {**ROWS["lora+text"], "train.gradient_accumulation_steps": 2},
    "bf16": {**ROWS["dreambooth"], "train.mixed_precision": "bf16", "train.weights": "bf16"},
    "each clipped": {**ROWS["dreambooth"], "train.clip_by": "parameter_norm"},
    "adafactor": {**ROWS["dreambooth"], "optimizer.name": "adafactor"},
    "prompts of several lengths": {**ROWS["lora+text"], **LENGTHS},
    "loss and noise": {**ROWS["lora"], **FROM_MODEL, **LOSS_AND_NOISE},
    "latents drawn anew": {**ROWS["lora"], "data.cache_latents": "off"},
    "sdxl": {**ROWS["lora+text"], **FROM_MODEL},
    "sdxl, v, prompts of several lengths": {**ROWS["dreambooth+text"], **LENGTHS},
}


def with_recorder(monkeypatch: pytest.MonkeyPatch, recorder: Replaying) -> Replaying:
    monkeypatch.setattr("sd_finetune.training.state.recorder_for", lambda settings, device: recorder)
    return recorder


def refusals(training: Training) -> list[str]:
    return [event.message for event in events_of(training.run, Warning_) if "captured" in event.message]


def assert_same_run(first: Training, second: Training) -> None:
    losses = [[(e.loss, e.instance_loss, e.prior_loss) for e in events_of(t.run, Step)] for t in (first, second)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == STEPS
    one, other = trained(first), trained(second)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def checkpoint_of(case: str) -> str:
    """Which toy a case is tried on."""
    return next((name for name in ("sdxl, v", "sdxl") if case.startswith(name)), "sd1")


@pytest.mark.parametrize("case", CASES)
def test_a_replayed_step_is_the_plain_one_to_the_bit(
    toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    """What is copied to where the recording reads is all that changes from step to step."""
    toy, changes = toys(checkpoint_of(case)), {**PLAIN, **CASES[case]}
    if checkpoint_of(case) != "sd1":  # which is told of the size of each image and of what is cut off
        changes |= {"concepts.folder": str(images_of_all_sizes(tmp_path)), "data.buckets": False}
    plain = toy.train(changes)
    recorder = with_recorder(monkeypatch, Replaying())
    captured = toy.train(changes)
    assert recorder.recorded >= 1
    assert recorder.replayed > STEPS - 2, "each recording once to check it, and then in every step but the first"
    assert_same_run(plain, captured)
    assert not refusals(captured)


def images_of_all_sizes(folder: Path) -> Path:
    for number, size in enumerate([(200, 90), (80, 160), (72, 72)]):
        (image,) = make_images(folder / str(number), 1, size, seed=number).iterdir()
        image.rename(folder / f"{number}.png")
        image.parent.rmdir()
    return folder


def test_each_shape_has_a_recording(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images in batches of two: of two and of one, in turn."""
    changes = {**PLAIN, "train.batch_size": 2}
    plain = toy.train(changes)
    recorder = with_recorder(monkeypatch, Replaying())
    assert_same_run(plain, toy.train(changes))
    assert (recorder.recorded, recorder.replayed) == (2, 2 + STEPS - 2)


def test_shapes_beyond_those_that_are_recorded_are_computed_plainly(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {**PLAIN, "train.batch_size": 2}
    plain = toy.train(changes)
    monkeypatch.setattr(capture, "MOST_RECORDINGS", 1)
    recorder = with_recorder(monkeypatch, Replaying())
    assert_same_run(plain, toy.train(changes))
    assert recorder.recorded == 1, "of the shape that came twice first"


def test_a_prompt_without_the_new_word_moves_nothing(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even by the optimizer's momentum."""
    folder = make_images(tmp_path / "images", 2)
    for number, caption in enumerate(["a zib-7", "a red thing"]):
        (folder / f"{number}.txt").write_text(caption, encoding="utf-8")
    word = {"textual_inversion.word": "zib-7", "concepts.instance_prompt": "[filewords]"}
    changes = {**PLAIN, **ROWS["textual_inversion"], **word, "concepts.folder": str(folder)}
    plain = toy.train(changes)
    recorder = with_recorder(monkeypatch, Replaying())
    assert_same_run(plain, toy.train(changes))
    assert recorder.recorded == 2


def test_samples_get_the_memory(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {"samples.prompts": ["a star"], "samples.every": "3 steps", "samples.at_start": False}
    changes = {**PLAIN, **drawn}
    plain = toy.train(changes)
    recorder = with_recorder(monkeypatch, Replaying())
    assert_same_run(plain, toy.train(changes))
    assert (recorder.recorded, recorder.forgotten) == (2, 2)


def test_a_run_that_is_resumed_ends_the_same(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {**PLAIN, **ROWS["dreambooth+text"], **PRIOR}
    plain = toy.train(changes)
    with_recorder(monkeypatch, Replaying())
    first = toy.prepare(changes)
    train_and_command(first, 3, "stop")
    forget_accelerator()
    second = prepare(first.run, resume=True)
    train(second)
    assert_same_run(plain, second)


@pytest.mark.parametrize(
    ("recorder", "reason"),
    [
        (Replaying(fails="operation not permitted when stream is capturing\nCUDA kernel errors"), "not permitted"),
        (Replaying(computes_wrongly=True), "a replayed one gives"),
    ],
    ids=["refused", "wrong"],
)
@pytest.mark.parametrize("case", ["lora+text", "dropout", "accumulation"])
def test_what_cannot_be_captured_is_computed_plainly(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, recorder: Replaying, reason: str, case: str
) -> None:
    """A driver that refuses, and a recording that computes something else: neither changes what is learned."""
    changes = {**PLAIN, **CASES[case]}
    plain = toy.train(changes)
    with_recorder(monkeypatch, recorder)
    captured = toy.train(changes)
    assert_same_run(plain, captured)
    (warning,) = refusals(captured)
    assert warning.startswith("Steps cannot be captured as CUDA graphs here (")
    assert reason in warning
    assert "\n" not in warning


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["no", "fp16", "bf16"])
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_a_captured_step_is_the_plain_one(toys: Callable[[str], Toy], case: str, precision: str) -> None:
    """To rounding: kernels may add in another order. fp16 leaves out steps while it looks for its scale, alike."""
    toy = toys(checkpoint_of(case))
    changes = {**PLAIN, "train.mixed_precision": precision, **CASES[case], "train.device": "cuda"}
    runs = []
    for captured in ("off", "auto"):
        training = toy.train({**changes, "train.capture": captured})
        runs.append([event.loss for event in events_of(training.run, Step)])
        assert not refusals(training)
        forget_accelerator()
    assert runs[1] == pytest.approx(runs[0], rel={"no": 2e-3, "fp16": 2e-2, "bf16": 5e-2}[precision])
