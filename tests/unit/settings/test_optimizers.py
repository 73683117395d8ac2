"""The table of optimizers, and what it asks of the settings before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.availability import install_command, missing_package, needs_gpu, why_unavailable
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.missing_files import missing_for_training, refuse
from sd_finetune.settings.optimizer_arguments import optimizer_arguments, optimizer_text
from sd_finetune.settings.optimizers import OPTIMIZERS, optimizer_help
from sd_finetune.settings.read import find_faults, from_dict
from sd_finetune.ui.projects.automatic import automatic
from sd_finetune.ui.projects.conditions import conditions_of
from sd_finetune.vram.changes import are_valid, differences, optimizer_changes, with_changes

ADAMW = OPTIMIZERS["adamw"]


@pytest.fixture
def multiplier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes AdamW an optimizer that finds its own learning rate."""
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, learning_rate="multiplier"))


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes AdamW an optimizer of a package that is not installed."""
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, package="not_installed"))


def test_the_choices_are_the_rows() -> None:
    option = all_options()["optimizer.name"].option
    assert option is not None
    assert list(option.choices) == list(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_row_uses_options_that_there_are(name: str) -> None:
    options = {option.partition(".")[2] for option in all_options() if option.startswith("optimizer.")} - {"name"}
    assert set(OPTIMIZERS[name].options) <= options
    assert not set(OPTIMIZERS[name].arguments) & {*options, "betas"}
    betas = [option for option in ("beta1", "beta2", "beta3") if option in OPTIMIZERS[name].options]
    assert betas in ([], ["beta1", "beta2"], ["beta1", "beta2", "beta3"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_it_does_not_use_is_refused_and_not_shown(name: str, content: dict[str, Any]) -> None:
    numbers = {"beta1": 0.5, "beta2": 0.6, "beta3": 0.7, "eps": 0.1}
    content |= {"optimizer": {"name": name, **numbers}}
    foreign = [option for option in numbers if option not in OPTIMIZERS[name].options]
    faults = find_faults(content)
    assert list(faults) == [f"optimizer.{option}" for option in foreign]
    for option in foreign:
        sentence = f'optimizer.{option} = {numbers[option]} is not for optimizer.name "{name}", only for '
        assert faults[f"optimizer.{option}"].startswith(sentence)
        assert faults[f"optimizer.{option}"].endswith(': set it to "auto", or choose another optimizer.')
    for option in numbers:
        (condition,) = conditions_of(f"optimizer.{option}")
        assert (name in condition.values) == (option not in foreign)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_auto_is_stands_beside_the_field_and_in_the_help(name: str, content: dict[str, Any]) -> None:
    shown = automatic(from_dict({**content, "optimizer": {"name": name}}), [3])
    for option, value in OPTIMIZERS[name].options.items():
        assert value is None or shown[f"optimizer.{option}"] == value
        facts = all_options()[f"optimizer.{option}"].option
        assert facts is not None
        assert value is None or f"{value:g}" in facts.help


@pytest.mark.parametrize(
    ("one", "other", "left"), [("adan", "adafactor", {"eps": 0.1}), ("lion", "adamw", {"beta1": 0.5})]
)
def test_another_optimizer_leaves_behind_what_means_nothing_to_it(
    one: str, other: str, left: dict[str, float], content: dict[str, Any]
) -> None:
    numbers = {"beta1": 0.5, "beta3": 0.7, "eps": 0.1}
    given = {option: value for option, value in numbers.items() if option in OPTIMIZERS[one].options}
    settings = from_dict({**content, "optimizer": {"name": one, **given}})
    changed = with_changes(settings, optimizer_changes(settings, other))
    assert are_valid(changed)
    found = {option: getattr(changed.optimizer, option) for option in numbers}
    assert {option: value for option, value in found.items() if value is not None} == left
    told = differences(settings, optimizer_changes(settings, other))
    assert told == {"optimizer.name": other, **{f"optimizer.{option}": "auto" for option in given.keys() - left.keys()}}


def test_it_is_built_with_its_own_options_and_no_others(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content["optimizer"] = {"beta2": 0.9, "eps": 1e-5}
    settings = from_dict(content)
    assert optimizer_arguments(settings) == {"betas": (0.9, 0.9), "eps": 1e-5, "weight_decay": 0.01}
    assert optimizer_text(settings) == "torch.optim.AdamW(betas=(0.9, 0.9),eps=1e-05,weight_decay=0.01)"
    fewer = replace(ADAMW, options={"eps": 1e-3}, arguments={"fused": True})
    monkeypatch.setitem(OPTIMIZERS, "adamw", fewer)
    assert optimizer_text(settings) == "torch.optim.AdamW(eps=1e-05,fused=True)"


def test_a_missing_package_is_told_with_the_files(packaged: None, content: dict[str, Any]) -> None:
    with pytest.raises(UserError) as raised:
        refuse(missing_for_training(from_dict(content)))
    *files, package = str(raised.value).splitlines()
    assert len(files) == 2
    assert 'optimizer.name = "adamw" needs the package not_installed, which is not installed: run ' in package
    assert package.endswith(f"{install_command('not_installed')}, or choose another optimizer.")
    assert optimizer_help().startswith("the optimizer; adamw = the usual one (needs the package not_installed)")


def test_a_package_that_is_there_is_not_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, package="collection_of_optimizers"))
    assert missing_package("optimizer.name", "adamw")
    (tmp_path / "collection_of_optimizers.py").write_text("raise RuntimeError('looking must not import it')")
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_package("optimizer.name", "adamw") == ""


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes AdamW an optimizer of a package whose installed version does not do without a GPU yet."""
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, package="torch", without_gpu_from=(99, 1)))


