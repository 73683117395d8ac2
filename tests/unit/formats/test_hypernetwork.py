"""Hypernetworks as the WebUI writes and reads them: legacy pickles, also those of its first versions."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from sd_finetune.formats.identify import identify

# What the WebUI v1.10.1 lets a pickle name (modules/safe.py), of what torch writes for a table of tensors.
ALLOWED_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
}


def mlp(seed: int, width: int = 6, inner: int = 12) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "linear.0.weight": (inner, width), "linear.0.bias": (inner,),
        "linear.2.weight": (width, inner), "linear.2.bias": (width,),
    }  # fmt: skip
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


SHAPE = HypernetworkShape((1, 2, 1), "relu", False, (0, 0.3, 0), False, "XavierNormal")
FILE = HypernetworkFile(
    shape=SHAPE,
    pairs={6: (mlp(1), mlp(2)), 4: (mlp(3, 4, 8), mlp(4, 4, 8))},
    name="mine",
    step=42,
    checkpoint_hash="0123456789",
    checkpoint_name="base",
    metadata={"ss_steps": "42"},
)


def globals_in(path: Path) -> set[str]:
    """Every name that the pickles of a legacy torch file ask for."""
    found: set[str] = set()
    with path.open("rb") as file:
        for _ in range(5):  # magic number, version, system, the object, storage keys
            found |= {str(arg) for code, arg, _ in pickletools.genops(file) if code.name == "GLOBAL"}
    return found


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_the_file_is_what_the_webui_reads(tmp_path: Path, precision: str, dtype: torch.dtype) -> None:
    path = tmp_path / "mine.pt"
    write_hypernetwork(path, FILE, precision)
    assert not zipfile.is_zipfile(path)
    assert globals_in(path) <= ALLOWED_GLOBALS
    content = torch.load(path, weights_only=True)
    sizes = {key: content.pop(key) for key in (6, 4)}
    assert content == {
        "step": 42,
        "name": "mine",
        "layer_structure": [1, 2, 1],
        "activation_func": "relu",
        "is_layer_norm": False,
        "weight_initialization": "XavierNormal",
        "sd_checkpoint": "0123456789",
        "sd_checkpoint_name": "base",
        "activate_output": False,
        "use_dropout": True,
        "dropout_structure": [0, 0.3, 0],
        "last_layer_dropout": True,
        "optional_info": None,
        "__metadata__": {"ss_steps": "42"},
    }
    assert all(type(pair) is tuple for pair in sizes.values())
    for width, pair in FILE.pairs.items():
        for expected, found in zip(pair, sizes[width], strict=True):
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[name], expected[name].to(dtype)) for name in expected)


def test_round_trip(tmp_path: Path) -> None:
    write_hypernetwork(tmp_path / "mine.pt", FILE, "fp32")
    found = read_hypernetwork(tmp_path / "mine.pt")
    facts = [(f.shape, f.name, f.step, f.checkpoint_hash, f.checkpoint_name, f.metadata) for f in (found, FILE)]
    assert facts[0] == facts[1]
    assert found.pairs.keys() == FILE.pairs.keys()
    for width, pair in FILE.pairs.items():
        for mine, read in zip(pair, found.pairs[width], strict=True):
            assert all(torch.equal(mine[name], read[name]) for name in mine)


def saved(path: Path, content: dict[Any, Any], zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


# Beside the fields of the file, what the WebUI's Hypernetwork.load makes of it; taken from its code, not from ours.
OLD_FILES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"layer_structure": (1, 2, 1), "activation": "linear", "layer_norm": False, "dropout_structure": (0, 0, 0),
          "activate_output": True, "initialization": "Normal"}),
    ({"activation_func": None, "activate_output": False}, {"activation": "linear", "activate_output": False}),
    ({"activation_func": "hardswish"}, {"activation": "swish"}),
    ({"use_dropout": True}, {"dropout_structure": (0, 0, 0)}),
    ({"use_dropout": True, "last_layer_dropout": True}, {"dropout_structure": (0, 0.3, 0)}),
    ({"use_dropout": True, "layer_structure": [1, 2, 2, 1]}, {"dropout_structure": (0, 0.3, 0, 0)}),
    ({"use_dropout": True, "layer_structure": [1, 2, 2, 1], "last_layer_dropout": True},
     {"dropout_structure": (0, 0.3, 0.3, 0)}),
    ({"use_dropout": True, "layer_structure": [1, 1], "last_layer_dropout": True}, {"dropout_structure": (0, 0.3)}),
    ({"use_dropout": False, "last_layer_dropout": True}, {"dropout_structure": (0, 0, 0)}),
    ({"use_dropout": False, "dropout_structure": [0, 0.05, 0.15]}, {"dropout_structure": (0, 0.05, 0.15)}),
    ({"use_dropout": True, "dropout_structure": None}, {"dropout_structure": (0, 0, 0)}),
]  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("content", "expected"), OLD_FILES)
def test_what_older_files_leave_unsaid(
    tmp_path: Path, content: dict[str, Any], expected: dict[str, Any], zipped: bool
) -> None:
    path = saved(tmp_path / "old.pt", {6: (mlp(1), mlp(2)), **content}, zipped)
    shape = read_hypernetwork(path).shape
    assert {name: getattr(shape, name) for name in expected} == expected


def test_the_first_files_called_their_layers_otherwise(tmp_path: Path) -> None:
    renamed = {"linear.0": "linear1", "linear.2": "linear2"}
    oldest = {f"{renamed[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": t for n, t in mlp(1).items()}
    assert "linear2.bias" in oldest
    file = read_hypernetwork(saved(tmp_path / "first.pt", {6: (oldest, oldest)}))
    assert set(file.pairs[6][0]) == {"linear.0.weight", "linear.0.bias", "linear.1.weight", "linear.1.bias"}
    assert torch.equal(file.pairs[6][1]["linear.1.bias"], mlp(1)["linear.2.bias"])
    assert (file.name, file.step, file.checkpoint_name, file.metadata) == ("first", 0, "", {})


PAIR = (mlp(1), mlp(2))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"step": 3}, "is not a hypernetwork"),
        ({6: PAIR[0]}, "is not a hypernetwork"),
        ({6: (PAIR[0],)}, "is not a hypernetwork"),
        ({6: (PAIR[0], {"linear.0.weight": 3})}, "is not a hypernetwork"),
        ({6: PAIR, "layer_structure": [2, 1]}, r"has the layer structure \[2, 1\], which is not a list of widths"),
        ({6: PAIR, "layer_structure": [1, 2]}, "which is not a list of widths from 1 to 1"),
        ({6: PAIR, "layer_structure": [1, 10**9, 1]}, "which is not a list of widths from 1 to 1"),
        ({6: PAIR, "layer_structure": "1, 2, 1"}, "which is not a list of widths from 1 to 1"),
        ({6: PAIR, "dropout_structure": [0, 0.5]}, r"has the dropout structure \[0, 0.5\], which does not fit its 3"),
        ({6: PAIR, "dropout_structure": [0, 1.0, 0]}, "which does not fit its 3 widths"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path, content: dict[Any, Any], words: str) -> None:
    path = saved(tmp_path / "x.pt", content)
    with pytest.raises(UserError, match=words) as raised:
        read_hypernetwork(path)
    assert str(raised.value).startswith(f"{path} ")
    assert str(raised.value).endswith(": choose another file.")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "sprung"))


@pytest.mark.parametrize("zipped", [True, False])
def test_foreign_code_is_never_run(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "trap.pt", {6: PAIR, "step": Trap(tmp_path / "sprung")}, zipped)
    with pytest.raises(UserError, match="with more than tensors"):
        read_hypernetwork(path)
    assert not (tmp_path / "sprung").exists()


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "short.pt"
    write_hypernetwork(path, FILE)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="incomplete or damaged"):
        read_hypernetwork(path)


def test_it_says_what_it_is_and_how_it_was_made(tmp_path: Path) -> None:
    write_hypernetwork(tmp_path / "mine.pt", FILE)
    found = identify(tmp_path / "mine.pt")
    assert (found.kind, found.training) == ("hypernetwork", {"steps": "42"})
    assert found.details == {
        "sizes": "6, 4", "parameters": "476", "layer structure": "1, 2, 1", "activation": "relu",
        "layer norm": "no", "dropout": "0, 0.3, 0", "name": "mine", "step": "42", "sd_checkpoint_name": "base",
        "precision": "fp16",
    }  # fmt: skip
