// What the worker of a run has printed, folded away.
import { get } from "./api.mjs";
import { h } from "./dom.mjs";

/** The fold: `element`, `begin(project, run)`, `read()`. */
export function makeLog() {
  const text = h("pre", { class: "sdft-log", tabindex: 0 });
  const element = h("details", { class: "sdft-fold", ontoggle: () => read() }, h("summary", {}, "Log"), text);
  let place = { project: "", run: "" };

  /** Read its end anew, if it is open; who looks at the last lines goes on to see the last lines. */
  async function read() {
    if (!element.open) return;
    const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    const printed = await get("projects", place.project, "runs", place.run, "log").catch(() => "");
    text.textContent = printed || "The log is empty.";
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
    },
    read,
  };
}
