"""What is asked of Forge and Neo, on stand-ins for their modules; tests/webui tries it on real ones."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Database:
    """Of words: how often it was read."""

    def __init__(self) -> None:
        self.read = 0

    def load_textual_inversion_embeddings(self, **_: Any) -> None:
        self.read += 1


def model(filename: str) -> SimpleNamespace:
    """A loaded SDXL with a LoRA in it."""
    unet, clip = (SimpleNamespace(lora_loader=SimpleNamespace(loaded_hash="[dog]")) for _ in range(2))
    return SimpleNamespace(
        filename=filename,
        current_lora_hash="[dog]",
        forge_objects=SimpleNamespace(unet=unet, clip=SimpleNamespace(patcher=clip)),
        text_processing_engine_l=SimpleNamespace(embeddings=Database()),
        text_processing_engine_g=SimpleNamespace(embeddings=Database()),
    )


def info(name: str, folder: str = "") -> SimpleNamespace:
    return SimpleNamespace(name=f"{folder}{name}", short_title=name, filename=f"/models/{folder}{name}")


def list_models(model_path: str, ext_filter: list[str], **_: Any) -> list[str]:
    return [f"{model_path}/a{ending}" for ending in ext_filter[-1:]]


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The kind, with all that it talks to: `did` in order, and `modules`, `networks`, `model_data`."""
    did: list[str] = []
    dog, my_dog = info("dog.safetensors", "animals/"), info("my dog.safetensors")
    data = SimpleNamespace(sd_model=model(str(tmp_path / "dog.safetensors")), forge_hash="dog")
    opts = SimpleNamespace(sd_checkpoint_dropdown_use_short=False, sd_model_checkpoint="dog.safetensors")
    opts.data = vars(opts)
    flags = SimpleNamespace(ckpt_dirs=[str(tmp_path / "many"), str(tmp_path / "more")], lora_dir=str(tmp_path / "own"))
    modules: Any = ModuleType("modules")
    parts: dict[str, Any] = {
        "paths": SimpleNamespace(models_path=str(tmp_path / "models"), data_path=str(tmp_path)),
        "processing": SimpleNamespace(
            StableDiffusionProcessing=type("P", (), {"cached_c": [1, 2, 3]}),
            StableDiffusionProcessingTxt2Img=type("T", (), {}),
        ),
        "modelloader": SimpleNamespace(load_models=list_models),
        "sd_models": SimpleNamespace(
            model_path=str(tmp_path / "models" / "Stable-diffusion"), model_data=data,
            checkpoints_list={"my": my_dog, "dog": dog}, checkpoint_aliases={"dog.safetensors [0123]": dog},
        ),
        "shared": SimpleNamespace(cmd_opts=flags, opts=opts),
        "ui_extra_networks_textual_inversion": SimpleNamespace(embedding_db=Database()),
    }  # fmt: skip
    vars(modules).update(parts, __path__=[])
    networks = SimpleNamespace(list_available_networks=lambda: did.append("list"))
    networks.load_lora_state_dict = lru_cache(lambda path: did.append(f"load {path}"))

    def soft_empty_cache(force: bool = False) -> None:
        did.append("empty" if force else "keep what is cached for an AMD GPU")

    management = SimpleNamespace(unload_all_models=lambda: did.append("unload"), soft_empty_cache=soft_empty_cache)
    entry = SimpleNamespace(refresh_model_loading_parameters=lambda: did.append("parameters"), ui_checkpoint=None)
    others: dict[str, Any] = {
        "modules": modules,
        "modules.ui_extra_networks_textual_inversion": parts["ui_extra_networks_textual_inversion"],
        "backend": SimpleNamespace(memory_management=management),
        "modules_forge": SimpleNamespace(main_entry=entry),
        "networks": networks,
        "gradio": SimpleNamespace(update=lambda **changes: changes),
    }
    for name, module in others.items():
        monkeypatch.setitem(sys.modules, name, module)
    before = set(sys.modules)
    kind = importlib.import_module("sd_finetune.hosts.forge.kind").Forge()
    yield SimpleNamespace(kind=kind, did=did, modules=modules, networks=networks, data=data, entry=entry)
    for name in set(sys.modules) - before:
        if name.startswith("sd_finetune.hosts."):
            del sys.modules[name]


def test_the_file_is_lent_whatever_is_loaded(forge: Any, tmp_path: Path) -> None:
    with forge.kind.lent(tmp_path / "dog.safetensors") as file:
        assert file == tmp_path / "dog.safetensors"
        assert forge.did == ["unload", "empty"]


def test_a_cache_that_cannot_be_forced_is_emptied_too(forge: Any) -> None:
    backend = sys.modules["backend"]
    backend.memory_management.soft_empty_cache = lambda: forge.did.append("empty")
    with forge.kind.vram_freed():
        assert forge.did == ["unload", "empty"]


def test_a_lora_under_an_old_name_is_read_again(forge: Any) -> None:
    load = forge.networks.load_lora_state_dict
    load("dog")
    forge.kind.read("lora")
    load("dog")
    assert forge.did == ["load dog", "list", "load dog"]
    loaded = forge.data.sd_model
    assert loaded.current_lora_hash == ""
    assert loaded.forge_objects.unet.lora_loader.loaded_hash == ""
    assert loaded.forge_objects.clip.patcher.lora_loader.loaded_hash == ""


