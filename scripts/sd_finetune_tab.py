"""The only file that the WebUI executes: puts the tab into its page and our routes into its server."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI
from modules import script_callbacks

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
from sd_finetune.hosts.host import Example
from sd_finetune.hosts.webui.lists_button import ListsButton
from sd_finetune.hosts.which import the_webui
from sd_finetune.ui.server.app import make_router
from sd_finetune.ui.server.context import context_of

ID = "sd_finetune"
EXAMPLE = Example(DEMO_FOLDER / "lora.toml", TOY_CHECKPOINT, place_toy)
WEBUI = the_webui(EXAMPLE)


def make_tab() -> list[tuple[gr.Blocks, str, str]]:
    """An empty place, which javascript/sd_finetune.mjs fills."""
    with gr.Blocks(analytics_enabled=False) as tab:
        gr.HTML(f'<div id="{ID}_root"></div>')
    return [(tab, "SD Fine-Tune", ID)]


def add_routes(_page: gr.Blocks | None, app: FastAPI) -> None:
    """Also after "Reload UI", which builds a new page: a run that is going on is found again there."""
    app.include_router(make_router(context_of(WEBUI)))


script_callbacks.on_after_component(ListsButton(WEBUI.lists, WEBUI.kind).made)
script_callbacks.on_ui_tabs(make_tab)
script_callbacks.on_app_started(add_routes)
