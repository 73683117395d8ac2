// The loss curve, drawn on a canvas from the thinned points that the server keeps.
import { h } from "./dom.mjs";

const MARGIN = { left: 52, right: 52, top: 10, bottom: 26 };
const HEIGHT = 250;
const LINES = [
  { key: "raw", label: "raw", colour: "#8aa4c8", width: 1, shown: true },
  { key: "smooth", label: "smoothed", colour: "#3b82f6", width: 2, shown: true },
  { key: "instance", label: "instance", colour: "#16a34a", width: 1.5, shown: true },
  { key: "prior", label: "prior", colour: "#d97706", width: 1.5, shown: true },
  { key: "evaluation", label: "evaluation", colour: "#dc2626", width: 1.5, shown: true, dots: true },
  { key: "rate", label: "learning rate", colour: "#a855f7", width: 1, shown: true, right: true, dash: [3, 3] },
  { key: "other", label: "earlier run", colour: "#9ca3af", width: 1.5, shown: true, dash: [6, 3] },
];

/** The chart: `element`, `show({points, evaluations, rates, stride})`, `compare(points, stride)`. */
export function makeChart() {
  const lines = LINES.map((line) => ({ ...line, points: [] }));
  const options = { log: false, smoothing: 0.9 };
  let data = { points: [], evaluations: [], rates: [], stride: 1 };
  let other = { points: [], stride: 1 };
  let hovered = null;
  const canvas = h("canvas", { class: "sdft-canvas", role: "img", "aria-label": "Loss curve" });
  const tip = h("div", { class: "sdft-tip", hidden: true });
  const redraw = () => requestAnimationFrame(() => draw(canvas, lines, options, hovered));

  function update() {
    const { points, evaluations, stride } = data;
    const smooth = (column, from = points, width = stride) => smoothed(from, column, options.smoothing, width);
    const values = {
      raw: points.map((point) => [point[0], point[1]]),
      smooth: smooth(1),
      instance: hasPrior(points) ? smooth(2) : [],
      prior: smooth(3),
      evaluation: evaluations,
      rate: points.map((point) => [point[0], point[4]]),
      other: smooth(1, other.points, other.stride),
    };
    for (const line of lines) line.points = values[line.key].filter((point) => Number.isFinite(point[1]));
    for (const line of lines) line.box.hidden = line.points.length === 0;
    canvas.setAttribute("aria-label", summary(lines));
    redraw();
  }

  function toggle(line) {
    const box = h("input", {
      type: "checkbox",
      checked: line.shown,
      onchange: () => ((line.shown = box.checked), redraw()),
    });
    const swatch = h("span", { class: "sdft-swatch", style: `background:${line.colour}` });
    line.box = h("label", { class: "sdft-legend", hidden: true }, box, swatch, line.label);
    return line.box;
  }

  const log = h("input", { type: "checkbox", onchange: () => ((options.log = log.checked), redraw()) });
  const strength = h("input", {
    type: "range",
    min: 0,
    max: 0.99,
    step: 0.01,
    value: options.smoothing,
    "aria-label": "Smoothing",
    oninput: () => ((options.smoothing = Number(strength.value)), update()),
  });
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
  const legend = h("div", { class: "sdft-legends" }, lines.map(toggle));
  const switches = h(
    "div",
    { class: "sdft-legends" },
    h("label", { class: "sdft-legend" }, log, "log axis"),
    h("label", { class: "sdft-legend" }, "smoothing", strength),
  );
  const element = h("div", { class: "sdft-chart" }, h("div", { class: "sdft-plot" }, canvas, tip), legend, switches);
  update();
  return {
    element,
    show: (shown) => ((data = shown), update()),
    compare: (points, stride) => ((other = { points, stride }), update()),
  };
}

const hasPrior = (points) => points.some((point) => point[3] !== null);

/** [step, mean]: an exponential mean without the bias of its start; the weight is for one step, a point has `stride`. */
export function smoothed(points, column, weight, stride) {
  const keep = weight ** stride;
  let mean = 0;
  let total = 0;
  const result = [];
  for (const point of points) {
    if (point[column] === null || point[column] === undefined) continue;
    mean = keep * mean + (1 - keep) * point[column];
    total = keep * total + (1 - keep);
    result.push([point[0], total ? mean / total : point[column]]);
  }
  return result;
}

function summary(lines) {
  const last = (key) => lines.find((line) => line.key === key).points.at(-1);
  const smooth = last("smooth");
  const evaluation = last("evaluation");
  if (!smooth) return "Loss curve, empty";
  const more = evaluation ? `, evaluation loss ${evaluation[1].toPrecision(3)}` : "";
  return `Loss curve to step ${smooth[0]}: smoothed loss ${smooth[1].toPrecision(3)}${more}`;
}

