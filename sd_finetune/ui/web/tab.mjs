// The tab: what is decided on the left, what happens on the right.
import { get, post, sentence } from "./api.mjs";
import { makeConcepts } from "./concepts.mjs";
import { makeCreate } from "./create.mjs";
import { fill, h } from "./dom.mjs";
import { makeFit } from "./fit.mjs";
import { groupOf, optionOf } from "./form.mjs";
import { makeGenerate } from "./generate.mjs";
import { Keeper } from "./keeper.mjs";
import { makeProblems } from "./problems.mjs";
import { makeOptions } from "./options.mjs";
import { makeOutput } from "./output.mjs";
import { makePanels } from "./panels.mjs";
import { makeTop } from "./top.mjs";
import { refreshLists } from "./use.mjs";
/** @import { Check, Project, PanelName, Start } from "./types.d.ts" */

const LAST_PROJECT = "sd_finetune_project";
const LOOK_AGAIN = 1000;
/** @type {PanelName[]} */
const OF_A_PROJECT = ["settings", "concepts", "saving", "generate"];

/** All parts together; `job` is what the server is doing. */
export class Tab {
  /**
   * @param {HTMLElement} root
   * @param {Start} start
   */
  constructor(root, start) {
    this.start = start;
    this.job = start.job;
    this.keeper = new Keeper(
      (project, check) => this.checked(project, check),
      (problem) => this.output.tell(problem, "error"),
    );
    const save = () => this.keeper.save();
    const reread = () => this.reread();
    const side = Number(optionOf(start.form, "data.resolution").default);
    const samplers = optionOf(start.form, "samples.sampler").choices;
    this.create = makeCreate(samplers, start.example, (project, train) => this.created(project, train));
    this.fit = makeFit(
      () => this.keeper.selected().name,
      () => this.keeper.saveNow(),
      reread,
    );
    this.options = makeOptions(start.form, this.fit.element, this.keeper.later);
    this.concepts = makeConcepts(groupOf(start.form, "concepts"), side, this.keeper.later, save);
    this.generate = makeGenerate(save);
    this.output = makeOutput(() => this.ended(), reread);
    this.panels = makePanels([
      ["create", "Create Model", this.create.element],
      ["settings", "Settings", this.options.settings],
      ["concepts", "Concepts", this.concepts.element],
      ["saving", "Saving", this.options.saving],
      ["generate", "Generate", h("div", {}, this.options.generate, this.generate.element)],
    ]);
    this.problems = makeProblems(root, this.panels);
    this.top = makeTop(
      (name) => this.select(name),
      () => this.begin(),
      () => this.delete(),
    );
    this.layOut(root);
    this.showProjects();
    this.selectFirst(this.job?.project ?? localStorage.getItem(LAST_PROJECT));
    setInterval(() => this.lookAgain(), LOOK_AGAIN);
  }

  /** @param {HTMLElement} root */
  layOut(root) {
    const problems = this.start.faults.map((fault) => h("div", { class: "sdft-message", "data-kind": "error" }, fault));
    const columns = h("div", { class: "sdft-columns" }, this.panels.element, this.output.element);
    const foot = h("footer", { class: "sdft-foot" }, `SD Fine-Tune ${this.start.version}`);
    fill(root, problems, this.top.element, this.problems.element, columns, foot);
  }

  /**
   * @param {Project} project
   * @param {boolean} train whether to begin at once
   */
  async created(project, train) {
    await this.refresh();
    await this.select(project.name);
    this.output.tell(`Created ${project.name} from ${project.base}.`, "done");
    const goesOn = project.runs.length || project.source || project.settings.base?.continue_from;
    if (train) await this.begin();
    else this.panels.open(goesOn ? "settings" : "concepts");
  }

  showProjects() {
    this.top.offer(this.start.projects, this.keeper.project);
    this.create.show(this.start.checkpoints);
  }

  async refresh() {
    Object.assign(this.start, await get("projects"));
    this.showProjects();
    this.job = this.start.job;
  }

  /** @param {string | null} [wanted] selected if there is such a project, or else the first one */
  selectFirst(wanted = null) {
    const { projects } = this.start;
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
      this.showProject(await get("projects", name), run);
    } catch (error) {
      this.output.tell(sentence(error), "error");
    }
  }

  /** The settings were replaced on the server; what is looked at stays. */
  reread() {
    return this.select(this.keeper.selected().name, this.output.run());
  }

  /**
   * @param {Project} project
   * @param {string | null} run the one to look at
   */
  showProject(project, run) {
    this.take(project);
    localStorage.setItem(LAST_PROJECT, project.name);
    this.options.show(project);
    this.concepts.show(project);
    this.generate.show(project);
    this.generate.working(this.job);
    this.checked(project, project.check);
    const active = this.job?.kind === "train" && this.job.project === project.name ? this.job.run : null;
    this.output.look(project.name, run ?? active ?? project.runs[0] ?? null, project.runs);
  }

  showNone() {
    this.take(null);
    this.panels.open("create");
    this.problems.say("No project yet: enter a name and press Create Model.");
    this.output.look(null, null, []);
  }

  /** @param {Project | null} project */
  take(project) {
    if (project?.name !== this.keeper.project?.name) this.fit.begin();
    this.keeper.project = project;
    this.create.read();
    for (const name of OF_A_PROJECT) this.panels.enable(name, project !== null);
    this.top.show(project);
  }

  /**
   * @param {Project} project
   * @param {Check} check
   */
  checked(project, check) {
    project.check = check;
    this.problems.show(check);
    this.top.tell(project, check);
    this.concepts.checked();
  }

  async begin() {
    if (!this.keeper.project || this.top.train.disabled) return;
    this.top.train.disabled = true;
    try {
      await this.keeper.saveNow();
      const { name, check } = this.keeper.selected();
      const faults = Object.keys(check.faults);
      if (faults.length) return this.problems.lead(faults[0]);
      const { run } = await post(["projects", name, "train"]);
      this.output.tell("");
      await this.refresh();
      await this.select(this.keeper.selected().name, run);
    } catch (error) {
      this.output.tell(sentence(error), "error");
    } finally {
      this.top.train.disabled = false;
    }
  }

  async delete() {
    const { name } = this.keeper.selected();
    if (!window.confirm(`Delete the project ${name} with its runs and uploaded images?`)) return;
    try {
      await post(["projects", name, "delete"]);
      this.keeper.project = null;
      await this.refresh();
      this.selectFirst();
    } catch (error) {
      this.output.tell(sentence(error), "error");
    }
  }

  /** A run that another tab has started, or that ended, is noticed here. */
  async lookAgain() {
    const before = this.job;
    try {
      await this.refresh();
    } catch {
      return; // the output says that the server is silent
    }
    const job = this.job;
    this.generate.working(job);
    if (job?.kind !== "train" || job.run === before?.run) return;
    if (job.project === this.keeper.project?.name) {
      const others = this.keeper.project.runs.filter((run) => run !== job.run);
      this.output.look(job.project, job.run, [job.run, ...others]);
    } else if (!this.keeper.project) this.select(job.project);
  }

  async ended() {
    refreshLists();
    const { name } = this.keeper.selected();
    const told = await get("projects", name).catch(() => null);
    if (told && this.keeper.project?.name === name) {
      this.keeper.project.runs = told.runs;
      this.generate.show(this.keeper.project);
      this.create.read();
      this.keeper.save(); // the time that it takes is known better now
    }
  }
}
