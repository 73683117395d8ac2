// One concept: its fields, its images with captions, and images dropped on it.
import { Away, get, post, sentence } from "./api.mjs";
import { button, fill, find, h, oneAtATime } from "./dom.mjs";
import { field } from "./fields.mjs";
import { counted } from "./figures.mjs";
/** @import { Grid } from "./grid.mjs" */
/** @import { Entry, Fitted, Group, Images, Option, Settings } from "./types.d.ts" */
/** @import { makeUpload } from "./upload.mjs" */

const SIZES = 6;
const READ_ON_AFTER = 300;
const AGAIN_AFTER = 3000;

/**
 * @typedef {object} Place
 * @property {Group} group the options of a concept
 * @property {string} project its name
 * @property {Settings} settings edited in place
 * @property {number} number the concept's, from 1
 * @property {(name: string) => void} changed
 * @property {() => Promise<void>} save
 * @property {(number: number) => void} remove
 * @property {Grid} grid of its images
 * @property {ReturnType<typeof makeUpload>} uploads takes what is dropped
 * @property {HTMLElement} captionAll what captions all of them
 */

/**
 * Gives `element`, `read()` which reads the images again if what they depend on changed, `readAnew()` in any case.
 * @param {Place} place
 */
export function makeConcept({ group, project, settings, number, changed, save, remove, grid, uploads, captionAll }) {
  const count = h("div", { class: "sdft-count", role: "status" });
  const make = (/** @type {Option} */ option) =>
    field(option, option.name.replace("concepts.", `concepts.${number}.`), settings, edited);
  const foremost = group.fields.filter((option) => option.foremost).map(make);
  const rest = group.fields.filter((option) => !option.foremost).map(make);
  const more = h("details", { class: "sdft-fold" }, h("summary", {}, "More about this concept"), rest);
  const element = h(
    "fieldset",
    { class: "sdft-concept" },
    h("legend", {}, `Concept ${number}`),
    foremost,
    uploads.element,
    count,
    grid.element,
    captionAll,
    rest.length ? more : null,
    button(`Remove concept ${number}`, () => remove(number), { class: "sdft-button sdft-small" }),
  );
  let known = "";
  let unchecked = 0;
  grid.data.use(settings, gridChanged);

  const concept = () => settings.concepts?.[number - 1] ?? {};

  /** @param {string} name of an option */
  function edited(name) {
    changed(name);
    if (name.endsWith(".exclude")) grid.renewAll();
  }

  /** The grid has excluded images, or captioned some. */
  function gridChanged() {
    const name = `concepts.${number}.exclude`;
    const value = [concept().exclude ?? []].flat().join("\n");
    Object.assign(find(element, `[data-name="${name}"] textarea`), { value });
    changed(name);
  }

  const removeOne = oneAtATime(removeImage);

  /** @param {Entry} entry */
  async function removeImage({ name }) {
    const place = grid.at;
    const { folder } = grid.data;
    try {
      await post(["projects", project, "concepts", number, "remove"], { image: name, folder });
    } catch (error) {
      return uploads.say([sentence(error)]);
    }
    await readAnew();
    await save(); // as there are fewer steps
    if (grid.shown.length) grid.goTo(place, false);
    else uploads.focus();
  }

  async function read() {
    const { folder, exclude } = concept();
    const key = JSON.stringify([folder, exclude, settings.data]);
    await grid.read();
    if (key === known) return;
    known = key;
    if (!folder) return fill(count);
    try {
      const told = await get("projects", project, "concepts", number);
      if (key !== known) return; // it was asked again meanwhile
      show(told, folder);
      const before = unchecked;
      unchecked = told.unchecked;
      if (unchecked) setTimeout(readOn, READ_ON_AFTER);
      else if (before) {
        await grid.read(true); // some may be none that can be trained
        await save(); // as fewer images may be left, and so fewer steps
      }
    } catch (error) {
      if (error instanceof Away) setTimeout(readOn, AGAIN_AFTER);
      else if (key === known) fill(count); // the folder's fault stands beside its field
    }
  }

  /**
   * @param {Images} told
   * @param {string} folder
   */
  function show(told, folder) {
    const unread = told.unchecked ? `, ${told.unchecked} of them not read yet` : "";
    fill(count, `${counted(told.count, "image")}${unread}`, sizes(told.sizes), skipped(told.skipped));
    grid.allowRemoval(folder, told.uploads ? removeOne : null);
  }

  async function readAnew() {
    known = "";
    await grid.read(true);
    await read();
  }

  /** Of thousands of images the server reads some at each request. */
  async function readOn() {
    if (!element.isConnected) return;
    known = "";
    await read();
  }

  return { element, read, readAnew };
}

/** @param {Fitted[]} all */
function sizes(all) {
  const others = all.length > SIZES ? h("li", {}, `and ${counted(all.length - SIZES, "other size")}`) : null;
  return h("ul", { class: "sdft-sizes" }, all.slice(0, SIZES).map(sizeRow), others);
}

/**
 * What is not trained, and why.
 * @param {string[]} sentences
 */
function skipped(sentences) {
  if (!sentences.length) return null;
  const list = sentences.map((each) => h("li", {}, each.replace(/^Skipped: /, "")));
  const title = h("summary", {}, `Skipped: ${sentences.length}`);
  return h("details", { class: "sdft-fold" }, title, h("ul", { class: "sdft-sizes" }, list));
}

/**
 * What training makes of the images of one size.
 * @param {Fitted} fitted
 */
function sizeRow({ size: [width, height], count, trained, cut, scale }) {
  const sides = width * trained[1] > height * trained[0] ? "left and right" : "top and bottom";
  const gone = cut < 0.005 ? "whole image" : `${Math.round(100 * cut)} % cropped ${sides}`;
  const scaled = scale > 1.005 ? `, upscaled ${scale.toPrecision(2)}×, so blurry` : "";
  return h("li", {}, `${count} of ${width} × ${height}, trained at ${trained.join(" × ")}: ${gone}${scaled}`);
}
