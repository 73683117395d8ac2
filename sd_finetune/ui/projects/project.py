"""Projects: small folders, each with the settings as they stand in the form, and its runs."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...hosts.host import Host
from ...runs.atomic import replacing
from ...settings.migrations import VERSION, migrated
from ...settings.read import find_faults
from ...settings.rules import FILE_NAME_RULE

FILE = "model.json"
"""What makes a folder a project; a name of earlier versions, so that their projects are found."""
RUNS, CLASS_IMAGE_RUNS, GENERATED = "runs", "class-picture-runs", "drawn"
"""Folders in a project: of its runs, of the jobs that generated class images, and of images generated on request."""


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
        return self.folder / FILE

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
            content = json.loads(self.file.read_text(encoding="utf-8"))
            settings = {**content["settings"], "version": content.pop("version", 1)}
        except OSError as error:
            raise UserError(f'Project "{self.name}" not found: create it, or choose another one.') from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.file} is damaged ({error}): delete the project and create it again.") from error
        return {**content, "settings": migrated(settings)}

    def settings(self) -> dict[str, Any]:
        """The settings as they stand in the form, which may be faulty."""
        return self.read()["settings"]

    def origin(self) -> dict[str, Any] | None:
        """The snapshot that it continues from: `step`, `of` (a run's name), `shape` (see continuing.origin_shape)."""
        return self.read().get("origin")

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Keep the settings as they stand in the form. Raises UserError if the project is gone."""
        self._write({**self.read(), "settings": migrated(settings)})

    def run_names(self) -> list[str]:
        """The runs, the latest first."""
        made = [path for path in self.runs.glob("*") if (path / "settings.json").is_file() and path.name[0] != "."]
        return [path.name for path in sorted(made, key=lambda path: (path / "settings.json").stat().st_mtime)][::-1]

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps({"version": VERSION, **content}, indent=2, ensure_ascii=False)
        with replacing(self.file) as path:
            path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def create(
        cls, parent: Path, name: str, base: str, settings: dict[str, Any], origin: dict[str, Any] | None = None
    ) -> Project:
        """Make the folder in `parent`; `base` is the checkpoint's title.

        Raises:
            UserError: no project can be called so, or one is.
        """
        project = project_named(parent, name)
        if project.file.exists():
            raise UserError(f'Project "{name}" exists already: use another name, or select that project.')
        project._write({"created": time.time(), "base": base, "settings": settings, "origin": origin})
        return project

    def delete(self) -> None:
        """Remove the project with its runs and uploads; results that lie elsewhere stay."""
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def projects_folder(host: Host) -> Path:
    """Where a host's projects are; a name of earlier versions, too."""
    return host.data_folder / "models"


def project_named(parent: Path, name: str) -> Project:
    """The project of that name. Raises UserError if no folder can be called so; so no name leads out of `parent`."""
    if "output.name" in find_faults({"output": {"name": name}}):
        raise UserError(f'"{name}" cannot be the name of a project: {FILE_NAME_RULE}.')
    return Project(parent / name)


def all_projects(parent: Path) -> list[Project]:
    """Every project, by name."""
    return [Project(file.parent) for file in sorted(parent.glob(f"*/{FILE}"))]
