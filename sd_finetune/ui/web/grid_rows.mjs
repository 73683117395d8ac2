// Rows of tiles that scroll: only those in sight are on the page, however many there are.
import { fill, h } from "./dom.mjs";

/** Pixels; style.css has the same height of .sdft-tiles. */
const ROW_HEIGHT = 204;
const LEAST_WIDTH = 136;
const BEYOND = 2;

/** Tiles in rows: `element`; `show(count)` makes them anew. */
export class Rows {
  /**
   * @param {string} label
   * @param {(index: number) => HTMLElement} makeTile
   * @param {(row: HTMLElement) => void} shown a row has stood on the page for a moment
   */
  constructor(label, makeTile, shown) {
    this.makeTile = makeTile;
    this.shown = shown;
    this.count = 0;
    this.columns = 1;
    /** By their number. @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.top = 0;
    this.drawn = 0;
    this.canvas = h("div", { class: "sdft-grid-canvas", role: "presentation" });
    this.element = h(
      "div",
      {
        class: "sdft-grid",
        role: "grid",
        tabindex: -1,
        "aria-label": label,
        "aria-multiselectable": "true",
        onscroll: () => this.later(),
      },
      this.canvas,
    );
    new ResizeObserver(() => this.layOut()).observe(this.element);
  }

  /** @param {number} count of tiles */
  show(count) {
    this.count = count;
    this.clear();
    this.layOut();
  }

  clear() {
    fill(this.canvas);
    this.rows.clear();
  }

  layOut() {
    const width = this.canvas.clientWidth;
    const columns = Math.max(1, Math.floor(width / LEAST_WIDTH));
    if (width && columns !== this.columns) {
      this.columns = columns;
      this.clear();
    }
    const rows = Math.ceil(this.count / this.columns);
    this.canvas.style.height = `${rows * ROW_HEIGHT}px`;
    this.element.setAttribute("aria-rowcount", String(rows));
    this.element.setAttribute("aria-colcount", String(this.columns));
    this.draw();
  }

  /** After scrolling, once for each frame. */
  later() {
    this.top = this.element.scrollTop;
    this.drawn ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawn = 0;
    const { scrollTop, clientHeight } = this.element;
    const last = Math.ceil(this.count / this.columns) - 1;
    const from = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - BEYOND);
    const to = Math.min(last, Math.floor((scrollTop + clientHeight) / ROW_HEIGHT) + BEYOND);
    for (const [number, row] of this.rows) {
      if ((number >= from && number <= to) || row.contains(document.activeElement)) continue;
      row.remove();
      this.rows.delete(number);
    }
    for (let number = from; number <= to; number += 1) if (!this.rows.has(number)) this.add(number);
  }

  /** @param {number} number of a row */
  add(number) {
    const first = number * this.columns;
    const tiles = [];
    for (let index = first; index < Math.min(this.count, first + this.columns); index += 1)
      tiles.push(this.makeTile(index));
    const row = h("div", { class: "sdft-tiles", role: "row", "aria-rowindex": String(number + 1) }, tiles);
    row.style.top = `${number * ROW_HEIGHT}px`;
    row.style.gridTemplateColumns = `repeat(${this.columns}, minmax(0, 1fr))`;
    const next = [...this.rows.entries()].filter(([each]) => each > number).sort(([a], [b]) => a - b)[0];
    this.canvas.insertBefore(row, next ? next[1] : null); // in their order, for the Tab key and screen readers
    this.rows.set(number, row);
    setTimeout(() => {
      if (row.isConnected) this.shown(row);
    }, SEEN_AFTER);
  }

  /**
   * The tile on the page, if it is there.
   * @param {number} index
   */
  tile(index) {
    const row = this.rows.get(Math.floor(index / this.columns));
    const tile = row?.children[index % this.columns];
    return tile instanceof HTMLElement ? tile : null;
  }

  /**
   * Make a tile anew that is on the page.
   * @param {number} index
   */
  renew(index) {
    this.tile(index)?.replaceWith(this.makeTile(index));
    const row = this.rows.get(Math.floor(index / this.columns));
    if (row) this.shown(row);
  }

  /**
   * Scroll so far that a tile is in sight; returns it.
   * @param {number} index
   */
  reveal(index) {
    const top = Math.floor(index / this.columns) * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) this.element.scrollTop = top + ROW_HEIGHT - clientHeight;
    this.draw();
    return this.tile(index);
  }

  /** The places of the tiles on the page. */
  inSight() {
    return [...this.rows].flatMap(([number, row]) =>
      [...row.children].map((_, place) => number * this.columns + place),
    );
  }

  /** How many rows are in sight. */
  page() {
    return Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT));
  }

  /** The element was put to another place, which scrolls it to its top. */
  moved() {
    this.element.scrollTop = this.top;
    this.layOut();
  }
}

/** Milliseconds: rows that fly past ask for no images. */
const SEEN_AFTER = 80;
