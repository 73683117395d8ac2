"""Run by the WebUI's own Python in its folder: what its modules make of an SDXL checkpoint and of networks for it.

    python their_networks.py ASKED.json ANSWERED.pt

ASKED.json: data (a data directory with the checkpoint, networks and embeddings), prompts, noise (height and width),
timesteps, and cases, name to {"loras": [...], "hypernetworks": [...]}. ANSWERED.pt: for each case what the UNet is told
and answers; and of each LoRA how many layers it has, how many found their place, and its version on the card.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

asked = json.loads(Path(sys.argv[1]).read_text())
answered = Path(sys.argv[2])
sys.argv = [
    "webui", "--data-dir", asked["data"], "--use-cpu", "all", "--no-half", "--precision", "full", "--no-hashing",
    "--skip-load-model-at-start", "--do-not-download-clip", "--no-download-sd-model",
]  # fmt: skip
sys.path[:0] = [".", "extensions-builtin/Lora"]

from modules import initialize, timer  # noqa: E402  # type: ignore[import-not-found]

timer.startup_timer.print_log = False
initialize.imports()

import torch  # noqa: E402
from modules import (  # noqa: E402  # type: ignore[import-not-found]
    initialize_util,
    prompt_parser,
    script_callbacks,
    sd_hijack,
    sd_hijack_optimizations,
    sd_models,
    sd_samplers,
    shared,
    shared_items,
)
from modules.hypernetworks import hypernetwork  # noqa: E402  # type: ignore[import-not-found]

OPTIONS = {
    "lora_in_memory_limit": 0, "lora_functional": False, "lora_not_found_warning_console": True,
    "lora_not_found_gradio_warning": False, "lora_preferred_name": "Filename", "lora_bundled_ti_to_infotext": True,
}  # fmt: skip
"""Which the Lora extension's script adds, beside a page."""
for name, value in OPTIONS.items():
    shared.opts.add_option(name, shared.OptionInfo(value, name, section=("networks", "Networks")))

import lora_patches  # noqa: E402  # type: ignore[import-not-found]
import networks  # noqa: E402  # type: ignore[import-not-found]

if not hasattr(shared.cmd_opts, "lora_dir"):
    shared.cmd_opts.lora_dir = f"{asked['data']}/models/Lora"


def load() -> Any:
    initialize_util.fix_torch_version()
    sd_models.setup_model()
    sd_samplers.set_samplers()
    sd_models.list_models()
    script_callbacks.on_list_optimizers(sd_hijack_optimizations.list_optimizers)
    sd_hijack.list_optimizers()
    networks.originals = lora_patches.LoraPatches()
    script_callbacks.on_model_loaded(networks.assign_network_names_to_compvis_modules)
    model = sd_models.load_model()
    sd_hijack.apply_optimizations()
    shared_items.reload_hypernetworks()
    networks.list_available_networks()
    sd_hijack.model_hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)
    return model


def told(model: Any, prompts: list[str]) -> dict[str, torch.Tensor]:
    """What the UNet is told of the prompts, for pictures of the noise's size."""
    height, width = (side * 8 for side in asked["noise"])
    return model.get_learned_conditioning(prompt_parser.SdConditioning(prompts, width=width, height=height))


@torch.no_grad()
def answer(model: Any, case: dict[str, Any]) -> dict[str, torch.Tensor]:
    loras = case.get("loras", [])
    networks.load_networks(loras, [1.0] * len(loras), [1.0] * len(loras), [None] * len(loras))
    hypernetwork.load_hypernetworks(case.get("hypernetworks", []))
    noise = torch.randn(len(asked["prompts"]), 4, *asked["noise"], generator=torch.Generator().manual_seed(5))
    conditioning = told(model, asked["prompts"])
    return {**conditioning, "answer": model.apply_model(noise, torch.tensor(asked["timesteps"]), conditioning)}


def about_lora(model: Any, name: str) -> dict[str, Any]:
    on_disk = networks.available_networks[name]
    found = networks.load_network(name, on_disk)
    layers = {key.partition(".")[0] for key in sd_models.read_state_dict(on_disk.filename)} - {"bundle_emb"}
    return {"layers": len(layers), "matched": len(found.modules), "version": on_disk.sd_version.name}


model = load()
database = sd_hijack.model_hijack.embedding_db
torch.save(
    {
        "is_sdxl": model.is_sdxl,
        "parameterization": model.parameterization,
        "optimization": sd_hijack.current_optimizer.name,
        "embeddings": sorted(database.word_embeddings),
        "skipped": sorted(database.skipped_embeddings),
        "loras": {name: about_lora(model, name) for name in networks.available_networks},
        "cases": {name: answer(model, case) for name, case in asked["cases"].items()},
    },
    answered,
)
