"""Who looks after a run: the server or command that started it, or one that has found it again.

A run has one owner and one worker at a time. Each holds a file of the run folder, which the system lets go of when the
process ends. So of two servers on one folder one starts a run, and a worker sees that nobody follows it any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import UserError
from .file_lock import Hold, hold, holder, is_held
from .folder import RunFolder

ALONE_SECONDS = 5.0
"""How long a worker goes on without an owner, so that a server that starts anew finds it still at work."""
LOOK_SECONDS = 0.5


def own(run: RunFolder) -> Hold:
    """Become the owner of a run that nobody works on.

    Raises:
        UserError: another process owns it, or its worker still runs; says which.
    """
    held = try_to_own(run)
    if held is None:
        raise UserError(
            f"{run.path.name} is in the hands of process {holder(run.owner_lock)}, another server or command on the "
            f"same folder: follow it there, or stop it first with `python -m sd_finetune stop {run.path}`."
        )
    worker = holder(run.worker_lock)
    if worker is not None:
        held.release()
        raise UserError(f"{run.path.name} is still running as process {worker}: wait until it ends, or stop it first.")
    return held


def try_to_own(run: RunFolder) -> Hold | None:
    """Become the owner of a run, whose worker may be running; None where another process is."""
    return hold(run.owner_lock)


class Watched:
    """Whether a run has an owner, called now and then by its worker.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, run: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._clock = run, clock
        self._alone_since: float | None = None
        self._look_at = 0.0

    def __call__(self) -> bool:
        """False as soon as nobody has owned the run for ALONE_SECONDS.

        While that cannot be told, as on a network drive that does not answer, it counts as owned.
        """
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if self._may_be_owned():
                self._alone_since = None
            elif self._alone_since is None:
                self._alone_since = now
        return self._alone_since is None or now - self._alone_since < ALONE_SECONDS

    def _may_be_owned(self) -> bool:
        try:
            return is_held(self._run.owner_lock)
        except OSError:
            return True
