// The images of a concept in a grid, with their captions below: filtered, selected, edited, excluded.
import { makeCaptionBox } from "./caption_box.mjs";
import { tidied } from "./caption_edits.mjs";
import { makeChecks } from "./checks.mjs";
import { h } from "./dom.mjs";
import { GridData } from "./grid_data.mjs";
import { HELP, keyOnTile, movesOf } from "./grid_keys.mjs";
import { Rows } from "./grid_rows.mjs";
import { makeTools } from "./grid_tools.mjs";
import { showInDialog } from "./lightbox.mjs";
import { loadImages, makeTile, trainedWords } from "./tile.mjs";
/** @import { Entry } from "./types.d.ts" */

/** Pixels of the longer side. */
const LARGE = 1200;

export class Grid {
  /**
   * @param {string} project its name
   * @param {number} number the concept's, from 1
   */
  constructor(project, number) {
    this.id = `sd_finetune_grid_${number}`;
    /** What removes an image from a folder; null if that is the user's own. */
    this.remover = { folder: "", remove: /** @type {((entry: Entry) => void) | null} */ (null) };
    /** @type {Entry[]} */
    this.shown = [];
    /** Places in `shown`. @type {Map<Entry, number>} */
    this.places = new Map();
    /** Where the focus is, and where a selection began: places in `shown`. */
    this.at = 0;
    this.anchor = 0;
    /** What the checks of the images depend on, as it was when they were read. */
    this.checked = "";
    /** Open on the tile of `data.edited`. @type {ReturnType<typeof makeCaptionBox> | null} */
    this.box = null;
    this.data = new GridData(project, number, {
      captions: (entries) => this.renewed(entries),
      leaving: () => this.leave(),
      said: (text, failed) => (failed ? this.tools.notice.failed(text) : this.tools.notice.done(text)),
    });
    this.tools = makeTools(
      this.data,
      () => this.shown,
      () => this.show(),
      () => this.renewAll(),
    );
    this.checks = makeChecks(project, number, {
      mark: (marks) => this.mark(marks),
      show: (name) => this.reveal(name),
      exclude: (names) => this.excludeAll(names),
    });
    this.rows = new Rows(`Images of concept ${number}`, (index) => this.tile(index), loadImages);
    const help = h("p", { class: "sdft-grid-help", id: `${this.id}_help` }, HELP);
    this.rows.element.setAttribute("aria-describedby", help.id);
    this.element = h("div", { hidden: true }, this.tools.element, this.checks.element, this.rows.element, help);
    this.listen();
  }

  listen() {
    const moves = movesOf(this);
    const tileOf = (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.target).closest(".sdft-tile");
    this.rows.element.addEventListener("keydown", (event) => {
      if (tileOf(event) === event.target) keyOnTile(event, moves);
    });
    this.rows.element.addEventListener("focusin", (event) => {
      const name = tileOf(event)?.getAttribute("data-name");
      const place = this.shown.findIndex((entry) => entry.name === name);
      if (place >= 0) this.stand(place);
    });
  }

  /** Read the list if it may be another one, or `anew`. */
  async read(anew = false) {
    if (!(await this.data.read(anew))) return;
    const of = JSON.stringify([this.data.history.place, this.data.settings.data]);
    if (of !== this.checked) this.checks.forget(); // they are other images, or trained in other sizes
    this.checked = of;
    this.element.hidden = this.data.entries.length === 0;
    this.show();
  }

  /** Filter anew, and make all tiles anew that are in sight. */
  show() {
    this.leave();
    const current = this.shown[this.at];
    this.shown = this.tools.fitting();
    this.places = new Map(this.shown.map((entry, place) => [entry, place]));
    this.at = this.anchor = this.places.get(current) ?? 0;
    this.rows.show(this.shown.length);
    this.tools.told();
  }

  /** @param {number} index in `shown` */
  tile(index) {
    const entry = this.shown[index];
    const { data } = this;
    return makeTile(
      entry,
      {
        source: data.thumbnail(entry),
        selected: data.selected.has(entry.name),
        excluded: data.excluded().has(entry.name),
        current: index === this.at,
        badges: data.badges.get(entry.name) ?? [],
      },
      {
        choose: (chosen, event) => this.choose(chosen, event),
        edit: (chosen) => this.edit(chosen),
        view: (chosen) => this.view(this.places.get(chosen) ?? 0),
        exclude: (chosen) => this.exclude([chosen.name]),
        remove: this.canRemove() ? (chosen) => this.remover.remove?.(chosen) : null,
        settle: (chosen, mine) => data.writer.settle(chosen, mine).then(() => this.tools.told()),
      },
    );
  }

  /** Whether images of the folder that is shown can be removed, as far as it is known. */
  canRemove() {
    return this.remover.remove !== null && this.remover.folder === this.data.folder;
  }

  /**
   * @param {string} folder
   * @param {((entry: Entry) => void) | null} remove null if it is the user's own
   */
  allowRemoval(folder, remove) {
    const before = this.canRemove();
    this.remover = { folder, remove };
    if (this.canRemove() !== before) this.renewAll();
  }

  /** @param {Entry[]} entries */
  renewed(entries) {
    for (const entry of entries) this.renew(this.places.get(entry) ?? -1);
    this.tools.soon();
  }

