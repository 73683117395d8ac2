"""Names that are not options: of other trainers, and near misses of ours."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.foreign_names import FOREIGN_NAMES, OTHERWISE
from sd_finetune.settings.read import find_faults
from sd_finetune.settings.toml import parse_toml_value
from sd_finetune.settings.values import convert


def test_every_foreign_name_is_answered_with_options_that_exist() -> None:
    options = all_options()
    assert len(FOREIGN_NAMES) > 50
    assert set(OTHERWISE) <= set(FOREIGN_NAMES)
    for foreign, answer in FOREIGN_NAMES.items():
        for ours in answer.split(" or "):
            name, equals, value = ours.partition(" = ")
            assert name in options, foreign
            if equals:
                convert(parse_toml_value(value), options[name])


def test_no_foreign_name_is_one_of_ours() -> None:
    """Except for words that mean something else there."""
    words = {name.rpartition(".")[2] for name in all_options()}
    assert words & set(FOREIGN_NAMES) == {"learning_rate", "steps"}


@pytest.mark.parametrize(
    ("written", "name", "ours"),
    [
        ({"network_dim": 8}, "network_dim", "lora.rank"),
        ({"lora": {"network_alpha": 8}}, "lora.network_alpha", "lora.alpha"),
        ({"train": {"unet_lr": 1e-4}}, "train.unet_lr", "train.unet_learning_rate"),
        ({"learning_rate": 1e-4}, "learning_rate", "train.unet_learning_rate or textual_inversion.learning_rate"),
        ({"train": {"max_train_steps": 5}}, "train.max_train_steps", "train.length"),
        ({"lr_scheduler": "cosine"}, "lr_scheduler", "schedule.name"),
        ({"lr_scheduler_num_cycles": 3}, "lr_scheduler_num_cycles", "schedule.cycles"),
        ({"schedule": {"lr_power": 3}}, "schedule.lr_power", "schedule.power"),
        ({"train": {"train_batch_size": 2}}, "train.train_batch_size", "train.batch_size"),
        ({"network_train_unet_only": True}, "network_train_unet_only", "train.train_text_encoder = false"),
        ({"steps": 100}, "steps", "train.length"),
        ({"save_last_n_steps": 500}, "save_last_n_steps", "output.keep, which counts files and not steps"),
        ({"save_last_n_epochs": 3}, "save_last_n_epochs", "output.keep"),
        ({"concepts": [{"folder": "x", "class_data_dir": "y"}]}, "concepts.1.class_data_dir", "concepts.class_folder"),
    ],
)
def test_a_foreign_name_is_answered_with_ours(
    content: dict[str, Any], written: dict[str, Any], name: str, ours: str
) -> None:
    faults = find_faults({**content, **written})
    assert faults[name] == f"{name} is not an option: in SD Fine-Tune it is {ours}."


def test_options_in_the_tables_of_another_trainer_are_recognized(content: dict[str, Any]) -> None:
    """As kohya's configuration files have them, whose tables can have any name."""
    faults = find_faults(
        {
            **content,
            "training_arguments": {"max_train_epochs": 10, "clip_skip": 2},
            "datasets": [{"resolution": 512, "subsets": [{"image_dir": "/dog", "num_repeats": 10}]}],
        }
    )
    assert faults == {
        "training_arguments": "training_arguments is not an option: remove it; docs/settings.md lists all options.",
        "training_arguments.max_train_epochs": "training_arguments.max_train_epochs is not an option: "
        "in SD Fine-Tune it is train.length.",
        "datasets": "datasets is not an option: remove it; docs/settings.md lists all options.",
        "datasets.1.subsets.1.image_dir": "datasets.1.subsets.1.image_dir is not an option: "
        "in SD Fine-Tune it is concepts.folder.",
        "datasets.1.subsets.1.num_repeats": "datasets.1.subsets.1.num_repeats is not an option: "
        "in SD Fine-Tune it is concepts.repeats.",
    }


def test_a_slip_in_a_group_is_one_fault(content: dict[str, Any]) -> None:
    slip = {**content, "textual_invresion": {"learning_rate": 1e-3}}
    assert find_faults(slip) == {
        "textual_invresion": "textual_invresion is not an option: did you mean textual_inversion?"
    }


@pytest.mark.parametrize("name", ["seed", "resolution", "mixed_precision", "rank", "flip"])
def test_names_that_others_share_with_us_are_found_in_their_group(content: dict[str, Any], name: str) -> None:
    (sentence,) = find_faults({**content, name: 1}).values()
    nearest = re.search(r"did you mean (.*)\?", sentence)
    found = nearest[1] if nearest else ""
    expected = {
        "seed": "train.seed", "resolution": "data.resolution", "mixed_precision": "train.mixed_precision",
        "rank": "lora.rank", "flip": "",
    }  # fmt: skip
    assert found == expected[name]
