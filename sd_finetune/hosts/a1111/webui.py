"""The tab in AUTOMATIC1111's WebUI (v1.10.1): its folders, lists, queue, progress bar and login."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from modules import paths, sd_models, shared
from PIL import Image

from ...runs.folder import RunFolder
from ...runs.messages import Event, Phase, Sample, Step
from ...settings.methods import ResultKind
from .. import packages
from ..host import BaseCheckpoint, Use, prompt_text
from .lending import lent, turn
from .lists import selected

if TYPE_CHECKING:
    from starlette.requests import Request


class A1111:
    """The WebUI as host.

    Args:
        example: settings for a first visitor.
    """

    name = "AUTOMATIC1111 WebUI"

    def __init__(self, example: Path) -> None:
        self._example = example

    @property
    def data_folder(self) -> Path:
        """In the WebUI's own data directory."""
        return Path(paths.data_path).absolute() / "sd_finetune"

    def checkpoints(self) -> list[BaseCheckpoint]:
        """The WebUI's list, the loaded one first."""
        loaded = selected()
        infos = list(sd_models.checkpoints_list.values())  # a copy, as another thread may change the list
        bases = [BaseCheckpoint(info.title, Path(info.filename).absolute(), info is loaded) for info in infos]
        return sorted(bases, key=lambda base: not base.loaded)

    def result_folder(self, kind: ResultKind) -> Path:
        """Where the WebUI looks for such files, by its flags."""
        flags = shared.cmd_opts
        folders = {
            "checkpoint": flags.ckpt_dir or sd_models.model_path,
            "lora": getattr(flags, "lora_dir", None) or Path(paths.models_path) / "Lora",
            "embedding": flags.embeddings_dir,
            "hypernetwork": flags.hypernetwork_dir,
        }
        return Path(folders[kind]).absolute()

    def faults(self) -> list[str]:
        """Packages that are missing or of a version that does not work."""
        return packages.faults()

    def example_settings(self) -> Path | None:
        """The demo's, on the toy checkpoint that comes along."""
        return self._example

    @contextmanager
    def lend(self, checkpoint: Path, run: RunFolder) -> Generator[Path, None, None]:
        """Wait for the WebUI's queue, free its VRAM and lend the weights; both are given back in any case."""
        with turn(f"task(sd_finetune-{run.path.name})"), lent(checkpoint) as weights:
            yield weights

    def show(self, event: Event, run: RunFolder) -> None:
        """In the WebUI's progress bar and live preview."""
        state = shared.state
        if isinstance(event, Step):
            state.job_count, state.sampling_step, state.sampling_steps = 1, event.step, event.total_steps
            state.textinfo = f"SD Fine-Tune: step {event.step} of {event.total_steps}"
        elif isinstance(event, Phase):
            state.textinfo = f"SD Fine-Tune: {event.name}"
        elif isinstance(event, Sample):
            try:
                state.assign_current_image(Image.open(run.path / event.file).convert("RGB"))
            except OSError:  # the preview is only a preview
                return

    def asked_to_stop(self) -> bool:
        """Interrupt, which the WebUI notes in one of two places."""
        return bool(shared.state.interrupted or shared.state.stopping_generation)

    def refresh(self, kind: ResultKind) -> None:
        """Lists of checkpoints, LoRAs and hypernetworks; for embeddings the WebUI looks before each image."""
        if kind == "checkpoint":
            selected = shared.opts.sd_model_checkpoint
            sd_models.list_models()
            shared.opts.data["sd_model_checkpoint"] = selected  # with --ckpt the list would select that one again
        elif kind == "hypernetwork":
            shared.reload_hypernetworks()
        elif kind == "lora" and "networks" in sys.modules:
            sys.modules["networks"].list_available_networks()

    def use(self, kind: ResultKind, path: Path) -> Use:
        """A checkpoint is selected, all else goes into the prompt."""
        if kind == "checkpoint":
            infos = list(sd_models.checkpoints_list.values())  # a copy, as another thread may read it again meanwhile
            title = next((info.title for info in infos if Path(info.filename).resolve() == path.resolve()), path.name)
            return Use(f"Select {path.name} as checkpoint.", checkpoint=title)
        prompt = prompt_text(kind, path)
        return Use(f"Add {prompt} to the prompt.", prompt)

    def is_allowed(self, request: Request) -> bool:
        """Everyone who may open the WebUI's page (--gradio-auth); without a page, nobody if there is a login."""
        app = request.app
        if not hasattr(app, "tokens"):
            return not shared.cmd_opts.api_auth
        cookies = request.cookies
        token = cookies.get("access-token") or cookies.get("access-token-unsecure")
        return app.auth is None or app.tokens.get(token) is not None


@cache
def the_webui(example: Path) -> A1111:
    """The one host of this process, however often the WebUI rebuilds its page."""
    return A1111(example)
