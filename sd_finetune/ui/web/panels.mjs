// Tabs within the tab, by pointer and by arrow keys.
import { h } from "./dom.mjs";

/** panels: [[name, label, content], ...]. Gives `element`, `open(name)`, `enable(name, whether)`, `of(element)`. */
export function makePanels(panels) {
  const bodies = new Map(
    panels.map(([name, label, content]) => [
      name,
      h(
        "div",
        { class: "sdft-panel", role: "tabpanel", id: `sd_finetune_panel_${name}`, "aria-label": label, hidden: true },
        content,
      ),
    ]),
  );
  const tabs = new Map(
    panels.map(([name, label]) => [
      name,
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `sd_finetune_tab_${name}`,
          "aria-controls": `sd_finetune_panel_${name}`,
          onclick: () => open(name),
          onkeydown: (event) => move(event, name),
        },
        label,
      ),
    ]),
  );

  function open(name) {
    for (const [other, tab] of tabs) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      bodies.get(other).hidden = other !== name;
    }
  }

  function move(event, name) {
    const names = [...tabs].filter(([, tab]) => !tab.disabled).map(([each]) => each);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = names[(names.indexOf(name) + step + names.length) % names.length];
    open(next);
    tabs.get(next).focus();
  }

  open(panels[0][0]);
  return {
    element: h(
      "section",
      { class: "sdft-panels", "aria-label": "Decisions" },
      h("div", { class: "sdft-tabs", role: "tablist" }, [...tabs.values()]),
      [...bodies.values()],
    ),
    open,
    enable: (name, whether) => (tabs.get(name).disabled = !whether),
    of: (element) => [...bodies].find(([, body]) => body.contains(element))?.[0],
  };
}
