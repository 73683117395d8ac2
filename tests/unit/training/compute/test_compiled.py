"""Compiled blocks: the same outputs and gradients, with whatever stands beside or before their layers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from sd_finetune.families.family import target_layers
from sd_finetune.formats.hypernetwork import HypernetworkShape
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.attachable import AttachableNetwork
from sd_finetune.networks.hypernetwork import context_widths, new_hypernetwork
from sd_finetune.training.compute.compiled import Backend, compile_blocks, is_too_old
from sd_finetune.training.compute.eight_bits import keep_in_8_bits
from tests.toy import worst_error

TOLERANCE = 1e-4
"""Relative, of outputs and of all gradients taken as one, in fp32."""
CPU = torch.device("cpu")


def small_unet() -> UNet2DConditionModel:
    """With attention on its way down alone, as a compiler takes seconds for each block."""
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(32,),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",),
        mid_block_type=None,
        up_block_types=("UpBlock2D",),
        cross_attention_dim=48,
        attention_head_dim=2,
    ).train()


class OneBlock(nn.Module):
    """What is called like a UNet and is a block of its attention: a real compiler takes a second for each kernel."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.block = BasicTransformerBlock(4, 2, 8, cross_attention_dim=48)

    def forward(self, noisy: Tensor, _: Tensor, encoder_hidden_states: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=self.block(noisy.flatten(2).mT, encoder_hidden_states=encoder_hidden_states))


def nothing(_: UNet2DConditionModel) -> None:
    return None


def lora(unet: nn.Module) -> AttachableNetwork:
    generator = torch.Generator().manual_seed(1)
    network = new_adapter_network(target_layers(unet), ALGORITHMS["lora"], 4, 4, generator)
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.1, generator=generator)
    return network


def lora_on_8_bits(unet: UNet2DConditionModel) -> AttachableNetwork:
    keep_in_8_bits(unet.requires_grad_(False), "int8")
    return lora(unet.to(torch.float32))


def hypernetwork(unet: UNet2DConditionModel) -> AttachableNetwork:
    shape = HypernetworkShape(activation="swish", layer_norm=True)
    return new_hypernetwork(unet, shape, context_widths(unet), torch.Generator().manual_seed(1))


Attach = Callable[[UNet2DConditionModel], AttachableNetwork | None]


def learned(unet: nn.Module, network: nn.Module) -> dict[str, Tensor]:
    """What the UNet answers, and the gradients of what learns."""
    generator = torch.Generator().manual_seed(3)
    noisy, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 48, generator=generator)
    answer = unet(noisy, torch.tensor([10, 700]), encoder_hidden_states=text).sample
    answer.square().mean().backward()
    found = {"answer": answer.detach()}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            found[name], parameter.grad = parameter.grad, None
    return found


@contextmanager
def compiled(unet: nn.Module, backend: Backend) -> Iterator[list[str]]:
    told: list[str] = []
    undo = compile_blocks(unet, CPU, told.append, backend)
    try:
        yield told
    finally:
        undo()
        torch._dynamo.reset()


def blocks(unet: nn.Module) -> list[nn.Module]:
    return [block for block in unet.modules() if isinstance(block, (ResnetBlock2D, BasicTransformerBlock))]


NEW_TORCH = pytest.mark.skipif(
    is_too_old(torch.__version__), reason="this torch cannot compile layers that others stand beside"
)
INDUCTOR = pytest.mark.skipif(shutil.which("g++") is None, reason="needs the C++ compiler g++")


@NEW_TORCH
@pytest.mark.parametrize(
    ("attach", "checkpointing", "backend"),
    [
        (nothing, False, "aot_eager"),
        (lora, False, "aot_eager"),
        (lora_on_8_bits, True, "aot_eager"),
        (hypernetwork, True, "aot_eager"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_compiled_is_the_same(attach: Attach, checkpointing: bool, backend: str) -> None:
    unet = small_unet()
    if checkpointing:
        unet.enable_gradient_checkpointing()
    check_compiled(unet, attach(unet), backend)


@NEW_TORCH
@INDUCTOR
@pytest.mark.slow
def test_a_real_compiler_makes_the_same_of_it() -> None:
    unet = OneBlock()
    check_compiled(unet, lora(unet), "inductor")


def check_compiled(unet: nn.Module, network: AttachableNetwork | None, backend: str) -> None:
    """Outputs and gradients are those of the same without a compiler, which is undone afterwards."""
    names = list(unet.state_dict())
    if network is not None:
        unet.requires_grad_(False)
        network.train().attach()
    plain = learned(unet, network or unet)
    with compiled(unet, backend) as told:
        found = learned(unet, network or unet)
        assert list(unet.state_dict()) == names
        assert all("forward" in vars(block) for block in blocks(unet))
    assert told == []
    assert worst_error(found, plain) < TOLERANCE
    assert not any("forward" in vars(block) for block in blocks(unet)), "undone"


@NEW_TORCH
def test_without_gradients_a_detached_network_is_left_out() -> None:
    unet = small_unet()
    network = lora(unet)
    text, when = torch.ones(1, 7, 48), torch.tensor(5)

    @torch.no_grad()
    def answer() -> Tensor:
        return unet(torch.ones(1, 4, 8, 8), when, encoder_hidden_states=text).sample

    without = answer()
    network.attach()
    with compiled(unet, "aot_eager"):
        learned(unet, network)
        assert not torch.allclose(answer(), without, rtol=1e-3)
        with network.detached():
            assert torch.equal(answer(), without)


def fails(*_: Any) -> Any:
    raise RuntimeError("no compiler\nin this place")


def test_an_old_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_too_old(version) for version in ("2.1.2+cu121", "2.4.1", "2.5.0", "2.13.0+cpu", "3.0")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    monkeypatch.setattr(torch, "__version__", "2.1.2+cu121")
    with compiled(small_unet(), "eager") as told:
        assert "(the one of torch 2.1.2+cu121 is too old, it takes 2.5 or newer)" in told[0]


def test_without_a_compiler_it_warns_and_goes_on() -> None:
    unet = small_unet()
    plain = learned(unet, unet)
    with compiled(unet, fails) as told:
        assert worst_error(learned(unet, unet), plain) == 0
        assert not any("forward" in vars(block) for block in blocks(unet))
    (sentence,) = told
    assert sentence.startswith("train.compile = true needs a compiler that torch can use (")
    assert sentence.endswith("): training goes on without.")
    assert "\n" not in sentence


@NEW_TORCH
def test_where_a_block_cannot_be_compiled_all_go_on_without() -> None:
    """The compiler is there, and then it does not manage."""
    unet = small_unet()
    plain = learned(unet, unet)
    seen: list[int] = []

    def small_only(graph: Any, shown: Any) -> Any:
        seen.append(len(list(graph.graph.nodes)))
        return graph if len(seen) == 1 else fails()

    with compiled(unet, small_only) as told:
        assert any("forward" in vars(block) for block in blocks(unet))
        assert worst_error(learned(unet, unet), plain) < TOLERANCE
        assert not any("forward" in vars(block) for block in blocks(unet))
    assert len(told) == 1
    assert len(seen) == 2
