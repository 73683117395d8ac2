"""Names that are not UTF-8, as from an archive of another system: shown and logged, or refused before training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sd_finetune.__main__ import main
from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launch import start_process
from sd_finetune.settings.read import find_faults
from sd_finetune.ui.server.app import make_app
from tests.screen import make_context, make_screen
from tests.toy import Toy, make_images

NAME = "f\udcfcr"
"""As Python reads the bytes of "für" in Latin-1."""
SHOWN = "f\\xfcr"

needs_such_names = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there are no such names here")


@pytest.mark.parametrize(
    "content",
    [
        {"output": {"name": NAME}},
        {"concepts": [{"folder": f"/{NAME}"}]},
        {"samples": {"prompts": ["a", NAME]}},
        {NAME: 1},
        {"train": {NAME: NAME}},
        {"method": NAME},
    ],
)
def test_settings_are_refused(content: dict[str, object]) -> None:
    faults = find_faults(content)
    assert any(SHOWN in sentence.replace("\\\\", "\\") for sentence in faults.values())
    json.dumps(faults, ensure_ascii=False).encode()


def test_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", NAME]) == 2
    assert capsys.readouterr().err == f"{SHOWN} is not UTF-8 text: rename the file or folder of that name.\n"


def test_a_run_folder_is_refused(tmp_path: Path, toy: Toy) -> None:
    with pytest.raises(UserError, match="its name is not UTF-8"):
        RunFolder.create(tmp_path / NAME, "toy", toy.settings())
    assert list(tmp_path.iterdir()) == []


def test_a_worker_can_print_every_name(tmp_path: Path) -> None:
    printing = [sys.executable, "-c", r"print('f\udcfcr 犬')"]
    assert start_process(printing, tmp_path / "worker.log").wait() == 0
    assert (tmp_path / "worker.log").read_text(encoding="utf-8").strip() == "f\\udcfcr 犬"


@needs_such_names
def test_the_tab_shows_what_it_skips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = make_screen(tmp_path, monkeypatch)
    client = TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")
    image = screen.pictures / "0.png"
    image.with_name(f"{NAME}.png").write_bytes(image.read_bytes())
    told = client.get("/sd_finetune/projects/dog/concepts/1").json()
    assert told["count"] == 3
    assert f"{SHOWN}.png has a name that is not UTF-8" in told["skipped"][0]
    assert client.get("/sd_finetune/projects/dog").json()["check"]["images"] == [3]


@needs_such_names
def test_the_toy_is_trained_beside_such_names(tmp_path: Path, toy: Toy) -> None:
    folder = make_images(tmp_path / "images", 3)
    (folder / f"{NAME}.png").write_bytes((folder / "0.png").read_bytes())
    training = toy.train({"concepts.folder": str(folder), "concepts.instance_prompt": "[filewords]"})
    assert len(training.instances.examples) == 3
    assert SHOWN in training.run.events.read_text(encoding="utf-8").replace("\\\\", "\\")


@needs_such_names
def test_checkpoints_of_such_names_are_not_listed(tmp_path: Path) -> None:
    host = make_context(tmp_path).host
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("a.safetensors", f"{NAME}.safetensors"):
        (folder / name).touch()
    assert [each.title for each in host.checkpoints()[1:]] == ["a.safetensors"]
