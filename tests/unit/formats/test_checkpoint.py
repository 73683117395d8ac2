"""Checkpoints in and out: what was not trained is the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.sd1.constant_tensors import schedule_buffers
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.families.sd1.ldm_config import dump
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint, write_checkpoint
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.methods.dreambooth import DreamBoothMethod
from tests.tiny import TINY, Parts

TEXT = "cond_stage_model.transformer.text_model."
ATTENTION = "first_stage_model.encoder.mid.attn_1.q.weight"


def bits(tensor: Tensor) -> tuple[torch.dtype, tuple[int, ...], bytes]:
    return tensor.dtype, tuple(tensor.shape), tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def all_bits(path: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    return {name: bits(tensor) for name, tensor in read_tensors(path).tensors.items()}


def perturbed(parts: Parts, part: str) -> Parts:
    return {part: {name: tensor + 0.25 for name, tensor in parts[part].items()}}


def rewrite(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change a checkpoint's tensors on disk."""
    file = read_tensors(path)
    tensors = {name: tensor.clone() for name, tensor in file.tensors.items()}
    change(tensors)
    write_tensors(path, tensors, file.metadata)


def test_a_new_checkpoint_reads_back_as_the_modules_want_it(tiny_file: Path, tiny_parts: Parts) -> None:
    checkpoint = read_checkpoint(tiny_file)
    assert checkpoint.architecture == TINY
    assert {part: set(tensors) for part, tensors in checkpoint.parts.items()} == {
        part: set(tensors) for part, tensors in tiny_parts.items()
    }
    for part, tensors in tiny_parts.items():
        for name, tensor in tensors.items():
            assert bits(checkpoint.parts[part][name]) == bits(tensor.half()), name


def test_a_new_checkpoint_carries_the_buffers_of_an_sd1_file(tiny_file: Path) -> None:
    other = read_checkpoint(tiny_file).other
    assert set(other) == {*schedule_buffers(TINY), TEXT + "embeddings.position_ids"}
    assert other[TEXT + "embeddings.position_ids"].tolist() == [list(range(77))]
    assert {other[name].dtype for name in schedule_buffers(TINY)} == {torch.float32}


def test_schedule_buffers_are_the_diffusion_process() -> None:
    """Properties from the paper: x_t's variance is 1 if x_0's is, and the posterior of a point mass is Bayes' rule."""
    buffers = {name: values.double() for name, values in schedule_buffers(TINY).items()}
    products, betas = buffers["alphas_cumprod"], buffers["betas"]
    assert betas[0].item() == pytest.approx(0.00085)
    assert betas[-1].item() == pytest.approx(0.012)
    assert betas[500].item() == pytest.approx((0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * 500 / 999) ** 2)
    assert products[-1].item() == pytest.approx(0.00466, abs=1e-5)  # Stable Diffusion's known last value
    torch.testing.assert_close(
        buffers["sqrt_alphas_cumprod"] ** 2 + buffers["sqrt_one_minus_alphas_cumprod"] ** 2, torch.ones(1000).double()
    )
    before = buffers["alphas_cumprod_prev"]
    precision = (1 - betas[1:]) / betas[1:] + 1 / (1 - before[1:])  # of q(x_t | x_{t-1}) q(x_{t-1} | x_0)
    torch.testing.assert_close(buffers["posterior_variance"][1:], 1 / precision, rtol=1e-4, atol=0)
    mean = buffers["posterior_mean_coef1"] + buffers["posterior_mean_coef2"] * products.sqrt()
    torch.testing.assert_close(mean[1:], before[1:].sqrt(), rtol=1e-5, atol=0)  # of x_0 = 1 without noise


def test_writing_untrained_is_the_same_file_to_the_bit(tiny_file: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "again.safetensors", read_checkpoint(tiny_file), {})
    assert all_bits(tmp_path / "again.safetensors") == all_bits(tiny_file)
    assert (tmp_path / "again.yaml").read_text() == (tiny_file.with_suffix(".yaml")).read_text()


