"""What only a run of a hypernetwork shows: dropout, widths, half precision, going on from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.formats.hypernetwork import read_hypernetwork
from sd_finetune.runs.messages import Done, Evaluation, Step
from sd_finetune.training.loop import train
from sd_finetune.training.output.save import save_result
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from tests.toy import WIDE_TEXT, Toy, events_of, make_checkpoint, train_and_command, trained

METHOD: dict[str, Any] = {"method": "hypernetwork"}
DROPOUT = {**METHOD, "hypernetwork.activation": "rrelu", "hypernetwork.dropout_structure": "0, 0.5, 0"}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_checkpoint(tmp_path_factory.mktemp("wide") / "wide.safetensors", **WIDE_TEXT))


def losses(training: Training) -> list[float]:
    return [event.loss for event in events_of(training.run, Step)]


def test_stopped_and_resumed_with_dropout_is_the_same_run(toy: Toy) -> None:
    changes = {**DROPOUT, "train.length": "4 steps"}
    whole = toy.train(changes)
    first = toy.prepare(changes)
    outcome = train_and_command(first, 2, "stop")
    assert isinstance(outcome, Done)
    first.events.append(outcome)
    torch.manual_seed(77)  # a new process finds torch's stream in another state
    second = prepare(first.run, resume=True)
    train(second)
    assert losses(second) == losses(whole)
    for name, value in trained(whole).items():
        assert torch.equal(value, trained(second)[name]), name


def test_dropout_is_off_where_it_is_judged_and_on_where_it_trains(toy: Toy) -> None:
    changes = {**DROPOUT, "hypernetwork.initialization": "XavierNormal", "train.length": "1 step"}
    evaluated = {"evaluation.every": "1 step", "evaluation.timesteps": 1, "train.unet_learning_rate": 1e-12}
    training = toy.prepare({**changes, **evaluated})
    seen: list[tuple[bool, ...]] = []
    training.method.networks["unet"].pairs["32"]["k"].register_forward_hook(  # type: ignore[union-attr, index]
        lambda module, args, output: seen.append(tuple(m.training for m in module.modules()))
    )
    train(training)
    before, after = (event.loss for event in events_of(training.run, Evaluation))
    assert before == pytest.approx(after, rel=1e-6)
    assert {any(modes) for modes in seen} == {True, False}
    assert all(len(set(modes)) == 1 for modes in seen)
    without = toy.train({**changes, "hypernetwork.dropout_structure": ""})
    assert losses(without) != losses(training)


def test_the_widths_are_the_checkpoint_s(toy: Toy, wide: str) -> None:
    def widths(**more: str) -> set[str]:
        changes = {f"hypernetwork.{name}": value for name, value in more.items()}
        return {name.split(".")[2] for name in trained(toy.prepare({**METHOD, "base.checkpoint": wide, **changes}))}

    assert widths() == {"32", "48"}
    assert widths(sizes="48") == {"48"}
    with pytest.raises(UserError, match=r'hypernetwork.sizes = "768, 32" has the width 768, but .* have 32, 48'):
        widths(sizes="768, 32")


def test_a_layer_stays_in_float32_where_the_model_is_in_half(toy: Toy) -> None:
    training = toy.prepare({**METHOD, "train.mixed_precision": "bf16", "train.unet_learning_rate": 1e-6})
    before = trained(training)
    train(training)
    assert training.model.unet.dtype == torch.bfloat16
    for name, value in trained(training).items():
        assert value.dtype == torch.float32
        assert not torch.equal(value, before[name])


def test_the_file_says_what_it_was_trained_on(toy: Toy) -> None:
    training = toy.train({**METHOD, "train.length": "2 steps"})
    file = read_hypernetwork(training.run.output / "toy.pt")
    assert (file.name, file.step, file.checkpoint_name) == ("toy", 2, "toy")
    assert file.checkpoint_hash == training.base_facts.sha256[:10]
    assert file.metadata["modelspec.architecture"] == "stable-diffusion-v1/hypernetwork"


def test_training_goes_on_from_a_file(toy: Toy, tmp_path: Path) -> None:
    shape = {"hypernetwork.layer_structure": "1, 1.5, 1", "hypernetwork.activation": "relu"}
    first = toy.prepare({**METHOD, **shape})
    for value in first.method.trained_tensors().values():
        value.data += 0.05
    path = str(save_result(first, 7, final=True))
    second = toy.prepare({**METHOD, **shape, "base.continue_from": path})
    assert all(torch.equal(value, trained(first)[name]) for name, value in trained(second).items())
    assert all(value.requires_grad for value in second.method.trained_tensors().values())
    assert read_hypernetwork(save_result(second, 3, final=True)).step == 10
    with pytest.raises(UserError) as raised:
        toy.prepare({**METHOD, "base.continue_from": path})
    assert str(raised.value) == (
        f"base.continue_from = {path} does not have the shape of the settings: "
        'set hypernetwork.layer_structure = "1, 1.5, 1" and hypernetwork.activation = "relu".'
    )


def test_a_file_of_other_widths_is_not_gone_on_from(toy: Toy, wide: str) -> None:
    base = {**METHOD, "base.checkpoint": wide}
    path = str(save_result(toy.prepare({**base, "hypernetwork.sizes": "48"}), 1, final=True))
    with pytest.raises(UserError, match=r'does not have the shape of the settings: set hypernetwork.sizes = "48"\.'):
        toy.prepare({**base, "base.continue_from": path})
    with pytest.raises(UserError, match="contexts of width 48, but this checkpoint has 32"):
        toy.prepare({**METHOD, "base.continue_from": path})


def test_layers_for_widths_that_the_checkpoint_lacks_are_not_dropped_in_silence(toy: Toy, wide: str) -> None:
    path = str(save_result(toy.prepare({**METHOD, "base.checkpoint": wide}), 1, final=True))
    with pytest.raises(UserError, match=r"has layers for width 48, but the contexts of this checkpoint have 32:"):
        toy.prepare({**METHOD, "base.continue_from": path})


def test_numbers_that_are_none_are_refused(toy: Toy) -> None:
    path = str(save_result(toy.prepare(METHOD), 1, final=True))
    content = torch.load(path, weights_only=True)
    layers = next(value for key, value in content.items() if isinstance(key, int))
    next(iter(layers[0].values())).fill_(float("inf"))
    torch.save(content, path)
    with pytest.raises(UserError, match=r"toy\.pt has NaN or infinite values"):
        toy.prepare({**METHOD, "base.continue_from": path})
