"""What tests ask of the inside of the WebUI."""

import base64
import hashlib
import shutil
import sys
from pathlib import Path

import torch
from fastapi import Body
from modules import call_queue, script_callbacks, sd_models, sd_vae, shared

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.hosts.host import Example
from sd_finetune.hosts.webui.turn import turn
from sd_finetune.hosts.which import the_webui
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Saved

EXAMPLE = Example(DEMO_FOLDER / "lora.toml", TOY_CHECKPOINT, place_toy)  # as scripts/sd_finetune_tab.py has it


def add_routes(_demo, app):
    @app.get("/test/ready")
    def ready():
        return {"ready": sd_models.model_data.sd_model is not None}

    @app.get("/test/networks")
    def networks():
        """For each LoRA of the last picture, the layers of its file that found their place."""
        loaded = sys.modules["networks"].loaded_networks
        return {net.name: [layer.network_key.partition(".")[0] for layer in net.modules.values()] for net in loaded}

    @app.post("/test/results")
    def results(content: dict = Body(...)):
        """Put results into their folders and take others away, as a run does: in its turn, and then lists are made."""
        with turn("task(test)"):
            for source, target in content.get("written", {}).items():
                Path(target).parent.mkdir(exist_ok=True)
                shutil.copy(source, target)
            for path in content.get("removed", []):
                Path(path).unlink()
            files = [*content.get("written", {}).values(), *content.get("removed", [])]
            the_webui(EXAMPLE).lists.take_in([Saved(1, content["kind"], path) for path in files])
        return {}

    @app.post("/test/lend")
    def lend(content: dict = Body(...)):
        """Lend a checkpoint's weights as a run does; what the file holds, and what the block raised."""
        host, seen = the_webui(EXAMPLE), {}
        try:
            with host.lend(Path(content["checkpoint"]), RunFolder(Path(content["run"]))) as file:
                seen = {
                    "file": str(file),
                    "tensors": digest(read_tensors(file).tensors),
                    "devices": where(sd_models.model_data.sd_model),
                    "waits": call_queue.queue_lock._lock.locked(),
                    "job": shared.state.job,
                }
                if content.get("raise"):
                    raise RuntimeError("in the middle")
        except RuntimeError as error:
            seen["raised"] = str(error)
        return {**seen, "gone": not Path(seen["file"]).exists(), "job afterwards": shared.state.job}

    @app.post("/test/vae")
    def other_vae(content: dict = Body(...)):
        """Put another VAE in the place of the checkpoint's; None takes it off again."""
        sd_vae.load_vae(sd_models.model_data.sd_model, content["file"])
        return {}

    @app.post("/test/prompts")
    def prompts(content: dict = Body(...)):
        """By prompt, what the text encoder gets and gives: ids and weights of each chunk, and all states in float32."""
        encoder, found = shared.sd_model.cond_stage_model, []
        before = {name: getattr(shared.opts, name) for name in content["options"]}
        shared.opts.data.update(content["options"])
        try:
            for prompt in content["prompts"]:
                chunks = encoder.tokenize_line(prompt)[0]
                with torch.no_grad():
                    states = encoder([prompt]).float().cpu().numpy()
                told = base64.b64encode(states.tobytes()).decode() if content.get("states", True) else ""
                found.append({"chunks": [[own.tokens, own.multipliers] for own in chunks], "states": told})
        finally:
            shared.opts.data.update(before)
        return found

    @app.post("/test/captioners")
    def captioners(content: dict = Body(...)):
        """Have models that caption as if they had been downloaded, or none: deepbooru without training, and a BLIP."""
        from modules import deepbooru, deepbooru_model  # Neo has none

        there = content["there"]
        shared.interrogator.blip_model = Blip() if there else None
        deepbooru.model.model = deepbooru_model.DeepDanbooruModel().eval() if there else None
        if there:
            deepbooru.model.model.tags = ["rating:safe", "one_star", "1girl", "smile_(mouth)"]
        return {}

    @app.get("/test/weights")
    def weights():
        """Digest of all tensors of the loaded model, and where they are."""
        return {"sha256": digest(shared.sd_model.state_dict()), "devices": where(shared.sd_model)}


class Blip(torch.nn.Module):
    """Says how long a sentence it was asked for."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def generate(self, image, sample, num_beams, min_length, max_length):
        return [f"a star of {image.shape[-1]} pixels, {min_length} to {max_length} words"]


def digest(tensors):
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype}".encode() + tensors[name].detach().float().cpu().numpy().tobytes())
    return found.hexdigest()


def where(model):
    return sorted({str(tensor.device) for tensor in model.state_dict().values()})


script_callbacks.on_app_started(add_routes)