def test_what_is_read_and_written_back_as_trained_is_the_same_to_the_bit(tiny_file: Path, tmp_path: Path) -> None:
    """Every name and shape goes through the table in both directions."""
    checkpoint = read_checkpoint(tiny_file)
    write_checkpoint(tmp_path / "again.safetensors", checkpoint, checkpoint.parts, "fp16")
    assert all_bits(tmp_path / "again.safetensors") == all_bits(tiny_file)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_only_the_trained_part_changes(
    tiny_file: Path, tmp_path: Path, tiny_parts: Parts, part: str, precision: str, dtype: torch.dtype
) -> None:
    rewrite(tiny_file, lambda tensors: tensors.update({"model_ema.decay": torch.tensor(0.9999)}))
    base, trained = read_checkpoint(tiny_file), perturbed(tiny_parts, part)
    write_checkpoint(tmp_path / "new.safetensors", base, trained, precision)
    new = read_checkpoint(tmp_path / "new.safetensors")
    trained_names = {place.name for place in base.places[part].values()}
    old_bits, new_bits = all_bits(tiny_file), all_bits(tmp_path / "new.safetensors")
    assert set(new_bits) == set(old_bits)
    assert {name for name in new_bits if new_bits[name] != old_bits[name]} == trained_names
    for name, tensor in trained[part].items():
        assert bits(new.parts[part][name]) == bits(tensor.to(dtype)), name


def strange_spelling(tensors: dict[str, Tensor]) -> None:
    for name in [name for name in tensors if name.startswith(TEXT)]:
        tensors["cond_stage_model.transformer." + name[len(TEXT) :]] = tensors.pop(name)


def linear_vae_attention(tensors: dict[str, Tensor]) -> None:
    tensors[ATTENTION] = tensors[ATTENTION].flatten(1)


def linear_projections(tensors: dict[str, Tensor]) -> None:
    for name in [name for name in tensors if name.endswith(("1.proj_in.weight", "1.proj_out.weight"))]:
        tensors[name] = tensors[name].flatten(1)


def no_position_ids(tensors: dict[str, Tensor]) -> None:
    del tensors[TEXT + "embeddings.position_ids"]


def float_position_ids(tensors: dict[str, Tensor]) -> None:
    tensors[TEXT + "embeddings.position_ids"] = tensors[TEXT + "embeddings.position_ids"].half()


def mixed_types(tensors: dict[str, Tensor]) -> None:
    for name in [name for name in tensors if name.startswith("first_stage_model.")]:
        tensors[name] = tensors[name].float()
    tensors["model.diffusion_model.out.2.bias"] = tensors["model.diffusion_model.out.2.bias"].bfloat16()


@pytest.mark.parametrize(
    "change",
    [strange_spelling, linear_vae_attention, linear_projections, no_position_ids, float_position_ids, mixed_types],
)
def test_files_in_the_wild_keep_their_own_names_shapes_and_types(
    tiny_file: Path, tmp_path: Path, tiny_parts: Parts, change: Callable[[dict[str, Tensor]], None]
) -> None:
    rewrite(tiny_file, change)
    base = read_checkpoint(tiny_file)
    for part, tensors in tiny_parts.items():
        for name, tensor in tensors.items():
            assert torch.equal(base.parts[part][name].half(), tensor.to(base.parts[part][name].dtype).half()), name
    write_checkpoint(tmp_path / "new.safetensors", base, perturbed(tiny_parts, "unet"))
    old_bits, new_bits = all_bits(tiny_file), all_bits(tmp_path / "new.safetensors")
    assert set(new_bits) == set(old_bits)
    assert {name: new_bits[name][1] for name in new_bits} == {name: old_bits[name][1] for name in old_bits}
    untouched = set(old_bits) - {place.name for place in base.places["unet"].values()}
    assert {name: new_bits[name] for name in untouched} == {name: old_bits[name] for name in untouched}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_ckpt_becomes_the_same_safetensors(tiny_file: Path, tmp_path: Path, zipped: bool) -> None:
    tensors = read_tensors(tiny_file).tensors
    pickled = tmp_path / "pickled.ckpt"
    torch.save({"state_dict": tensors, "global_step": 1}, pickled, _use_new_zipfile_serialization=zipped)
    write_checkpoint(tmp_path / "new.safetensors", read_checkpoint(pickled, tiny_file.with_suffix(".yaml")), {})
    assert all_bits(tmp_path / "new.safetensors") == all_bits(tiny_file)


