"""A GPU without values, on which steps of a run are done: what waits for it, or mixes it with the CPU, is found.

Its tensors are torch's fake ones on a device that has no memory, which any torch knows. Reading a value of one, and
computing with one of the CPU, raise an error there; a copy to it or from it that would wait for a real GPU is noted.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_map_only

import sd_finetune
from benchmarks.activations import replaced
from sd_finetune.families import emphasis
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.sd1 import clip_states
from sd_finetune.families.sdxl import encoding
from sd_finetune.training import setup
from sd_finetune.training.prior import targets
from sd_finetune.training.step import batches, conditioning

GPU = torch.device("lazy")
SENDERS = (batches, conditioning, targets, clip_states, emphasis, encoding)
"""All that sends something there as it should."""
OURS = str(Path(sd_finetune.__file__).parent)
COPIES = ("aten._to_copy", "aten.copy_")


class Waits(TorchDispatchMode):
    """Notes each copy between the GPU and the CPU, by the line of ours that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if str(func).startswith(COPIES):
            kinds: set[str] = set()
            tree_map_only(Tensor, lambda tensor: kinds.add(tensor.device.type), (made, args))
            if len(kinds) > 1:
                self.found.append(_line_of_ours())
        return made


def _line_of_ours() -> str:
    frames = traceback.extract_stack()
    last = [frame for frame in frames if frame.filename.startswith(OURS)] or frames
    return f"{last[-1].filename}:{last[-1].lineno}: {last[-1].line}"


@contextmanager
def on_fake_gpu() -> Iterator[Waits]:
    """Runs that are prepared in the block are on the GPU from where their method is attached on.

    Images, latents, what the untrained model predicts ahead, and random numbers are the CPU's, with their values.
    """
    waits = Waits()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        stored, rows = setup.stored_targets, batches.Batches._rows

        def begin(run: Any, settings: Any, model: DiffusionModel, *others: Any) -> Any:
            found = stored(run, settings, model, *others)
            mode = stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
            stack.enter_context(waits)
            patch.setattr(nn.Module, "_apply", replaced)
            for module in (model.unet, *model.text_encoders.values()):
                module._apply(lambda tensor: _on_gpu(mode, tensor))
            model.alphas_cumprod = _on_gpu(mode, model.alphas_cumprod)
            return found

        patch.setattr(setup, "stored_targets", begin)
        patch.setattr(batches.Batches, "_rows", _with_values(rows))
        for module in SENDERS:
            patch.setattr(module, "sent_to", _sent_to)
        yield waits


def _on_gpu(mode: FakeTensorMode, tensor: Tensor) -> Tensor:
    with mode:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=GPU)


def _sent_to(device: torch.device, tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device) if device == GPU else tensor


def _with_values(function: Callable[..., Any]) -> Callable[..., Any]:
    def outside(*args: Any) -> Any:
        with _disable_current_modes():
            return function(*args)

    return outside
