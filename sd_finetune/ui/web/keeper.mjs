// Keeps the settings of the selected project on the server while they are edited, here and in other windows.
import { Away, get, onConnection, post, sentence } from "./api.mjs";
import { changesBetween, copied, takeOver } from "./changes.mjs";
import { whenQuiet } from "./dom.mjs";
import { putAt } from "./values.mjs";
/** @import { Project, Settings } from "./types.d.ts" */

const QUIET = 350;

/**
 * @typedef {object} Hears
 * @property {(project: Project) => void} checked the project's check is new
 * @property {(project: Project, names: string[]) => void} taken these settings were changed in another window
 * @property {(names: string[]) => void} lost these were changed here and in another window, whose value stands
 * @property {(sentence: string) => void} failed
 */

/**
 * A project that is edited: `read` is what its settings were on the server, `unsaved` whether some could not be kept as
 * the server is away.
 * @typedef {{ project: Project, read: Settings, unsaved: boolean }} Edited
 */

/** What `Keeper.act` is. @typedef {Keeper["act"]} Act */

/** `project` is the selected one, or null; its settings are edited in place, with `later()` called after each edit. */
export class Keeper {
  /** @param {Hears} hears */
  constructor(hears) {
    /** @type {Edited | null} */
    this.edited = null;
    this.hears = hears;
    /** The last of those that are on their way, one after another. @type {Promise<unknown>} */
    this.last = Promise.resolve();
    /** How many are. */
    this.sending = 0;
    this.later = whenQuiet(QUIET, () => this.save());
    window.addEventListener("pagehide", () => this.later.now());
    onConnection((there) => {
      if (there && this.edited?.unsaved) this.later();
    });
  }

  get project() {
    return this.edited?.project ?? null;
  }

  /** The project, for what is pressed only while there is one. */
  selected() {
    if (!this.project) throw new Error("No project is selected.");
    return this.project;
  }

  /** @param {string} name */
  isSelected(name) {
    return this.project?.name === name;
  }

  /** @param {Project | null} project as it was just read */
  select(project) {
    this.edited = project && { project, read: copied(project.settings), unsaved: false };
  }

  /** Keep what was edited in the project that is selected now. Never throws: what goes wrong is told. */
  async save() {
    const error = await this.keep();
    if (error && !(error instanceof Away)) this.hears.failed(sentence(error)); // that it is away is said for the tab
  }

  /** Keep what was edited, if there is such; returns why that was refused, or "". Throws Away. */
  async saveEdits() {
    this.later.cancel();
    await this.last;
    const error = this.hasEdits() ? await this.keep() : null;
    if (error instanceof Away) throw error;
    return error ? sentence(error) : "";
  }

  hasEdits() {
    if (!this.edited) return false;
    return Object.keys(changesBetween(this.edited.read, this.edited.project.settings)).length > 0;
  }

  /**
   * Do something about the selected project once its settings are kept. Throws what went wrong, where that is still
   * the selected one.
   * @template T
   * @param {(name: string) => Promise<T>} request
   * @returns {Promise<T | null>} null if another was selected meanwhile, in which nothing of it is to be shown
   */
  async act(request) {
    const { name } = this.selected();
    this.later.cancel();
    try {
      const error = await this.keep();
      if (error) throw error;
      const told = await request(name);
      return this.isSelected(name) ? told : null;
    } catch (error) {
      if (this.isSelected(name)) throw error;
      this.hears.failed(`${name}: ${sentence(error)}`);
      return null;
    }
  }

  /** Keep what was edited in this project after what is on its way; returns what went wrong. */
  keep() {
    const { edited } = this;
    const turn = this.last.then(() => (edited ? this.send(edited) : null));
    this.last = turn;
    return turn;
  }

  /**
   * @param {Edited} edited
   * @returns {Promise<unknown>} what went wrong, or null
   */
  async send(edited) {
    this.sending += 1;
    try {
      await this.sendOf(edited);
      return null;
    } catch (error) {
      if (error instanceof Away) edited.unsaved = true;
      return error;
    } finally {
      this.sending -= 1;
    }
  }

  /** @param {Edited} edited */
  async sendOf(edited) {
    const { project } = edited;
    edited.unsaved = false;
    const sent = copied(project.settings);
    const changes = changesBetween(edited.read, sent);
    const { project: news, theirs } = await post(["projects", project.name, "changes"], { changes });
    edited.read = copied(news.settings);
    if (this.edited !== edited) return;
    this.merge(project, sent, news);
    const lost = Object.keys(theirs);
    if (lost.length) this.hears.lost(lost);
  }

  /**
   * Take over what another window has changed, if it has. What was edited here meanwhile is not, and when it is sent,
   * the server finds that somebody else has changed it too.
   * @param {string} revision that of the project now
   */
  async refresh(revision) {
    const { edited } = this;
    if (!edited || this.sending || revision === edited.project.revision) return;
    const { project, read } = edited;
    const news = await get("projects", project.name);
    if (this.edited !== edited || edited.read !== read || this.sending) return; // it was kept meanwhile
    edited.read = copied(news.settings);
    const edits = Object.entries(changesBetween(read, project.settings));
    for (const [name, { was }] of edits) putAt(edited.read, name, was ?? undefined);
    this.merge(project, read, news);
  }

  /**
   * @param {Project} project
   * @param {Settings} before its settings, unless they were edited since
   * @param {Project} news
   */
  merge(project, before, news) {
    const taken = takeOver(project.settings, before, news.settings);
    Object.assign(project, { ...news, settings: project.settings });
    if (taken.length) this.hears.taken(project, taken);
    this.hears.checked(project);
  }
}
