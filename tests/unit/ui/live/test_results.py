from __future__ import annotations

import json
from pathlib import Path

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.options import Base, Concept, Lora, Settings, TextualInversion, Train
from sd_finetune.settings.read import to_dict
from sd_finetune.ui.live.results import base_of, describe_result, hint_of, words_of
from tests.screen import make_host


@pytest.mark.parametrize(
    ("content", "base"),
    [
        ('{"path": "/models/toy.safetensors", "size": 1}', Path("/models/toy.safetensors")),
        *((damaged, None) for damaged in ("", "{}", "[]", "null", "\0", '{"path": 1}', r'{"path": "\u0000"}')),
        (r'{"path": "\ud800"}', None),
        ("[" * 100_000, None),
        (None, None),
    ],
)
def test_the_checkpoint_that_a_run_has_trained(tmp_path: Path, content: str | None, base: Path | None) -> None:
    run = RunFolder(tmp_path)
    if content is not None:
        run.base.write_text(content, encoding="utf-8")
    assert base_of(run) == base


def test_what_is_to_be_set_in_the_webui(tmp_path: Path) -> None:
    run, concept = RunFolder(tmp_path), Concept(folder="dogs", instance_prompt="a sks dog", class_prompt="a dog")
    for clip_skip, hint in ((1, ""), (2, "It was trained with clip skip 2: set that in the WebUI too.")):
        settings = Settings(base=Base("toy.safetensors"), train=Train(clip_skip=clip_skip), concepts=(concept,))
        run.settings.write_text(json.dumps(to_dict(settings)), encoding="utf-8")
        assert hint_of(run) == hint
    run.settings.write_text("{")
    assert hint_of(run) == ""


def test_new_words_go_into_the_prompt_beside_the_lora(tmp_path: Path) -> None:
    run, concept = RunFolder(tmp_path), Concept(folder="dogs", instance_prompt="a [name]", class_prompt="a dog")
    for kept, words in (("none", []), ("bundled", ["zib"]), ("beside", ["sd-finetune"])):
        settings = Settings(
            base=Base("toy.safetensors"), lora=Lora(new_words=kept), concepts=(concept,),
            textual_inversion=TextualInversion(word="zib"),
        )  # fmt: skip
        run.settings.write_text(json.dumps(to_dict(settings)), encoding="utf-8")
        assert words_of(run) == words
    host = make_host(tmp_path)
    result = {"result": "lora", "path": str(tmp_path / "dog.safetensors"), "step": 1}
    told = describe_result(host, result, None, "", ["zib"])
    assert (told["prompt"], told["family"]) == ("<lora:dog:1> zib", "")
    assert describe_result(host, result, TOY_CHECKPOINT)["family"] == "sd1"
    assert "add <lora:dog:1> zib to the prompt" in told["sentence"]
    assert describe_result(host, {**result, "result": "embedding"}, None, "", ["zib"])["prompt"] == "dog"
