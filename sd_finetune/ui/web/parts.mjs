// The parts of the tab, made and put in their places.
import { makeBase } from "./base.mjs";
import { makeConcepts } from "./concepts.mjs";
import { makeConnection } from "./connection.mjs";
import { makeCreate } from "./create.mjs";
import { fill, h, keepFocus } from "./dom.mjs";
import { makeEffects } from "./effects.mjs";
import { makeFit } from "./fit.mjs";
import { groupOf, methodTitles, optionOf, takeChoices } from "./form.mjs";
import { makeGenerate } from "./generate.mjs";
import { makeImageCache } from "./image_cache.mjs";
import { makeOffer } from "./offer.mjs";
import { makeOptions } from "./options.mjs";
import { makeOutput } from "./output.mjs";
import { makePackages } from "./packages.mjs";
import { makePanels } from "./panels.mjs";
import { makePresets } from "./presets.mjs";
import { makeProblems } from "./problems.mjs";
import { makeRateFinder } from "./rate_finder.mjs";
import { makeRunning } from "./running.mjs";
import { makeTop } from "./top.mjs";
/** @import { Act, Keeper } from "./keeper.mjs" */
/** @import { Job, Project, Start } from "./types.d.ts" */

/**
 * @typedef {object} Acts what the parts call
 * @property {(project: Project, train: boolean) => Promise<void>} created
 * @property {() => Promise<boolean>} reread the settings were replaced on the server; whether they are shown
 * @property {() => Promise<void>} ended a run has come to its end
 * @property {(name: string) => Promise<unknown>} select
 * @property {(job: Job) => Promise<void>} go to where a job is to be seen
 * @property {(run: string) => Promise<void>} resume a run of the selected project
 * @property {() => Promise<void>} begin starts a training
 * @property {() => Promise<void>} remove deletes the selected project
 */

/** @typedef {ReturnType<typeof makeParts>} Parts */

/**
 * All parts, which are not on the page yet.
 * @param {HTMLElement} root
 * @param {Start} start
 * @param {Keeper} keeper
 * @param {Acts} acts
 */
export function makeParts(root, { form, example, example_note: note, gpus }, keeper, acts) {
  /** @type {Act} */
  const act = (request) => keeper.act(request);
  const effects = makeEffects(root, form);
  const changed = () => {
    keeper.later();
    showEffects();
  };
  const showEffects = () => {
    if (keeper.project) effects(keeper.project);
  };
  const create = makeCreate(optionOf(form, "samples.sampler"), example, note, acts.created);
  const nameOf = () => keeper.project?.name;
  const fit = makeFit(gpus, act, acts.reread);
  const base = makeBase(act, acts.reread);
  const imageCache = makeImageCache(act);
  const rates = makeRateFinder(nameOf, act, acts.reread);
  const packages = makePackages((now) => {
    takeChoices(form, now);
    if (!keeper.project) return;
    const { project } = keeper;
    keepFocus(() => options.show(project));
    showEffects();
  });
  const presets = makePresets(form, nameOf, act, acts.reread);
  const above = h("div", {}, base.element, presets.element);
  const options = makeOptions(form, above, h("div", {}, fit.element, rates.element, packages.element), changed);
  const concepts = makeConcepts(groupOf(form, "concepts"), changed, {
    act,
    save: () => keeper.save(),
    reread: acts.reread,
    isKept: () => !keeper.hasEdits(),
    isSelected: (name) => keeper.isSelected(name),
    drawn: showEffects,
  });
  const generate = makeGenerate(act);
  const output = makeOutput(acts.ended, acts.reread);
  const panels = makePanels([
    ["create", "Create Model", create.element],
    ["settings", "Settings", options.settings],
    ["concepts", "Concepts", concepts.element],
    ["saving", "Saving", h("div", {}, options.saving, imageCache.element)],
    ["generate", "Generate", h("div", {}, options.generate, generate.element)],
  ]);
  const problems = makeProblems(root, form, panels, () => keeper.later.now());
  const top = makeTop(acts.select, acts.begin, acts.remove, methodTitles(form));
  const running = makeRunning(acts.go);
  const offer = makeOffer(acts.resume);
  return {
    base,
    create,
    effects,
    fit,
    imageCache,
    options,
    concepts,
    generate,
    offer,
    output,
    packages,
    panels,
    presets,
    problems,
    rates,
    running,
    top,
  };
}

/**
 * What is decided on the left, what happens on the right.
 * @param {HTMLElement} root
 * @param {Start} start
 * @param {Parts} parts
 */
export function layOut(root, { faults, version }, { panels, offer, output, top, problems, running }) {
  const messages = faults.map((fault) => h("div", { class: "sdft-message", "data-kind": "error" }, fault));
  const columns = h("div", { class: "sdft-columns" }, panels.element, output.element);
  const foot = h("footer", { class: "sdft-foot" }, `SD Fine-Tune ${version}`);
  fill(
    root,
    makeConnection().element,
    messages,
    top.element,
    running.element,
    offer.element,
    problems.element,
    columns,
    foot,
  );
}
