"""The command sample on a toy of random weights."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from sd_finetune.__main__ import main
from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.lora import LoraModule, write_lora
from sd_finetune.networks.lora_files import _stacked
from sd_finetune.sampling.generate import Drawn
from tests.toy import make_checkpoint


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With toy.safetensors, and a LoRA for it that does something."""
    folder = tmp_path_factory.mktemp("sample")
    make_checkpoint(folder / "toy.safetensors")
    model = load_model(read_checkpoint(folder / "toy.safetensors"))
    generator = torch.Generator().manual_seed(3)
    modules = {}
    for path, module in lora_targets("unet", model.unet).items():
        down = torch.randn(2, *module.weight.shape[1:], generator=generator)
        up = torch.randn(module.weight.shape[0], 2, *module.weight.shape[2:], generator=generator)
        modules[lora_name("unet", path)] = LoraModule(down * 0.2, up * 0.2, 1.0)
    write_lora(folder / "l.safetensors", modules, {}, "fp32")
    return folder


def draw(home: Path, out: Path, *more: str) -> np.ndarray:
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "a star", "--steps", "2"]
    assert main([*asked, "--out", str(out), *more]) == 0
    return np.asarray(Image.open(out)).astype(int)


def test_another_vae_draws_other_colors(home: Path, tmp_path: Path) -> None:
    vae = tmp_path / "vae.safetensors"
    start = "first_stage_model."
    own = read_checkpoint(home / "toy.safetensors").tensors
    save_file({name[len(start) :]: 1.1 * each for name, each in own.items() if name.startswith(start)}, vae)
    plain, other = draw(home, tmp_path / "plain.png"), draw(home, tmp_path / "other.png", "--vae", str(vae))
    assert np.abs(plain - other).mean() > 1


def test_count_and_seeds(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([
        "sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "a star", "--out", str(tmp_path),
        "--steps", "2", "--count", "2", "--seed", "7", "--height", "72",
    ])  # fmt: skip
    files = [tmp_path / "a-star-7.png", tmp_path / "a-star-8.png"]
    assert capsys.readouterr().out.splitlines() == [str(file) for file in files]
    first, second = (Image.open(file) for file in files)
    assert first.size == (64, 72)
    assert first.tobytes() != second.tobytes()
    assert "Seed: 7, Size: 64x72" in first.info["parameters"]
    alone = draw(home, tmp_path / "alone.png", "--seed", "8", "--height", "72")
    assert np.abs(alone - np.asarray(second)).max() <= 1


def test_a_lora_counts_as_often_as_its_weight_says(home: Path, tmp_path: Path) -> None:
    lora = str(home / "l.safetensors")
    without = draw(home, tmp_path / "a.png")
    once = draw(home, tmp_path / "b.png", "--lora", lora)
    twice_half = draw(home, tmp_path / "c.png", "--lora", f"{lora}:0.25", "--lora", f"{lora}:0.75")
    nothing = draw(home, tmp_path / "d.png", "--lora", f"{lora}:0")
    half = draw(home, tmp_path / "e.png", "--lora", f"{lora}:.5")
    assert np.abs(once - without).mean() > 1
    assert np.abs(half - once).mean() > 1
    assert np.abs(twice_half - once).mean() < 0.01 * np.abs(half - once).mean()
    assert (nothing == without).all()


def test_a_lora_for_another_model(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "x", "--out", str(tmp_path / "o")]
    sdxl = {
        f"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.{name}": torch.ones(shape)
        for name, shape in (("lora_down.weight", (4, 2048)), ("lora_up.weight", (640, 4)))
    }
    save_file(sdxl, tmp_path / "xl.safetensors")
    foreign = {
        lora_name("unet", "down_blocks.9.attentions.0.proj_in"): LoraModule(torch.ones(1, 32), torch.ones(32, 1), 1.0)
    }
    write_lora(tmp_path / "foreign.safetensors", foreign, {})
    wide = {
        lora_name("unet", "down_blocks.0.attentions.0.proj_in"): LoraModule(torch.ones(1, 320), torch.ones(320, 1), 1.0)
    }
    write_lora(tmp_path / "wide.safetensors", wide, {})
    for file, words in (
        ("xl.safetensors", "LoRA for SDXL"),
        ("foreign.safetensors", "lora_unet_down_blocks_9_attentions_0_proj_in"),
        ("wide.safetensors", "(320, 320)"),
    ):
        assert main([*asked, "--lora", str(home / "l.safetensors"), "--lora", str(tmp_path / file)]) == 2
        printed = capsys.readouterr()
        assert words in printed.err
        assert str(tmp_path / file) in printed.err
        assert printed.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def hypernetwork(path: Path, width: int, seed: int) -> str:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"linear.0.weight": (2 * width, width), "linear.0.bias": (2 * width,),
              "linear.1.weight": (width, 2 * width), "linear.1.bias": (width,)}  # fmt: skip
    mlps = [{name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()} for _ in "kv"]
    torch.save({width: tuple(mlps), "layer_structure": [1, 2, 1]}, path)
    return str(path)


def test_hypernetworks_work_in_the_order_they_are_named(home: Path, tmp_path: Path) -> None:
    first, second = hypernetwork(tmp_path / "1.pt", 32, 1), hypernetwork(tmp_path / "2.pt", 32, 2)
    without = draw(home, tmp_path / "a.png")
    once = draw(home, tmp_path / "b.png", "--hypernetwork", first)
    half = draw(home, tmp_path / "c.png", "--hypernetwork", f"{first}:0.5")
    both = draw(home, tmp_path / "d.png", "--hypernetwork", first, "--hypernetwork", second)
    other_way_round = draw(home, tmp_path / "e.png", "--hypernetwork", second, "--hypernetwork", first)
    images = [without, once, half, both, other_way_round]
    assert all(np.abs(a - b).mean() > 0.5 for k, a in enumerate(images) for b in images[:k])
    assert (draw(home, tmp_path / "f.png", "--hypernetwork", f"{first}:0") == without).all()


