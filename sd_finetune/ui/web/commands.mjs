// The buttons that tell a run what to do.
import { button, h } from "./dom.mjs";
/** @import { Command, View } from "./types.d.ts" */

/** @typedef {Command | "continue"} Press */

/** @param {View} view */
const ended = (view) => view.end !== null;

/**
 * Whether something of these came after the first `before` events of a run, or a warning in its place.
 * @param {(view: View) => { serial: number }[]} list
 */
const come = (list) => (/** @type {View} */ view, /** @type {number} */ before) =>
  ended(view) || [...list(view), ...view.warnings].some((entry) => entry.serial > before);

/**
 * What follows a press, in words, and whether that is over.
 * @type {Record<Press, { said: string, over: (view: View, before: number) => boolean }>}
 */
export const WHAT_FOLLOWS = {
  stop: { said: "Stopping.", over: ended },
  save: { said: "Saving the result after this step.", over: come((view) => view.saved) },
  sample: { said: "Generating samples after this step.", over: come((view) => view.samples) },
  pause: { said: "", over: ended },
  resume: { said: "", over: ended },
  end: { said: "Ending the worker.", over: ended },
  continue: { said: "", over: ended },
};

/** @type {Partial<Record<Press, Press>>} */
const OPPOSITE = { pause: "resume", resume: "pause" };

/** Of Stop, before and after something was learned. */
const STOP = {
  nothing: { label: "Stop", title: "Stop now; nothing was learned yet, so there is nothing to save" },
  learned: { label: "Stop and save", title: "Stop after this step and save what was learned so far" },
};

/**
 * The row: `element`, `show(view, paused)`.
 * @param {(command: Press) => void} tell
 */
export function makeCommands(tell) {
  /**
   * @param {Press} command
   * @param {string} label
   * @param {string} title
   * @param {string} [id] ends as that of the WebUI's own button, which its shortcuts press
   */
  const make = (command, label, title, id) => button(label, () => tell(command), { id, title });
  /** @type {Record<Press, HTMLButtonElement>} */
  const all = {
    stop: make("stop", STOP.nothing.label, STOP.nothing.title, "sd_finetune_interrupt"),
    pause: make("pause", "Pause", "Wait after this step; the model stays in VRAM"),
    resume: make("resume", "Resume", "Resume after a pause"),
    save: make("save", "Save now", "Save the result as it is now and keep training"),
    sample: make("sample", "Sample now", "Generate the sample prompts now and keep training", "sd_finetune_skip"),
    end: make("end", "End at once", "End the worker now, without saving; what its latest snapshot holds is kept"),
    continue: make("continue", "Resume this run", "Resume from the run's latest snapshot"),
  };

  const element = h("div", { class: "sdft-row sdft-commands", tabindex: -1 }, Object.values(all));
  const order = /** @type {Press[]} */ (Object.keys(all));

  /**
   * @param {View} view
   * @param {boolean} paused
   */
  function show(view, paused) {
    const working = view.active && !view.end;
    const training = working && view.step !== null;
    const stopping = view.asked === "stop";
    const { label, title } = view.step === null ? STOP.nothing : STOP.learned;
    Object.assign(all.stop, { textContent: label, title });
    /** @type {Record<Press, boolean>} */
    const offered = {
      stop: working && !stopping,
      pause: training && !paused && !stopping,
      resume: working && paused,
      save: training && !paused && !stopping,
      sample: training && !paused && !stopping,
      end: working,
      continue: !view.active && view.resumable && ["stopped", "failed"].includes(view.state),
    };
    const focused = order.find((press) => all[press] === document.activeElement);
    for (const press of order) all[press].hidden = !offered[press];
    // Who works by keyboard stays in the row when the button that was pressed goes, but on none that ends the run.
    if (!focused || offered[focused]) return;
    const other = OPPOSITE[focused];
    (other && offered[other] ? all[other] : element).focus();
  }

  return { element, show };
}
