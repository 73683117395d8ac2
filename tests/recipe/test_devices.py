"""Several processes, each with a device of its own, train what one with as many times the batch does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.follow import follow
from sd_finetune.runs.launch import kill_worker, start_worker
from sd_finetune.runs.launched import Launch
from sd_finetune.runs.meeting import Meeting
from sd_finetune.runs.messages import Done, Error, Evaluation, Phase, Step, send_command
from sd_finetune.runs.snapshots import snapshot_step
from sd_finetune.settings.read import to_dict
from sd_finetune.settings.toml import toml_text, value_text
from sd_finetune.training import setup, worker
from sd_finetune.training.device import refuse_devices
from sd_finetune.training.loop import train
from sd_finetune.training.orders import ProcessLost, orders_of
from sd_finetune.training.processes import follower
from sd_finetune.training.processes.group import Group
from sd_finetune.training.processes.others import LOST, Others
from sd_finetune.training.processes.processes import ALONE, Alone, Processes
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.several_processes import COUNT
from tests.toy import ROWS, Toy, events_of, forget_accelerator, trained

LIKE = 1e-5
"""Of the whole change of the trained weights: what may differ by the order of sums."""
SECONDS = 60
SMOOTH: dict[str, Any] = {"optimizer.eps": 1e-3, "train.length": "2 steps", "evaluation.every": "2 steps"}
"""With Adam's own epsilon a gradient that is next to nothing decides by its sign alone."""
PRIOR: dict[str, Any] = {"prior.weight": 1.0}
CASES: dict[str, dict[str, Any]] = {
    "lora": {
        **ROWS["lora+text"],
        **PRIOR,
        "train.gradient_accumulation_steps": 2,  # of two images and one: the second process has nothing to do then
        "train.max_grad_norm": 1e-3,
        "train.snr_gamma": 5,
        "train.text_encoder_share": 0.4,
        "data.horizontal_flip": True,
        "captions.shuffle": True,
        "ema.decay": 0.9,
    },
    "dreambooth": {**ROWS["dreambooth+text"], **PRIOR, "train.batch_size": 2, "data.cache_latents": "off"},
    "dreambooth, prior from the model": {
        **ROWS["dreambooth"],
        **PRIOR,
        "prior.source": "model",
        "prior.bank_size": 4,
        "data.cache_latents": "disk",
    },
    "textual_inversion": {**ROWS["textual_inversion"], "prior.weight": 0.1, "schedule.name": "cosine"},
    "hypernetwork": {**ROWS["hypernetwork"], **PRIOR},
}


def together(toy: Toy, runs: list[RunFolder]) -> list[dict[str, Tensor]]:
    """Do runs with another process, which gloo connects with this one; what each has trained."""
    meeting = toy.home / "meeting"
    meeting.mkdir()
    command = [sys.executable, "-m", "tests.several_processes", str(meeting), *(str(run.path) for run in runs)]
    other, learned = subprocess.Popen(command), list[dict[str, Tensor]]()
    try:
        processes = Group(Meeting(meeting), 0, COUNT)
        for run in runs:
            training = prepare(run, resume=False, processes=processes)
            assert isinstance(train(training), Done)
            learned.append(trained(training))
            forget_accelerator()
        processes.wait()
        assert other.wait(SECONDS) == 0
    finally:
        other.kill()
        torch.distributed.destroy_process_group()
    return learned


def change(after: dict[str, Tensor], before: dict[str, Tensor]) -> float:
    return float(torch.stack([(after[name] - before[name]).norm() for name in before]).norm())


