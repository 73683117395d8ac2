from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from sd_finetune.training.compute.tf32 import set_tf32


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = convolutions


@pytest.mark.parametrize("allowed", [True, False])
def test_it_is_set_for_products_and_convolutions(allowed: bool) -> None:
    set_tf32(not allowed)
    set_tf32(allowed)
    assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == allowed


@pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0), reason="needs a GPU with TF32"
)
def test_it_rounds_products() -> None:
    left, right = torch.randn(2, 256, 256, device="cuda", generator=torch.Generator("cuda").manual_seed(0))
    exact = left.double() @ right.double()
    errors: list[float] = []
    for allowed in (False, True):
        set_tf32(allowed)
        errors.append(float(((left @ right).double() - exact).norm() / exact.norm()))
    assert errors[0] < 1e-5 < errors[1] < 5e-3
