"""Who may ask, and how an answer looks when something cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from ...errors import UserError
from .context import Context


def login_required(context: Context) -> Callable[[Request], None]:
    """A dependency of all routes: refuses whoever lacks the host's login, and hands the context to those who have it.

    A route that has not asked for the login has no context to work on.
    """

    def check(request: Request) -> None:
        if not context.host.is_allowed(request):
            raise HTTPException(401, "Log in first.")
        request.state.sd_finetune = context

    return check


def same_origin(request: Request) -> None:
    """A dependency for what changes something: a browser must come from our own page, a script sends no origin at all.

    Raises:
        HTTPException: 403, the request was sent by a page of another address.
    """
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if elsewhere or request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "Cross-origin request refused: it was sent by a page of another address.")


CHANGE = [Depends(same_origin)]
"""The dependencies of a route that changes something."""


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
