"""One run on disk: everything that a worker reads and writes."""

from __future__ import annotations

import errno
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..readable import is_unicode, json_bytes, readable
from ..reading.diffusers_folder import files_of_model, is_model
from ..settings.options import Settings
from ..settings.read import from_dict, to_file
from .about import about
from .fingerprint import fingerprint
from .moving import rename_folder
from .unfinished import unfinished_name


@dataclass(frozen=True)
class RunFolder:
    """The paths in a run folder; the properties read and create nothing."""

    path: Path

    @property
    def settings(self) -> Path:
        """All settings of the run and their version, as JSON."""
        return self.path / "settings.json"

    @property
    def base(self) -> Path:
        """The checkpoint the run starts from: its path, size in bytes, modification time and fingerprint."""
        return self.path / "base.json"

    @property
    def about(self) -> Path:
        """The versions of SD Fine-Tune, Python and packages that the run was made with, as JSON."""
        return self.path / "about.json"

    @property
    def events(self) -> Path:
        """Events of the worker, see `messages`."""
        return self.path / "events.jsonl"

    @property
    def commands(self) -> Path:
        """Commands to the worker, see `messages`."""
        return self.path / "commands.jsonl"

    @property
    def samples(self) -> Path:
        """Folder of the samples generated during training."""
        return self.path / "samples"

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots from which a run is resumed."""
        return self.path / "snapshots"

    @property
    def output(self) -> Path:
        """Folder of the results, unless the settings have another one."""
        return self.path / "output"

    @property
    def prior_bank(self) -> Path:
        """Precomputed prior predictions of DreamBooth, where `Prior.is_predicted`."""
        return self.path / "prior-bank.npy"

    @property
    def outside_bank(self) -> Path:
        """The same of training images outside of their masks, with `masks.prior_weight`."""
        return self.path / "outside-bank.npy"

    @property
    def log(self) -> Path:
        """Everything that the worker prints, with tracebacks."""
        return self.path / "worker.log"

    @property
    def owner_lock(self) -> Path:
        """Held by the process that follows the run, see `owner`."""
        return self.path / "owner.lock"

    @property
    def worker_lock(self) -> Path:
        """Held by the run's worker, so that there is never a second one."""
        return self.path / "worker.lock"

    @property
    def tensorboard(self) -> Path:
        """What TensorBoard reads, if the settings ask for it."""
        return self.path / "tensorboard"

    @property
    def loss_csv(self) -> Path:
        """The losses of every step as a table."""
        return self.path / "loss.csv"

    @classmethod
    def create(cls, parent: Path, name: str, settings: Settings) -> RunFolder:
        """Create the next numbered folder, `<name>-001` and so on, in `parent`; it appears complete or not at all.

        Raises:
            UserError: the checkpoint does not exist, or the folder cannot be created (no space, no permission).
        """
        base = describe_base(Path(settings.base.checkpoint))
        if not is_unicode(str(parent.absolute())):
            raise UserError(f"Cannot create a run folder in {parent.absolute()}: its name is not UTF-8; rename it.")
        unfinished = unfinished_name(parent.absolute() / name)
        try:
            _fill(cls(unfinished), to_file(settings), base)
            return cls(_take_next_number(unfinished, name))
        except OSError as error:
            way_out = "choose another folder or fix this one"
            raise UserError(f"Cannot create a run folder in {parent} ({error.strerror}): {way_out}.") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def read_settings(self) -> Settings:
        """The settings the run was made with, by this version or an earlier one.

        Raises:
            UserError: the folder is not a run folder, or its settings are not valid.
        """
        try:
            return from_dict(json.loads(self.settings.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise UserError(f"{self.path} is not a run folder: it has no {self.settings.name}.") from error
        except OSError as error:
            raise UserError(f"{self.settings} cannot be read ({error.strerror}): mend that, then try again.") from error
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self.settings} is not valid JSON ({error}): start a new run from your settings."
            ) from error


def describe_base(checkpoint: Path) -> dict[str, Any]:
    """Identifies a checkpoint: absolute path, size in bytes, modification time as a Unix timestamp, fingerprint.

    Raises:
        UserError: the file does not exist.
    """
    if not is_model(checkpoint):
        raise UserError(f"base.checkpoint = {str(checkpoint)!r} not found: choose an SD 1.x or SDXL checkpoint.")
    facts = [file.stat() for file in files_of_model(checkpoint)]
    return {
        "path": readable(str(checkpoint.resolve())),
        "size": sum(own.st_size for own in facts),
        "mtime": max(own.st_mtime for own in facts),
        "fingerprint": fingerprint(checkpoint),
    }


def _fill(folder: RunFolder, settings: dict[str, Any], base: dict[str, Any]) -> None:
    for place in (folder.path, folder.samples, folder.snapshots, folder.output):
        place.mkdir(parents=True)
    for path, content in ((folder.settings, settings), (folder.base, base), (folder.about, about())):
        path.write_bytes(json_bytes(content, indent=2) + b"\n")


def _take_next_number(unfinished: Path, name: str) -> Path:
    """Rename to the next free number; renaming ensures that two runs at the same time get two numbers."""
    parent = unfinished.parent
    pattern = re.compile(re.escape(name) + r"-([0-9]{3,})")
    taken = [int(match[1]) for entry in parent.iterdir() if (match := pattern.fullmatch(entry.name))]
    number = max(taken, default=0) + 1
    while True:
        path = parent / f"{name}-{number:03d}"
        try:
            rename_folder(unfinished, path)
            return path
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            number += 1
