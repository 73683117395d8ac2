"""Settings files, read for the base checkpoint that they name."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..formats.known_base import base_faults, resolved
from ..settings.options import Settings
from ..settings.read import broken_rules, read_toml


def read_for_base(path: Path, overrides: list[str] | None = None) -> Settings:
    """As `read_toml`, with what "auto" amounts to for the base checkpoint. Raises UserError as that does."""
    settings = resolved(read_toml(path, overrides))
    faults = {**broken_rules(settings), **base_faults(settings)}
    if faults:
        raise UserError("\n".join(faults.values()))
    return settings
