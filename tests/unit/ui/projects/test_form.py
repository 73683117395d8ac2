from __future__ import annotations

from dataclasses import replace

import pytest

from sd_finetune.settings.availability import WITH_NEEDS
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict, to_dict
from sd_finetune.ui.projects.form import FOREMOST, form
from sd_finetune.ui.projects.labels import GROUPS, LABELS, SHARED, option_labels


def fields() -> list[dict]:
    built = form()
    return built["fields"] + [field for group in built["groups"] for field in group["fields"]]


def test_every_option_is_there_once() -> None:
    assert sorted(field["name"] for field in fields()) == sorted(all_options())


def test_what_is_foremost_exists() -> None:
    assert set(all_options()) >= FOREMOST


def test_labels_that_are_seen_together_are_not_alike() -> None:
    seen = [field["label"] for field in fields() if field["foremost"]]
    assert len(seen) == len(set(seen))


def test_the_defaults_of_the_form_are_the_defaults_of_the_settings() -> None:
    content: dict = {"base": {"checkpoint": "x"}, "concepts": [{"folder": "y"}], "prior": {"weight": 0}}
    written = {**content, "concepts": [dict(content["concepts"][0])]}
    for field in fields():
        group, _, option = field["name"].rpartition(".")
        place = written["concepts"][0] if group == "concepts" else written.setdefault(group, {}) if group else written
        default = list(field["default"]) if isinstance(field["default"], tuple) else field["default"]
        place.setdefault(option, default)
    assert to_dict(from_dict(written)) == to_dict(from_dict(content))


def test_a_group_of_one_method_is_shown_for_that_method_only() -> None:
    methods = Settings.__dataclass_fields__["method"].metadata["option"].choices
    of_methods = {group["name"]: group["method"] for group in form()["groups"] if group["method"]}
    assert of_methods["lora"] == "lora"
    assert set(of_methods.values()) <= set(methods)


def test_no_two_fields_have_the_same_label() -> None:
    labels = [field["label"] for field in fields()]
    assert sorted(labels) == sorted(set(labels))
    assert {"Optimizer", "Learning-rate schedule", "CFG scale (samples)", "Text encoder learning rate"} <= set(labels)


def test_labels_are_nouns_without_a_colon() -> None:
    labels = [field["label"] for field in fields()] + [group["label"] for group in form()["groups"]]
    assert [label for label in labels if ":" in label or not label[0].isupper()] == []


def test_the_exceptions_among_labels_are_of_options_and_groups_that_exist() -> None:
    assert set(all_options()) >= set(LABELS)
    assert {name.rpartition(".")[2] for name in all_options()} >= set(SHARED)
    assert {group["name"] for group in form()["groups"]} >= set(GROUPS)


def test_options_of_the_same_name_are_told_apart_by_their_group() -> None:
    assert option_labels(["optimizer.slow_steps", "lora.slow_steps", "train.new_unet_option"]) == {
        "optimizer.slow_steps": "Slow steps (optimizer)",
        "lora.slow_steps": "Slow steps (LoRA)",
        "train.new_unet_option": "New UNet option",
    }


def test_an_optimizer_whose_package_is_missing_cannot_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = (field for field in fields() if field["name"] == "optimizer.name")
    assert name["titles"]["adamw"] == "AdamW"
    assert "adamw" not in name["unavailable"]
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    (name,) = (field for field in fields() if field["name"] == "optimizer.name")
    assert name["titles"]["adamw"] == "AdamW (needs the package not_installed)"
    assert "adamw" in name["unavailable"]
    assert all(not field["unavailable"] for field in fields() if field["name"] not in WITH_NEEDS)


def test_an_optimizer_that_needs_a_gpu_cannot_be_chosen_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="pytest", without_gpu_from=(99,)))
    for there in (True, False):
        monkeypatch.setattr("sd_finetune.ui.projects.form.has_gpu_driver", lambda there=there: there)
        (name,) = (field for field in fields() if field["name"] == "optimizer.name")
        assert name["titles"]["adamw"] == ("AdamW" if there else "AdamW (needs a CUDA GPU)")
        assert ("adamw" in name["unavailable"]) is not there


def test_several_gpus_can_be_asked_for_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = {0: "This machine has no GPU.", 1: "This machine has 1 GPU.", 2: "", None: ""}
    for count, sentence in sentences.items():
        monkeypatch.setattr("sd_finetune.ui.projects.form.gpu_count", lambda count=count: count)
        assert {field["name"]: field["greyed"] for field in fields() if field["greyed"]} == (
            {"train.devices": sentence} if sentence else {}
        )


def test_what_a_method_does_not_train_has_no_rate_there() -> None:
    fields = {field["name"]: field["methods"] for group in form()["groups"] for field in group["fields"]}
    assert fields["train.unet_learning_rate"] == ["lora", "dreambooth", "hypernetwork"]
    assert fields["train.train_text_encoder"] == ["lora", "dreambooth"]
    assert fields["prior.weight"] == ["lora", "dreambooth", "textual_inversion", "hypernetwork"]
