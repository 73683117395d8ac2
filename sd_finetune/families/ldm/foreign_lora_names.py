"""The names of tensors in LoRA files that diffusers and PEFT write, under the paths of the model's own layers.

unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight
base_model.model.mid_block.attentions.0.proj_in.lora_B.default.weight
unet.mid_block.attentions.0.proj_in.lora.down.weight
text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.up.weight
down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .lora_names import in_lora_file

PARTS = {"unet.": "lora_unet_", "text_encoder_2.": "lora_te2_", "text_encoder.": "lora_te1_"}
"""How a part's names begin in such a file, and in kohya's."""
STARTS = {
    **dict.fromkeys(
        ("down_blocks.", "mid_block.", "up_blocks.", "conv_in.", "conv_out.", "time_embedding.", "add_embedding."),
        "unet.",
    ),
    "text_model.": "text_encoder.",
}
"""Beginnings of paths where the part is not told, and which it is."""
HALVES = {"A": "lora_down.weight", "down": "lora_down.weight", "B": "lora_up.weight", "up": "lora_up.weight"}
_LAYER = re.compile(
    r"(?P<path>.+?)(?:\.lora_(?P<letter>[AB])(?:\.\w+)??|\.(?:lora|lora_linear_layer)\.(?P<half>down|up))\.weight"
)
_PROCESSOR = re.compile(r"(?P<path>.+)\.processor\.(?P<name>to_(?:q|k|v|out))_lora\.(?P<half>down|up)\.weight")
_MAGNITUDE = re.compile(r"(?P<path>.+)\.lora_magnitude_vector(?:\.\w+)??(?:\.weight)?")
_ALPHA = re.compile(r"(?P<path>.+)\.(?P<ending>alpha)")


class ForeignName(NamedTuple):
    """A tensor's name in such a file: `part` as in PARTS, without the dot, the path in it, and kohya's name."""

    part: str
    path: str
    layer: str
    ending: str


def foreign_name(name: str) -> ForeignName | None:
    """Of a tensor that diffusers or PEFT named; None for others, kohya's among them."""
    path, ending = _split(name.removeprefix("base_model.model."))
    if not path:
        return None
    start = next((start for start in PARTS if path.startswith(start)), "")
    part = start or next((own for begin, own in STARTS.items() if path.startswith(begin)), "")
    if not part:
        return None
    inner = path.removeprefix(start)
    return ForeignName(part.rstrip("."), inner, in_lora_file(PARTS[part], inner), ending)


def _split(name: str) -> tuple[str, str]:
    """The path and, in kohya's words, what the tensor is of it; two empty texts where that is not known."""
    if match := _PROCESSOR.fullmatch(name):
        own = f"{match['name']}.0" if match["name"] == "to_out" else match["name"]
        return f"{match['path']}.{own}", HALVES[match["half"]]
    if match := _LAYER.fullmatch(name):
        return match["path"], HALVES[match["letter"] or match["half"]]
    if match := _MAGNITUDE.fullmatch(name):
        return match["path"], "dora_scale"
    match = _ALPHA.fullmatch(name)
    return (match["path"], match["ending"]) if match else ("", "")
