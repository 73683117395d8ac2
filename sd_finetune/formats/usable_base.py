"""Refuses a file that cannot be a base checkpoint, within a moment and without torch.

refuse_unusable_base(path, config=None): UserError that says what the file is, or what is wrong with it
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from ..families.completeness import needed_tensors
from ..families.table import FAMILIES
from ..reading.door import open_regular, reader
from ..reading.layout import FLOATS, ITEM_BYTES, StoredTensor
from .base_file import base_layout, stored_weights
from .checkpoint_config import find_config, naming_missing
from .classify import family_of_checkpoint
from .parts import refuse_missing_parts

EXPONENTS = {"F16": 0x7C00, "BF16": 0x7F80, "F32": 0x7F800000}
"""By type: the bits of a number that are all set in NaN and infinity."""
VALUES_LOOKED_AT = 256
"""Of each tensor: a failed training leaves whole tensors without a usable number."""
NOT_FINITE = "has NaN or infinite values, as a failed training leaves them: choose another file"


@reader
def refuse_unusable_base(path: Path, config: Path | None = None) -> None:
    """Refuse a VAE, another family's checkpoint, one that lacks a part, and one without usable numbers.

    Args:
        config: its LDM config; by default as for `read_checkpoint`.

    Raises:
        UserError: it is one of these, or no model file.
    """
    layout = base_layout(path)
    family = family_of_checkpoint(path, layout)
    refuse_missing_parts(path, FAMILIES[family], layout.tensors)
    found = find_config(path, layout.metadata, config)
    with naming_missing(path, FAMILIES[family]):
        names = needed_tensors(family, layout.shapes, found.text, found.folder)
    refuse_no_weights(path, layout.tensors, names)
    for own, tensors in stored_weights(path, layout, names):
        with open_regular(own) as file:
            if any(_starts_not_finite(file, tensor) for tensor in tensors):
                raise UserError(f"{path} {NOT_FINITE}.")


def refuse_no_weights(path: Path, tensors: Mapping[str, StoredTensor], names: Sequence[str]) -> None:
    """Raise UserError if one of the named tensors is empty, or of whole numbers."""
    for name in names:
        tensor = tensors[name]
        if not tensor.elements or tensor.dtype not in FLOATS:
            raise UserError(
                f"{path} has {name} of type {tensor.dtype} and size {tensor.shape}, which are not weights: choose an "
                "fp16, bf16 or fp32 checkpoint."
            )


def _starts_not_finite(file: BinaryIO, tensor: StoredTensor) -> bool:
    if tensor.dtype not in EXPONENTS or tensor.storage.start is None:
        return False
    exponent, size = EXPONENTS[tensor.dtype], ITEM_BYTES[tensor.dtype]
    file.seek(tensor.storage.start + tensor.offset * size)
    count = min(tensor.span, VALUES_LOOKED_AT)
    values: tuple[int, ...] = struct.unpack(f"<{count}{'H' if size == 2 else 'I'}", file.read(count * size))
    return any(value & exponent == exponent for value in values)
