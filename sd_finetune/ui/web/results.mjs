// What a run has made and keeps: its results, its loss table, its settings.
import { Away, address, get, post, sentence } from "./api.mjs";
import { button, fill, h } from "./dom.mjs";
import { bytes, number } from "./figures.mjs";
import { makeUse } from "./use.mjs";
/** @import { Lists, Result } from "./types.d.ts" */

const SMALL = "sdft-button sdft-small";
const AGAIN_AFTER = 3000;
/** What a result is called where that is not its kind. @type {Record<string, string>} */
const KINDS = { lora: "LoRA" };

/**
 * `element`, `files`, `begin(project, run)`, `clear()`, `read()` when there is a new result, `hasLosses(whether)`,
 * `listed(lists)` when the checkpoints were listed anew.
 * @param {() => void} changed called when the project's settings were replaced
 * @param {(sentence: string) => void} failed
 */
export function makeResults(changed, failed) {
  const element = h("div", { class: "sdft-results" });
  const losses = h("a", { class: SMALL }, "Loss table (CSV)");
  const settings = h("a", { class: SMALL }, "Settings (JSON)");
  const title = "Load the settings of this run into the form";
  const again = button("Load this run's settings", use, { class: SMALL, title });
  const files = h("div", { class: "sdft-row sdft-files" }, losses, settings, again);
  let place = { project: "", run: "" };
  /** @type {ReturnType<typeof row>[]} */
  let rows = [];
  /** @type {Lists | null} */
  let known = null;

  /**
   * Another run is looked at.
   * @param {string} project
   * @param {string} run
   */
  function begin(project, run) {
    place = { project, run };
    losses.href = address("projects", project, "runs", run, "loss.csv");
    losses.download = `${run}-loss.csv`;
    losses.hidden = false;
    settings.href = address("projects", project, "runs", run, "settings");
    settings.download = `${run}-settings.json`;
  }

  function clear() {
    place = { project: "", run: "" };
    rows = [];
    fill(element);
  }

  /** @param {Lists} lists */
  function listed(lists) {
    known = lists;
    for (const { buttons } of rows) buttons.listed(lists);
  }

  async function use() {
    const { project, run } = place;
    try {
      await post(["projects", project, "runs", run, "settings", "use"]);
      if (project === place.project) changed();
    } catch (error) {
      if (project === place.project) failed(sentence(error));
    }
  }

  async function read() {
    const { project, run } = place;
    const asked = place;
    const found = get("projects", project, "runs", run, "results");
    const list = await found.catch((error) => (error instanceof Away ? null : []));
    if (asked !== place) return; // another run is looked at
    if (!list) return void setTimeout(() => asked === place && read(), AGAIN_AFTER);
    list.reverse().sort((a, b) => b.step - a.step || rank(a) - rank(b));
    rows = list.map((result) => row(project, run, result));
    if (known) listed(known);
    const elements = rows.map((each) => each.element);
    fill(element, rows.length ? h("h4", {}, "Results") : null, elements);
  }

  /** @param {boolean} whether */
  function hasLosses(whether) {
    losses.hidden = !whether;
  }

  return { element, files, begin, clear, read, hasLosses, listed };
}

/**
 * Of what was saved together, a LoRA comes before the embeddings of its words.
 * @param {Result} result
 */
const rank = (result) => Number(result.kind === "embedding");

/**
 * @param {string} project
 * @param {string} run
 * @param {Result} result
 */
function row(project, run, result) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const href = address("projects", project, "runs", run, "results", result.name);
  const facts = `${KINDS[result.kind] ?? result.kind}, step ${number(result.step)}, ${bytes(result.bytes)}`;
  const download = h("a", { class: "sdft-button", href, download: result.name }, "Download");
  const buttons = makeUse(result, said);
  const element = h(
    "div",
    { class: "sdft-result" },
    h("div", { class: "sdft-row" }, h("b", {}, result.name), h("span", {}, facts)),
    h("div", { class: "sdft-place", title: "Where the file is" }, result.path),
    h("div", {}, result.sentence),
    h("div", { class: "sdft-row" }, result.folder ? [] : download, buttons.elements, said),
  );
  return { element, buttons };
}