/** Where numbers are on the canvas; `y` for the losses, `right` for the learning rate. */
function scales(canvas, lines, log) {
  const shown = lines.filter((line) => line.shown && line.points.length);
  const left = shown.filter((line) => !line.right).flatMap((line) => line.points.map((point) => point[1]));
  const right = shown.filter((line) => line.right).flatMap((line) => line.points.map((point) => point[1]));
  const steps = shown.flatMap((line) => [line.points[0][0], line.points.at(-1)[0]]);
  const [first, last] = steps.length ? [Math.min(...steps), Math.max(...steps, Math.min(...steps) + 1)] : [0, 1];
  const width = canvas.clientWidth - MARGIN.left - MARGIN.right;
  const x = (step) => MARGIN.left + ((step - first) / (last - first)) * width;
  const step = (place) => first + ((place - MARGIN.left) / width) * (last - first);
  return {
    x,
    step,
    first,
    last,
    y: axis(left, log),
    right: axis([0, ...right], false),
    any: left.length > 0,
    rates: right.length > 0,
  };
}

function axis(values, log) {
  const known = log ? values.filter((value) => value > 0) : values;
  let [low, high] = known.length
    ? [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))]
    : [0, 1];
  if (log) [low, high] = [Math.log10(low), Math.log10(high)];
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  [low, high] = [!log && low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const place = (value) =>
    MARGIN.top + height * (1 - ((log ? Math.log10(Math.max(value, 1e-12)) : value) - low) / (high - low));
  const ticks = [0, 1, 2, 3, 4]
    .map((part) => low + ((high - low) * part) / 4)
    .map((value) => (log ? 10 ** value : value));
  return { place, ticks };
}

function draw(canvas, lines, options, hovered) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  if (!width) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const scale = scales(canvas, lines, options.log);
  pen.font = `11px ${style.fontFamily}`;
  pen.fillStyle = style.color;
  if (!scale.any) {
    pen.textAlign = "center";
    pen.fillText("The loss appears here with the first step.", width / 2, HEIGHT / 2);
    return;
  }
  drawAxes(pen, scale, width, style);
  for (const line of lines) if (line.shown && line.points.length) drawLine(pen, line, scale);
  if (hovered !== null && hovered > MARGIN.left && hovered < width - MARGIN.right) {
    pen.strokeStyle = style.color;
    pen.globalAlpha = 0.5;
    pen.strokeRect(hovered, MARGIN.top, 0.01, HEIGHT - MARGIN.top - MARGIN.bottom);
    pen.globalAlpha = 1;
  }
}

function drawAxes(pen, scale, width, style) {
  pen.lineWidth = 1;
  for (const tick of scale.y.ticks) {
    const y = scale.y.place(tick);
    pen.strokeStyle = style.borderTopColor;
    pen.beginPath();
    pen.moveTo(MARGIN.left, y);
    pen.lineTo(width - MARGIN.right, y);
    pen.stroke();
    pen.textAlign = "right";
    pen.fillText(tick.toPrecision(3), MARGIN.left - 6, y + 4);
  }
  pen.textAlign = "left";
  if (scale.rates)
    for (const tick of scale.right.ticks) {
      pen.fillText(
        tick === 0 ? "0" : Number(tick.toPrecision(2)).toExponential(),
        width - MARGIN.right + 6,
        scale.right.place(tick) + 4,
      );
    }
  pen.textAlign = "center";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const step = scale.first + (scale.last - scale.first) * part;
    pen.fillText(Math.round(step).toLocaleString("en-US"), scale.x(step), HEIGHT - 8);
  }
}

function drawLine(pen, line, scale) {
  const place = line.right ? scale.right.place : scale.y.place;
  pen.strokeStyle = pen.fillStyle = line.colour;
  const colour = pen.fillStyle;
  pen.lineWidth = line.width;
  pen.setLineDash(line.dash ?? []);
  pen.globalAlpha = line.key === "raw" ? 0.45 : 1;
  pen.beginPath();
  line.points.forEach(([step, value], index) =>
    index ? pen.lineTo(scale.x(step), place(value)) : pen.moveTo(scale.x(step), place(value)),
  );
  pen.stroke();
  pen.setLineDash([]);
  if (line.dots || line.points.length === 1)
    for (const [step, value] of line.points) {
      pen.beginPath();
      pen.arc(scale.x(step), place(value), 2.5, 0, 2 * Math.PI);
      pen.fill();
    }
  pen.globalAlpha = 1;
  pen.fillStyle = getComputedStyle(pen.canvas).color;
  return colour;
}

function showTip(canvas, tip, lines, place) {
  const scale = scales(canvas, lines, false);
  const step = scale.step(place);
  tip.hidden = !scale.any || step < scale.first || step > scale.last;
  if (tip.hidden) return;
  const rows = lines
    .filter((line) => line.shown && line.points.length)
    .map((line) => [line, nearest(line.points, step)]);
  tip.replaceChildren(
    h("b", {}, `step ${nearest(rows[0][1] ? rows[0][0].points : [[0, 0]], step)[0].toLocaleString("en-US")}`),
    ...rows.map(([line, point]) =>
      h(
        "div",
        {},
        h("span", { class: "sdft-swatch", style: `background:${line.colour}` }),
        `${line.label} ${line.right ? point[1].toExponential(2) : point[1].toPrecision(4)}`,
      ),
    ),
  );
  tip.style.left = `${Math.min(place + 12, canvas.clientWidth - 150)}px`;
}

function nearest(points, step) {
  return points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
}
