// The line above all else: which project, what training it amounts to, Train and Delete.
import { button, h, offer } from "./dom.mjs";
import { counted, number, roughly } from "./figures.mjs";
/** @import { Check, Project } from "./types.d.ts" */

/**
 * The line: `element`, `train` (its button), `offer(names, selected)`, `show(project)`,
 * `showBroken(name)`, `chosen()`, `tell(project, check)`.
 * @param {(name: string) => void} select
 * @param {() => void} begin
 * @param {() => void} remove
 * @param {Record<string, string>} methods what each is called
 */
export function makeTop(select, begin, remove, methods) {
  const label = h("label", { for: "sd_finetune_project" }, "Project");
  const projects = h("select", { id: "sd_finetune_project", onchange: (event) => select(event.target.value) });
  const facts = h("span", { class: "sdft-facts" });
  const train = button("Train", begin, { id: "sd_finetune_generate", class: "sdft-button sdft-primary" });
  const trash = button("Delete", remove, { title: "Delete this project with its runs" });

  return {
    element: h("div", { class: "sdft-top" }, label, projects, facts, trash, train),
    train,
    /**
     * @param {string[]} names
     * @param {Project | null} selected
     */
    offer(names, selected) {
      const pairs = names.map((name) => /** @type {[string, string]} */ ([name, name]));
      offer(projects, names.length ? pairs : [["", "No project yet"]]);
      if (selected) projects.value = selected.name;
    },
    /** @param {Project | null} project another one was selected */
    show(project) {
      if (project) projects.value = project.name;
      else facts.textContent = "";
      trash.hidden = project === null;
      train.disabled = project === null;
    },
    /** @param {string} name of a project that cannot be shown, but deleted */
    showBroken(name) {
      projects.value = name;
      trash.hidden = name === "";
    },
    /** The name of the project that is chosen, whether it can be shown or not. */
    chosen: () => projects.value,
    /**
     * @param {Project} project
     * @param {Check} check
     */
    tell(project, check) {
      facts.textContent = factsOf(project, check, methods);
    },
  };
}

/**
 * What a project comes from and what training it amounts to.
 * @param {Project} project
 * @param {Check} check
 * @param {Record<string, string>} methods what each is called
 */
function factsOf(project, check, methods) {
  const method = project.settings.method ?? "lora";
  const file = project.settings.base?.continue_from?.split(/[\\/]/).at(-1);
  const source = project.source ? `step ${number(project.source.step)} of ${project.source.of}` : file;
  const before = source ? ` · continues from ${source}` : "";
  const length = check.steps ? ` · ${counted(check.steps, "step")}, ${number(check.steps_per_epoch)} per epoch` : "";
  const time = check.seconds ? `, about ${roughly(check.seconds)}` : "";
  return `from ${project.base} · ${methods[method] ?? method}${before}${length}${time}`;
}
