"""What a file is that has no tensors for us, by its first bytes: what people choose by mistake."""

from __future__ import annotations

from pathlib import Path

STARTS: tuple[tuple[bytes, str], ...] = (
    (b"GGUF", "is a GGUF model: choose the .safetensors or .ckpt that it was made from"),
    (b"version https://git-lfs", "is only a pointer of Git LFS: download the file itself"),
    (b"<", "is a web page: download the file itself, with a login where the site asks for one"),
    (b"\x89PNG", "is an image: choose a model file"),
    (b"\xff\xd8\xff", "is an image: choose a model file"),
    (b"RIFF", "is an image: choose a model file"),
    (b"\x89HDF", "is an HDF5 file: choose a .safetensors or .ckpt"),
    (b"7z\xbc\xaf", "is a 7-Zip archive: unpack it first"),
    (b"Rar!", "is a RAR archive: unpack it first"),
    (b"\x1f\x8b", "is a gzip archive: unpack it first"),
    (b"{", "is a text of settings: choose the .safetensors or .ckpt that it belongs to"),
)
"""First bytes, and the rest of a sentence."""


def sentence_about(path: Path, start: bytes) -> str:
    """For a file that is neither a .safetensors nor a torch file."""
    if not start:
        return f"{path} is empty (0 bytes): copy or download it again."
    for begin, words in STARTS:
        if start.lstrip().startswith(begin):
            return f"{path} {words}."
    return (
        f"{path} is neither a .safetensors nor a torch .ckpt file (it may be an error page saved under that name): "
        "choose another file or download it again."
    )


FOLDERS = (
    ("model_index.json", "is a whole model in diffusers' layout: choose a file"),
    ("adapter_config.json", "is a LoRA of PEFT: choose the .safetensors in it, converted to kohya's layout"),
    ("config.json", "is a part of a model in diffusers' layout: choose the folder of the whole one"),
)  # fmt: skip
"""The file that makes a folder one of these, and the rest of a sentence."""


def sentence_about_folder(path: Path) -> str:
    """For a folder where a model file is needed."""
    for file, words in FOLDERS:
        if (path / file).is_file():
            return f"{path} {words}."
    return f"{path} is a folder: choose a .safetensors or .ckpt file in it."


def name_of_content(start: bytes) -> str:
    """Of a file with tensors: the ending that its content would have, "" if it is neither."""
    if start[8:9] == b"{":
        return ".safetensors"
    return ".ckpt" if is_pickle(start) or start.startswith(b"PK") else ""


def is_pickle(start: bytes) -> bool:
    """Whether it begins as a pickle of protocol 2 or later, which torch wrote before 1.6."""
    return len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5
