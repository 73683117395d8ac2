"""Hypernetwork: MLPs before the keys and values of every attention, in the WebUI's own format."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor

from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.fit.hypernetwork import chosen_widths, shape_of
from ..formats.hypernetwork import HypernetworkFile, read_hypernetwork, write_hypernetwork
from ..networks.hypernetwork import context_widths, hypernetwork_from_file, new_hypernetwork
from ..optimizers.parameter_group import ParameterGroup
from ..settings.options import Settings
from .method import Method, copy_into, weight_format


class HypernetworkMethod(Method):
    """Trains one `Hypernetwork`; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        self.steps_before = 0
        if settings.base.continue_from:
            file = read_hypernetwork(Path(settings.base.continue_from))
            self.network, self.steps_before = hypernetwork_from_file(model.unet, file), file.step
        else:
            widths = chosen_widths(settings, context_widths(model.unet))
            generator = torch.Generator().manual_seed(settings.train.seed)
            self.network = new_hypernetwork(model.unet, shape_of(settings), widths, generator)
        self.networks = {"unet": self.network}
        self.network.to(model.unet.device, weight_format(settings))
        self.network.attach()

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        cls(model, settings, base).detach()

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("unet", list(self.network.parameters()), self.settings.unet_learning_rate())]

    def trained_tensors(self) -> dict[str, Tensor]:
        return dict(self.network.named_parameters(prefix="unet"))

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        file = HypernetworkFile(
            shape=self.network.shape,
            pairs={width: (k.state_dict(), v.state_dict()) for width, k, v in self.network.modules_by_width()},
            name=path.stem,
            step=self.steps_before + int(metadata.get("ss_steps", 0)),
            checkpoint_hash=metadata.get("ss_new_sd_model_hash", "")[:10],
            checkpoint_name=Path(metadata.get("ss_sd_model_name", "")).stem,
            metadata=metadata,
        )
        write_hypernetwork(path, file, precision)

    def detach(self) -> None:
        self.network.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return self.network.detached()
