"""What the options of a hypernetwork ask of each other."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.read import from_dict

STRUCTURE = 'use numbers from 0.05 to 32, of which the first and last are 1, like "1, 2, 1".'
DROPOUT = "use 3 numbers, as in hypernetwork.layer_structure, from 0 to below 1, of which the first is 0."


def settings(changes: dict[str, Any], **more: Any) -> Any:
    plain = {"method": "hypernetwork", "base": {"checkpoint": "x"}, "prior": {"weight": 0}}
    concept = {"folder": "x", "instance_prompt": "a photo of sks dog"}
    return from_dict({**plain, "concepts": [concept], "hypernetwork": changes, **more})


@pytest.mark.parametrize("structure", ["1,1", "1, 2, 1", "1, 0.5, 4, 1", " 1.0 ,2,1 "])
def test_structures_that_can_be(structure: str) -> None:
    assert settings({"layer_structure": structure}).hypernetwork.layer_structure == structure


@pytest.mark.parametrize(
    "structure", ["", "1", "2, 1", "1, 2", "1, 0, 1", "1, -2, 1", "1, 33, 1", "1, nan, 1", "1, two, 1", "1,,1", "1; 2"]
)
def test_structures_that_cannot(structure: str) -> None:
    with pytest.raises(UserError) as raised:
        settings({"layer_structure": structure})
    assert str(raised.value) == f'hypernetwork.layer_structure = "{structure}" is not valid: {STRUCTURE}'


def test_of_another_method_they_do_not_matter() -> None:
    """The form does not even show them."""
    assert settings({"layer_structure": "2, 1", "sizes": "x"}, method="lora").method == "lora"


@pytest.mark.parametrize("dropout", ["", "0, 0, 0", "0, 0.3, 0", "0, 0.05, 0.15"])
def test_dropouts_that_can_be(dropout: str) -> None:
    assert settings({"dropout_structure": dropout}).hypernetwork.dropout_structure == dropout


@pytest.mark.parametrize("dropout", ["0, 0.3", "0, 0.3, 0, 0", "0.1, 0.3, 0", "0, 1, 0", "0, -0.1, 0", "0, x, 0"])
def test_dropouts_that_cannot(dropout: str) -> None:
    with pytest.raises(UserError) as raised:
        settings({"dropout_structure": dropout})
    assert str(raised.value) == f'hypernetwork.dropout_structure = "{dropout}" is not valid: {DROPOUT}'


@pytest.mark.parametrize("sizes", ["0", "-320", "320.5", "wide", "768, inf"])
def test_sizes_that_cannot(sizes: str) -> None:
    with pytest.raises(UserError, match=f'hypernetwork.sizes = "{sizes}" is not valid: use whole numbers'):
        settings({"sizes": sizes})


@pytest.mark.parametrize("activation", ["glu", "softmax", "softmax2d", "threshold", "multiheadattention"])
def test_activations_of_the_webui_that_cannot_work(activation: str) -> None:
    with pytest.raises(UserError, match=f'hypernetwork.activation = "{activation}" is not valid: use one of'):
        settings({"activation": activation})


def test_there_is_no_text_encoder_in_it() -> None:
    with pytest.raises(UserError, match="train_text_encoder = true is not for method hypernetwork"):
        settings({}, train={"train_text_encoder": True})
