"""The one place that knows TOML, which Python reads by itself from 3.11 on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..errors import UserError

if sys.version_info >= (3, 11):
    from tomllib import loads
else:
    from tomli import loads


def load_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        UserError: the file cannot be read, or is not valid TOML.
    """
    try:
        return loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give the path of a settings file.") from error
    except ValueError as error:
        raise UserError(f"{path} is not valid TOML ({error}): correct the file.") from error


def parse_toml_value(text: str) -> Any:
    """The value of a text such as `8`, `true` or `["a", "b"]`; the text itself if it is not a TOML value."""
    try:
        return loads(f"value = {text}")["value"]
    except ValueError:
        return text