def test_two_processes_learn_what_one_with_twice_the_batch_does(toy: Toy) -> None:
    """Each method, with its class images, accumulation, clipping, an average, and a bank of predictions."""
    class_images = {count: toy.home / f"class-images of {count}" for count in (1, 2)}
    runs, alone = list[RunFolder](), dict[str, tuple[dict[str, Tensor], dict[str, Tensor], RunFolder]]()
    for name, changes in CASES.items():
        own = {"train.batch_size": 1, **SMOOTH, **changes, "class_images.cache_folder": str(class_images[1])}
        twice = toy.prepare({**own, "train.batch_size": 2 * own["train.batch_size"]})
        before = trained(twice)
        assert isinstance(train(twice), Done)
        alone[name] = before, trained(twice), twice.run
        forget_accelerator()
        caches = {"data.cache_folder": str(toy.home / "images of two")}
        if name == "hypernetwork":
            caches["class_images.cache_folder"] = str(class_images[2])
        runs.append(toy.run({**own, **caches, "train.devices": 2}))
    learned = together(toy, runs)
    for (name, (before, after, run)), of_two, found in zip(alone.items(), runs, learned, strict=True):
        assert change(found, after) < LIKE * change(after, before), name
        for kind in (Step, Evaluation):
            losses, expected = ([event.loss for event in events_of(each, kind)] for each in (of_two, run))
            assert losses == pytest.approx(expected, rel=1e-4), name
        told = [(phase.name, phase.done, phase.total) for phase in events_of(of_two, Phase)]
        assert len(told) == len(set(told)), name  # by one of them
    ours, theirs = (sorted(class_images[count].rglob("*.png")) for count in (1, 2))
    assert len(theirs) == 4
    same_names = {path.name: path for path in ours}
    for path in theirs:
        drawn, expected = (np.array(Image.open(each)).astype(int) for each in (path, same_names[path.name]))
        assert np.abs(drawn - expected).max() <= 1


