"""What can be done with a model file here, in a sentence; needs no torch.

use_of(kind, base, layout) -> sentence
"""

from __future__ import annotations

from ..families.ldm.foreign_lora_names import foreign_name
from ..families.recognition import BASES
from ..families.table import FAMILIES, supported_titles
from ..reading.layout import Layout
from ..settings.algorithms import ALGORITHMS, KNOWN_ENDINGS
from .classify import WORDS
from .parts import missing_parts

USES = {
    "embedding": "base.continue_from of a Textual Inversion, and --embedding of `sample`",
    "hypernetwork": "base.continue_from of a hypernetwork, and --hypernetwork of `sample`",
}
ELSEWHERE = {
    "unet": "no: a UNet alone has neither VAE nor text encoder: choose the whole checkpoint that it belongs to",
    "vae": "no: training uses the VAE in the checkpoint; in the WebUI it belongs into models/VAE",
    "text encoder": "no: choose the whole checkpoint that it belongs to",
    "controlnet": "no: it belongs to the WebUI's extension ControlNet",
    "adapter": "no: it belongs to the WebUI's extension ControlNet",
    "ip-adapter": "no: it belongs to the WebUI's extension ControlNet",
    "motion": "no: it belongs to the WebUI's extension AnimateDiff",
    "upscaler": "no: in the WebUI it belongs into models/ESRGAN",
    "optimizer": "no: choose the embedding or hypernetwork that lies beside it",
    "unknown": "no: nothing here reads it",
}


def use_of(kind: str, base: str, layout: Layout) -> str:
    """Whether it can be used here, and for what, or what to do. `kind`, `base`: as `classify` finds them."""
    if kind in ELSEWHERE:
        return ELSEWHERE[kind]
    if base and base not in FAMILIES:
        return f"no: it is for {BASES[base]}, and only {supported_titles()} is supported here"
    if kind == "lora":
        return _use_of_lora(layout)
    if kind == "checkpoint":
        missing = missing_parts(base, layout.tensors)
        if missing:
            return f"no: it has no {' and no '.join(missing)}: choose a whole checkpoint"
        return "base.checkpoint of a training, and --checkpoint of `sample`"
    return USES[kind]


def _use_of_lora(layout: Layout) -> str:
    layers = (name for name in layout.tensors if not name.startswith(WORDS))
    if all(foreign_name(name) or name.partition(".")[2] in KNOWN_ENDINGS for name in layers):
        return "base.continue_from of a LoRA, and --lora of `sample` and `merge`"
    titles = ", ".join(facts.title for facts in ALGORITHMS.values())
    return f"not in training and `sample`, which read {titles} and DoRA; the WebUI may read it"
