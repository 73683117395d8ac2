from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.hypernetwork import (
    ACTIVATIONS,
    INITIALIZATIONS,
    Hypernetwork,
    HypernetworkModule,
    attach_hypernetwork_file,
    context_widths,
    new_hypernetwork,
)
from sd_finetune.settings.groups import hypernetwork as group
from tests.toy import DEEP, WIDE_TEXT, Toy, answer, load_doubled, make_checkpoint, relative_error

SHAPE = HypernetworkShape(activation="tanh")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    """A model whose text is 48 wide and whose image 32, in float64 but for the text encoder."""
    unet = replace(DEEP["unet"], context_dim=WIDE_TEXT["unet"].context_dim)
    return load_doubled(
        make_checkpoint(tmp_path_factory.mktemp("wide") / "wide.safetensors", **{**WIDE_TEXT, "unet": unet})
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def strong(unet: nn.Module, widths: list[int], seed: int = 0) -> Hypernetwork:
    """One that changes a lot, ready to be used."""
    network = new_hypernetwork(unet, SHAPE, widths, generator(seed))
    for value in network.parameters():
        value.data += 0.3 * torch.randn(value.shape, generator=generator(seed))
    return network.double().eval()


def test_the_choices_are_what_there_is() -> None:
    assert set(group.ACTIVATIONS) == set(ACTIVATIONS)
    assert set(group.INITIALIZATIONS) == set(INITIALIZATIONS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_work_on_each_token_by_itself(activation: str) -> None:
    module = HypernetworkModule(6, HypernetworkShape(activation=activation, activate_output=True)).eval()
    x = torch.randn(3, 5, 6, generator=generator())
    whole = module(x)
    assert whole.shape == x.shape
    torch.testing.assert_close(whole[1, 2], module(x[1:2, 2:3])[0, 0])


def names(**facts: object) -> list[str]:
    shape = HypernetworkShape(**{"layer_structure": (1, 2, 1), "dropout_structure": (0, 0, 0), **facts})
    return [name for name in HypernetworkModule(4, shape).state_dict() if name.endswith("weight")]


def test_layers_are_counted_as_the_webui_counts_them() -> None:
    assert names() == ["linear.0.weight", "linear.1.weight"]
    assert names(activation="relu") == ["linear.0.weight", "linear.2.weight"]
    assert names(activation="relu", layer_norm=True, dropout_structure=(0, 0.3, 0)) == [
        f"linear.{k}.weight" for k in (0, 2, 4, 5)
    ]
    assert names(activation="prelu", activate_output=True) == [f"linear.{k}.weight" for k in (0, 1, 2, 3)]


def test_widths_are_cut_to_whole_numbers() -> None:
    structure = (1, 1.3, 0.7, 1)
    module = HypernetworkModule(7, HypernetworkShape(structure, dropout_structure=(0,) * 4))
    assert [tuple(layer.weight.shape) for layer in module.linear] == [(9, 7), (4, 9), (7, 4)]


REFERENCES = {
    "Normal": lambda w: nn.init.normal_(w, 0, 0.01),
    "XavierUniform": nn.init.xavier_uniform_,
    "XavierNormal": nn.init.xavier_normal_,
    "KaimingUniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "KaimingNormal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
}


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_weights_start_as_the_webui_has_them(initialization: str) -> None:
    shape = HypernetworkShape((1, 3, 1), "relu", layer_norm=True)
    module = HypernetworkModule(8, shape)
    module.initialize(initialization, generator(4))
    torch.manual_seed(4)
    for layer in module.linear:
        if isinstance(layer, (nn.Linear, nn.LayerNorm)):
            rule = REFERENCES[initialization if isinstance(layer, nn.Linear) else "Normal"]
            torch.testing.assert_close(layer.weight, rule(torch.empty_like(layer.weight)))
            assert not layer.bias.any()


def test_the_multiplier_counts_only_in_use() -> None:
    module = HypernetworkModule(4, SHAPE)
    x = torch.randn(2, 3, 4, generator=generator())
    module.multiplier = 0.25
    trained, used = module.train()(x), module.eval()(x)
    torch.testing.assert_close(used - x, 0.25 * (trained - x))
    assert not torch.allclose(used, trained)


def test_dropout_works_in_training_only() -> None:
    module = HypernetworkModule(64, HypernetworkShape((1, 2, 1), dropout_structure=(0, 0.5, 0)))
    x = torch.randn(2, 3, 64, generator=generator())
    assert torch.equal(module.eval()(x), module(x))
    assert not torch.equal(module.train()(x), module(x))


def test_contexts_are_told_apart_by_their_width(wide: DiffusionModel) -> None:
    assert context_widths(wide.unet) == [32, 48]
    for widths, attention in (([48], "attn2"), ([32], "attn1")):
        network = strong(wide.unet, widths)
        network.attach()
        changed = changed_projections(wide.unet)
        network.detach()
        assert sum(changed.values()) == 16 * 2
        assert all(name.split(".")[-2] == attention for name, is_changed in changed.items() if is_changed)
        assert not any(changed[name] for name in changed if name.endswith("to_q"))
        assert not any(changed_projections(wide.unet).values())


def changed_projections(unet: nn.Module) -> dict[str, bool]:
    """Of each query, key and value: whether it is made of something else than the context."""
    found = {}
    for name, module in unet.named_modules():
        if name.endswith((".to_q", ".to_k", ".to_v")):
            x = torch.randn(1, 3, module.in_features, generator=generator(), dtype=torch.float64)
            found[name] = not torch.equal(module(x), nn.functional.linear(x, module.weight, module.bias))
    return found


def test_several_work_one_after_the_other_and_with_a_lora(wide: DiffusionModel) -> None:
    first, second = strong(wide.unet, [32, 48], 1), strong(wide.unet, [48], 2)
    lora = new_adapter_network(lora_targets("unet", wide.unet), ALGORITHMS["lora"], 2, 2, generator()).double()
    for _, layer in lora.named_layers():
        layer.up.weight.data.normal_(0, 0.1, generator=generator())
    projection = wide.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k
    x = torch.randn(2, 5, 48, generator=generator(), dtype=torch.float64)
    base = projection(x)
    for network in (first, lora, second):
        network.attach()
    layer = dict(lora.named_layers())["mid_block.attentions.0.transformer_blocks.0.attn2.to_k"]
    changed = second.pairs["48"]["k"](first.pairs["48"]["k"](x))
    torch.testing.assert_close(projection(x), changed @ projection.weight.T + layer(changed))
    for network in (first, second, lora):
        network.detach()
    assert torch.equal(projection(x), base)


def test_detached_for_a_while_and_never_twice(wide: DiffusionModel) -> None:
    base = answer(wide)
    network = strong(wide.unet, [32, 48])
    network.attach()
    taught = answer(wide)
    with pytest.raises(RuntimeError, match="attached already"):
        network.attach()
    with network.detached():
        assert torch.equal(answer(wide), base)
    assert torch.equal(answer(wide), taught)
    network.detach()
    assert torch.equal(answer(wide), base)


def file_of(widths: list[int], shape: HypernetworkShape = SHAPE) -> HypernetworkFile:
    modules = {width: [HypernetworkModule(width, shape) for _ in "kv"] for width in widths}
    pairs = {width: (k.state_dict(), v.state_dict()) for width, (k, v) in modules.items()}
    return HypernetworkFile(shape, pairs, name="mine")


def test_a_file_on_a_model_in_half_precision(toy: Toy) -> None:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.unet.to(torch.bfloat16)
    projection = model.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_k
    x = torch.randn(1, 4, 32, generator=generator()).bfloat16()
    before = projection(x)
    network = attach_hypernetwork_file(model, file_of([32, 768]), 0.5)
    assert list(network.pairs) == ["32"], "a width that the model lacks is passed over, as in the WebUI"
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in network.parameters())
    module = network.pairs["32"]["k"]
    expected = (x.float() + 0.5 * module.linear(x.float())).bfloat16()
    assert torch.equal(projection(x), nn.functional.linear(expected, projection.weight))
    assert not torch.equal(projection(x), before)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (file_of([768, 320]), "mine is for contexts of width 768, 320, but this checkpoint has 32: use one"),
        (HypernetworkFile(HypernetworkShape(activation="softmax"), file_of([32]).pairs, "mine"), "activation softmax"),
        (HypernetworkFile(HypernetworkShape((1, 3, 1)), file_of([32]).pairs, "mine"), r"width 32 .*\(linear.0.bias di"),
        (HypernetworkFile(HypernetworkShape(layer_norm=True), file_of([32]).pairs, "mine"), r"linear.1.bias differs"),
        (HypernetworkFile(SHAPE, {32: file_of([48]).pairs[48]}, "mine"), "width 32 that contradict its layer"),
    ],
)
def test_a_file_that_does_not_fit(toy: Toy, file: HypernetworkFile, words: str) -> None:
    with pytest.raises(UserError, match=words):
        attach_hypernetwork_file(load_model(read_checkpoint(toy.checkpoint)), file)


