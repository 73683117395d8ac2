// What is known of the run that is looked at, kept up to date by asking again and again.
import { status } from "./api.mjs";
/** @import { Point, Status, View } from "./types.d.ts" */

const STEADY = 500;
const SOON = 100;
const SLOWEST = 5000;
const KEPT = 2000;

/**
 * The events of one run, gathered: what a page shows of it.
 * @returns {View}
 */
export function emptyView() {
  return {
    run: "",
    since: 0,
    state: "",
    phase: null,
    step: null,
    end: null,
    asked: "",
    active: false,
    resumable: false,
    rates: [],
    stride: 1,
    points: [],
    evaluations: [],
    samples: [],
    saved: [],
    warnings: [],
  };
}

/**
 * Take an answer of the status route into the view; lists never grow beyond what the server keeps.
 * @param {View} view
 * @param {Status} news
 */
function takeIn(view, news) {
  const old = news.reset ? emptyView() : view;
  const { run, since, state, phase, step, end, asked, active, resumable, rates, stride } = news;
  Object.assign(view, { run, since, state, phase, step, end, asked, active, resumable, rates, stride });
  view.points = joined(old.points, news.points, news.stride);
  view.evaluations = joined(old.evaluations, news.evaluations, news.evaluation_stride);
  view.samples = latest(old.samples, news.samples);
  view.saved = latest(old.saved, news.saved);
  view.warnings = latest(old.warnings, news.warnings);
}

/**
 * Points stand for `stride` steps each: one that has grown, and all after it, come in place of the old ones.
 * @param {Point[]} old
 * @param {Point[]} news
 * @param {number} stride
 */
function joined(old, news, stride) {
  if (!news.length) return old;
  const bin = (/** @type {Point} */ point) => Math.floor((point[0] - 1) / stride);
  return [...old.filter((point) => bin(point) < bin(news[0])), ...news];
}

/**
 * @template {{ serial: number }} Entry
 * @param {Entry[]} old
 * @param {Entry[]} news
 */
function latest(old, news) {
  return [...old.filter((entry) => !news.some((other) => other.serial === entry.serial)), ...news].slice(-KEPT);
}

/**
 * All that is known of a run.
 * @param {string} project
 * @param {string} run
 */
export async function wholeView(project, run) {
  const view = emptyView();
  for (let more = true; more;) {
    const news = await status(project, run, view.since);
    takeIn(view, news);
    more = news.more;
  }
  return view;
}

/**
 * Ask for the run's status without end. `soon()` asks again shortly, for what somebody has just done.
 * @param {string} project
 * @param {string} run
 * @param {(view: View) => void} shown after each answer
 * @param {(error: unknown) => void} silent while there is none
 */
export function followRun(project, run, shown, silent) {
  const view = emptyView();
  let going = true;
  let wait = STEADY;
  /** @type {number | undefined} */
  let timer;
  async function turn() {
    timer = undefined;
    if (!going) return;
    let pause = STEADY;
    try {
      const news = await status(project, run, view.since);
      if (!going) return;
      takeIn(view, news);
      wait = STEADY;
      pause = Math.max(STEADY, 1000 * news.wait);
      if (news.more) pause = 0;
      else if (!news.active && view.end) pause = 4 * pause;
      shown(view);
    } catch (error) {
      if (!going) return;
      pause = wait = Math.min(SLOWEST, wait * 1.5);
      silent(error);
    }
    timer = setTimeout(turn, pause);
  }
  function soon() {
    if (timer === undefined) return; // an answer is on its way
    clearTimeout(timer);
    timer = setTimeout(turn, SOON);
  }
  function stop() {
    going = false;
  }
  turn();
  return { soon, stop };
}
