"""The names of a CLIP text encoder's tensors in transformers' module."""

from __future__ import annotations

from collections.abc import Iterator

from .sizes import TextEncoderSizes


def clip_names(text: TextEncoderSizes) -> Iterator[str]:
    """In the order of the network, without that of a projection."""
    yield "text_model.embeddings.token_embedding.weight"
    yield "text_model.embeddings.position_embedding.weight"
    layers = [f"self_attn.{letter}_proj" for letter in ("q", "k", "v", "out")]
    layers += ["layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2"]
    for index in range(text.num_hidden_layers):
        for layer in layers:
            yield f"text_model.encoder.layers.{index}.{layer}.weight"
            yield f"text_model.encoder.layers.{index}.{layer}.bias"
    yield "text_model.final_layer_norm.weight"
    yield "text_model.final_layer_norm.bias"
