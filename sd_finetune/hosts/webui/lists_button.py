"""Hidden buttons in the WebUI's page, pressed by our script.

One puts the lists into the page as they are here. The WebUI's own refresh buttons read the lists from disk, see
lists.py; this one only shows them. While the WebUI is at work it changes nothing, and our script presses it again.

Another selects a checkpoint, where the kind of WebUI has a list of them that its own script cannot select from exactly.
"""

# pyright: reportMissingImports=false
# `modules` and gradio are the WebUI's, which are there only while its process runs us.

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.context import Context
from modules import call_queue, shared, ui_extra_networks, ui_settings

from .kind import Dropdown, Kind
from .lists import Lists

log = logging.getLogger(__name__)

BUTTON, SHOWN = "sd_finetune_lists", "sd_finetune_lists_shown"
"""Ids in the page: of the button, and of the version of the lists that the page shows."""
SELECT, CHOSEN = "sd_finetune_select", "sdFineTuneCheckpoint"
"""The id of the button that selects a checkpoint, and the property of `window` that has its title."""
CHECKPOINTS, OPTIONS = "setting_sd_model_checkpoint", "settings_json"
LAST = "change_checkpoint"
"""Made after all that the button changes, in the page that holds all of it."""
CARDS = "_cards_html"


class ListsButton:
    """To be told of every component with `made`, for script_callbacks.on_after_component."""

    def __init__(self, lists: Lists, kind: Kind) -> None:
        self._lists = lists
        self._kind = kind
        self._components: dict[str, Any] = {}

    def made(self, component: Any, **_: Any) -> None:
        """Note what the button changes; make it once the rest is there."""
        name = getattr(component, "elem_id", None) or ""
        if name in (CHECKPOINTS, OPTIONS) or name.endswith(CARDS):
            self._components[name] = component
        elif name == LAST:
            self._make()

    def _make(self) -> None:
        page = Context.root_block
        parts = {name: each for name, each in self._components.items() if page and each._id in page.blocks}
        dropdown = self._kind.checkpoint_dropdown()
        if dropdown is not None and parts.get(CHECKPOINTS) is dropdown.component:
            del parts[CHECKPOINTS]
        answers = {name: answer for name in parts if (answer := self._answer_for(name))}
        if dropdown is not None and page and dropdown.component._id in page.blocks:
            parts[SELECT], answers[SELECT] = dropdown.component, dropdown.as_it_is
            _make_select(dropdown)
        button = gr.Button(elem_id=BUTTON, visible=False)
        shown = gr.HTML(value="0", elem_id=SHOWN, visible=False)

        def show() -> list[Any]:
            if not call_queue.queue_lock.acquire(blocking=False):  # it fails at cards while it loads a checkpoint
                return [gr.update()] * (1 + len(answers))
            try:
                return [str(self._lists.version), *(_guarded(answer) for answer in answers.values())]
            finally:
                call_queue.queue_lock.release()

        filters = json.dumps([name.removesuffix(CARDS) for name in answers if name.endswith(CARDS)])
        then = f"() => {{ {filters}.forEach(applyExtraNetworkFilter); window.setupAllResizeHandles?.(); }}"
        outputs = [shown, *(parts[name] for name in answers)]
        pressed = button.click(show, inputs=[], outputs=outputs, show_progress=False)
        pressed.then(None, _js=then, inputs=[], outputs=[])

    def _answer_for(self, name: str) -> Callable[[], Any] | None:
        """What puts the present state into the component of that name; None for cards of no known page."""
        if name == CHECKPOINTS:
            return lambda: ui_settings.get_value_for_setting("sd_model_checkpoint")
        if name == OPTIONS:
            return shared.opts.dumpjson
        tab, _, kind = name.removesuffix(CARDS).partition("_")
        page = next((each for each in ui_extra_networks.extra_pages if each.extra_networks_tabname == kind), None)
        return None if page is None else lambda: page.create_html(tab)


def _make_select(dropdown: Dropdown) -> None:
    title = gr.Textbox(visible=False)
    button = gr.Button(elem_id=SELECT, visible=False)
    button.click(
        dropdown.select, _js=f"() => [window.{CHOSEN}]", inputs=[title], outputs=[dropdown.component], queue=False
    )


def _guarded(answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    except Exception:  # another extension's cards, for example: the rest is shown
        log.exception("A list of the WebUI could not be shown")
        return gr.update()
