"""The CLIP text encoder that checkpoints have without a projection."""

from __future__ import annotations

from typing import Any

from transformers import CLIPTextConfig, CLIPTextModelWithProjection  # pyright: ignore[reportMissingTypeStubs]


class ClipTextEncoder(CLIPTextModelWithProjection):
    """transformers' text encoder, its network in `text_model`, after which checkpoints and LoRAs name the layers.

    CLIPTextModel has it there up to transformers 4 and is that network itself since 5; the one with a projection is the
    same in all of them, and goes without its projection here.
    """

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        del self.text_projection

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The network's answer, as CLIPTextModel gives it."""
        return self.text_model(*args, **kwargs)
