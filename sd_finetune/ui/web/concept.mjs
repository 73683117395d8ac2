// One concept: its fields, its images with captions, and images dropped on it.
import { address, get, post, sentence, upload } from "./api.mjs";
import { button, fill, find, h } from "./dom.mjs";
import { field } from "./fields.mjs";
import { counted } from "./figures.mjs";
/** @import { Fitted, Group, Image, Option, Settings } from "./types.d.ts" */

const SIZES = 6;
const OVER = "sdft-over";
const READ_ON_AFTER = 300;
const REMOVE = "Remove this image and its caption from the project";
const CAPTION = "Caption, kept in a text file beside the image; used where the prompt has [filewords]";

/**
 * @typedef {object} Place
 * @property {Group} group the options of a concept
 * @property {number} side the default resolution
 * @property {string} project its name
 * @property {Settings} settings edited in place
 * @property {number} number the concept's, from 1
 * @property {(name: string) => void} changed
 * @property {() => Promise<void>} save
 * @property {(number: number) => void} remove
 */

/**
 * Gives `element`, `read()` which reads the images again if what they depend on changed.
 * @param {Place} place
 */
export function makeConcept({ group, side, project, settings, number, changed, save, remove }) {
  const images = h("div", { class: "sdft-thumbnails" });
  const count = h("div", { class: "sdft-count", role: "status" });
  const refused = makeRefused();
  const make = (/** @type {Option} */ option) =>
    field(option, option.name.replace("concepts.", `concepts.${number}.`), settings, changed);
  const foremost = group.fields.filter((option) => option.foremost).map(make);
  const rest = group.fields.filter((option) => !option.foremost).map(make);
  const more = h("details", { class: "sdft-fold" }, h("summary", {}, "More about this concept"), rest);
  const element = h(
    "fieldset",
    { class: "sdft-concept" },
    h("legend", {}, `Concept ${number}`),
    foremost,
    makeDrop(send),
    refused.element,
    count,
    images,
    rest.length ? more : null,
    button(`Remove concept ${number}`, () => remove(number), { class: "sdft-button sdft-small" }),
  );
  let known = "";
  let unchecked = 0;
  /** By the image's name, as they were read. @type {Record<string, string>} */
  let captions = {};

  const concept = () => settings.concepts?.[number - 1] ?? {};
  const resolution = () => settings.data?.resolution ?? side;

  /** @param {File[]} files */
  async function send(files) {
    const why = [];
    let folder = "";
    refused.show([]);
    for (const [index, file] of files.entries()) {
      count.textContent = `Uploading ${index + 1} of ${files.length}`;
      try {
        folder = (await upload(["projects", project, "concepts", number, "upload"], file)).folder;
      } catch (error) {
        why.push(sentence(error));
      }
    }
    if (folder) {
      concept().folder = folder;
      Object.assign(find(element, `[data-name="concepts.${number}.folder"] input`), { value: folder });
      await save();
    }
    refused.show(why);
    count.textContent = known = "";
    await read();
  }

  /** @param {string} image */
  async function removeImage(image) {
    const all = [...images.querySelectorAll("button")];
    const place = all.findIndex((each) => each.dataset.image === image);
    try {
      await post(["projects", project, "concepts", number, "remove"], { image });
    } catch (error) {
      return refused.show([sentence(error)]);
    }
    known = "";
    await read();
    await save(); // as there are fewer steps
    const left = [...images.querySelectorAll("button")];
    (left[Math.min(place, left.length - 1)] ?? find(element, ".sdft-drop input")).focus();
  }

  /**
   * @param {string} image
   * @param {string} now its caption
   */
  async function write(image, now) {
    const changes = { [image]: { was: captions[image], now } };
    try {
      const { theirs, faults } = await post(["projects", project, "concepts", number, "captions"], { changes });
      captions[image] = theirs[image] ?? now;
      const written = `${image} was given another caption elsewhere: "${theirs[image]}". Yours was not kept: "${now}".`;
      refused.show(image in theirs ? [written] : Object.values(faults));
    } catch (error) {
      refused.show([sentence(error)]);
    }
  }

  async function read() {
    const { folder, instance_prompt: prompt } = concept();
    const key = JSON.stringify([folder, prompt, resolution()]);
    if (!folder) fill(images);
    if (!folder || key === known) return;
    known = key;
    try {
      const told = await get("projects", project, "concepts", number);
      const square = `${resolution()} × ${resolution()}`;
      const unread = told.unchecked ? `, ${told.unchecked} of them not read yet` : "";
      fill(
        count,
        `${counted(told.count, "image")}${unread}; the center square of each is trained at ${square} pixels`,
        sizes(told.sizes),
        skipped(told.skipped),
      );
      fill(
        images,
        told.images.map((image) => thumbnail(project, number, image, write, told.uploads ? removeImage : null)),
      );
      captions = Object.fromEntries(told.images.map((image) => [image.name, image.caption]));
      const before = unchecked;
      unchecked = told.unchecked;
      if (unchecked) setTimeout(readOn, READ_ON_AFTER);
      else if (before) await save(); // as fewer images may be left, and so fewer steps
    } catch {
      count.textContent = ""; // the folder's fault stands beside its field
      fill(images);
    }
  }

  /** Of thousands of images the server reads some at each request. */
  async function readOn() {
    if (!element.isConnected) return;
    known = "";
    await read();
  }

  return { element, read };
}

