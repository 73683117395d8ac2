"""Puts the tab together: all routes under /sd_finetune for any server, and a server of our own."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI

from . import (
    cache_routes,
    caption_routes,
    check_routes,
    concept_routes,
    generate_routes,
    grid_routes,
    package_routes,
    page_routes,
    preset_routes,
    project_routes,
    rate_routes,
    run_routes,
)
from .context import Context
from .guard import Answer, login_required

PREFIX = "/sd_finetune"
ROUTES = (
    project_routes,
    run_routes,
    concept_routes,
    grid_routes,
    check_routes,
    caption_routes,
    cache_routes,
    generate_routes,
    package_routes,
    rate_routes,
    preset_routes,
    page_routes,
)


def make_router(context: Context) -> APIRouter:
    """Everything that the page asks for; each route asks for the host's login. For `app.include_router`."""
    router = APIRouter(prefix=PREFIX, default_response_class=Answer, dependencies=[Depends(login_required(context))])
    for part in ROUTES:
        router.include_router(part.router)
    return router


def make_app(context: Context) -> FastAPI:
    """A server with the tab as its only page. Its JSON routes are documented in /openapi.json.

    All of it asks for the host's login: FastAPI's own routes would not.
    """
    app = FastAPI(title="SD Fine-Tune", openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(make_router(context))
    app.include_router(page_routes.own_page, dependencies=[Depends(login_required(context))])
    return app
