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
/** @import { UploadHears } from "./upload.mjs" */
/** @import { Concept, EndedJob, Group, Job, Project, Settings } from "./types.d.ts" */

const PLACE = "Folder of kohya's scripts, or .toml or .json";
const IMPORT =
  'A folder of kohya\'s scripts with folders like "10_sks dog" and "reg/1_dog", their dataset config (.toml), or a ' +
  "concepts list (.json) of the Dreambooth extension";

/** @typedef {ReturnType<typeof makeUpload>} Upload */

/**
 * @typedef {object} Kept
 * @property {Act} act
 * @property {() => Promise<void>} save
 * @property {() => Promise<boolean>} reread shows the new settings
 * @property {() => boolean} isKept whether the server has all that was edited
 * @property {(name: string) => boolean} isSelected whether this project is
 * @property {() => void} drawn called after fields were made anew
 */

/**
 * The panel: `element`, `show(project)` after another project was selected, `checked()` after settings were kept.
 * @param {Group} group
 * @param {(name: string) => void} changed
 * @param {Kept} kept
 */
export function makeConcepts(group, changed, { act, save, reread, isKept, isSelected, drawn }) {
  const list = h("div", {});
  const said = h("div", { class: "sdft-message", role: "alert" });
  const addOne = oneAtATime(() => change((concepts) => [...concepts, plain(group)]));
  const add = button("Add a concept", addOne);
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
  /** Of each concept that was shown, as some may go on: by project and number. @type {Map<string, Upload>} */
  const allUploads = new Map();
  /** Those of the concepts. @type {Upload[]} */
  let uploads = [];
  /** The last change of which concepts there are. @type {Promise<void>} */
  let last = Promise.resolve();
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
      said.textContent = "";
    }
    project = shown;
    settings.concepts ??= [plain(group)];
    const kept = grids.slice(0, settings.concepts.length);
    grids = settings.concepts.map((_, index) => kept[index] ?? new Grid(name, index + 1));
    captioning = grids.map((grid, index) => (kept[index] && captioning[index]) ?? makeCaptioning(name, grid, index));
    uploads = grids.map((_, index) => uploadOf(name, index));
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
  function uploadOf(name, index) {
    const key = `${index} ${name}`;
    const made = allUploads.get(key) ?? makeUpload(name, index + 1, uploadHears(name, index));
    allUploads.set(key, made);
    return made;
  }

  /**
   * @param {string} name the project's
   * @param {number} index of the concept
   * @returns {UploadHears}
   */
  function uploadHears(name, index) {
    return {
      folder: (kept) => (isSelected(name) ? putFolder(index, kept) : putFolderOf(name, index, kept)),
      ended: async () => {
        if (!isSelected(name)) return;
        await cards[index]?.readAnew();
        await save(); // as there are more steps
      },
    };
  }

  /**
   * @param {number} index of the concept
   * @param {string} value
   */
  async function putFolder(index, value) {
    const concept = project?.settings.concepts?.[index];
    if (!concept)
      throw new Error(`Concept ${index + 1} was removed: enter ${value}, where the images are, in another.`);
    if (concept.folder === value) return;
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
    const { theirs } = await post(["projects", name, "changes"], { changes: { concepts: { was: concepts, now } } });
    if (theirs.concepts) throw new Error(`The images are in ${value}: enter it as the folder of concept ${index + 1}.`);
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
   * Change which concepts there are, after changes before.
   * @param {(concepts: Concept[]) => Concept[]} action
   */
  function change(action) {
    const run = () => withoutCards(() => changeTo(action));
    last = last.then(run, run);
    return last;
  }

  /** @param {(concepts: Concept[]) => Concept[]} action */
  async function changeTo(action) {
    const before = project?.name;
    leave();
    await Promise.all(grids.map((grid) => grid.data.writer.sending)); // captions go by the numbers of concepts
    if (!project || project.name !== before) return;
    project.settings.concepts = action(project.settings.concepts ?? []);
    for (const each of uploads) each.say([]);
    await save();
    if (project.name === before) show(project);
  }

  /**
   * Do something after which the cards may have other numbers; nothing can be done in them meanwhile.
   * @template T
   * @param {() => Promise<T>} action
   */
  async function withoutCards(action) {
    list.inert = true;
    try {
      return await action();
    } finally {
      list.inert = false;
    }
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
      const content = JSON.parse(await chosen.text());
      const imported = await withoutCards(() => post(["concepts", "import"], content));
      if (project?.name !== name) return;
      await change((concepts) => [...concepts.filter((concept) => concept.folder), ...imported.concepts]);
      if (project?.name === name) said.textContent = importedIs(imported.concepts.length, imported.notes);
    } catch (error) {
      said.textContent =
        error instanceof SyntaxError ? `${chosen.name} is not valid JSON: ${error.message}.` : sentence(error);
    }
  }

  const importPlace = oneAtATime(importFolder, () => project?.name);

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
      const told = await withoutCards(() => act((name) => post(["projects", name, "import"], { path })));
      if (!told) return;
      place.value = "";
      said.textContent = (await reread()) ? importedIs(told.concepts, told.notes) : "";
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  function checked() {
    if (isKept()) for (const card of cards) card.read(); // else it is called again, once the server has the folders
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
 * @param {number} concepts how many
 * @param {string[]} notes
 */
function importedIs(concepts, notes) {
  return [`Imported ${counted(concepts, "concept")}.`, ...notes].join("\n");
}

/**
 * @param {Group} group
 * @returns {Concept}
 */
function plain(group) {
  return Object.fromEntries(group.fields.map((option) => [option.name.replace("concepts.", ""), option.default]));
}