def test_transformers_position_ids_among_the_trained_are_no_weights(
    tiny_file: Path, tmp_path: Path, tiny_parts: Parts
) -> None:
    """transformers 4.30 keeps them in the state dict."""
    ids = {"text_model.embeddings.position_ids": torch.zeros(1, 77, dtype=torch.int64)}
    trained = {"text_encoder": {**tiny_parts["text_encoder"], **ids}}
    write_checkpoint(tmp_path / "new.safetensors", read_checkpoint(tiny_file), trained)
    assert read_checkpoint(tmp_path / "new.safetensors").other[TEXT + "embeddings.position_ids"][0, 5] == 5


def test_a_tensor_that_the_base_has_not_is_a_mistake_of_the_program(tiny_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no unet tensor conv_inn\.weight"):
        write_checkpoint(
            tmp_path / "x.safetensors", read_checkpoint(tiny_file), {"unet": {"conv_inn.weight": torch.ones(1)}}
        )
    assert not (tmp_path / "x.safetensors").exists()


def test_the_config_beside_the_file_wins_over_the_one_in_it(tiny_file: Path) -> None:
    beside = tiny_file.with_suffix(".yaml")
    beside.write_text(dump(replace(TINY, prediction_type="v_prediction")))
    assert read_checkpoint(tiny_file).architecture.prediction_type == "v_prediction"
    beside.unlink()
    assert read_checkpoint(tiny_file).architecture == TINY


def test_a_named_config_wins_over_the_one_beside(tiny_file: Path, tmp_path: Path) -> None:
    named = tmp_path / "other.yaml"
    named.write_text(dump(replace(TINY, scale_factor=0.5)))
    assert read_checkpoint(tiny_file, named).architecture.scale_factor == 0.5


def test_a_config_is_only_put_beside_where_the_base_had_one(tiny_file: Path, tmp_path: Path) -> None:
    tiny_file.with_suffix(".yaml").unlink()
    write_checkpoint(tmp_path / "new.safetensors", read_checkpoint(tiny_file), {})
    assert not (tmp_path / "new.yaml").exists()
    assert read_checkpoint(tmp_path / "new.safetensors").architecture == TINY


def test_a_missing_config_is_named(tiny_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"File .*none\.yaml not found"):
        read_checkpoint(tiny_file, tmp_path / "none.yaml")


def test_metadata_is_kept_but_for_what_describes_the_old_weights(
    tiny_file: Path, tmp_path: Path, tiny_parts: Parts
) -> None:
    old = {
        "modelspec.title": "old",
        "modelspec.author": "A",
        "modelspec.hash_sha256": "0x1",
        "modelspec.thumbnail": "data:",
    }
    new_checkpoint(tiny_file, FAMILY, TINY, tiny_parts, "fp16", old)
    write_checkpoint(tmp_path / "x.safetensors", read_checkpoint(tiny_file), {}, "fp16", {"modelspec.title": "new"})
    metadata = read_checkpoint(tmp_path / "x.safetensors").metadata
    assert {name: value for name, value in metadata.items() if name.startswith("modelspec.")} == {
        "modelspec.title": "new",
        "modelspec.author": "A",
    }


@pytest.mark.parametrize(
    "missing",
    [
        "first_stage_model.decoder.conv_in.weight",
        "first_stage_model.decoder.mid.attn_1.q.bias",
        "model.diffusion_model.middle_block.1.proj_in.weight",
        TEXT + "final_layer_norm.weight",
    ],
)
def test_a_checkpoint_that_lacks_a_tensor_is_refused(tiny_file: Path, missing: str) -> None:
    rewrite(tiny_file, lambda tensors: tensors.pop(missing))
    with pytest.raises(
        UserError, match=rf"not a complete Stable Diffusion 1 checkpoint \({missing} of its .* is missing\)"
    ):
        read_checkpoint(tiny_file)


def test_prediction_type_from_the_metadata_where_there_is_no_config(
    tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    tiny_file.with_suffix(".yaml").unlink()
    tensors = read_tensors(tiny_file).tensors
    write_tensors(tiny_file, tensors, {"modelspec.prediction_type": "v"})
    monkeypatch.setattr(
        FAMILY, "infer_architecture", lambda shapes, yaml_text, folder: TINY
    )  # its heads cannot be known here
    assert read_checkpoint(tiny_file).architecture == replace(TINY, prediction_type="v_prediction")


@pytest.mark.parametrize("kept", [False, True])
def test_where_the_file_fails_no_config_stays(
    tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    def fail(*_: object) -> None:
        raise UserError("No space is left.")

    monkeypatch.setattr("sd_finetune.formats.checkpoint.write_tensors", fail)
    (tmp_path / "new.yaml").write_text("of an earlier file") if kept else None
    with pytest.raises(UserError, match="No space"):
        write_checkpoint(tmp_path / "new.safetensors", read_checkpoint(tiny_file), {})
    assert (tmp_path / "new.yaml").exists() == kept


NEWER_VAE_NAMES = (
    {"q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0", "norm": "group_norm"},
    {"q": "query", "k": "key", "v": "value", "proj_out": "proj_attn"},
)


@pytest.mark.parametrize("names", NEWER_VAE_NAMES)
@pytest.mark.parametrize("is_linear", [True, False])
def test_a_vae_with_diffusers_names_is_read_and_written_with_the_usual_ones(
    tiny_file: Path, tmp_path: Path, names: dict[str, str], is_linear: bool
) -> None:
    usual = read_tensors(tiny_file).tensors

    def rename(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if ".mid.attn_1." in name]:
            start, _, layer = name.partition(".mid.attn_1.")
            word, _, ending = layer.rpartition(".")
            tensor = tensors.pop(name)
            flat = tensor.flatten(1) if is_linear and tensor.ndim == 4 else tensor
            tensors[f"{start}.mid.attn_1.{names.get(word, word)}.{ending}"] = flat

    rewrite(tiny_file, rename)
    assert read_tensors(tiny_file).tensors.keys() != usual.keys()
    read = read_checkpoint(tiny_file)
    write_checkpoint(tmp_path / "out.safetensors", read, {})
    written = read_tensors(tmp_path / "out.safetensors").tensors
    assert {name: tensor.shape for name, tensor in written.items()} == {n: t.shape for n, t in usual.items()}
    assert all(torch.equal(written[name], tensor) for name, tensor in usual.items())


def test_whole_numbers_are_no_weights(tiny_file: Path) -> None:
    name = "model.diffusion_model.middle_block.1.proj_in.weight"
    rewrite(tiny_file, lambda tensors: tensors.update({name: tensors[name].to(torch.int8)}))
    with pytest.raises(UserError, match=rf"{name} of type I8 and size .* are not weights"):
        read_checkpoint(tiny_file)


def test_ema_weights_are_not_kept_beside_trained_ones(tiny_file: Path, tmp_path: Path) -> None:
    names = [f"model_ema.{number}" for number in range(3)]
    rewrite(tiny_file, lambda tensors: tensors.update({name: torch.ones(1) for name in names}))
    base = read_checkpoint(tiny_file)
    assert base.has_ema
    write_checkpoint(tmp_path / "out.safetensors", base, {"unet": base.parts["unet"]})
    assert read_tensors(tmp_path / "out.safetensors").tensors.keys() == base.tensors.keys() - set(names)
    warning = DreamBoothMethod.result_warnings(base)
    assert "tiny.safetensors has EMA weights" in warning[0]
    assert DreamBoothMethod.result_warnings(read_checkpoint(tmp_path / "out.safetensors")) == []