def test_without_the_gpu_that_it_needs_it_is_refused(old: None, content: dict[str, Any]) -> None:
    content["train"] = {"device": "cpu"}
    told = missing_for_training(from_dict(content))["optimizer.name"]
    assert told.startswith('optimizer.name = "adamw" needs a CUDA GPU, or torch 99.1 or newer, and ')
    assert told.endswith(" is installed: choose another optimizer.")
    assert [why_unavailable("optimizer.name", "adamw", on_gpu) for on_gpu in (False, True)] == [told, ""]


@pytest.mark.parametrize(("there", "refused"), [(True, False), (False, True)])
def test_a_gpu_is_one_whose_driver_is_there(
    old: None, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch, there: bool, refused: bool
) -> None:
    monkeypatch.setattr("sd_finetune.settings.missing_files.has_gpu_driver", lambda: there)
    assert ("optimizer.name" in missing_for_training(from_dict(content))) == refused


def test_a_newer_version_may_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, package="torch", without_gpu_from=(2, 0)))
    assert not needs_gpu("optimizer.name", "adamw")
    assert not needs_gpu("optimizer.name", "prodigy")


def test_left_to_the_method_a_share_of_its_learning_rate_is_used(content: dict[str, Any]) -> None:
    rates = [from_dict({**content, "optimizer": {"name": name}}).unet_learning_rate() for name in ("adamw", "lion8bit")]
    assert rates == [1e-4, pytest.approx(2e-5)]


def with_rates(content: dict[str, Any], unet: float, text_encoder: float | None = None) -> dict[str, Any]:
    train = {"unet_learning_rate": unet}
    if text_encoder is not None:
        train |= {"train_text_encoder": True, "text_encoder_learning_rate": text_encoder}
    return {**content, "train": train}


def test_left_to_the_method_a_factor_is_1(multiplier: None, content: dict[str, Any]) -> None:
    settings = from_dict(with_rates(content, 0, 0))
    assert (settings.unet_learning_rate(), settings.text_encoder_learning_rate()) == (1.0, 1.0)
    hypernetwork = from_dict({**content, "method": "hypernetwork"})
    assert (hypernetwork.unet_learning_rate(), hypernetwork.text_encoder_learning_rate()) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("rates", "name", "sentence"),
    [
        ((1e-4,), "train.unet_learning_rate", "= 0.0001 is a factor to the learning rate that adamw finds"),
        ((1, 5e-5), "train.text_encoder_learning_rate", "far too small: set it to 1, or choose another optimizer."),
        ((1, 0.5), "train.text_encoder_learning_rate", "= 0.5 differs from train.unet_learning_rate = 1, and adamw"),
    ],
)
def test_an_absolute_learning_rate_is_no_factor(
    multiplier: None, content: dict[str, Any], rates: tuple[float, ...], name: str, sentence: str
) -> None:
    faults = find_faults(with_rates(content, *rates))
    assert list(faults) == [name]
    assert sentence in faults[name]


@pytest.mark.parametrize("rates", [(0,), (1,), (0.5,), (0.01,), (0, 1), (0.5, 0.5)])
def test_factors_are_taken(multiplier: None, content: dict[str, Any], rates: tuple[float, ...]) -> None:
    assert find_faults(with_rates(content, *rates)) == {}


def test_an_absolute_one_is_taken_where_that_is_what_is_meant(content: dict[str, Any]) -> None:
    assert find_faults(with_rates(content, 1e-4, 5e-5)) == {}


def test_an_option_that_cannot_be_0_is_told(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    content["optimizer"] = {"beta1": 0, "beta2": 0}
    assert find_faults(content) == {}
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(ADAMW, above_0=("beta1",)))
    assert find_faults(content) == {
        "optimizer.beta1": "optimizer.beta1 = 0 is out of range for adamw: use a number above 0."
    }


def test_a_word_has_its_own(multiplier: None, content: dict[str, Any]) -> None:
    content |= {"method": "textual_inversion", "output": {"name": "zib-7"}}
    assert find_faults(content) == {}
    content["textual_inversion"] = {"learning_rate": 5e-3}
    assert list(find_faults(content)) == ["textual_inversion.learning_rate"]


def test_each_learning_rate_that_differs_is_told(multiplier: None, content: dict[str, Any]) -> None:
    content["concepts"][0]["instance_prompt"] = "a photo of [name]"
    content = {**with_rates(content, 0.5, 0.7), "lora": {"new_words": "beside"}}
    faults = find_faults(content)
    assert list(faults) == ["train.text_encoder_learning_rate", "textual_inversion.learning_rate"]
    assert "= 1 differs from train.unet_learning_rate = 0.5" in faults["textual_inversion.learning_rate"]
    content["train"]["text_encoder_learning_rate"] = 0.5
    assert list(find_faults(content)) == ["textual_inversion.learning_rate"]
