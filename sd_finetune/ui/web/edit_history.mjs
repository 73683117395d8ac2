// The last edits of captions, which can be undone also after the page was loaded anew.
import { recallHere, rememberHere } from "./memory.mjs";
/** @import { CaptionChanges } from "./types.d.ts" */

const MOST_EDITS = 20;
const MOST_LETTERS = 1_000_000;

/** @typedef {{ title: string, changes: CaptionChanges }} PastEdit */

export class EditHistory {
  /** @param {string} place another one for each folder of images */
  constructor(place) {
    this.place = place;
    this.key = `sd_finetune_edits ${place}`;
    /** @type {PastEdit[]} */
    this.edits = JSON.parse(recallHere(this.key) ?? "[]");
  }

  /** @param {PastEdit} edit */
  add(edit) {
    this.edits = [...this.edits, edit].slice(-MOST_EDITS);
    this.keep();
  }

  last() {
    return this.edits.at(-1) ?? null;
  }

  /** Take the last one out. */
  pop() {
    const last = this.edits.pop() ?? null;
    this.keep();
    return last;
  }

  /** As many of the last ones as a browser keeps. */
  keep() {
    let first = 0;
    let letters = 0;
    for (const [place, edit] of [...this.edits.entries()].reverse()) {
      letters += JSON.stringify(edit).length;
      if (letters > MOST_LETTERS) {
        first = place + 1;
        break;
      }
    }
    rememberHere(this.key, JSON.stringify(this.edits.slice(first)));
  }
}
