"""What of the low-rank options contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator

from .algorithms import ALGORITHMS, algorithms_with
from .faults import Broken
from .groups.lora import Lora
from .options import Settings


def options_of_algorithm(settings: Settings) -> Iterator[Broken]:
    """Options that another algorithm uses, which are not as they are by default."""
    asked, default = settings.lora, Lora()
    if settings.method != "lora":
        return
    for name in sorted({option for facts in ALGORITHMS.values() for option in facts.options}):
        value, users = getattr(asked, name), algorithms_with(name)
        if value != getattr(default, name) and asked.algorithm not in users:
            told = str(value).lower() if isinstance(value, bool) else value
            sentence = (
                f'lora.{name} = {told} is not for lora.algorithm "{asked.algorithm}", only for {", ".join(users)}'
            )
            way_out = str(getattr(default, name)).lower()
            yield (f"lora.{name}", "lora.algorithm"), f"{sentence}: set it to {way_out}, or choose another algorithm."
