"""What a worker is told while it works: asked by everything that takes long, in every phase."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from ..runs.folder import RunFolder
from ..runs.messages import NOBODY_FOLLOWS, Command, CommandReader, Done, Event, command_position
from ..runs.snapshots import snapshot_step

LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 1.5
"""How long what does not ask may take until the process ends in the midst of it."""
PAUSE_SECONDS = 0.2

NOTHING_LEARNED = "It was stopped before it had learned anything, so nothing was saved."


class StopAsked(Exception):
    """The worker is to stop: what was learned is saved, if there is anything."""


class ProcessLost(Exception):
    """Another process of the run has ended, without which this one cannot go on."""


def nobody_asks() -> None:
    """For what is done without a worker around it, which nobody can stop by a command."""


class Orders:
    """Reads the run's commands, and whether anybody follows it still. May be asked from several threads.

    Args:
        owned: whether the run has an owner, see `runs.owner`.
    """

    def __init__(self, commands: CommandReader, owned: Callable[[], bool] = lambda: True) -> None:
        self._commands, self._owned = commands, owned
        self._lock = threading.Lock()
        self._pending: list[Command] = []
        self._stop = False
        self._stops = 0
        self._look_at = 0.0
        self._settled = self._lost = False
        self.alone = False
        """Whether it is to stop because it has no owner."""

    def check(self) -> None:
        """Return at once, unless the worker is to stop: then raise StopAsked. Other commands wait for `new`.

        Raises:
            ProcessLost: see `lose_a_process`.
        """
        if self._lost:
            raise ProcessLost
        if time.monotonic() >= self._look_at:
            self.look()
        if self._stop:
            raise StopAsked

    def asked_after(self, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        """Emits an event, then checks: each step of a phase tells how far it has got."""

        def emit_and_check(event: Event) -> None:
            emit(event)
            self.check()

        return emit_and_check

    def look(self) -> bool:
        """Read what there is to know; whether the worker is to stop."""
        with self._lock:
            self._look_at = time.monotonic() + LOOK_SECONDS
            new = self._commands.new()
            self._pending += new
            self._stops += new.count("stop")
            if "stop" in self._pending:
                self._stop = True
            elif not self._stop and not self._owned():
                self._stop = self.alone = True
                self._stops += 1
            return self._stop

    def new(self, may_stop: bool = True, before_a_pause: Callable[[], None] = lambda: None) -> set[Command]:
        """The commands since the last call; after a pause this returns when told to go on or to stop.

        Args:
            may_stop: False where there is nothing left to stop.
            before_a_pause: called when told to pause.

        Raises:
            StopAsked: one of them is to stop.
        """
        taken: list[Command] = []
        pauses = False
        while True:
            self.look()
            if may_stop:
                self.check()
            elif self._stop:
                return set(taken)
            with self._lock:
                taken, self._pending = [*taken, *self._pending], []
            if not _pauses(taken):
                return set(taken)
            if not pauses:
                before_a_pause()
            pauses = True
            time.sleep(PAUSE_SECONDS)

    def stop(self, *_: object) -> None:
        """Stop as if by a command; a handler for the signals that end a process."""
        self._stops += 1
        self._stop = True

    def stops(self) -> int:
        """How often the worker was told to stop until now: once more may mean not to wait for anything."""
        self.look()
        return self._stops

    def settle(self) -> None:
        """There is something to lose from now on: the process must not end in the midst of anything."""
        with self._lock:
            self._settled = True

    def are_settled(self) -> bool:
        """Whether `settle` was called."""
        return self._settled

    def lose_a_process(self) -> None:
        """Another process of the run has ended: this one stops what it does as soon as it asks."""
        self._lost = True

    def watch(self, give_up: Callable[[], None]) -> None:
        """Look from a thread of its own, so that nothing that takes long keeps the worker from noticing.

        Until `settle` there is nothing to lose: what has not stopped PATIENCE_SECONDS after it was told to, such as a
        file that is read from a slow disk, ends with the process, after `give_up` was called.
        """
        threading.Thread(target=self._watch, args=(give_up,), name="orders", daemon=True).start()

    def _watch(self, give_up: Callable[[], None]) -> None:
        while not self.look():
            time.sleep(LOOK_SECONDS)
        time.sleep(PATIENCE_SECONDS)
        with self._lock:
            if not self._settled:
                give_up()
                os._exit(0)


def orders_of(run: RunFolder) -> Orders:
    """Those that are sent from now on, for a worker that nobody has to follow."""
    return Orders(CommandReader(run.commands, command_position(run.commands)))


def ended_early(run: RunFolder, orders: Orders) -> Done:
    """The last event of a run that was stopped before its first step, or the first since it was resumed."""
    reason = f"{NOBODY_FOLLOWS} before it had learned anything." if orders.alone else NOTHING_LEARNED
    return Done(step=snapshot_step(run), outcome="stopped", reason=reason)


def _pauses(commands: list[Command]) -> bool:
    """Whether the last word about it was to pause."""
    about = [command for command in commands if command in ("pause", "resume")]
    return bool(about) and about[-1] == "pause"
