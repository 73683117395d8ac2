// The chart's lines: what each shows of a run's points, and how it is drawn.
/** @import { Point, View } from "./types.d.ts" */

/** @typedef {[step: number, value: number]} Place */
/** @typedef {"raw" | "smooth" | "instance" | "prior" | "evaluation" | "rate" | "other"} Key */
/**
 * @typedef {object} Line
 * @property {Key} key
 * @property {string} label
 * @property {string} color
 * @property {number} width
 * @property {Place[]} points
 * @property {boolean} shown
 * @property {boolean} [dots] a dot at each point
 * @property {boolean} [right] its axis is that on the right, the learning rate's
 * @property {number[]} [dash]
 */
/** @typedef {Pick<View, "points" | "evaluations" | "stride">} Data what is drawn of a run */
/** @typedef {Pick<View, "points" | "stride">} Course */

const STEP = 0; // places in a point
const LOSS = 1;
const INSTANCE = 2;
const PRIOR = 3;
const RATE = 4;

/**
 * All lines, without points.
 * @returns {Line[]}
 */
export function makeLines() {
  const plain = { shown: true, points: [] };
  return [
    { ...plain, key: "raw", label: "raw", color: "#8aa4c8", width: 1 },
    { ...plain, key: "smooth", label: "smoothed", color: "#3b82f6", width: 2 },
    { ...plain, key: "instance", label: "instance", color: "#16a34a", width: 1.5 },
    { ...plain, key: "prior", label: "prior", color: "#d97706", width: 1.5 },
    { ...plain, key: "evaluation", label: "evaluation", color: "#dc2626", width: 1.5, dots: true },
    { ...plain, key: "rate", label: "learning rate", color: "#a855f7", width: 1, right: true, dash: [3, 3] },
    { ...plain, key: "other", label: "earlier run", color: "#9ca3af", width: 1.5, dash: [6, 3] },
  ];
}

/**
 * Give the lines their points.
 * @param {Line[]} lines
 * @param {Data} data
 * @param {Course} other an earlier run
 * @param {number} smoothing the weight of what came before, for one step
 */
export function putPoints(lines, data, other, smoothing) {
  const smooth = (/** @type {number} */ column) => smoothed(data, column, smoothing);
  const hasPrior = data.points.some((point) => point[PRIOR] !== null);
  const values = {
    raw: finite(data.points, LOSS),
    smooth: smooth(LOSS),
    instance: hasPrior ? smooth(INSTANCE) : [],
    prior: smooth(PRIOR),
    evaluation: finite(data.evaluations, LOSS),
    rate: finite(data.points, RATE),
    other: smoothed(other, LOSS, smoothing),
  };
  for (const line of lines) line.points = values[line.key];
}

/**
 * @param {Point[]} points
 * @param {number} column
 */
function finite(points, column) {
  const places = points.map((point) => /** @type {Place} */ ([point[STEP], point[column]]));
  return places.filter((place) => Number.isFinite(place[1]));
}

/**
 * [step, mean]: an exponential mean without the bias of its start; the weight is for one step, a point has `stride`.
 * @param {Course} course
 * @param {number} column
 * @param {number} weight
 */
function smoothed({ points, stride }, column, weight) {
  const keep = weight ** stride;
  let mean = 0;
  let total = 0;
  /** @type {Place[]} */
  const result = [];
  for (const [step, value] of finite(points, column)) {
    mean = keep * mean + (1 - keep) * value;
    total = keep * total + (1 - keep);
    result.push([step, total ? mean / total : value]);
  }
  return result;
}

/**
 * The point at or beside a step.
 * @param {Place[]} points at least one
 * @param {number} step
 */
export function nearest(points, step) {
  return points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
}

/**
 * What the chart shows, in words.
 * @param {Line[]} lines
 */
export function summary(lines) {
  const last = (/** @type {Key} */ key) => lines.find((line) => line.key === key)?.points.at(-1);
  const smooth = last("smooth");
  const evaluation = last("evaluation");
  if (!smooth) return "Loss curve, empty";
  const more = evaluation ? `, evaluation loss ${evaluation[1].toPrecision(3)}` : "";
  return `Loss curve to step ${smooth[0]}: smoothed loss ${smooth[1].toPrecision(3)}${more}`;
}
