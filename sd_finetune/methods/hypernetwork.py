"""Hypernetwork: MLPs before the keys and values of every attention, in the WebUI's own format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ..errors import UserError
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from ..networks.hypernetwork import Hypernetwork, context_widths, hypernetwork_from_file, new_hypernetwork
from ..optimizers.parameter_group import ParameterGroup
from ..settings.layer_structure import numbers
from ..settings.options import Settings
from .method import Method, copy_into, weight_format


class HypernetworkMethod(Method):
    """Trains one `Hypernetwork`; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        self.steps_before = 0
        widths = _chosen_widths(settings.hypernetwork.sizes, context_widths(model.unet))
        if settings.base.continue_from:
            file = read_hypernetwork(Path(settings.base.continue_from))
            self.network, self.steps_before = _from_file(model, file, settings, widths), file.step
        else:
            generator = torch.Generator().manual_seed(settings.train.seed)
            self.network = new_hypernetwork(model.unet, shape_of(settings), widths, generator)
        self.networks = {"unet": self.network}
        self.network.to(model.unet.device, weight_format(settings))
        self.network.attach()

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        cls(model, settings, base).detach()

    @classmethod
    def ending(cls, settings: Settings) -> str:
        return ".pt"

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


def shape_of(settings: Settings) -> HypernetworkShape:
    """The shape of the MLPs by the settings."""
    options = settings.hypernetwork
    structure = numbers(options.layer_structure)
    return HypernetworkShape(
        layer_structure=structure,
        activation=options.activation,
        layer_norm=options.layer_norm,
        dropout_structure=numbers(options.dropout_structure) or (0.0,) * len(structure),
        activate_output=options.activate_output,
        initialization=options.initialization,
    )


def _chosen_widths(sizes: str, known: list[int]) -> list[int]:
    """The context widths that get layers: those of the setting, or all."""
    widths = [int(width) for width in numbers(sizes)] or known
    missing = [width for width in widths if width not in known]
    if missing:
        raise UserError(
            f'hypernetwork.sizes = "{sizes}" has the width {missing[0]}, but the contexts of this checkpoint have '
            f"{', '.join(map(str, known))}: choose from these, or leave it empty for all."
        )
    return list(dict.fromkeys(widths))


def _from_file(model: DiffusionModel, file: HypernetworkFile, settings: Settings, widths: list[int]) -> Hypernetwork:
    """The hypernetwork to continue from.

    Raises:
        UserError: it is for another kind of checkpoint, or of another shape or other widths than in the settings.
    """
    network = hypernetwork_from_file(model.unet, file)
    unused = [width for width in file.pairs if width not in network.widths]
    if unused:
        raise UserError(
            f"base.continue_from = {settings.base.continue_from} has layers for width {unused[0]}, but the contexts "
            f"of this checkpoint have {', '.join(map(str, context_widths(model.unet)))}: choose one that was trained "
            "on this kind of checkpoint."
        )
    wanted, found = shape_of(settings), replace(file.shape, initialization=settings.hypernetwork.initialization)
    other = {name: value for name, value in asdict(found).items() if value != asdict(wanted)[name]}
    if set(network.widths) != set(widths):
        other["sizes"] = tuple(network.widths)
    if other:
        way_out = " and ".join(f"hypernetwork.{name} = {_as_written(value)}" for name, value in other.items())
        raise UserError(
            f"base.continue_from = {settings.base.continue_from} does not have the shape of the settings: "
            f"set {way_out}."
        )
    return network


def _as_written(value: Any) -> str:
    """A value in TOML, where lists of numbers are texts."""
    if isinstance(value, tuple):
        listed = cast("tuple[float, ...]", value)
        return f'"{", ".join(str(int(number) if number == int(number) else number) for number in listed)}"'
    return json.dumps(value)
