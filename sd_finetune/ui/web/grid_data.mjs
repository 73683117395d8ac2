// The images of a concept as the grid has them: captions, which are selected, which are excluded, what can be undone.
import { Away, address, get, post } from "./api.mjs";
import { tidied } from "./caption_edits.mjs";
import { CaptionWriter } from "./caption_writer.mjs";
import { EditHistory } from "./edit_history.mjs";
import { counted, number as figure } from "./figures.mjs";
import { valueAt } from "./values.mjs";
/** @import { Concept, Entry, Image, Settings } from "./types.d.ts" */

/** Pixels of the longer side of a small image. */
const SIDE = 160;

/**
 * @typedef {object} GridHears
 * @property {(entries: Entry[]) => void} captions what is known of these captions is new
 * @property {(sentence: string, failed: boolean) => void} said
 * @property {() => void} leaving another folder comes: what is being edited belongs to the one before
 */

export class GridData {
  /**
   * @param {string} project its name
   * @param {number} number the concept's, from 1
   * @param {GridHears} hears
   */
  constructor(project, number, hears) {
    this.place = /** @type {const} */ (["projects", project, "concepts", number]);
    this.hears = hears;
    /** @type {Entry[]} */
    this.entries = [];
    /** Their names. @type {Set<string>} */
    this.selected = new Set();
    /** The names of excluded images, and the list in the settings that they are from. */
    this.out = { of: /** @type {unknown} */ (undefined), names: /** @type {Set<string>} */ (new Set()) };
    /** Words about images, by name. @type {Map<string, string[]>} */
    this.badges = new Map();
    /** The one whose caption is being edited. @type {Entry | null} */
    this.edited = null;
    /** Of the images that are shown. */
    this.folder = "";
    this.writer = this.writerInto("");
    this.history = new EditHistory("");
    /** @type {Settings} */
    this.settings = {};
    this.changed = () => {};
    this.known = "";
    /** Whether small images show what of them is trained. */
    this.trained = false;
  }

  /**
   * @param {Settings} settings of the project, edited in place
   * @param {() => void} changed what depends on settings and captions is to be checked
   */
  use(settings, changed) {
    this.settings = settings;
    this.changed = changed;
  }

  /**
   * @param {string} folder of the captions, which may be another one than the concept's by then: the server refuses it
   */
  writerInto(folder) {
    return new CaptionWriter(
      (changes) => post([...this.place, "captions"], { changes, folder }),
      (entries) => this.written(entries),
    );
  }

  /** @returns {Concept} */
  concept() {
    return this.settings.concepts?.[this.place[3] - 1] ?? {};
  }

  /** Of the tags in a caption. */
  separator() {
    return String(valueAt(this.settings, "captions.separator") ?? ",");
  }

  /**
   * Read the list if what it depends on has changed, or `anew`; tells whether it was read.
   * @param {boolean} anew
   */
  async read(anew) {
    const { folder, instance_prompt: prompt, default_caption: caption } = this.concept();
    const key = JSON.stringify([folder, prompt, caption, this.settings.captions, this.settings.data]);
    if (key === this.known && !anew) return false;
    this.known = key;
    const saved = new Map(this.entries.map((entry) => [entry, entry.saved]));
    const images = folder ? await this.list() : [];
    if (key !== this.known) return false; // it was asked again meanwhile
    if (!images) {
      this.known = "";
      return false;
    }
    if ((folder ?? "") !== this.folder) {
      this.hears.leaving();
      this.begin(folder ?? "");
    }
    this.take(images, saved);
    return true;
  }

  /** The images; none of a folder that cannot be used, and null if the server is away. */
  async list() {
    try {
      return await get(...this.place, "images");
    } catch (error) {
      return error instanceof Away ? null : [];
    }
  }

  /** @param {string} folder another one */
  begin(folder) {
    const lost = this.writer.waiting.size;
    if (lost) this.hears.said(`Not saved before the folder was changed: ${counted(lost, "caption")}.`, true);
    this.folder = folder;
    this.entries = [];
    this.selected.clear();
    this.writer = this.writerInto(folder);
    this.history = new EditHistory(`${this.place[1]} ${folder}`);
  }

  /**
   * Take over a list; captions stay that are edited, on their way, or were written since the list was asked for.
   * @param {Image[]} images
   * @param {Map<Entry, string>} saved what was saved when it was asked for
   */
  take(images, saved) {
    const before = new Map(this.entries.map((entry) => [entry.name, entry]));
    this.entries = images.map((image) => {
      const entry = before.get(image.name);
      if (!entry) return { ...image, saved: image.caption, theirs: null, fault: "" };
      const written = saved.get(entry) !== entry.saved;
      const busy = written || entry === this.edited || entry.caption !== entry.saved;
      const { caption, ...rest } = image;
      return Object.assign(entry, rest, busy ? {} : { caption, saved: caption });
    });
    const names = new Set(images.map((image) => image.name));
    for (const name of this.selected) if (!names.has(name)) this.selected.delete(name);
  }

