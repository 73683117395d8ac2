"""What every method must keep to, one row each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.lora import read_lora
from sd_finetune.networks.hypernetwork import HypernetworkModule
from sd_finetune.runs.messages import Done, Saved, Step
from sd_finetune.training.loop import train
from sd_finetune.training.output.save import save_result
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from tests.toy import (
    ROWS,
    Toy,
    answer,
    events_of,
    in_double,
    load_doubled,
    relative_error,
    train_and_command,
    trained,
    worst_error,
)

ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
BESIDE_THE_MODEL = ["lora", "lora+text", "lora+words", "textual_inversion", "hypernetwork"]
NETWORK_ROW = pytest.mark.parametrize("row", [ROWS[name] for name in BESIDE_THE_MODEL], ids=BESIDE_THE_MODEL)
RATES = ["train.unet_learning_rate", "train.text_encoder_learning_rate", "textual_inversion.learning_rate"]
WITH_PRIOR = {"prior.weight": 1.0}
ROUNDING = 1e-13
"""In float64: torch multiplies in another order where a weight wants gradients."""
RESULTS = {
    "lora": ("lora", ".safetensors"),
    "dreambooth": ("checkpoint", ".safetensors"),
    "textual_inversion": ("embedding", ".safetensors"),
    "hypernetwork": ("hypernetwork", ".pt"),
}
"""What a method makes, and the ending of its file."""


@pytest.fixture(params=("sd1", "sdxl"))
def kind(request: pytest.FixtureRequest) -> str:
    """Of the checkpoint, as in `tests.toy.CHECKPOINTS`."""
    return request.param


@pytest.fixture
def toy(kind: str, toys: Callable[[str], Toy]) -> Toy:
    return toys(kind)


@pytest.fixture
def deep_toy(kind: str, toys: Callable[[str], Toy]) -> Toy:
    return toys(f"deep {kind}")


# What a model predicts and what is trained of it do not meet, so that two methods stand for all.
PREDICTING_V = [("sdxl, v", name) for name in ("dreambooth", "lora+text")]
ROWS_AND_V = [*((kind, name) for kind in ("sd1", "sdxl") for name in ROWS), *PREDICTING_V]
AND_V = pytest.mark.parametrize(
    ("kind", "row"),
    [(kind, ROWS[name]) for kind, name in ROWS_AND_V],
    ids=[f"{kind}-{name}" for kind, name in ROWS_AND_V],
    indirect=["kind"],
)

ATTENTIONS: dict[str, dict[str, int]] = {
    "sd1": {
        **{f"down_blocks.{level}.attentions.{k}": 1 for level in (0, 1, 2) for k in (0, 1)},
        "mid_block.attentions.0": 1,
        **{f"up_blocks.{level}.attentions.{k}": 1 for level in (1, 2, 3) for k in (0, 1, 2)},
    },
    "sdxl": {
        **{f"down_blocks.{level}.attentions.{k}": level for level in (1, 2) for k in (0, 1)},
        "mid_block.attentions.0": 2,
        **{f"up_blocks.{level}.attentions.{k}": 2 - level for level in (0, 1) for k in (0, 1, 2)},
    },
}
"""By family, the attention blocks of a UNet with all levels, and how many layers each has."""

IN_LAYER = [
    *(f"attn{n}.{projection}" for n in (1, 2) for projection in ("to_q", "to_k", "to_v", "to_out.0")),
    "ff.net.0.proj",
    "ff.net.2",
]
IN_TEXT_LAYER = [*(f"self_attn.{p}_proj" for p in ("q", "k", "v", "out")), "mlp.fc1", "mlp.fc2"]
TEXT_LAYERS = {"sd1": {"text_encoder": 1}, "sdxl": {"text_encoder": 2, "text_encoder_2": 2}}
IDLE: dict[str, tuple[str, ...]] = {
    "sd1": (),
    "sdxl": tuple(f"text_encoder.text_model.{each}" for each in ("encoder.layers.1.", "final_layer_norm.")),
}
"""By family, what nothing comes of: the last layer of a text encoder whose last but one is the prompt."""
VECTORS = {"sd1": ["vectors"], "sdxl": ["vectors", "text_encoder_2.vectors"]}
CONTEXTS = {"sd1": (32,), "sdxl": (32, 80)}
"""Widths of what keys and values are made of; all of SD1's are alike in the toy."""


def lora_layers(family: str, with_text: bool) -> list[str]:
    layers = [
        f"unet.{attention}.{layer}"
        for attention, depth in ATTENTIONS[family].items()
        for layer in (
            "proj_in",
            "proj_out",
            *(f"transformer_blocks.{k}.{own}" for k in range(depth) for own in IN_LAYER),
        )
    ]
    assert len(layers) == 192
    for part, depth in TEXT_LAYERS[family].items() if with_text else ():
        layers += [f"{part}.text_model.encoder.layers.{k}.{layer}" for k in range(depth) for layer in IN_TEXT_LAYER]
    return layers


