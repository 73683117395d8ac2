"""Start the tab without the WebUI, as a local web page that comes with the toy checkpoint."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from ..errors import UserError
from ..runs.find import STANDALONE_DATA
from .arguments import whole_number

ADDRESS = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add(
        "--port",
        type=whole_number(1, 65_535),
        default=7861,
        help="port of the page, http://127.0.0.1:PORT (default: 7861)",
    )
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
    """Serve until Ctrl+C; 0. What is not finished then saves a snapshot and ends, and can be resumed.

    Raises:
        UserError: the port or a folder cannot be used.
    """
    import uvicorn

    from ..demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
    from ..hosts.standalone import Standalone
    from ..ui.server.app import make_app
    from ..ui.server.context import Context

    _refuse_folders(options)
    with _listening(options.port) as listening:
        folders = [folder.absolute() for folder in options.checkpoints]
        host = Standalone(options.data.absolute(), TOY_CHECKPOINT, DEMO_FOLDER / "lora.toml", folders)
        print(f"SD Fine-Tune is running at http://{ADDRESS}:{options.port} (Ctrl+C to quit)", flush=True)
        context = Context.of(host)
        try:
            uvicorn.Server(uvicorn.Config(make_app(context), log_level="warning")).run(sockets=[listening])
        except KeyboardInterrupt:  # newer versions raise it when they have ended
            pass
        finally:
            context.runner.close()
    return 0


def _refuse_folders(options: argparse.Namespace) -> None:
    for folder in options.checkpoints:
        if not folder.is_dir():
            raise UserError(f"--checkpoints {folder} is not a folder: name one with checkpoints in it.")
    try:
        options.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = "is a file" if options.data.is_file() else f"cannot be used ({error.strerror})"
        raise UserError(f"--data {options.data} {problem}: name another folder.") from error


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        problem = f"--port {port} cannot be used, most likely because another program has it"
        raise UserError(f"{problem}: name another one, or end that.") from error
