"""What an optimizer is built with."""

from __future__ import annotations

from typing import Any

from .optimizers import OPTIMIZERS
from .options import Settings


def optimizer_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of the settings' optimizer beside parameters and learning rates, by torch's names for them."""
    asked = settings.optimizer_options()
    betas = tuple(asked.pop(name) for name in ("beta1", "beta2", "beta3") if name in asked)
    return {**({"betas": betas} if betas else {}), **asked, **OPTIMIZERS[settings.optimizer.name].arguments}


def optimizer_text(settings: Settings) -> str:
    """The settings' optimizer as a file's metadata name it: "torch.optim.AdamW(betas=(0.9, 0.999),eps=1e-08)"."""
    arguments = ",".join(f"{name}={value}" for name, value in optimizer_arguments(settings).items())
    return f"{OPTIMIZERS[settings.optimizer.name].builds}({arguments})"
