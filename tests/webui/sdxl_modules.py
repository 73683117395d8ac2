"""What the WebUI's own modules make of an SDXL checkpoint; run by its Python, without a server.

    cd WEBUI; venv/bin/python sdxl_modules.py REQUEST.json ANSWERS.safetensors

The request has `checkpoint`; `open_clip`, a config of its second text encoder; `prompts`, each with `options` of the
WebUI, `width`, `height` and `negative`; `unet`: a `file` with `noisy` and `timesteps`, and the `prompt` that they are
shown with. The answers are `0.crossattn`, `0.vector`, `0.tokens` and so on, and `unet`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REQUEST, ANSWERS = (Path(argument).resolve() for argument in sys.argv[1:3])
sys.argv = [
    "webui",
    *("--skip-prepare-environment", "--skip-torch-cuda-test", "--use-cpu", "all", "--no-half", "--precision", "full"),
    *("--data-dir", str(ANSWERS.parent / "webui-data")),
]
sys.path.insert(0, str(Path.cwd()))


def loaded(request: dict[str, Any]) -> Any:
    """The model with weights, its text encoders as the WebUI wraps them."""
    import open_clip.factory
    import yaml
    from modules import initialize

    initialize.imports()
    import torch
    from modules import devices, sd_disable_initialization, sd_hijack, sd_models_xl
    from omegaconf import OmegaConf
    from safetensors.torch import load_file
    from sgm.util import instantiate_from_config

    path = Path(request["checkpoint"])
    config = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
    open_clip.factory._MODEL_CONFIGS["tested"] = request["open_clip"]
    embedders = config["model"]["params"]["conditioner_config"]["params"]["emb_models"]
    embedders[1]["params"]["arch"] = "tested"
    with sd_disable_initialization.DisableInitialization():
        model = instantiate_from_config(OmegaConf.create(config["model"]))
    state = load_file(path)
    missing = set(model.state_dict()) - set(state)
    assert all(
        name.startswith(("denoiser.", "conditioner.embedders.0.transformer.text_model.embeddings.position_ids"))
        or name.endswith(("attn_mask", "logit_scale"))
        for name in missing
    ), sorted(missing)
    model.load_state_dict(state, strict=False)
    model.eval()
    devices.dtype_unet = torch.float32  # as where it loads a model with --no-half
    sd_models_xl.extend_sdxl(model)
    sd_hijack.model_hijack.hijack(model)
    return model


def conditioned(model: Any, asked: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """What the UNet is given for a prompt, and the token ids that each text encoder got."""
    from modules import prompt_parser, shared

    for name, value in asked["options"].items():
        shared.opts.data[name] = value
    heard: list[Any] = []
    embeddings = [
        model.conditioner.embedders[0].wrapped.transformer.text_model.embeddings.token_embedding,
        model.conditioner.embedders[1].wrapped.model.token_embedding,
    ]
    hooks = [each.register_forward_hook(lambda _, given, __: heard.append(given[0].clone())) for each in embeddings]
    batch = prompt_parser.SdConditioning([asked["prompt"]], asked["negative"], asked["width"], asked["height"])
    told = model.get_learned_conditioning(batch)
    for hook in hooks:
        hook.remove()
    return told, heard


def main() -> None:
    import torch
    from safetensors.torch import load_file, save_file

    request = json.loads(REQUEST.read_text(encoding="utf-8"))
    model = loaded(request)
    answers: dict[str, Any] = {}
    with torch.no_grad():
        for number, asked in enumerate(request["prompts"]):
            told, tokens = conditioned(model, asked)
            answers |= {f"{number}.{name}": told[name].contiguous() for name in ("crossattn", "vector")}
            answers[f"{number}.tokens"] = torch.cat(tokens)
            if request["unet"]["prompt"] == number:
                given = load_file(request["unet"]["file"])
                rows = len(given["noisy"])
                answers["unet"] = model.model.diffusion_model(
                    given["noisy"],
                    timesteps=given["timesteps"],
                    context=told["crossattn"].expand(rows, -1, -1),
                    y=told["vector"].expand(rows, -1),
                )
    save_file(answers, ANSWERS)


main()
