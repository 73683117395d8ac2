"""Which methods an option is for, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.catalogue import all_options, members
from sd_finetune.settings.methods import ALL_METHODS, defaults_text, methods_with
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.settings.reference import option_table


def test_methods_by_what_they_have() -> None:
    assert methods_with("unet_learning_rate") == ("lora", "dreambooth", "hypernetwork")
    assert methods_with("learns_word") == ("textual_inversion",)
    assert methods_with("weight_decay") == ALL_METHODS, "0 is a weight decay too"
    assert defaults_text("text_encoder_learning_rate", "0") == "0 = default of the method: lora 5e-05, dreambooth 1e-06"


def test_options_that_are_not_for_all_methods() -> None:
    options = all_options()
    assert options["train.train_text_encoder"].methods == ("lora", "dreambooth")
    assert options["prior.bank_size"].methods == ("dreambooth",)
    assert options["prior.weight"].methods == ALL_METHODS
    groups = {member.name: member.methods for member in members(Settings) if member.group is not None}
    assert {name for name, methods in groups.items() if methods != ALL_METHODS} == {
        "lora", "textual_inversion", "hypernetwork",
    }  # fmt: skip
    assert all(method in groups[method] for method in ALL_METHODS if method in groups)
    assert (groups["lora"], groups["textual_inversion"]) == (("lora",), ("lora", "textual_inversion"))


def test_the_reference_says_which_methods_an_option_is_for() -> None:
    help_of = {row.name: row.help for row in option_table()}
    assert help_of["train.train_text_encoder"].endswith(" (only for methods lora, dreambooth)")
    assert help_of["prior.bank_size"].endswith(" (only for method dreambooth)")
    assert "only for" not in help_of["prior.weight"]
    assert "only for" not in help_of["lora.rank"], "its group says it"


@pytest.mark.parametrize("method", ["textual_inversion", "hypernetwork"])
def test_a_switch_is_refused_for_methods_that_lack_it(content: dict[str, Any], method: str) -> None:
    content["train"] = {"train_text_encoder": True}
    with pytest.raises(UserError) as caught:
        from_dict({**content, "method": method})
    assert str(caught.value) == (
        f"train.train_text_encoder = true is not for method {method}, only for lora, dreambooth: set it to false, or "
        "choose another method."
    )


def test_switches_in_the_group_of_another_method_do_not_matter(content: dict[str, Any]) -> None:
    content["hypernetwork"] = {"layer_norm": True, "activate_output": True}
    assert from_dict({**content, "method": "lora"}).hypernetwork.layer_norm
