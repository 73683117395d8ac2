"""Routes of the trial of learning rates: start it, what it has found, and its use."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ...errors import UserError
from ...settings.plain import with_values
from ..jobs.training import rate_trial_job
from ..projects.project import Project
from ..projects.rate_trials import describe_trial
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

router = APIRouter(route_class=Route, tags=["projects"])


@router.get("/projects/{name}/rates")
def show(project: Project = PROJECT) -> dict[str, Any]:
    """`tried`: how many learning rates; `suggested`: the one to use, null without; `option`: its setting.

    `curve`: the losses over the learning rate as an SVG drawing, "" as long as there are none.
    """
    return describe_trial(project)


@router.post("/projects/{name}/rates/find", dependencies=CHANGE)
def find(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Try learning rates with the project's settings; answers at once."""
    context.runner.start(lambda: rate_trial_job(context.host, project))
    return {}


@router.post("/projects/{name}/rates/use", dependencies=CHANGE)
def use(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Put what the latest trial suggests into the project's settings."""
    found = describe_trial(project)
    if found["suggested"] is None:
        raise UserError("No learning rate was found yet: press Find learning rate.")
    with context.saving:
        project.replace_settings(with_values(project.settings(), {found["option"]: found["suggested"]}))
    return {}
