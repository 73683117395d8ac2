"""Importing the libraries takes most of a worker's start: without what they import for nothing, it is half."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

from ..hidden_modules import hidden

UNNEEDED = ("bitsandbytes", "flax", "jax", "peft", "scipy", "sklearn", "tensorboard", "tensorflow")
"""diffusers, transformers and accelerate import them, where they are installed, for what is not used here: quantized
models, their own LoRA layers, other frameworks, a schedule of noise. bitsandbytes alone brings torch's compiler."""


@contextmanager
def unneeded_packages_hidden() -> Generator[None, None, None]:
    """While the block runs, packages that are not needed count as not installed; those imported before stay.

    The libraries that are imported in the block find this out once and keep to it; afterwards an optimizer of
    bitsandbytes is imported as ever.
    """
    with hidden(UNNEEDED):
        yield


@contextmanager
def nothing_collected() -> Generator[None, None, None]:
    """While the block runs, Python does not look for garbage; what is there at its end is never looked through again.

    Imports make hundreds of thousands of objects that stay, and each look at them all takes a tenth of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
