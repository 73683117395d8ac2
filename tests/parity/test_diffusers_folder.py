"""Folders that the real diffusers saved, read as the one file that they were made from, and folders for it to read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from sd_finetune.demo.expand_xl import expand
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.reader import read_image
from sd_finetune.errors import NotFiniteError, UserError
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from sd_finetune.formats.diffusers_result import write_folder
from sd_finetune.formats.identify import identify
from sd_finetune.formats.known_base import known_base
from sd_finetune.formats.usable_base import refuse_unusable_base
from sd_finetune.reading.diffusers_folder import INDEX, SCHEDULER
from tests.diffusers_folders import change_json, drawn, pipeline_of, save_folder
from tests.toy import CHECKPOINTS, make_checkpoint

SAVED: dict[str, dict[str, Any]] = {
    "safetensors": {},
    "a variant": {"variant": "fp16"},
    "pickles": {"safe_serialization": False},
    "shards": {"max_shard_size": "100KB"},
    "pickled shards of a variant": {"max_shard_size": "100KB", "variant": "fp16", "safe_serialization": False},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("files")
    return {
        name: make_checkpoint(home / f"{number}.safetensors", precision="fp16", **CHECKPOINTS[name])
        for number, name in enumerate(("sd1", "deep sd1", "sdxl", "deep sdxl, v"))
    }


@pytest.fixture(scope="module")
def saved(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(files["sd1"], tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """Of the first of the files, to be changed."""
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


def assert_same(found: Checkpoint, expected: Checkpoint) -> None:
    assert found.architecture == expected.architecture
    assert found.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype, name
        assert found.tensors[name].shape == tensor.shape, name
        assert torch.equal(found.tensors[name], tensor), name


@pytest.mark.parametrize("name", ["sd1", "deep sd1", "sdxl", "deep sdxl, v"])
def test_it_is_the_single_file_to_the_bit(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Also what follows from configs alone: heads, prediction type, zero terminal SNR, scale, side of images."""
    folder = save_folder(files[name], tmp_path / "model")
    assert_same(read_checkpoint(folder), read_checkpoint(files[name]))
    assert known_base(folder) == known_base(files[name])
    refuse_unusable_base(folder)
    assert identify(folder).use == identify(files[name]).use
    assert identify(folder).details["precision"] == "fp16"


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
@pytest.mark.parametrize("way", SAVED)
def test_every_way_of_saving(files: dict[str, Path], tmp_path: Path, name: str, way: str) -> None:
    folder = save_folder(files[name], tmp_path / "model", **SAVED[way])
    assert_same(read_checkpoint(folder), read_checkpoint(files[name]))


