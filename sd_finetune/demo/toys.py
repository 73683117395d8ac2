"""The toys that the demo can train: one of each family, and SDXL's with v-prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..settings.options import Settings
from ..settings.read import read_toml
from .paths import DEMO_FOLDER, TOY_CHECKPOINT


@dataclass(frozen=True)
class Toy:
    """One of them.

    ready: its checkpoint's path; one that does not come whole is made in the given folder, unless it is there.
    changes: of the demo's settings, by method, as `--set` takes them.
    """

    ready: Callable[[Path], Path]
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def settings(self, method: str, folder: Path) -> Settings:
        """The demo's settings for a method; the checkpoint is made ready in `folder`."""
        settings = read_toml(DEMO_FOLDER / f"{method}.toml", list(self.changes.get(method, ())))
        return replace(settings, base=replace(settings.base, checkpoint=str(self.ready(folder).absolute())))


SDXL_CHANGES = {
    # Four of five of all parameters are in embeddings of words that no caption has.
    "dreambooth": (
        "train.train_text_encoder=false",
        "train.unet_learning_rate=1e-3",
        "prior.weight=0.5",
        "prior.source=images",
    ),
    # Its attention sees squares of 4 x 4 at most, too coarse for a subject of two halves.
    "lora": ("lora.conv_rank=8", "train.unet_learning_rate=3e-3", "prior.source=images"),
}


def _expanded(name: str) -> Callable[[Path], Path]:
    def ready(folder: Path) -> Path:
        from .expand_xl import expand  # imports diffusers, which a WebUI need not have

        return expand(folder, name)

    return ready


TOYS: Mapping[str, Toy] = {
    "sd1": Toy(ready=lambda _: TOY_CHECKPOINT),
    "sdxl": Toy(_expanded("sdxl"), SDXL_CHANGES),
    "sdxl-v": Toy(_expanded("sdxl-v"), SDXL_CHANGES),
}
