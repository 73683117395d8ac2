"""What a base checkpoint makes of the options that are left to it."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.algorithms import ALGORITHMS
from sd_finetune.settings.base_defaults import BaseDefaults, resolved_for
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS, RATE_OPTIONS
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.rates import Rates
from sd_finetune.settings.read import from_dict, to_dict

LARGE = BaseDefaults(1024, {"dreambooth": {"unet_learning_rate": 1e-6}, "lora": {"text_encoder_learning_rate": 1e-5}})
WHOLE: dict[str, Any] = {
    "base": {"checkpoint": "sd.safetensors"},
    "concepts": [{"folder": "dogs", "instance_prompt": "sks dog", "class_prompt": "a dog"}],
}


def asked(method: str, **groups: Any) -> Settings:
    return from_dict({**WHOLE, "method": method, **groups})


def test_what_is_left_open_becomes_a_number() -> None:
    found = resolved_for(asked("dreambooth"), LARGE)
    assert found.data.resolution == 1024
    assert found.train.unet_learning_rate == Rates(1e-6)
    assert found.train.text_encoder_learning_rate == Rates(1e-6), "the method's own"
    assert resolved_for(asked("lora"), LARGE).rates("text_encoder") == Rates(1e-5)
    assert resolved_for(asked("textual_inversion"), LARGE).rates("embedding") == Rates(5e-3)
    assert from_dict(to_dict(found)) == found, "a run's settings hold it"


def test_what_is_given_stays() -> None:
    given = asked("lora", data={"resolution": 640}, train={"unet_learning_rate": "1e-3:100, 1e-4"})
    found = resolved_for(given, LARGE)
    assert (found.data.resolution, found.rates("unet")) == (640, Rates(1e-3, ((100, 1e-4),)))
    assert resolved_for(found, BaseDefaults(512)) == found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimizer", ["adamw", "prodigy", "lion8bit"])
def test_with_the_usual_defaults_a_run_is_what_it_was(method: str, optimizer: str) -> None:
    open_ = asked(method, optimizer={"name": optimizer})
    found = resolved_for(open_, BaseDefaults())
    assert found.data.side == open_.data.side
    for part in ("unet", "text_encoder", "embedding"):
        assert found.rates(part) == open_.rates(part)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_layers_of_an_algorithm_have_their_share_of_lora_s_learning_rates(algorithm: str) -> None:
    share, base = ALGORITHMS[algorithm].learning_rate_share, BaseDefaults()
    found = asked("lora", lora={"algorithm": algorithm})
    assert resolved_for(found, base).train.unet_learning_rate == found.rates("unet") == Rates(1e-4 * share)
    assert resolved_for(found, LARGE).rates("text_encoder") == Rates(1e-5 * share)
    lion, prodigy = (asked("lora", lora={"algorithm": algorithm}, optimizer={"name": n}) for n in ("lion", "prodigy"))
    assert lion.rates("unet").first == pytest.approx(1e-4 * share * OPTIMIZERS["lion"].learning_rate_share)
    assert prodigy.rates("unet") == Rates(1)
    assert asked("hypernetwork", lora={"algorithm": algorithm}).rates("unet") == Rates(1e-5)
    assert found.rates("embedding") == asked("lora").rates("embedding")


def test_only_rates_of_layers_are_told_to_depend_on_the_algorithm() -> None:
    options = {name: all_options()[name].option for name in RATE_OPTIONS.values()}
    told = [name for name, option in options.items() if option and "LoKr" in option.help]
    assert told == ["train.unet_learning_rate", "train.text_encoder_learning_rate"]


def test_a_bucket_side_is_held_to_a_resolution_that_is_known() -> None:
    assert asked("lora", data={"smallest_side": 640}).data.side_limits(1024)[0] == 640
