"""One of two processes that do runs together: `python -m tests.several_processes MEETING NUMBER RUN_DIR ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.meeting import Meeting
from sd_finetune.runs.messages import CommandReader
from sd_finetune.training.loop import train
from sd_finetune.training.orders import Orders
from sd_finetune.training.processes.follower import Silent, do_step
from sd_finetune.training.processes.group import Group
from sd_finetune.training.setup import prepare
from tests.toy import forget_accelerator, trained

COUNT = 2
TRAINED = "trained.safetensors"
"""In the folder of a run: what was trained."""


def main(meeting: Path, number: int, runs: list[RunFolder]) -> None:
    torch.set_num_threads(1)
    processes = Group(Meeting(meeting), number, COUNT)
    for run in runs:
        if number == 0:
            training = prepare(run, resume=False, processes=processes)
            train(training)
            save_file({name: value.contiguous() for name, value in trained(training).items()}, run.path / TRAINED)
        else:
            orders = Orders(CommandReader(meeting / "commands"))
            training = prepare(run, False, None, orders, Silent(run.events), processes)
            for _ in range(training.total_steps):
                do_step(training)
        forget_accelerator()
    processes.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [RunFolder(Path(path)) for path in sys.argv[3:]])
