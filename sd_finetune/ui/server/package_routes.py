"""Routes of the packages that are optional: what is offered here, installing one, stopping that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from ...own_packages.offers import offers
from ...settings.gpu_driver import gpu_kind
from ..projects.form import form
from ..projects.usable_here import unusable_methods
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT

router = APIRouter(route_class=Route, tags=["packages"])


@router.get("/packages")
def show(context: Context = CONTEXT) -> dict[str, Any]:
    """`offers` has each package with its `state`: installed, offered, or refused with the reason as `said`.

    `form` is the form with the choices that are there with these packages; the log of an installation is in the
    lists.
    """
    return {"offers": [asdict(each) for each in offers(gpu_kind())], "form": form(unusable_methods(context.host))}


@router.post("/packages/{package}/install", dependencies=CHANGE)
def install(package: str, context: Context = CONTEXT) -> dict[str, Any]:
    """Begin to install one of them, beside the host's own packages; answers at once."""
    context.installer.start(package)
    return {}


@router.post("/packages/stop", dependencies=CHANGE)
def stop(context: Context = CONTEXT) -> dict[str, Any]:
    """End the installation that goes on, without a trace."""
    context.installer.stop()
    return {}
