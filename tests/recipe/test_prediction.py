"""What a base checkpoint predicts is doubted before it is trained, and zero terminal SNR is trained and drawn with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sd_finetune.runs.messages import Warning_
from sd_finetune.sampling.generate import SAMPLERS
from tests.toy import Toy, events_of, make_checkpoint

DRAWN = {
    "train.length": "1 step",
    "samples.prompts": ["a photo of sks star"],
    "samples.every": "1 step",
    "samples.steps": 4,
}
ZERO_SNR = {"prediction_type": "v_prediction", "zero_terminal_snr": True}


@pytest.fixture(scope="module")
def zero_snr(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    home = tmp_path_factory.mktemp("zero-snr")
    return replace(toy, home=home, checkpoint=make_checkpoint(home / "toy.safetensors", **ZERO_SNR))


def test_a_name_that_says_v_is_doubted(toy: Toy, tmp_path: Path) -> None:
    for ending in (".safetensors", ".yaml"):
        shutil.copy(toy.checkpoint.with_suffix(ending), tmp_path / f"toy-vpred{ending}")
    training = replace(toy, home=tmp_path, checkpoint=tmp_path / "toy-vpred.safetensors").prepare()
    told = [event.message for event in events_of(training.run, Warning_)]
    assert any(message.startswith("toy-vpred.safetensors is called v-prediction") for message in told)


@pytest.mark.parametrize("kind", ["min_snr", "soft_min_snr", "debiased"])
def test_every_weight_of_timesteps_trains_at_the_schedules_end(zero_snr: Toy, kind: str) -> None:
    changes = {"loss.timestep_weights": kind, "timesteps.smallest": 999}
    changes |= {} if kind == "debiased" else {"train.snr_gamma": 5.0}
    training = zero_snr.train({**changes, "train.length": "2 steps", "samples.prompts": []})
    assert training.model.alphas_cumprod[-1] < 1e-7
    assert all(torch.isfinite(tensor).all() for tensor in training.method.trained_tensors().values())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws(zero_snr: Toy, sampler: str) -> None:
    training = zero_snr.train({**DRAWN, "samples.sampler": sampler})
    assert list((training.run.path / "samples").glob("*.png"))
    told = [event.message for event in events_of(training.run, Warning_)]
    assert any("Noise schedule for sampling to Zero Terminal SNR" in message for message in told)
