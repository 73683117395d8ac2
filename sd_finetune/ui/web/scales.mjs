// Where numbers are on the chart's canvas.
/** @import { Line } from "./curves.mjs" */

export const MARGIN = { left: 52, right: 52, top: 10, bottom: 26 };
export const HEIGHT = 250;
const TICKS = [0, 1, 2, 3, 4];

/**
 * @typedef {object} Axis
 * @property {(value: number) => number} place how far down a value is
 * @property {number[]} ticks
 */
/** @typedef {ReturnType<typeof scales>} Scales */

/**
 * Places across and down; `y` for the losses, `right` for the learning rate.
 * @param {HTMLCanvasElement} canvas
 * @param {Line[]} lines
 * @param {boolean} log whether the losses' axis is logarithmic
 */
export function scales(canvas, lines, log) {
  const shown = lines.filter((line) => line.shown && line.points.length);
  const left = shown.filter((line) => !line.right).flatMap(values);
  const right = shown.filter((line) => line.right).flatMap(values);
  const [first, last] = ends(shown);
  const width = canvas.clientWidth - MARGIN.left - MARGIN.right;
  return {
    x: (/** @type {number} */ step) => MARGIN.left + ((step - first) / (last - first)) * width,
    step: (/** @type {number} */ place) => first + ((place - MARGIN.left) / width) * (last - first),
    first,
    last,
    y: axis(left, log),
    right: axis([0, ...right], false),
    any: left.length > 0,
    rates: right.length > 0,
  };
}

/** @param {Line} line */
const values = (line) => line.points.map((point) => point[1]);

/**
 * The first and the last step, which are never the same one.
 * @param {Line[]} lines each with points
 */
function ends(lines) {
  if (!lines.length) return [0, 1];
  const first = Math.min(...lines.map((line) => line.points[0][0]));
  const last = Math.max(...lines.map((line) => line.points[line.points.length - 1][0]));
  return [first, Math.max(last, first + 1)];
}

/**
 * @param {number[]} numbers
 * @param {boolean} log
 * @returns {Axis}
 */
function axis(numbers, log) {
  const known = log ? numbers.filter((value) => value > 0) : numbers;
  let low = known.length ? known.reduce((a, b) => Math.min(a, b)) : 0;
  let high = known.length ? known.reduce((a, b) => Math.max(a, b)) : 1;
  if (log) [low, high] = [Math.log10(low), Math.log10(high)];
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  low = !log && low >= 0 ? Math.max(0, low - room) : low - room;
  high += room;
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const share = (/** @type {number} */ value) =>
    ((log ? Math.log10(Math.max(value, 1e-12)) : value) - low) / (high - low);
  const ticks = TICKS.map((part) => low + ((high - low) * part) / (TICKS.length - 1));
  return {
    place: (value) => MARGIN.top + height * (1 - share(value)),
    ticks: log ? ticks.map((value) => 10 ** value) : ticks,
  };
}
