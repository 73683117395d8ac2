"""LoRA, embedding and hypernetwork for a small SDXL: what the WebUI's own modules make of our files."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.lora_names import ldm_to_diffusers
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sdxl.facts import SDXL
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.embedding import write_embedding
from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.networks.hypernetwork import attach_hypernetwork_file, context_widths, new_hypernetwork
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from sd_finetune.networks.new_adapters import new_network
from sd_finetune.networks.new_words import attach_embedding_files
from sd_finetune.settings.options import Settings
from sd_finetune.settings.prompt_reading import PromptReading
from tests.toy import ALGORITHMS, SMALLEST, relative_error
from tests.webui.conftest import root_of
from tests.webui.kinds import A1111
from tests.webui.webui import place_sdxl

PROBE = Path(__file__).parent / "their_networks.py"
PROMPTS = ["a photo of zib-7 on a table", "mo-9, a star", "zob-3 and zib-7"]
ABOUT = {"ss_base_model_version": "sdxl_base_v1-0", "ss_v2": "False"}
NOISE, TIMESTEPS = (8, 8), [30, 700, 400]
CASES: dict[str, dict[str, list[str]]] = {
    "plain": {}, "bundled": {"loras": ["bundled"]},
    "lora": {"loras": ["lora"]}, "texts": {"loras": ["texts"]}, "diffusers": {"loras": ["diffusers"]},
    "hypernetwork": {"hypernetworks": ["hyper"]}, **{name: {"loras": [name]} for name in ALGORITHMS},
    "one after the other": {"loras": ["lora", "dora", "loha", "dora of lokr"]},
}  # fmt: skip
TEXT_WIDTH = SMALLEST["sdxl"].text_encoder.hidden_size
"""Of the first text encoder; the second's is 256."""


def make_files(data: Path, model: DiffusionModel) -> None:
    generator = torch.Generator().manual_seed(1)
    parts = {"lora": ("unet",), "texts": SDXL.trainable_parts}
    for name, own in parts.items():
        layers = {
            FAMILY.lora_name(model.architecture, part, path): _layer(*target.weight.shape, generator)
            for part in own
            for path, target in FAMILY.lora_targets(part, model.module(part)).items()
        }
        write_lora(data / "models" / "Lora" / f"{name}.safetensors", layers, ABOUT, "fp32")
    loras = data / "models" / "Lora"
    word = {
        "clip_l": torch.randn(3, TEXT_WIDTH, generator=generator),
        "clip_g": torch.randn(3, 256, generator=generator),
    }
    write_lora(loras / "bundled.safetensors", read_lora(loras / "lora.safetensors")[0], ABOUT, "fp32", {"zob-3": word})
    for name in ALGORITHMS:
        write_lora(loras / f"{name}.safetensors", layers_of(model, name, generator), ABOUT, "fp32")
    renamed = ldm_to_diffusers(model.architecture.unet, "lora_unet_")
    layers = {renamed[name]: module for name, module in read_lora(loras / "lora.safetensors")[0].items()}
    write_lora(loras / "diffusers.safetensors", layers, ABOUT, "fp32")
    for name in ("zib-7.safetensors", "mo-9.pt"):
        vectors = {
            "clip_l": torch.randn(2, TEXT_WIDTH, generator=generator),
            "clip_g": torch.randn(2, 256, generator=generator),
        }
        write_embedding(data / "embeddings" / name, vectors, {**ABOUT, "ss_steps": "7"}, "fp32")
    write_embedding(data / "embeddings" / "sd1.safetensors", {"emb_params": torch.ones(1, TEXT_WIDTH)}, {}, "fp32")
    shape = HypernetworkShape(activation="swish", layer_norm=True, initialization="KaimingNormal")
    network = new_hypernetwork(model.unet, shape, context_widths(model.unet), generator)
    for value in network.parameters():
        value.data += 0.1 * torch.randn(value.shape, generator=generator)
    pairs = {width: (k.state_dict(), v.state_dict()) for width, k, v in network.modules_by_width()}
    write_hypernetwork(data / "models" / "hypernetworks" / "hyper.pt", HypernetworkFile(shape, pairs), "fp32")


def layers_of(model: DiffusionModel, name: str, generator: torch.Generator) -> dict[str, Any]:
    """As they are trained, in all parts and beside convolutions too, with values that have an effect."""
    changes = {name: value for name, value in ALGORITHMS[name].items() if name.startswith("lora.")}
    settings = settings_of({**changes, "lora.rank": 2, "lora.conv_rank": 2})
    found: dict[str, Any] = {}
    for part in SDXL.trainable_parts:
        for path, layer in new_network(part, model, settings, generator).named_layers():
            for value in layer.trained().values():
                value.data += 0.1 * torch.randn(value.shape, generator=generator)
            found[FAMILY.lora_name(model.architecture, part, path)] = layer
    return found


