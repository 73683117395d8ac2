// The buttons that tell a run what to do.
import { button, h } from "./dom.mjs";
/** @import { Command, View } from "./types.d.ts" */

/** @typedef {Command | "continue"} Press */

/**
 * What follows a press, in words.
 * @type {Partial<Record<Press, string>>}
 */
export const SAID = {
  stop: "Stopping after this step; what was learned so far is saved.",
  save: "Saving the result after this step.",
  sample: "Generating samples after this step.",
  end: "Ended.",
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
    stop: make(
      "stop",
      "Stop and save",
      "Stop after this step and save what was learned so far",
      "sd_finetune_interrupt",
    ),
    pause: make("pause", "Pause", "Wait after this step; the model stays in VRAM"),
    resume: make("resume", "Resume", "Resume after a pause"),
    save: make("save", "Save now", "Save the result as it is now and keep training"),
    sample: make("sample", "Sample now", "Generate the sample prompts now and keep training", "sd_finetune_skip"),
    end: make("end", "End at once", "End the worker process now, without saving"),
    continue: make("continue", "Resume this run", "Resume from the run's latest snapshot"),
  };

  /**
   * @param {View} view
   * @param {boolean} paused
   */
  function show(view, paused) {
    const working = view.active && !view.end;
    const training = working && view.step !== null;
    const stopping = view.asked === "stop";
    all.stop.hidden = !working || stopping;
    all.pause.hidden = !training || paused || stopping;
    all.resume.hidden = !paused;
    all.save.hidden = all.sample.hidden = !training || paused;
    all.end.hidden = !working || (training && !stopping);
    all.continue.hidden = view.active || !view.resumable || !["stopped", "failed"].includes(view.state);
  }

  return { element: h("div", { class: "sdft-row sdft-commands" }, Object.values(all)), show };
}
