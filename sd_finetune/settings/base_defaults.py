"""What a base checkpoint makes of the options that are left to it: a run is made of the numbers, a form shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .groups.data import USUAL_RESOLUTION
from .methods import METHODS, RATE_OPTIONS
from .options import Settings
from .rates import Rates

RESOLUTION = "data.resolution"
Group = TypeVar("Group", bound=Any)


@dataclass(frozen=True)
class BaseDefaults:
    """resolution: side of the images that the checkpoint was trained on, in pixels.

    learning_rates: AdamW's, by method and by the name in RATE_OPTIONS, where they are others than the method's own.
    """

    resolution: int = USUAL_RESOLUTION
    learning_rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    def values(self, settings: Settings) -> dict[str, Any]:
        """By the option's full name, what its "auto" amounts to in these settings."""
        method = settings.method
        own = {fact: getattr(METHODS[method], fact) for fact in RATE_OPTIONS}
        own |= self.learning_rates.get(method, {})
        rates = {RATE_OPTIONS[fact]: Rates(settings.default_rate(fact, rate)) for fact, rate in own.items() if rate}
        return {RESOLUTION: self.resolution, **rates}


def resolved_for(settings: Settings, defaults: BaseDefaults) -> Settings:
    """The settings with what their "auto" amounts to for a base checkpoint; other options stay as they are."""
    for name, value in defaults.values(settings).items():
        group, _, option = name.partition(".")
        own = getattr(settings, group)
        if getattr(own, option) is None:
            settings = replace(settings, **{group: _with(own, option, value)})
    return settings


def _with(group: Group, option: str, value: Any) -> Group:
    return replace(group, **{option: value})
