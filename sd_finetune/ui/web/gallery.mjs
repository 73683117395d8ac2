// The pictures drawn during training: all prompts at one step, and a slider through time.
import { address } from "./api.mjs";
import { fill, h, number, offer } from "./dom.mjs";

const ALONE = "384px";

/** The gallery: `element`, `begin(model, run)`, `show(samples)`. It stays at the newest step until the slider is moved. */
export function makeGallery() {
  const pictures = h("div", { class: "sdft-pictures" });
  const label = h("output", { class: "sdft-step" });
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Step of the samples",
    oninput: () => move(),
  });
  const prompts = h("select", { "aria-label": "Prompt of the samples", onchange: () => draw() });
  const compared = h("input", { type: "checkbox", onchange: () => draw() });
  const beside = h("label", { class: "sdft-legend", hidden: true }, compared, "beside those before training");
  const row = h("label", { class: "sdft-row sdft-time" }, "Step", slider, label);
  const element = h(
    "div",
    { class: "sdft-gallery", hidden: true },
    h("h4", {}, "Samples"),
    h("div", { class: "sdft-row" }, prompts, beside),
    row,
    pictures,
  );
  let place = { model: "", run: "" };
  let samples = [];
  let steps = [];
  let newest = true;
  let shown = "";

  function move() {
    newest = Number(slider.value) === steps.length - 1;
    draw();
  }

  function draw() {
    const step = steps[Number(slider.value)];
    const wanted = (sample) => prompts.value === "" || nameOf(sample) === prompts.value;
    const before = (sample) =>
      compared.checked && step > 0 ? samples.filter((each) => each.step === 0 && nameOf(each) === nameOf(sample)) : [];
    const now = samples
      .filter((sample) => sample.step === step && wanted(sample))
      .flatMap((sample) => [...before(sample), sample]);
    pictures.style.gridTemplateColumns = prompts.value === "" ? "" : `repeat(${now.length}, minmax(0, ${ALONE}))`;
    const key = JSON.stringify([place, now.map((sample) => sample.serial)]);
    label.textContent = step === undefined ? "" : step === 0 ? "before training" : number(step);
    if (key === shown) return;
    shown = key;
    fill(
      pictures,
      now.map((sample) => picture(place, sample)),
    );
  }

  /** All prompts side by side, or one of them large, to go through time. */
  function offerPrompts() {
    offer(prompts, [["", "all prompts"], ...[...new Set(samples.map(nameOf))].map((name) => [name, name])]);
  }

  return {
    element,
    begin(model, run) {
      place = { model, run };
      [samples, steps, newest, shown] = [[], [], true, ""];
      element.hidden = true;
      offerPrompts();
    },
    show(all) {
      samples = all;
      offerPrompts();
      const known = steps[Number(slider.value)];
      steps = [...new Set(all.map((sample) => sample.step))].sort((a, b) => a - b);
      beside.hidden = steps[0] !== 0 || steps.length < 2;
      slider.max = Math.max(0, steps.length - 1);
      slider.value = newest ? steps.length - 1 : Math.max(0, steps.indexOf(known));
      element.hidden = steps.length === 0;
      draw();
    },
  };
}

const nameOf = (sample) => `${sample.prompt} (seed ${sample.seed})`;

function picture({ model, run }, sample) {
  const source = `${address("models", model, "runs", run, "samples", sample.file.split("/").at(-1))}?at=${sample.serial}`;
  return h(
    "figure",
    {},
    h("a", { href: source, target: "_blank" }, h("img", { src: source, alt: nameOf(sample), loading: "lazy" })),
    h("figcaption", {}, sample.prompt, h("small", {}, ` seed ${sample.seed}${sample.step === 0 ? ", before" : ""}`)),
  );
}
