// Captions on their way to the server: one request after another, never over what somebody else has written.
import { Away, sentence } from "./api.mjs";
import { tidied } from "./caption_edits.mjs";
/** @import { CaptionChanges, Entry, NotWritten } from "./types.d.ts" */

const AT_ONCE = 100;
const AGAIN_AFTER = 3000;

/** An entry waits until its `caption` is `saved`, or the server says why not. */
export class CaptionWriter {
  /**
   * @param {(changes: CaptionChanges) => Promise<NotWritten>} send
   * @param {(entries: Entry[]) => void} changed what is known of these is new
   */
  constructor(send, changed) {
    this.send = send;
    this.changed = changed;
    /** @type {Promise<void>} */
    this.sending = Promise.resolve();
    /** Those that the server did not get, as it is away. @type {Set<Entry>} */
    this.waiting = new Set();
    /** How many of several are still to be sent. */
    this.left = 0;
  }

  /**
   * Write captions; resolves when the server has answered, with those that stand now.
   * @param {[entry: Entry, text: string][]} texts
   */
  async write(texts) {
    const entries = texts.map(([entry]) => entry);
    for (const [entry, text] of texts) Object.assign(entry, { caption: tidied(text), fault: "" });
    if (texts.length > 1) this.left += texts.length;
    this.changed(entries);
    this.sending = this.sending.then(() => this.sendAll(entries));
    await this.sending;
    return entries.filter((entry) => entry.caption === entry.saved);
  }

  /**
   * Of two that were written at the same time: keep what was written here, or the other one.
   * @param {Entry} entry
   * @param {boolean} mine
   */
  async settle(entry, mine) {
    const theirs = entry.theirs ?? entry.saved;
    Object.assign(entry, { saved: theirs, theirs: null });
    await this.write([[entry, mine ? entry.caption : theirs]]);
  }

  /** @param {Entry[]} entries */
  async sendAll(entries) {
    for (let start = 0; start < entries.length; start += AT_ONCE) {
      const some = entries.slice(start, start + AT_ONCE);
      await this.sendSome(some.filter((entry) => entry.caption !== entry.saved && entry.theirs === null));
      this.left = Math.max(0, this.left - some.length);
      this.changed(some);
    }
  }

  /** @param {Entry[]} entries */
  async sendSome(entries) {
    if (!entries.length) return;
    const sent = entries.map(({ name, saved, caption }) => ({ name, was: saved, now: caption }));
    try {
      const changes = Object.fromEntries(sent.map(({ name, was, now }) => [name, { was, now }]));
      const { theirs, faults } = await this.send(changes);
      for (const [place, entry] of entries.entries()) {
        if (Object.hasOwn(theirs, entry.name)) entry.theirs = theirs[entry.name];
        else if (Object.hasOwn(faults, entry.name)) entry.fault = faults[entry.name];
        else entry.saved = sent[place].now;
      }
    } catch (error) {
      if (error instanceof Away) this.wait(entries);
      for (const entry of entries) entry.fault = sentence(error);
    }
  }

  /** @param {Entry[]} entries */
  wait(entries) {
    if (!this.waiting.size) setTimeout(() => this.again(), AGAIN_AFTER);
    for (const entry of entries) this.waiting.add(entry);
  }

  async again() {
    const entries = [...this.waiting];
    this.waiting.clear();
    await this.write(entries.map((entry) => [entry, entry.caption]));
  }
}
