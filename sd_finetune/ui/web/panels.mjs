// Tabs within the tab, by pointer and by arrow keys.
import { h } from "./dom.mjs";
import { counted } from "./figures.mjs";
import { recall, remember } from "./memory.mjs";
/** @import { Child } from "./elements.d.ts" */
/** @import { PanelName } from "./types.d.ts" */

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
const LAST_PANEL = "sd_finetune_panel";

/**
 * Gives `element`, `open(name)`, `enable(name, whether)`, `mark(places)`, `label(name)`, `of(element)`.
 * @param {[name: PanelName, label: string, content: Child][]} panels
 */
export function makePanels(panels) {
  const all = panels.map(([name, label, content]) => ({
    name,
    tab: makeTab(name, label),
    body: body(name, label, content),
  }));

  /**
   * @param {PanelName} name
   * @param {string} label
   */
  function makeTab(name, label) {
    return h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `sd_finetune_tab_${name}`,
        "aria-controls": `sd_finetune_panel_${name}`,
        onclick: () => open(name),
        onkeydown: (event) => move(STEPS[event.key] ?? 0, name),
      },
      label,
    );
  }

  /** @param {PanelName} name */
  function open(name) {
    remember(LAST_PANEL, name);
    for (const each of all) {
      each.tab.setAttribute("aria-selected", String(each.name === name));
      each.tab.tabIndex = each.name === name ? 0 : -1;
      each.body.hidden = each.name !== name;
    }
  }

  /**
   * @param {number} step
   * @param {PanelName} name
   */
  function move(step, name) {
    if (!step) return;
    const enabled = all.filter((each) => !each.tab.disabled);
    const place = enabled.findIndex((each) => each.name === name);
    const next = enabled[(place + step + enabled.length) % enabled.length];
    open(next.name);
    next.tab.focus();
  }

  const last = recall(LAST_PANEL);
  open((all.find((each) => each.name === last) ?? all[0]).name);
  return {
    element: h(
      "section",
      { class: "sdft-panels", "aria-label": "Decisions" },
      h(
        "div",
        { class: "sdft-tabs", role: "tablist" },
        all.map((each) => each.tab),
      ),
      all.map((each) => each.body),
    ),
    open,
    /**
     * @param {PanelName} name
     * @param {boolean} whether
     */
    enable(name, whether) {
      for (const each of all) if (each.name === name) each.tab.disabled = !whether;
    },
    /**
     * Show at each panel's tab how much is to be mended there.
     * @param {(PanelName | undefined)[]} places the panel of each problem
     */
    mark(places) {
      for (const { name, tab } of all) {
        const count = places.filter((each) => each === name).length;
        tab.dataset.problems = count ? String(count) : "";
        tab.title = count ? counted(count, "problem") : "";
      }
    },
    label: (/** @type {PanelName} */ name) => all.find((each) => each.name === name)?.tab.textContent ?? name,
    of: (/** @type {HTMLElement} */ element) => all.find((each) => each.body.contains(element))?.name,
  };
}

/**
 * @param {PanelName} name
 * @param {string} label
 * @param {Child} content
 */
function body(name, label, content) {
  const id = `sd_finetune_panel_${name}`;
  return h("div", { class: "sdft-panel", role: "tabpanel", id, "aria-label": label, hidden: true }, content);
}
