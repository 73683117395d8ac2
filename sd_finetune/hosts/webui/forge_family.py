"""What Forge and its forks have in common beside what all WebUIs have.

Weights wait in RAM and move to the GPU when an image needs them. What is loaded may be in another precision than the
checkpoint, such as 8 bits, or have a LoRA merged in: it is always the file that is lent.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any

from ...settings.methods import ResultKind

FLAGS: dict[ResultKind, tuple[str, ...]] = {
    "checkpoint": ("ckpt_dir", "ckpt_dirs"),
    "lora": ("lora_dir", "lora_dirs"),
    "embedding": ("embeddings_dir",),
    "hypernetwork": ("hypernetwork_dir",),
}
"""By results, the flags for their folders: most name one, Neo's may name several."""


@contextmanager
def vram_freed(management: Any) -> Generator[None, None, None]:
    """All models go to RAM, and come back by themselves when an image needs them.

    management: the module that manages their memory. Unless it is forced, it keeps the cache of an AMD GPU.
    """
    import torch

    with torch.inference_mode():  # as they were loaded: elsewhere their tensors cannot be replaced
        management.unload_all_models()
    forced = "force" in signature(management.soft_empty_cache).parameters
    management.soft_empty_cache(**({"force": True} if forced else {}))
    yield


def unusable(name: str) -> Mapping[ResultKind, str]:
    """Results that none of them can use, with a sentence why. name: of the fork."""
    return {
        "hypernetwork": f"Hypernetworks have no effect on images in {name}: train a LoRA here, or train and use them "
        "in AUTOMATIC1111's WebUI."
    }


def no_toy(name: str) -> str:
    """Why none of them can generate with the example's toy checkpoint."""
    return (
        f"{name} cannot load the toy, which is smaller than all checkpoints that it knows: what it learned shows in "
        "the samples here, and AUTOMATIC1111's WebUI generates with it."
    )
