"""Files made to harm whoever reads them, and valid ones to damage."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import torch

LORA_LAYER = "lora_unet_mid_block_attentions_0_proj_in"
UNET = "model.diffusion_model.input_blocks.0.0.weight"
PROTO, STOP = b"\x80\x02", b"."


def header_file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A .safetensors with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: Any, start: int = 0, end: int = 4, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def archive(pickled: bytes, storages: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as torch.save writes it, with any pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("archive/data.pkl", pickled)
        for name, content in (storages or {}).items():
            made.writestr(f"archive/data/{name}", content)
        made.writestr("archive/version", "3\n")
    return file.getvalue()


def saved(content: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def persistent(key: str, elements: int, kind: str = "FloatStorage") -> bytes:
    """The opcodes that push a storage."""
    parts = [unicode("storage"), f"ctorch\n{kind}\n".encode(), unicode(key), unicode("cpu"), long(elements)]
    return b"(" + b"".join(parts) + b"tQ"


def tensor(storage: bytes, shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    """The opcodes that push a tensor."""
    sizes = b"".join(b"(" + b"".join(map(long, numbers)) + b"t" for numbers in (shape, stride))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + long(offset) + sizes + b"\x89}tR"


def unicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def long(number: int) -> bytes:
    return pickletools.optimize(pickle.dumps(number, 2))[2:-1]


def table(*pairs: bytes) -> bytes:
    return PROTO + b"}(" + b"".join(pairs) + b"u" + STOP


class Call:
    """Pickled, it calls a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> Any:
        return self.made


def pickles() -> dict[str, bytes]:
    """Pickles that no reader may take for more than damaged."""
    one = persistent("0", 1)
    shared = b"]" + b"".join(b"q" + bytes([k]) + b"0](h" + bytes([k]) + b"h" + bytes([k]) + b"e" for k in range(1, 30))
    many = b"".join(unicode(f"k{number}") + b"N" for number in range(1_000_000))
    tensors = b"".join(unicode(f"k{number}") + b"h\1" for number in range(300_000))
    bodies = {
        "an old call": PROTO + b"(S'touch intruded'\nios\nsystem\n.",
        "an object": PROTO + b"(cos\nsystem\nX\x0e\0\0\0touch intrudedo.",
        "an extension": PROTO + b"\x82\x01.",
        "a memo beyond memory": PROTO + b"}r\xff\xff\xff\x7f.",
        "a text of 2**60": PROTO + b"\x8d" + struct.pack("<Q", 1 << 60) + b"x.",
        "bytes of 2**60": PROTO + b"\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
        "a number of 2**31 bytes": PROTO + b"\x8b" + struct.pack("<i", (1 << 31) - 1) + b"x.",
        "10**6 keys": table(many),
        "one tensor 300,000 times": PROTO + b"}(" + tensor(one, (1,), (1,)) + b"q\1" + tensors[5:] + b"u.",
        "10**11 numbers": table(unicode("a"), tensor(persistent("0", 10**11), (10**11,), (1,))),
        "10**11 by stride": table(unicode("a"), tensor(one, (10**6, 10**5), (0, 0))),
        "a negative offset": table(unicode("a"), tensor(one, (1,), (1,), -5)),
        "beyond its storage": table(unicode("a"), tensor(one, (1,), (1,), 9)),
        "a shape of texts": table(unicode("a"), b"ctorch._utils\n_rebuild_tensor_v2\n(" + one + b"K\0NN\x89}tR"),
        "keys in keys": PROTO + b"}" + b")" + b"\x85" * 500_000 + b"Ns.",
        "lists in lists": PROTO + b"}X\1\0\0\0a" + b"](" * 100_000 + b"e" * 100_000 + b"s.",
        "a list for a name": table(unicode("string_to_param"), b"}" + unicode("*") + tensor(one, (1,), (1,)) + b"s",
                                   unicode("name"), shared),
        "itself": PROTO + b"}q\1X\1\0\0\0ah\1s.",
        "a lone surrogate": table(b"X\3\0\0\0\xed\xa0\x80", b"N"),
        "no stack": PROTO + b"ttttRR.",
        "no storage": table(unicode("a"), b"ctorch._utils\n_rebuild_tensor_v2\n(NK\0))\x89}tR"),
    }  # fmt: skip
    found = {f"{name}, zipped": archive(body, {"0": bytes(4)}) for name, body in bodies.items()}
    head = saved({}, zipped=False)
    start = head[: head.rindex(b"\x80\x02}q\x00.")] if b"\x80\x02}q\x00." in head else head[:-20]
    keys = PROTO + b"]q\0X\1\0\0\x000a."
    found |= {
        f"{name}, in a row": start + body + keys + struct.pack("<q", 1) + bytes(4) for name, body in bodies.items()
    }
    for name, call in {"system": Call(os.system, "touch intruded"), "eval": Call(eval, "1")}.items():
        found |= {f"{name} {zipped}": saved({"a": torch.ones(2), "b": call}, zipped) for zipped in (True, False)}
    return found


