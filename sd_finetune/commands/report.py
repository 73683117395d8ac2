"""Pack what a bug report needs of a run: settings, versions, hardware, events, losses, the end of the log."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..report.pack import pack_report
from ..runs.folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("folder", type=Path, metavar="RUN_FOLDER", help="the run's folder, as in runs/dog-001")
    add("--out", type=Path, metavar="FILE.zip", help="default: sd-finetune-report-DATE-TIME.zip in the current folder")
    add("--with-samples", action="store_true", help="add the samples (without it, no image is in the report)")
    add(
        "--with-prompts",
        action="store_true",
        help="keep prompts, captions, trigger words, notes and names (without it, they are replaced)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the report and print where it is; 0. What is not a run's folder raises UserError."""
    out = options.out or Path(time.strftime("sd-finetune-report-%Y%m%d-%H%M%S.zip"))
    missing = pack_report(RunFolder(options.folder.absolute()), out, options.with_prompts, options.with_samples)
    print(out)
    for name, why in missing.items():
        print(f"without {name}: {why}")
    print("Read through it before you attach it to an issue.")
    return 0
