"""Start the tab without the WebUI, as a local web page that comes with the toy checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..runs.find import STANDALONE_DATA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--port", type=int, default=7861, help="port of the page, http://127.0.0.1:PORT (default: 7861)")
    add(
        "--data",
        type=Path,
        default=Path(STANDALONE_DATA),
        metavar="FOLDER",
        help=f"folder for projects and runs (default: {STANDALONE_DATA})",
    )
    add(
        "--checkpoints",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder of checkpoints, besides the folder checkpoints in the data folder; repeatable",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl+C; 0. What is not finished then saves a snapshot and ends, and can be resumed."""
    import uvicorn

    from ..demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
    from ..hosts.standalone import Standalone
    from ..ui.server.app import make_app
    from ..ui.server.context import Context

    folders = [folder.absolute() for folder in options.checkpoints]
    host = Standalone(options.data.absolute(), TOY_CHECKPOINT, DEMO_FOLDER / "lora.toml", folders)
    print(f"SD Fine-Tune is running at http://127.0.0.1:{options.port} (Ctrl+C to quit)", flush=True)
    context = Context.of(host)
    uvicorn.run(make_app(context), host="127.0.0.1", port=options.port, log_level="warning")
    context.runner.close()
    return 0
