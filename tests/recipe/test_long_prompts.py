"""Training with prompts of several chunks, clip skip and emphasis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.families.sd1.architecture import TextEncoderSizes
from sd_finetune.runs.messages import Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.output.samples import sample_generation_settings
from sd_finetune.training.setup import prepare
from sd_finetune.training.step.loss import loss_of
from tests.toy import (
    CHECKPOINTS,
    ROWS,
    Toy,
    events_of,
    gradients_of_first_step,
    make_toy,
    train_and_command,
    trained,
    worst_error,
)

LAYERS = TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2)
IN_CHUNKS = {"captions.tokens": 225, "concepts.instance_prompt": "[filewords]", "train.max_grad_norm": 0}


@pytest.fixture(scope="module")
def deep(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """With three layers in the text encoder, and captions of all lengths."""
    return captioned(make_toy(tmp_path_factory.mktemp("deep"), text_encoder=LAYERS))


@pytest.fixture(scope="module")
def sdxl(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """With captions of all lengths."""
    return captioned(make_toy(tmp_path_factory.mktemp("sdxl"), **CHECKPOINTS["sdxl"]))


def captioned(toy: Toy) -> Toy:
    """With captions of one, two and three chunks."""
    for number, times in enumerate((1, 12, 24)):
        (toy.images / f"{number}.txt").write_text(" ".join(["a photo of sks star, red moon,"] * times))
    return toy


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        *(("deep", row) for row in ("lora+text", "textual_inversion", "hypernetwork")),
        *(("sdxl", row) for row in ("lora+text", "textual_inversion")),
    ],
)
def test_images_teach_the_same_in_one_batch_and_one_by_one(request: pytest.FixtureRequest, kind: str, row: str) -> None:
    """Whatever the lengths of the prompts beside theirs."""
    toy, asked = request.getfixturevalue(kind), {**ROWS[row], **IN_CHUNKS, "train.length": "1 step"}
    together = gradients_of_first_step(toy.prepare({**asked, "train.batch_size": 3}))
    alone = gradients_of_first_step(toy.prepare({**asked, "train.gradient_accumulation_steps": 3}))
    assert worst_error(together, alone) < 1e-4


@pytest.mark.parametrize("kind", ["deep", "sdxl"])
def test_a_class_prompt_beside_a_longer_one_is_answered_as_the_untrained_model_does(
    request: pytest.FixtureRequest, kind: str
) -> None:
    changes = {**IN_CHUNKS, "prior.weight": 1.0, "prior.source": "model", "train.batch_size": 3}
    training = request.getfixturevalue(kind).prepare(changes)
    (batch,) = training.batches.of_step(0)
    context = batch.told(training.conditioning(batch.prompts))
    assert context.mask is not None
    assert sorted(set(context.mask.sum(1).tolist())) == [77, 154, 231]
    source = training.sources.prior
    assert source is not None
    targets = source(batch, source.prepare(batch))
    assert loss_of(training.model, batch, context, training.settings, targets).prior.item() < 1e-10


@pytest.mark.parametrize("row", ["lora+text", "dreambooth+text"])
def test_with_skipped_layers_a_resumed_run_is_the_same(deep: Toy, row: str) -> None:
    """They get no gradients, and the optimizer keeps nothing for them."""
    asked: dict[str, Any] = {**ROWS[row], "train.clip_skip": 2, "train.length": "4 steps", "snapshots.at_end": True}
    whole = deep.prepare(asked)
    before = trained(whole)
    train(whole)
    run = deep.run(asked)
    train_and_command(prepare(run, resume=False), 2, "stop")
    resumed = prepare(run, resume=True)
    assert resumed.first_step == 2
    train(resumed)
    after = trained(whole)
    assert worst_error(trained(resumed), after) == 0
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    last = {name for name in after if "layers_2" in name or "layers.2" in name}
    assert last
    assert not moved & last
    assert any("layers_1" in name or "layers.1" in name for name in moved)


def test_samples_are_read_as_the_webui_reads_them(deep: Toy) -> None:
    told = sample_generation_settings(deep.settings({"train.clip_skip": 2})).reading
    assert (told.emphasis, told.clip_skip, told.chunks) == ("original", 2, None)


def warnings_of(toy: Toy, changes: dict[str, Any]) -> list[str]:
    return [event.message for event in events_of(toy.prepare(changes).run, Warning_)]


@pytest.mark.parametrize("mark", ["(red:1.2) star", r"saber \(fate\)", "a star BREAK a moon"])
def test_emphasis_that_is_trained_as_text_is_told(toy: Toy, mark: str) -> None:
    (told,) = warnings_of(toy, {"concepts.instance_prompt": mark})
    assert "have emphasis as in the WebUI" in told
    assert 'captions.emphasis is "none"' in told
    read = {"captions.emphasis": "no_norm", "captions.tokens": 150}
    assert warnings_of(toy, {"concepts.instance_prompt": mark, **read}) == []


def test_tags_with_brackets_are_just_tags(toy: Toy) -> None:
    assert warnings_of(toy, {"concepts.instance_prompt": "saber (fate), [sks], :d"}) == []


def test_class_images_of_another_layer_are_others(deep: Toy, tmp_path: Path) -> None:
    asked = {"prior.weight": 1.0, "concepts.class_images": 1, "class_images.cache_folder": str(tmp_path)}
    for changes in ({}, {"train.clip_skip": 2}, {"captions.tokens": 150}, {"captions.emphasis": "original"}):
        deep.prepare({**asked, **changes})
    assert len([file for file in tmp_path.iterdir() if file.is_dir()]) == 3, "the length of captions is none of theirs"
