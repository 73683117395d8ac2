"""The only file that the WebUI executes: puts the tab into its page and our routes into its server.

Nothing in it keeps a WebUI from starting: in one that we cannot work in, the tab says why, and what else to do.
"""

from __future__ import annotations

import html
import traceback

import gradio as gr
from fastapi import FastAPI
from modules import script_callbacks

ID = "sd_finetune"


def begin() -> str:
    """Have our routes and buttons made; what the tab holds: the place of its page, or why that cannot be here."""
    try:
        _begin()
    except Exception as error:
        traceback.print_exc()
        return f'<p id="{ID}_missing" style="padding: 1em">{html.escape(str(error))}</p>'
    return f'<div id="{ID}_root"></div>'


def _begin() -> None:
    from sd_finetune.demo.install_toy import place_toy
    from sd_finetune.demo.paths import DEMO_FOLDER, TOY_CHECKPOINT
    from sd_finetune.hosts.host import Example
    from sd_finetune.hosts.which import the_webui

    webui = the_webui(Example(DEMO_FOLDER / "lora.toml", TOY_CHECKPOINT, place_toy))

    from sd_finetune.hosts.webui.lists_button import ListsButton
    from sd_finetune.ui.server.app import make_router
    from sd_finetune.ui.server.context import context_of

    def add_routes(_page: gr.Blocks | None, app: FastAPI) -> None:
        """Also after "Reload UI", which builds a new page: a run that is going on is found again there."""
        app.include_router(make_router(context_of(webui)))

    script_callbacks.on_after_component(ListsButton(webui.lists, webui.kind).made)
    script_callbacks.on_app_started(add_routes)


def make_tab() -> list[tuple[gr.Blocks, str, str]]:
    """A place, which javascript/sd_finetune.mjs fills."""
    with gr.Blocks(analytics_enabled=False) as tab:
        gr.HTML(SHOWN)
    return [(tab, "SD Fine-Tune", ID)]


SHOWN = begin()
script_callbacks.on_ui_tabs(make_tab)
