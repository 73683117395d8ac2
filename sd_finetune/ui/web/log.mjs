// What the worker of a run has printed, folded away.
import { Away, get, sentence } from "./api.mjs";
import { h } from "./dom.mjs";

/** The fold: `element`, `begin(project, run)`, `read()`. */
export function makeLog() {
  const text = h("pre", { class: "sdft-log", tabindex: 0 });
  const element = h("details", { class: "sdft-fold", ontoggle: () => read() }, h("summary", {}, "Log"), text);
  let place = { project: "", run: "" };

  /** Read its end anew, if it is open; who looks at the last lines goes on to see the last lines. */
  async function read() {
    if (!element.open) return;
    const asked = place;
    const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    const printed = await get("projects", asked.project, "runs", asked.run, "log").catch((error) => error);
    if (asked !== place || printed instanceof Away) return; // what is shown stays
    text.textContent = printed instanceof Error ? sentence(printed) : printed || "The log is empty.";
    if (atEnd) text.scrollTop = text.scrollHeight;
  }

  return {
    element,
    /**
     * @param {string} project
     * @param {string} run
     */
    begin(project, run) {
      place = { project, run };
      text.textContent = "";
      read();
    },
    read,
  };
}
