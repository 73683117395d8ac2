// What was changed in settings, and how those of another window come into ours.
import { putAt, valueAt } from "./values.mjs";
/** @import { Changes, Settings } from "./types.d.ts" */

/**
 * A copy that is not changed with the original.
 * @param {Settings} settings
 * @returns {Settings}
 */
export const copied = (settings) => JSON.parse(JSON.stringify(settings));

/**
 * What stands in `now` and did not in `was`.
 * @param {Settings} was
 * @param {Settings} now
 * @returns {Changes}
 */
export function changesBetween(was, now) {
  const changed = namesOf(was, now).filter((name) => !same(was, now, name));
  return Object.fromEntries(changed.map((name) => [name, { was: at(was, name), now: at(now, name) }]));
}

/**
 * Put into `mine` what stands in `news`, but where `mine` was edited since it was `before`; returns what was put.
 * @param {Settings} mine
 * @param {Settings} before
 * @param {Settings} news
 */
export function takeOver(mine, before, news) {
  const put = namesOf(mine, news).filter((name) => same(mine, before, name) && !same(mine, news, name));
  for (const name of put) putAt(mine, name, at(copied(news), name) ?? undefined);
  return put;
}

/**
 * The names of all values: "method", "train.length"; the list of concepts is one.
 * @param {Settings[]} all
 */
function namesOf(...all) {
  const names = all.flatMap((settings) =>
    Object.entries(settings).flatMap(([name, value]) =>
      isGroup(value) ? Object.keys(value).map((option) => `${name}.${option}`) : [name],
    ),
  );
  return [...new Set(names)];
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
const isGroup = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @param {Settings} settings
 * @param {string} name
 */
const at = (settings, name) => valueAt(settings, name) ?? null;

/**
 * @param {Settings} one
 * @param {Settings} other
 * @param {string} name
 */
const same = (one, other, name) => JSON.stringify(at(one, name)) === JSON.stringify(at(other, name));
