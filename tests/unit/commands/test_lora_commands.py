"""The commands merge, extract and resize on a toy of random weights, read back with safetensors alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sd_finetune.__main__ import main
from sd_finetune.families.ldm.layer_kinds import layer_kind
from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sd1.architecture import TextEncoderSizes
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint, write_checkpoint
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from tests.toy import DEEP, answer, load_doubled, make_checkpoint, once_a_process, relative_error

ABOUT_LORA = {"ss_learning_rate": "0.0001", "ss_network_dim": "6", "modelspec.hash_sha256": "0xold"}


class Home(NamedTuple):
    """base.safetensors (fp32) and half.safetensors (fp16), two LoRAs of rank 6, and a base that was trained."""

    folder: Path
    base: Path
    half: Path
    lora: Path
    second: Path
    tuned: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("commands")
    home = Home(folder, *(folder / f"{name}.safetensors" for name in ("base", "half", "lora", "second", "tuned")))
    with once_a_process():
        make_checkpoint(home.base, **DEEP)
        make_checkpoint(home.half, precision="fp16", **DEEP)
        for seed, path in enumerate((home.lora, home.second)):
            write_lora(path, some_layers(home.base, seed), ABOUT_LORA, "fp32")
        make_tuned(home)
        yield home


def some_layers(checkpoint: Path, seed: int) -> dict[str, LoraModule]:
    model = load_model(read_checkpoint(checkpoint))
    generator = torch.Generator().manual_seed(seed)
    targets = [
        ("unet", lora_targets("unet", model.unet)),
        ("text_encoder", lora_targets("text_encoder", model.text_encoder)),
    ]
    layers = {}
    for part, found in targets:
        for path, module in found.items():
            down = torch.randn(6, *module.weight.shape[1:], generator=generator)
            up = torch.randn(module.weight.shape[0], 6, *module.weight.shape[2:], generator=generator)
            layers[lora_name(part, path)] = LoraModule(down * 0.1, up * 0.1, 3.0)
    return layers


def make_tuned(home: Home) -> None:
    """Every weight of UNet and text encoder moved, and something known of how."""
    base = read_checkpoint(home.base)
    generator = torch.Generator().manual_seed(7)
    trained = {
        part: {name: v + 0.02 * torch.randn(v.shape, generator=generator) for name, v in base.parts[part].items()}
        for part in ("unet", "text_encoder")
    }
    write_checkpoint(home.tuned, base, trained, "fp32", {"ss_steps": "400", "modelspec.trigger_phrase": "sks star"})


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(str(path), "pt") as file:
        return file.metadata()


def changes(path: Path) -> dict[str, Tensor]:
    """What a LoRA file adds to each layer, in float64."""
    tensors, found = load_file(path), {}
    for name in (name.removesuffix(".alpha") for name in tensors if name.endswith(".alpha")):
        up, down = (tensors[f"{name}.lora_{half}.weight"].double().flatten(1) for half in ("up", "down"))
        found[name] = tensors[f"{name}.alpha"].item() / len(down) * up @ down
    return found


def refused(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """One sentence, exit code 2, and nothing written."""
    before = sorted(out.parent.iterdir())
    capsys.readouterr()
    assert main([*arguments, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert sorted(out.parent.iterdir()) == before
    return printed.err


# merge


@pytest.mark.parametrize("kind", ["base", "half"])
def test_merged_is_the_sum_and_the_rest_the_same(home: Home, tmp_path: Path, kind: str) -> None:
    checkpoint, out = getattr(home, kind), tmp_path / "merged.safetensors"
    asked = ["merge", "--checkpoint", str(checkpoint), "--lora", f"{home.lora}:0.5", "--lora", f"{home.second}:-1.5"]
    assert main([*asked, "--out", str(out)]) == 0
    before, after = load_file(checkpoint), load_file(out)
    names = {
        place.name: lora_name(part, name.removesuffix(".weight"))
        for part in ("unet", "text_encoder")
        for name, place in read_checkpoint(checkpoint).places[part].items()
    }
    first, second = changes(home.lora), changes(home.second)
    assert before.keys() == after.keys()
    changed = {name for name in before if names.get(name) in first and name.endswith(".weight")}
    assert len(changed) == len(first) == 192 + 6
    for name, old in before.items():
        assert after[name].dtype == old.dtype
        if name in changed:
            layer = names[name]
            expected = old.double().flatten(1) + 0.5 * first[layer] - 1.5 * second[layer]
            rounding = 1e-6 if old.dtype == torch.float32 else 5e-4
            assert relative_error(after[name].flatten(1), expected) < rounding
            assert relative_error(old.flatten(1), expected) > 0.01
        else:
            assert torch.equal(after[name], old), name
    assert out.with_suffix(".yaml").read_text() == checkpoint.with_suffix(".yaml").read_text()


def test_merged_with_another_vae_it_has_that(home: Home, tmp_path: Path) -> None:
    vae, out = tmp_path / "vae.safetensors", tmp_path / "merged.safetensors"
    own = {name: 2 * each for name, each in load_file(home.base).items() if name.startswith("first_stage_model.")}
    save_file(own, vae)
    asked = ["merge", "--checkpoint", str(home.base), "--lora", str(home.lora), "--out", str(out)]
    assert main([*asked, "--vae", str(vae)]) == 0
    merged = load_file(out)
    assert own
    assert all(torch.equal(merged[name], each) for name, each in own.items())


def test_merged_it_draws_as_with_the_lora_beside_it(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "merged.safetensors"
    assert main(["merge", "--checkpoint", str(home.base), "--lora", str(home.lora), "--out", str(out)]) == 0
    beside = load_doubled(home.base)
    attach_loras(beside, [WeightedLora(read_lora(home.lora)[0])])
    assert relative_error(answer(load_doubled(out)), answer(beside)) < 1e-5
    assert relative_error(answer(load_doubled(home.base)), answer(beside)) > 0.01


def test_the_base_s_metadata_is_carried_and_the_recipe_added(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "merged.safetensors"
    main(["merge", "--checkpoint", str(home.tuned), "--lora", f"{home.lora}:0.5", "--out", str(out)])
    found = metadata_of(out)
    assert (found["ss_steps"], found["modelspec.title"]) == ("400", "merged")
    recipe = json.loads(found["sd_finetune.made_from"])
    assert (recipe["command"], recipe["base"]) == ("merge", "tuned.safetensors")
    hashed = metadata_of(home.lora)["sshs_model_hash"]
    assert recipe["loras"] == [{"file": "lora.safetensors", "weight": 0.5, "sshs_model_hash": hashed}]
    assert str(home.folder) not in str(found)


def test_what_cannot_be_merged(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "merged.safetensors"
    foreign = {
        lora_name("unet", "down_blocks.9.attentions.0.proj_in"): LoraModule(torch.ones(1, 32), torch.ones(32, 1), 1.0)
    }
    write_lora(tmp_path / "foreign.safetensors", foreign, {})
    write_lora(tmp_path / "partly.safetensors", {**read_lora(home.lora)[0], **foreign}, {})
    wide = {
        lora_name("unet", "down_blocks.0.attentions.0.proj_in"): LoraModule(torch.ones(1, 320), torch.ones(320, 1), 1.0)
    }
    write_lora(tmp_path / "wide.safetensors", wide, {})
    strange = {**load_file(home.lora), "lora_unet_x.dora_scale": torch.ones(3)}
    save_file(strange, tmp_path / "strange.safetensors")
    for lora, words in (
        (tmp_path / "foreign.safetensors", "or give its layers kohya's names"),
        (tmp_path / "partly.safetensors", "which lacks 1 of its layers"),
        (tmp_path / "wide.safetensors", "(320, 320)"),
        (tmp_path / "strange.safetensors", "has a layer lora_unet_x whose tensors are"),
        (tmp_path / "none.safetensors", "none.safetensors not found"),
        (home.base, "choose a LoRA for Stable Diffusion 1"),
        (f"{home.lora}:10000000000", "overflows float16"),
    ):
        arguments = ["merge", "--checkpoint", str(home.half), "--lora", str(lora)]
        assert words in refused(arguments, out, capsys)
    arguments = ["merge", "--checkpoint", str(home.lora), "--lora", str(home.lora)]
    assert "only Stable Diffusion 1 or SDXL checkpoints" in refused(arguments, out, capsys)
    arguments = ["merge", "--checkpoint", str(home.base), "--lora", str(home.lora)]
    assert "already exists" in refused(arguments, home.base, capsys)
    (tmp_path / "note.yaml").write_text("somebody's")
    assert "note.yaml already exists" in refused(arguments, tmp_path / "note.safetensors", capsys)
    assert "cannot be written" in refused(arguments, tmp_path / f"{'n' * 300}.safetensors", capsys)
    for weight in ("nan", "inf", "abc", "", "0,5"):
        arguments = ["merge", "--checkpoint", str(home.base), "--lora", f"{home.lora}:{weight}"]
        assert f'"{weight}" in {home.lora}:{weight} is not a valid weight: use a number, as in' in refused(
            arguments, out, capsys
        )
    for name in ("merged.ckpt", "merged.SAFETENSORS", "merged.safetensor"):
        assert "has the wrong ending: use .safetensors" in refused(arguments, tmp_path / name, capsys)


def test_a_convolution_may_be_stored_as_linear(home: Home, tmp_path: Path) -> None:
    """The two forms of a 1x1 convolution add up, and each alone is the same LoRA."""
    layer = {lora_name("unet", "mid_block.attentions.0.proj_in"): LoraModule(torch.ones(2, 32), torch.ones(32, 2), 1.0)}
    ((place, linear),) = layer.items()
    as_convolution = {place: replace(linear, down=linear.down[..., None, None], up=linear.up[..., None, None])}
    write_lora(tmp_path / "a.safetensors", layer, {})
    write_lora(tmp_path / "b.safetensors", as_convolution, {})
    answers = []
    for files in (["a", "a"], ["a", "b"], ["b", "a"], ["a"]):
        model = load_doubled(home.base)
        attach_loras(model, [WeightedLora(read_lora(tmp_path / f"{file}.safetensors")[0], 0.5) for file in files])
        answers.append(answer(model))
    assert relative_error(answers[1], answers[0]) == relative_error(answers[2], answers[0]) == 0
    assert relative_error(answers[3], answers[0]) > 1e-4


# extract


def test_at_full_rank_the_lora_is_the_difference(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "extracted.safetensors"
    asked = ["extract", "--base", str(home.base), "--tuned", str(home.tuned), "--text-encoder", "--precision", "fp32"]
    assert main([*asked, "--rank", "1024", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "100.00% of the norm of the change is kept" in printed
    found = changes(out)
    assert len(found) == 192 + 6
    layers = set(found)
    base, tuned = read_checkpoint(home.base), read_checkpoint(home.tuned)
    for part in ("unet", "text_encoder"):
        for name, old in base.parts[part].items():
            layer = lora_name(part, name.removesuffix(".weight"))
            if name.endswith(".weight") and layer in found:
                difference = (tuned.parts[part][name].double() - old.double()).flatten(1)
                assert relative_error(found.pop(layer), difference) < 1e-5, layer
        whole = sum(
            float((tuned.parts[part][n].double() - v.double()).square().sum()) for n, v in base.parts[part].items()
        )
        inside = sum(
            float((tuned.parts[part][n].double() - v.double()).square().sum())
            for n, v in base.parts[part].items()
            if n.endswith(".weight") and lora_name(part, n.removesuffix(".weight")) in layers
        )
        name = {"unet": "UNet", "text_encoder": "text encoder"}[part]
        share = (inside / whole) ** 0.5
        assert 0.01 < share < 0.99
        assert f"{share:.2%} of the norm of the {name}'s change is in layers of the LoRA." in printed
    assert not found


LAYERS: dict[str, tuple[list[str], Collection[str]]] = {
    "LoCon": (["--conv-rank", "1024"], ("attention", "mlp", "convolutions")),
    "attention": (["--targets", "attention"], ("attention",)),
    "all": (["--targets", "all", "--conv-rank", "1024"], ("attention", "mlp", "convolutions", "rest")),
    "a pattern": (["--targets", "pattern", "--pattern", "mid_block.*(conv1|to_q)$"], ("attention", "convolutions")),
}


@pytest.mark.parametrize("which", LAYERS)
def test_other_layers_are_extracted_as_they_are_trained(home: Home, tmp_path: Path, which: str) -> None:
    """With 3x3 convolutions, at full rank to the last bit but rounding; merged they give back the tuned weights."""
    (asked, kinds), out, merged = LAYERS[which], tmp_path / "x.safetensors", tmp_path / "merged.safetensors"
    both = ["--base", str(home.base), "--tuned", str(home.tuned)]
    assert main(["extract", *both, "--rank", "1024", *asked, "--precision", "fp32", "--out", str(out)]) == 0
    assert main(["merge", "--checkpoint", str(home.base), "--lora", str(out), "--out", str(merged)]) == 0
    base, tuned, found = (read_checkpoint(path).parts["unet"] for path in (home.base, home.tuned, merged))
    layers = {name for name in base if not torch.equal(found[name], base[name])}
    expected = {
        name for name, weight in base.items()
        if name.endswith(".weight") and weight.dim() > 1 and layer_kind("unet", name.removesuffix(".weight")) in kinds
        and (which != "a pattern" or re.search("mid_block.*(conv1|to_q)$", name.removesuffix(".weight")))
    }  # fmt: skip
    assert layers == expected
    assert all(relative_error(found[name], tuned[name]) < 1e-6 for name in layers)
    has_convolutions = any(weight.dim() == 4 and weight.shape[2] == 3 for weight in load_file(out).values())
    assert has_convolutions == ("convolutions" in kinds)
    arguments = json.loads(metadata_of(out)["ss_network_args"])
    assert arguments == ({"conv_dim": "1024", "conv_alpha": "1024.0"} if "--conv-rank" in asked else {})
    small = tmp_path / "small.safetensors"
    assert main(["extract", *both, "--rank", "2", "--conv-rank", "3", "--out", str(small)]) == 0
    ranks = {len(weight) for name, weight in load_file(small).items() if name.endswith("conv1.lora_down.weight")}
    assert ranks == {3}


def test_a_pattern_without_its_switch_is_refused(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["extract", "--base", str(home.base), "--tuned", str(home.tuned)]
    for asked in (["--pattern", "x"], ["--targets", "pattern"]):
        assert "go together" in refused([*both, *asked], tmp_path / "x.safetensors", capsys)


def test_a_text_encoder_that_is_left_out_is_told(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["extract", "--base", str(home.base), "--tuned", str(home.tuned), "--rank", "1"]
    main([*asked, "--out", str(tmp_path / "x.safetensors")])
    assert "The text encoder changed too, but is not in this LoRA: use --text-encoder" in capsys.readouterr().out
    main([*asked, "--text-encoder", "--out", str(tmp_path / "y.safetensors")])
    assert "changed too" not in capsys.readouterr().out
    base = read_checkpoint(home.base)
    norm = "text_model.final_layer_norm.weight"
    own = {"text_encoder": {norm: base.parts["text_encoder"][norm] + 1}, "unet": {}}
    layer = "mid_block.attentions.0.proj_in.weight"
    own["unet"] = {layer: base.parts["unet"][layer] + 1}
    write_checkpoint(tmp_path / "norm.safetensors", base, own, "fp32")
    asked = ["extract", "--base", str(home.base), "--tuned", str(tmp_path / "norm.safetensors"), "--text-encoder"]
    main([*asked, "--out", str(tmp_path / "z.safetensors")])
    assert "is not in this LoRA: its changes are in layers that a LoRA does not have." in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_merged_lora_is_found_again(home: Home, tmp_path: Path, precision: str) -> None:
    merged, out = tmp_path / "merged.safetensors", tmp_path / "extracted.safetensors"
    main(["merge", "--checkpoint", str(home.base), "--lora", str(home.lora), "--out", str(merged)])
    asked = ["extract", "--base", str(home.base), "--tuned", str(merged), "--rank", "6", "--precision", precision]
    assert main([*asked, "--out", str(out)]) == 0
    found, expected = changes(out), changes(home.lora)
    assert len(found) == 192, "the text encoder's only if asked"
    wanted = torch.float16 if precision == "fp16" else torch.float32
    assert {tensor.dtype for name, tensor in load_file(out).items() if name.endswith(".weight")} == {wanted}
    worst = max(relative_error(found[name], expected[name]) for name in found)
    assert worst < (1e-5 if precision == "fp32" else 1e-3)


def test_what_was_known_of_the_training_is_carried(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "extracted.safetensors"
    main(["extract", "--base", str(home.base), "--tuned", str(home.tuned), "--rank", "2", "--out", str(out)])
    found = metadata_of(out)
    assert (found["ss_steps"], found["modelspec.trigger_phrase"]) == ("400", "sks star")
    assert (found["ss_output_name"], found["ss_network_dim"], found["ss_network_alpha"]) == ("extracted", "2", "2.0")
    assert (found["ss_base_model_version"], found["ss_sd_model_name"]) == ("sd_v1", "base.safetensors")
    assert found["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert len(found["sshs_model_hash"]) == len(found["ss_new_sd_model_hash"]) == 64
    recipe = json.loads(found["sd_finetune.made_from"])
    assert 0.2 < recipe.pop("kept") < 0.8, "of random changes most is in the other singular values"
    assert recipe == {"command": "extract", "base": "base.safetensors", "tuned": "tuned.safetensors", "rank": 2}
    assert "sd_finetune.config" not in found


def test_what_cannot_be_extracted(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "extracted.safetensors"
    v = make_checkpoint(tmp_path / "v.safetensors", prediction_type="v_prediction", **DEEP)
    deeper = make_checkpoint(
        tmp_path / "deep.safetensors",
        text_encoder=TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2),
        **DEEP,
    )
    for tuned, words in (
        (home.base, "have equal weights in all layers"),
        (v, "(prediction_type: epsilon and v_prediction)"),
        (deeper, "have different architectures (text_encoder: num_hidden_layers 1 and 2)"),
        (home.lora, "only Stable Diffusion 1 or SDXL checkpoints"),
        (tmp_path / "none.safetensors", "none.safetensors not found"),
    ):
        assert words in refused(["extract", "--base", str(home.base), "--tuned", str(tuned)], out, capsys)


# resize


def test_resized_it_is_the_nearest_of_its_rank(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    assert main(["resize", str(home.lora), "--rank", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    found, shares, norms = changes(out), {}, []
    for name, whole in changes(home.lora).items():
        u, values, v = torch.linalg.svd(whole, full_matrices=False)
        nearest = u[:, :2] * values[:2] @ v[:2]
        assert relative_error(found[name], nearest) < 1e-6
        shares[name] = float(nearest.norm() / whole.norm())
        norms.append([float(whole.norm()), float(nearest.norm())])
    tensors = load_file(out)
    assert {tensors[f"{name}.lora_down.weight"].shape[0] for name in found} == {2}
    assert {tensors[f"{name}.lora_down.weight"].dtype for name in found} == {torch.float32}, "the file's own format"
    assert {tensors[f"{name}.alpha"].item() for name in found} == {1.0}, "alpha / rank is what it was"
    kept = torch.tensor(norms).norm(dim=0)
    assert printed[0] == f"rank 6 to 2: {kept[1] / kept[0]:.2%} of the norm of the change is kept, least in"
    assert [line.split()[1] for line in printed[1:6]] == sorted(shares, key=lambda name: shares[name])[:5]
    assert printed[1].split()[0] == f"{min(shares.values()):.2%}"


def test_resized_it_says_so(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    main(["resize", str(home.lora), "--rank", "4", "--precision", "bf16", "--out", str(out)])
    found, old = metadata_of(out), metadata_of(home.lora)
    assert (found["ss_learning_rate"], found["ss_network_dim"], found["ss_network_alpha"]) == ("0.0001", "4", "2.0")
    assert found["ss_output_name"] == "small"
    assert "modelspec.hash_sha256" not in found
    assert found["sshs_model_hash"] != old["sshs_model_hash"]
    recipe = json.loads(found["sd_finetune.made_from"])
    assert recipe == {"command": "resize", "lora": "lora.safetensors", "rank": 4, "kept": pytest.approx(0.9, abs=0.09)}
    assert load_file(out)["lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"].dtype == torch.bfloat16


def test_what_cannot_be_resized(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    assert "has rank 6 already" in refused(["resize", str(home.lora), "--rank", "6"], out, capsys)
    assert "choose a LoRA for Stable Diffusion 1" in refused(["resize", str(home.base), "--rank", "2"], out, capsys)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(home.lora.read_bytes()[:5000])
    assert "incomplete or damaged" in refused(["resize", str(cut), "--rank", "2"], out, capsys)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["resize", str(home.lora), "--rank", "0", "--out", str(out)])
    assert "0 is out of range: use a whole number from 1 to 1024" in capsys.readouterr().err


HELP = {"merge": "bit for bit", "extract": "how much of the difference", "resize": "Alpha is scaled"}


@pytest.mark.parametrize("command", HELP)
def test_help_is_complete(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main([command, "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--out FILE" in printed
    assert HELP[command] in printed


def test_new_words_in_the_file_are_kept_by_resize_used_by_sample_and_saved_beside_a_merge(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = torch.randn(2, 32, generator=torch.Generator().manual_seed(3))
    write_lora(tmp_path / "l.safetensors", read_lora(home.lora)[0], ABOUT_LORA, "fp32", {"zib-7": {"*": word}})
    assert main(["resize", str(tmp_path / "l.safetensors"), "--rank=2", f"--out={tmp_path / 'small.safetensors'}"]) == 0
    assert load_file(tmp_path / "small.safetensors")["bundle_emb.zib-7.string_to_param.*"].equal(word)
    out = tmp_path / "merged.safetensors"
    arguments = ["merge", f"--checkpoint={home.base}", f"--lora={tmp_path / 'l.safetensors'}", f"--out={out}"]
    assert main(arguments) == 0
    assert load_file(tmp_path / "zib-7.safetensors")["emb_params"].equal(word)
    assert f"saved embedding: {tmp_path / 'zib-7.safetensors'}" in capsys.readouterr().out
    out.unlink()
    out.with_suffix(".yaml").unlink()
    assert main(arguments) == 2
    assert "zib-7.safetensors already exists" in capsys.readouterr().err
    images: list[bytes] = []
    for prompt in ("zib-7", "star"):
        image = tmp_path / f"{prompt}.png"
        drawn = ["--width=64", "--height=64", "--steps=1", f"--prompt=a {prompt}", f"--out={image}"]
        assert main(["sample", f"--checkpoint={home.base}", f"--lora={tmp_path / 'l.safetensors'}", *drawn]) == 0
        images.append(image.read_bytes())
    plain = tmp_path / "plain.png"
    drawn = ["--width=64", "--height=64", "--steps=1", "--prompt=a zib-7", f"--out={plain}"]
    assert main(["sample", f"--checkpoint={home.base}", f"--lora={home.lora}", *drawn]) == 0
    assert len({*images, plain.read_bytes()}) == 3
