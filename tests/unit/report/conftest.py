"""A run folder of a person whose name, folders, prompts and captions nobody else is to know."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.report import sections
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Error, EventLog, Phase, Sample, Saved, Step, Warning_, send_command
from sd_finetune.settings.read import from_dict

SECRETS = (
    "wilhelmina", "grünwald", "geheim", "zwkdog", "schnauzer", "bathrobe", "umbrella", "velvet", "haystack", "obelisk",
    "marmalade", "quagmire", "tangerine",
)  # fmt: skip
"""Words that stand nowhere but in what is private."""

HOME = "/home/wilhelmina"
LOG = """Loading
/data/geheim pictures/tangerine umbrella.png is broken
Traceback (most recent call last):
  File "/home/wilhelmina/webui/venv/lib/python3.10/site-packages/torch/nn/modules/module.py", line 1511, in _call_impl
  File "/home/wilhelmina/webui/extensions/sd-finetune/sd_finetune/training/loop.py", line 40, in train
  File "/usr/lib/python3.10/subprocess.py", line 12, in run
  File "C:\\\\Users\\\\Wilhelmina Grünwald\\\\geheim\\\\loop.py", line 3
RuntimeError: CUDA error: device-side assert triggered at step 12
sd_finetune.errors.UserError: 2 of 3 prompts, such as "a quagmire of marmalade", lack the new word 'zwkdog'.
no photo of zwkdog schnauzer, wearing   a BATHROBE here, only "a photo of zwkdog schnauzer wea
[wilhelmina@geheim ~]$ ls ~/obelisk/x /mnt/c/Users/wilhelmina/geheim/loss.bin /var/geheim/a:/var/geheim/b
"""


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], RunFolder]:
    """Makes the run, with its images beside it. What can be told of the hardware is made up."""
    monkeypatch.setattr(sections, "hardware", lambda: {"processor": "a processor"})
    monkeypatch.setattr(Path, "home", lambda: Path(HOME))
    monkeypatch.setattr("getpass.getuser", lambda: "wilhelmina")
    monkeypatch.setattr("platform.node", lambda: "geheim")
    images = tmp_path / "geheim's pictures"
    images.mkdir()
    (images / "12-velvet haystack.png").write_bytes(b"")
    (images / "1.txt").write_text("a schnauzer under an umbrella\n", encoding="utf-8")
    base = tmp_path / "base.safetensors"
    base.write_bytes(b"weights")
    settings = from_dict({
        "base": {"checkpoint": str(base)},
        "prior": {"weight": 0},
        "output": {"name": "Zwkdog Lora", "notes": "for Wilhelmina Grünwald's birthday"},
        "samples": {"prompts": ["zwkdog schnauzer, an obelisk behind it"], "negative_prompt": "ugly tangerine"},
        "concepts": [
            {
                "folder": str(images),
                "instance_prompt": "a photo of zwkdog schnauzer, wearing a bathrobe",
                "class_prompt": "a photo of a schnauzer",
            },
            {"folder": str(images), "instance_prompt": "[filewords], zwkdog"},
        ],
    })  # fmt: skip

    def make() -> RunFolder:
        run = RunFolder.create(tmp_path / "runs of geheim", "Zwkdog Lora", settings)
        events = EventLog(run.events)
        for event in (
            Phase("loading", 0, 1),
            Warning_(f"Skipped: {images}/sub folder/12-velvet haystack.png is broken: replace it."),
            Warning_("The prompt 'zwkdog schnauzer, an obelisk behind it' is long."),
            Step(1, 2, 1, 0.25, 0.25, None, {"unet": 1e-4}, 1.0, 1.0, 0),
            Sample(1, "samples/step-000001-00.png", "zwkdog schnauzer, an obelisk behind it", 7),
            Sample(1, "samples/step-000001-01.png", "a marmalade quagmire", 8),
            Saved(2, "lora", f"{HOME}/webui/models/Lora/Zwkdog Lora.safetensors"),
            Error(f'The worker ended with exit code 1; the last thing it said was "RuntimeError: boom": {run.log}'),
            Done(2, "stopped"),
        ):
            events.append(event)
        send_command(run.commands, "stop")
        run.log.write_text(LOG, encoding="utf-8")
        run.loss_csv.write_text(
            "step,epoch,loss,instance_loss,prior_loss,unet\n1,1,0.25,0.25,,0.0001\n2,1,nan,nan,,1e-05\n"
        )
        return run

    return make


def unpacked(report: Path) -> dict[str, str]:
    """The report's files by name, as text."""
    with zipfile.ZipFile(report) as file:
        assert file.testzip() is None
        return {name: file.read(name).decode(errors="replace") for name in file.namelist()}


def leaks(files: dict[str, str]) -> list[tuple[str, str]]:
    """Which secret stands in which file, also in its name and where JSON writes letters as numbers."""
    return [
        (name, secret)
        for name, content in files.items()
        for secret in SECRETS
        for form in {secret, json.dumps(secret).strip('"')}
        if form in f"{name}\n{content}".lower()
    ]
