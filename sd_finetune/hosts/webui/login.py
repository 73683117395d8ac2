"""The login that a WebUI requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

COOKIES = ("access-token", "access-token-unsecure")
"""As gradio names them; from gradio 4 on with an id of the page at the end."""


def is_logged_in(request: Request, api_auth: str | None) -> bool:
    """Whether the request comes from someone who may open the WebUI's page (--gradio-auth).

    Without a page, nobody may if there is a login for the API.

    Args:
        api_auth: the WebUI's flag --api-auth.
    """
    app = request.app
    if not hasattr(app, "tokens"):
        return not api_auth
    names = [f"{name}-{app.cookie_id}" if hasattr(app, "cookie_id") else name for name in COOKIES]
    token = next((request.cookies[name] for name in names if request.cookies.get(name)), None)
    return app.auth is None or app.tokens.get(token) is not None
