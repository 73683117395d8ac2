"""The WebUI's own models that caption images, where they lie on the disk already.

They are used as its former Preprocess tab did: BLIP's sentence without what CLIP adds of artists and styles, and
deepbooru's tags without their scores, which in a caption would be emphasis. Its settings of both apply (Settings,
Interrogate).
"""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from modules import deepbooru, devices, modelloader, paths, shared, torch_utils
from PIL.Image import Image

from ...errors import UserError
from ..host import Interrogator

BLIP, DEEPBOORU = "BLIP", "torch_deepdanbooru"
"""Folders of the WebUI's models, as it calls them."""
TOKENIZER = "bert-base-uncased"
"""BLIP's, which its code takes from the cache of Hugging Face's libraries, or else downloads."""
HOW_TO_GET = (
    "The WebUI has no model for {title} yet: press Interrogate {button} once in its tab img2img, which downloads it."
)

Ready = Callable[[], AbstractContextManager[Callable[[Image], str]]]
"""As Interrogator.ready."""


def interrogators(blip: Ready | None = None) -> list[Interrogator]:
    """Both, in the order in which the WebUI shows them. blip: what a fork has for it on the GPU."""
    return [
        Interrogator("blip", "BLIP, a sentence", no_blip(), blip or plain_blip),
        Interrogator("deepbooru", "deepbooru, tags", _no_deepbooru(), tagger),
    ]


@contextmanager
def plain_blip() -> Generator[Callable[[Image], str], None, None]:
    """BLIP on its device; the WebUI's own `load` would want CLIP as well."""
    refuse(no_blip())
    models = shared.interrogator
    if models.blip_model is None:
        models.blip_model = models.load_blip_model()
        if not shared.cmd_opts.no_half and not models.running_on_cpu:
            models.blip_model = models.blip_model.half()
    models.blip_model = models.blip_model.to(devices.device_interrogate)
    models.dtype = torch_utils.get_param(models.blip_model).dtype
    try:
        yield models.generate_caption
    finally:
        models.send_blip_to_ram()
        devices.torch_gc()


@contextmanager
def moved_blip(management: Any, patcher: Any) -> Generator[Callable[[Image], str], None, None]:
    """BLIP in the Forge family, which is moved to the GPU and off it by what manages its memory.

    patcher: the class of what is moved. Forge's own `load` would want CLIP as well.
    """
    refuse(no_blip())
    models = shared.interrogator
    if models.blip_model is None:
        models.blip_model = models.load_blip_model().to(device=models.offload_device, dtype=models.dtype)
        places = {"load_device": models.load_device, "offload_device": models.offload_device}
        models.blip_patcher = patcher(models.blip_model, **places)
    management.load_models_gpu([models.blip_patcher])
    yield models.generate_caption


@contextmanager
def tagger() -> Generator[Callable[[Image], str], None, None]:
    """deepbooru on its device."""
    refuse(_no_deepbooru())
    deepbooru.model.start()
    try:
        yield lambda image: deepbooru.model.tag_multi(image, force_disable_ranks=True)
    finally:
        deepbooru.model.stop()


def no_blip() -> str:
    """Why BLIP cannot be used now; "" where it can."""
    there = shared.interrogator.blip_model is not None or (_has_file(BLIP, ".pth") and _has_tokenizer())
    return "" if there else HOW_TO_GET.format(title="BLIP", button="CLIP")


def _no_deepbooru() -> str:
    there = deepbooru.model.model is not None or _has_file(DEEPBOORU, ".pt")
    return "" if there else HOW_TO_GET.format(title="deepbooru", button="DeepBooru")


def _has_file(folder: str, ending: str) -> bool:
    """As the WebUI looks for it before it downloads one."""
    return bool(modelloader.load_models(model_path=str(Path(paths.models_path) / folder), ext_filter=[ending]))


def _has_tokenizer() -> bool:
    try:
        from transformers.utils import cached_file

        return bool(cached_file(TOKENIZER, "vocab.txt", local_files_only=True))
    except Exception:  # not only OSError: where it is broken it cannot be used either
        return False


def refuse(missing: str) -> None:
    """Else the WebUI would download the model, which nobody has agreed to."""
    if missing:
        raise UserError(missing)
