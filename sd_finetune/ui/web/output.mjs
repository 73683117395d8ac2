// What happens: state, progress, buttons, loss curve, samples, results, log. Always on the screen.
import { Away, post, sentence } from "./api.mjs";
import { makeChart } from "./chart.mjs";
import { makeCommands, WHAT_FOLLOWS } from "./commands.mjs";
import { fill, h } from "./dom.mjs";
import { emptyView, followRun, wholeView } from "./follow.mjs";
import { makeGallery } from "./gallery.mjs";
import { makeLog } from "./log.mjs";
import { makeNotice } from "./notice.mjs";
import { headline, makeProgress } from "./progress.mjs";
import { makeResults } from "./results.mjs";
import { makeWarnings } from "./warnings.mjs";
/** @import { Press } from "./commands.mjs" */
/** @import { Job, View } from "./types.d.ts" */

/**
 * The panel: `element`, `notice`, `look(project, run, names)`, `run()`, `working(job)`.
 * @param {() => void} ended called when a run comes to its end
 * @param {() => void} changed called when the project's settings were replaced
 */
export function makeOutput(ended, changed) {
  const chart = makeChart();
  const gallery = makeGallery();
  const log = makeLog();
  const progress = makeProgress();
  const commands = makeCommands((command) => press(command));
  const results = makeResults(changed, (problem) => notice.failed(problem));
  const notice = makeNotice();
  const state = h("div", { class: "sdft-state", role: "status" });
  const ending = h("div", { class: "sdft-message", "data-kind": "error", role: "alert" });
  const warnings = makeWarnings();
  const runs = h("select", { "aria-label": "Run", onchange: choose });
  const others = h("select", { "aria-label": "Compare with an earlier run", onchange: compare });
  const chosen = h(
    "div",
    { class: "sdft-row sdft-runs", hidden: true },
    h("label", {}, "Run ", runs),
    h("label", {}, "Compare with ", others),
  );
  const empty = h("p", { class: "sdft-empty" }, "Nothing trained yet: press Train to start.");
  const now = h("div", { class: "sdft-now", hidden: true }, state, progress.bar, progress.numbers, commands.element);
  const parts = [ending, warnings.element, chart.element, gallery.element, results.element, results.files];
  const whole = h("div", { hidden: true }, parts, log.element);
  const heading = h("div", { class: "sdft-row sdft-heading" }, h("h3", {}, "Output"), chosen);
  const label = { class: "sdft-output", "aria-label": "Output" };
  const element = h("section", label, heading, now, notice.element, empty, whole);
  /** @type {string | null} */
  let project = null;
  /** @type {string | null} */
  let run = null;
  /** @type {ReturnType<typeof followRun> | null} */
  let following = null;
  /** @type {View} */
  let latest = emptyView();
  let job = "";
  /** What was seen of the run: its end's number, how many results, whether it was at work. */
  let seen = { end: /** @type {number | null} */ (null), saved: 0, active: false };

  /**
   * Look at a run, or at none.
   * @param {string | null} newProject
   * @param {string | null} newRun
   * @param {string[]} names of the project's runs
   */
  function look(newProject, newRun, names) {
    const same = newProject === project && newRun === run && following !== null;
    offerRuns(newRun, names, same ? others.value : "");
    if (same) return;
    [project, run] = [newProject, newRun];
    following?.stop();
    following = null;
    chart.compare(emptyView());
    latest = emptyView();
    about();
    seen = { end: null, saved: 0, active: false };
    empty.hidden = run !== null;
    now.hidden = whole.hidden = run === null;
    ending.textContent = "";
    warnings.show([]);
    state.textContent = "";
    element.dataset.state = "";
    chart.show(emptyView());
    results.clear();
    if (project === null || run === null) return;
    for (const part of [gallery, results, log]) part.begin(project, run);
    following = followRun(project, run, show, silent);
  }

  /**
   * @param {string | null} newRun
   * @param {string[]} names
   * @param {string} compared the run that it is compared with, or ""
   */
  function offerRuns(newRun, names, compared) {
    const option = (/** @type {string} */ name) => h("option", { value: name }, name);
    const earlier = names.filter((name) => name !== newRun);
    fill(runs, names.map(option));
    fill(others, h("option", { value: "" }, "none"), earlier.map(option));
    others.value = earlier.includes(compared) ? compared : "";
    chosen.hidden = names.length === 0;
    runs.value = newRun ?? "";
  }

  function choose() {
    const names = [...runs.options].map((option) => option.value);
    look(project, runs.value, names);
  }

  /** @param {View} view */
  function show(view) {
    latest = view;
    const paused = view.asked === "pause" && view.active;
    element.dataset.state = paused ? "paused" : view.state;
    fill(state, h("span", { class: "sdft-dot" }), headline(view, paused));
    progress.show(view);
    commands.show(view, paused);
    notice.look();
    const { end: last } = view;
    const why = last?.kind === "error" ? last.message : (last?.reason ?? "");
    if (ending.textContent !== why) ending.textContent = why;
    ending.dataset.kind = last?.kind ?? "";
    warnings.show(view.warnings);
    chart.show(view);
    gallery.show(view.samples);
    results.hasLosses(view.step !== null);
    const saved = view.saved.filter((entry) => entry.result !== "snapshot").length;
    if (saved !== seen.saved) results.read();
    const end = view.end && !view.active ? view.end.serial : null;
    if (end !== null && seen.end === null && seen.active) ended();
    if (view.active || (end !== null && seen.end === null)) log.read();
    seen = { end, saved, active: view.active || seen.active };
  }

  /** @param {unknown} error */
  function silent(error) {
    if (!(error instanceof Away)) notice.failed(sentence(error)); // that it is away is said for the whole tab
  }

  /** What is said here is about this run, and about the job that goes on. */
  function about() {
    notice.about(JSON.stringify([project, run, job]));
  }

  /** @param {Job | null} current the job that goes on */
  function working(current) {
    job = current?.run ?? "";
    about();
  }

  /** @param {Press} command */
  async function press(command) {
    if (project === null || run === null) return;
    const [before, isHere] = [latest.since, place()];
    try {
      if (command === "continue") await post(["projects", project, "runs", run, "resume"]);
      else await post(["projects", project, "runs", run, "command"], { command });
      if (!isHere()) return;
      following?.soon();
      const { said, over } = WHAT_FOLLOWS[command];
      notice.done(said, () => over(latest, before));
    } catch (error) {
      if (isHere()) notice.failed(sentence(error));
    }
  }

  /** Tells whether the run is still looked at that is looked at now. */
  function place() {
    const [ofProject, ofRun] = [project, run];
    return () => project === ofProject && run === ofRun;
  }

  async function compare() {
    const [earlier, isHere] = [others.value, place()];
    if (project === null || earlier === "") return chart.compare(emptyView());
    try {
      const view = await wholeView(project, earlier);
      if (earlier === others.value && isHere()) chart.compare(view);
    } catch (error) {
      if (!isHere()) return;
      others.value = "";
      chart.compare(emptyView());
      notice.failed(sentence(error));
    }
  }

  return { element, notice, look, run: () => run, working, listed: results.listed };
}
