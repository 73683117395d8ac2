"""Trials of learning rates, with every method: they find a curve and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Trial, read_events
from sd_finetune.runs.rate_trial import points_of
from sd_finetune.settings.rate_trial import rate_of_step, trial_settings
from sd_finetune.training.worker import work
from tests.toy import ROWS, Toy


@pytest.mark.parametrize("row", ROWS)
def test_learning_rates_rise_until_training_diverges(toy: Toy, row: str) -> None:
    settings = trial_settings(toy.settings(ROWS[row]), 12)
    run = RunFolder.create(toy.home / "runs", "toy", settings)
    assert work(run.path, resume=False, only_rates=True) == 0
    events, _ = read_events(run.events)
    tried = [event for event in events if isinstance(event, Trial)]
    assert 2 < len(tried) <= 12
    assert [event.learning_rate for event in tried] == pytest.approx(
        [rate_of_step(settings, k, 12) for k in range(len(tried))]
    )
    assert len({event.loss for event in tried}) > len(tried) // 2, "steps learn, but for the smallest"
    assert isinstance(events[-1], Done)
    assert points_of(run) == [(event.learning_rate, event.loss) for event in tried]
    assert not any(
        folder.is_dir() and any(folder.iterdir()) for folder in (run.path / "output", run.snapshots, run.samples)
    )


def test_the_command_suggests_one_and_leaves_nothing_behind(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"version = 4\nmethod = 'lora'\n[base]\ncheckpoint = {str(toy.checkpoint)!r}\n[output]\nname = 'toy'\n"
        "[train]\ndevice = 'cpu'\n[prior]\nweight = 0\n[data]\nresolution = 72\n"
        f"[[concepts]]\nfolder = {str(toy.images)!r}\ninstance_prompt = 'a photo of sks star'\n",
        encoding="utf-8",
    )
    assert main(["find-rate", str(settings), "--steps", "10", "--plot", "curve.svg"]) == 0
    told = capsys.readouterr().out
    assert "1.00e-06" in told
    assert "suggest" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.svg", "settings.toml", "temp"]
    assert list((tmp_path / "temp").iterdir()) == []
