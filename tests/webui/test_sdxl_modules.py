"""SDXL's conditioning and predictions against the WebUI's own modules, which its Python computes without a server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER
from sd_finetune.settings.emphasis import EMPHASIS_TITLES
from tests.unit.families.sdxl.shown import SHOWN, SIZE, TESTED, TIMESTEPS, found, make_tested, noisy_latents, sampled
from tests.unit.families.sdxl.test_webui_states import RECORDED
from tests.webui.conftest import root_of
from tests.webui.kinds import A1111

SCRIPT = Path(__file__).parent / "sdxl_modules.py"


def open_clip_config() -> dict[str, object]:
    """Of the second text encoder, as in open_clip's files; of its images nothing is used."""
    text = TESTED.text_encoder_2
    sizes = {"width": text.hidden_size, "heads": text.num_attention_heads, "layers": text.num_hidden_layers}
    return {
        "embed_dim": text.projection_dim,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": text.vocab_size, **sizes},
    }


def asked(home: Path, checkpoint: Path) -> dict[str, Tensor]:
    """The WebUI's answers."""
    save_file({"noisy": noisy_latents(), "timesteps": TIMESTEPS}, home / "unet.safetensors")
    prompts = [
        {
            "prompt": shown.prompt,
            "negative": shown.negative,
            "width": SIZE[0],
            "height": SIZE[1],
            "options": {
                "emphasis": EMPHASIS_TITLES[shown.emphasis],
                "CLIP_stop_at_last_layers": shown.webui_clip_skip,
            },
        }
        for shown in SHOWN
    ]
    request = {
        "checkpoint": str(checkpoint),
        "open_clip": open_clip_config(),
        "prompts": prompts,
        "unet": {"file": str(home / "unet.safetensors"), "prompt": 0},
    }
    (home / "request.json").write_text(json.dumps(request), encoding="utf-8")
    root = root_of(A1111)
    command = [
        str(root / "venv/bin/python"),
        str(SCRIPT),
        str(home / "request.json"),
        str(home / "answers.safetensors"),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return load_file(home / "answers.safetensors")


@torch.no_grad()
def size_vectors(model: DiffusionModel) -> Tensor:
    """What the UNet makes of the size ids of an image as it is drawn."""
    width, height = SIZE
    return model.unet.add_time_proj(torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32)).flatten()


def test_states_pooled_vectors_and_predictions_are_the_webui_s(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text_model = tmp_path / "text-model"
    shutil.copytree(CLIP_TOKENIZER_FOLDER, text_model)
    config = {"model_type": "clip_text_model", **TESTED.text_encoder.arguments()}
    (text_model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = make_tested(tmp_path / "tested.safetensors", str(text_model))
    answers, own = asked(tmp_path, tmp_path / "tested.safetensors"), found(model)
    pooled, theirs = TESTED.text_encoder_2.projection_dim, {"unet": answers["unet"]}
    for number in range(len(SHOWN)):
        theirs[f"{number}.states"] = answers[f"{number}.crossattn"]
        vector = answers[f"{number}.vector"]
        theirs[f"{number}.pooled"] = vector[:, :pooled]
        torch.testing.assert_close(vector[0, pooled:], size_vectors(model), rtol=0, atol=1e-5)
        first, second = answers[f"{number}.tokens"].chunk(2)  # of all chunks, which one encoder takes after the other
        ends = (first == 49407).int().argmax(dim=1)
        for row, end in enumerate(ends.tolist()):
            assert first[row, end:].unique().tolist() == [49407]
            assert second[row, end] == 49407
            assert not second[row, end + 1 :].any()
            assert torch.equal(first[row, :end], second[row, :end])
    assert own.keys() == theirs.keys()
    for name, expected in theirs.items():
        torch.testing.assert_close(
            own[name], expected, rtol=1e-5, atol=1e-5, msg=lambda told, name=name: f"{name}: {told}"
        )
    if request.config.getoption("--record"):
        lines = (f"{json.dumps(name)}: {json.dumps(sampled(value))}" for name, value in sorted(theirs.items()))
        RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
