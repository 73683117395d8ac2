"""What routes are given: the context, and the project and the run that their address names."""

from __future__ import annotations

from fastapi import Depends, Request

from ...runs.folder import RunFolder
from ..projects.project import Project
from .context import Context


async def the_context(request: Request) -> Context:
    """The context that the login has handed over, see guard.login_required."""
    return request.state.sd_finetune


CONTEXT = Depends(the_context)


def the_project(name: str, context: Context = CONTEXT) -> Project:
    """The project that {name} stands for. Raises UserError if there is none."""
    return context.project(name)


def the_run(name: str, run: str, context: Context = CONTEXT) -> RunFolder:
    """The run that {run} stands for. Raises UserError if there is none."""
    return context.run(name, run)


PROJECT = Depends(the_project)
RUN = Depends(the_run)
