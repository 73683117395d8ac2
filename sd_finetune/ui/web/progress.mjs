// How far a run is: its state in words, a bar, and numbers.
import { fill, h } from "./dom.mjs";
import { counted, duration, memory, number, pace } from "./figures.mjs";
/** @import { State, Step, View } from "./types.d.ts" */

const TRAINING = "training";
/** @type {Record<State, string>} */
const STATES = {
  running: "Running",
  finished: "Finished",
  stopped: "Stopped",
  failed: "Failed",
  starting: "Starting",
  "": "",
};

/**
 * What a run is at, or how it ended.
 * @param {View} view
 * @param {boolean} paused
 */
export function headline(view, paused) {
  if (paused) return "Paused";
  const steps = view.end?.kind === "done" ? ` after ${counted(view.end.step, "step")}` : "";
  if (view.state !== "running") return (STATES[view.state] ?? view.state) + steps;
  if (!view.active) return "Not running";
  if (view.asked === "stop") return "Stopping";
  const name = view.phase?.name ?? "starting";
  return name[0].toUpperCase() + name.slice(1);
}

/** The bar and the numbers below it: `bar`, `numbers`, `show(view)`. */
export function makeProgress() {
  const bar = h("progress", { class: "sdft-bar", max: 1, value: 0, "aria-label": "Progress" });
  const numbers = h("div", { class: "sdft-numbers" });

  /** @param {View} view */
  function show(view) {
    const training = view.end !== null || !view.phase || view.phase.name === TRAINING;
    const step = training ? view.step : null;
    const [done, total] = step ? [step.step, step.total_steps] : [view.phase?.done ?? 0, view.phase?.total ?? 1];
    bar.max = total || 1;
    if (view.end?.kind === "done" && view.end.outcome === "finished") bar.value = total;
    else if (step || done > 0 || view.end) bar.value = done;
    else bar.removeAttribute("value");
    const counts = step !== null || total > 1;
    const facts = counts ? [`${number(done)} / ${number(total)}`, `${Math.floor((100 * done) / (total || 1))} %`] : [];
    if (step) facts.push(...factsOf(step, view.end !== null));
    fill(
      numbers,
      facts.map((fact) => h("span", {}, fact)),
    );
  }

  return { bar, numbers, show };
}

/**
 * @param {Step} step
 * @param {boolean} ended
 */
function factsOf(step, ended) {
  const left = Number(step.seconds_left);
  const ahead = [pace((step.total_steps - step.step) / left), `${duration(left)} left`];
  return [
    `epoch ${number(step.epoch + 1)}`,
    `loss ${Number(step.loss).toPrecision(4)}`,
    `${Number(step.images_per_second).toFixed(1)} images/s`,
    ...(!ended && left > 0 ? ahead : []),
    `memory ${memory(step.memory_bytes)}`,
  ];
}
