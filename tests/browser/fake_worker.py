"""A worker that only pretends: it tells everything that a real one tells, within seconds and without torch.

`python -m fake_worker RUN_DIR [--resume] [--class-images]`. A run whose notes say "slow" waits a
little at each step and draws only when it is told to.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from PIL import Image

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import (
    CommandReader,
    Done,
    Error,
    Evaluation,
    EventLog,
    Phase,
    Sample,
    Saved,
    Step,
    Trial,
)
from sd_finetune.runs.resumable import snapshot_to_resume
from sd_finetune.runs.snapshots import MARKER, snapshot_folder, step_of
from sd_finetune.settings.rate_trial import rate_of_step

run = RunFolder(Path(sys.argv[1]))
settings = run.read_settings()
events = EventLog(run.events)
total = settings.train.length.amount
since = int(sys.argv[sys.argv.index("--commands-since") + 1])  # earlier commands were for another worker
slow = "slow" in settings.output.notes


def main() -> None:
    print("pretending")
    events.append(Phase(name="loading", done=0, total=1))
    if "--class-images" in sys.argv:
        events.append(Phase(name="generating class images", done=1, total=2))
        time.sleep(30 if slow else 0)
        events.append(Done(step=0, outcome="finished"))
        return
    if "--rates" in sys.argv:
        for step in range(40):
            rate = rate_of_step(settings, step, 40)
            events.append(Phase(name="trying learning rates", done=step, total=40))
            events.append(Trial(step=step + 1, learning_rate=rate, loss=1 - 0.5 / (1 + 1e-4 / rate)))
        time.sleep(30 if slow else 0)
        events.append(Done(step=40, outcome="finished"))
        return
    first = step_of(snapshot_to_resume(run)) if "--resume" in sys.argv else 0
    events.append(Phase(name="training", done=first, total=total))
    commands = CommandReader(run.commands, since)
    if first == 0:
        show(0)
    for step in range(first + 1, total + 1):
        time.sleep(0.05 if slow else 0)
        events.append(step_event(step))
        with run.loss_csv.open("a") as file:
            file.write("step,loss\n1,0.75\n" if step == 1 else "")
        if step % 10 == 0 and not slow:
            show(step)
        sent = commands.new()
        while "pause" in sent and not {"resume", "stop"} & set(sent):
            time.sleep(0.05)
            sent += commands.new()
        if "sample" in sent:
            show(step)
        if "save" in sent:
            save(step, f"-step{step:06d}")
        if "stop" in sent:
            save(step, "")
            snapshot(step)
            events.append(Done(step=step, outcome="stopped"))
            return
    if "cannot save" in settings.output.notes and first == 0:
        snapshot(total)
        events.append(Error("No space left on the disk. What was learned is kept."))
        return
    save(total, "")
    events.append(Done(step=total, outcome="finished"))


def snapshot(step: int) -> None:
    snapshot_folder(run.snapshots, step).mkdir()
    (snapshot_folder(run.snapshots, step) / MARKER).write_text("{}")


def step_event(step: int) -> Step:
    instance, prior = 0.1 + 0.3 * math.exp(-step / 20) * (1 + step % 3), 0.15
    return Step(
        step=step,
        total_steps=total,
        epoch=step // 8,
        loss=instance + prior,
        instance_loss=instance,
        prior_loss=prior,
        learning_rates={"unet": 1e-4},
        images_per_second=20.0,
        seconds_left=(total - step) * 0.05,
        memory_bytes=2_000_000_000,
    )


def show(step: int) -> None:
    events.append(Evaluation(step=step, loss=0.2 + 0.2 * math.exp(-step / 20)))
    for number, prompt in enumerate(settings.samples.prompts):
        file = run.samples / f"step-{step:06d}-{number:02d}.png"
        Image.new("RGB", (64, 64), (step * 5 % 256, 90, 60 * number)).save(file)
        events.append(Sample(step=step, file=f"samples/{file.name}", prompt=prompt, seed=number))


def save(step: int, ending: str) -> None:
    events.append(Phase(name="saving", done=0, total=1))
    path = Path(settings.output.folder or run.output) / f"{settings.output.name}{ending}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"pretended" * 100)
    events.append(Saved(step=step, result="lora", path=str(path)))


if __name__ == "__main__":
    main()
