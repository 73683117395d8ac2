"""Going on from the result of an earlier run: LoRA and DreamBooth (textual inversion: test_textual_inversion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.embedding import write_embedding
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.formats.tensor_file import write_tensors
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from sd_finetune.training.output.save import save_result
from tests.toy import (
    ARCHITECTURE,
    ROWS,
    Toy,
    answer,
    in_double,
    load_doubled,
    make_checkpoint,
    relative_error,
    trained,
)

TEXT = {"train.train_text_encoder": True}


def perturbed_result(toy: Toy, changes: dict[str, Any]) -> tuple[str, dict[str, torch.Tensor]]:
    """The file and the trained values of a run in which everything trained has moved."""
    training = toy.prepare(changes)
    generator = torch.Generator().manual_seed(4)
    for value in training.method.trained_tensors().values():
        value.data += 0.05 * torch.randn(value.shape, generator=generator)
    return str(save_result(training, 1, final=True)), trained(training)


@pytest.mark.parametrize(
    "row",
    [{"method": "lora"}, {"method": "lora", **TEXT}, {"method": "dreambooth"}, {"method": "dreambooth", **TEXT}],
    ids=["lora", "lora+text", "dreambooth", "dreambooth+text"],
)
def test_training_starts_where_the_file_ended(toy: Toy, row: dict[str, Any]) -> None:
    assert_goes_on(toy, row)


@pytest.mark.parametrize("row", ["lora+text", "dreambooth+text"])
def test_training_of_sdxl_starts_where_the_file_ended(toys: Callable[[str], Toy], row: str) -> None:
    """Each encoder's values in its own."""
    assert_goes_on(toys("sdxl, v"), ROWS[row])


def assert_goes_on(toy: Toy, row: dict[str, Any]) -> None:
    path, values = perturbed_result(toy, row)
    anew, on = trained(toy.prepare(row)), trained(toy.prepare({**row, "base.continue_from": path}))
    assert on.keys() == values.keys()
    assert [name for name in values if not torch.equal(on[name], values[name])] == []
    assert [name for name in values if torch.equal(on[name], anew[name])] == []


def test_dreambooth_keeps_what_only_the_earlier_run_trained(toy: Toy) -> None:
    path, values = perturbed_result(toy, {"method": "dreambooth", **TEXT})
    training = toy.prepare({"method": "dreambooth", "base.continue_from": path, "prior.weight": 1.0})
    assert not any(p.requires_grad for p in training.model.text_encoder.parameters())
    written = read_checkpoint(save_result(training, 1, final=True)).parts["text_encoder"]
    name = "text_model.encoder.layers.0.mlp.fc1.weight"
    assert torch.equal(written[name], values[f"text_encoder.{name}"])
    assert torch.equal(training.model.text_encoder.state_dict()[name], written[name])


@pytest.mark.parametrize("layout", ["file", "diffusers"])
@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_dreambooth_saves_the_vae_that_images_were_encoded_with(
    toys: Callable[[str], Toy], tmp_path: Path, kind: str, layout: str
) -> None:
    """Also where the earlier run had another one."""
    toy = toys(kind)
    vaes = [read_checkpoint(toy.checkpoint).parts["vae"]]
    for seed in (1, 2):
        file = make_checkpoint(tmp_path / f"{seed}.safetensors", seed=seed, precision="fp16", family=kind)
        vaes.append(read_checkpoint(file).parts["vae"])
    plain = {"method": "dreambooth", "output.layout": layout}
    earlier, _ = perturbed_result(toy, {**plain, "base.vae": str(tmp_path / "1.safetensors")})
    assert_has_vae(Path(earlier), vaes[1], "1.safetensors")
    for changes, vae, name in (
        ({"base.vae": str(tmp_path / "2.safetensors")}, vaes[2], "2.safetensors"),
        ({}, vaes[0], "None"),
    ):
        training = toy.prepare({**plain, **changes, "base.continue_from": earlier})
        assert_has_vae(save_result(training, 1, final=True), vae, name)


def assert_has_vae(file: Path, expected: Mapping[str, torch.Tensor], name: str) -> None:
    saved = read_checkpoint(file)
    assert saved.metadata["ss_vae_name"] == name
    assert saved.parts["vae"].keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in saved.parts["vae"].items())


