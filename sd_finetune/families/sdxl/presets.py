"""SDXL on GPUs of each size, by the estimate alone: nothing of it was measured on a GPU.

Without class images, which hardly anybody uses with it. AdamW's state or weights in fp32 do not fit into 24 GB.
"""

from __future__ import annotations

from ..presets import (
    BF16_WEIGHTS,
    CHECKPOINTED,
    FACTORED,
    FUSED,
    IN_8_BITS,
    ONE_AT_A_TIME,
    Preset,
    PresetTable,
    samples_of,
)

SMALL = {**CHECKPOINTED, **ONE_AT_A_TIME}
IN_STEPS = {**FACTORED, **BF16_WEIGHTS, **FUSED, **SMALL}
BF16 = (
    Preset("lora", "bf16", (4,)),
    Preset("lora", "bf16", (6,), {**IN_8_BITS, **SMALL, **samples_of(768)}, 4.9, 1.9),
    Preset("lora", "bf16", (8,), {**SMALL, **samples_of(768)}, 7.4, 1.7),
    Preset("lora", "bf16", (10, 12), SMALL, 8.3, 1.7),
    Preset("lora", "bf16", (16, 24), {}, 14.5, 1),
    Preset("textual_inversion", "bf16", (4,)),
    Preset("textual_inversion", "bf16", (6,), {**IN_8_BITS, **SMALL, **samples_of(512)}, 5.4, 1.9),
    Preset("textual_inversion", "bf16", (8,), {**IN_8_BITS, **SMALL}, 6.8, 1.9),
    Preset("textual_inversion", "bf16", (10, 12), SMALL, 9.3, 1.7),
    Preset("textual_inversion", "bf16", (16, 24), {}, 13.8, 1),
    Preset("hypernetwork", "bf16", (4,)),
    Preset("hypernetwork", "bf16", (6,), {**IN_8_BITS, **SMALL, **samples_of(768)}, 5.0, 1.9),
    Preset("hypernetwork", "bf16", (8,), {**IN_8_BITS, **SMALL}, 5.8, 1.9),
    Preset("hypernetwork", "bf16", (10, 12), SMALL, 8.4, 1.7),
    Preset("hypernetwork", "bf16", (16, 24), {}, 13.8, 1),
    Preset("dreambooth", "bf16", (4,)),
    Preset("dreambooth", "bf16", (6,), instead="lora"),
    Preset("dreambooth", "bf16", (8,), {**IN_STEPS, **samples_of(768)}, 7.1, 2.2),
    Preset("dreambooth", "bf16", (10, 12), IN_STEPS, 7.7, 2.2),
    Preset("dreambooth", "bf16", (16,), {**FACTORED, **BF16_WEIGHTS, **CHECKPOINTED}, 11.3, 1.7),
    Preset("dreambooth", "bf16", (24,), {**FACTORED, **BF16_WEIGHTS}, 14.9, 1),
)
FP16 = (
    Preset("lora", "fp16", (4,)),
    Preset("lora", "fp16", (6,), {**IN_8_BITS, **SMALL, **samples_of(512)}, 4.9, 1.9),
    Preset("lora", "fp16", (8,), {**SMALL, **samples_of(512)}, 7.4, 1.7),
    Preset("lora", "fp16", (10,), {**SMALL, **samples_of(768)}, 8.7, 1.7),
    Preset("lora", "fp16", (12,), SMALL, 10.5, 1.7),
    Preset("lora", "fp16", (16, 24), {}, 14.5, 1),
    Preset("textual_inversion", "fp16", (4,)),
    Preset("textual_inversion", "fp16", (6,), instead="lora"),
    Preset("textual_inversion", "fp16", (8,), {**IN_8_BITS, **SMALL, **samples_of(512)}, 5.9, 1.9),
    Preset("textual_inversion", "fp16", (10,), {**SMALL, **samples_of(512)}, 8.4, 1.7),
    Preset("textual_inversion", "fp16", (12,), {**SMALL, **samples_of(768)}, 9.7, 1.7),
    Preset("textual_inversion", "fp16", (16, 24), {}, 13.8, 1),
    Preset("hypernetwork", "fp16", (4,)),
    Preset("hypernetwork", "fp16", (6,), {**IN_8_BITS, **SMALL, **samples_of(512)}, 5.0, 1.9),
    Preset("hypernetwork", "fp16", (8,), {**IN_8_BITS, **SMALL, **samples_of(768)}, 6.3, 1.9),
    Preset("hypernetwork", "fp16", (10,), {**SMALL, **samples_of(768)}, 8.8, 1.7),
    Preset("hypernetwork", "fp16", (12,), SMALL, 10.6, 1.7),
    Preset("hypernetwork", "fp16", (16, 24), {}, 13.8, 1),
    Preset("dreambooth", "fp16", (4,)),
    Preset("dreambooth", "fp16", (6, 8, 10, 12, 16, 24), instead="lora"),
)
"""For GPUs before compute capability 8.0: the VAE in fp32, and no weights in bf16, which DreamBooth needs."""
PRESETS = PresetTable((*BF16, *FP16), side=1024, with_class_images=False)
