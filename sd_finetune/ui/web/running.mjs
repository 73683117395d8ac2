// The job that goes on elsewhere than where one looks: whose it is, how far it is, and the way there.
import { button, h } from "./dom.mjs";
import { number } from "./figures.mjs";
/** @import { Job } from "./types.d.ts" */

const DOING = {
  train: "training",
  "class images": "generating class images",
  generate: "generating images",
  captions: "captioning images",
  rates: "trying learning rates",
};

/**
 * The line: `element`, `show(job, seen)` where `seen` says that it is in sight anyway.
 * @param {(job: Job) => void} go
 */
export function makeRunning(go) {
  const bar = h("progress", { class: "sdft-bar", max: 1, value: 0, "aria-hidden": "true" });
  const text = h("span", {});
  const way = button("", () => shown && go(shown), { title: "Go there", id: "sd_finetune_running" });
  const element = h("div", { class: "sdft-row sdft-running", hidden: true }, way, text, bar);
  way.append(h("span", { class: "sdft-dot" }), text);
  /** @type {Job | null} */
  let shown = null;

  /**
   * @param {Job | null} job
   * @param {boolean} seen
   */
  function show(job, seen) {
    shown = job;
    element.hidden = job === null || seen;
    if (job === null) return;
    const { done = 0, total = 0 } = job.phase ?? {};
    const far = total > 1 ? `, ${number(done)} / ${number(total)}` : "";
    const words = `${job.project}: ${job.phase?.name ?? DOING[job.kind]}${far}`;
    if (text.textContent !== words) text.textContent = words;
    bar.max = total || 1;
    bar.value = done;
  }

  return { element, show };
}
