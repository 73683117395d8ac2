"""Describes a model file.

identify(path) -> Description(name, kind, base, details, derivation, training), .text to show
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..reading.door import reader
from .base_file import base_tensors
from .checkpoint_config import find_config
from .classify import classify, in_words
from .summary import derivation_of, details_of, origin_of, training_of
from .tensor_file import not_finite
from .use import use_of


@dataclass(frozen=True)
class Description:
    """What a file is. `kind` and `base` are keys of KINDS and BASES; base is "" when it is unknown."""

    name: str
    kind: str
    base: str
    use: str
    """Whether it can be used here, and for what, or what to do."""
    details: dict[str, str]
    """What its tensors say: rank, precision, missing parts."""
    derivation: dict[str, str]
    """If a command made it from other files: which command, and which files."""
    training: dict[str, str]
    """How it, or what it was made from, was trained, by its metadata."""

    @property
    def text(self) -> str:
        """A few lines to show."""
        lines = [f"{self.name}: {in_words(self.kind, self.base)}"]
        lines += [f"  {name}: {value}" for name, value in {"use here": self.use, **self.details}.items()]
        heading = "Training of the source:" if self.derivation else "Training:"
        for title, facts in (("Made from other files:", self.derivation), (heading, self.training)):
            lines += [title, *(f"  {name}: {value}" for name, value in facts.items())] if facts else []
        return "\n".join(lines)


@reader
def identify(path: Path) -> Description:
    """Describe a checkpoint, LoRA, embedding, hypernetwork or VAE.

    Raises:
        UserError: the file is missing, damaged, or neither a .safetensors nor a safe pickle.
    """
    file = base_tensors(path)
    kind, base = classify(file.layout)
    config = find_config(path, file.metadata) if kind == "checkpoint" else None
    details = details_of(kind, base, file)
    origin = origin_of(file.tensors, file.metadata, config.text if config else None)
    if "sd_checkpoint_name" in details:  # the same in the WebUI's words
        origin.pop("made from", None)
    details |= origin
    broken = not_finite(file.tensors)
    if broken:
        details["damaged"] = f"NaN or infinite values in {len(broken):,} of {len(file.tensors):,} tensors"
    use = use_of(kind, base, file.layout)
    return Description(path.name, kind, base, use, details, derivation_of(file.metadata), training_of(file.metadata))
