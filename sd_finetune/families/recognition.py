"""The base model of a model file, by the names and shapes of its tensors: supported families, and others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BASES = {
    "sd1": "Stable Diffusion 1",
    "sd1-inpainting": "Stable Diffusion 1 inpainting",
    "sd1-pix2pix": "Stable Diffusion 1 pix2pix",
    "sd2": "Stable Diffusion 2",
    "sd2-inpainting": "Stable Diffusion 2 inpainting",
    "sd2-depth": "Stable Diffusion 2 depth",
    "sd2-upscaler": "Stable Diffusion 2 upscaler",
    "sdxl": "SDXL",
    "sdxl-inpainting": "SDXL inpainting",
    "sdxl-pix2pix": "SDXL pix2pix",
    "sdxl-refiner": "SDXL refiner",
    "ssd": "SSD-1B or Vega",
    "playground": "Playground v2.5",
    "cosxl": "CosXL",
    "kolors": "Kolors",
    "sd3": "Stable Diffusion 3",
    "flux": "Flux",
    "cascade": "Stable Cascade",
    "auraflow": "AuraFlow",
    "hunyuan-dit": "Hunyuan-DiT",
    "hunyuan-video": "HunyuanVideo",
    "pixart": "PixArt",
    "lumina": "Lumina",
    "wan": "Wan",
    "ltx": "LTX-Video",
    "qwen-image": "Qwen-Image",
}
"""Values of `base` and their titles; `base` is "" when it is unknown."""

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor name to shape."""

CONTEXT_BASES = {768: "sd1", 1024: "sd2", 1280: "sdxl-refiner", 2048: "sdxl"}
"""Width of the text encoders' output, which the UNet's cross-attention reads."""
EMBEDDING_BASES = {768: "sd1", 1024: "sd2", 1280: "sdxl"}
EMBEDDING_NAMES = {frozenset({"clip_l", "clip_g", "t5"}): "sd3", frozenset({"clip_l", "clip_g"}): "sdxl"}
"""Names of the tensors in an embedding for several text encoders; the first that are all there count."""
METADATA_BASES = {
    "sd_v1": "sd1", "sd_v2": "sd2", "sdxl": "sdxl", "sd3": "sd3", "flux": "flux",
    "stable-diffusion-v1": "sd1", "stable-diffusion-v2": "sd2", "stable-diffusion-xl": "sdxl",
    "stable-diffusion-3": "sd3",
}  # fmt: skip
"""Beginnings of `ss_base_model_version` and `modelspec.architecture`."""

TRANSFORMER_BLOCKS = {
    "joint_blocks.0.": "sd3", "txt_in.individual_token_refiner.": "hunyuan-video", "double_blocks.0.": "flux",
    "clip_txt_mapper.": "cascade", "double_layers.0.": "auraflow", "mlp_t5.": "hunyuan-dit", "t_block.1.": "pixart",
    "cap_embedder.": "lumina", "head.modulation": "wan", "patchify_proj.": "ltx",
    "transformer_blocks.0.img_mlp.": "qwen-image",
}  # fmt: skip
"""Beginnings of tensor names that only one kind of model has; the first that is found counts."""
SDXL_MARKS = {"edm_mean": "playground", "edm_vpred.": "cosxl"}
"""Beginnings of the names of tensors that say that a model with SDXL's tensors has another kind of noise."""
KOLORS_VECTOR = 5632
"""Width of what Kolors' UNet, which is SDXL's otherwise, gets beside the prompt's states."""
OTHER_INPUTS = {9: "-inpainting", 8: "-pix2pix", 5: "-depth", 7: "-upscaler"}
"""Of models that take more than latents, by the channels of the UNet's input."""
LORA_BLOCKS = {
    "double_blocks": "flux", "single_transformer": "flux", "joint_blocks": "sd3",
    "transformer.transformer_blocks.0.attn.add_k_proj": "sd3", "cross_attn_": "wan", ".cross_attn.": "wan",
}  # fmt: skip
"""The same for the layers of a LoRA, anywhere in a name."""
UNET = "model.diffusion_model."
VAE = "first_stage_model."
"""Beginnings of tensor names in LDM's layout, which the WebUI has its models in, too."""
UP_ENDINGS = ("up.weight", "lora_B.weight", "lora_B.default.weight", "hada_w1_a", "hada_w2_a", "_b", ":up")
"""Of LoRA tensors whose second side is a rank."""
OTHER_PARTS = {
    "VAE": (VAE, "vae."),
    "text encoder": ("cond_stage_model.", "conditioner.", "text_encoders."),
}
"""Parts that a checkpoint may lack, to the beginnings of their tensors' names in checkpoints of any base."""


def base_of_hypernetwork(widths: Iterable[int]) -> str:
    """By the context widths that it has layers for."""
    # The other widths (320, 640, 1280) are those of self-attention, which they share.
    return next((CONTEXT_BASES[width] for width in widths if width in CONTEXT_BASES), "")


