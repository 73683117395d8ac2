// The offer to resume a run that ended without being asked to, as its server or its worker was gone.
import { button, h } from "./dom.mjs";
import { number } from "./figures.mjs";
/** @import { Interrupted } from "./types.d.ts" */

/**
 * The line: `element`, `show(interrupted)`.
 * @param {(run: string) => void} resume
 */
export function makeOffer(resume) {
  /** @type {Interrupted | null} */
  let shown = null;
  const text = h("span", {});
  const press = button("", () => shown && resume(shown.run), { id: "sd_finetune_resume" });
  const element = h("div", { class: "sdft-row", role: "status", hidden: true }, text, press);

  /** @param {Interrupted | null} interrupted */
  function show(interrupted) {
    shown = interrupted;
    element.hidden = interrupted === null;
    if (!interrupted) return;
    const words = `${interrupted.run} ended unfinished.`;
    if (text.textContent !== words) text.textContent = words;
    press.textContent = `Resume from step ${number(interrupted.step)}`;
  }

  return { element, show };
}
