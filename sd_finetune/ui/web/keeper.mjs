// Keeps the settings of the selected project on the server while they are edited.
import { Away, onConnection, post, sentence } from "./api.mjs";
import { whenQuiet } from "./dom.mjs";
/** @import { Check, Project } from "./types.d.ts" */

const QUIET = 350;

/** `project` is the selected one, or null; its settings are edited in place, with `later()` called after each edit. */
export class Keeper {
  /**
   * @param {(project: Project, check: Check) => void} checked called with what is wrong with the settings
   * @param {(sentence: string) => void} failed
   */
  constructor(checked, failed) {
    /** @type {Project | null} */
    this.project = null;
    this.checked = checked;
    this.failed = failed;
    this.later = whenQuiet(QUIET, () => this.save());
    /** The project whose settings could not be kept, as the server is away. @type {Project | null} */
    this.unsaved = null;
    window.addEventListener("pagehide", () => this.later.now());
    onConnection((there) => this.again(there));
  }

  /**
   * Keep what could not be kept, once the server is back.
   * @param {boolean} there
   */
  again(there) {
    if (!there || !this.unsaved) return;
    if (this.unsaved === this.project) this.later();
    this.unsaved = null;
  }

  /** The project, for what is pressed only while there is one. */
  selected() {
    if (!this.project) throw new Error("No project is selected.");
    return this.project;
  }

  /** Keep the settings as they stand; a project that was left meanwhile is not touched. */
  async save() {
    const project = this.project;
    if (!project) return;
    try {
      const check = await post(["projects", project.name, "settings"], project.settings);
      if (this.project === project) this.checked(project, check);
    } catch (error) {
      if (error instanceof Away) this.unsaved = project;
      else this.failed(sentence(error));
    }
  }

  /** Keep them after a save that waits. */
  async saveNow() {
    await this.later.now();
    await this.save();
  }
}