@pytest.mark.parametrize("lacking", ["cache", "model", "extension"])
def test_what_one_of_them_lacks_is_no_fault(forge: Any, lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if lacking == "cache":
        forge.networks.load_lora_state_dict = lambda path: None
    if lacking == "model":
        forge.data.sd_model = SimpleNamespace(cond_stage_model=None)  # before the first image
    if lacking == "extension":
        monkeypatch.delitem(sys.modules, "networks")
    forge.kind.read("lora")
    forge.kind.read("embedding")
    forge.kind.load_again({Path("dog.safetensors").resolve()})
    assert ("list" in forge.did) == (lacking != "extension")


def test_a_word_is_read_again_by_cards_and_by_each_text_encoder(forge: Any) -> None:
    forge.kind.read("embedding")
    forge.kind.forget_names()
    loaded = forge.data.sd_model
    engines = (loaded.text_processing_engine_l, loaded.text_processing_engine_g)
    databases = [each.embeddings for each in engines]
    databases.append(forge.modules.ui_extra_networks_textual_inversion.embedding_db)
    assert [each.read for each in databases] == [1, 1, 1]
    assert forge.modules.processing.StableDiffusionProcessing.cached_c == [None] * 3


def test_a_replaced_checkpoint_is_loaded_for_the_next_image_and_another_one_is_not(forge: Any, tmp_path: Path) -> None:
    forge.kind.load_again(set())
    assert forge.did == [], "a LoRA was trained: nothing is to be loaded again"
    forge.kind.load_again({(tmp_path / "cat.safetensors").resolve()})
    assert (forge.data.forge_hash, forge.did) == ("dog", ["parameters"])
    forge.kind.load_again({(tmp_path / "dog.safetensors").resolve()})
    assert forge.data.forge_hash == ""


def test_folders_are_those_of_the_flags_or_its_own(forge: Any, tmp_path: Path) -> None:
    assert forge.kind.folder("checkpoint") == tmp_path / "many"
    assert forge.kind.folder("lora") == tmp_path / "own"
    assert forge.kind.folder("embedding") == tmp_path / "embeddings"
    own = tmp_path / "models" / "Stable-diffusion"
    assert forge.kind.checkpoint_files() == [
        f"{folder}/a.gguf" for folder in (own, tmp_path / "many", tmp_path / "more")
    ]


def test_a_checkpoint_is_selected_by_its_whole_name(forge: Any) -> None:
    assert forge.kind.checkpoint_dropdown() is None, "without a page"
    forge.entry.ui_checkpoint = object()
    forge.entry.checkpoint_change = lambda name, save=True: forge.did.append(name)
    dropdown = forge.kind.checkpoint_dropdown()
    listed = ["my dog.safetensors", "animals/dog.safetensors"]
    assert dropdown.select("dog.safetensors [0123]") == {"choices": listed, "value": "animals/dog.safetensors"}
    assert forge.did == ["animals/dog.safetensors"], "its page tells it only of what a person chose"
    forge.did.clear()
    shown = {"choices": ["my dog.safetensors", "animals/dog.safetensors"], "value": "dog.safetensors"}
    assert dropdown.as_it_is() == shown
    forge.kind.select(forge.modules.sd_models.checkpoints_list["dog"])
    assert forge.modules.shared.opts.sd_model_checkpoint == "animals/dog.safetensors"
    assert forge.did == ["parameters"]


def test_a_result_can_be_selected_before_its_run_has_ended(forge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    forge.entry.ui_checkpoint, models = object(), forge.modules.sd_models

    class Listed(SimpleNamespace):
        def __init__(self, filename: str) -> None:
            super().__init__(name=Path(filename).name, filename=filename)

        def register(self) -> None:
            models.checkpoints_list[self.name] = models.checkpoint_aliases[self.name] = self

    monkeypatch.setattr(models, "CheckpointInfo", Listed, raising=False)
    monkeypatch.setattr(models, "model_path", "new.safetensors")
    forge.entry.checkpoint_change = lambda name, save=True: forge.did.append(name)
    dropdown = forge.kind.checkpoint_dropdown()
    assert dropdown.select("a.gguf")["value"] == "a.gguf"
    assert forge.did[-1] == "a.gguf"
    assert dropdown.select("nowhere.safetensors") == {}, "it says nothing, as what is shown is still so"


def test_neo_is_told_for_which_preset_a_checkpoint_is_selected(forge: Any) -> None:
    assert forge.kind.name == "Forge Neo"
    forge.entry.ui_checkpoint, forge.modules.shared.opts.forge_preset = object(), "sd"
    forge.entry.checkpoint_change = lambda name, preset, save=True: forge.did.append((name, preset))
    forge.kind.checkpoint_dropdown().select("dog.safetensors [0123]")
    assert forge.did == [("animals/dog.safetensors", "sd")]


def test_newer_and_empty_models_have_less_to_forget(forge: Any) -> None:
    for patcher in (forge.data.sd_model.forge_objects.unet, forge.data.sd_model.forge_objects.clip.patcher):
        del patcher.lora_loader
    forge.networks.load_lora_state_dict = print  # has no cache
    forge.kind.read("lora")
    assert forge.data.sd_model.current_lora_hash == ""
    forge.data.sd_model = None  # as after a checkpoint that could not be loaded
    forge.kind.read("lora")
    forge.kind.read("embedding")
