"""Who may ask, and how an answer looks when something cannot be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.routing import APIRoute

from ...errors import UserError
from ...readable import sendable
from ..projects.wording import in_the_tab
from .context import Context

SHOWN = 100
"""Characters of an address in a refusal."""


def login_required(context: Context) -> Callable[[Request], Awaitable[None]]:
    """A dependency of all routes: refuses whoever lacks the host's login, and hands the context to those who have it.

    A route that has not asked for the login has no context to work on. Like all that is quick, it is asynchronous, and
    so needs no thread of its own.
    """

    async def check(request: Request) -> None:
        if not context.host.is_allowed(request):
            raise HTTPException(401, "Log in first.")
        request.state.sd_finetune = context

    return check


class ForeignPageError(UserError):
    """A page of another address asked for a change."""


async def same_origin(request: Request) -> None:
    """A dependency for what changes something: a browser must come from our own page, a script sends no origin at all.

    What the browser itself says of the page counts first, as no page can set that header: a reverse proxy may have put
    another host into the request. Browsers say it only on HTTPS and on this computer. Else the page's address has to be
    the one that was asked, or that which a proxy says was asked: another page would need our permission to send that.

    Raises:
        ForeignPageError: the request was sent by a page of another address.
    """
    told, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if told == "same-origin":
        return
    if told in (None, "none") and (origin is None or _host_of(origin) in _hosts(request)):
        return
    page, host = origin or "another address", request.headers.get("host", "no address")
    raise ForeignPageError(
        f"A page of {page[:SHOWN]} asked for this change, which reached this server as {host[:SHOWN]}: open the "
        "page at the server's own address, or have the reverse proxy before it pass on the header Host unchanged, or "
        "add X-Forwarded-Host."
    )


def _hosts(request: Request) -> list[str]:
    """What the request may have been sent to: its own host, and that which a reverse proxy was asked for."""
    asked = [request.headers.get("host"), request.headers.get("x-forwarded-host", "").split(",")[0].strip()]
    return [host for host in asked if host]


CHANGE = [Depends(same_origin)]
"""The dependencies of a route that changes something."""


class Answer(JSONResponse):
    """JSON that can always be sent, whatever a file's name or a damaged file put into it."""

    def render(self, content: Any) -> bytes:
        """As JSONResponse does, but for numbers that JSON cannot hold and characters that are none of Unicode's."""
        try:
            return super().render(content)
        except ValueError:  # UnicodeEncodeError is one
            return super().render(sendable(content))


class Route(APIRoute):
    """A route whose UserErrors become the answer {"error": sentence} with code 400; a foreign page gets one with 403.

    So does what cannot be read as a parameter, and what the file system refuses: both are for the asker to correct.
    What a function answers is sent as it is: a model of it, which FastAPI makes of its annotation, would refuse texts
    that `Answer` can send.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "response_model": None})

    def get_route_handler(self) -> Callable[[Request], Any]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await answer(request)
            except ForeignPageError as error:  # no HTTPException, of which the WebUI's handler would hide the sentence
                response = refusal(str(error), 403)
            except UserError as error:
                response = refusal(in_the_tab(str(error)))
            except RequestValidationError as error:
                response = refusal(_sentence(error))
            except OSError as error:
                response = refusal(file_sentence(error))
            if request.method != "GET" and hasattr(request.state, "sd_finetune"):
                request.state.sd_finetune.lists.clear()
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            return response

        return handle


def image_file(path: Path, headers: dict[str, str] | None = None) -> FileResponse:
    """An image that a run has made; a file of any other kind that lies beside it is not shown to a browser."""
    if path.suffix.lower() != ".png":
        raise UserError(f"{path.name} is not an image of this run: choose one that is shown.")
    return FileResponse(path, media_type="image/png", headers=headers)


def refusal(sentence: str, code: int = 400) -> Response:
    """The answer that says why something cannot be done."""
    return Answer({"error": sentence}, status_code=code)


def file_sentence(error: OSError) -> str:
    """What the file system refuses, in a sentence."""
    place = error.filename if isinstance(error.filename, str) else "A file"
    return f"{place} cannot be used ({error.strerror or error}): mend that on this computer, or choose another one."


def _host_of(origin: str) -> str:
    """The host and port of an origin, "" of what is not an address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # such as http://[::1
        return ""


def _sentence(error: RequestValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    return f"{name or 'The request'} is not valid ({first['msg']}): correct it."
