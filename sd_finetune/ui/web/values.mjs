// Values in nested settings by their dotted names.
/** @import { Settings } from "./types.d.ts" */

const NUMBER = /^\d+$/;

/**
 * The value at a dotted name in nested settings; numbers count from 1: "concepts.1.folder".
 * @param {Settings} settings
 * @param {string} name
 * @returns {unknown}
 */
export function valueAt(settings, name) {
  return name.split(".").reduce(inside, /** @type {unknown} */ (settings));
}

/**
 * Put a value at a dotted name; undefined takes it out, so that the default counts.
 * @param {Settings} settings
 * @param {string} name
 * @param {unknown} value
 */
export function putAt(settings, name, value) {
  const parts = name.split(".");
  const last = parts.splice(-1)[0];
  let place = /** @type {Record<string, unknown>} */ (settings);
  for (const part of parts) {
    if (!NUMBER.test(part)) place[part] ??= {};
    place = /** @type {Record<string, unknown>} */ (inside(place, part));
  }
  if (value === undefined) delete place[last];
  else place[last] = value;
}

/**
 * @param {unknown} place
 * @param {string} part
 */
function inside(place, part) {
  const parts = /** @type {Record<string, unknown> | null | undefined} */ (place);
  return parts?.[NUMBER.test(part) ? Number(part) - 1 : part];
}
