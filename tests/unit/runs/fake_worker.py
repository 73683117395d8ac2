"""A worker that learns nothing: it acts out what the settings' notes say. Run as `python -m fake_worker RUN_DIR`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from sd_finetune.errors import UserError
from sd_finetune.runs.file_lock import hold
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import CommandReader, Done, Error, EventLog, Phase, Saved, Step

folder = RunFolder(Path(sys.argv[1]))
act = folder.read_settings().output.notes
log = EventLog(folder.events)
commands = CommandReader(folder.commands)
log.append(Phase("loading", 1, 1))
print("hello from the worker", *({"--resume"} & set(sys.argv)), flush=True)

if act == "finish":
    for step in (1, 2):
        log.append(Step(step, 2, 1, 0.5, 0.3, 0.2, {"unet": 1e-4}, 3.0, 2.0 - step, 0))
    log.append(Saved(2, "lora", str(folder.output / "it.safetensors")))
    log.append(Done(2, "finished"))
elif act == "stop uncalled":
    log.append(Done(0, "stopped"))
    sys.exit(4)
elif act == "user error":
    print("Traceback (most recent call last): long story", flush=True)
    log.append(Error(str(UserError("The folder holds no images: add some."))))
    sys.exit(1)
elif act == "exception":
    raise RuntimeError("boom")
elif act == "silent exit":
    sys.exit(0)
elif act == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif act in ("until stop", "stubborn", "with its lock"):
    held = hold(folder.worker_lock) if act == "with its lock" else None  # as real ones do
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if "stop" in commands.new() and act == "until stop":
            log.append(Done(7, "stopped"))
            break
        time.sleep(0.02)
