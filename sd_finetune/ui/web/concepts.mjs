// What is taught: the list of concepts.
import { get, post, sentence } from "./api.mjs";
import { makeBuckets } from "./buckets.mjs";
import { makeCaptionAll } from "./caption_all.mjs";
import { makeConcept } from "./concept.mjs";
import { button, fill, find, h, oneAtATime } from "./dom.mjs";
import { counted } from "./figures.mjs";
import { Grid } from "./grid.mjs";
import { makeUpload } from "./upload.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { Concept, EndedJob, Group, Job, Project, Settings } from "./types.d.ts" */

const PLACE = "Folder of kohya's scripts, or .toml or .json";
const IMPORT =
  'A folder of kohya\'s scripts with folders like "10_sks dog" and "reg/1_dog", their dataset config (.toml), or a ' +
  "concepts list (.json) of the Dreambooth extension";

/**
 * @typedef {object} Kept
 * @property {Act} act
 * @property {() => Promise<void>} save
 * @property {() => Promise<boolean>} reread shows the new settings
 * @property {() => void} drawn called after fields were made anew
 */

/**
 * The panel: `element`, `show(project)` after another project was selected, `checked()` after settings were kept.
 * @param {Group} group
 * @param {(name: string) => void} changed
 * @param {Kept} kept
 */
export function makeConcepts(group, changed, { act, save, reread, drawn }) {
  const list = h("div", {});
  const said = h("div", { class: "sdft-message", role: "alert" });
  const change = oneAtATime(changeTo);
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
  const folder = h("form", { class: "sdft-row", onsubmit: submit }, place, press);
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
  /** With each of them. @type {ReturnType<typeof makeUpload>[]} */
  let uploads = [];
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
      grids = captioning = uploads = [];
      said.textContent = "";
    }
    project = shown;
    settings.concepts ??= [plain(group)];
    const kept = grids.slice(0, settings.concepts.length);
    grids = settings.concepts.map((_, index) => kept[index] ?? new Grid(name, index + 1));
    captioning = grids.map((grid, index) => (kept[index] && captioning[index]) ?? makeCaptioning(name, grid, index));
    uploads = grids.map((_, index) => (kept[index] && uploads[index]) ?? makeUploads(name, index));
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
          uploads: uploads[index],
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
    /** @type {Act} */
    const leaveAndAct = (request) => {
      grid.leave();
      return act(request);
    };
    const again = async () => {
      await cards[index].readAnew();
      await save(); // as fewer images may be without a caption
    };
    return makeCaptionAll(name, index + 1, leaveAndAct, again);
  }

  /**
   * @param {string} name the project's
   * @param {number} index of the concept
   */
  function makeUploads(name, index) {
    const isShown = () => project?.name === name;
    return makeUpload(name, index + 1, {
      folder: (kept) => (isShown() ? putFolder(index, kept) : putFolderOf(name, index, kept)),
      ended: async () => {
        if (isShown()) await cards[index].readAnew();
      },
    });
  }

  /**
   * @param {number} index of the concept
   * @param {string} value
   */
  async function putFolder(index, value) {
    const concept = project?.settings.concepts?.[index];
    if (!concept || concept.folder === value) return;
    concept.folder = value;
    Object.assign(find(element, `[data-name="concepts.${index + 1}.folder"] input`), { value });
    await save();
  }

  /**
   * The same of a project that is not shown any more.
   * @param {string} name
   * @param {number} index
   * @param {string} value
   */
  async function putFolderOf(name, index, value) {
    const { concepts = [] } = (await get("projects", name)).settings;
    const now = concepts.map((concept, at) => (at === index ? { ...concept, folder: value } : concept));
    await post(["projects", name, "changes"], { changes: { concepts: { was: concepts, now } } });
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
    const all = some.reduce((inner, grid) => () => grid.move(inner), action);
    all();
  }

  /**
   * Change which concepts there are, once nothing is on its way that goes by their numbers.
   * @param {(concepts: Concept[]) => Concept[]} action
   */
  async function changeTo(action) {
    const before = project?.name;
    leave();
    list.inert = true; // its cards go by the numbers before
    try {
      await Promise.all(grids.map((grid) => grid.data.writer.sending));
      if (!project || project.name !== before) return;
      project.settings.concepts = action(project.settings.concepts ?? []);
      await save();
    } finally {
      list.inert = false;
    }
    if (project?.name === before) show(project);
  }

  /** @param {number} number */
  function remove(number) {
    const concept = project?.settings.concepts?.[number - 1];
    if (!concept || isUploading()) return;
    const plainly = JSON.stringify(concept) === JSON.stringify(plain(group));
    if (!plainly && !window.confirm(`Remove concept ${number} from this project? Its images stay.`)) return;
    change((concepts) => concepts.filter((each) => each !== concept));
  }

  /** Whether images are on their way, for which concepts have to keep their numbers; then that is said. */
  function isUploading() {
    const busy = uploads.some((each) => each.isBusy());
    said.textContent = busy ? "Wait until the images are uploaded." : "";
    return busy;
  }

  async function importList() {
    const chosen = file.files?.[0];
    file.value = "";
    if (!chosen || isUploading()) return;
    const name = project?.name;
    try {
      const imported = await post(["concepts", "import"], JSON.parse(await chosen.text()));
      if (project?.name !== name) return;
      await change((concepts) => [...concepts.filter((concept) => concept.folder), ...imported]);
    } catch (error) {
      said.textContent =
        error instanceof SyntaxError ? `${chosen.name} is not valid JSON: ${error.message}.` : sentence(error);
    }
  }

  const importPlace = oneAtATime(importFolder);

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    importPlace();
  }

  async function importFolder() {
    if (!project || isUploading()) return;
    const path = place.value;
    said.textContent = "Looking into the folder.";
    try {
      const told = await act((name) => post(["projects", name, "import"], { path }));
      if (!told || !(await reread())) return;
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
