"""The tensors of a text encoder in transformers' module, and where OpenCLIP's layout has them.

OpenCLIP keeps query, key and value of an attention in one tensor, and its projection of the whole prompt multiplies
from the other side.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ldm.sizes import TextEncoderSizes
from ..place import Place

_LAYERS = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip
_FUSED = ("q", "k", "v")


def open_clip_places(text: TextEncoderSizes) -> Iterator[tuple[str, Place]]:
    """Module's name and place, without the beginning of the part."""
    yield "text_model.embeddings.token_embedding.weight", Place("token_embedding.weight")
    yield "text_model.embeddings.position_embedding.weight", Place("positional_embedding")
    for index in range(text.num_hidden_layers):
        name, block = f"text_model.encoder.layers.{index}", f"transformer.resblocks.{index}"
        for kind in ("weight", "bias"):
            for number, letter in enumerate(_FUSED):
                place = Place(f"{block}.attn.in_proj_{kind}", (number, len(_FUSED)))
                yield f"{name}.self_attn.{letter}_proj.{kind}", place
            for layer, in_file in _LAYERS.items():
                yield f"{name}.{layer}.{kind}", Place(f"{block}.{in_file}.{kind}")
    for kind in ("weight", "bias"):
        yield f"text_model.final_layer_norm.{kind}", Place(f"ln_final.{kind}")
    yield "text_projection.weight", Place("text_projection", transposed=True)
