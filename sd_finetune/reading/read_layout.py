"""read_layout(path) -> Layout of a `.safetensors`, or a `.ckpt`/`.pt`/`.bin` of torch; its content decides which."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from .door import damaged, open_regular, reader
from .layout import FLOATS, ITEM_BYTES, Layout
from .other_files import is_pickle, name_of_content, sentence_about, sentence_about_folder
from .safetensors_header import TooMany, UnknownType, read_header
from .torch_file import Compressed, NoTorchArchive, read_archive, read_legacy
from .unpickler import Refused, UnusualTensors

START_BYTES = 64


@reader
def read_layout(path: Path) -> Layout:
    """Names, types, shapes and places of the tensors in a file; executes nothing, and reads little of it.

    Raises:
        UserError: the file is missing, incomplete, damaged, of another kind, or a pickle of more than tensors.
    """
    if path.is_dir():
        raise UserError(sentence_about_folder(path))
    with open_regular(path) as file:
        start, size = file.read(START_BYTES), os.fstat(file.fileno()).st_size
        file.seek(0)
        if not name_of_content(start):
            raise damaged(path) if 0 < len(start) < 9 else UserError(sentence_about(path, start))
        try:
            return _read(file, start, size)
        except TooMany as error:
            raise UserError(f"{path} has more names than any model: choose another file.") from error
        except UnknownType as error:
            known = ", ".join(name for name in ITEM_BYTES if name in FLOATS)
            raise UserError(
                f"{path} has numbers of the type {error}, which cannot be trained from: choose a file with {known}."
            ) from error
        except NoTorchArchive as error:
            raise UserError(
                f"{path} is a zip archive without a model of torch: unpack it, and choose the file in it."
            ) from error
        except Compressed as error:
            raise UserError(
                f"{path} is a torch file that was packed anew, with compression: choose the original file."
            ) from error
        except UnusualTensors as error:
            raise UserError(
                f"{path} has tensors that are not plain numbers ({error}: sparse, quantized, complex or empty ones): "
                "choose a file with fp16, bf16 or fp32 weights."
            ) from error
        except Refused as error:
            raise UserError(_more_than_tensors(path, error)) from error


def _read(file: BinaryIO, start: bytes, size: int) -> Layout:
    if start[8:9] == b"{":  # first: the length before it may begin like one of the others
        return read_header(file, size)
    return read_legacy(file, size) if is_pickle(start) else read_archive(file, size)


def _more_than_tensors(path: Path, asked: Refused) -> str:
    merged = "convert it to .safetensors first, for example with the WebUI's checkpoint merger"
    way_out = merged if path.suffix == ".ckpt" else "use one with tensors only, as the WebUI saves them"
    return f"{path} is a pickle with more than tensors ({asked}), which could run code when it is loaded: {way_out}."
