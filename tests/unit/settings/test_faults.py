"""Every kind of fault, each with the sentence that a person reads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.result_paths import result_paths
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.read import from_dict, read_toml
from sd_finetune.settings.unknown_names import unknown_name


def faults_of(content: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        from_dict(content)
    return str(caught.value).split("\n")


METHODS = ", ".join(all_options()["method"].option.choices)
FAULTS = [
    # wrong type
    (
        {"train": {"batch_size": "four"}},
        'train.batch_size = "four" is not valid: use a whole number, 1 or more.',
    ),
    ({"train": {"batch_size": 2.0}}, "train.batch_size = 2.0 is not valid: use a whole number, 1 or more."),
    ({"train": {"batch_size": True}}, "train.batch_size = true is not valid: use a whole number, 1 or more."),
    (
        {"prior": {"weight": False}},
        'prior.weight = false is not valid: use "auto" or a number, 0 or more.',
    ),
    (
        {"prior": {"weight": math.nan}},
        'prior.weight = NaN is not valid: use "auto" or a number, 0 or more.',
    ),
    (
        {"prior": {"weight": math.inf}},
        'prior.weight = Infinity is not valid: use "auto" or a number, 0 or more.',
    ),
    ({"data": {"horizontal_flip": 1}}, "data.horizontal_flip = 1 is not valid: use true or false."),
    ({"output": {"notes": 1}}, "output.notes = 1 is not valid: use a string."),
    ({"output": {"folder": []}}, "output.folder = [] is not valid: use a path."),
    ({"samples": {"prompts": "a"}}, 'samples.prompts = "a" is not valid: use a list of strings.'),
    ({"samples": {"prompts": ["a", 1]}}, 'samples.prompts = ["a", 1] is not valid: use a list of strings.'),
    ({"train": 3}, "train = 3 is not valid: use a table of options."),
    (
        {"concepts": {"folder": "x"}},
        'concepts = {"folder": "x"} is not valid: write each one under [[concepts]].',
    ),
    ({"concepts": ["x"]}, 'concepts.1 = "x" is not valid: use a table of options.'),
    # durations
    (
        {"train": {"length": "3 hours"}},
        'train.length = "3 hours" is not valid: use a duration like "400 steps" or "10 epochs", at least 1.',
    ),
    (
        {"train": {"length": 400}},
        'train.length = 400 is not valid: use a duration like "400 steps" or "10 epochs", at least 1.',
    ),
    (
        {"train": {"length": "0 epochs"}},
        'train.length = "0 epochs" is out of range: use a duration like "400 steps" or "10 epochs", at least 1.',
    ),
    (
        {"samples": {"every": -1}},
        'samples.every = -1 is not valid: use an interval like "400 steps", "10 epochs" or "20 minutes".',
    ),
    # range and choice
    ({"lora": {"rank": 0}}, "lora.rank = 0 is out of range: use a whole number from 1 to 1024."),
    ({"lora": {"rank": 1025}}, "lora.rank = 1025 is out of range: use a whole number from 1 to 1024."),
    (
        {"data": {"resolution": 100}},
        'data.resolution = 100 is out of range: use "auto" or a whole number from 64 to 2048, a multiple of 8.',
    ),
    (
        {"output": {"precision": "fp8"}},
        'output.precision = "fp8" is not valid: use one of fp16, bf16, fp32.',
    ),
    ({"method": "lycoris"}, f'method = "lycoris" is not valid: use one of {METHODS}.'),
    # unknown names
    ({"train": {"lenght": 3}}, "train.lenght is not an option: did you mean train.length?"),
    ({"trian": {"seed": 3}}, "trian is not an option: did you mean train?"),
    ({"rank": 3}, "rank is not an option: did you mean lora.rank?"),
    ({"train": {"rank": 3}}, "train.rank is not an option: did you mean lora.rank?"),
    ({"xyzzy": 3}, "xyzzy is not an option: remove it; docs/settings.md lists all options."),
    ({"concepts": [{"foldr": "x"}]}, "concepts.1.foldr is not an option: did you mean concepts.1.folder?"),
    # rules between options
    ({"base": {}}, "base.checkpoint is missing: give the path of an SD 1.x or SDXL checkpoint."),
    (
        {"concepts": []},
        "There is no concept to train: add [[concepts]] with concepts.folder and concepts.instance_prompt.",
    ),
    (
        {"concepts": [{"folder": "x", "class_prompt": "y"}, {"class_prompt": "y"}]},
        "concepts.2.folder is missing: give the folder of the training images.",
    ),
    (
        {"concepts": [{"folder": "x", "class_prompt": "y", "instance_prompt": " "}]},
        'concepts.1.instance_prompt is empty: write what the images show, like "a photo of sks dog".',
    ),
    (
        {"concepts": [{"folder": "x"}]},
        "concepts.1.class_prompt is missing, and prior.weight = 1 needs it: name the class, like "
        '"a photo of a dog", or set prior.weight = 0.',
    ),
    (
        {"schedule": {"warmup": "11 steps"}, "train": {"length": "10 steps"}},
        'schedule.warmup = "11 steps" is longer than train.length = "10 steps": shorten it.',
    ),
    (
        {"schedule": {"name": "one_cycle", "warmup": "11 steps"}},
        'schedule.warmup = "11 steps" does not go with schedule.name = "one_cycle", which has a rise of its own: '
        "set it to 0, and use schedule.rise.",
    ),
    (
        {"schedule": {"name": "cosine_with_restarts", "cycles": 6}, "train": {"length": "10 steps"}},
        'schedule.cycles = 6 is too many for train.length = "10 steps", as a cycle has at least 2 steps: use fewer.',
    ),
    (
        {"train": {"device": "cpu", "mixed_precision": "fp16"}},
        'train.mixed_precision = "fp16" needs a GPU: with train.device = "cpu" use "bf16" or "no".',
    ),
    (
        {"samples": {"width": 32}},
        'samples.width = 32 is out of range: use "auto" or a whole number from 64 to 2048, a multiple of 8.',
    ),
]


@pytest.mark.parametrize(("change", "sentence"), FAULTS, ids=[sentence[:50] for _, sentence in FAULTS])
def test_each_fault_has_its_sentence(content: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    assert sentence in faults_of({**content, **change})


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "../up", "C:x", ".hidden", " x", "x.", "a\nb", "n" * 101])
def test_names_that_are_no_file_names(content: dict[str, Any], name: str) -> None:
    (sentence, *_) = faults_of({**content, "output": {"name": name}})
    assert sentence.startswith(f'output.name = "{name}"'.split("\n")[0])


@pytest.mark.parametrize("name", ["a", "my dog (v1.5)_x-2", "Zoë", "n" * 100])
def test_names_that_are_file_names(content: dict[str, Any], name: str) -> None:
    assert from_dict({**content, "output": {"name": name}}).output.name == name


@pytest.mark.parametrize("name", ["/a", "a/", "../up", "a/../b", "C:\\x", "a//b", "a/.b", "a/con", "\\\\host\\a"])
def test_subfolders_that_lead_elsewhere_or_cannot_be_made(content: dict[str, Any], name: str) -> None:
    (sentence, *_) = faults_of({**content, "output": {"subfolder": name}})
    assert sentence.startswith(f'output.subfolder = "{name}" is not valid, because of "')


@pytest.mark.parametrize("name", ["people/anna", "people\\anna"])
def test_subfolders_in_each_systems_way(content: dict[str, Any], name: str, tmp_path: Path) -> None:
    settings = from_dict({**content, "output": {"subfolder": name, "folder": str(tmp_path), "name": "x"}})
    (path,) = result_paths(RunFolder(tmp_path / "run"), settings)
    assert path == tmp_path / "people" / "anna" / "x.safetensors"


def test_without_prior_no_class_prompt_is_needed(content: dict[str, Any]) -> None:
    without = {**content, "prior": {"weight": 0}, "concepts": [{"folder": "x"}]}
    assert from_dict(without).prior.weight == 0


def test_all_faults_are_reported_together_and_each_once() -> None:
    content = {
        "method": "lycoris",
        "base": {"checkpoint": 5},
        "output": {"name": "a/b"},
        "train": {"batch_size": 0, "length": "long"},
        "schedule": {"warmup": "10 steps"},
        "rnak": 1,
        "concepts": [{"folder": 1}],
    }
    assert sorted(sentence.split(" ")[0] for sentence in faults_of(content)) == [
        "base.checkpoint",
        "concepts.1.class_prompt",
        "concepts.1.folder",
        "method",
        "output.name",
        "rnak",
        "train.batch_size",
        "train.length",
    ]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"prior": {"weight": "much"}, "concepts": [{"folder": "x"}]}, "prior.weight"),
        ({"train": {"device": "cpu", "mixed_precision": "fp32"}}, "train.mixed_precision"),
        ({"base": 3}, "base"),
        ({"concepts": ["x"]}, "concepts.1"),
        ({"concepts": "x"}, "concepts"),
    ],
)
def test_what_follows_from_a_fault_is_no_second_one(content: dict[str, Any], change: dict[str, Any], name: str) -> None:
    assert [sentence.split(" ")[0] for sentence in faults_of({**content, **change})] == [name]


def test_settings_that_are_no_table() -> None:
    assert faults_of([1]) == ["settings = [1] is not valid: use a table of options."]


def test_overrides_and_file_are_reported_together(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[base]\ncheckpoint = "x"\n[lora]\nrank = 0\n[[concepts]]\nfolder = "x"\nclass_prompt = "x"\n')
    with pytest.raises(UserError) as caught:
        read_toml(file, ["rank", "concepts.3.repeats=2", "concepts.x.repeats=2", "train.sed=1", "lora.alpha=-1", "=3"])
    assert str(caught.value).split("\n") == [
        '--set "rank" is not valid: write it as group.option=value.',
        "--set concepts.3.repeats is not an option: number concepts from 1, without a gap.",
        "--set concepts.x.repeats is not an option: number concepts from 1, without a gap.",
        '--set "=3" is not valid: write it as group.option=value.',
        "train.sed is not an option: did you mean train.seed?",
        "lora.rank = 0 is out of range: use a whole number from 1 to 1024.",
        'lora.alpha = -1 is out of range: use "auto" or a number, 0 or more.',
    ]


def test_every_option_is_found_again_from_a_slip() -> None:
    """A doubled letter in the middle of any name is understood."""
    names = list(all_options())
    assert len(names) > 50
    for name in names:
        group, _, word = name.rpartition(".")
        slip = word[: len(word) // 2] + word[len(word) // 2] + word[len(word) // 2 :]
        slip = f"{group}.{slip}" if group else slip
        assert unknown_name(slip, names) == f"{slip} is not an option: did you mean {name}?"
