"""Where one is on the page: after a reload, while a run goes on elsewhere, and what is beside what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]
NESTED_SCROLLBARS = """
[...document.querySelectorAll('#sd_finetune_root *')]
    .filter((each) => /auto|scroll/.test(getComputedStyle(each).overflowY))
    .filter((each) => !each.matches('textarea, .sdft-log, .sdft-grid, .sdft-tags, .sdft-found'))
    .map((each) => each.className)
"""
"""But for a field, the log, and lists about thousands of images."""
CROOKED_ROWS = """
(() => {
  const ROWS = '.sdft-row, .sdft-top, .sdft-state, .sdft-legends, .sdft-legend, .sdft-field, .sdft-inputs'
    + ', .sdft-methods';
  const middle = (each) => { const box = each.getBoundingClientRect(); return box.top + box.height / 2; };
  const seen = (each) => each.getClientRects().length > 0;
  const bad = [];
  for (const row of document.querySelectorAll(`#sd_finetune_root :is(${ROWS})`)) {
    const children = [...row.children].filter(seen);
    for (const [index, child] of children.entries()) {
      const next = children[index + 1];
      if (!next || next.getBoundingClientRect().left < child.getBoundingClientRect().right) continue;
      const off = Math.abs(middle(child) - middle(next));
      if (off > 0.5) bad.push([row.className, child.textContent, next.textContent, off]);
    }
    const buttons = children.filter((each) => each.matches('.sdft-button'));
    const heights = new Set(buttons.map((each) => Math.round(each.getBoundingClientRect().height * 2)));
    if (heights.size > 1) bad.push([row.className, ...buttons.map((each) => each.textContent), ...heights]);
  }
  return bad;
})()
"""

GRADIO = """
document.body.classList.add('gradio-container-3-41-2');
document.querySelector('#sd_finetune_root').parentElement.classList.add('prose');
"""
GRADIO_STYLE = """
.gradio-container-3-41-2 .prose :is(button, input, textarea, select, fieldset) { margin-bottom: 6px; }
"""
"""What gradio's own style does to fields inside the WebUI."""


def test_a_reload_opens_what_was_open(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    story.create(page, "second")
    page.click("#sd_finetune_tab_saving")
    other = new_page(quick.address)
    story.wait_for_state(other, "running")
    assert other.input_value("#sd_finetune_project") == "my dog", "what goes on, as nothing was looked at before"
    page.reload()
    page.wait_for_selector("#sd_finetune_panel_saving:not([hidden]) #sd_finetune_output_name")
    assert page.input_value("#sd_finetune_project") == "second"
    running = page.locator("#sd_finetune_running")
    running.filter(has_text="/ 4,000").wait_for()
    running.click()
    page.wait_for_function("document.querySelector('[aria-label=Run]').value === 'my dog-001'")
    assert page.input_value("#sd_finetune_project") == "my dog"
    running.wait_for(state="hidden")


def test_one_scrollbar_and_straight_rows(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address, viewport={"width": 1280, "height": 500})
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    story.press(page, "Save now")
    page.wait_for_selector(".sdft-result")
    page.evaluate(GRADIO)
    page.add_style_tag(content=GRADIO_STYLE)
    for panel in ("settings", "concepts", "saving", "generate", "create"):
        page.click(f"#sd_finetune_tab_{panel}")
        assert page.evaluate(NESTED_SCROLLBARS) == []
        assert page.evaluate(CROOKED_ROWS) == []
    page.click("#sd_finetune_tab_settings")
    for fold in page.locator("#sd_finetune_panel_settings summary").all():
        fold.click()
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    stop = page.locator("button:text-is('Stop and save')").bounding_box()
    assert 0 <= stop["y"] < 500, "what goes on stays in sight"


def test_ticks_of_the_curve_are_round_and_whole(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    ticks = """async (steps) => {
        const { scales } = await import(new URL('sd_finetune/web/scales.mjs', document.baseURI).href);
        const points = steps.map((step) => [step, 0.1 + 0.9 / step]);
        const scale = scales({ clientWidth: 604 }, [{ shown: true, points }], false);
        return [scale.steps, scale.x(steps[0]), scale.y.ticks.map((each) => Number(each.toPrecision(6)))];
    }"""
    middle = 302
    assert page.evaluate(ticks, [1])[:2] == [[1], middle], "a single step stands in the middle"
    for last in (2, 3, 4, 5):
        assert page.evaluate(ticks, list(range(1, last + 1)))[0] == list(range(1, last + 1))
    steps, _, losses = page.evaluate(ticks, list(range(1, 401)))
    assert steps == [100, 200, 300, 400]
    assert losses == [0.2, 0.4, 0.6, 0.8, 1]
