"""The worker: `python -m sd_finetune.training RUN_DIR [--resume]` does the run in the folder."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":  # before anything else that is imported takes another version of it
    from ..own_packages.use import use_own_packages

    use_own_packages()

from ..errors import UserError
from ..hub_cache import hide_missing_kernels, use_empty_hub_cache
from ..runs.file_lock import hold, holder
from ..runs.folder import RunFolder
from ..runs.follow import SECOND
from ..runs.launched import Launch, take_launch
from ..runs.messages import CommandReader, EventLog, command_position
from ..runs.owner import Watched
from .libraries import libraries_imported
from .log_stream import printing_to_a_log
from .orders import Orders, ended_early
from .processes.joining import join_as_launched, join_as_started
from .processes.others import LOST, Others, unless_one_has_failed


def main(arguments: list[str] | None = None) -> int:
    """The exit code of the run."""
    try:
        launch = take_launch()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if launch is not None and launch.number > 0:
        return join_as_launched(launch, parsed)
    options = parsed(arguments)
    run = RunFolder(options.run_dir)
    if not run.settings.is_file():
        print(f"{run.path} is not a run folder: it has no {run.settings.name}.", file=sys.stderr)
        return 2
    if options.process:
        return join_as_started(options)
    at_work = hold(run.worker_lock)
    if at_work is None:
        print(f"{run.path.name} is in the hands of process {holder(run.worker_lock)} already.", file=sys.stderr)
        return SECOND
    with at_work:
        return _work(run, options, launch)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The worker's arguments; by default those of the command line."""
    parser = argparse.ArgumentParser(prog="python -m sd_finetune.training", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run, with its settings.json")
    parser.add_argument("--resume", action="store_true", help="resume from the run's latest snapshot")
    parser.add_argument("--class-images", action="store_true", help="generate missing class images, do not train")
    parser.add_argument("--rates", action="store_true", help="try learning rates, do not save what is learned")
    parser.add_argument("--weights", type=Path, help="file with the weights of the base checkpoint, read instead of it")
    parser.add_argument(
        "--commands-since",
        type=int,
        metavar="BYTE",
        help="where in commands.jsonl those for this worker begin (default: at its end)",
    )
    parser.add_argument("--owned", action="store_true", help="stop when the process that started it has ended")
    parser.add_argument("--process", type=int, default=0, help=argparse.SUPPRESS)  # given by the first one of a run
    parser.add_argument("--meeting", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _work(run: RunFolder, options: argparse.Namespace, launch: Launch | None) -> int:
    since = command_position(run.commands) if options.commands_since is None else options.commands_since
    orders = Orders(CommandReader(run.commands, since), Watched(run) if options.owned else lambda: True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, orders.stop)
    others = _others_of(run, options, launch)

    def end_early() -> None:
        EventLog(run.events).append(unless_one_has_failed(ended_early(run, orders), others))
        if others:
            others.end()
            if others.wait_to_be_called:
                os._exit(LOST)  # a launcher ends the others where the first one fails

    orders.watch(end_early)
    if others:
        others.watch(orders, lambda: EventLog(run.events).append(others.error()))
    with printing_to_a_log(), libraries_imported():
        from .worker import work

        return work(run.path, options.resume, options.class_images, options.weights, orders, options.rates, others)


def _others_of(run: RunFolder, options: argparse.Namespace, launch: Launch | None) -> Others | None:
    """The other processes of a run on several devices, started before this one imports the libraries, as they do."""
    try:
        devices = run.read_settings().train.devices
    except UserError:  # which is told by whoever needs the settings
        return None
    if devices == 1 and launch is None:
        return None
    weights = ["--weights", str(options.weights)] if options.weights else []
    switches = {"--resume": options.resume, "--class-images": options.class_images}
    arguments = [*(name for name, is_on in switches.items() if is_on), *weights]
    return Others(run, launch.count if launch else devices, arguments, launch)


def end_process(code: int) -> NoReturn:
    """End at once: taking thousands of modules apart takes longer than all that was written, which is on the disk."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    use_empty_hub_cache()
    hide_missing_kernels()
    end_process(main())