  /** The names of images that are not trained, as the settings say. */
  excluded() {
    const { exclude } = this.concept();
    if (exclude !== this.out.of) {
      const names = Array.isArray(exclude) ? exclude.map(String) : [];
      this.out = { of: exclude, names: new Set(names.map((name) => name.trim().replaceAll("\\", "/"))) };
    }
    return this.out.names;
  }

  /**
   * Exclude images from training, or include them where all are excluded.
   * @param {string[]} names
   */
  exclude(names) {
    const excluded = new Set(this.excluded());
    const all = names.every((name) => excluded.has(name));
    for (const name of names) {
      if (all) excluded.delete(name);
      else excluded.add(name);
    }
    this.concept().exclude = [...excluded].sort();
    this.changed();
    this.hears.said(`${all ? "Included" : "Excluded"} ${counted(names.length, "image")}.`, false);
  }

  /** @param {Entry} entry */
  thumbnail(entry) {
    if (this.trained) return this.preview(entry, SIDE);
    const { name, state } = entry;
    return `${address(...this.place, "thumbnail")}?${new URLSearchParams({ image: name, state })}`;
  }

  /**
   * The address of an image with what of it is trained, which follows the settings.
   * @param {Entry} entry
   * @param {number} side of the longer one, in pixels
   */
  preview({ name, state }, side) {
    const follows = JSON.stringify([state, this.settings.data, this.settings.masks, this.concept().mask_folder]);
    const asked = new URLSearchParams({ image: name, side: String(side), state: follows });
    return `${address(...this.place, "preview")}?${asked}`;
  }

  /**
   * Write captions, which can be undone.
   * @param {string} title what is done, in words
   * @param {[entry: Entry, text: string][]} texts
   */
  async write(title, texts) {
    const was = new Map(texts.map(([entry]) => [entry, entry.saved]));
    const { history } = this;
    const written = await this.writer.write(texts);
    const changes = Object.fromEntries(
      written.map((entry) => [entry.name, { was: was.get(entry) ?? "", now: entry.saved }]),
    );
    if (written.length) history.add({ title, changes });
    this.recheck(Object.values(changes));
    this.tell(texts.length > 1 ? `Done: ${title} (${counted(written.length, "caption")}).` : "", texts);
  }

  /** @param {Entry[]} entries */
  written(entries) {
    const { left } = this.writer;
    if (left) this.hears.said(`Saving: ${counted(left, "caption")} to go.`, false);
    this.hears.captions(entries);
  }

  /**
   * Other images may be without a caption now, which the project's check tells.
   * @param {{ was: string, now: string }[]} changes
   */
  recheck(changes) {
    if (changes.some(({ was, now }) => (was === "") !== (now === ""))) this.changed();
  }

  /** Take the last edit back, but for captions that were changed since. */
  async undo() {
    const last = this.history.pop();
    if (!last) return;
    /** @type {[entry: Entry, text: string][]} */
    const texts = [];
    for (const entry of this.entries) {
      const change = Object.hasOwn(last.changes, entry.name) ? last.changes[entry.name] : null;
      if (change && entry.caption === tidied(change.now)) texts.push([entry, change.was]);
    }
    const written = await this.writer.write(texts);
    this.recheck(Object.values(last.changes));
    const left = Object.keys(last.changes).length - written.length;
    const stay = left ? ` ${figure(left)} of them were changed since and stay.` : "";
    this.tell(`Undone: ${last.title} (${counted(written.length, "caption")}).${stay}`, texts);
  }

  /**
   * @param {string} done
   * @param {[entry: Entry, text: string][]} texts
   */
  tell(done, texts) {
    const entries = texts.map(([entry]) => entry);
    const [fault] = entries.map((entry) => entry.fault).filter(Boolean);
    const lost = entries.filter((entry) => entry.theirs !== null).length;
    if (fault) this.hears.said(fault, true);
    else if (lost)
      this.hears.said(`${counted(lost, "caption")} changed elsewhere meanwhile: choose which stays.`, true);
    else if (done) this.hears.said(done, false);
  }

  /** Whether there are captions that the server did not get. */
  unsaved() {
    return this.writer.waiting.size > 0 || this.writer.left > 0;
  }
}
