"""New words beside a LoRA, trained from the tab: the WebUI draws with both of them, as our preview does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.lora import read_lora
from sd_finetune.networks.attachable import all_detached
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from sd_finetune.networks.new_words import attach_embedding_files
from tests.webui.tab import Tab
from tests.webui.test_images import SAME, difference, ours
from tests.webui.webui import WebUI

PLACE = " on a pink background"


@pytest.mark.parametrize("kept", ["bundled", "beside", "both"])
def test_word_and_lora_are_used_together(kept: str, webui: WebUI, model: DiffusionModel, tmp_path: Path) -> None:
    word = f"zib {kept}"
    results = trained(webui, word, kept, tmp_path)
    lora = results["lora"]
    assert lora["prompt"] == f"<lora:{word}:1> {word}"
    assert lora["prompt"] in lora["sentence"], "what is said is what the button does"
    assert set(results) == ({"lora"} if kept == "bundled" else {"lora", "embedding"})
    file = Path(lora["path"])
    words = [Path(results["embedding"]["path"])] if kept == "beside" else []
    alone = webui.draw(f"a photo of zzz{PLACE} <lora:{word}:1>")
    theirs = webui.draw(f"a photo of {word}{PLACE} <lora:{word}:1>")
    networks: list[Any] = [
        attach_embedding_files(model, words, [file]),
        *attach_loras(model, [WeightedLora(read_lora(file)[0])]),
    ]
    with all_detached(networks):
        untrained = ours(model, f"a photo of {word}{PLACE}")
    preview = ours(model, f"a photo of {word}{PLACE}")
    assert difference(preview, theirs) < SAME
    assert difference(theirs, alone) > SAME, "the word changes the image"
    assert difference(theirs, untrained) > SAME, "as do both together"
    webui.draw("a photo")
    known = webui.get("/sdapi/v1/embeddings")["loaded"]
    assert (word in known) == (kept != "bundled"), "what is in the LoRA's file is there with the LoRA alone"


def trained(webui: WebUI, word: str, kept: str, folder: Path) -> dict[str, Any]:
    """A run's results, by kind."""
    changes = {
        "output": {"name": word},
        "lora": {"new_words": kept, "rank": 4},
        "textual_inversion": {"learning_rate": 0.1, "initial_text": "sks star", "vectors": 2},
        "concepts": [{"folder": str(folder / "pictures"), "instance_prompt": "a photo of [name]"}],
    }
    tab = Tab(webui, f"project of {word}", folder, changes, "toy", length="3 steps", unet_learning_rate=0.01)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    listed = webui.get(f"/sd_finetune/projects/{tab.name}/runs/{tab.run}/results".replace(" ", "%20"))
    return {each["kind"]: each for each in listed}
