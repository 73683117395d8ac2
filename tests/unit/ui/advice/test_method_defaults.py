from __future__ import annotations

from pathlib import Path

from sd_finetune.demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
from sd_finetune.demo.run import demo_settings
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS
from sd_finetune.ui.advice.method_defaults import method_defaults

EXAMPLE = DEMO_FOLDER / "lora.toml"


def test_the_toy_learns_each_method_at_the_rates_of_its_demo() -> None:
    found = method_defaults(TOY_CHECKPOINT, EXAMPLE)
    assert set(found) == set(METHODS)
    for method in ("lora", "dreambooth", "hypernetwork"):
        wanted = demo_settings(method)
        assert found[method]["train.unet_learning_rate"] == wanted.unet_learning_rate()
        assert found[method]["prior.weight"] == wanted.prior.weight
        assert found[method]["prior.source"] == wanted.prior.source
        assert found[method]["train.length"] == str(wanted.train.length)
    assert found["textual_inversion"]["textual_inversion.vectors"] == 6
    assert {name for values in found.values() for name in values} <= set(all_options())


def test_of_other_checkpoints_nothing_is_known() -> None:
    assert method_defaults(Path("v1-5.safetensors"), EXAMPLE) == {}
    assert method_defaults(TOY_CHECKPOINT, None) == {}
