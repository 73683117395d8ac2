// What a run has made and keeps: its results, its loss table, its settings.
import { address, get, post, sentence } from "./api.mjs";
import { button, fill, h } from "./dom.mjs";
import { bytes, number } from "./figures.mjs";
import { useResult } from "./use.mjs";
/** @import { Result } from "./types.d.ts" */

const SMALL = "sdft-button sdft-small";

/**
 * `element`, `files`, `begin(model, run)`, `clear()`, `read()` when there is a new result, `hasLosses(whether)`.
 * @param {() => void} changed called when the model's settings were replaced
 * @param {(sentence: string) => void} failed
 */
export function makeResults(changed, failed) {
  const element = h("div", { class: "sdft-results" });
  const losses = h("a", { class: SMALL }, "Loss table (CSV)");
  const settings = h("a", { class: SMALL }, "Settings (JSON)");
  const title = "Load the settings of this run into the form";
  const again = button("Use its settings again", use, { class: SMALL, title });
  const files = h("div", { class: "sdft-row sdft-files" }, losses, settings, again);
  let place = { model: "", run: "" };

  /**
   * Another run is looked at.
   * @param {string} model
   * @param {string} run
   */
  function begin(model, run) {
    place = { model, run };
    losses.href = address("models", model, "runs", run, "loss.csv");
    losses.download = `${run}-loss.csv`;
    losses.hidden = false;
    settings.href = address("models", model, "runs", run, "settings");
    settings.download = `${run}-settings.json`;
  }

  function clear() {
    fill(element);
  }

  async function use() {
    try {
      await post(["models", place.model, "runs", place.run, "settings", "use"]);
      changed();
    } catch (error) {
      failed(sentence(error));
    }
  }

  async function read() {
    const { model, run } = place;
    const list = await get("models", model, "runs", run, "results").catch(() => []);
    const rows = list.reverse().map((result) => row(model, run, result));
    fill(element, rows.length ? h("h4", {}, "Results") : null, rows);
  }

  /** @param {boolean} whether */
  function hasLosses(whether) {
    losses.hidden = !whether;
  }

  return { element, files, begin, clear, read, hasLosses };
}

/**
 * @param {string} model
 * @param {string} run
 * @param {Result} result
 */
function row(model, run, result) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const href = address("models", model, "runs", run, "results", result.name);
  const facts = `${result.kind}, step ${number(result.step)}, ${bytes(result.bytes)}`;
  const download = h("a", { class: "sdft-button", href, download: result.name }, "Download");
  return h(
    "div",
    { class: "sdft-result" },
    h("div", { class: "sdft-row" }, h("b", {}, result.name), h("span", {}, facts)),
    h("div", { class: "sdft-place", title: "Where the file is" }, result.path),
    h("div", {}, result.sentence),
    h("div", { class: "sdft-row" }, download, useResult(result, said), said),
  );
}
