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

/** `project` is the selected one, or null; its settings are edited in place, with `later()` called after each edit. */
export class Keeper {
  /** @param {Hears} hears */
  constructor(hears) {
    /** @type {Project | null} */
    this.project = null;
    this.hears = hears;
    /** The project's settings as the server had them. @type {Settings} */
    this.read = {};
    /** What is on its way. @type {Promise<void> | null} */
    this.sending = null;
    /** Settings could not be kept, as the server is away. */
    this.unsaved = false;
    this.later = whenQuiet(QUIET, () => this.save());
    window.addEventListener("pagehide", () => this.later.now());
    onConnection((there) => {
      if (there && this.unsaved) this.later();
    });
  }

  /** The project, for what is pressed only while there is one. */
  selected() {
    if (!this.project) throw new Error("No project is selected.");
    return this.project;
  }

  /** @param {Project | null} project as it was just read */
  select(project) {
    this.project = project;
    this.read = copied(project?.settings ?? {});
    this.unsaved = false;
  }

  /** Keep what was edited; a project that was left meanwhile is not touched. */
  async save() {
    while (this.sending) await this.sending;
    this.sending = this.send();
    await this.sending;
  }

  /** Keep it after a save that waits. */
  async saveNow() {
    await this.later.now();
    await this.save();
  }

  /** Never throws: what goes wrong is told. */
  async send() {
    const project = this.project;
    try {
      if (project) await this.sendOf(project);
    } catch (error) {
      if (error instanceof Away) this.unsaved = true;
      else this.hears.failed(sentence(error));
    }
    this.sending = null;
  }

  /** @param {Project} project */
  async sendOf(project) {
    this.unsaved = false;
    const sent = copied(project.settings);
    const changes = changesBetween(this.read, sent);
    const { project: news, theirs } = await post(["projects", project.name, "changes"], { changes });
    if (this.project !== project) return;
    this.merge(project, sent, news);
    this.read = copied(news.settings);
    const lost = Object.keys(theirs);
    if (lost.length) this.hears.lost(lost);
  }

  /**
   * Take over what another window has changed, if it has. What was edited here meanwhile is not, and when it is sent,
   * the server finds that somebody else has changed it too.
   * @param {string} revision that of the project now
   */
  async refresh(revision) {
    const project = this.project;
    if (!project || this.sending || revision === project.revision) return;
    const news = await get("projects", project.name);
    if (this.project !== project || this.sending) return;
    const before = this.read;
    const edited = Object.entries(changesBetween(before, project.settings));
    this.merge(project, before, news);
    this.read = copied(news.settings);
    for (const [name, { was }] of edited) putAt(this.read, name, was ?? undefined);
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