def bare(path: Path, metadata: dict[str, str] | None = None) -> Path:
    """The checkpoint without its description, as other trainers save it."""
    write_tensors(path, read_checkpoint(path).tensors, metadata or {})
    path.with_suffix(".yaml").unlink()
    return path


def test_a_checkpoint_without_description_has_the_base_s(toy: Toy, tmp_path: Path) -> None:
    path, values = perturbed_result(toy, {"method": "dreambooth"})
    earlier, base = bare(Path(path)), bare(make_checkpoint(tmp_path / "base.safetensors"))
    config = toy.checkpoint.with_suffix(".yaml")
    asked = {"method": "dreambooth", "base.continue_from": str(earlier)}
    for own in ({}, {"base.checkpoint": str(base), "base.config": str(config)}):
        training = toy.prepare({**asked, **own})
        assert [name for name, value in trained(training).items() if not torch.equal(value, values[name])] == []
        assert save_result(training, 1, final=True).with_suffix(".yaml").read_text() == config.read_text()


@pytest.mark.parametrize(("told", "fits"), [("epsilon", True), ("v", False)])
def test_its_own_metadata_wins_over_the_base_s_description(toy: Toy, told: str, fits: bool) -> None:
    path, _ = perturbed_result(toy, {"method": "dreambooth"})
    bare(Path(path), {"modelspec.prediction_type": told})
    with nullcontext() if fits else pytest.raises(UserError, match=r"\(prediction_type: v_prediction and epsilon\)"):
        toy.prepare({"method": "dreambooth", "base.continue_from": path})


def test_a_checkpoint_whose_vae_has_other_sizes_is_refused(toy: Toy, tmp_path: Path) -> None:
    other = make_checkpoint(tmp_path / "other.safetensors", vae=replace(ARCHITECTURE.vae, num_res_blocks=1))
    with pytest.raises(UserError, match=r"does not fit base\.checkpoint = .* \(vae: num_res_blocks 1 and 0"):
        toy.prepare({"method": "dreambooth", "base.continue_from": str(other)})


def test_a_checkpoint_of_other_sizes_is_refused(toy: Toy, tmp_path: Path) -> None:
    narrow = replace(ARCHITECTURE.text_encoder, intermediate_size=32)
    other = make_checkpoint(tmp_path / "other.safetensors", text_encoder=narrow)
    with pytest.raises(
        UserError, match=r"other\.safetensors does not fit base\.checkpoint = .* \(text_encoder: intermediate_size 32"
    ):
        toy.prepare({"method": "dreambooth", "base.continue_from": str(other)})


@pytest.mark.parametrize(
    ("method", "own", "words"),
    [
        (
            "lora",
            {"base.continue_from": "sdxl.safetensors"},
            r"sdxl\.safetensors is a LoRA for SDXL: choose a LoRA",
        ),
        (
            "lora",
            {"base.continue_from": "word.safetensors"},
            r"is a textual inversion embedding for .*: choose a LoRA for",
        ),
        (
            "textual_inversion",
            {"base.continue_from": "sdxl.safetensors"},
            "a LoRA for SDXL: choose a textual inversion",
        ),
        (
            "textual_inversion",
            {"base.continue_from": "word.safetensors"},
            "width 768, but this checkpoint needs width 32",
        ),
        ("textual_inversion", {"textual_inversion.word": "star"}, '"star" is in the vocabulary of the model'),
        ("hypernetwork", {"base.continue_from": "word.safetensors"}, r"choose a hypernetwork for Stable Diffusion 1"),
        ("hypernetwork", {"hypernetwork.sizes": "99"}, "has the width 99"),
        ("dreambooth", {"base.continue_from": "sdxl.safetensors"}, "choose a checkpoint for Stable Diffusion 1"),
    ],
)
def test_what_does_not_fit_is_said_before_class_images_are_drawn(
    toy: Toy, tmp_path: Path, method: str, own: dict[str, Any], words: str
) -> None:
    layer = LoraModule(torch.ones(4, 2048), torch.ones(640, 4), 4.0)
    attention = "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    write_lora(
        tmp_path / "sdxl.safetensors",
        {lora_name("unet", attention): layer},
        {"ss_base_model_version": "sdxl_base_v1-0"},
    )
    write_embedding(tmp_path / "word.safetensors", {"emb_params": torch.ones(1, 768)}, {})
    if "base.continue_from" in own:
        own = {"base.continue_from": str(tmp_path / own["base.continue_from"])}
    images = tmp_path / "class-images"
    changes = {**ROWS[method], **own, "prior.weight": 1.0, "class_images.cache_folder": str(images)}
    with pytest.raises(UserError, match=words):
        toy.prepare(changes)
    assert not images.exists()


