"""The toy SDXL: it comes whole out of what was trained, and draws what its captions say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sd_finetune.__main__ import main
from sd_finetune.demo import world
from sd_finetune.demo.expand_xl import VARIANTS, expand, unseen_embeddings, untrained_layers
from sd_finetune.demo.pretraining.toy_report import caption_accuracy
from sd_finetune.demo.run import load_base
from sd_finetune.demo.score import SCORED_GENERATION
from sd_finetune.formats.checkpoint import read_checkpoint

CAPTIONS = 10
EMBEDDING = [0.08453369140625, 0.372802734375, 0.177978515625]
QUERY = [-0.0033191198, 0.0088129798, -0.0199954249]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both variants."""
    folder = tmp_path_factory.mktemp("toy-xl")
    for name in VARIANTS:
        expand(folder, name)
    return folder


@pytest.mark.parametrize("name", VARIANTS)
def test_it_draws_what_the_caption_says(name: str, made: Path) -> None:
    rng = np.random.default_rng(77)
    scenes = [world.random_scene(rng) for _ in range(CAPTIONS)]
    right = caption_accuracy(load_base(expand(made, name)), scenes, 3, SCORED_GENERATION)
    assert right["all of them"] >= 0.9, right


def test_it_is_made_once_and_replaces_a_file_of_another_toy(made: Path, tmp_path: Path) -> None:
    first, second = made / VARIANTS["sdxl"].file_name, tmp_path / VARIANTS["sdxl"].file_name
    when = first.stat().st_mtime_ns
    assert expand(made, "sdxl").stat().st_mtime_ns == when
    save_file({"weight": torch.zeros(1)}, second)
    second.with_suffix(".yaml").write_text("")
    assert expand(tmp_path, "sdxl").read_bytes() == first.read_bytes(), "alike to the byte"


def test_what_was_not_trained_is_the_same_on_every_machine() -> None:
    """Their first numbers, from the seeds alone."""
    layers = untrained_layers([2, 3])
    query = layers["text_model.encoder.layers.2.self_attn.q_proj.weight"]
    assert unseen_embeddings()[0, :3].tolist() == EMBEDDING
    assert query[0, :3].tolist() == pytest.approx(QUERY, rel=1e-6)
    assert not torch.equal(query, layers["text_model.encoder.layers.3.self_attn.q_proj.weight"])


def test_both_variants_together_are_as_small_as_the_toy_stable_diffusion_1() -> None:
    assert sum(file.stat().st_size for file in VARIANTS["sdxl-v"].trained) <= 24e6


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variants_are_told_by_what_they_predict(name: str, made: Path) -> None:
    found = read_checkpoint(expand(made, name))
    assert found.architecture == VARIANTS[name].architecture
    assert ("v_pred" in found.tensors, "ztsnr" in found.tensors) == (name == "sdxl-v",) * 2


def test_it_is_placed_for_the_webui(tmp_path: Path) -> None:
    assert main(["toy", str(tmp_path), "--family", "sdxl"]) == 0
    placed = read_checkpoint(tmp_path / "toy-xl.safetensors").architecture
    assert Path(placed.text_model, "vocab.json").is_file()
