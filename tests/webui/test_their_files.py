"""What the WebUI's own Train tab makes: drawn here as there, and gone on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.hypernetwork import read_hypernetwork
from sd_finetune.networks.hypernetwork import attach_hypernetwork_file, context_widths
from sd_finetune.networks.new_words import attach_embedding_files
from tests.toy import Toy, forget_accelerator, make_images, trained
from tests.webui.test_images import SAME, difference, ours
from tests.webui.their_train import train_embedding, train_hypernetwork
from tests.webui.webui import WebUI

STEPS = 3


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path, TOY_CHECKPOINT, make_images(tmp_path / "images", 4))


def test_an_embedding(webui: WebUI, model: DiffusionModel, toy: Toy) -> None:
    prompt = "a photo of their-word on a pink background"
    file = train_embedding(webui, "their-word", toy.images, STEPS, rate=0.05)
    vectors = read_embedding(file)
    assert vectors.step == STEPS
    theirs = webui.draw(prompt)
    words = attach_embedding_files(model, [file])
    assert difference(ours(model, prompt), theirs) < SAME
    words.detach()
    assert difference(ours(model, prompt), theirs) > SAME, "it is the embedding that makes the image"
    own = {"textual_inversion.word": "their-word", "textual_inversion.vectors": 1}
    begins_with = lambda values: torch.equal(values["embedding.vectors"], vectors.vectors["*"])  # noqa: E731
    go_on(toy, "textual_inversion", file, own, begins_with)


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({}, {}),
        (
            {"layer_structure": "1, 1, 1", "activation_func": "swish", "add_layer_norm": True, "use_dropout": True,
             "dropout_structure": "0, 0.1, 0"},
            {"hypernetwork.layer_structure": "1, 1, 1", "hypernetwork.activation": "swish",
             "hypernetwork.layer_norm": True, "hypernetwork.dropout_structure": "0, 0.1, 0"},
        ),
    ],
    ids=["plain", "other shape"],
)  # fmt: skip
def test_a_hypernetwork(
    webui: WebUI, model: DiffusionModel, toy: Toy, options: dict[str, Any], own: dict[str, Any]
) -> None:
    name, prompt = f"theirs{len(options)}", "a photo of sks star on a pink background"
    before = webui.draw(prompt)
    widths = context_widths(model.unet)
    path = train_hypernetwork(webui, name, widths, toy.images, STEPS, rate=3e-2, **options)
    file = read_hypernetwork(path)
    assert file.step == STEPS
    theirs = webui.draw(f"{prompt} <hypernet:{name}:1>")
    assert difference(theirs, before) > SAME, "it is the hypernetwork that makes the image"
    network = attach_hypernetwork_file(model, file)
    assert difference(ours(model, prompt), theirs) < SAME
    network.detach()

    def begins_with(values: dict[str, torch.Tensor]) -> bool:
        found = [value.flatten() for value in values.values()]
        expected = [t.flatten() for width in network.widths for mlp in file.pairs[width] for t in mlp.values()]
        return torch.equal(torch.cat(found).sort().values, torch.cat(expected).sort().values)

    go_on(toy, "hypernetwork", path, {**own, "train.unet_learning_rate": 1e-2}, begins_with)


def go_on(
    toy: Toy, method: str, file: Path, own: dict[str, Any], begins_with: Callable[[dict[str, torch.Tensor]], bool]
) -> None:
    """Train on from the file: the first values are the file's, and then they move."""
    changes = {"method": method, "base.continue_from": str(file), "data.resolution": 64, **own}
    try:
        prepared = toy.prepare(changes)
        first = trained(prepared)
        assert begins_with(first)
        prepared.method.detach()
        last = trained(toy.train(changes))
        assert any(not torch.equal(last[name], value) for name, value in first.items())
    finally:
        forget_accelerator()
