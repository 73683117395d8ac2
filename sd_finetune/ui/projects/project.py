"""The models of the tab: small folders, each with the settings as they stand in the form, and its runs."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...runs.atomic import replacing
from ...settings.read import find_faults


@dataclass(frozen=True)
class Model:
    """One folder. Nothing is read or made by naming one."""

    folder: Path

    @property
    def name(self) -> str:
        """As the person called it."""
        return self.folder.name

    @property
    def file(self) -> Path:
        """What makes the folder a model; written last."""
        return self.folder / "model.json"

    @property
    def runs(self) -> Path:
        """Where its run folders are."""
        return self.folder / "runs"

    @property
    def uploads(self) -> Path:
        """Where pictures go that were dropped on the page."""
        return self.folder / "pictures"

    def read(self) -> dict[str, Any]:
        """`created` (unix seconds), `base` (the checkpoint's title), `settings` as the form has them, maybe `origin`.

        Raises:
            UserError: there is no such model, or its file is damaged.
        """
        try:
            return json.loads(self.file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f'There is no model "{self.name}": create it, or choose another one.') from error
        except ValueError as error:
            raise UserError(f"{self.file} is damaged ({error}): delete the model and create it again.") from error

    def settings(self) -> dict[str, Any]:
        """The settings as they stand in the form, which may be faulty."""
        return self.read()["settings"]

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Keep the settings as they stand in the form. Raises UserError if the model is gone."""
        self._write({**self.read(), "settings": settings})

    def run_names(self) -> list[str]:
        """The runs, the latest first."""
        made = [path for path in self.runs.glob("*") if (path / "settings.json").is_file() and path.name[0] != "."]
        return [path.name for path in sorted(made, key=lambda path: (path / "settings.json").stat().st_mtime)][::-1]

    def _write(self, content: dict[str, Any]) -> None:
        with replacing(self.file) as path:
            path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def create(
        cls, parent: Path, name: str, base: str, settings: dict[str, Any], origin: dict[str, Any] | None = None
    ) -> Model:
        """Make the folder; `origin` is what ui.origin says of a snapshot that it goes on from.

        Raises:
            UserError: the name cannot be one, or is taken.
        """
        model = named(parent, name)
        if model.file.exists():
            raise UserError(f'There is a model "{name}" already: choose another name, or select that one.')
        model._write({"created": time.time(), "base": base, "settings": settings, "origin": origin})
        return model

    def delete(self) -> None:
        """Remove the model with its runs and uploads; results that lie elsewhere stay."""
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def named(parent: Path, name: str) -> Model:
    """The model of that name. Raises UserError if no folder can be called so; so no name leads out of `parent`."""
    fault = find_faults({"output": {"name": name}}).get("output.name")
    if fault:
        raise UserError(fault.replace("output.name = ", "").replace("; a folder goes into output.folder", ""))
    return Model(parent / name)


def all_models(parent: Path) -> list[Model]:
    """Every model, by name."""
    return [Model(file.parent) for file in sorted(parent.glob("*/model.json"))]
