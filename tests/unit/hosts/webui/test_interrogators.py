"""The WebUI's models that caption, on stand-ins for its modules; tests/webui tries them in a real one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from sd_finetune.errors import UserError

NAME = "sd_finetune.hosts.webui.interrogators"


class Blip(torch.nn.Module):
    """Has weights, as something is told of their precision."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


class Models:
    """Of the WebUI's InterrogateModels, what is used."""

    blip_model: Any = None
    dtype: Any = None
    running_on_cpu = False

    def load_blip_model(self) -> Blip:
        return Blip()

    def load(self) -> None:
        raise AssertionError("it would download CLIP")

    def generate_caption(self, image: Image.Image) -> str:
        return f"{image.mode} {self.dtype}"

    def send_blip_to_ram(self) -> None:
        self.blip_model.freed = True


class Tagger:
    """Of the WebUI's DeepDanbooru, what is used."""

    model: Any = None
    on_gpu = False

    def start(self) -> None:
        self.on_gpu = True

    def tag_multi(self, image: Image.Image, force_disable_ranks: bool = False) -> str:
        assert self.on_gpu
        return "1dog, solo" if force_disable_ranks else "(1dog:0.9)"

    def stop(self) -> None:
        self.on_gpu = False


@pytest.fixture
def webui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    package: Any = ModuleType("modules")

    def load_models(model_path: str, ext_filter: list[str], model_url: str | None = None) -> list[str]:
        assert model_url is None, "it would download one"
        return [str(path) for path in Path(model_path).rglob(f"*{ext_filter[0]}")]

    parts: dict[str, Any] = {
        "deepbooru": SimpleNamespace(model=Tagger()),
        "devices": SimpleNamespace(device_interrogate=torch.device("cpu"), torch_gc=lambda: None),
        "modelloader": SimpleNamespace(load_models=load_models),
        "paths": SimpleNamespace(models_path=str(tmp_path)),
        "shared": SimpleNamespace(interrogator=Models(), cmd_opts=SimpleNamespace(no_half=False)),
        "torch_utils": SimpleNamespace(get_param=lambda model: next(model.parameters())),
    }
    vars(package).update(parts)
    monkeypatch.setitem(sys.modules, "modules", package)
    package.ours = importlib.import_module(NAME)
    monkeypatch.setattr(package.ours, "_has_tokenizer", lambda: True)
    yield package
    sys.modules.pop(NAME, None)


def place(folder: Path, name: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")


def test_without_its_model_nothing_is_loaded_or_downloaded(webui: Any) -> None:
    blip, deepbooru = webui.ours.interrogators()
    assert "has no model for BLIP yet: press Interrogate CLIP once" in blip.missing
    assert "has no model for deepbooru yet: press Interrogate DeepBooru once" in deepbooru.missing
    for each in (blip, deepbooru):
        with pytest.raises(UserError, match="yet: press"), each.ready():
            raise AssertionError


def test_blip_is_used_without_clip(webui: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, "BLIP/model_base_caption_capfilt_large.pth")
    monkeypatch.setattr(webui.ours, "_has_tokenizer", lambda: False)
    assert webui.ours.interrogators()[0].missing, "its tokenizer would be downloaded"
    monkeypatch.setattr(webui.ours, "_has_tokenizer", lambda: True)
    blip = webui.ours.interrogators()[0]
    assert (blip.name, blip.missing) == ("blip", "")
    with blip.ready() as caption:
        assert caption(Image.new("RGB", (8, 8))) == "RGB torch.float16"
    assert webui.shared.interrogator.blip_model.freed


def test_deepbooru_s_tags_have_no_scores(webui: Any, tmp_path: Path) -> None:
    place(tmp_path, "torch_deepdanbooru/model-resnet_custom_v3.pt")
    deepbooru = webui.ours.interrogators()[1]
    assert (deepbooru.name, deepbooru.missing) == ("deepbooru", "")
    with deepbooru.ready() as caption:
        assert caption(Image.new("RGB", (8, 8))) == "1dog, solo"
    assert not webui.deepbooru.model.on_gpu
    with pytest.raises(RuntimeError, match="within"), deepbooru.ready():
        raise RuntimeError("within")
    assert not webui.deepbooru.model.on_gpu, "whatever happens it is off the GPU again"


def test_a_model_in_memory_is_there(webui: Any) -> None:
    webui.shared.interrogator.blip_model = Blip()
    webui.deepbooru.model.model = object()
    assert [each.missing for each in webui.ours.interrogators()] == ["", ""]