def settings_of(changes: dict[str, Any]) -> Settings:
    options = {name.removeprefix("lora."): value for name, value in changes.items()}
    return replace(Settings(), lora=replace(Settings().lora, **options))


def _layer(out: int, into: int, generator: torch.Generator) -> LoraModule:
    down, up = torch.randn(2, into, generator=generator), torch.randn(out, 2, generator=generator)
    return LoraModule(down * 0.1, up * 0.1, 1.0)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A data directory, and what the WebUI's modules answer."""
    root, data = root_of(A1111), tmp_path_factory.mktemp("sdxl")
    for folder in ("models/Stable-diffusion", "models/Lora", "models/hypernetworks", "embeddings"):
        (data / folder).mkdir(parents=True)
    file = place_sdxl(data / "models" / "Stable-diffusion")
    make_files(data, load_model(read_checkpoint(file)))
    asked, answered = data / "asked.json", data / "answered.pt"
    content = {"data": str(data), "prompts": PROMPTS, "noise": NOISE, "timesteps": TIMESTEPS, "cases": CASES}
    asked.write_text(json.dumps(content))
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "0"}
    command = [str(root / "venv" / "bin" / "python"), str(PROBE), str(asked), str(answered)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert answered.exists(), (done.stdout + done.stderr)[-4000:]
    return data, torch.load(answered, weights_only=True)


def ours(data: Path, case: dict[str, list[str]]) -> dict[str, Tensor]:
    model = load_model(read_checkpoint(data / "models" / "Stable-diffusion" / "small-xl.safetensors"))
    loras = [data / "models" / "Lora" / f"{name}.safetensors" for name in case.get("loras", [])]
    attach_loras(model, [WeightedLora(read_lora(file)[0]) for file in loras])
    for name in case.get("hypernetworks", []):
        attach_hypernetwork_file(model, read_hypernetwork(data / "models" / "hypernetworks" / f"{name}.pt"))
    embeddings = [data / "embeddings" / "zib-7.safetensors", data / "embeddings" / "mo-9.pt"]
    attach_embedding_files(model, embeddings, loras)
    noise = torch.randn(len(PROMPTS), 4, *NOISE, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        told = model.encode_prompts(PROMPTS, PromptReading("original", chunks=None))
        assert told.pooled is not None
        answer = model.predict(noise, torch.tensor(TIMESTEPS), told)
    return {"crossattn": told.hidden_states, "pooled": told.pooled, "answer": answer}


@pytest.mark.parametrize("name", CASES)
def test_the_webui_answers_the_same(theirs: tuple[Path, dict[str, Any]], name: str) -> None:
    data, answered = theirs
    found, expected = ours(data, CASES[name]), answered["cases"][name]
    torch.testing.assert_close(found["crossattn"], expected["crossattn"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["pooled"], expected["vector"][:, :256], rtol=1e-4, atol=1e-5)
    assert relative_error(found["answer"], expected["answer"]) < 1e-4
    if name != "plain":
        assert relative_error(found["answer"], answered["cases"]["plain"]["answer"]) > 1e-2


def test_the_word_in_a_lora_is_known_with_it_alone(theirs: tuple[Path, dict[str, Any]]) -> None:
    cases = theirs[1]["cases"]
    bundled, without = (cases[name]["crossattn"] for name in ("bundled", "lora"))
    same = [torch.equal(one, other) for one, other in zip(bundled, without, strict=True)]
    assert same == ["zob-3" not in prompt for prompt in PROMPTS]


def test_all_layers_are_matched_and_the_card_says_sdxl(theirs: tuple[Path, dict[str, Any]]) -> None:
    _, answered = theirs
    assert answered["is_sdxl"]
    unet, texts = 5 * (2 + 10) + 6 * (2 + 20), 6 * (2 + 10)
    others = {name: answered["loras"].pop(name) for name in ALGORITHMS}
    assert all(own["layers"] == own["matched"] > unet + texts and own["version"] == "SDXL" for own in others.values())
    assert answered["loras"] == {
        "lora": {"layers": unet, "matched": unet, "version": "SDXL"},
        "texts": {"layers": unet + texts, "matched": unet + texts, "version": "SDXL"},
        "diffusers": {"layers": unet, "matched": unet, "version": "SDXL"},
        "bundled": {"layers": unet, "matched": unet, "version": "SDXL"},
    }


def test_both_embeddings_are_there_and_sd1_s_is_not(theirs: tuple[Path, dict[str, Any]]) -> None:
    _, answered = theirs
    assert answered["embeddings"] == ["mo-9", "zib-7"]
    assert answered["skipped"] == ["sd1"]
