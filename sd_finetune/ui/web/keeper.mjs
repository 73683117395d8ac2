// Keeps the settings of the selected model on the server while they are edited.
import { post, sentence } from "./api.mjs";
import { whenQuiet } from "./dom.mjs";
/** @import { Check, Model } from "./types.d.ts" */

const QUIET = 350;

/** `model` is the selected one, or null; its settings are edited in place, and `later()` is called after each edit. */
export class Keeper {
  /**
   * @param {(model: Model, check: Check) => void} checked called with what is wrong with the settings
   * @param {(sentence: string) => void} failed
   */
  constructor(checked, failed) {
    /** @type {Model | null} */
    this.model = null;
    this.checked = checked;
    this.failed = failed;
    this.later = whenQuiet(QUIET, () => this.save());
    window.addEventListener("pagehide", () => this.later.now());
  }

  /** The model, for what is pressed only while there is one. */
  selected() {
    if (!this.model) throw new Error("No project is selected.");
    return this.model;
  }

  /** Keep the settings as they stand; a model that was left meanwhile is not touched. */
  async save() {
    const model = this.model;
    if (!model) return;
    try {
      const check = await post(["models", model.name, "settings"], model.settings);
      if (this.model === model) this.checked(model, check);
    } catch (error) {
      this.failed(sentence(error));
    }
  }

  /** Keep them after a save that waits. */
  async saveNow() {
    await this.later.now();
    await this.save();
  }
}
