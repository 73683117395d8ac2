"""Paths of the demo's files in the package."""

from __future__ import annotations

from pathlib import Path

DEMO_FOLDER = Path(__file__).parent
TOY_CHECKPOINT = DEMO_FOLDER / "toy" / "toy.safetensors"
SUBJECT_FOLDERS = DEMO_FOLDER / "subjects"
