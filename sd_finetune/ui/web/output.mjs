// What happens: state, progress, buttons, loss curve, samples, results, log. Always on the screen.
import { address, get, post, Refused, status } from "./api.mjs";
import { makeChart } from "./chart.mjs";
import { bytes, duration, fill, h, number } from "./dom.mjs";
import { emptyView, followRun, takeIn } from "./follow.mjs";
import { makeGallery } from "./gallery.mjs";
import { useResult } from "./use.mjs";

const STATES = { running: "Running", finished: "Finished", stopped: "Stopped", failed: "Failed", starting: "Starting", "": "" };

/**
 * The panel: `element`, `look(model, run, runs)`, `tell(sentence)`. `ended()` is called when a run comes to its end,
 * `changed()` when the model's settings were replaced.
 */
export function makeOutput(ended, changed) {
  const chart = makeChart();
  const gallery = makeGallery();
  const parts = {
    state: h("div", { class: "sdft-state", role: "status" }),
    message: h("div", { class: "sdft-message", role: "alert" }),
    bar: h("progress", { class: "sdft-bar", max: 1, value: 0, "aria-label": "Progress" }),
    numbers: h("div", { class: "sdft-numbers" }),
    warnings: h("div", { class: "sdft-warnings" }),
    results: h("div", { class: "sdft-results" }),
    files: h("div", { class: "sdft-row sdft-files" }),
    log: h("pre", { class: "sdft-log", tabindex: 0 }),
  };
  const buttons = commandButtons((command) => tellRun(command));
  const runs = h("select", { "aria-label": "Run", onchange: () => choose(runs.value) });
  const others = h("select", { "aria-label": "Compare with an earlier run", onchange: () => compare(others.value) });
  const details = h("details", { class: "sdft-fold", ontoggle: () => readLog() }, h("summary", {}, "Log"), parts.log);
  const chosen = h("div", { class: "sdft-row sdft-runs", hidden: true }, h("label", {}, "Run ", runs), h("label", {}, "Compare with ", others));
  const empty = h("p", { class: "sdft-empty" }, "Nothing has been trained yet. Press Train, and it is seen here.");
  const whole = h("div", { hidden: true }, parts.bar, parts.numbers, buttons.element, parts.warnings, chart.element, gallery.element, parts.results, parts.files, details);
  const element = h("section", { class: "sdft-output", "aria-label": "Output" }, h("h3", {}, "Output"), parts.state, parts.message, chosen, empty, whole);
  let model = null;
  let run = null;
  let following = null;
  let shown = { end: null, saved: 0 };

  function look(newModel, newRun, names) {
    const options = (first, list) => [...first, ...list.map((name) => h("option", { value: name }, name))];
    fill(runs, options([], names));
    fill(others, options([h("option", { value: "" }, "none")], names.filter((name) => name !== newRun)));
    chosen.hidden = names.length === 0;
    runs.value = newRun ?? "";
    if (newModel === model && newRun === run && following) return;
    [model, run] = [newModel, newRun];
    following?.stop();
    following = null;
    chart.compare([], 1);
    parts.message.textContent = "";
    shown = { end: null, saved: 0 };
    empty.hidden = run !== null;
    whole.hidden = run === null;
    parts.state.textContent = "";
    element.dataset.state = "";
    chart.show(emptyView());
    fill(parts.results);
    if (run === null) return;
    gallery.begin(model, run);
    showFiles();
    following = followRun(model, run, show, silent);
  }

  function choose(name) {
    look(model, name, [...runs.options].map((option) => option.value));
  }

  function show(view) {
    if (parts.message.dataset.silent) say("");
    const paused = view.asked === "pause" && view.active;
    element.dataset.state = paused ? "paused" : view.state;
    fill(parts.state, h("span", { class: "sdft-dot" }), headline(view, paused));
    showProgress(view, parts);
    buttons.show(view, paused);
    if (view.end?.kind === "error") say(view.end.message, "error");
    fill(parts.warnings, view.warnings.map((warning) => h("div", { class: "sdft-warning" }, warning.message)));
    chart.show(view);
    gallery.show(view.samples);
    const saved = view.saved.filter((entry) => entry.result !== "snapshot").length;
    if (saved !== shown.saved) showResults();
    const end = view.end && !view.active ? view.end.serial : null;
    if (end !== null && shown.end === null && shown.running) ended(view);
    shown = { end, saved, running: view.active || shown.running };
    parts.losses.hidden = !view.step;
    if (details.open && view.active) readLog();
  }

  function silent(error) {
    if (error instanceof Refused) return say(error.message, "error");
    say("The server does not answer; trying again. A training goes on by itself.", "error");
    parts.message.dataset.silent = "1";
  }

  function say(sentence, kind = "") {
    delete parts.message.dataset.silent;
    if (parts.message.textContent !== sentence) parts.message.textContent = sentence;
    parts.message.dataset.kind = kind;
  }

  async function tellRun(command) {
    try {
      if (command === "continue") await post(["models", model, "runs", run, "resume"]);
      else await post(["models", model, "runs", run, "command"], { command });
      following?.soon();
      say(SAID[command] ?? "", "done");
    } catch (error) {
      say(error.message, "error");
    }
  }

  async function showResults() {
    const list = await get("models", model, "runs", run, "results").catch(() => []);
    fill(parts.results, list.length ? h("h4", {}, "Results") : null, list.reverse().map((entry) => resultRow(model, run, entry)));
  }

  /** What the run keeps, whatever it made. */
  function showFiles() {
    const link = (label, part, file) => h("a", { class: "sdft-button sdft-small", href: address("models", model, "runs", run, part), download: file }, label);
    const use = async () => {
      try {
        await post(["models", model, "runs", run, "settings", "use"]);
        changed();
      } catch (error) {
        say(error.message, "error");
      }
    };
    fill(parts.files, parts.losses = link("Loss table (CSV)", "loss.csv", `${run}-loss.csv`), link("Settings (JSON)", "settings", `${run}-settings.json`),
      h("button", { type: "button", class: "sdft-button sdft-small", title: "Make the settings of this run the model's own again", onclick: use }, "Use its settings again"));
  }

  async function readLog() {
    if (!details.open || run === null) return;
    const atEnd = parts.log.scrollTop + parts.log.clientHeight >= parts.log.scrollHeight - 4;
    parts.log.textContent = (await get("models", model, "runs", run, "log").catch(() => "")) || "The worker has printed nothing.";
    if (atEnd) parts.log.scrollTop = parts.log.scrollHeight;
  }

  async function compare(name) {
    const view = emptyView();
    for (let more = name !== ""; more; ) {
      const news = await status(model, name, view.since);
      takeIn(view, news);
      more = news.more;
    }
    chart.compare(view.points, view.stride);
  }

  return { element, look, run: () => run, tell: (sentence, kind) => say(sentence, kind) };
}

