"""The modules of a small SDXL against those that the WebUI loads it into, its own code in its own Python.

They are skipped without WEBUI_ROOT, see `tests/webui`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.sizes import TextEncoderSizes, UNetSizes, VaeSizes
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sdxl.architecture import SdxlArchitecture
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.sdxl.modules import empty_modules
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from tests.webui.conftest import root_of
from tests.webui.kinds import A1111

ANSWERS = Path(__file__).parent / "sgm_answers.py"
SMALL = SdxlArchitecture(
    unet=UNetSizes(
        model_channels=32,
        channel_mult=(1, 2, 4),
        attention_resolutions=(4, 2),
        num_heads=0,
        num_head_channels=32,
        transformer_depth=(1, 1, 2),
        context_dim=128 + 256,
        use_linear_in_transformer=True,
        adm_in_channels=256 + 6 * 256,
    ),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 1, 1)),
    text_encoder=TextEncoderSizes(hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=2),
    text_encoder_2=TextEncoderSizes(
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=10,
        num_attention_heads=4,
        projection_dim=256,
        hidden_act="gelu",
    ),
    open_clip_model="ViT-S-32-alt",
)
BOS, EOS = 49406, 49407


def random_parts(architecture: SdxlArchitecture) -> dict[str, dict[str, Tensor]]:
    """Of a size at which no layer's answer vanishes or explodes, in values that fp16 has."""
    generator = torch.Generator().manual_seed(0)
    return {
        part: {
            name: (torch.randn(own.shape, generator=generator) * spread(name, own) + is_norm(name)).half().float()
            for name, own in module.named_parameters()
        }
        for part, module in empty_modules(architecture).by_part().items()
    }


def spread(name: str, tensor: Tensor) -> float:
    if tensor.dim() < 2:
        return 0.2
    return 0.5 if "embedding.weight" in name else tensor[0].numel() ** -0.5


def is_norm(name: str) -> bool:
    return "norm" in name and name.endswith(".weight")


def random_inputs(architecture: SdxlArchitecture) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    words = torch.randint(300, 40_000, (2, 77), generator=generator)
    words[:, 0] = BOS
    words[0, 9], words[1, 76] = EOS, EOS
    ids, ids_2 = words.clone(), words.clone()
    ids[0, 10:], ids_2[0, 10:] = EOS, 0
    unet = architecture.unet
    return {
        "ids": ids,
        "ids_2": ids_2,
        "latents": torch.randn(2, 4, 16, 8, generator=generator),
        "timesteps": torch.tensor([3.0, 801.0]),
        "context": torch.randn(2, 77, unet.context_dim, generator=generator),
        "pooled": torch.randn(2, architecture.text_encoder_2.projection_dim, generator=generator),
        "sizes": torch.tensor([[640.0, 512, 8, 0, 512, 512], [1024, 1024, 0, 0, 1024, 1024]]),
        "image": torch.randn(2, 3, 64, 32, generator=generator),
    }


def place_text_model(folder: Path, architecture: SdxlArchitecture) -> None:
    """CLIP-L's config and tokenizer, which the WebUI would download for one of the usual size."""
    shutil.copytree(CLIP_TOKENIZER_FOLDER, folder)
    config = {"model_type": "clip_text_model", **architecture.text_encoder.arguments()}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


@torch.no_grad()
def our_answers(model: DiffusionModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    one, two = model.text_encoders["text_encoder"], model.text_encoders["text_encoder_2"]
    states = one.text_model(inputs["ids"], output_hidden_states=True).hidden_states[-2]
    other = two.text_model(inputs["ids_2"], output_hidden_states=True)
    ends = (inputs["ids_2"] == EOS).int().argmax(dim=1)
    beside = {"text_embeds": inputs["pooled"], "time_ids": inputs["sizes"]}
    predicted = model.unet(inputs["latents"], inputs["timesteps"], inputs["context"], added_cond_kwargs=beside)
    return {
        "states": states,
        "states_2": other.hidden_states[-2],
        "pooled": two.text_projection(other.last_hidden_state[torch.arange(2), ends]),
        "predicted": predicted.sample,
        "decoded": model.vae.decode(inputs["latents"]).sample,
        "encoded": model.vae.encode(inputs["image"]).latent_dist.parameters,
    }


def test_every_module_answers_as_the_webuis_own(tmp_path: Path) -> None:
    """The WebUI's load strictly every tensor of our file; every answer agrees to 1e-5 of its size."""
    root = root_of(A1111)
    place_text_model(tmp_path / "text-model", SMALL)
    architecture = replace(SMALL, text_model=str(tmp_path / "text-model"))
    file, asked, told = (tmp_path / f"{name}.safetensors" for name in ("sdxl", "asked", "told"))
    new_checkpoint(file, FAMILY, architecture, random_parts(architecture), "fp32")
    inputs = random_inputs(architecture)
    save_file(inputs, asked)
    command = [root / "venv" / "bin" / "python", ANSWERS, root, file, file.with_suffix(".yaml"), asked, told]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model, theirs = load_model(read_checkpoint(file)), load_file(told)
    for name, ours in our_answers(model, inputs).items():
        assert relative_error(ours, theirs[name]) < 1e-5, name


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())
