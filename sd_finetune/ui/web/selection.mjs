// Which project is selected, shown in all parts.
import { Away, get, sentence } from "./api.mjs";
import { keepFocus } from "./dom.mjs";
import { recall, remember } from "./memory.mjs";
/** @import { Keeper } from "./keeper.mjs" */
/** @import { Parts } from "./parts.mjs" */
/** @import { Check, Job, Lists, PanelName, Project } from "./types.d.ts" */

const LAST_PROJECT = "sd_finetune_project";
/** @type {PanelName[]} */
const OF_A_PROJECT = ["settings", "concepts", "saving", "generate"];

/** The project in `keeper.project` and what the parts show of it. */
export class Selection {
  /**
   * @param {Keeper} keeper
   * @param {Parts} parts
   * @param {Lists} lists kept up to date by others
   */
  constructor(keeper, parts, lists) {
    this.keeper = keeper;
    this.parts = parts;
    this.lists = lists;
    /** How often a project was chosen: an answer that comes after a later choice is for nobody. */
    this.choices = 0;
  }

  /** The project and the run that were looked at last, or else the project that is at work. */
  begin() {
    this.selectFirst(recall(LAST_PROJECT) ?? this.lists.job?.project);
  }

  /** @param {string} [wanted] selected if there is such a project, or else the first one */
  async selectFirst(wanted) {
    const { projects } = this.lists;
    if (wanted !== undefined && projects.includes(wanted)) await this.select(wanted);
    else if (projects.length) await this.select(projects[0]);
    else this.showNone();
  }

  /**
   * @param {string} name
   * @param {string | null} [run] the one to look at
   * @returns {Promise<boolean>} whether it is shown; not if another was chosen meanwhile, or if it cannot be read
   */
  async select(name, run = null) {
    const choice = ++this.choices;
    try {
      const before = this.keeper.project?.name ?? name;
      const { project, refused } = await this.readOf(name);
      if (choice !== this.choices) return false;
      this.show(project, run);
      if (refused) this.parts.output.notice.failed(before === name ? refused : `${before}: ${refused}`);
      return true;
    } catch (error) {
      if (choice !== this.choices) return false;
      if (error instanceof Away) {
        this.parts.top.show(this.keeper.project);
        this.parts.output.notice.failed(sentence(error));
      } else this.showBroken(name, sentence(error));
      return false;
    }
  }

  /**
   * A project as it is after all is kept that was edited until its answer came, and why some of that was refused.
   * @param {string} name
   */
  async readOf(name) {
    for (;;) {
      const refused = await this.keeper.saveEdits();
      const project = await get("projects", name);
      if (refused || !this.keeper.hasEdits()) return { project, refused };
    }
  }

  /** The settings were replaced on the server; what is looked at stays. Returns as `select` does. */
  reread() {
    return this.select(this.keeper.selected().name, this.parts.output.run());
  }

  /**
   * @param {Project} project
   * @param {string | null} run the one to look at
   */
  show(project, run) {
    const { generate, output } = this.parts;
    const { job } = this.lists;
    this.take(project);
    remember(LAST_PROJECT, project.name);
    this.showSettings(project);
    generate.show(project);
    this.checked(project, project.check);
    const active = job?.kind === "train" && this.isSelected(job) ? job.run : null;
    output.look(project.name, run ?? active ?? project.runs[0] ?? null, project.runs);
    this.working();
  }

  /**
   * Show the settings anew; who is in a field stays there.
   * @param {Project} project
   */
  showSettings(project) {
    keepFocus(() => {
      this.parts.base.show(project);
      this.parts.options.show(project);
      this.parts.concepts.show(project);
    });
  }

  showNone() {
    this.showNothingBut("No project yet: enter a name and press Create Model.");
  }

  /**
   * A project that cannot be read: all others can be selected, and this one deleted.
   * @param {string} name
   * @param {string} why
   */
  showBroken(name, why) {
    this.showNothingBut(why);
    this.parts.top.showBroken(name);
  }

  /** @param {string} text */
  showNothingBut(text) {
    this.take(null);
    this.parts.panels.open("create");
    this.parts.problems.say(text);
    this.parts.output.look(null, null, []);
    this.working();
  }

  /** The selected project is not in the list, which may be older than the project: leave it if it was deleted. */
  async leaveDeleted() {
    const { name } = this.keeper.selected();
    try {
      await get("projects", name);
    } catch (error) {
      if (error instanceof Away || !this.keeper.isSelected(name)) return;
      this.keeper.select(null);
      await this.selectFirst();
      this.parts.output.notice.done(`The project ${name} was deleted in another window.`);
    }
  }

  /** @param {Project | null} project */
  take(project) {
    const { create, fit, imageCache, panels, presets, problems, rates, top } = this.parts;
    const another = project?.name !== this.keeper.project?.name;
    if (another) {
      fit.begin();
      rates.begin();
      imageCache.begin();
      problems.begin();
    }
    this.keeper.select(project);
    if (another) presets.begin();
    create.read();
    for (const name of OF_A_PROJECT) panels.enable(name, project !== null);
    top.show(project);
  }

  /** What goes on, whether here or in another project. */
  working() {
    const { concepts, generate, offer, output, rates, running } = this.parts;
    const { job, ended } = this.lists;
    offer.show(job ? null : (this.keeper.project?.interrupted ?? null));
    generate.working(job, ended);
    rates.working(job, ended);
    concepts.working(job, ended);
    output.working(job);
    running.show(job, job !== null && (job.kind === "train" ? job.run === output.run() : this.isSelected(job)));
  }

  /** @param {Job} job */
  isSelected(job) {
    return this.keeper.isSelected(job.project);
  }

  /**
   * Go to where a job is to be seen.
   * @param {Job} job
   */
  async go(job) {
    const shown = await this.select(job.project, job.kind === "train" ? job.run : null);
    if (shown && job.kind !== "train") this.parts.panels.open(job.kind === "captions" ? "concepts" : "generate");
  }

  /**
   * Show what is wrong with the settings and what they amount to.
   * @param {Project} project
   * @param {Check} check
   */
  checked(project, check) {
    project.check = check;
    this.parts.problems.show(project);
    this.parts.effects(project); // behind it: a field is not hidden as long as it shows a fault
    this.parts.top.tell(project, check);
    this.parts.concepts.checked();
    this.parts.presets.checked();
  }
}