def test_what_diffusers_loads_by_default_comes_first(files: dict[str, Path], folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    for other in ("fp16.safetensors", "non_ema.safetensors", "bin"):
        weights.with_name(f"diffusion_pytorch_model.{other}").write_bytes(b"none of it")
    assert_same(read_checkpoint(folder), read_checkpoint(files["sd1"]))
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    weights.with_name("diffusion_pytorch_model.bin").unlink()
    assert_same(read_checkpoint(folder), read_checkpoint(files["sd1"]))


def test_older_names(files: dict[str, Path], folder: Path) -> None:
    """Of the VAE's attention before diffusers 0.15, and of CLIP's network in transformers 5."""
    from safetensors.torch import load_file, save_file

    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    for file, names in (
        (folder / "vae" / "diffusion_pytorch_model.safetensors", old),
        (folder / "text_encoder" / "model.safetensors", {"text_model.": ""}),
    ):
        tensors = load_file(file)
        for new, earlier in names.items():
            tensors = {name.replace(new, earlier): tensor for name, tensor in tensors.items()}
        save_file(tensors, file, {"format": "pt"})
    assert_same(read_checkpoint(folder), read_checkpoint(files["sd1"]))


FAULTS = {
    "another pipeline": ("model_index.json", {"_class_name": "FluxPipeline"}, "is a model for diffusers' FluxPipeline"),
    "Stable Diffusion 3": ("model_index.json", {"_class_name": "StableDiffusion3Pipeline"}, "StableDiffusion3Pipeline"),
    "other blocks": (
        "unet/config.json", {"down_block_types": ["SimpleCrossAttnDownBlock2D"] * 2}, "says down_block_types"),
    "heads": ("unet/config.json", {"attention_head_dim": 3}, "num_heads 3, which does not divide the 32 channels"),
    "another activation": ("text_encoder/config.json", {"hidden_act": "gelu"}, "hidden_act 'gelu'"),
    "more layers": ("text_encoder/config.json", {"num_hidden_layers": 2}, "text_encoder is not a complete text enc"),
    "another noise": ("scheduler/scheduler_config.json", {"_class_name": "EDMEulerScheduler"}, "noise .EDM."),
    "another schedule": ("scheduler/scheduler_config.json", {"beta_schedule": "linear"}, "beta_schedule 'linear'"),
    "the image": ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, "prediction_type is 'sample'"),
    "no number": ("unet/config.json", {"in_channels": "many"}, "in_channels 'many', which is not a number"),
    "no list": ("vae/config.json", {"block_out_channels": []}, "block_out_channels"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_other_models_are_refused_in_a_sentence(folder: Path, fault: str) -> None:
    file, changes, words = FAULTS[fault]
    change_json(folder / file, changes)
    for read in (read_checkpoint, refuse_unusable_base):
        with pytest.raises(UserError, match=words) as caught:
            read(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


MISSING = (
    "unet/config.json", "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors",
    "scheduler/scheduler_config.json",
)  # fmt: skip


@pytest.mark.parametrize("missing", MISSING)
def test_a_missing_part_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    words = missing.partition("/")[0] if "safetensors" in missing else missing
    with pytest.raises(UserError, match=f"lacks .*{words}.*: download or save it whole"):
        read_checkpoint(folder)


def test_an_index_does_not_lead_elsewhere(files: dict[str, Path], folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    index, shard = weights.with_name(f"{weights.name}.index.json"), weights.with_name("shard.safetensors")
    weights.rename(shard)
    index.write_text(json.dumps({"weight_map": {"conv_in.weight": shard.name}}))
    assert_same(read_checkpoint(folder), read_checkpoint(files["sd1"]))
    index.write_text(json.dumps({"weight_map": {"conv_in.weight": "../unet/shard.safetensors"}}))
    with pytest.raises(UserError, match="damaged"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["sd1", "deep sdxl, v"])
def test_diffusers_reads_what_is_written(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    """The same weights to the bit, and so the same images, to rounding; and back here the same checkpoint."""
    folder = tmp_path / "my model v1.0"
    base = read_checkpoint(files[name])
    write_folder(folder, base, {}, None, {"modelspec.title": "zib"})
    read = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float16)
    expected = pipeline_of(files[name])
    assert type(read) is type(expected)
    for part, own in base.parts.items():
        found = {name.removeprefix("text_model."): value for name, value in getattr(read, part).state_dict().items()}
        assert all(torch.equal(found[name.removeprefix("text_model.")], value) for name, value in own.items()), part
    told = read.scheduler.config
    assert (told.prediction_type, told.rescale_betas_zero_snr) == (
        base.architecture.prediction_type, base.architecture.zero_terminal_snr
    )  # fmt: skip
    for pipeline in (read, expected):
        pipeline.to(torch.float32)
        pipeline.scheduler = read.scheduler
    assert torch.allclose(drawn(read), drawn(expected), atol=1e-4)
    again = read_checkpoint(folder)
    assert_same(again, base)
    assert again.metadata["modelspec.title"] == "zib"
    assert not any(str(Path.home()) in file.read_text() for file in folder.rglob("*.json"))


KEPT = {
    "PNDMScheduler": {"skip_prk_steps": True, "set_alpha_to_one": False},
    "UniPCMultistepScheduler": {"use_karras_sigmas": True, "solver_order": 3},
    "DPMSolverMultistepScheduler": {"algorithm_type": "sde-dpmsolver++", "timestep_spacing": "trailing"},
}


@pytest.mark.parametrize("name", KEPT)
def test_the_scheduler_of_a_folder_is_kept(folder: Path, tmp_path: Path, name: str) -> None:
    """With settings of its own, which `from_pretrained` finds again."""
    change_json(folder / SCHEDULER, {"_class_name": name, **KEPT[name]})
    change_json(folder / INDEX, {"scheduler": ["diffusers", name]})
    out = tmp_path / "out"
    write_folder(out, read_checkpoint(folder), {})
    assert json.loads((out / SCHEDULER).read_text()) == json.loads((folder / SCHEDULER).read_text())
    scheduler = DiffusionPipeline.from_pretrained(out).scheduler
    assert type(scheduler).__name__ == name
    assert KEPT[name].items() <= dict(scheduler.config).items()


@pytest.mark.parametrize(
    ("changed", "trained_as"),
    [
        ({"_class_name": "SchedulerOfMine"}, {}),
        ({"_class_name": "StableDiffusionPipeline"}, {}),
        ({"_class_name": ["EulerDiscreteScheduler"]}, {}),
        ({}, {"prediction_type": "v_prediction"}),
        ({}, {"prediction_type": "v_prediction", "zero_terminal_snr": True}),
    ],
)
def test_one_that_does_not_suit_the_model_is_replaced(
    folder: Path, tmp_path: Path, changed: dict[str, Any], trained_as: dict[str, Any]
) -> None:
    change_json(folder / SCHEDULER, changed)
    base = read_checkpoint(folder)
    write_folder(tmp_path / "out", replace(base, architecture=replace(base.architecture, **trained_as)), {})
    scheduler = DiffusionPipeline.from_pretrained(tmp_path / "out").scheduler
    told, ends_in_noise = scheduler.config, trained_as.get("zero_terminal_snr", False)
    assert type(scheduler).__name__ == "EulerDiscreteScheduler"
    assert told.prediction_type == trained_as.get("prediction_type", "epsilon")
    assert (told.rescale_betas_zero_snr, told.timestep_spacing) == (
        ends_in_noise, "trailing" if ends_in_noise else "leading"
    )  # fmt: skip


@pytest.mark.parametrize("toy", ["sd1", "sdxl", "sdxl-v"])
def test_a_pipeline_generates_what_a_prompt_asks_for(tmp_path: Path, toy: str) -> None:
    """With nothing set, in few steps: the noise, what is predicted and where sampling begins are all right."""
    file = TOY_CHECKPOINT if toy == "sd1" else expand(tmp_path, toy)
    write_folder(tmp_path / "model", read_checkpoint(file), {}, None)
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "model").to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    images = pipeline(["a photo of a circle"] * 2, num_inference_steps=12, generator=generators).images
    assert [read_image(image).shape for image in images] == ["circle"] * 2


def test_nothing_half_written_is_left(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, folder = read_checkpoint(files["sd1"]), tmp_path / "model"
    name = "conv_in.bias"
    with pytest.raises(NotFiniteError, match=f"{folder} is not written"):
        write_folder(folder, base, {"unet": {name: torch.full_like(base.parts["unet"][name], torch.nan)}})
    monkeypatch.setattr(base.family, "write_pipeline_files", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(UserError, match=f"No space left on the disk for {folder}"):
        write_folder(folder, base, {})
    assert list(tmp_path.iterdir()) == []
