"""reForge and Classic as we use them, on stand-ins for their modules; tests/webui tries a real reForge."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

OURS = "sd_finetune.hosts.reforge.kind"
MANAGEMENT = "ldm_patched.modules.model_management"


class Model:
    """One that is loaded."""

    def __init__(self, file: Path) -> None:
        self.filename, self.current_lora_hash = str(file), "[['noise.safetensors', 1, 1]]"
        self.sd_checkpoint_info = SimpleNamespace(filename=str(file))


class Management:
    """Its memory management; where it unloads, it replaces tensors as they were made: in inference mode."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def unload_all_models(self) -> None:
        assert torch.is_inference_mode_enabled()
        self.done.append("unloaded")

    def soft_empty_cache(self, force: bool) -> None:
        self.done.append(f"emptied, {force}")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its package `modules`, with two models that are loaded."""
    package: Any = ModuleType("modules")
    loaded = [Model(tmp_path / f"{name}.safetensors") for name in ("used", "kept")]
    for model in loaded:
        Path(model.filename).write_bytes(b"")
    package.loads = []
    flags = SimpleNamespace(
        ckpt_dir=None, lora_dir=str(tmp_path / "Lora"), embeddings_dir=str(tmp_path), hypernetwork_dir=str(tmp_path)
    )
    vars(package).update(
        processing=SimpleNamespace(),
        modelloader=SimpleNamespace(load_models=lambda **_: []),
        paths=SimpleNamespace(models_path=str(tmp_path / "models")),
        sd_hijack=SimpleNamespace(),
        shared=SimpleNamespace(cmd_opts=flags),
        sd_models=SimpleNamespace(
            model_path=str(tmp_path / "models" / "Stable-diffusion"),
            model_data=SimpleNamespace(sd_model=loaded[0], loaded_sd_models=list(loaded)),
            load_model=lambda checkpoint_info=None, forced_reload=False: package.loads.append(
                (checkpoint_info, forced_reload)
            ),
        ),
    )
    package.management = Management()
    monkeypatch.setitem(sys.modules, "modules", package)
    patched: Any = ModuleType("ldm_patched.modules")
    patched.model_management = package.management
    monkeypatch.setitem(sys.modules, "ldm_patched", ModuleType("ldm_patched"))
    monkeypatch.setitem(sys.modules, "ldm_patched.modules", patched)
    monkeypatch.setitem(sys.modules, MANAGEMENT, package.management)
    before = set(sys.modules)
    yield package
    for name in set(sys.modules) - before:
        if name.startswith("sd_finetune.hosts."):
            del sys.modules[name]


@pytest.fixture
def kind(modules: Any) -> Any:
    return importlib.import_module(OURS).ReForge()


def test_which_of_the_two_it_is_shows_in_what_it_has(kind: Any, modules: Any) -> None:
    assert kind.name == "reForge"
    del modules.shared.cmd_opts.hypernetwork_dir
    classic = type(kind)()
    assert classic.name == "Forge Classic"
    assert "in Forge Classic:" in classic.unusable["hypernetwork"]
    assert classic.no_toy.startswith("Forge Classic cannot")


def test_the_file_is_lent_and_its_models_are_off_the_gpu(kind: Any, modules: Any, tmp_path: Path) -> None:
    file = tmp_path / "used.safetensors"
    with kind.lent(file) as lent:
        assert lent == file, "what is loaded may have a LoRA merged in"
        assert modules.management.done == ["unloaded", "emptied, True"]


def test_a_replaced_checkpoint_is_loaded_again(kind: Any, modules: Any, tmp_path: Path) -> None:
    data, used = modules.sd_models.model_data, modules.sd_models.model_data.sd_model
    kind.load_again({tmp_path / "other.safetensors"})
    assert (modules.loads, len(data.loaded_sd_models)) == ([], 2)
    kind.load_again({tmp_path / "used.safetensors", tmp_path / "kept.safetensors"})
    assert modules.loads == [(used.sd_checkpoint_info, True)]
    assert data.loaded_sd_models == [used], "what was kept of the other one is never used again"


def test_classic_loads_what_it_takes_for_another_file(kind: Any, modules: Any, tmp_path: Path) -> None:
    used = modules.sd_models.model_data.sd_model
    loads: list[Any] = []

    def load_model(checkpoint_info: Any = None, already_loaded_state_dict: Any = None) -> None:
        if used.filename != checkpoint_info.filename:
            loads.append(checkpoint_info)

    modules.sd_models.load_model = load_model
    kind.load_again({tmp_path / "used.safetensors"})
    assert loads == [used.sd_checkpoint_info]


def test_a_replaced_lora_is_emptied_from_all_that_keeps_it(
    kind: Any, modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    read = SimpleNamespace(cache_clear=lambda: done.append("files"))
    networks = SimpleNamespace(list_available_networks=lambda: done.append("list"), load_lora_state_dict=read)
    monkeypatch.setitem(sys.modules, "networks", networks)
    kind.read("lora")
    assert done == ["list", "files"]
    assert [model.current_lora_hash for model in modules.sd_models.model_data.loaded_sd_models] == ["", ""]
    del networks.load_lora_state_dict
    kind.read("lora")  # a fork without that cache


def test_embeddings_are_read_again_once_a_model_is_loaded(kind: Any, modules: Any) -> None:
    done: list[bool] = []
    database = SimpleNamespace(load_textual_inversion_embeddings=lambda force_reload: done.append(force_reload))
    modules.sd_hijack.model_hijack = SimpleNamespace(embedding_db=database)
    kind.read("embedding")
    assert done == [True]
    modules.sd_models.model_data.sd_model = None
    kind.read("embedding")
    kind.read("hypernetwork")
    assert done == [True]


def test_its_folders(kind: Any, modules: Any, tmp_path: Path) -> None:
    assert kind.folder("checkpoint") == tmp_path / "models" / "Stable-diffusion"
    assert kind.folder("lora") == tmp_path / "Lora"
    del modules.shared.cmd_opts.hypernetwork_dir
    assert kind.folder("hypernetwork") == tmp_path / "models" / "hypernetworks"