def test_more_devices_than_there_are_gpus_are_refused(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = toy.settings({"train.devices": 4, "train.device": "auto"})
    for count, there in ((0, "has none: set it to 1."), (1, "has 1: set it to 1."), (2, "has 2: set it to 2 or less.")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda count=count: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        with pytest.raises(UserError, match=f"train.devices = 4 needs 4 GPUs, and this machine {there}"):
            refuse_devices(asked)
    refuse_devices(toy.settings({"train.devices": 4, "train.device": "cpu"}))


class Second(Alone):
    """A process whose first one has found other images."""

    number = 1

    def of_first(self, value: Any) -> Any:
        return "other images"


def test_processes_that_have_found_other_images_do_not_train(toy: Toy) -> None:
    with pytest.raises(UserError, match="were changed while the run was starting"):
        prepare(toy.run(), resume=False, processes=Second())


def test_the_first_process_alone_looks_for_a_place_for_the_result(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that look at once would take the new folder away from each other."""
    run, asked = toy.run({"output.folder": str(tmp_path / "new")}), list[RunFolder]()
    monkeypatch.setattr(setup, "refuse_place", lambda run, _: asked.append(run))
    with pytest.raises(UserError, match="were changed while"):
        prepare(run, resume=False, processes=Second())
    assert not asked
    prepare(run, resume=False)
    assert asked == [run]


class Failed:
    """The other processes, one of which has failed."""

    def one_has_failed(self) -> bool:
        return True

    def error(self) -> Error:
        return Error("On device 2 of 2: no VRAM.")

    def end(self) -> None:
        """They have."""


def test_a_run_is_not_stopped_but_failed_where_a_launcher_stops_it_for_another_process(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy.run()
    monkeypatch.setattr(worker, "_joined", lambda *_: ALONE)
    orders = orders_of(run)
    orders.stop()
    others: Any = Failed()
    assert work(run.path, resume=False, orders=orders, others=others) == 1
    (failed,) = events_of(run, Error)
    assert failed.message == "On device 2 of 2: no VRAM."


def test_what_is_kept_is_told_once(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first process, where another one has failed."""
    run, launch = toy.run(), Launch(0, 2, "127.0.0.1", 1, True, "0", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others, marker = Others(run, 2, [], launch), run.snapshots / "step-000003" / "complete.json"
    marker.parent.mkdir(parents=True)
    marker.write_text("{}")
    here = others.meeting.come(1)
    with monkeypatch.context() as patch:
        patch.delattr(RunFolder, "read_settings")
        assert follower.follow(run, False, False, None, others.meeting, 1) == 1
    del here  # as if the process had ended
    assert others.error().message == (
        "On device 2 of 2: The run failed with AttributeError: 'RunFolder' object has no attribute 'read_settings' "
        "(see worker.log in the run folder). The snapshot of step 3 is kept, and the run can be resumed from it."
    )
    others.end()


def test_why_the_processes_lost_each_other_is_in_the_log(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(*_: object) -> Processes:
        raise ProcessLost from RuntimeError("NCCL error: unhandled system error")

    monkeypatch.setattr(worker, "_joined", lose)
    others: Any = Failed()
    assert work(toy.run().path, resume=False, others=others) == 1
    assert "NCCL error: unhandled system error" in capsys.readouterr().err


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def learns_on(run: RunFolder, started: list[subprocess.Popen[bytes]], *arguments: str) -> psutil.Process:
    """Start its worker and wait for three steps more than there are; the process that is not the first."""
    steps = len(events_of(run, Step))
    started.append(start_worker(run, *arguments, owned=False))

    def has_learned() -> bool:
        assert started[-1].poll() is None, run.log.read_text(encoding="utf-8")
        return len(events_of(run, Step)) >= steps + 3

    until(has_learned)
    (other,) = psutil.Process(started[-1].pid).children()
    return other


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers, which end with the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        kill_worker(process)
        process.wait()


def test_the_processes_of_a_worker_end_together(toy: Toy, started: list[subprocess.Popen[bytes]]) -> None:
    """Stopped, and after one was killed; what was learned is kept, told is why, and the run goes on with one."""
    run = toy.run({"train.length": "100000 steps", "train.devices": 2, "samples.prompts": []})
    other = learns_on(run, started)
    send_command(run.commands, "stop")
    *_, last = follow(run)
    assert isinstance(last, Done)
    assert last.outcome == "stopped"
    assert last.step == snapshot_step(run)
    until(lambda: not other.is_running())

    since = run.events.stat().st_size
    other = learns_on(run, started, "--resume")
    other.kill()
    began = time.monotonic()
    *_, failed = follow(run, since=since)
    assert isinstance(failed, Error)
    how = "was killed by SIGKILL" if os.name != "nt" else "ended with exit code"
    assert failed.message.startswith(f"The process of device 2 of 2 {how}")
    assert snapshot_step(run) >= last.step + 3
    assert f"The snapshot of step {snapshot_step(run):,} is kept" in failed.message
    assert started[-1].wait(SECONDS) == 1
    assert time.monotonic() - began < 20

    settings = json.loads(run.settings.read_text(encoding="utf-8"))
    settings["train"] |= {"devices": 1, "length": f"{snapshot_step(run) + 1} steps"}
    run.settings.write_text(json.dumps(settings), encoding="utf-8")
    assert isinstance(train(prepare(run, resume=True)), Done)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_a_run_stopped_before_the_launched_processes_are_called_fails(
    toy: Toy, started: list[subprocess.Popen[bytes]]
) -> None:
    """Else their launcher would wait for them, and they for the call."""
    run, port = toy.run({"train.devices": 2}), free_port()
    variables = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": "True"}
    launch = Launch(0, 2, "127.0.0.1", int(port), True, "0", variables)  # where nobody listens
    send_command(run.commands, "stop")
    started.append(start_worker(run, commands_since=0, owned=False, launch=launch))
    assert started[-1].wait(SECONDS) == LOST
    (done,) = events_of(run, Done)
    assert done.outcome == "stopped"


def test_a_launcher_chooses_the_number_of_devices(toy: Toy) -> None:
    """`accelerate launch`: each process that it starts has its part in one run, which one of them writes."""
    changes = {**SMOOTH, "train.batch_size": 1, "evaluation.every": "0"}
    alone = toy.train({**changes, "train.batch_size": 2}).run
    content = to_dict(toy.settings(changes))
    plain = [name for name in content if not isinstance(content[name], (dict, list))]
    head = [f"{name} = {value_text(content.pop(name))}" for name in plain]
    file = toy.home / "toy.toml"
    file.write_text("\n".join([*head, toml_text(content)]), encoding="utf-8")
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", str(COUNT)]
    train_it = ["-m", "sd_finetune", "train", str(file), "--runs", str(toy.home / "two")]
    command = [sys.executable, "-m", *launcher, "--main_process_port", free_port(), *train_it]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (toy.home / "two").glob("toy-*")
    run = RunFolder(folder)
    assert done.stdout.count("run folder: ") == 1
    assert run.read_settings().train.devices == COUNT
    assert [type(event) for event in events_of(run)].count(Done) == 1
    assert [event.step for event in events_of(run, Step)] == [1, 2]
    found, expected = (load_file(each.output / "toy.safetensors") for each in (run, alone))
    assert change(found, expected) < LIKE * float(torch.stack([value.norm() for value in expected.values()]).norm())
