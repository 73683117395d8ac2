"""What keeps a run from being resumed, in sentences; and what must not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, EventLog, Phase
from sd_finetune.runs.resumable import refuse_shorter, refuse_to_resume
from sd_finetune.runs.snapshots import MARKER, Marker, finished_snapshots, snapshot_depends_on, snapshot_folder
from sd_finetune.settings.read import from_dict


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was stopped at step 40 of 100."""
    base = tmp_path / "base.safetensors"
    base.write_bytes(b"weights" * 50_000)
    concept = {"folder": "images", "class_prompt": "a photo of a dog"}
    content = {"base": {"checkpoint": str(base)}, "train": {"length": "100 steps"}, "concepts": [concept]}
    run = RunFolder.create(tmp_path / "runs", "dog", from_dict(content))
    snapshot(run, 40)
    EventLog(run.events).append(Done(40, "stopped"))
    return run


def snapshot(run: RunFolder, step: int) -> Path:
    folder = snapshot_folder(run.snapshots, step)
    folder.mkdir()
    Marker(step, {}, snapshot_depends_on(run.read_settings())).write(folder / MARKER)
    return folder


def edit(run: RunFolder, group: str, option: str, value: Any) -> None:
    content = json.loads(run.settings.read_text())
    (content[group] if group else content)[option] = value
    run.settings.write_text(json.dumps(content))


def base_of(run: RunFolder) -> Path:
    return Path(run.read_settings().base.checkpoint)


ONLY_TOLD = ["events.jsonl", "commands.jsonl", "about.json", "base.json", "worker.json", "loss.csv"]


def test_as_it_is_it_can_be_resumed(run: RunFolder) -> None:
    refuse_to_resume(run)


@pytest.mark.parametrize(
    ("group", "option", "value", "said"),
    [
        ("lora", "rank", 4, r"lora.rank = 4 does not match the snapshot of dog-001, which was made with 16: set it"),
        ("", "method", "dreambooth", 'method = "dreambooth" does not match .* made with "lora"'),
        ("optimizer", "name", "adafactor", 'optimizer.name = "adafactor" does not match'),
        ("train", "train_text_encoder", True, "train.train_text_encoder = true does not match .* with false"),
        ("train", "length", "39 steps", 'train.length = "39 steps" ends at step 39, but .* is of step 40: make it'),
    ],
)
def test_settings_that_the_snapshot_depends_on_are_not_changed(
    run: RunFolder, group: str, option: str, value: Any, said: str
) -> None:
    edit(run, group, option, value)
    with pytest.raises(UserError, match=said):
        refuse_to_resume(run)


def test_other_settings_may_be_changed(run: RunFolder) -> None:
    edit(run, "train", "unet_learning_rate", 1e-5)
    edit(run, "train", "length", "40 steps")
    refuse_to_resume(run)
    edit(run, "train", "length", "1 epoch")
    refuse_to_resume(run)
    with pytest.raises(UserError, match=r'train.length = "1 epoch" ends at step 5, but'):
        refuse_shorter(run, run.read_settings(), 5)


def test_another_base_under_the_same_name_is_refused(run: RunFolder) -> None:
    base = base_of(run)
    base.write_bytes(b"Weights" + base.read_bytes()[7:])
    with pytest.raises(
        UserError, match=r"base.safetensors' is another file than the one that dog-001 was started with"
    ):
        refuse_to_resume(run)
    base.unlink()
    with pytest.raises(UserError, match="not found"):
        refuse_to_resume(run)


def test_a_base_that_was_moved_or_copied_is_as_good(run: RunFolder, tmp_path: Path) -> None:
    base = base_of(run)
    other = tmp_path / "elsewhere.safetensors"
    shutil.move(base, other)
    os.utime(other, (1, 1))
    edit(run, "base", "checkpoint", str(other))
    refuse_to_resume(run)


def test_of_an_earlier_version_the_size_is_known(run: RunFolder) -> None:
    known = json.loads(run.base.read_text())
    del known["fingerprint"]
    run.base.write_text(json.dumps(known))
    base_of(run).write_bytes(b"shorter")
    with pytest.raises(UserError, match="another file"):
        refuse_to_resume(run)


@pytest.mark.parametrize("content", [b"", b"\0\0", b"[]", b"null", b'{"step": "x"}', b'{"step": null}', b"[" * 9999])
def test_a_damaged_marker_leaves_the_earlier_snapshot(run: RunFolder, content: bytes) -> None:
    later = snapshot(run, 60)
    (later / MARKER).write_bytes(content)
    assert [folder.name for folder in finished_snapshots(run.snapshots)] == ["step-000040"]
    refuse_to_resume(run)
    (snapshot_folder(run.snapshots, 40) / MARKER).write_bytes(content)
    with pytest.raises(UserError, match="step-000060 is damaged and cannot be used to resume from: start a new run"):
        refuse_to_resume(run)


@pytest.mark.parametrize("name", ONLY_TOLD)
@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"[]", b"\xff\xfe\n\n", b'{"kind": ["x"], "pid": -1}\n', None])
def test_what_is_only_told_keeps_nothing_from_being_resumed(run: RunFolder, name: str, content: bytes | None) -> None:
    file = run.path / name
    file.unlink(missing_ok=True)
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    refuse_to_resume(run)
    if content is not None:
        EventLog(run.events).append(Phase("loading", 0, 1))
