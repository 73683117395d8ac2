from __future__ import annotations

from pathlib import Path

import torch

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.pretraining.build import toy_architecture
from sd_finetune.demo.pretraining.widen import main
from sd_finetune.formats.checkpoint import read_checkpoint
from tests.toy import answer, load_doubled, make_checkpoint, relative_error


def test_the_wide_checkpoint_answers_as_the_narrow_one(tmp_path: Path) -> None:
    narrow = make_checkpoint(tmp_path / "narrow.safetensors", precision="fp16")
    wide = tmp_path / "wide.safetensors"
    main([str(narrow), str(wide)])
    before, after = load_doubled(narrow), load_doubled(wide)
    prompts = ["a photo of sks star", "a star on a pink background"]
    with torch.no_grad():
        text, text_twice = before.encode_prompts(prompts).hidden_states, after.encode_prompts(prompts).hidden_states
    assert text_twice.shape == (2, 77, 64)
    assert relative_error(text_twice, torch.cat([text, text], dim=-1)) < 1e-6
    assert relative_error(answer(after), answer(before)) < 1e-6
    assert read_checkpoint(wide).architecture == read_checkpoint(wide, wide.with_suffix(".yaml")).architecture


def test_a_pretraining_makes_a_toy_of_the_shape_of_the_one_that_is_shipped() -> None:
    shipped = read_checkpoint(TOY_CHECKPOINT).architecture
    assert toy_architecture(shipped.scale_factor) == shipped


def test_the_shipped_toy_keeps_to_its_size_and_has_text_of_a_width_of_its_own() -> None:
    architecture = read_checkpoint(TOY_CHECKPOINT).architecture
    assert TOY_CHECKPOINT.stat().st_size <= 24e6
    assert architecture.unet.context_dim not in architecture.unet.level_channels
