"""The benchmarks work, and the page of figures is what their results files give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.floor import BarestStep
from benchmarks.machine import about
from benchmarks.page import PAGE, lines, write_page
from benchmarks.peer_commands import PAIRS, Pair, Side, Work, our_side, their_side
from benchmarks.peers import run
from benchmarks.results import RESULTS, keep_peers, read
from benchmarks.turns import PARTS, OurSteps
from sd_finetune.settings.read import read_toml
from tests.toy import Toy, trained

HOME = Path(__file__).parents[2]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_a_row_is_measured_kept_and_shown(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    arguments = ["--device", "cpu", "--size", "toy", "--quick", "--results", str(results), "--page", str(page)]
    assert main([*arguments, "--rows", "toy: lora, plain"]) == 0
    (file,) = results.iterdir()
    (row,) = read(file)["rows"]
    assert row["remark"] == ""
    for figure in ("images_per_second", "step_ms", "floor_ms", "ratio", "peak_gib", "start_s", "save_s", "flop"):
        assert row[figure] > 0, figure
    assert {name for name, value in row["parts_ms"].items() if value > 0} == set(PARTS)
    assert f"| LoRA | plain | 4 | {row['images_per_second']:.2f} |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ["small-sdxl: lora, for 6 gb", "small-sdxl: dreambooth, for 10 gb"])
def test_rows_of_another_family_work(results: Path, tmp_path: Path, row: str) -> None:
    arguments = ["--device", "cpu", "--size", "small-sdxl", "--quick", "--rows", row, "--results", str(results)]
    assert main([*arguments, "--page", str(tmp_path / "page.md")]) == 0
    (file,) = results.iterdir()
    (measured,) = read(file)["rows"]
    assert (measured["remark"], measured["size"]) == ("", "small-sdxl")
    assert measured["step_ms"] > 0


def test_the_page_is_made_of_the_results_that_are_there(tmp_path: Path) -> None:
    write_page(tmp_path / "page.md", RESULTS)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_a_row_that_fails_is_told(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measure.prepare", lambda *_, **__: 1 / 0)
    arguments = ["--device", "cpu", "--size", "toy", "--quick", "--rows", "toy: lora, plain"]
    page = tmp_path / "performance.md"
    assert main([*arguments, "--results", str(results), "--page", str(page)]) == 1
    assert "FAILED: ZeroDivisionError: division by zero" in page.read_text(encoding="utf-8")


def test_the_barest_step_leaves_the_run_as_it_was(toy: Toy) -> None:
    alone, beside = (toy.prepare({"train.length": "4 steps", "samples.at_start": False}) for _ in range(2))
    for training, barest in ((alone, None), (beside, BarestStep(beside, "cpu"))):
        ours = OurSteps(training, "cpu")
        for _ in range(3):
            ours()
            if barest:
                barest()
        ours.end()
    for name, value in trained(alone).items():
        assert torch.equal(value, trained(beside)[name]), name


def test_a_run_that_ends_is_told_instead_of_waited_for(toy: Toy) -> None:
    ours = OurSteps(toy.prepare({"train.length": "1 step"}), "cpu")
    with pytest.raises(RuntimeError, match="no more steps"):
        ours(5)


def test_the_steps_of_a_script_are_timed_without_a_change_to_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])\n"
        "for _ in range(4): optimizer.step()\n"
    )
    took = run(Side([sys.executable, str(script)]), tmp_path, 4, "cpu")
    assert 0 < took.start < took.whole
    script.write_text("raise SystemExit('out of luck')")
    with pytest.raises(RuntimeError, match="out of luck"):
        run(Side([sys.executable, str(script)]), tmp_path, 4, "cpu")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name} ({pair.peer})")
def test_our_side_of_each_pair_is_accepted(toy: Toy, tmp_path: Path, pair: Pair) -> None:
    work = Work(toy.checkpoint, tmp_path, toy.images, toy.images, toy.images, tmp_path, 2, 1, 64, "no", "cpu")
    side = our_side(pair, work, tmp_path)
    sets = [argument.removeprefix("--set=") for argument in side.command if argument.startswith("--set=")]
    settings = read_toml(Path(side.command[4]), sets)
    assert settings.train.length.amount == 2
    assert their_side(pair, work, tmp_path, tmp_path, "python").command[0] == "python"


def test_rows_of_other_versions_are_dropped(results: Path) -> None:
    machine = about("cpu")
    row = {"work": "LoRA", "peer": "diffusers", "size": "toy", "resolution": 64, "precision": "no", "batch": 4}
    keep_peers(results, machine, {"date": "2026-01-01"}, [row])
    file = keep_peers(results, machine, {"date": "2026-01-02"}, [row, {**row, "batch": 8}])
    assert [found["date"] for found in read(file)["peers"]] == ["2026-01-02", "2026-01-02"]
    assert any("4, fp32" in line for line in lines(results))
    keep_peers(results, {**machine, "torch": "9.9"}, {"date": "2026-01-03"}, [row])
    assert [found["date"] for found in json.loads(file.read_text())["peers"]] == ["2026-01-03"]


@pytest.mark.skipif(os.name == "nt", reason="gpu.sh needs bash")
@pytest.mark.parametrize("fails", ["nothing", "benchmarks", "pytest"])
def test_the_script_for_a_gpu_prints_the_table_last_and_tells_what_failed(tmp_path: Path, fails: str) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/bash\necho "$2 was started"\n[ "$2" != {fails} ]\n')
    python.chmod(0o700)
    ended = subprocess.run(
        ["bash", "benchmarks/gpu.sh", "--device", "cpu"],
        cwd=HOME,
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    told = {"nothing": "", "benchmarks": "FAILED: rows", "pytest": "FAILED: tests that need CUDA"}[fails]
    tests, table, *failures = ended.stdout.splitlines()
    assert (tests, table) == ("pytest was started", "benchmarks was started")
    assert bool(failures) == bool(ended.returncode) == bool(told)
    assert all(line.startswith(told) for line in failures)
