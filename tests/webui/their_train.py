"""The WebUI's own Train tab, through its API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.webui.webui import WebUI

COMMON = {
    "id_task": "task(train)",
    "batch_size": 4,
    "gradient_step": 1,
    "training_width": 64,
    "training_height": 64,
    "varsize": False,
    "clip_grad_mode": "disabled",
    "clip_grad_value": "0.1",
    "shuffle_tags": False,
    "tag_drop_out": 0,
    "latent_sampling_method": "once",
    "use_weight": False,
    "create_image_every": 0,
    "preview_from_txt2img": False,
    "preview_prompt": "",
    "preview_negative_prompt": "",
    "preview_steps": 1,
    "preview_sampler_name": "Euler",
    "preview_cfg_scale": 7,
    "preview_seed": 1,
    "preview_width": 64,
    "preview_height": 64,
}
"""What the form of its tab fills in."""


def train_embedding(webui: WebUI, name: str, pictures: Path, steps: int, rate: float, **options: Any) -> Path:
    """The file of an embedding.

    options: `text` to begin with ("star"), number of `vectors` (1), `template` of the WebUI ("subject.txt").
    """
    (webui.data / "embeddings").mkdir(exist_ok=True)  # the WebUI saves into it and does not make it
    vectors, text = options.get("vectors", 1), options.get("text", "star")
    start = {"name": name, "num_vectors_per_token": vectors, "overwrite_old": True, "init_text": text}
    _ask(webui, "create/embedding", start)
    own = {"embedding_name": name, "save_embedding_every": 0, "save_image_with_stored_embedding": False}
    _train(webui, "embedding", own, pictures, steps, rate, options.get("template", "subject.txt"))
    return webui.data / "embeddings" / f"{name}.pt"


def train_hypernetwork(
    webui: WebUI, name: str, widths: Sequence[int], pictures: Path, steps: int, rate: float, **options: Any
) -> Path:
    """The file of a hypernetwork of the form's usual shape.

    options: `template` of the WebUI ("hypernetwork.txt"), and what /create/hypernetwork takes.
    """
    template = options.pop("template", "hypernetwork.txt")
    start = {
        "name": name,
        "enable_sizes": [str(width) for width in widths],
        "overwrite_old": True,
        "layer_structure": "1, 2, 1",
        "activation_func": "linear",
        "weight_init": "Normal",
        **options,
    }
    _ask(webui, "create/hypernetwork", start)
    own = {"hypernetwork_name": name, "save_hypernetwork_every": 0}
    _train(webui, "hypernetwork", own, pictures, steps, rate, template)
    return webui.data / "models" / "hypernetworks" / f"{name}.pt"


def _train(
    webui: WebUI, kind: str, own: dict[str, Any], pictures: Path, steps: int, rate: float, template: str
) -> None:
    places = {"data_root": str(pictures), "log_directory": str(webui.data / "train-log"), "template_filename": template}
    _ask(webui, f"train/{kind}", {**COMMON, **own, **places, "learn_rate": f"{rate:g}", "steps": steps})


def _ask(webui: WebUI, what: str, content: dict[str, Any]) -> None:
    info = webui.post(f"/sdapi/v1/{what}", content)["info"]
    assert "error" not in info or info.endswith("error: None"), info
