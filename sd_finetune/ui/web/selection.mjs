// Which project is selected, shown in all parts.
import { get, sentence } from "./api.mjs";
/** @import { Keeper } from "./keeper.mjs" */
/** @import { Parts } from "./parts.mjs" */
/** @import { Check, Lists, PanelName, Project } from "./types.d.ts" */

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
  }

  /** The project that is at work, or else the one that was selected last. */
  begin() {
    this.selectFirst(this.lists.job?.project ?? localStorage.getItem(LAST_PROJECT));
  }

  /** @param {string | null} [wanted] selected if there is such a project, or else the first one */
  selectFirst(wanted = null) {
    const { projects } = this.lists;
    if (wanted !== null && projects.includes(wanted)) this.select(wanted);
    else if (projects.length) this.select(projects[0]);
    else this.showNone();
  }

  /**
   * @param {string} name
   * @param {string | null} [run] the one to look at
   */
  async select(name, run = null) {
    await this.keeper.later.now();
    try {
      this.show(await get("projects", name), run);
    } catch (error) {
      this.parts.output.tell(sentence(error), "error");
    }
  }

  /** The settings were replaced on the server; what is looked at stays. */
  reread() {
    return this.select(this.keeper.selected().name, this.parts.output.run());
  }

  /**
   * @param {Project} project
   * @param {string | null} run the one to look at
   */
  show(project, run) {
    const { options, concepts, generate, output } = this.parts;
    const { job } = this.lists;
    this.take(project);
    localStorage.setItem(LAST_PROJECT, project.name);
    options.show(project);
    concepts.show(project);
    generate.show(project);
    generate.working(job);
    this.checked(project, project.check);
    const active = job?.kind === "train" && job.project === project.name ? job.run : null;
    output.look(project.name, run ?? active ?? project.runs[0] ?? null, project.runs);
  }

  showNone() {
    this.take(null);
    this.parts.panels.open("create");
    this.parts.problems.say("No project yet: enter a name and press Create Model.");
    this.parts.output.look(null, null, []);
  }

  /** @param {Project | null} project */
  take(project) {
    const { create, fit, panels, top } = this.parts;
    if (project?.name !== this.keeper.project?.name) fit.begin();
    this.keeper.project = project;
    create.read();
    for (const name of OF_A_PROJECT) panels.enable(name, project !== null);
    top.show(project);
  }

  /**
   * Show what is wrong with the settings and what they amount to.
   * @param {Project} project
   * @param {Check} check
   */
  checked(project, check) {
    project.check = check;
    this.parts.problems.show(check);
    this.parts.top.tell(project, check);
    this.parts.concepts.checked();
  }
}