/** Why files were not taken, until that is dismissed or others are dropped: `element`, `show(sentences)`. */
function makeRefused() {
  const said = h("div", { class: "sdft-message", "data-kind": "error", role: "alert" });
  const dismiss = button("Dismiss", () => show([]), { class: "sdft-button sdft-small" });
  const element = h("div", { class: "sdft-refused", hidden: true }, said, dismiss);

  /** @param {string[]} sentences */
  function show(sentences) {
    said.textContent = sentences.join("\n");
    element.hidden = sentences.length === 0;
  }

  return { element, show };
}

/**
 * Where images are dropped or chosen.
 * @param {(files: File[]) => Promise<void>} send
 */
function makeDrop(send) {
  const files = h("input", {
    type: "file",
    multiple: true,
    accept: "image/*,.tga,.heic,.jxl,.txt,.caption,.jsonl",
    onchange() {
      const chosen = [...(files.files ?? [])];
      files.value = ""; // so that the same ones can be chosen again
      send(chosen);
    },
  });
  const drop = h("label", { class: "sdft-drop" }, "Drop images here, or choose them", files);
  /** @param {DragEvent} event */
  const over = (event) => {
    event.preventDefault();
    drop.classList.add(OVER);
  };
  drop.addEventListener("dragenter", over);
  drop.addEventListener("dragover", over);
  drop.addEventListener("dragleave", () => drop.classList.remove(OVER));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove(OVER);
    send([...(event.dataTransfer?.files ?? [])]);
  });
  return drop;
}

/** @param {Fitted[]} all */
function sizes(all) {
  const others = all.length > SIZES ? h("li", {}, `and ${all.length - SIZES} other sizes`) : null;
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
function sizeRow({ size: [width, height], count, cut, scale }) {
  const sides = width > height ? "left and right" : "top and bottom";
  const gone = cut < 0.005 ? "whole image" : `${Math.round(100 * cut)} % cropped ${sides}`;
  const scaled = scale > 1.005 ? `, upscaled ${scale.toPrecision(2)}×, so blurry` : "";
  return h("li", {}, `${count} of ${width} × ${height}: ${gone}${scaled}`);
}

/**
 * @param {string} project
 * @param {number} number
 * @param {Image} image
 * @param {(name: string, text: string) => void} write
 * @param {((name: string) => void) | null} remove null for images in a folder of the user's own
 */
function thumbnail(project, number, { name, caption, prompt, size }, write, remove) {
  const source = `${address("projects", project, "concepts", number, "thumbnail")}?image=${encodeURIComponent(name)}`;
  const title = `${name}, ${size ? `${size[0]} × ${size[1]}` : "not read yet"}`;
  return h(
    "figure",
    {},
    h("img", { src: source, alt: name, title, loading: "lazy" }),
    remove &&
      button("×", () => remove(name), {
        class: "sdft-button sdft-small",
        title: REMOVE,
        "aria-label": `Remove ${name}`,
        "data-image": name,
      }),
    h("input", {
      type: "text",
      value: caption,
      placeholder: prompt,
      "aria-label": `Caption of ${name}`,
      title: CAPTION,
      onchange: (event) => write(name, event.target.value),
    }),
  );
}
