"""What a snapshot keeps of an optimizer, so that a resumed run is the same run.

An optimizer keeps tensors for each parameter in its `state`, but some keep numbers in `param_groups` too, among the
settings of the run: Prodigy the learning rate that it has found, others a count of steps or a sum of weights. Kept are
those of them that changed while training, and of the settings none, so that what a person has changed since counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..settings.optimizers import OPTIMIZERS
from .bf16_weights import weight_of
from .optimizer import Group

OF_THE_RUN = {"params", "numbers", "name", "lr", "initial_lr", "betas", "eps", "weight_decay"}
"""What settings and method say of a group, with the learning rate that the schedule makes of it."""


def kept_state(optimizer: torch.optim.Optimizer, name: str) -> dict[str, Any]:
    """Plain values and tensors of optimizer `name`: `optimizer`, `state`, and `groups` by name.

    Of a group that is what the table says that the optimizer keeps, and whatever else is not as it was built. Groups of
    one name, of which some do not decay, are stepped together and keep the same. The state goes by the parameters'
    numbers, whatever decays.
    """
    numbers = _numbers(optimizer)
    return {
        "optimizer": name,
        "state": {numbers[place]: value for place, value in optimizer.state_dict()["state"].items()},
        "groups": {
            group["name"]: _kept_of(group, optimizer.defaults, OPTIMIZERS[name].keeps)
            for group in optimizer.param_groups
        },
    }


def put_back(optimizer: torch.optim.Optimizer, name: str, kept: Mapping[Any, Any]) -> None:
    """Take over what `kept_state` returned, or the bare `state` of AdamW that earlier snapshots have.

    Learning rates, betas, eps and decay stay as the optimizer was built with.

    Raises:
        UserError: it is the state of another optimizer.
    """
    whole: Mapping[Any, Any] = kept if "state" in kept else {"optimizer": "adamw", "state": kept, "groups": {}}
    if whole["optimizer"] != name:
        raise UserError(
            f'optimizer.name = "{name}" cannot go on from the state of {whole["optimizer"]} in the snapshot: set it to '
            f'"{whole["optimizer"]}", or start a new run.'
        )
    groups = optimizer.state_dict()["param_groups"]
    for group in groups:
        group |= _on_device(whole["groups"].get(group["name"], {}), _device(optimizer))
    places = {number: place for place, number in enumerate(_numbers(optimizer))}
    state = {places[number]: value for number, value in whole["state"].items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    _lay_out_as_weights(optimizer)


def _numbers(optimizer: torch.optim.Optimizer) -> list[int]:
    """Which of all parameters the optimizer's are, in its own order: as its groups say, else in that order."""
    known = [group.get("numbers") for group in optimizer.param_groups]
    if None in known:
        return list(range(sum(len(group["params"]) for group in optimizer.param_groups)))
    return [number for numbers in known for number in numbers or ()]


def _lay_out_as_weights(optimizer: torch.optim.Optimizer) -> None:
    """Give what is kept of each weight that weight's order in memory: fused kernels go through both side by side."""
    for known_as in (known for group in optimizer.param_groups for known in group["params"]):
        weight, state = weight_of(known_as), optimizer.state.get(known_as, {})
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape and value.stride() != weight.stride():
                state[name] = torch.empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)


def _kept_of(group: Group, built_with: Mapping[str, Any], keeps: tuple[str, ...]) -> Group:
    return {
        name: value
        for name, value in group.items()
        if name in keeps or (name not in OF_THE_RUN and not (name in built_with and _same(value, built_with[name])))
    }


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, Tensor) or isinstance(other, Tensor):
        return isinstance(value, Tensor) and isinstance(other, Tensor) and torch.equal(value, other)
    return type(value) is type(other) and value == other


def _device(optimizer: torch.optim.Optimizer) -> torch.device:
    return optimizer.param_groups[0]["params"][0].device


def _on_device(group: Group, device: torch.device) -> Group:
    return {name: value.to(device) if isinstance(value, Tensor) else value for name, value in group.items()}