def expected_names(toy: Toy, row: dict[str, Any]) -> set[str]:
    """The trainable tensors, written down here or in the checkpoint and not taken from the method."""
    base, with_text = read_checkpoint(toy.checkpoint), row.get("train.train_text_encoder", False)
    facts = base.family.facts
    if row["method"] == "dreambooth":
        chosen = facts.trainable_parts if with_text else ["unet"]
        return {f"{part}.{name}" for part in chosen for name in base.parts[part] if "position_ids" not in name}
    words = {f"embedding.{name}" for name in VECTORS[facts.name]} if "textual_inversion.word" in row else set[str]()
    if row["method"] == "textual_inversion":
        return words
    if row["method"] == "hypernetwork":
        mlps = [f"unet.pairs.{width}.{to}.linear" for width in CONTEXTS[facts.name] for to in ("k", "v")]
        return {f"{mlp}.{layer}.{kind}" for mlp in mlps for layer in (0, 2, 3, 4) for kind in ("weight", "bias")}
    return words | {f"{layer}.{half}" for layer in lora_layers(facts.name, with_text) for half in ("down", "up")}


def own_tensors(model: DiffusionModel) -> dict[str, Tensor]:
    return {f"{part}.{name}": value for part in model.parts for name, value in model.module(part).named_parameters()}


@ROW
def test_exactly_these_are_trained(deep_toy: Toy, row: dict[str, Any]) -> None:
    training = deep_toy.prepare(row)
    tensors = training.method.trained_tensors()
    assert set(tensors) == expected_names(deep_toy, row)
    in_groups = [id(p) for p in training.updates.parameters]
    assert sorted(in_groups) == sorted(id(value) for value in tensors.values()), "each is in exactly one group"
    wanting_gradients = {name for name, p in own_tensors(training.model).items() if p.requires_grad}
    assert wanting_gradients == (set(tensors) if row["method"] == "dreambooth" else set())
    assert all(value.requires_grad and value.dtype == torch.float32 for value in tensors.values())


@ROW
def test_only_what_is_trained_changes(toy: Toy, row: dict[str, Any]) -> None:
    training = toy.prepare({**row, **WITH_PRIOR, "train.length": "2 steps", "optimizer.weight_decay": 0.5})
    file_before = toy.checkpoint.read_bytes()
    before = {name: value.clone() for name, value in own_tensors(training.model).items()}
    start = trained(training)
    train(training)
    end = trained(training)
    same = {name for name in start if torch.equal(start[name], end[name])}
    assert same == {name for name in start if name.startswith(IDLE[training.model.family.facts.name])}
    after = own_tensors(training.model)
    assert [n for n in before if n not in start and not torch.equal(before[n], after[n])] == []
    assert toy.checkpoint.read_bytes() == file_before
    (saved,) = events_of(training.run, Saved)
    kind, ending = RESULTS[row["method"]]
    assert (saved.step, saved.result) == (2, kind)
    assert Path(saved.path) == training.run.output / f"toy{ending}"
    assert Path(saved.path).is_file()
    untouched = read_checkpoint(toy.checkpoint)
    for part, tensors in training.base.parts.items():
        for name, value in tensors.items():
            assert torch.equal(value, untouched.parts[part][name]), f"training wrote into the base's {part}.{name}"


@ROW
def test_the_optimizer_holds_what_was_asked_for(toy: Toy, row: dict[str, Any]) -> None:
    wanted = {
        "optimizer.beta1": 0.8,
        "optimizer.beta2": 0.95,
        "optimizer.eps": 1e-5,
        "optimizer.weight_decay": 0.2,
        "train.unet_learning_rate": 3e-4,
        "train.text_encoder_learning_rate": 7e-5,
        "textual_inversion.learning_rate": 4e-3,
    }
    groups = toy.prepare({**row, **wanted}).optimizer.param_groups
    texts = read_checkpoint(toy.checkpoint).family.facts.text_encoders if row.get("train.train_text_encoder") else ()
    words = {"embedding": 4e-3} if "textual_inversion.word" in row else {}
    rates = words if row["method"] == "textual_inversion" else {"unet": 3e-4, **dict.fromkeys(texts, 7e-5), **words}
    assert {group["name"]: group["lr"] for group in groups} == rates
    for group in groups:
        assert (group["betas"], group["eps"]) == ((0.8, 0.95), 1e-5)
    assert {group["weight_decay"] for group in groups} - {0.0} == {0.2}, "of biases, norms and embeddings it is 0"


