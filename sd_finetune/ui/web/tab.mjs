// The tab as a whole, and what is done in it: create, train, delete.
import { get, post, sentence } from "./api.mjs";
import { labelsOf } from "./form.mjs";
import { Keeper } from "./keeper.mjs";
import { layOut, makeParts } from "./parts.mjs";
import { Selection } from "./selection.mjs";
import { offerLists, refresh, watch } from "./watch.mjs";
/** @import { Project, Start } from "./types.d.ts" */

/** All parts together. */
export class Tab {
  /**
   * @param {HTMLElement} root
   * @param {Start} start its lists are kept up to date
   */
  constructor(root, start) {
    this.lists = start;
    const said = () => this.parts.output.notice;
    this.keeper = new Keeper({
      checked: (project) => this.selection.checked(project, project.check),
      taken: (project, names) => {
        this.selection.showSettings(project);
        said().done(`Changed in another window: ${labelsOf(start.form, names)}.`);
      },
      lost: (names) =>
        said().failed(
          `Changed in another window at the same time, whose value stands: ${labelsOf(start.form, names)}.`,
        ),
      failed: (problem) => said().failed(problem),
    });
    this.parts = makeParts(root, start, this.keeper, {
      created: (project, train) => this.created(project, train),
      reread: () => this.selection.reread(),
      ended: () => this.ended(),
      select: (name) => this.selection.select(name),
      go: (job) => this.selection.go(job),
      resume: (run) => this.resume(run),
      begin: () => this.begin(),
      remove: () => this.remove(),
    });
    this.selection = new Selection(this.keeper, this.parts, start);
    layOut(root, start, this.parts);
    offerLists(start, this.selection);
    this.selection.begin();
    watch(start, this.selection, () => this.ended());
  }

  refresh() {
    return refresh(this.lists, this.selection);
  }

  /**
   * @param {Project} project
   * @param {boolean} train whether to begin at once
   */
  async created(project, train) {
    await this.refresh();
    if (!(await this.selection.select(project.name))) return;
    this.parts.output.notice.done(`Created ${project.name} from ${project.base}.`);
    const goesOn = project.runs.length || project.source || project.settings.base?.continue_from;
    if (train) await this.begin();
    else this.parts.panels.open(goesOn ? "settings" : "concepts");
  }

  async begin() {
    const { top, problems, output } = this.parts;
    if (!this.keeper.project || top.train.disabled) return;
    top.train.disabled = true;
    try {
      const begun = await this.keeper.act(async (name) => {
        const faulty = this.keeper.isSelected(name) && Object.keys(this.keeper.selected().check.faults).length > 0;
        return faulty ? { name, run: "" } : { name, ...(await post(["projects", name, "train"])) };
      });
      if (begun?.run === "") return problems.insist();
      if (!begun) return;
      output.notice.clear();
      await this.look(begun.name, begun.run);
    } catch (error) {
      output.notice.failed(sentence(error));
    } finally {
      top.train.disabled = !this.keeper.project;
    }
  }

  /** @param {string} run */
  async resume(run) {
    const { name } = this.keeper.selected();
    try {
      await post(["projects", name, "runs", run, "resume"]);
      await this.look(name, run);
    } catch (error) {
      const of = this.keeper.isSelected(name) ? "" : `${name}: `;
      this.parts.output.notice.failed(of + sentence(error));
    }
  }

  /**
   * Look at a run that begins, unless another project was selected meanwhile.
   * @param {string} name the project's
   * @param {string} run
   */
  async look(name, run) {
    await this.refresh();
    if (this.keeper.isSelected(name)) await this.selection.select(name, run);
  }

  async remove() {
    const name = this.parts.top.chosen();
    if (!window.confirm(`Delete the project ${name} with its runs and uploaded images?`)) return;
    try {
      await post(["projects", name, "delete"]);
      if (this.keeper.isSelected(name)) this.keeper.select(null);
      await this.refresh();
      if (!this.keeper.project) this.selection.selectFirst();
    } catch (error) {
      this.parts.output.notice.failed(sentence(error));
    }
  }

  async ended() {
    const { name } = this.keeper.selected();
    const told = await get("projects", name).catch(() => null);
    if (told && this.keeper.project && this.keeper.isSelected(name)) {
      Object.assign(this.keeper.project, { runs: told.runs, interrupted: told.interrupted });
      this.selection.working();
      this.parts.generate.show(this.keeper.project);
      this.parts.create.read();
      this.keeper.save(); // the time that it takes is known better now
    }
  }
}