def base_of_embedding(shapes: Shapes, metadata: Mapping[str, str]) -> str:
    """By the text encoders that it has vectors for, or by their width, else what its metadata says."""
    for names, base in EMBEDDING_NAMES.items():
        if names <= set(shapes):
            return base
    by_width = EMBEDDING_BASES.get(max((shape[-1] for shape in shapes.values() if shape), default=0), "")
    return by_width or _base_by_metadata(metadata)


def base_of_checkpoint(shapes: Shapes) -> str:
    """Of a checkpoint in LDM's layout, by its text encoder, else the width of its cross-attention."""
    if is_transformer(shapes):
        return next(base for block, base in TRANSFORMER_BLOCKS.items() if _has_block(shapes, block))
    if _has(shapes, "conditioner.embedders."):
        base = "sdxl-refiner" if _has(shapes, "conditioner.embedders.0.model.") else "sdxl"
    elif _has(shapes, "cond_stage_model.model."):
        base = "sd2"
    elif _has(shapes, "cond_stage_model.transformer."):
        base = "sd1"
    else:
        return base_of_unet(shapes)
    return _variant(base, shapes)


def base_of_unet(shapes: Shapes) -> str:
    """Of a UNet alone, in diffusers' layout or LDM's."""
    base = CONTEXT_BASES.get(_context_width(shapes), "")
    return _variant(base or ("sdxl" if _vector_width(shapes) else ""), shapes)


def _variant(base: str, shapes: Shapes) -> str:
    """A base, or what is made of it for something else."""
    inputs = OTHER_INPUTS.get(_input_channels(shapes), "")
    if inputs and base + inputs in BASES:
        return base + inputs
    return _variant_of_sdxl(shapes) if base == "sdxl" else base


def _variant_of_sdxl(shapes: Shapes) -> str:
    for start, base in SDXL_MARKS.items():
        if _has(shapes, start):
            return base
    if _vector_width(shapes) == KOLORS_VECTOR:
        return "kolors"
    # The smaller ones by Segmind have no attention in the middle.
    has_middle = any(_has(shapes, name) for name in _either("middle_block.0.", "mid_block.resnets.0."))
    has_attention = any(_has(shapes, name) for name in _either("middle_block.1.", "mid_block.attentions.0."))
    return "ssd" if has_middle and not has_attention else "sdxl"


def _vector_width(shapes: Shapes) -> int:
    """Of what the UNet gets beside the prompt's states; 0 without."""
    names = _either("label_emb.0.0.weight", "add_embedding.linear_1.weight")
    return next((shapes[name][-1] for name in names if shapes.get(name)), 0)


def _either(ldm: str, diffusers: str) -> tuple[str, ...]:
    """A name or the beginning of one in a checkpoint, and in a UNet alone in either layout."""
    return UNET + ldm, ldm, diffusers


def _input_channels(shapes: Shapes) -> int:
    names = _either("input_blocks.0.0.weight", "conv_in.weight")
    shape = next((shapes[name] for name in names if name in shapes), ())
    return shape[1] if len(shape) == 4 else 0


def is_transformer(shapes: Shapes) -> bool:
    """Whether it is a checkpoint with a diffusion transformer in place of a UNet."""
    return any(_has_block(shapes, block) for block in TRANSFORMER_BLOCKS)


def _has_block(shapes: Shapes, block: str) -> bool:
    return any(name.removeprefix(UNET).removeprefix("net.").startswith(block) for name in shapes)


def base_of_lora(shapes: Shapes, metadata: Mapping[str, str]) -> str:
    """By its layers' names and the width of its cross-attention, else what its metadata says."""
    names = " ".join(shapes)
    for part, base in LORA_BLOCKS.items():
        if part in names:
            return base
    by_width = CONTEXT_BASES.get(_context_width(shapes), "")
    if by_width or _has(shapes, "lora_te2_") or _has(shapes, "text_encoder_2."):
        return by_width or "sdxl"
    return _base_by_metadata(metadata)


def is_text_encoder_layer(layer: str) -> bool:
    """Whether a layer of a LoRA, by its name in kohya's or diffusers' layout, is one of a text encoder."""
    return "lora_te" in layer or "text_encoder" in layer


def _base_by_metadata(metadata: Mapping[str, str]) -> str:
    entries = [metadata.get(name, "") for name in ("ss_base_model_version", "modelspec.architecture")]
    return next((base for start, base in METADATA_BASES.items() for text in entries if text.startswith(start)), "")


def _context_width(shapes: Shapes) -> int:
    """Input width of the cross-attention's keys, of a model or of its LoRA layers; 0 without cross-attention."""
    for name, shape in shapes.items():
        is_key = "attn2_to_k" in name or "attn2.to_k" in name
        if is_key and len(shape) == 2 and not name.endswith(UP_ENDINGS):
            return shape[1]
    return 0


def _has(shapes: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)