@ROW
def test_before_the_first_step_it_is_the_base(toy: Toy, row: dict[str, Any]) -> None:
    training = toy.prepare(row)
    in_double(training)
    if row["method"] == "hypernetwork":  # which starts near zero; with its multiplier at zero it is without effect
        assert 0 < relative_error(answer(training.model), answer(load_doubled(toy.checkpoint))) < 0.05
        silence(training)
    assert relative_error(answer(training.model), answer(load_doubled(toy.checkpoint))) < ROUNDING


@pytest.mark.parametrize("text", [False, True])
def test_dreambooth_starts_from_exact_weights_in_any_precision(toy: Toy, text: bool) -> None:
    """A half precision forward pass would not miss what rounding the weights takes, but a step of 2e-6 is less."""
    row = {"method": "dreambooth", "train.mixed_precision": "bf16", "train.train_text_encoder": text}
    training = toy.prepare(row)
    base = training.base.parts
    for name, value in training.method.trained_tensors().items():
        part, _, own = name.partition(".")
        assert value.dtype == torch.float32
        assert torch.equal(value, base[part][own].float()), name
    for encoder in [] if text else training.model.text_encoders.values():  # of the VAE see test_placement.py
        assert {value.dtype for value in encoder.parameters()} == {torch.bfloat16}


def silence(training: Training) -> None:
    for module in training.method.networks["unet"].eval().modules():
        if isinstance(module, HypernetworkModule):
            module.multiplier = 0.0


@NETWORK_ROW
def test_detached_it_is_the_base_again(deep_toy: Toy, row: dict[str, Any]) -> None:
    training, base = perturbed(deep_toy, row), answer(load_doubled(deep_toy.checkpoint))
    in_double(training)
    taught = answer(training.model)
    assert relative_error(taught, base) > 1e-3
    with training.method.untrained():
        assert relative_error(answer(training.model), base) < ROUNDING
    assert torch.equal(answer(training.model), taught)
    training.method.detach()
    assert relative_error(answer(training.model), base) < ROUNDING


def perturbed(toy: Toy, row: dict[str, Any]) -> Training:
    """A model in which everything trainable has moved."""
    training = toy.prepare(row)
    generator = torch.Generator().manual_seed(9)
    for value in training.method.trained_tensors().values():
        value.data += 0.05 * torch.randn(value.shape, generator=generator)
    return training


def load_with_lora(toy: Toy, path: Path) -> DiffusionModel:
    """The base with a LoRA file merged by hand, W += alpha / rank * up @ down, and its words in the vocabularies."""
    model = load_doubled(toy.checkpoint)
    names = {"emb_params": "string_to_param.*"}  # as the WebUI has it in a LoRA for a single text encoder
    words = {n.removeprefix("bundle_emb.sks star."): v for n, v in load_file(path).items() if n.startswith("bundle")}
    if words:
        put_words_in(model, words, {p: names.get(n, n) for p, n in EMBEDDING_NAMES[model.family.facts.name].items()})
    modules, _ = read_lora(path)
    for part in model.family.facts.trainable_parts:
        for name, module in model.module(part).named_modules():
            own = model.family.lora_name(model.architecture, part, name) if hasattr(module, "weight") else ""
            found = modules.pop(own, None)
            if found is not None:
                up, down = found.up.double().flatten(1), found.down.double().flatten(1)
                change = found.alpha / found.rank * up @ down
                module.weight.data = (module.weight.double() + change.reshape(module.weight.shape)).to(module.weight)
    assert not modules, "layers that the model does not have"
    return model


