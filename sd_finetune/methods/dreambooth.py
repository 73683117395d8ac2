"""DreamBooth: all weights of the UNet, and optionally the text encoder's (arXiv 2208.12242)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ..formats.diffusers_result import write_folder
from ..formats.fit.checkpoint import described_by
from ..formats.vae_file import with_vae_of
from ..optimizers.parameter_group import ParameterGroup
from ..settings.options import Settings
from .method import Method, copy_into, learning_rate_of, trained_parts, weight_format


class DreamBoothMethod(Method):
    """Trains the model's own weights, in the format of `train.weights` whatever the forward pass computes in."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings, self.base = settings, _start_checkpoint(settings, base)
        self.networks: Mapping[str, nn.Module] = {}
        self.modules: dict[str, nn.Module] = {part: model.module(part) for part in trained_parts(model, settings)}
        for part, encoder in model.text_encoders.items():
            if part not in self.modules and self.base is not base:
                _load_copies(encoder, self.base.parts[part], encoder.dtype)
        for part, module in self.modules.items():
            _load_copies(module, self.base.parts[part], weight_format(settings))
            module.requires_grad_(True)

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        _start_checkpoint(settings, base)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup(part, list(module.parameters()), learning_rate_of(part, self.settings))
            for part, module in self.modules.items()
        ]

    def trained_tensors(self) -> dict[str, Tensor]:
        return {f"{part}.{name}": value for part, m in self.modules.items() for name, value in m.named_parameters()}

    @classmethod
    def result_warnings(cls, base: Checkpoint) -> list[str]:
        if not base.has_ema:
            return []
        return [
            f"{base.path.name} has EMA weights (model_ema) beside its own. Results leave them out, as they would be "
            "older than the trained weights."
        ]

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        trained = {
            part: {name: value.detach() for name, value in module.named_parameters()}
            for part, module in self.modules.items()
        }
        write = write_folder if self.settings.output.layout == "diffusers" else write_checkpoint
        write(path, self.base, trained, precision, metadata)

    def detach(self) -> None:
        for module in self.modules.values():
            module.requires_grad_(False)

    def untrained(self) -> AbstractContextManager[None]:
        """Not supported: it would take a second model. Its predictions are precomputed before construction."""
        raise RuntimeError("DreamBooth trains the model's own weights, so there is no untrained model beside it")


def _start_checkpoint(settings: Settings, base: Checkpoint) -> Checkpoint:
    """The checkpoint to start from: the base checkpoint, or the one to continue from, which has the same sizes.

    Its VAE is always the base's, which encodes the images that are trained.
    """
    if not settings.base.continue_from:
        return base
    config = described_by(settings, base.path)
    earlier = read_checkpoint(Path(settings.base.continue_from), fallback_config=config)
    earlier.refuse_not_finite()
    return with_vae_of(earlier, base)


def _load_copies(module: nn.Module, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Replace the module's weights by copies of `tensors`, directly from the file's precision.

    One after the other, so that a GPU never holds the old and the new ones.
    """
    for name, parameter in module.named_parameters():
        parameter.data = tensors[name].to(parameter.device, dtype, copy=True)
