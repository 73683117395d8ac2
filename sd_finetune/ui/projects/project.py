"""Projects: small folders, each with the settings as they stand in the form, and its runs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, cast

from ...errors import UserError
from ...hosts.host import Host
from ...readable import json_bytes
from ...runs.atomic import is_taken, replacing
from ...runs.moving import clear_name
from ...runs.own_files import PROJECT_FILE
from ...settings.keepable import refuse_unkeepable
from ...settings.migrations import VERSION, migrated
from ...settings.rules import file_name_rule, is_file_name
from .saving import saving

RUNS, CLASS_IMAGE_RUNS, GENERATED, CAPTIONINGS = "runs", "class-picture-runs", "drawn", "captionings"
RATE_TRIALS = "rate-trials"
"""Folders in a project: of its runs, of the jobs that generated class images, of images generated on request, of the
last job that captioned images, and of the last one that tried learning rates."""


@dataclass(frozen=True)
class Project:
    """One folder. Nothing is read or made by naming one."""

    folder: Path

    @property
    def name(self) -> str:
        """As the person called it."""
        return self.folder.name

    @property
    def file(self) -> Path:
        """The project's file; written last."""
        return self.folder / PROJECT_FILE

    @property
    def runs(self) -> Path:
        """Where its run folders are."""
        return self.folder / RUNS

    @property
    def uploads(self) -> Path:
        """Where images go that were dropped on the page."""
        return self.folder / "pictures"

    @property
    def snapshots(self) -> Path:
        """Where the snapshot is kept that the project continues from, if it does."""
        return self.folder / "snapshot"

    def read(self) -> dict[str, Any]:
        """`created` (unix seconds), `base` (the checkpoint's title), `settings` as the form has them, maybe `origin`.

        Settings of an earlier version are migrated.

        Raises:
            UserError: there is no such project, or its file is damaged or of a newer version.
        """
        try:
            content = json.loads(self.file.read_bytes())
            settings = {**content["settings"], "version": content.pop("version", 1)}
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(f'Project "{self.name}" not found: create it, or choose another one.') from error
        except OSError as error:
            raise UserError(f"{self.file} cannot be read ({error.strerror}): mend that, then try again.") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{self.file} is damaged ({error}): delete the project and create it again.") from error
        return {**content, **_shaped(content), "settings": migrated(settings)}

    def settings(self) -> dict[str, Any]:
        """The settings as they stand in the form, which may be faulty."""
        return self.read()["settings"]

    def origin(self) -> dict[str, Any] | None:
        """The snapshot that it continues from: `step`, `of` (a run's name), `shape` (`snapshot_depends_on`)."""
        return self.read().get("origin")

    def revision(self) -> str:
        """Another one after each change of the project's file, "" without a file; what it says means nothing."""
        try:
            facts = self.file.stat()
        except OSError:
            return ""
        return f"{facts.st_mtime_ns:x}-{facts.st_ino:x}-{facts.st_size:x}"

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Keep the settings as they stand in the form. Raises UserError if the project is gone, or they are none."""
        current = migrated(settings)
        refuse_unkeepable(current)
        self.replace_settings(current)

    def replace_settings(self, settings: dict[str, Any]) -> None:
        """Keep settings of this version that were checked before. Raises UserError if the project is gone."""
        self._write({**self.read(), "settings": settings})

    def write_base(self, title: str, settings: dict[str, Any]) -> None:
        """Keep settings with another base checkpoint; `title` is that checkpoint's. Raises UserError as above."""
        self._write({**self.read(), "base": title, "settings": settings})

    def run_names(self) -> list[str]:
        """The runs, the latest first."""
        made = {path.name: _time_of(path / "settings.json") for path in entries(self.runs)}
        return sorted((name for name, time in made.items() if time), key=lambda name: (made[name], name), reverse=True)

    def _write(self, content: dict[str, Any]) -> None:
        with replacing(self.file) as path:
            path.write_bytes(json_bytes({"version": VERSION, **content}, indent=2) + b"\n")

    @classmethod
    def create(
        cls, parent: Path, name: str, base: str, settings: dict[str, Any], origin: dict[str, Any] | None = None
    ) -> Project:
        """Make the folder in `parent`; `base` is the checkpoint's title.

        Raises:
            UserError: no project can be called so, or one is.
        """
        project = project_named(parent, name)
        with saving(parent):
            if is_taken(project.file):
                raise UserError(f'Project "{name}" exists already: use another name, or select that project.')
            project._write({"created": time.time(), "base": base, "settings": settings, "origin": origin})
        return project

    def delete(self) -> None:
        """Remove the project with its runs and uploads; results that lie elsewhere stay.

        Raises:
            UserError: something of it is still there, as another program has it open or it may not be removed.
        """
        self.file.unlink(missing_ok=True)
        clear_name(self.folder)
        if is_taken(self.folder):
            raise UserError(
                f"The project is deleted, but {self.folder} could not be removed whole: close what is open of it in "
                "other programs, then remove that folder."
            )


def projects_folder(host: Host) -> Path:
    """Where a host's projects are; a name of earlier versions, too."""
    return host.data_folder / "models"


def project_named(parent: Path, name: str) -> Project:
    """The project of that name. Raises UserError if no folder can be called so; so no name leads out of `parent`."""
    if not is_file_name(name):
        raise UserError(f'"{name}" cannot be the name of a project: {file_name_rule(name)}.')
    return Project(parent / name)


def all_projects(parent: Path) -> list[Project]:
    """Every project, by name."""
    return [Project(folder) for folder in entries(parent) if _time_of(folder / PROJECT_FILE)]


def entries(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, by name; nothing if the folder is missing or closed to us."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _time_of(file: Path) -> float:
    """When a file was changed last; 0 if the file is missing or closed to us."""
    try:
        facts = file.stat()
    except OSError:
        return 0.0
    return facts.st_mtime if S_ISREG(facts.st_mode) else 0.0


def _shaped(content: dict[str, Any]) -> dict[str, Any]:
    """The parts of a project's file beside its settings, empty where they are something else."""
    created, base, origin = content.get("created"), content.get("base"), content.get("origin")
    return {
        "created": created if isinstance(created, (int, float)) else 0.0,
        "base": base if isinstance(base, str) else "",
        "origin": origin if _is_origin(origin) else None,
    }


def _is_origin(value: Any) -> bool:
    """Whether it is what Project.origin tells of."""
    if not isinstance(value, dict):
        return False
    found = cast("dict[str, Any]", value)
    step, of, shape = (found.get(name) for name in ("step", "of", "shape"))
    return type(step) is int and isinstance(of, str) and isinstance(shape, dict)