def calls(network: Hypernetwork, width: int) -> list[int]:
    """A list with one entry for each time that the layers for the keys of this width are asked."""
    found: list[int] = []
    network.pairs[str(width)]["k"].register_forward_hook(lambda *_: found.append(width))  # type: ignore[index]
    return found


@pytest.mark.parametrize(
    ("shape", "training", "times"),
    [
        (HypernetworkShape(), True, 1),
        (HypernetworkShape(dropout_structure=(0, 0.3, 0)), False, 1),
        (HypernetworkShape(dropout_structure=(0, 0.3, 0)), True, 16),
        (HypernetworkShape(activation="rrelu"), False, 1),
        (HypernetworkShape(activation="rrelu"), True, 16),
    ],
)
def test_the_text_is_put_through_once_a_pass(
    wide: DiffusionModel, shape: HypernetworkShape, training: bool, times: int
) -> None:
    """Unless each of the 16 cross-attentions is to draw random numbers of its own."""
    network = new_hypernetwork(wide.unet, shape, [32, 48], generator()).double().train(training)
    of_text, of_image = calls(network, 48), calls(network, 32)
    network.attach()
    answer(wide)
    network.detach()
    assert (len(of_text), len(of_image)) == (times, 16)


def test_put_through_once_it_is_the_same_as_in_every_layer(wide: DiffusionModel) -> None:
    """The answer, and the gradients of all layers."""
    network = strong(wide.unet, [32, 48]).train()
    text, noisy = (torch.randn(shape, generator=generator()).double() for shape in ((2, 77, 48), (2, 4, 9, 9)))

    def asked() -> tuple[torch.Tensor, torch.Tensor]:
        found = wide.unet(noisy, 500, text).sample
        gradients = torch.autograd.grad(found.square().sum(), list(network.parameters()))
        return found.detach(), torch.cat([gradient.flatten() for gradient in gradients])

    network.attach()
    once = asked()
    wide.unet._forward_pre_hooks.clear()  # what puts the text through once for all layers
    network._forget_text()
    each = asked()
    network.detach()
    assert torch.equal(each[0], once[0])
    assert relative_error(each[1], once[1]) < 1e-10


def test_what_became_of_a_text_is_not_used_for_the_next_pass(wide: DiffusionModel) -> None:
    """The same text after a step of the optimizer, and after the layers were taken off."""
    network = strong(wide.unet, [48])
    text, noisy = torch.randn(1, 77, 48, generator=generator()).double(), torch.zeros(1, 4, 9, 9).double()

    def asked() -> torch.Tensor:
        with torch.no_grad():
            return wide.unet(noisy, 500, encoder_hidden_states=text).sample

    before = asked()
    network.attach()
    first = asked()
    for value in network.parameters():
        value.data *= 1.5
    second = asked()
    network.detach()
    assert not torch.allclose(first, before)
    assert not torch.allclose(second, first)
    assert torch.equal(asked(), before)
