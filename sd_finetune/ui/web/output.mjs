// What happens: state, progress, buttons, loss curve, samples, results, log. Always on the screen.
import { post, Refused, sentence } from "./api.mjs";
import { makeChart } from "./chart.mjs";
import { makeCommands, SAID } from "./commands.mjs";
import { fill, h } from "./dom.mjs";
import { emptyView, followRun, wholeView } from "./follow.mjs";
import { makeGallery } from "./gallery.mjs";
import { makeLog } from "./log.mjs";
import { headline, makeProgress } from "./progress.mjs";
import { makeResults } from "./results.mjs";
/** @import { Press } from "./commands.mjs" */
/** @import { View } from "./types.d.ts" */

/**
 * The panel: `element`, `look(project, run, names)`, `run()`, `tell(sentence)`.
 * @param {() => void} ended called when a run comes to its end
 * @param {() => void} changed called when the project's settings were replaced
 */
export function makeOutput(ended, changed) {
  const chart = makeChart();
  const gallery = makeGallery();
  const log = makeLog();
  const progress = makeProgress();
  const commands = makeCommands((command) => press(command));
  const results = makeResults(changed, (problem) => tell(problem, "error"));
  const state = h("div", { class: "sdft-state", role: "status" });
  const message = h("div", { class: "sdft-message", role: "alert" });
  const warnings = h("div", { class: "sdft-warnings" });
  const runs = h("select", { "aria-label": "Run", onchange: choose });
  const others = h("select", { "aria-label": "Compare with an earlier run", onchange: compare });
  const chosen = h(
    "div",
    { class: "sdft-row sdft-runs", hidden: true },
    h("label", {}, "Run ", runs),
    h("label", {}, "Compare with ", others),
  );
  const empty = h("p", { class: "sdft-empty" }, "Nothing trained yet: press Train to start.");
  const parts = [progress.bar, progress.numbers, commands.element, warnings, chart.element, gallery.element];
  const whole = h("div", { hidden: true }, parts, results.element, results.files, log.element);
  const element = h(
    "section",
    { class: "sdft-output", "aria-label": "Output" },
    h("h3", {}, "Output"),
    state,
    message,
    chosen,
    empty,
    whole,
  );
  /** @type {string | null} */
  let project = null;
  /** @type {string | null} */
  let run = null;
  /** @type {ReturnType<typeof followRun> | null} */
  let following = null;
  /** What was seen of the run: its end's number, how many results, whether it was at work. */
  let seen = { end: /** @type {number | null} */ (null), saved: 0, active: false };

  /**
   * Look at a run, or at none.
   * @param {string | null} newProject
   * @param {string | null} newRun
   * @param {string[]} names of the project's runs
   */
  function look(newProject, newRun, names) {
    offerRuns(newRun, names);
    if (newProject === project && newRun === run && following) return;
    [project, run] = [newProject, newRun];
    following?.stop();
    following = null;
    chart.compare(emptyView());
    message.textContent = "";
    seen = { end: null, saved: 0, active: false };
    empty.hidden = run !== null;
    whole.hidden = run === null;
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
   */
  function offerRuns(newRun, names) {
    const option = (/** @type {string} */ name) => h("option", { value: name }, name);
    const earlier = names.filter((name) => name !== newRun);
    fill(runs, names.map(option));
    fill(others, h("option", { value: "" }, "none"), earlier.map(option));
    chosen.hidden = names.length === 0;
    runs.value = newRun ?? "";
  }

  function choose() {
    const names = [...runs.options].map((option) => option.value);
    look(project, runs.value, names);
  }

  /** @param {View} view */
  function show(view) {
    if (message.dataset.silent) tell("");
    const paused = view.asked === "pause" && view.active;
    element.dataset.state = paused ? "paused" : view.state;
    fill(state, h("span", { class: "sdft-dot" }), headline(view, paused));
    progress.show(view);
    commands.show(view, paused);
    if (view.end?.kind === "error") tell(view.end.message, "error");
    fill(
      warnings,
      view.warnings.map((warning) => h("div", { class: "sdft-warning" }, warning.message)),
    );
    chart.show(view);
    gallery.show(view.samples);
    results.hasLosses(view.step !== null);
    const saved = view.saved.filter((entry) => entry.result !== "snapshot").length;
    if (saved !== seen.saved) results.read();
    const end = view.end && !view.active ? view.end.serial : null;
    if (end !== null && seen.end === null && seen.active) ended();
    seen = { end, saved, active: view.active || seen.active };
    if (view.active) log.read();
  }

  /** @param {unknown} error */
  function silent(error) {
    if (error instanceof Refused) return tell(error.message, "error");
    tell("The server does not respond; trying again. A running training continues without it.", "error");
    message.dataset.silent = "1";
  }

  /**
   * @param {string} text
   * @param {"" | "done" | "error"} kind
   */
  function tell(text, kind = "") {
    delete message.dataset.silent;
    if (message.textContent !== text) message.textContent = text;
    message.dataset.kind = kind;
  }

  /** @param {Press} command */
  async function press(command) {
    if (project === null || run === null) return;
    try {
      if (command === "continue") await post(["projects", project, "runs", run, "resume"]);
      else await post(["projects", project, "runs", run, "command"], { command });
      following?.soon();
      tell(SAID[command] ?? "", "done");
    } catch (error) {
      tell(sentence(error), "error");
    }
  }

  async function compare() {
    const earlier = others.value;
    chart.compare(project !== null && earlier !== "" ? await wholeView(project, earlier) : emptyView());
  }

  return { element, look, run: () => run, tell };
}
