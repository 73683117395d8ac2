"""Prompts as the WebUI's own code reads them, and images of them."""

from __future__ import annotations

import base64
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sd_finetune.families.emphasis import emphasized
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.prompts import chunks_of, tokenize
from sd_finetune.networks.new_words import attach_embedding_files
from sd_finetune.settings.emphasis import EMPHASIS_MODES, EMPHASIS_TITLES
from sd_finetune.settings.prompt_reading import PromptReading
from tests.unit.settings.test_prompt_syntax import RECORDED
from tests.webui.test_images import difference, ours
from tests.webui.webui import WebUI

WORDS = (
    "star",
    "a photo of",
    "red",
    "moon,",
    ",",
    "the",
    "supercalifragilistic",
    "under_score",
    "saber (fate)",
    "zib-7",
)
MARKS = (
    "(",
    ")",
    "[",
    "]",
    ":1.2)",
    ":0.5)",
    ":-1)",
    ": 1.1 )",
    ":",
    r"\(",
    r"\)",
    r"\[",
    "\\\\",
    "\\",
    "BREAK",
    "\n",
    "|",
)
DRAWN = {
    "emphasis": ("a photo of a (sks:1.4) star on a [pink] background", {}),
    "break": ("a photo of sks star BREAK on a (pink) background", {}),
    "100 tokens": ("a photo of sks star, " + "on a pink background, " * 19, {}),
    "160 tokens": ("a photo of sks star, " + "on a pink background, " * 31, {"negative_prompt": "blue " * 80}),
    "clip skip": ("a photo of sks star on a pink background", {"CLIP_stop_at_last_layers": 2}),
    "no norm": ("a photo of a (sks star:1.3) on a pink background", {"emphasis": "No norm"}),
    "ignore": ("a photo of a (sks star:1.3) on a pink background", {"emphasis": "Ignore"}),
    "none": ("a photo of a (sks star:1.3) on a pink background", {"emphasis": "None"}),
}
SAME = 2.0
"""Mean difference, of 255."""


def random_prompts(count: int) -> list[str]:
    random = Random(7)
    chosen: list[str] = []
    for _ in range(count):
        pool = WORDS if random.random() < 0.4 else (*WORDS, *MARKS)
        pieces = (random.choice(pool) + random.choice(("", " ", " ")) for _ in range(random.choice((3, 20, 60, 150))))
        chosen.append("".join(pieces))
    return chosen


def asked(webui: WebUI, prompts: list[str], reading: PromptReading) -> list[dict[str, Any]]:
    options = {"emphasis": EMPHASIS_TITLES[reading.emphasis], "CLIP_stop_at_last_layers": reading.clip_skip}
    return webui.post("/test/prompts", {"prompts": prompts, "options": options})


def states_of(told: dict[str, Any], width: int) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(told["states"])), dtype=torch.float32).view(1, -1, width)


@pytest.mark.parametrize("clip_skip", [1, 2])
@pytest.mark.parametrize("mode", EMPHASIS_MODES)
def test_chunks_and_states_are_the_webui_s(webui: WebUI, model: DiffusionModel, mode: Any, clip_skip: int) -> None:
    """To the bit with the torch of the WebUI; Original has more rounding, as the toy's states have a mean near zero."""
    reading = PromptReading(mode, clip_skip, chunks=None)
    prompts = [*RECORDED, *random_prompts(60)]
    told = asked(webui, prompts, reading)
    plain = asked(webui, prompts, PromptReading("ignore", clip_skip)) if mode == "original" else told
    for prompt, own, unweighted in zip(prompts, told, plain, strict=True):
        chunks = chunks_of(model, prompt, reading)
        rows = tokenize(model, chunks, "text_encoder").tolist()
        assert [[ids, chunk.weights()] for ids, chunk in zip(rows, chunks, strict=True)] == own["chunks"], prompt
        with torch.no_grad():
            kept = "ignore" if mode == "original" else mode
            states = model.encode_prompts([prompt], PromptReading(kept, clip_skip, None)).hidden_states
            if mode == "original":
                by_chunk = states_of(unweighted, states.shape[2]).view(len(chunks), 77, -1)
                weights = [chunk.weights() for chunk in chunks]
                weighted = emphasized(by_chunk, weights, mode).flatten(0, 1)[None]
                expected = states_of(own, states.shape[2])
                torch.testing.assert_close(weighted, expected, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(states, states_of(unweighted, states.shape[2]), rtol=1e-5, atol=1e-5)


def test_new_words_are_found_as_the_webui_finds_them(webui: WebUI, model: DiffusionModel, tmp_path: Path) -> None:
    """But behind a comma near the end of a chunk, where the WebUI's code leaves the vectors in the chunk before."""
    file, put = tmp_path / "zib-7.safetensors", webui.data / "embeddings" / "zib-7.safetensors"
    vectors = torch.randn(3, model.text_encoder.config.hidden_size, generator=torch.Generator().manual_seed(1))
    save_file({"emb_params": vectors}, file)
    webui.post("/test/results", {"kind": "embedding", "written": {str(file): str(put)}})
    words = attach_embedding_files(model, [file])
    reading = PromptReading("no_norm", chunks=None)
    prompts = ["zib-7", "a (ZIB-7:1.2) star", f"{'star ' * 74}zib-7", f"{'star ' * 68}zib-7, {'moon ' * 9}zib-7"]
    try:
        for prompt, told in zip(prompts, asked(webui, prompts, reading), strict=True):
            with torch.no_grad():
                states = model.encode_prompts([prompt], reading).hidden_states
            torch.testing.assert_close(states, states_of(told, states.shape[2]), rtol=1e-5, atol=1e-5)
    finally:
        words.detach()
        webui.post("/test/results", {"kind": "embedding", "removed": [str(put)]})


@pytest.mark.parametrize("name", DRAWN)
def test_a_sample_is_the_webui_s_image(webui: WebUI, model: DiffusionModel, name: str) -> None:
    prompt, changes = DRAWN[name]
    negative, options = changes.get("negative_prompt", ""), {k: v for k, v in changes.items() if k != "negative_prompt"}
    theirs = webui.draw(prompt, negative_prompt=negative, override_settings=options)
    mode = next(own for own, title in EMPHASIS_TITLES.items() if title == options.get("emphasis", "Original"))
    reading = PromptReading(mode, options.get("CLIP_stop_at_last_layers", 1), chunks=None)  # type: ignore[arg-type]
    assert difference(ours(model, prompt, reading=reading, negative=negative), theirs) < SAME
    if name != "none":  # which is the plain prompt
        plain = PromptReading(chunks=1)
        assert difference(ours(model, prompt, reading=plain), theirs) > SAME, "it makes a difference that shows"