def test_a_hypernetwork_for_another_model(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "x", "--out", str(tmp_path / "o")]
    for file, words in (
        (
            hypernetwork(tmp_path / "sd2.pt", 1024, 1),
            "a hypernetwork for Stable Diffusion 2: choose a hypernetwork",
        ),
        (hypernetwork(tmp_path / "sd1.pt", 768, 1), "is for contexts of width 768, but this checkpoint has 32"),
        (str(home / "l.safetensors"), "a LoRA: choose a hypernetwork for Stable Diffusion 1"),
    ):
        assert main([*asked, "--hypernetwork", file]) == 2
        printed = capsys.readouterr()
        assert words in printed.err
        assert file in printed.err
        assert printed.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_loras_add_up() -> None:
    generator = torch.Generator().manual_seed(1)

    def change(rank: int) -> LoraModule:
        down = torch.randn(rank, 6, 1, 1, generator=generator)
        return LoraModule(down, torch.randn(5, rank, 1, 1, generator=generator), alpha=3.0)

    def matrix(module: LoraModule) -> torch.Tensor:
        return module.alpha / module.rank * (module.up.double().flatten(1) @ module.down.double().flatten(1))

    first, second, alone = change(2), change(4), change(1)
    assert torch.allclose(
        matrix(_stacked([(first, 0.5), (second, -2.0)])), 0.5 * matrix(first) - 2 * matrix(second), rtol=1e-5
    )
    assert torch.allclose(matrix(_stacked([(alone, 0.5)])), 0.5 * matrix(alone), rtol=1e-5)


@pytest.mark.parametrize("more", [["--width", "100"], ["--cfg", "0.5"], ["--steps", "0"], ["--count", "-1"]])
def test_what_is_out_of_range(home: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "x", *more])
    assert f"{more[1]} is out of range: use" in capsys.readouterr().err


def test_an_embedding_is_called_by_its_file_s_name(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("zib-7", 1), ("mo-9", 2)):
        vectors = torch.randn(2, 32, generator=torch.Generator().manual_seed(seed))
        save_file({"emb_params": vectors * 5}, tmp_path / f"{name}.safetensors")
    words = ["--embedding", str(tmp_path / "zib-7.safetensors"), "--embedding", str(tmp_path / "mo-9.safetensors")]
    zib, mo = ["--prompt", "a zib-7"], ["--prompt", "a mo-9"]
    without = draw(home, tmp_path / "a.png", *zib)
    drawn = [draw(home, tmp_path / f"{k}.png", *words, *prompt) for k, prompt in enumerate((zib, mo, []))]
    assert np.abs(drawn[0] - without).mean() > 0.5
    assert np.abs(drawn[1] - drawn[0]).mean() > 0.5
    assert (drawn[2] == draw(home, tmp_path / "c.png")).all(), "a prompt without them is what it was"
    save_file({"emb_params": torch.ones(1, 768)}, tmp_path / "wide.safetensors")
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "x", "--out", str(tmp_path / "o")]
    assert main([*asked, "--embedding", str(tmp_path / "wide.safetensors")]) == 2
    assert "wide.safetensors has vectors of width 768" in capsys.readouterr().err


def test_what_is_no_image_is_told_by_the_exit_code(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Drawn(Image.new("RGB", (64, 64), "red"))
    found = [good, Drawn(None, "is all black"), Drawn(None, "is all black"), good]
    monkeypatch.setattr("sd_finetune.sampling.generate.draw_images", lambda *arguments: found)
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--prompt", "x", "--count", "4"]
    assert main([*asked, "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(tmp_path / "x-0.png"), str(tmp_path / "x-3.png")]
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("The image of seed 1 is all black: check the checkpoint")
    assert printed.err.endswith("So it is with 1 more of 4.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-0.png", "x-3.png"]


def test_prompts_are_read_as_asked(home: Path, tmp_path: Path) -> None:
    emphasized = ("--prompt", "a (red:1.6) star", "--emphasis")
    by_mode = [draw(home, tmp_path / f"{mode}.png", *emphasized, mode) for mode in ("none", "ignore", "no_norm")]
    assert [int(np.abs(one - other).max()) > 1 for one, other in pairwise(by_mode)] == [True] * 2
    told = Image.open(tmp_path / "no_norm.png").info["parameters"]
    assert told.endswith("Model: toy, Emphasis: No norm")
    long = "a star, " * 40
    draw(home, tmp_path / "long.png", "--prompt", long)
    assert np.abs(draw(home, tmp_path / "longer.png", "--prompt", f"{long} red moon") - by_mode[0]).max() > 1


def test_a_layer_that_there_is_not_and_what_only_the_webui_knows_are_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sample", "--checkpoint", str(home / "toy.safetensors"), "--out", str(tmp_path)]
    assert main([*asked, "--prompt", "a star", "--clip-skip", "2"]) == 2
    assert "--clip-skip = 2 is out of range for this checkpoint" in capsys.readouterr().err
    assert main([*asked, "--prompt", "a star <lora:l:1>"]) == 2
    assert 'has "<lora:l:1>", which is not applied here: give the file with --lora' in capsys.readouterr().err
    assert main([*asked, "--prompt", "a star", "--negative", "[a|b]"]) == 2
    assert '--negative "[a|b]" has "[a|b]", which changes' in capsys.readouterr().err