def test_what_a_lora_lacks_starts_anew(toy: Toy) -> None:
    path, values = perturbed_result(toy, {"method": "lora"})
    on = trained(toy.prepare({"method": "lora", **TEXT, "base.continue_from": path}))
    assert all(torch.equal(on[name], value) for name, value in values.items())
    assert not any(bool(value.any()) for name, value in on.items() if name not in values and name.endswith(".up"))


@pytest.fixture
def kohya_s(tmp_path: Path) -> Path:
    """As kohya's scripts write it: 1x1 convolutions, half precision, one layer of many."""
    layer = LoraModule(torch.ones(4, 32, 1, 1), torch.ones(32, 4, 1, 1), 2.0)
    write_lora(tmp_path / "kohya.safetensors", {lora_name("unet", "mid_block.attentions.0.proj_in"): layer}, {}, "fp16")
    return tmp_path / "kohya.safetensors"


def test_kohya_s_files_are_taken(toy: Toy, kohya_s: Path) -> None:
    on = trained(toy.prepare({"base.continue_from": str(kohya_s)}))
    assert torch.equal(on["unet.mid_block.attentions.0.proj_in.up"], torch.ones(32, 4, 1, 1))
    assert not bool(on["unet.mid_block.attentions.0.proj_out.up"].any())


@pytest.mark.parametrize("asked", [{"lora.rank": 4, "lora.alpha": 0.1}, {"lora.rank": 9, "lora.alpha": 2}, {}])
def test_another_rank_or_alpha_starts_with_the_same_change(toy: Toy, tmp_path: Path, asked: dict[str, Any]) -> None:
    """The file's layers have several ranks, as those of an extracted or resized LoRA have, and an odd alpha."""
    generator = torch.Generator().manual_seed(1)
    modules = {
        lora_name("unet", f"mid_block.attentions.0.transformer_blocks.0.attn1.{place}"): LoraModule(
            torch.randn(rank, 32, generator=generator), torch.randn(32, rank, generator=generator), 0.1
        )
        for place, rank in (("to_q", 2), ("to_v", 4))
    }
    file = tmp_path / "mixed.safetensors"
    write_lora(file, modules, {}, "fp16")
    expected = load_doubled(toy.checkpoint)
    before = answer(expected)
    attach_loras(expected, [WeightedLora(read_lora(file)[0])])
    on = toy.prepare({"base.continue_from": str(file), "lora.rank": 4, **asked})
    assert relative_error(answer(in_double(on)), answer(expected)) < 1e-5
    assert relative_error(answer(expected), before) > 1e-3


def test_dreambooth_goes_on_only_from_what_predicts_the_same(toy: Toy, tmp_path: Path) -> None:
    other = make_checkpoint(tmp_path / "v.safetensors", prediction_type="v_prediction")
    with pytest.raises(UserError, match=r"v\.safetensors does not fit base\.checkpoint = .* v_prediction and epsilon"):
        toy.prepare({"method": "dreambooth", "base.continue_from": str(other)})


def test_what_does_not_fit_is_said(toy: Toy, kohya_s: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has layers of rank 4, but lora.rank is 3: set lora.rank = 4 or more"):
        toy.prepare({"base.continue_from": str(kohya_s), "lora.rank": 3})
    (layer,) = read_lora(kohya_s)[0].values()
    for part, place, way_out in (
        ("text_encoder", "text_model.encoder.layers.0.mlp.fc1", "set train.train_text_encoder = true"),
        ("unet", "mid_block.resnets.0.conv1", "use another LoRA"),
    ):
        write_lora(tmp_path / "other.safetensors", {lora_name(part, place): layer}, {})
        with pytest.raises(UserError, match=f"this run, which does not train 1 of its layers, .*: {way_out}"):
            toy.prepare({"base.continue_from": str(tmp_path / "other.safetensors")})
