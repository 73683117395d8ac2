"""Who may ask, and how an answer looks when something cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from ...errors import UserError
from ...hosts.host import Host


def login_required(host: Host) -> Callable[[Request], None]:
    """A dependency that refuses whoever lacks the host's login."""

    def check(request: Request) -> None:
        if not host.is_allowed(request):
            raise HTTPException(401, "Log in first.")

    return check


def same_origin(request: Request) -> None:
    """A dependency for what changes something: a browser must come from our own page, a script says no origin at all.

    Raises:
        HTTPException: 403, the request was sent by a page of another address.
    """
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "This was sent by a page of another address.")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "This was sent by a page of another address.")


class Route(APIRoute):
    """A route whose UserErrors become the answer {"error": sentence} with code 400."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except UserError as error:
                return JSONResponse({"error": str(error)}, status_code=400)

        return handle
