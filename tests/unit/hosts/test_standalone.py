"""How a result is used, told where there is no WebUI around the tab."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.hosts.host import BaseCheckpoint, ResultKind
from sd_finetune.hosts.models_in_folder import folders_of_diffusers, models_in, with_whole_models
from sd_finetune.hosts.standalone import Standalone
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


def test_checkpoints_of_one_name_can_be_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "checkpoints"
    files = [folder / "anna" / "model.safetensors", folder / "bert" / "model.safetensors", folder / "own.ckpt"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    _, *found = Standalone(tmp_path / "data", tmp_path / "toy", tmp_path / "example").checkpoints()
    assert [base.path for base in found] == files
    assert [base.title for base in found] == [str(files[0]), str(files[1]), "own.ckpt"]


def test_a_folder_is_told_with_a_command_that_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "my dog v1.5"
    said = make_host(tmp_path).use("checkpoint", folder, None).sentence
    assert f'convert --checkpoint "{folder}" --out "{folder}.safetensors"' in said


def test_a_webuis_list_has_models_of_diffusers_once_and_not_their_parts(tmp_path: Path) -> None:
    weights = "diffusion_pytorch_model.safetensors"
    for index in ("sd/model_index.json", "people/anna/model_index.json", "Diffusers/sdxl/model_index.json"):
        (tmp_path / index).parent.mkdir(parents=True)
        (tmp_path / index).touch()
    (tmp_path / "Diffusers" / "nothing").mkdir()
    listed = ["own.safetensors", f"sd/unet/{weights}", "sd/safety_checker/model.safetensors", "sd/pruned.safetensors",
              f"people/anna/vae/{weights} [0123456789]", "unet/own.ckpt"]  # fmt: skip
    bases = [BaseCheckpoint(title, tmp_path / title.partition(" ")[0]) for title in listed]
    whole = with_whole_models(bases, folders_of_diffusers(tmp_path))
    titles = ["own.safetensors", "sd", "sd/pruned.safetensors", "people/anna", "unet/own.ckpt", "Diffusers/sdxl"]
    assert [base.title for base in whole] == titles
    assert [base.path for base in whole] == [tmp_path / title for title in titles]
    windows = BaseCheckpoint(rf"people\anna\unet\{weights}", tmp_path / "people" / "anna" / "unet" / weights)
    assert with_whole_models([windows], [])[0].title == r"people\anna"
