"""Ctrl+C while a command's libraries are imported ends it at once, without a traceback; later it is an exception."""

from __future__ import annotations

import signal


def end_at_once() -> None:
    """From now on Ctrl+C ends the process, unless it is left alone by it, as in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From now on Ctrl+C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
