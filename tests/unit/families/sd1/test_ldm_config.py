"""LDM configs as they lie beside checkpoints."""

from __future__ import annotations

import pytest
import yaml

from sd_finetune.errors import UserError
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sd1.ldm_config import dump, parse
from tests.tiny import TINY

HAND_WRITTEN = """
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    parameterization: "v"
    linear_start: 0.00085
    scale_factor: 0.18215
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params: {image_size: 32, model_channels: 320, num_heads: 8}   # a comment
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params: {embed_dim: 4, ddconfig: {ch: 128}}
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
"""


def test_a_hand_written_config() -> None:
    config = parse(HAND_WRITTEN)
    assert config.model["parameterization"] == "v"
    assert config.unet["num_heads"] == 8
    assert config.vae == {"ch": 128, "embed_dim": 4}
    assert config.text_model is None


def test_what_is_written_names_the_classes_that_the_webui_builds() -> None:
    model = yaml.safe_load(dump(SD15))["model"]
    assert model["target"] == "ldm.models.diffusion.ddpm.LatentDiffusion"
    targets = {
        name: model["params"][name]["target"].rpartition(".")[2] for name in model["params"] if "_config" in name
    }
    assert targets == {
        "unet_config": "UNetModel",
        "first_stage_config": "AutoencoderKL",
        "cond_stage_config": "FrozenCLIPEmbedder",
    }


def test_the_tokenizer_folder_reaches_the_webui() -> None:
    condition = yaml.safe_load(dump(TINY))["model"]["params"]["cond_stage_config"]
    assert condition["params"] == {"version": "nowhere"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "[1, 2]",
        "model: {params: {}}",
        "model: {params: {unet_config: 3, first_stage_config: {}, cond_stage_config: {}}}",
        "a: [unclosed",
        HAND_WRITTEN.replace("first_stage_config", "something_else"),
    ],
)
def test_what_is_no_ldm_config_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"not one of a Stable Diffusion 1 model.*choose the right one"):
        parse(text)
