"""The toy of the whole runs, for the files that they write."""

from __future__ import annotations

from tests.recipe.conftest import _fresh_accelerator, toy

__all__ = ["_fresh_accelerator", "toy"]
