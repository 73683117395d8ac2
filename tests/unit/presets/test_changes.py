"""What applying a preset changes, and what of settings is saved as one."""

from __future__ import annotations

from typing import Any

from sd_finetune.presets.changes import Change, changes_of, settings_for_preset, value_in
from sd_finetune.presets.preset import Preset, preset_of
from sd_finetune.presets.shelf import our_presets

SETTINGS: dict[str, Any] = {
    "method": "dreambooth",
    "base": {"checkpoint": "/home/me/base.safetensors"},
    "output": {"name": "my dog", "notes": "private"},
    "train": {"length": "77 steps", "batch_size": 3, "mixed_precision": "bf16", "seed": 5, "clip_skip": 2},
    "captions": {"shuffle": True},
    "lora": {"rank": 99},
    "samples": {"prompts": ["a photo of sks dog"], "steps": 12},
    "textual_inversion": {"word": "secret"},
    "concepts": [{"folder": "/home/me/dogs", "instance_prompt": "a photo of sks dog"}],
}


def preset(method: str, **settings: Any) -> Preset:
    return preset_of("it", method, {name.replace("__", "."): value for name, value in settings.items()})


def test_what_decides_training_becomes_the_presets_and_the_rest_stays() -> None:
    changes = changes_of(preset("lora", train__length="800 steps", lora__rank=8), SETTINGS)
    assert changes == {
        "method": Change("dreambooth", "lora"),
        "train.length": Change("77 steps", "800 steps"),
        "train.batch_size": Change(3, 1),
        "lora.rank": Change(99, 8),
    }


def test_other_methods_options_stay() -> None:
    assert "lora.rank" not in changes_of(preset("dreambooth"), SETTINGS)


def test_what_suits_the_checkpoint_takes_the_place_of_defaults_but_not_of_what_is_named() -> None:
    suited = {"train.unet_learning_rate": 0.006, "train.length": "400 steps"}
    changes = changes_of(preset("lora", train__length="800 steps"), {"method": "lora"}, suited)
    assert {name: change.now for name, change in changes.items()} == {
        "train.unet_learning_rate": 0.006,
        "train.length": "800 steps",
    }


def test_how_a_machine_computes_and_captions_change_only_if_named() -> None:
    named = preset("dreambooth", train__mixed_precision="fp16", captions__shuffle=False, samples__steps=20)
    changed = changes_of(named, SETTINGS).keys() - {"train.length", "train.batch_size"}
    assert changed == {"train.mixed_precision", "captions.shuffle", "samples.steps"}


def test_the_same_written_otherwise_is_no_change() -> None:
    same = {
        "method": "lora",
        "train": {"length": "100 epoch", "unet_learning_rate": "auto"},
        "lora": {"alpha": 0, "rank": "16"},
    }
    assert changes_of(preset("lora"), same) == {}


def test_faulty_settings_are_mended() -> None:
    broken = {"method": "no such", "train": {"length": "soon"}, "lora": "none", "prior": {"weight": [1]}}
    changes = changes_of(preset("lora"), broken)
    assert changes["train.length"] == Change("soon", "100 epochs")
    assert changes["prior.weight"].now == "auto"
    assert changes["method"] == Change("no such", "lora")


def test_what_is_saved_has_nothing_of_ones_own() -> None:
    saved = settings_for_preset(SETTINGS)
    assert saved == {
        "train.length": "77 steps",
        "train.batch_size": 3,
        "train.clip_skip": 2,
        "captions.shuffle": True,
    }
    everything = settings_for_preset(SETTINGS, ("training", "images", "around"))
    assert everything.keys() - saved.keys() == {"train.mixed_precision", "train.seed", "samples.steps"}


def test_a_saved_one_brings_settings_back() -> None:
    again = changes_of(preset_of("it", "dreambooth", settings_for_preset(SETTINGS)), {"method": "lora"})
    put = {name: change.now for name, change in again.items()}
    assert put == {"method": "dreambooth", **settings_for_preset(SETTINGS)}


def test_one_of_ours_after_another_leaves_nothing_of_it() -> None:
    presets = [kept.preset for kept in our_presets() if kept.preset and kept.preset.method == "lora"]
    for first in presets:
        for second in presets:
            settings: dict[str, Any] = {}
            for each in (first, second):
                for name, change in changes_of(each, settings).items():
                    group, _, option = name.partition(".")
                    if option:
                        settings.setdefault(group, {})[option] = change.now
            alone = changes_of(second, {})
            for name in {name for name in alone if not name.startswith("captions.")} - {"method"}:
                assert value_in(settings, name) == alone[name].now
            assert not any(n for n in changes_of(second, settings) if n != "method")
