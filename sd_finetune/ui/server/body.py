"""The body of a request as JSON: read up to a limit, and only what every part of the server can bear."""

from __future__ import annotations

import json
import math
from typing import Any, cast

from fastapi import Depends, Request

from ...errors import UserError

MOST_JSON_MB = 2
MOST_DIGITS = 40
"""Of a number; more than any that is meant as one."""
MOST_DEPTH = 32


async def read_body(request: Request, most_mb: int, too_large: str) -> bytes:
    """The whole body. Raises UserError with the sentence `too_large` as soon as it is longer, said so or not."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most_mb * 2**20:
            raise UserError(too_large)
        pieces.append(piece)
    return b"".join(pieces)


async def any_content(request: Request) -> Any:
    """The body of a request as JSON, {} without one. Raises UserError for what is not JSON or of an absurd size."""
    too_large = f"The body is larger than {MOST_JSON_MB} MB: send less at a time."
    body = await read_body(request, MOST_JSON_MB, too_large)
    kind = request.headers.get("content-type", "json")
    if body and "json" not in kind:
        raise UserError(f"The body is of the type {kind[:100]}: send application/json.")
    return parse_json(body) if body else {}


ANY_CONTENT = Depends(any_content)


def parse_json(body: bytes) -> Any:
    """JSON without NaN, Infinity, lone surrogates, NUL characters, huge numbers and deep nesting. Raises UserError."""
    try:
        content = json.loads(body, parse_constant=_no_constant, parse_int=_whole_number, parse_float=_finite_number)
        text = json.dumps(content, ensure_ascii=False)
        text.encode()
    except UnicodeError as error:
        raise UserError("The body contains characters that are none of Unicode's: send JSON in UTF-8.") from error
    except RecursionError as error:
        raise UserError(_TOO_DEEP) from error
    except ValueError as error:
        raise UserError(f"The body is not valid JSON ({error}): correct it.") from error
    _refuse_deep(content, MOST_DEPTH)
    if "\\u0000" in text and _has_nul(content):
        raise UserError("The body contains a NUL character: remove it.")
    return content


def the_content(content: Any = ANY_CONTENT) -> dict[str, Any]:
    """The body where it is an object. Raises UserError."""
    if not isinstance(content, dict):
        raise UserError(f"The body is {_kind(content)}: send a JSON object.")
    return cast("dict[str, Any]", content)


def text_in(content: Any, name: str, default: str = "") -> str:
    """The text `name` of an object in a body. Raises UserError where something else is."""
    value = cast("dict[str, Any]", content).get(name) if isinstance(content, dict) else content
    if value is None and isinstance(content, dict):
        return default
    if not isinstance(value, str):
        raise UserError(f"{name} is {_kind(value)}: use a text.")
    return value


def flag_in(content: dict[str, Any], name: str) -> bool:
    """The switch `name` of an object in a body, off where it is left out. Raises UserError where something else is."""
    value = content.get(name)
    if value is not None and not isinstance(value, bool):
        raise UserError(f"{name} is {_kind(value)}: use true or false.")
    return value is True


CONTENT = Depends(the_content)


def takes(example: Any) -> dict[str, Any]:
    """What the documentation of a route says of its body, for `openapi_extra`."""
    kind = {"type": "array" if isinstance(example, list) else "object"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind, "example": example}}}}


_TOO_DEEP = f"The body is nested deeper than {MOST_DEPTH} levels: send plain settings."


def _refuse_deep(content: Any, levels: int) -> None:
    if not isinstance(content, (dict, list)):
        return
    if levels == 0:
        raise UserError(_TOO_DEEP)
    inner = cast("dict[str, Any]", content).values() if isinstance(content, dict) else cast("list[Any]", content)
    for entry in inner:
        _refuse_deep(entry, levels - 1)


def _has_nul(content: Any) -> bool:
    """Within `json.dumps` a backslash before u0000 looks the same."""
    if isinstance(content, dict):
        table = cast("dict[str, Any]", content)
        return any("\0" in key or _has_nul(value) for key, value in table.items())
    if isinstance(content, list):
        return any(_has_nul(entry) for entry in cast("list[Any]", content))
    return isinstance(content, str) and "\0" in content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _finite_number(digits: str) -> float:
    number = float(digits)
    if len(digits) > MOST_DIGITS or not math.isfinite(number):
        raise ValueError(f"the number {digits[:MOST_DIGITS]} is too large or too long")
    return number


def _kind(content: Any) -> str:
    if isinstance(content, (dict, list)):
        return "a list" if isinstance(content, list) else "an object"
    return json.dumps(content)[:40]
