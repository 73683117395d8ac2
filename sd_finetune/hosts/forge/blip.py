"""BLIP in Forge, which is moved to the GPU and off it by its memory management."""

# pyright: reportMissingImports=false
# `modules` and `backend` are Forge's, which are there only while its process runs us.

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from backend import memory_management
from backend.patcher.base import ModelPatcher
from modules import shared
from PIL.Image import Image

from ..webui.interrogators import no_blip, refuse


@contextmanager
def blip() -> Generator[Callable[[Image], str], None, None]:
    """BLIP on its device; Forge's own `load` would want CLIP as well."""
    refuse(no_blip())
    models = shared.interrogator
    if models.blip_model is None:
        models.blip_model = models.load_blip_model().to(device=models.offload_device, dtype=models.dtype)
        devices = {"load_device": models.load_device, "offload_device": models.offload_device}
        models.blip_patcher = ModelPatcher(models.blip_model, **devices)
    memory_management.load_models_gpu([models.blip_patcher])
    yield models.generate_caption
