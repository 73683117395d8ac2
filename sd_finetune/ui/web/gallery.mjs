// The samples generated during training: all prompts at one step, and a slider through time.
import { address } from "./api.mjs";
import { fill, h, offer } from "./dom.mjs";
import { number } from "./figures.mjs";
import { openFullScreen } from "./lightbox.mjs";
/** @import { Sample } from "./types.d.ts" */

/** @typedef {{ project: string, run: string }} Place */

const ALONE = "384px";

/** `element`, `begin(project, run)`, `show(samples)`; it stays at the newest step until the slider is moved. */
export function makeGallery() {
  const images = h("div", { class: "sdft-images" });
  const label = h("output", { class: "sdft-step" });
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Step of the samples",
    oninput: move,
  });
  const prompts = h("select", { "aria-label": "Prompt of the samples", onchange: draw });
  const compared = h("input", { type: "checkbox", onchange: draw });
  const beside = h("label", { class: "sdft-legend", hidden: true }, compared, "beside those before training");
  const row = h("label", { class: "sdft-row sdft-time" }, "Step", slider, label);
  const choices = h("div", { class: "sdft-row" }, prompts, beside);
  const element = h("div", { class: "sdft-gallery", hidden: true }, h("h4", {}, "Samples"), choices, row, images);
  openFullScreen(images);
  let place = { project: "", run: "" };
  /** @type {Sample[]} */
  let samples = [];
  /** @type {number[]} */
  let steps = [];
  let newest = true;
  let shown = "";

  function move() {
    newest = Number(slider.value) === steps.length - 1;
    draw();
  }

  function draw() {
    const step = steps.at(Number(slider.value));
    const now = samplesAt(step);
    images.style.gridTemplateColumns = prompts.value === "" ? "" : `repeat(${now.length}, minmax(0, ${ALONE}))`;
    const key = JSON.stringify([place, now.map((sample) => sample.serial)]);
    label.textContent = step === undefined ? "" : step === 0 ? "before training" : number(step);
    if (key === shown) return;
    shown = key;
    fill(
      images,
      now.map((sample) => image(place, sample)),
    );
  }

  /**
   * Those to be seen at a step, each beside the one before training if that is wanted.
   * @param {number | undefined} step
   */
  function samplesAt(step) {
    const wanted = samples.filter((sample) => prompts.value === "" || nameOf(sample) === prompts.value);
    const first = compared.checked && step !== 0 ? wanted.filter((sample) => sample.step === 0) : [];
    return wanted
      .filter((sample) => sample.step === step)
      .flatMap((sample) => [...first.filter((before) => nameOf(before) === nameOf(sample)), sample]);
  }

  /** All prompts side by side, or one of them large, to go through time. */
  function offerPrompts() {
    const names = [...new Set(samples.map(nameOf))];
    offer(prompts, [["", "all prompts"], ...names.map((name) => /** @type {[string, string]} */ ([name, name]))]);
  }

  return {
    element,
    /**
     * @param {string} project
     * @param {string} run
     */
    begin(project, run) {
      place = { project, run };
      [samples, steps, newest, shown] = [[], [], true, ""];
      element.hidden = true;
      offerPrompts();
    },
    /** @param {Sample[]} all */
    show(all) {
      samples = all;
      offerPrompts();
      const known = steps.at(Number(slider.value)) ?? -1;
      steps = [...new Set(all.map((sample) => sample.step))].sort((a, b) => a - b);
      beside.hidden = steps[0] !== 0 || steps.length < 2;
      slider.hidden = steps.length < 2;
      slider.max = String(Math.max(0, steps.length - 1));
      slider.value = String(newest ? steps.length - 1 : Math.max(0, steps.indexOf(known)));
      element.hidden = steps.length === 0;
      draw();
    },
  };
}

/** @param {Sample} sample */
const nameOf = (sample) => `${sample.prompt} (seed ${sample.seed})`;

/**
 * @param {Place} place
 * @param {Sample} sample
 */
function image({ project, run }, sample) {
  const file = sample.file.split("/").at(-1) ?? "";
  const source = `${address("projects", project, "runs", run, "samples", file)}?at=${sample.serial}`;
  return h(
    "figure",
    {},
    h("a", { href: source, target: "_blank" }, h("img", { src: source, alt: nameOf(sample), loading: "lazy" })),
    h("figcaption", {}, sample.prompt, h("small", {}, ` seed ${sample.seed}${sample.step === 0 ? ", before" : ""}`)),
  );
}
