// What is taught: the list of concepts.
import { post, sentence } from "./api.mjs";
import { makeBuckets } from "./buckets.mjs";
import { makeCaptionAll } from "./caption_all.mjs";
import { makeConcept } from "./concept.mjs";
import { button, fill, h } from "./dom.mjs";
import { counted } from "./figures.mjs";
import { Grid } from "./grid.mjs";
/** @import { Concept, EndedJob, Group, Job, Project, Settings } from "./types.d.ts" */

const PLACE = "Folder of kohya's scripts, or .toml or .json";
const IMPORT =
  'A folder of kohya\'s scripts with folders like "10_sks dog" and "reg/1_dog", their dataset config (.toml), or a ' +
  "concepts list (.json) of the Dreambooth extension";

/**
 * @typedef {object} Kept
 * @property {() => Promise<void>} saveNow
 * @property {() => Promise<void>} reread
 * @property {() => void} drawn called after fields were made anew
 */

/**
 * The panel: `element`, `show(project)` after another project was selected, `checked()` after settings were kept.
 * @param {Group} group
 * @param {(name: string) => void} changed
 * @param {() => Promise<void>} save
 * @param {Kept} kept
 */
export function makeConcepts(group, changed, save, { saveNow, reread, drawn }) {
  const list = h("div", {});
  const said = h("div", { class: "sdft-message", role: "alert" });
  const add = button("Add a concept", () => change((concepts) => [...concepts, plain(group)]));
  const file = h("input", { type: "file", accept: ".json,application/json", onchange: importList });
  const old = h(
    "label",
    { class: "sdft-button sdft-file", title: "A concepts list of the sd_dreambooth_extension" },
    "Import concepts (JSON)",
    file,
  );
  const place = h("input", { type: "text", id: "sd_finetune_import", placeholder: PLACE, title: IMPORT });
  place.setAttribute("aria-label", PLACE);
  const press = h("button", { type: "submit", class: "sdft-button", title: IMPORT }, "Import folder");
  const folder = h("form", { class: "sdft-row", onsubmit: importFolder }, place, press);
  const buckets = makeBuckets();
  const more = h("div", { class: "sdft-row" }, add, old);
  const element = h("div", {}, list, more, folder, said, buckets.element);
  /** @type {Project | null} */
  let project = null;
  /** @type {ReturnType<typeof makeConcept>[]} */
  let cards = [];
  /** Of the images of each concept; they outlast the cards, with all that is being edited. @type {Grid[]} */
  let grids = [];
  /** With each of them. @type {ReturnType<typeof makeCaptionAll>[]} */
  let captioning = [];
  window.addEventListener("pagehide", leave);
  window.addEventListener("beforeunload", (event) => {
    leave();
    if (grids.some((grid) => grid.data.unsaved())) event.preventDefault();
  });

  /** @param {Project} shown */
  function show(shown) {
    const { name, settings } = shown;
    if (name !== project?.name) {
      leave();
      grids = captioning = [];
    }
    project = shown;
    settings.concepts ??= [plain(group)];
    const kept = grids.slice(0, settings.concepts.length);
    grids = settings.concepts.map((_, index) => kept[index] ?? new Grid(name, index + 1));
    captioning = grids.map((grid, index) => (kept[index] && captioning[index]) ?? makeCaptioning(name, grid, index));
    moved(kept, () => {
      cards = grids.map((grid, index) =>
        makeConcept({
          group,
          project: name,
          settings,
          number: index + 1,
          changed,
          save,
          remove,
          grid,
          captionAll: captioning[index].element,
        }),
      );
      fill(
        list,
        cards.map((card) => card.element),
      );
    });
    drawn();
    checked();
  }

  /**
   * @param {string} name the project's
   * @param {Grid} grid
   * @param {number} index of the concept
   */
  function makeCaptioning(name, grid, index) {
    const keep = async () => {
      grid.leave();
      await save();
    };
    const again = async () => {
      await cards[index].readAnew();
      await save(); // as fewer images may be without a caption
    };
    return makeCaptionAll(name, index + 1, keep, again);
  }

  /** What is being edited is kept. */
  function leave() {
    for (const grid of grids) grid.leave();
  }

  /**
   * Do something that puts grids to another place.
   * @param {Grid[]} some
   * @param {() => void} action
   */
  function moved(some, action) {
    const all = some.reduce((act, grid) => () => grid.move(act), action);
    all();
  }

  /** @param {(concepts: Concept[]) => Concept[]} action */
  async function change(action) {
    if (!project) return;
    project.settings.concepts = action(project.settings.concepts ?? []);
    await save();
    show(project);
  }

  /** @param {number} number */
  function remove(number) {
    change((concepts) => concepts.filter((_, index) => index !== number - 1));
  }

  async function importList() {
    said.textContent = "";
    const chosen = file.files?.[0];
    if (!chosen) return;
    try {
      const imported = await post(["concepts", "import"], JSON.parse(await chosen.text()));
      await change((concepts) => [...concepts.filter((concept) => concept.folder), ...imported]);
    } catch (error) {
      said.textContent =
        error instanceof SyntaxError ? `${chosen.name} is not valid JSON: ${error.message}.` : sentence(error);
    }
    file.value = "";
  }

  /** @param {Event} event */
  async function importFolder(event) {
    event.preventDefault();
    if (!project) return;
    const { name } = project;
    said.textContent = "Looking into the folder.";
    try {
      await saveNow();
      const told = await post(["projects", name, "import"], { path: place.value });
      await reread();
      place.value = "";
      said.textContent = [`Imported ${counted(told.concepts, "concept")}.`, ...told.notes].join("\n");
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  function checked() {
    for (const card of cards) card.read();
    if (project) buckets.read(project.name);
  }

  /**
   * @param {Job | null} job what goes on
   * @param {EndedJob | null} ended the job that ended last
   */
  function working(job, ended) {
    for (const each of captioning) each.working(job, ended);
  }

  return { element, show, checked, working };
}

/**
 * @param {Group} group
 * @returns {Concept}
 */
function plain(group) {
  return Object.fromEntries(group.fields.map((option) => [option.name.replace("concepts.", ""), option.default]));
}