def load_with_hypernetwork(toy: Toy, path: Path) -> DiffusionModel:
    """The base whose keys and values are made of h(x), computed layer by layer from the file's tensors."""
    model, content = load_doubled(toy.checkpoint), torch.load(path, weights_only=True)

    def h(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        w = {name: value.double() for name, value in weights.items()}
        y = F.hardswish(x @ w["linear.0.weight"].T + w["linear.0.bias"])
        y = F.layer_norm(y, y.shape[-1:], w["linear.2.weight"], w["linear.2.bias"])
        y = y @ w["linear.3.weight"].T + w["linear.3.bias"]
        return x + F.layer_norm(y, y.shape[-1:], w["linear.4.weight"], w["linear.4.bias"])

    for name, module in model.unet.named_modules():
        if name.endswith((".to_k", ".to_v")):
            weights = content[module.weight.shape[1]][0 if name.endswith("k") else 1]
            module.forward = lambda x, m=module, w=weights: F.linear(h(x, w), m.weight, m.bias)
    return model


def load_with_embedding(toy: Toy, path: Path) -> DiffusionModel:
    """The base in whose vocabularies the tokens "sks" and "star" have the word's vectors."""
    model, vectors = load_doubled(toy.checkpoint), load_file(path)
    put_words_in(model, vectors, EMBEDDING_NAMES[model.family.facts.name])
    return model


def put_words_in(model: DiffusionModel, vectors: dict[str, Tensor], names: dict[str, str]) -> None:
    """names: of the vectors, by the text encoder."""
    assert vectors.keys() == set(names.values())
    for part, encoder in model.text_encoders.items():
        table = encoder.text_model.embeddings.token_embedding.weight
        table.data = table.data.clone()
        table.data[[48136, 1565]] = vectors[names[part]]


EMBEDDING_NAMES = {
    "sd1": {"text_encoder": "emb_params"},
    "sdxl": {"text_encoder": "clip_l", "text_encoder_2": "clip_g"},
}
LOADERS = {
    "lora": load_with_lora,
    "dreambooth": lambda toy, path: load_doubled(path),
    "textual_inversion": load_with_embedding,
    "hypernetwork": load_with_hypernetwork,
}


@ROW
def test_saved_and_loaded_it_answers_the_same(deep_toy: Toy, row: dict[str, Any]) -> None:
    training = perturbed(deep_toy, row)
    path = save_result(training, 1, final=True)
    in_double(training)
    taught = answer(training.model)
    loaded = LOADERS[row["method"]](deep_toy, path)
    assert relative_error(answer(loaded), taught) < 1e-5
    assert relative_error(taught, answer(load_doubled(deep_toy.checkpoint))) > 1e-3


@AND_V
def test_a_fixed_batch_overfits(toy: Toy, deep_toy: Toy, row: dict[str, Any]) -> None:
    rate = {"lora": 2e-2, "dreambooth": 2e-3, "hypernetwork": 2e-1, "textual_inversion": 1e-1}[row["method"]]
    chosen = deep_toy if row["method"] == "textual_inversion" else toy  # the more layers listen, the better
    training = chosen.prepare({**row, **dict.fromkeys(RATES, rate), "train.length": "15 steps"})
    batches = list(training.batches.of_step(0))
    training.batches.of_step = lambda step: iter(batches)  # type: ignore[method-assign]
    train(training)
    losses = [event.loss for event in events_of(training.run, Step)]
    # A model of random weights hardly listens to its prompts, and SDXL's has no attention at its first level.
    beside = 0.65 if training.model.family.facts.name == "sd1" else 0.82
    most = {"dreambooth": 0.6, "textual_inversion": 0.99}.get(row["method"], beside)
    assert losses[-1] < most * losses[0], losses


@ROW
def test_stopped_and_resumed_is_the_same_run(toy: Toy, row: dict[str, Any]) -> None:
    changes = {**row, **WITH_PRIOR, "train.length": "4 steps", "schedule.name": "cosine", "schedule.warmup": "1 step"}
    whole = toy.train(changes)
    first = toy.prepare(changes)
    outcome = train_and_command(first, 2, "stop")
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (2, "stopped")
    first.events.append(outcome)
    second = prepare(first.run, resume=True)
    assert second.first_step == 2
    end = train(second)
    assert isinstance(end, Done)
    assert (end.step, end.outcome) == (4, "finished"), "the earlier stop must not count again"
    losses = [[(e.step, e.loss, e.prior_loss) for e in events_of(t.run, Step)] for t in (whole, second)]
    assert losses[0] == losses[1]
    assert second.run.loss_csv.read_text() == whole.run.loss_csv.read_text()
    for name, value in trained(whole).items():
        assert torch.equal(value, trained(second)[name]), name


@AND_V
def test_a_batch_may_be_split(toy: Toy, row: dict[str, Any]) -> None:
    # Six examples in steps of four: the second step of an epoch has two. With an eps of 1 AdamW moves nearly in
    # proportion to the gradient; with a small one it would blow up the rounding of gradients that are nearly zero.
    rates = dict.fromkeys([*RATES, "optimizer.eps"], 1.0)
    changes = {**row, **WITH_PRIOR, **rates, "train.length": "1 epoch", "concepts.repeats": 2, "prior.weight": 0.7}
    moves = []
    for size, passes in ((4, 1), (2, 2), (1, 4)):
        split = {"train.batch_size": size, "train.gradient_accumulation_steps": passes}
        training = toy.prepare({**changes, **split})
        start = trained(training)
        train(training)
        assert [e.step for e in events_of(training.run, Step)] == [1, 2]
        moves.append({name: value - start[name] for name, value in trained(training).items()})
    for split_move in moves[1:]:
        assert worst_error(split_move, moves[0]) < 1e-3


@ROW
def test_the_seed_decides(toy: Toy, row: dict[str, Any]) -> None:
    changes = {**row, "train.length": "1 step"}
    first, again, other = (trained(toy.train({**changes, "train.seed": seed})) for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