def torch_files() -> dict[str, bytes]:
    """What torch saves and nobody trains from, and archives that lie."""
    odd = {
        "sparse": torch.eye(3).to_sparse(), "meta": torch.zeros(10**6, device="meta"),
        "complex": torch.ones(2, dtype=torch.complex64),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8), "none": torch.zeros(0),
        "whole": torch.ones(2, 2, dtype=torch.int64), "point": torch.tensor(1.0), "flags": torch.tensor([True]),
        "nan": torch.full((2, 2), torch.nan), "text": "x" * 5000, "number": 10**4000, "list": [[1]], "bytes": b"\0",
    }  # fmt: skip
    found: dict[str, bytes] = {}
    for name, value in odd.items():
        contents: dict[str, Any] = {
            "as weights": {f"{LORA_LAYER}.lora_down.weight": value, f"{LORA_LAYER}.lora_up.weight": value},
            "as a checkpoint": {"state_dict": {UNET: value}},
            "as an embedding": {"string_to_param": {"*": value}, "name": value, "step": value},
            "as a hypernetwork": {320: ({"linear.0.weight": value}, {"linear.0.weight": value}), "step": value,
                                  "layer_structure": value, "dropout_structure": value, "is_layer_norm": value},
            "as everything": {name: value, "state_dict": value, "string_to_param": value, "__metadata__": value},
        }  # fmt: skip
        found |= {f"{name} {way}": saved(content, zipped=len(way) % 2 > 0) for way, content in contents.items()}
    whole = saved({"emb_params": torch.ones(2, 768)})
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data.pkl", table(unicode("a"), tensor(persistent("0", 2**26), (2**26,), (1,))))
        made.writestr("archive/data/0", bytes(2**28))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as made:
        for _ in range(2):
            made.writestr("archive/data.pkl", table())
    return found | {
        "a zip alone": b"PK\5\6" + bytes(18),
        "many disks": whole[:-18] + b"\5\0\5\0" + whole[-14:],
        "deflated": deflated.getvalue(),
        "the same name twice": twice.getvalue(),
        "no members": archive(b"")[:40],
        "10**9 members": whole[:-12] + struct.pack("<HI", 65535, 2**31) + whole[-6:],
    }