  /**
   * Make a tile anew that is in sight; the focus stays on it.
   * @param {number} index
   */
  renew(index) {
    const tile = this.rows.tile(index);
    if (!tile || (this.box && tile.contains(this.box.element))) return;
    const focused = tile.contains(document.activeElement);
    this.rows.renew(index);
    if (focused) this.rows.tile(index)?.focus({ preventScroll: true });
  }

  /** All tiles in sight, as what is selected, excluded or known of them is new. */
  renewAll() {
    for (const index of this.rows.inSight()) this.renew(index);
    this.tools.told();
  }

  /**
   * The Tab key leads to this tile and its buttons from now on.
   * @param {number} index
   */
  stand(index) {
    for (const [place, to] of /** @type {const} */ ([
      [this.at, -1],
      [index, 0],
    ])) {
      const tile = this.rows.tile(place);
      if (tile) for (const each of [tile, ...tile.querySelectorAll("button")]) each.tabIndex = to;
    }
    this.at = index;
  }

  /** @param {number} index */
  focus(index) {
    this.rows.reveal(index)?.focus({ preventScroll: true });
  }

  /**
   * @param {number} index where to go, as near as there is one
   * @param {boolean} selecting all from where the selection began
   */
  goTo(index, selecting) {
    if (!this.shown.length) return;
    const to = Math.min(this.shown.length - 1, Math.max(0, index));
    if (selecting) this.selectRange(to);
    else this.anchor = to;
    this.focus(to);
  }

  /** @param {number} to */
  selectRange(to) {
    const [from, end] = [Math.min(this.anchor, to), Math.max(this.anchor, to)];
    this.data.selected = new Set(this.shown.slice(from, end + 1).map((entry) => entry.name));
    this.renewAll();
  }

  /**
   * By the pointer: this one alone, with Ctrl it too, with Shift all up to it.
   * @param {Entry} entry
   * @param {MouseEvent} event
   */
  choose(entry, event) {
    const index = this.places.get(entry) ?? 0;
    const { selected } = this.data;
    if (event.shiftKey) this.selectRange(index);
    else {
      const alone = !(event.ctrlKey || event.metaKey);
      const was = selected.has(entry.name);
      if (alone) selected.clear();
      if (was && !alone) selected.delete(entry.name);
      else selected.add(entry.name);
      this.anchor = index;
      this.renewAll();
    }
    this.focus(index);
  }

  /** @param {string[]} names */
  exclude(names) {
    this.data.exclude(names);
    this.renewAll();
  }

  /** @param {string[]} names of images that are excluded, whether they are already or not */
  excludeAll(names) {
    const excluded = this.data.excluded();
    const others = names.filter((name) => !excluded.has(name));
    if (others.length) this.exclude(others);
  }

  /** @param {Map<string, string[]>} badges words about images, by name */
  mark(badges) {
    this.data.badges = badges;
    this.renewAll();
  }

  /**
   * Go to the tile of an image, past the filter.
   * @param {string} name
   */
  reveal(name) {
    const place = () => this.shown.findIndex((entry) => entry.name === name);
    if (place() < 0) this.tools.clear();
    if (place() >= 0) this.goTo(place(), false);
  }

  /**
   * Show an image large, with what of it is trained.
   * @param {number} index
   */
  view(index) {
    const images = this.shown.map((entry) => ({ src: this.data.preview(entry, LARGE), alt: trainedWords(entry) }));
    if (images.length) showInDialog(images, index, this.element, (last) => this.focus(last));
  }

  /** Exclude from training, or include, this image or with it all that are selected. */
  excludeCurrent() {
    const { name } = this.shown[this.at];
    this.exclude(this.data.selected.has(name) ? [...this.data.selected] : [name]);
  }

  selectCurrent() {
    const { selected } = this.data;
    const { name } = this.shown[this.at];
    if (!selected.delete(name)) selected.add(name);
    this.anchor = this.at;
    this.renewAll();
  }

  /** @param {boolean} all of those shown, or none */
  selectAll(all) {
    this.data.selected = new Set(all ? this.shown.map((entry) => entry.name) : []);
    this.renewAll();
  }

  /** @param {Entry} entry */
  edit(entry) {
    this.leave();
    const place = this.places.get(entry) ?? 0;
    const caption = this.rows.reveal(place)?.querySelector(".sdft-tile-caption");
    if (!caption) return;
    this.data.edited = entry;
    this.box = makeCaptionBox(`${this.id}_caption`, entry, {
      keep: (text) => this.keep(entry, text),
      left: (step, focus) => this.left(place, step, focus),
    });
    caption.replaceWith(this.box.element);
    this.box.element.focus({ preventScroll: true });
  }

  /** End the editing of a caption, which is kept. */
  leave() {
    this.box?.leave(true);
  }

  /**
   * @param {number} place of the tile whose caption was edited
   * @param {number} step to the one that is edited next; 0 for none
   * @param {boolean} focus
   */
  left(place, step, focus) {
    this.box = this.data.edited = null;
    this.rows.renew(place);
    const next = this.shown[place + step];
    if (step && next) this.edit(next);
    else if (focus) this.focus(place);
  }

  /**
   * @param {Entry} entry
   * @param {string} text
   */
  async keep(entry, text) {
    if (tidied(text) === entry.caption) return;
    await this.data.write(`edit the caption of ${entry.name}`, [[entry, text]]);
    this.tools.told();
  }

  /**
   * Put the element to another place by `action`, with what is being edited in it.
   * @param {() => void} action
   */
  move(action) {
    if (this.box) this.box.moving = true;
    action();
    if (this.box) this.box.moving = false;
    this.rows.moved();
  }
}
