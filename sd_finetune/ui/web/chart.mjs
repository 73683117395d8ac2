// The loss curve, drawn on a canvas from the thinned points that the server keeps.
import { makeLines, nearest, putPoints, summary } from "./curves.mjs";
import { h } from "./dom.mjs";
import { draw } from "./plot.mjs";
import { scales } from "./scales.mjs";
/** @import { Course, Data, Line } from "./curves.mjs" */

/** The chart: `element`, `show(data)`, `compare(other)` with an earlier run. */
export function makeChart() {
  const lines = makeLines();
  const boxes = lines.map((line) => ({ line, element: legend(line, redraw) }));
  /** @type {Data} */
  let data = { points: [], evaluations: [], stride: 1 };
  /** @type {Course} */
  let other = { points: [], stride: 1 };
  /** @type {number | null} */
  let hovered = null;
  const canvas = h("canvas", { class: "sdft-canvas", role: "img", "aria-label": "Loss curve" });
  const tip = h("div", { class: "sdft-tip", hidden: true });
  const log = h("input", { type: "checkbox", onchange: redraw });
  const smoothing = h("input", {
    type: "range",
    min: 0,
    max: 0.99,
    step: 0.01,
    value: 0.9,
    "aria-label": "Smoothing",
    oninput: update,
  });

  function redraw() {
    requestAnimationFrame(() => draw(canvas, lines, log.checked, hovered));
  }

  function update() {
    putPoints(lines, data, other, Number(smoothing.value));
    for (const box of boxes) box.element.hidden = box.line.points.length === 0;
    canvas.setAttribute("aria-label", summary(lines));
    redraw();
  }

  canvas.addEventListener("mousemove", (event) => {
    hovered = event.offsetX;
    showTip(canvas, tip, lines, hovered);
    redraw();
  });
  canvas.addEventListener("mouseleave", () => {
    hovered = null;
    tip.hidden = true;
    redraw();
  });
  new ResizeObserver(redraw).observe(canvas);
  const switches = h(
    "div",
    { class: "sdft-legends" },
    h("label", { class: "sdft-legend" }, log, "log axis"),
    h("label", { class: "sdft-legend" }, "smoothing", smoothing),
  );
  const legends = h(
    "div",
    { class: "sdft-legends" },
    boxes.map((box) => box.element),
  );
  const element = h("div", { class: "sdft-chart" }, h("div", { class: "sdft-plot" }, canvas, tip), legends, switches);
  update();
  return {
    element,
    /** @param {Data} shown */
    show(shown) {
      data = shown;
      update();
    },
    /** @param {Course} earlier */
    compare(earlier) {
      other = earlier;
      update();
    },
  };
}

/**
 * A line's color and name, and a box that shows or hides it.
 * @param {Line} line
 * @param {() => void} redraw
 */
function legend(line, redraw) {
  const box = h("input", {
    type: "checkbox",
    checked: line.shown,
    onchange() {
      line.shown = box.checked;
      redraw();
    },
  });
  return h("label", { class: "sdft-legend", hidden: true }, box, swatch(line), line.label);
}

/** @param {Line} line */
const swatch = (line) => h("span", { class: "sdft-swatch", style: `background:${line.color}` });

/**
 * Show the values of all lines where the pointer is.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} tip
 * @param {Line[]} lines
 * @param {number} place
 */
function showTip(canvas, tip, lines, place) {
  const scale = scales(canvas, lines, false);
  const step = scale.step(place);
  tip.hidden = !scale.any || step < scale.first || step > scale.last;
  if (tip.hidden) return;
  const shown = lines.filter((line) => line.shown && line.points.length);
  const rows = shown.map((line) => {
    const value = nearest(line.points, step)[1];
    return h("div", {}, swatch(line), `${line.label} ${line.right ? value.toExponential(2) : value.toPrecision(4)}`);
  });
  const heading = `step ${nearest(shown[0].points, step)[0].toLocaleString("en-US")}`;
  tip.replaceChildren(h("b", {}, heading), ...rows);
  tip.style.left = `${Math.min(place + 12, canvas.clientWidth - 150)}px`;
}
