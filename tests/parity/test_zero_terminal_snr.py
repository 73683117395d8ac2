"""Sampling with v-prediction and zero terminal SNR against the WebUI's own schedule and k-diffusion's samplers.

What asks the WebUI is skipped without WEBUI_ROOT, see `tests/webui`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sd_finetune.diffusion.schedule import scaled_linear_alphas_cumprod
from sd_finetune.sampling.generate import SAMPLERS as OURS
from sd_finetune.sampling.generate import scheduler_of
from tests.parity.k_diffusion_answers import SAMPLERS, predicted
from tests.webui.conftest import root_of
from tests.webui.kinds import A1111

ANSWERS = Path(__file__).parent / "k_diffusion_answers.py"
STEPS = 20
ALPHAS = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000, zero_terminal_snr=True)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    root, folder = root_of(A1111), tmp_path_factory.mktemp("k-diffusion")
    asked, told = folder / "asked.safetensors", folder / "told.safetensors"
    save_file({"noise": noise()}, asked)
    command = [root / "venv" / "bin" / "python", ANSWERS, root, STEPS, asked, told]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return load_file(told)


def noise() -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3))


def drawn(sampler: str) -> Tensor:
    model: Any = SimpleNamespace(alphas_cumprod=ALPHAS, prediction_type="v_prediction")
    scheduler = scheduler_of(model, sampler, STEPS)
    latents = noise() * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        answer = predicted(scheduler.scale_model_input(latents, timestep), timestep.repeat(len(latents)))
        latents = scheduler.step(answer, timestep, latents).prev_sample
    return latents


def test_the_schedule_is_the_webuis(theirs: dict[str, Tensor]) -> None:
    torch.testing.assert_close(ALPHAS.float(), theirs["alphas_cumprod"], rtol=1e-4, atol=0)


@pytest.mark.parametrize(("sampler", "most"), [("euler", 1e-4), ("dpmpp_2m", 2e-3)])
def test_a_sampler_draws_what_the_webuis_draws(theirs: dict[str, Tensor], sampler: str, most: float) -> None:
    """DPM++ asks at whole timesteps here, and at the fractions between them there."""
    assert set(SAMPLERS) == {"euler", "dpmpp_2m"}
    difference = drawn(sampler) - theirs[sampler]
    assert float(difference.abs().mean() / theirs[sampler].std()) < most


@pytest.mark.parametrize("sampler", OURS)
def test_every_sampler_goes_from_the_schedules_end_to_its_beginning(sampler: str) -> None:
    """Though some of them round several steps to the last timestep."""
    assert bool(torch.isfinite(drawn(sampler)).all())
