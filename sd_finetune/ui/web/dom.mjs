// Elements without a framework.
/** @import { Child, Properties } from "./elements.d.ts" */

/**
 * An element: h("button", {onclick, class: "x", disabled: true}, "text", child, [more]).
 * Functions become listeners, false and null leave an attribute out, `value` and `checked` are set as properties.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties<HTMLElementTagNameMap[Tag]>} properties
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") continue;
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  if ("value" in properties) Object.assign(element, { value: properties.value });
  if ("checked" in properties) Object.assign(element, { checked: properties.checked });
  return element;
}

/**
 * A button that does something when it is pressed.
 * @param {string} label
 * @param {(event: MouseEvent) => unknown} onclick
 * @param {Properties<HTMLButtonElement>} [more]
 */
export function button(label, onclick, more = {}) {
  return h("button", { type: "button", class: "sdft-button", ...more, onclick }, label);
}

/**
 * An input with its label before it.
 * @param {string} text
 * @param {HTMLInputElement | HTMLSelectElement} input
 * @param {string} [help]
 */
export function labelled(text, input, help) {
  const label = h("label", { for: input.id, title: help }, text);
  return h("div", { class: "sdft-field" }, label, h("span", { class: "sdft-inputs" }, input));
}

/**
 * Put these children in place of all that an element has.
 * @param {HTMLElement} element
 * @param {Child[]} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
}

/**
 * The first element in `root` that fits the selector; it must be there.
 * @param {ParentNode} root
 * @param {string} selector
 */
export function find(root, selector) {
  const element = root.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`${selector} not found on the page.`);
  return element;
}

/**
 * Make fields anew by `action`; the focus stays in the one of the same id, and so does what is marked there.
 * @param {() => void} action
 */
export function keepFocus(action) {
  const focused = document.activeElement;
  const marked = focused instanceof HTMLInputElement ? [focused.selectionStart, focused.selectionEnd] : null;
  action();
  if (!focused?.id || document.activeElement === focused) return; // one that was moved is there, without the focus
  const same = document.getElementById(focused.id);
  same?.focus();
  if (marked && same instanceof HTMLInputElement && same.type === "text") same.setSelectionRange(marked[0], marked[1]);
}

/**
 * Offer [value, label] pairs in a select and keep what is chosen; an open list is left alone while nothing changed.
 * @param {HTMLSelectElement} select
 * @param {[value: string, label: string][]} choices
 */
export function offer(select, choices) {
  const key = JSON.stringify(choices);
  if (select.dataset.offered === key) return;
  select.dataset.offered = key;
  const chosen = select.value;
  fill(
    select,
    choices.map(([value, label]) => h("option", { value }, label)),
  );
  if (choices.some(([value]) => value === chosen)) select.value = chosen;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]} those that are there, without the lists around them
 */
function flat(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flat(child);
    return child === false || child === null || child === undefined ? [] : [child];
  });
}

/**
 * An action that is not begun again as long as it goes on, as by a second press.
 * @template {unknown[]} Arguments
 * @param {(...given: Arguments) => Promise<unknown>} action
 * @param {() => string | undefined} [of] what it is done with, such as a project: with another one it is begun
 */
export function oneAtATime(action, of = () => undefined) {
  /** @type {Set<string | undefined>} */
  const going = new Set();
  return async (/** @type {Arguments} */ ...given) => {
    const with_ = of();
    if (going.has(with_)) return;
    going.add(with_);
    try {
      await action(...given);
    } finally {
      going.delete(with_);
    }
  };
}

/**
 * A function that runs `action` once nobody has called it for `milliseconds`; `.now()` runs a waiting one at once,
 * `.cancel()` does not run it.
 * @param {number} milliseconds
 * @param {() => Promise<void>} action
 */
export function whenQuiet(milliseconds, action) {
  /** @type {number | undefined} */
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(later.now, milliseconds);
  };
  later.now = () => {
    if (timer === undefined) return Promise.resolve();
    later.cancel();
    return action();
  };
  later.cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return later;
}
