"""What a step cannot do without, on the same modules; and what the machine could do at best."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.nn.functional import mse_loss
from torch.utils.flop_counter import FlopCounterMode

from sd_finetune.training.state import Training

from .machine import wait_for


class BarestStep:
    """Forward on fixed tensors, mean squared error, backward, clipping, torch's fused AdamW, the loss read out.

    Its learning rate is 0, so the run that it shares the modules with learns on undisturbed. Where a run updates inside
    the backward pass, so does its barest step.
    """

    def __init__(self, training: Training, device: str) -> None:
        self._training, self._device = training, device
        (batch,) = training.batches.of_step(0)
        self._latents, self._timesteps, self._prompts = batch.latents, batch.timesteps, batch.prompts
        self._target = torch.randn_like(batch.latents)
        self._learns_prompts = training.settings.prompts_learn()
        with torch.no_grad(), training.accelerator.autocast():
            self._context = training.conditioning(batch.prompts)
        self._parameters = training.updates.parameters
        self._fused = training.settings.train.fused_backward
        self._optimizer = None if self._fused else _adamw(self._parameters)

    def __call__(self, steps: int = 1) -> None:
        """Do so many steps."""
        held = [parameter.grad for parameter in self._parameters]  # a captured step keeps them from step to step
        self._zero()
        for _ in range(steps):
            loss = self._backward()
            if self._optimizer is not None:
                torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
                self._optimizer.step()
            self._zero()
            loss.item()
        for parameter, gradient in zip(self._parameters, held, strict=True):
            parameter.grad = gradient
        wait_for(self._device)

    def flop(self) -> int:
        """Floating-point operations of its forward and backward pass."""
        counter = FlopCounterMode(display=False)
        with counter:
            self._backward()
        self._zero()
        return counter.get_total_flops()

    def _backward(self) -> torch.Tensor:
        training = self._training
        with training.accelerator.autocast():
            context = training.conditioning(self._prompts) if self._learns_prompts else self._context
            predicted = training.model.predict(self._latents, self._timesteps, context)
        loss = mse_loss(predicted.float(), self._target)
        loss.backward()
        return loss.detach()

    def _zero(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None


def _adamw(parameters: list[Any]) -> torch.optim.Optimizer:
    try:
        return torch.optim.AdamW(parameters, lr=0.0, fused=True)
    except RuntimeError:  # torch before 2.4 has it on a GPU only
        return torch.optim.AdamW(parameters, lr=0.0)


def ceiling(device: str, side: int) -> float:
    """FLOP/s of a matrix product, the best of ten: in bf16 on a GPU, in fp32 on a CPU."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    left = torch.randn(side, side, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        torch.matmul(left, left)
        wait_for(device)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best
