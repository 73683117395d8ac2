"""An empty cache for the Hugging Face libraries of our own processes, which download nothing.

diffusers and transformers look for an old layout of the user's cache when they are imported. transformers takes a
cache that only diffusers has marked for one: it prints a paragraph ("very likely that all your calls ... will fail")
and moves files. In this folder both find their mark, so they neither print nor touch anything.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

CACHE_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
"""The newer and the older name of the cache's place; the libraries of WebUI v1.10.1 read the older one too."""
DEPRECATED_VARIABLES = ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE")
"""They go before the others, and transformers warns of each."""


def use_empty_hub_cache() -> None:
    """Point this process and those that it starts at the empty cache; before the libraries are imported."""
    for name in CACHE_VARIABLES:
        os.environ[name] = str(Path(__file__).parent)
    for name in DEPRECATED_VARIABLES:
        os.environ.pop(name, None)


def hide_missing_kernels() -> None:
    """Hide that bitsandbytes lacks the package kernels on a CPU: it is for inference in 4 bits, which is not used here.

    diffusers imports bitsandbytes wherever it is installed, and 0.50 warns at that.
    """
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