const SAID = {
  stop: "Stopping after this step; what is learned so far is saved.",
  save: "The result is saved after this step.",
  sample: "Samples are drawn after this step.",
  end: "Ended.",
};

function commandButtons(tell) {
  const make = (command, label, title, id) => h("button", { type: "button", class: "sdft-button", id, title, onclick: () => tell(command) }, label);
  const all = {
    stop: make("stop", "Stop and save", "End the run after this step and keep what is learned so far", "sd_finetune_interrupt"),
    pause: make("pause", "Pause", "Wait after this step, the model stays in memory"),
    resume: make("resume", "Resume", "Go on after a pause"),
    save: make("save", "Save now", "Write the result as it is now, and go on"),
    sample: make("sample", "Sample now", "Draw the sample prompts now, and go on", "sd_finetune_skip"),
    end: make("end", "End at once", "Kill the worker without saving"),
    continue: make("continue", "Continue this run", "Go on from the run's latest snapshot"),
  };
  function show(view, paused) {
    const working = view.active && !view.end;
    const training = working && Boolean(view.step);
    const visible = {
      stop: working && view.asked !== "stop", pause: training && !paused && view.asked !== "stop", resume: paused, save: training && !paused,
      sample: training && !paused, end: working && (view.asked === "stop" || !training), continue: !view.active && view.resumable && ["stopped", "failed"].includes(view.state),
    };
    for (const [name, button] of Object.entries(all)) button.hidden = !visible[name];
  }
  return { element: h("div", { class: "sdft-row sdft-commands" }, Object.values(all)), show };
}

function headline(view, paused) {
  if (paused) return "Paused";
  if (view.state !== "running") return view.end?.kind === "done" ? `${STATES[view.state]} after ${number(view.end.step)} steps` : STATES[view.state] ?? view.state;
  if (!view.active) return "Not running any more";
  if (view.asked === "stop") return "Stopping";
  const name = view.phase?.name ?? "starting";
  return name[0].toUpperCase() + name.slice(1);
}

function showProgress(view, parts) {
  const step = view.step;
  const phase = view.phase;
  const training = step && (view.end || !phase || phase.name === "training" || phase.time < step.time);
  const [done, total] = training ? [step.step, step.total_steps] : [phase?.done ?? 0, phase?.total ?? 1];
  parts.bar.max = total || 1;
  if (training || done > 0 || view.end) parts.bar.value = view.end?.outcome === "finished" ? total : done;
  else parts.bar.removeAttribute("value");
  const facts = [`${number(done)} / ${number(total)}`, `${Math.floor((100 * done) / (total || 1))} %`];
  if (training) {
    facts.push(`epoch ${number(step.epoch + 1)}`, `loss ${Number(step.loss).toPrecision(4)}`, `${Number(step.images_per_second).toFixed(1)} pictures/s`);
    if (!view.end && step.seconds_left > 0) facts.push(pace((step.total_steps - step.step) / step.seconds_left), `${duration(step.seconds_left)} left`);
    facts.push(bytes(step.memory_bytes));
  }
  fill(parts.numbers, facts.map((fact) => h("span", {}, fact)));
}

/** Steps a second, or how long one takes, as people call it. */
const pace = (speed) => (speed >= 1 ? `${speed.toFixed(1)} it/s` : `${(1 / speed).toFixed(1)} s/it`);

function resultRow(model, run, entry) {
  const said = h("span", { class: "sdft-said", role: "status" });
  return h(
    "div",
    { class: "sdft-result" },
    h("div", { class: "sdft-row" }, h("b", {}, entry.name), h("span", {}, `${entry.kind}, step ${number(entry.step)}, ${bytes(entry.bytes)}`)),
    h("div", { class: "sdft-place", title: "Where the file is" }, entry.path),
    h("div", {}, entry.sentence),
    h("div", { class: "sdft-row" }, h("a", { class: "sdft-button", href: address("models", model, "runs", run, "results", entry.name), download: entry.name }, "Download"), useResult(entry, said), said),
  );
}
