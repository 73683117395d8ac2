"""Stable Diffusion 1 on GPUs of each size.

`slower` was measured on one NVIDIA H200 (torch 2.11, bf16, 512 pixels, batch size 1, no class images: DreamBooth 155 ms
with AdamW, 195 with Adafactor, 282 with bf16 weights, 646 with the optimizer in the backward pass and gradient
checkpointing), or else is estimated.
"""

from __future__ import annotations

from ..presets import BF16_WEIGHTS, CHECKPOINTED, FACTORED, FUSED, ONE_AT_A_TIME, Preset, PresetTable, samples_of

SMALL_SAMPLES = samples_of(384)
BF16 = (
    Preset("lora", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 2.9, 1.7),
    Preset("lora", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.8, 1, measured=True),
    Preset("textual_inversion", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 3.1, 1.7),
    Preset("textual_inversion", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.4, 1, measured=True),
    Preset("hypernetwork", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 3.1, 1.7),
    Preset("hypernetwork", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.7, 1, measured=True),
    Preset(
        "dreambooth", "bf16", (4,),
        {**FACTORED, **BF16_WEIGHTS, **FUSED, **CHECKPOINTED, **ONE_AT_A_TIME}, 3.4, 4.2, measured=True,
    ),
    Preset("dreambooth", "bf16", (6, 8, 10), {**FACTORED, **BF16_WEIGHTS}, 5.1, 1.8, measured=True),
    Preset("dreambooth", "bf16", (12,), FACTORED, 10.2, 1.3, measured=True),
    Preset("dreambooth", "bf16", (16,), BF16_WEIGHTS, 11.9, 1.6),
    Preset("dreambooth", "bf16", (24,), {}, 17.0, 1, measured=True),
)  # fmt: skip
FP16 = (
    Preset("lora", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.1, 1.7),
    Preset("lora", "fp16", (6, 8, 10, 12, 16, 24), {}, 4.8, 1),
    Preset("textual_inversion", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.3, 1.7),
    Preset("textual_inversion", "fp16", (6, 8, 10, 12, 16, 24), {}, 4.8, 1),
    Preset("hypernetwork", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.3, 1.7),
    Preset("hypernetwork", "fp16", (6, 8, 10, 12, 16, 24), {}, 4.8, 1),
    Preset("dreambooth", "fp16", (4, 6, 8), instead="lora"),
    Preset("dreambooth", "fp16", (10,), {**FACTORED, **CHECKPOINTED}, 9.2, 2),
    Preset("dreambooth", "fp16", (12, 16), FACTORED, 10.2, 1.3),
    Preset("dreambooth", "fp16", (24,), {}, 17.0, 1),
)  # fmt: skip
"""For GPUs before compute capability 8.0: no weights in bf16, and a loss scale that needs all gradients at once."""

PRESETS = PresetTable((*BF16, *FP16), side=512, with_class_images=True)
