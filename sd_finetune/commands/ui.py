"""Open the tab by itself: a page on this machine, with the toy checkpoint at hand."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--port", type=int, default=7861, help="where the page is: http://127.0.0.1:PORT (default: 7861)")
    add("--data", type=Path, default=Path("sd-finetune-data"), metavar="FOLDER", help="where models and runs are kept")
    add(
        "--checkpoints",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="where checkpoints are looked for, beside the folder checkpoints in the data folder; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl+C; 0. A training that is going on goes on, and the next start finds it again."""
    import uvicorn

    from ..demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
    from ..hosts.standalone import Standalone
    from ..ui.server.app import make_app
    from ..ui.server.context import Context

    folders = [folder.absolute() for folder in options.checkpoints]
    host = Standalone(options.data.absolute(), TOY_CHECKPOINT, DEMO_FOLDER / "lora.toml", folders)
    print(f"SD Fine-Tune is at http://127.0.0.1:{options.port} (Ctrl+C ends it)", flush=True)
    uvicorn.run(make_app(Context.of(host)), host="127.0.0.1", port=options.port, log_level="warning")
    return 0
