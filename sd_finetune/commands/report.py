"""Pack a run for a bug report: settings, versions, hardware, events, losses and the end of the log."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..report.pack import pack_report
from ..runs.find import find_run
from ..runs.folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="run folder, like runs/dog-001, or its name as runs lists it")
    add("--out", type=Path, metavar="FILE.zip", help="default: sd-finetune-report-DATE-TIME.zip in the current folder")
    add("--with-samples", action="store_true", help="add the samples (without it, no image is in the report)")
    add(
        "--with-prompts",
        action="store_true",
        help="keep prompts, captions, trigger words, notes and names (without it, they are replaced)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the report and print its path; 0. Raises UserError if the folder is not a run folder."""
    out = options.out or Path(time.strftime("sd-finetune-report-%Y%m%d-%H%M%S.zip"))
    folder = Path(options.folder)
    run = RunFolder(folder.absolute()) if folder.is_dir() else find_run(options.folder)
    missing = pack_report(run, out, options.with_prompts, options.with_samples)
    print(out)
    for name, why in missing.items():
        print(f"without {name}: {why}")
    print("Read it before you attach it to an issue.")
    return 0
