// What is known of the run that is looked at, kept up to date by asking again and again.
import { status } from "./api.mjs";

const STEADY = 500;
const SOON = 100;
const SLOWEST = 5000;
const KEPT = 2000;

/** The events of one run, gathered: what a page shows of it. */
export function emptyView() {
  return {
    since: 0,
    points: [],
    evaluations: [],
    samples: [],
    saved: [],
    warnings: [],
    state: "",
    rates: [],
    stride: 1,
    end: null,
  };
}

/** Take an answer of the status route into the view; lists never grow beyond what the server keeps. */
export function takeIn(view, news) {
  if (news.reset) Object.assign(view, { points: [], evaluations: [], samples: [], saved: [], warnings: [] });
  view.points = joined(view.points, news.points, news.stride);
  view.evaluations = joined(view.evaluations, news.evaluations, news.evaluation_stride);
  for (const name of ["samples", "saved", "warnings"]) {
    view[name] = [
      ...view[name].filter((entry) => !news[name].some((other) => other.serial === entry.serial)),
      ...news[name],
    ].slice(-KEPT);
  }
  for (const name of [
    "since",
    "stride",
    "state",
    "phase",
    "step",
    "rates",
    "end",
    "asked",
    "active",
    "resumable",
    "run",
  ])
    view[name] = news[name];
}

/** Points stand for `stride` steps each: one that has grown, and all after it, come in place of the old ones. */
function joined(old, news, stride) {
  if (!news.length) return old;
  const bin = (point) => Math.floor((point[0] - 1) / stride);
  return [...old.filter((point) => bin(point) < bin(news[0])), ...news];
}

/**
 * Ask for the run's status without end: `shown(view)` after each answer, `silent(seconds)` while there is none.
 * `soon()` asks again shortly, for what somebody has just done.
 */
export function followRun(model, run, shown, silent) {
  const view = emptyView();
  let going = true;
  let wait = STEADY;
  let timer = null;
  async function turn() {
    timer = null;
    if (!going) return;
    let pause = STEADY;
    try {
      const news = await status(model, run, view.since);
      if (!going) return;
      takeIn(view, news);
      wait = STEADY;
      if (news.more) pause = 0;
      else if (!news.active && view.end) pause = 4 * STEADY;
      shown(view);
    } catch (error) {
      if (!going) return;
      pause = wait = Math.min(SLOWEST, wait * 1.5);
      silent(error);
    }
    timer = setTimeout(turn, pause);
  }
  function soon() {
    if (timer === null) return; // an answer is on its way
    clearTimeout(timer);
    timer = setTimeout(turn, SOON);
  }
  turn();
  return { view, soon, stop: () => (going = false) };
}
