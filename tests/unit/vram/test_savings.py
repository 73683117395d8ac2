"""What is said when VRAM does not do, in whatever phase."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.families.table import FAMILIES
from sd_finetune.ui.projects.wording import in_the_tab
from sd_finetune.vram.changes import are_valid, with_changes
from sd_finetune.vram.estimate import GIB, estimate
from sd_finetune.vram.room import Room, refuse_without_room, warning_without_room
from sd_finetune.vram.savings import savings, what_helps
from tests.unit.vram.asked import asked_for

SAMPLES = {"samples.prompts": ["a dog"]}


@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("phase", ["class images", "encoding", "training", "samples"])
@pytest.mark.parametrize("method", ["lora", "dreambooth", "textual_inversion", "hypernetwork"])
def test_each_saving_is_valid_and_saves_so_much(method: str, phase: str, bf16: bool) -> None:
    asked = asked_for(method, {**SAMPLES, "train.batch_size": 4}, prior=1)
    found = savings(asked, phase, bf16)
    assert found
    assert found == sorted(found, key=lambda each: -each.saved)
    for each in found:
        changed = with_changes(asked, each.changes)
        assert are_valid(changed)
        assert estimate(asked).phases[phase] - estimate(changed).phases[phase] == pytest.approx(each.saved)
        assert bf16 or "bf16" not in each.changes.values()


def test_it_is_told_with_the_labels_of_the_tab() -> None:
    asked = asked_for("lora", {"train.mixed_precision": "bf16", "train.batch_size": 4})
    told = what_helps(asked, "training")
    first = "train.gradient_checkpointing = true saves about"
    assert told.startswith(first)
    assert told.count(" about ") == 3
    assert in_the_tab(told).startswith("Gradient checkpointing (on) saves about")


def test_where_nothing_helps_something_is_said() -> None:
    least: dict[str, Any] = {
        "train.mixed_precision": "bf16", "train.weights": "bf16", "train.fused_backward": True,
        "train.clip_by": "parameter_norm", "optimizer.name": "adafactor", "train.gradient_checkpointing": True,
        "data.resolution": 256, "train.frozen_weights": "int8",
    }  # fmt: skip
    assert what_helps(asked_for("dreambooth", least), "training") == "train a LoRA instead"
    of_weights = ("train.weights", "train.fused_backward", "train.clip_by", "optimizer.name")
    of_lora = {name: value for name, value in least.items() if name not in of_weights}
    assert what_helps(asked_for("lora", of_lora), "training") == "use a GPU with more VRAM"


def test_a_run_that_cannot_fit_is_refused_with_what_fits() -> None:
    asked = asked_for("dreambooth", {"train.mixed_precision": "bf16"})
    with pytest.raises(UserError) as refused:
        refuse_without_room(asked, Room(8 * GIB, 7 * GIB))
    told = str(refused.value)
    assert "and the GPU has 8.0 GB: " in told
    assert 'optimizer.name = "adafactor"' in told
    assert "set train.check_vram to false to try it anyway" in told
    refuse_without_room(with_changes(asked, {"train.check_vram": False}), Room(8 * GIB, 7 * GIB))
    refuse_without_room(asked, Room(24 * GIB, 1 * GIB))


def test_what_fits_of_it_does_fit() -> None:
    asked = asked_for("dreambooth", {"train.mixed_precision": "bf16"})
    with pytest.raises(UserError, match=r"which needs about [0-9.]+ GB") as refused:
        refuse_without_room(asked, Room(6 * GIB, 5 * GIB))
    assert "nothing" not in str(refused.value)
    with pytest.raises(UserError, match="train a LoRA instead"):
        refuse_without_room(asked, Room(2 * GIB, 2 * GIB))


def test_a_larger_model_is_refused_where_a_smaller_one_fits() -> None:
    asked = asked_for("lora", {"train.mixed_precision": "bf16", "data.resolution": 1024})
    small, *_, large = sorted((facts.memory for facts in FAMILIES.values()), key=lambda model: model.unet)
    room = Room(8 * GIB, 7 * GIB)
    refuse_without_room(with_changes(asked, {"train.gradient_checkpointing": True}), room, small)
    with pytest.raises(UserError, match="gradient_checkpointing = true"):
        refuse_without_room(asked, room, large)


def test_other_programs_are_warned_of() -> None:
    asked = asked_for("lora", {"train.mixed_precision": "bf16"})
    assert warning_without_room(asked, Room(8 * GIB, 7 * GIB)) == ""
    told = warning_without_room(asked, Room(8 * GIB, 1 * GIB))
    assert "and 1.0 GB are free: close other programs that use the GPU" in told
