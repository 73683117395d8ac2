// Elements without a framework.

/**
 * An element: h("button", {onclick, class: "x", disabled: true}, "text", child, [more]).
 * Functions become listeners, false and null leave an attribute out, `value` and `checked` are set as properties.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") continue;
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  for (const name of ["value", "checked"]) if (name in properties) element[name] = properties[name];
  return element;
}

/** Put these children in place of all that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Offer [value, label] pairs in a select and keep what is chosen; an open list is left alone while nothing changed. */
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

/** A function that runs `action` once nobody has called it for `milliseconds`; `.now()` runs a waiting one at once. */
export function whenQuiet(milliseconds, action) {
  let timer = null;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(later.now, milliseconds);
  };
  later.now = () => {
    if (timer === null) return Promise.resolve();
    clearTimeout(timer);
    timer = null;
    return action();
  };
  return later;
}

/** Seconds as "4:31" or "1:02:03". */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** Seconds as a person would say them: "40 s", "7 min", "1 h 30 min". */
export function roughly(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes as "3.2 MB". */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = count ? Math.min(3, Math.floor(Math.log10(count) / 3)) : 0;
  return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

export const number = (value) => Number(value).toLocaleString("en-US");
