"""VRAM runs out in torch, and in libraries that tell torch so in their own words."""

from __future__ import annotations

import pytest
import torch

from sd_finetune.training.out_of_vram import OutOfVramError, is_out_of_vram, phase_of_vram

OUT = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]
OTHER = [RuntimeError("CUDA error: an illegal memory access was encountered"), ValueError("CUDA error: out of memory")]


@pytest.mark.parametrize("error", OUT, ids=str)
def test_the_phase_is_told(error: RuntimeError) -> None:
    assert is_out_of_vram(error)
    with pytest.raises(OutOfVramError) as found, phase_of_vram("samples"):
        raise error
    assert found.value.phase == "samples"
    assert found.value.__cause__ is error


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_what_is_something_else_stays_so(error: Exception) -> None:
    assert not is_out_of_vram(error)
    with pytest.raises(type(error)) as found, phase_of_vram("samples"):
        raise error
    assert found.value is error