def headers() -> dict[str, bytes]:
    """.safetensors whose headers lie."""
    four = bytes(4)
    by_shape: dict[str, Any] = {
        "negative": [-1], "a fraction": [1.0], "true": [True], "a text": "x", "a table": {}, "nothing": None,
        "huge": [10**30, 0], "too large": [10**11], "many": [1] * 10_000, "deep": [[[[1]]]], "a huge number": 10**400,
    }  # fmt: skip
    found = {f"shape: {name}": header_file({"a": entry(shape)}, four) for name, shape in by_shape.items()}
    found |= {
        "a length of 2**63": header_file({}, length=1 << 63),
        "a length of 2**40": header_file({}, length=1 << 40),
        "a list": header_file([]),
        "deep JSON": header_file(b'{"a":' + b"[" * 100_000),
        "deep JSON, closed": header_file(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "overlapping": header_file({"a": entry([1]), "b": entry([1])}, four),
        "a gap": header_file({"a": entry([1], 4, 8)}, bytes(8)),
        "more than it says": header_file({"a": entry([1])}, bytes(400)),
        "an unknown type": header_file({"a": entry([1], dtype="F4")}, four),
        "a type that is a list": header_file({"a": entry([1], dtype=["F32"])}, four),
        "metadata that is not text": header_file({"__metadata__": {"a": [1]}, "b": entry([1])}, four),
        "metadata that is a list": header_file({"__metadata__": [1], "b": entry([1])}, four),
        "a lone surrogate": header_file(b'{"\\ud800":' + json.dumps(entry([1])).encode() + b"}", four),
        "deep settings": header_file({"__metadata__": {"sd_finetune.settings": "[" * 20_000,
                                                       "sd_finetune.made_from": '{"a":' * 500 + "1" + "}" * 500}}),
        "steps of 5000 digits": header_file({"__metadata__": {"sd_finetune.steps": "9" * 5000, "ss_steps": "²"},
                                             "emb_params": entry([1, 1])}, four),
        "nothing at all": header_file({}),
        "10**6 keys": header_file({f"k{number}": entry([0], 0, 0) for number in range(1_000_000)}),
        "300,000 keys": header_file({f"k{number}": entry([0], 0, 0) for number in range(300_000)}),
        "NaN for a length": header_file(b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', four),
    }  # fmt: skip
    kinds: dict[str, tuple[Any, int]] = {"point": ([], 4), "empty": ([0, 4], 0), "vector": ([1], 4)}
    for kind, (shape, end) in kinds.items():
        for dtype in ("F32", "I32"):
            for name in (UNET, "emb_params", "clip_l", f"{LORA_LAYER}.alpha", "encoder.conv_in.weight"):
                found[f"{name}: {kind} {dtype}"] = header_file({name: entry(shape, 0, end, dtype)}, bytes(end))
            halves = {f"{LORA_LAYER}.lora_{half}.weight": entry(shape, k * end, (k + 1) * end, dtype)
                      for k, half in enumerate(("down", "up"))}  # fmt: skip
            found[f"LoRA: {kind} {dtype}"] = header_file(halves, bytes(2 * end))
    return found


WRONG = ("[1]", "99999999999999999999", ".nan", "{a: 1}", "x", "-5", ".inf", "1e30", "null", "true", "2020-01-01", "0")


WRONG_JSON: tuple[Any, ...] = (
    [1], 10**20, float("nan"), {"a": 1}, "x", -5, 1e30, None, True, 0, [10**9] * 4, [[[1]]], ["x"] * 1000, 10**6, "",
    ["CrossAttnDownBlock2D"] * 200,
)  # fmt: skip
"""Values of a config."""


def yaml_texts(valid: str, wrong: Sequence[str] = WRONG) -> dict[str, str]:
    """Configs that harm, and the valid one with each number replaced."""
    bomb = "a0: &a0 [1, 1]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
    found = {
        "a bomb": bomb,
        "a bomb in it": valid + bomb,
        "deep": "[" * 30_000,
        "deep tables": "{a: " * 10_000,
        "dashes": "- " * 30_000,
        "code": "!!python/object/apply:os.system ['touch intruded']",
        "a tag": "model: !!python/name:os.system",
        "long": "a: " + "x" * 10_000_000,
        "a circle": "&a [*a]",
        "a huge number": valid.replace("scale_factor:", "scale_factor: 1" + "0" * 5000 + " #"),
    }
    for line in valid.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip():
            for other in wrong:
                found[f"{name.strip()} = {other}"] = valid.replace(line, f"{name}: {other}", 1)
    return found


def toml_texts() -> dict[str, str]:
    """Settings of strangers."""
    return {
        "deep lists": "a = " + "[" * 50_000 + "]" * 50_000,
        "some lists": "a = " + "[" * 300 + "]" * 300,
        "deep tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
        "dots": ".".join(["a"] * 20_000) + " = 1",
        "many names": "".join(f"name_number_{number} = 1\n" for number in range(40_000)),
        "many tables": "".join(f"[table_number_{number}]\n" for number in range(20_000)),
        "many concepts": "[[concepts]]\n" * 20_000,
        "a long name": "x" * 900_000 + " = 1",
        "too long": "#" * 3_000_000,
        "a huge number": "[train]\nseed = 0x" + "f" * 100_000,
        "huge numbers": "[lora]\nalpha = 0x"
        + "f" * 10_000
        + "\nrank = 1e400\n[train]\nlength = '"
        + "9" * 5_000
        + " steps'",
        "places elsewhere": '[base]\ncheckpoint = "/dev/zero"\nconfig = "/dev/zero"\n[output]\nname = "../../x"',
        "nulls": '[base]\ncheckpoint = "a\\u0000b"\ncontinue_from = "\\u0000"\n[[concepts]]\nfolder = "\\u0000"',
        "wrong everywhere": "\n".join(f"{group} = 3" for group in ("base", "train", "lora", "concepts", "version")),
        "lists everywhere": "\n".join(f"[[{group}]]" for group in ("base", "train", "lora", "output", "version")),
    }
