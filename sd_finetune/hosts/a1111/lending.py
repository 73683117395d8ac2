"""Frees the WebUI's GPU for a job of ours and lends it the loaded weights; both are given back in any case."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from modules import devices, sd_models, sd_unet, sd_vae
from torch import Tensor

from ...families.recognition import VAE
from .weights import in_ram

log = logging.getLogger(__name__)


@contextmanager
def lent(checkpoint: Path) -> Generator[Path, None, None]:
    """Free the VRAM, and yield a file with the weights of `checkpoint`: that one, or one in RAM if it is loaded.

    To be called in one's turn.
    """
    model = loaded_model()
    if model is None:
        yield checkpoint
        return
    restore_lora_weights(model)
    with _weights_in_ram(model, checkpoint) as weights, _vram_freed(model):
        yield weights or checkpoint


@contextmanager
def vram_freed() -> Generator[None, None, None]:
    """Free the VRAM for a worker that has its weights already. To be called in one's turn."""
    model = loaded_model()
    if model is None:
        yield
        return
    restore_lora_weights(model)
    with _vram_freed(model):
        yield


def loaded_model() -> Any:
    """The model that the WebUI has loaded, or is just loading; None without one."""
    with sd_models.model_data.lock:
        return sd_models.model_data.sd_model


def is_loaded(model: Any, checkpoint: Path) -> bool:
    """Whether `model` was loaded from that file."""
    return model is not None and Path(model.sd_checkpoint_info.filename).resolve() == checkpoint.resolve()


@contextmanager
def _weights_in_ram(model: Any, checkpoint: Path) -> Generator[Path | None, None, None]:
    if not is_loaded(model, checkpoint):
        yield None
        return
    with in_ram(checkpoint, state_with_own_vae(model)) as file:
        yield file


def restore_lora_weights(model: Any) -> None:
    """Restore the weights that LoRAs changed in place; they are applied again for the next image that uses them."""
    networks: Any = sys.modules.get("networks")  # of the WebUI's own Lora extension, which may be switched off
    if networks is None or not hasattr(model, "network_layer_mapping"):
        return
    networks.loaded_networks.clear()
    with torch.no_grad():
        for layer in model.network_layer_mapping.values():
            if getattr(layer, "network_current_names", ()):
                networks.network_apply_weights(layer)


def state_with_own_vae(model: Any) -> dict[str, Tensor]:
    """The model's tensors by name, with the checkpoint's VAE where another one replaces it."""
    state: dict[str, Tensor] = model.state_dict()
    own = sd_vae.get_base_vae(model) or {}
    return {**state, **{VAE + name: tensor for name, tensor in own.items()}}


@contextmanager
def _vram_freed(model: Any) -> Generator[None, None, None]:
    """Every loaded model is off the GPU while the block runs; afterwards the one in use is back."""
    unet_option = sd_unet.current_unet_option
    try:
        if sd_unet.current_unet is not None:
            sd_unet.apply_unet("None")
        for each in {id(m): m for m in (model, *sd_models.model_data.loaded_sd_models)}.values():
            sd_models.send_model_to_cpu(each)
        devices.torch_gc()
        yield
    finally:
        _give_back(model, unet_option)


def _give_back(model: Any, unet_option: Any) -> None:
    current = loaded_model()
    if current is not model:  # another one was loaded meanwhile, and is on the GPU
        return
    try:
        sd_models.send_model_to_device(model)
        if unet_option is not None:
            sd_unet.apply_unet()
        return
    except Exception:
        log.exception("Could not move the model back to the GPU, so the checkpoint is loaded again")
    _load_again(model)  # here nothing holds on to the exception, and so to what was being moved


def _load_again(model: Any) -> None:
    """Load its checkpoint. What came back of the model goes first: without room for one there is none for two."""
    sd_models.model_data.loaded_sd_models.clear()
    sd_models.model_data.sd_model = None
    sd_models.send_model_to_trash(model)
    devices.torch_gc()
    sd_models.load_model(model.sd_checkpoint_info)
