// One edit of many captions: what it would change is told before.
import { EDITS, edited, wordsFor } from "./caption_edits.mjs";
import { button, fill, h, whenQuiet } from "./dom.mjs";
import { counted, number } from "./figures.mjs";
/** @import { Edit } from "./caption_edits.mjs" */
/** @import { Entry } from "./types.d.ts" */

const QUIET = 150;
const EXAMPLES = 3;

/** @typedef {"shown" | "selected" | "all"} Scope */
/** @typedef {[entry: Entry, text: string][]} Texts */

/**
 * The form: `element`, `renew()` when other images are shown or selected, or captions have changed.
 * @param {Record<Scope, () => Entry[]>} scopes
 * @param {() => string} separator of tags
 * @param {(title: string, texts: Texts) => Promise<void>} apply
 */
export function makeBulk(scopes, separator, apply) {
  const soon = whenQuiet(QUIET, async () => renew());
  const kind = h(
    "select",
    { "aria-label": "What to do with the captions", onchange: renew },
    Object.entries(EDITS).map(([value, { label }]) => h("option", { value }, label)),
  );
  const what = h("input", { type: "text", oninput: soon, autocomplete: "off" });
  const by = h("input", { type: "text", oninput: soon, autocomplete: "off" });
  const scope = h(
    "select",
    { "aria-label": "Of which images", onchange: renew },
    Object.keys(scopes).map((value) => h("option", { value }, value)),
  );
  const press = h("button", { type: "submit", class: "sdft-button" }, "Apply");
  const said = h("div", { class: "sdft-bulk-preview", role: "status" });
  const form = h("form", { class: "sdft-row", onsubmit: submit }, kind, what, by, scope, press);
  const title = h("summary", {}, "Edit many captions at once");
  const element = h("details", { class: "sdft-fold", ontoggle: renew }, title, form, said);

  /** @returns {Edit} */
  function edit() {
    const chosen = /** @type {Edit["kind"]} */ (kind.value);
    return { kind: chosen, what: what.value, by: by.value, separator: separator() };
  }

  /**
   * The captions that would be others. Throws SyntaxError for what is not a regular expression.
   * @returns {Texts}
   */
  function changes() {
    const wanted = edit();
    if (!wanted.what.trim()) return [];
    /** @type {Texts} */
    const texts = scopes[/** @type {Scope} */ (scope.value)]().map((entry) => [entry, edited(entry.caption, wanted)]);
    return texts.filter(([entry, text]) => text !== entry.caption);
  }

  function renew() {
    if (!element.open) return;
    const [first, second] = EDITS[edit().kind].boxes;
    for (const [box, label] of /** @type {[HTMLInputElement, string][]} */ ([
      [what, first],
      [by, second],
    ])) {
      box.placeholder = label;
      box.setAttribute("aria-label", label || "unused");
      box.hidden = label === "";
    }
    for (const option of scope.options) {
      const count = scopes[/** @type {Scope} */ (option.value)]().length;
      option.textContent = `${option.value} (${number(count)})`;
    }
    preview();
  }

  function preview() {
    press.disabled = true;
    try {
      const texts = changes();
      press.disabled = texts.length === 0;
      if (!what.value.trim()) return fill(said);
      const all = counted(scopes[/** @type {Scope} */ (scope.value)]().length, "caption");
      fill(
        said,
        `Changes ${number(texts.length)} of ${all}.`,
        texts.slice(0, EXAMPLES).map(([entry, text]) => example(entry, text)),
      );
    } catch (error) {
      const why = error instanceof SyntaxError ? error.message : String(error);
      fill(said, `${why}: correct the regular expression.`);
    }
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const wanted = edit();
    const texts = changes();
    press.disabled = true;
    if (texts.length) await apply(wordsFor(wanted), texts);
    renew();
  }

  return { element, renew };
}

/**
 * @param {Entry} entry
 * @param {string} text
 */
function example(entry, text) {
  const parts = [h("del", {}, entry.caption || "no caption"), " → ", h("ins", {}, text || "no caption")];
  return h("div", {}, h("small", {}, `${entry.name} `), parts);
}

/**
 * What can be taken back: `element`, `show(title, count)`.
 * @param {() => Promise<void>} undo
 */
export function makeUndo(undo) {
  const press = button("Undo", undo);
  const said = h("span", {});
  const element = h("div", { class: "sdft-row", hidden: true }, press, said);

  /**
   * @param {string} title "" if there is nothing to undo
   * @param {number} count of captions
   */
  function show(title, count) {
    element.hidden = title === "";
    said.textContent = title && `${title} (${counted(count, "caption")})`;
    press.setAttribute("aria-label", `Undo: ${title}`);
  }

  return { element, show };
}
