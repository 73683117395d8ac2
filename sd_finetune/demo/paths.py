"""Paths of the demo's files in the package, and the names of its toys."""

from __future__ import annotations

from pathlib import Path

DEMO_FOLDER = Path(__file__).parent
TOY_CHECKPOINT = DEMO_FOLDER / "toy" / "toy.safetensors"
TRAINED_XL = DEMO_FOLDER / "toy_xl" / "trained.safetensors"
"""What of the toy SDXL was trained; `expand_xl` makes checkpoints of it."""
TRAINED_XL_V = TRAINED_XL.with_name("v.safetensors")
"""What its variant with v-prediction has instead."""
FAMILIES = ("sd1", "sdxl", "sdxl-v")
"""The toys by what they are: Stable Diffusion 1, SDXL, SDXL with v-prediction. The first is the usual one."""
SUBJECT_FOLDERS = DEMO_FOLDER / "subjects"
