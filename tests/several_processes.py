"""The other one of two processes that do runs together: `python -m tests.several_processes MEETING RUN_DIR ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.meeting import Meeting
from sd_finetune.runs.messages import CommandReader
from sd_finetune.training.orders import Orders
from sd_finetune.training.processes.follower import Silent, do_step
from sd_finetune.training.processes.group import Group
from sd_finetune.training.setup import prepare
from tests.toy import forget_accelerator

COUNT = 2


def other_process(meeting: Path, runs: list[RunFolder]) -> None:
    """Be the one that is not the first."""
    processes = Group(Meeting(meeting), 1, COUNT)
    for run in runs:
        orders = Orders(CommandReader(meeting / "commands"))
        training = prepare(run, False, None, orders, Silent(run.events), processes)
        for _ in range(training.total_steps):
            do_step(training)
        forget_accelerator()
    processes.wait()


if __name__ == "__main__":
    torch.set_num_threads(1)
    other_process(Path(sys.argv[1]), [RunFolder(Path(path)) for path in sys.argv[2:]])
