"""An embedding of ours in a pipeline of diffusers: the same hidden states as we train and draw with."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.embedding import write_embedding
from sd_finetune.networks.new_words import attach_embedding_files
from tests.toy import make_checkpoint

PROMPTS = ["a photo of zib-7 on a table", "zib-7, zib-7", "a photo of a star", "star " * 60 + "zib-7"]


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@pytest.mark.parametrize("count", [1, 3])
def test_hidden_states_are_the_same(tmp_path: Path, ending: str, count: int) -> None:
    checkpoint = read_checkpoint(make_checkpoint(tmp_path / "toy.safetensors"))
    ours, theirs = load_model(checkpoint), load_model(checkpoint)
    path = tmp_path / f"zib-7{ending}"
    write_embedding(
        path, {"emb_params": torch.randn(count, 32, generator=torch.Generator().manual_seed(0))}, {}, "fp32"
    )
    with torch.no_grad():
        before = ours.encode_prompts(PROMPTS).hidden_states
        attach_embedding_files(ours, [path])
        found = ours.encode_prompts(PROMPTS).hidden_states
    pipeline = StableDiffusionPipeline(
        vae=theirs.vae,
        text_encoder=theirs.text_encoder,
        tokenizer=copy.deepcopy(theirs.tokenizer),  # its own, as words are added to it
        unet=theirs.unet,
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    )
    pipeline.load_textual_inversion(str(path), token="zib-7")
    with torch.no_grad():
        expected, _ = pipeline.encode_prompt(PROMPTS, "cpu", 1, do_classifier_free_guidance=False)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    moved = (found - before).abs().amax(dim=(1, 2))
    assert [float(change) > 1e-2 for change in moved] == [True, True, False, True]
