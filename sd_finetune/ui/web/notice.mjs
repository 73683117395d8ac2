// A line that says what was done or what went wrong, for as long as that is news.
import { h } from "./dom.mjs";

const NEWS = 8000;

/** @typedef {() => boolean} Over whether what was said is over */

/**
 * The line: `element`, `done(sentence)`, `failed(sentence)`, `clear()`, `about(subject)`, `look()`.
 *
 * What was done goes after some seconds, or once it is over. What went wrong stays until something else is said here,
 * or until its subject is another one: who can tell that calls `about` whenever the subject may have changed.
 */
export function makeNotice() {
  const element = h("div", { class: "sdft-message", role: "status" });
  let subject = "";
  /** @type {number | undefined} */
  let timer;
  /** @type {Over | null} */
  let over = null;

  /**
   * @param {string} text
   * @param {"" | "done" | "error"} kind
   */
  function say(text, kind) {
    clearTimeout(timer);
    over = null;
    if (element.textContent !== text) element.textContent = text;
    element.dataset.kind = kind;
    element.setAttribute("role", kind === "error" ? "alert" : "status");
  }

  const clear = () => say("", "");

  return {
    element,
    /**
     * @param {string} text
     * @param {Over} [until] it is said until then, however long that takes
     */
    done(text, until) {
      say(text, "done");
      if (until) over = until;
      else timer = setTimeout(clear, NEWS);
    },
    /** @param {string} text */
    failed(text) {
      say(text, "error");
    },
    clear,
    /** @param {string} now */
    about(now) {
      if (now !== subject) clear();
      subject = now;
    },
    /** Look whether it is over. */
    look() {
      if (over?.()) clear();
    },
  };
}
