"""What is told of new words, prompts and layers before a run: what the run would tell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.checks import words as word_checks
from sd_finetune.data.concepts import instance_examples
from sd_finetune.data.prompt_templates import instance_templates
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from sd_finetune.methods import check_method, method_class
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.training.prompt_warnings import refuse_prompts
from sd_finetune.ui.projects.check import check, checked_settings
from tests.screen import Screen

CAPTIONS = {"0.txt": "a zib-7 on grass", "1.txt": "another", "2.txt": "a third"}


@pytest.fixture(scope="module")
def base() -> Checkpoint:
    return read_checkpoint(TOY_CHECKPOINT)


@pytest.fixture(scope="module")
def model(base: Checkpoint) -> DiffusionModel:
    return load_model(base)


def settings_with(screen: Screen, **changes: Any) -> dict[str, Any]:
    """Of a new word zib-7 in captions."""
    for name, text in CAPTIONS.items():
        (screen.pictures / name).write_text(text)
    settings = screen.settings(**{"method": "textual_inversion", "textual_inversion": {"word": "zib-7"}, **changes})
    settings["textual_inversion"].setdefault("template", "instance_prompt")
    settings["concepts"][0]["instance_prompt"] = "[filewords]"
    return settings


def said_by_the_run(settings: dict[str, Any], model: DiffusionModel, base: Checkpoint) -> str:
    """What it does before the first step, as `training.setup.prepare` does."""
    with pytest.raises(UserError) as told:
        _begin(from_dict(settings), model, base)
    return str(told.value)


def _begin(settings: Settings, model: DiffusionModel, base: Checkpoint) -> None:
    check_method(model, settings, base)
    refuse_prompts(model, settings)
    templates = [instance_templates(settings, concept) for concept in settings.concepts]
    examples, _ = instance_examples(settings.concepts, settings.captions, templates)
    method_class(settings.method).instance_warnings(model, settings, examples)


def test_all_is_well(screen: Screen) -> None:
    assert check(settings_with(screen)).faults == {}


@pytest.mark.parametrize("method", ["textual_inversion", "lora"])
def test_a_word_that_the_model_knows(screen: Screen, model: DiffusionModel, base: Checkpoint, method: str) -> None:
    settings = settings_with(screen, method=method, textual_inversion={"word": "Star"})
    if method == "lora":
        settings["lora"] = {"new_words": "bundled"}
    told = check(settings).faults
    assert told == {"textual_inversion.word": said_by_the_run(settings, model, base)}
    assert '"Star" is in the vocabulary of the model' in told["textual_inversion.word"]
    with pytest.raises(UserError, match="is in the vocabulary"):
        checked_settings(settings)


def test_words_of_which_no_prompt_has_one(screen: Screen, model: DiffusionModel, base: Checkpoint) -> None:
    settings = settings_with(screen)
    settings["concepts"].append({**settings["concepts"][0], "word": "zab-2"})
    (screen.pictures / "0.txt").write_text("a zob-7 on grass")
    told = check(settings).faults
    assert list(told) == ["textual_inversion.word", "concepts.2.word"]
    assert "\n".join(told.values()) == said_by_the_run(settings, model, base)
    assert told["concepts.2.word"].startswith('No prompt contains the new word "zab-2" or has room for its vectors')
    (screen.pictures / "1.txt").write_text("ZIB-7 and zab-2")
    assert check(settings).faults == {}


def test_a_word_without_room(screen: Screen, model: DiffusionModel, base: Checkpoint) -> None:
    settings = settings_with(screen, textual_inversion={"word": "zib-7", "vectors": 8})
    (screen.pictures / "0.txt").write_text("a " * 70 + "zib-7")
    told = check(settings).faults["textual_inversion.word"]
    assert told == said_by_the_run(settings, model, base)
    assert told.endswith("its 8 vectors do not fit, set textual_inversion.vectors = 5 or less.")


def test_captions_that_there_was_no_time_for_are_left_to_the_run(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(screen, textual_inversion={"word": "zub-8"})
    assert list(check(settings).faults) == ["textual_inversion.word"]
    monkeypatch.setattr(word_checks, "LOOK_SECONDS", 0.0)
    assert check(settings).faults == {}
    monkeypatch.undo()
    monkeypatch.setattr("sd_finetune.checks.captions.LOOK_SECONDS", 0.0)
    assert check(settings).faults == {}


def test_without_the_package_the_run_tells_it(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_checks, "has_tokenizers", lambda: False)
    assert check(settings_with(screen, textual_inversion={"word": "star"})).faults == {}


def test_a_word_of_which_nothing_is_left_is_told_and_looked_for_nowhere(screen: Screen) -> None:
    started = time.monotonic()
    assert (
        "is not valid as a new word"
        in check(settings_with(screen, textual_inversion={"word": " "})).faults["textual_inversion.word"]
    )
    assert time.monotonic() - started < 10


def test_a_layer_that_the_text_encoder_does_not_have(screen: Screen, model: DiffusionModel, base: Checkpoint) -> None:
    layers = model.text_encoder.config.num_hidden_layers
    settings = settings_with(screen, train__clip_skip=layers + 1)
    told = check(settings).faults
    assert told == {"train.clip_skip": said_by_the_run(settings, model, base)}
    assert f"use a whole number from 1 to {layers}" in told["train.clip_skip"]
    assert check(settings_with(screen, train__clip_skip=layers)).faults == {}


def test_weights_that_are_no_numbers(screen: Screen, model: DiffusionModel, base: Checkpoint, tmp_path: Path) -> None:
    prompt = "a (star:1.2.3) [a]"
    settings = settings_with(screen, samples__prompts=[prompt], samples__negative_prompt="(b:..)")
    told = check(settings).faults
    assert told == {
        "samples.prompts": f'samples.prompts: "1.2.3" in the prompt "{prompt}" is not a number: write a weight like '
        "(word:1.2).",
        "samples.negative_prompt": 'samples.negative_prompt: ".." in the prompt "(b:..)" is not a number: write a '
        "weight like (word:1.2).",
    }
    assert check({**settings, "samples": {**settings["samples"], "emphasis": "none"}}).faults == {}


def test_weights_of_captions_that_are_no_numbers(screen: Screen, model: DiffusionModel, base: Checkpoint) -> None:
    settings = settings_with(screen)
    (screen.pictures / "1.txt").write_text("a (star:1.2.3)")
    assert check(settings).faults == {}, "it is plain text"
    settings["captions"] = {"emphasis": "original", "prefix": "(c:.)"}
    told = check(settings).faults
    assert list(told) == ["captions.prefix", "concepts.1.folder"]
    del settings["captions"]["prefix"]
    told = check(settings).faults
    assert told == {"concepts.1.folder": said_by_the_run(settings, model, base)}
    assert told["concepts.1.folder"].startswith(f'{screen.pictures / "1.txt"}: "1.2.3" in the prompt "a (star:1.2.3)"')


def test_prompts_that_are_not_trained_may_be_anything(screen: Screen) -> None:
    wrong = "a (star:1.2.3)"
    settings = settings_with(
        screen, textual_inversion={"word": "zib-7", "template": "subject", "own_templates": [wrong]}
    )
    settings["captions"] = {"emphasis": "original", "prefix": wrong}
    settings["concepts"][0]["instance_prompt"] = f"{wrong} [name]"
    assert check(settings).faults == {}
    settings["textual_inversion"]["template"] = "subject_filewords"
    assert list(check(settings).faults) == ["captions.prefix"]
    settings["textual_inversion"]["template"] = "own"
    settings["textual_inversion"]["own_templates"] = [f"{wrong} [name]"]
    assert list(check(settings).faults) == ["textual_inversion.own_templates"]


@pytest.mark.parametrize("changes", [{"textual_inversion": {"word": 5}}, {"captions": {"tokens": 170}}])
def test_of_words_nothing_is_told_where_a_default_stands_for_a_faulty_option(
    screen: Screen, changes: dict[str, Any]
) -> None:
    settings = settings_with(screen, output={"name": "star"}, **changes)
    settings["textual_inversion"].setdefault("word", "")
    assert len(check(settings).faults) == 1


def test_other_faults_of_a_concept_do_not_hide_it(screen: Screen) -> None:
    settings = settings_with(screen, textual_inversion={"word": "star"}, prior={"weight": 1})
    assert set(check(settings).faults) == {"concepts.1.class_prompt", "textual_inversion.word"}
