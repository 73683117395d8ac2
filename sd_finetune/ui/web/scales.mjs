// Where numbers are on the chart's canvas.
/** @import { Line } from "./curves.mjs" */

export const MARGIN = { left: 52, right: 52, top: 10, bottom: 26 };
export const HEIGHT = 250;
const MOST_TICKS = 6;
/** A round number is one of these times a power of ten. */
const ROUND = [1, 2, 5, 10];

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
  const steps = ends(shown);
  // A single step stands in the middle.
  const [first, last] = steps.first < steps.last ? [steps.first, steps.last] : [steps.first - 1, steps.first + 1];
  const width = canvas.clientWidth - MARGIN.left - MARGIN.right;
  return {
    x: (/** @type {number} */ step) => MARGIN.left + ((step - first) / (last - first)) * width,
    step: (/** @type {number} */ place) => first + ((place - MARGIN.left) / width) * (last - first),
    first,
    last,
    steps: roundNumbers(steps.first, steps.last, 1),
    y: axis(left, log),
    right: axis([0, ...right], false),
    any: left.length > 0,
    rates: right.length > 0,
  };
}

/** @param {Line} line */
const values = (line) => line.points.map((point) => point[1]);

/**
 * The first and the last step.
 * @param {Line[]} lines each with points
 */
function ends(lines) {
  if (!lines.length) return { first: 0, last: 1 };
  return {
    first: Math.min(...lines.map((line) => line.points[0][0])),
    last: Math.max(...lines.map((line) => line.points[line.points.length - 1][0])),
  };
}

/**
 * Round numbers from `low` to `high`, at equal distances of at least `least`.
 * @param {number} low
 * @param {number} high
 * @param {number} [least]
 */
function roundNumbers(low, high, least = 0) {
  const wanted = (high - low) / MOST_TICKS;
  if (!(wanted > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(wanted));
  const distance = Math.max(
    least,
    ...ROUND.map((part) => part * power)
      .filter((each) => each >= wanted)
      .slice(0, 1),
  );
  const before = Math.ceil(low / distance);
  const count = Math.floor(high / distance) - before + 1;
  return Array.from({ length: count }, (_, index) => (before + index) * distance);
}

/**
 * Round numbers for a logarithmic axis.
 * @param {number} low above 0
 * @param {number} high
 */
function roundPowers(low, high) {
  const decades = Math.log10(high / low);
  if (decades < 1) return roundNumbers(low, high);
  const parts = decades < 2 ? ROUND.slice(0, 3) : [1];
  const powers = roundNumbers(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)), 1);
  const all = powers.flatMap((power) => parts.map((part) => part * 10 ** power));
  return all.filter((value) => value >= low && value <= high);
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
  return {
    place: (value) => MARGIN.top + height * (1 - share(value)),
    ticks: log ? roundPowers(10 ** low, 10 ** high) : roundNumbers(low, high),
  };
}
