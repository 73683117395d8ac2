"""What a report holds and what it must not hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from sd_finetune import __version__
from sd_finetune.__main__ import main
from sd_finetune.errors import UserError
from sd_finetune.report.pack import pack_report
from sd_finetune.runs.folder import RunFolder
from tests.unit.report.conftest import LOG, SECRETS, leaks, unpacked

MakeRun = Callable[[], RunFolder]
EVERYTHING = {
    "settings.json", "base.json", "about.json", "now.json", "events.jsonl", "commands.jsonl", "loss.csv", "worker.log",
    "report.txt",
}  # fmt: skip


def test_nothing_private_is_in_it(make_run: MakeRun, tmp_path: Path) -> None:
    assert pack_report(make_run(), tmp_path / "report.zip") == {}
    files = unpacked(tmp_path / "report.zip")
    assert set(files) == EVERYTHING
    assert leaks(files) == []
    assert not [name for name, content in files.items() if str(tmp_path) in content]


def test_the_secrets_are_in_the_run(make_run: MakeRun) -> None:
    """Otherwise the test before this one would find nothing wherever it looks."""
    run = make_run()
    written = "".join(file.read_text(encoding="utf-8") for file in run.path.iterdir() if file.is_file()).lower()
    assert [secret for secret in SECRETS if secret not in written] == []


def test_what_helps_is_in_it(make_run: MakeRun, tmp_path: Path) -> None:
    pack_report(make_run(), tmp_path / "report.zip")
    files = unpacked(tmp_path / "report.zip")
    settings = json.loads(files["settings.json"])
    assert settings["method"] == "lora"
    assert settings["train"]["length"] == "100 epochs"
    assert settings["base"]["checkpoint"] == "<folder>/base.safetensors"
    assert json.loads(files["now.json"])["versions"]["sd_finetune"] == __version__
    assert json.loads(files["about.json"])["sd_finetune"] == __version__
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [event["kind"] for event in events][-2:] == ["error", "done"]
    assert events[3]["learning_rates"] == {"unet": 1e-4}
    assert events[-3]["path"] == "<folder>/<name>.safetensors"
    assert '"RuntimeError: boom"' in events[-2]["message"]
    assert files["loss.csv"].splitlines()[1:] == ["1,1,0.25,0.25,,0.0001", "2,1,nan,nan,,1e-05"]
    assert events[1]["message"] == "Skipped: <folder>/<image>.png is broken: replace it."
    log = files["worker.log"]
    assert "RuntimeError: CUDA error: device-side assert triggered at step 12" in log
    assert 'File "<site-packages>/torch/nn/modules/module.py", line 1511, in _call_impl' in log
    assert 'File "sd_finetune/training/loop.py", line 40, in train' in log
    assert 'File "<python>/subprocess.py", line 12, in run' in log


def test_the_same_prompt_has_the_same_number_everywhere(make_run: MakeRun, tmp_path: Path) -> None:
    pack_report(make_run(), tmp_path / "report.zip")
    files = unpacked(tmp_path / "report.zip")
    settings = json.loads(files["settings.json"])
    (label,) = settings["samples"]["prompts"]
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    prompts = [event["prompt"] for event in events if event["kind"] == "sample"]
    assert prompts[0] == label
    assert prompts[1] not in json.dumps(settings)
    others = {settings["samples"]["negative_prompt"], *(concept["instance_prompt"] for concept in settings["concepts"])}
    assert len({label, prompts[1], *others}) == 5


def test_with_prompts_only_people_and_folders_are_replaced(make_run: MakeRun, tmp_path: Path) -> None:
    pack_report(make_run(), tmp_path / "report.zip", with_prompts=True)
    files = unpacked(tmp_path / "report.zip")
    settings = json.loads(files["settings.json"])
    assert settings["concepts"][0]["instance_prompt"] == "a photo of zwkdog schnauzer, wearing a bathrobe"
    assert settings["output"]["name"] == "Zwkdog Lora"
    assert {secret for _, secret in leaks(files)} & {"wilhelmina", "geheim"} == set()
    assert str(tmp_path) not in "".join(files.values())


def test_samples_come_along_when_asked_for(make_run: MakeRun, tmp_path: Path) -> None:
    run, told = make_run(), PngImagePlugin.PngInfo()
    told.add_text("parameters", "zwkdog schnauzer")
    Image.new("RGB", (4, 4), "red").save(run.samples / "step-000001-00.png", pnginfo=told)
    (run.samples / "step-000002-00.png").write_bytes(b"torn")
    pack_report(run, tmp_path / "without.zip")
    assert set(unpacked(tmp_path / "without.zip")) == EVERYTHING
    missing = pack_report(run, tmp_path / "with.zip", with_samples=True)
    assert missing == {"samples/step-000002-00.png": "damaged"}
    files = unpacked(tmp_path / "with.zip")
    assert set(files) == EVERYTHING | {"samples/step-000001-00.png"}
    assert leaks(files) == []
    pack_report(run, tmp_path / "all.zip", with_prompts=True, with_samples=True)
    assert "zwkdog schnauzer" in unpacked(tmp_path / "all.zip")["samples/step-000001-00.png"]


def test_a_sample_without_texts_is_the_same_image(tmp_path: Path) -> None:
    from sd_finetune.report.png import without_texts

    told, buffer = PngImagePlugin.PngInfo(), BytesIO()
    told.add_text("parameters", "a secret")
    image = Image.effect_mandelbrot((16, 16), (-3, -2.5, 2, 2.5), 100)
    image.save(buffer, format="PNG", pnginfo=told)
    bare = without_texts(buffer.getvalue())
    assert b"secret" not in bare
    assert Image.open(BytesIO(bare)).tobytes() == image.tobytes()


def test_a_damaged_folder_gives_a_report_that_says_what_is_missing(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    run.settings.write_text(run.settings.read_text(encoding="utf-8")[:300], encoding="utf-8")
    run.base.unlink()
    run.commands.unlink()
    run.commands.mkdir()
    with run.events.open("a", encoding="utf-8") as file:
        file.write('{"kind": "step", "wilhelm')
    missing = pack_report(run, tmp_path / "report.zip")
    files = unpacked(tmp_path / "report.zip")
    assert leaks(files) == []
    assert set(files) == EVERYTHING - {"settings.json", "base.json", "commands.jsonl", "worker.log"}
    assert missing["settings.json"] == "damaged"
    assert missing["base.json"] == "not found"
    assert missing["commands.jsonl"] == "cannot be read (Is a directory)"
    assert missing["lines of events.jsonl"] == "1 are damaged"
    assert "--with-prompts" in missing["worker.log"]
    assert all(f"Missing: {name}, {why}" in files["report.txt"] for name, why in missing.items())
    assert "<left out>" in files["events.jsonl"]
    pack_report(run, tmp_path / "all.zip", with_prompts=True)
    assert "device-side assert" in unpacked(tmp_path / "all.zip")["worker.log"]


def test_of_a_long_log_the_end_is_packed(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    run.log.write_text("an early line\n" * 10_000 + LOG, encoding="utf-8")
    pack_report(run, tmp_path / "report.zip")
    log = unpacked(tmp_path / "report.zip")["worker.log"]
    assert log.startswith("an early line\n")
    assert len(log) < 70_000
    assert "device-side assert" in log


@pytest.mark.parametrize("name", ["nowhere", "a folder of something else"])
def test_what_is_no_run_s_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a folder of something else").mkdir()
    with pytest.raises(UserError, match=r"give a run's folder, as in runs/dog-001\.$"):
        pack_report(RunFolder(tmp_path / name), tmp_path / "report.zip")
    assert not (tmp_path / "report.zip").exists()


def test_a_report_that_breaks_off_leaves_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    run = make_run()
    monkeypatch.setattr("zipfile.ZipFile.writestr", interrupted)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        pack_report(run, tmp_path / "report.zip")
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_names_the_file_and_what_is_missing(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    run.base.unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(run.path)]) == 0
    (report,) = tmp_path.glob("sd-finetune-report-*.zip")
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [report.name, "without base.json: not found"]
    (tmp_path / "runs").mkdir()
    run.path.rename(tmp_path / "runs" / "by its name-001")
    shutil.copy(
        tmp_path / "runs" / "by its name-001" / "settings.json", tmp_path / "runs" / "by its name-001" / "base.json"
    )
    options = ["--out", "mine.zip", "--with-samples", "--with-prompts"]
    assert main(["report", "by its name-001", *options]) == 0
    assert "Zwkdog Lora" in unpacked(tmp_path / "mine.zip")["settings.json"]
