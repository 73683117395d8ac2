"""How a result is used, told where there is no WebUI around the tab."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.hosts.host import ResultKind
from sd_finetune.hosts.models_in_folder import models_in
from tests.screen import make_host


@pytest.mark.parametrize(
    ("kind", "folder", "prompt"),
    [
        ("checkpoint", "models/Stable-diffusion", ""),
        ("lora", "models/Lora", "<lora:my dog:1>"),
        ("embedding", "embeddings", "my dog"),
        ("hypernetwork", "models/hypernetworks", "<hypernet:my dog:1>"),
    ],
)
def test_how_a_result_is_used(tmp_path: Path, kind: ResultKind, folder: str, prompt: str) -> None:
    use = make_host(tmp_path).use(kind, Path("/results/my dog.safetensors"), Path("/models/toy.safetensors"))
    assert f"WebUI's folder {folder} and" in use.sentence
    assert prompt in use.sentence
    assert use.prompt == prompt
    assert ("It belongs to the checkpoint toy.safetensors." in use.sentence) == (kind != "checkpoint")


def test_a_model_of_several_files_is_one_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "sd-v1.5"
    for name in ("model_index.json", "unet/diffusion_pytorch_model.safetensors", "vae/x.ckpt", "../own.safetensors"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert sorted(models_in(tmp_path / "models")) == [tmp_path / "models" / "own.safetensors", folder]
    assert list(models_in(tmp_path / "nowhere")) == []
