// What bulk edits make of a caption. Each line of it is a caption; its tags stand between separators.

/**
 * @typedef {object} Edit
 * @property {keyof typeof EDITS} kind
 * @property {string} what the tag, the text or the regular expression
 * @property {string} by what stands there afterwards
 * @property {string} separator of tags
 */

/** By kind: the label, what the two boxes are called ("" for none), and what is made of a line. */
export const EDITS = {
  first: { label: "Add a tag at the beginning", boxes: ["Tag", ""], line: addFirst },
  last: { label: "Add a tag at the end", boxes: ["Tag", ""], line: addLast },
  remove: { label: "Remove a tag", boxes: ["Tag", ""], line: replaceTag },
  tag: { label: "Replace a tag", boxes: ["Tag", "New tag"], line: replaceTag },
  text: { label: "Find and replace text", boxes: ["Text", "New text"], line: replaceText },
  regex: { label: "Find and replace by regex", boxes: ["Regular expression", "New text, $1 = group 1"], line: byRegex },
};

/**
 * The caption after an edit. Throws SyntaxError for what is not a regular expression.
 * @param {string} caption
 * @param {Edit} edit
 */
export function edited(caption, edit) {
  const { line } = EDITS[edit.kind];
  const by = edit.kind === "remove" ? "" : edit.by;
  return tidied(
    caption
      .split("\n")
      .map((each) => line(each, edit.what, by, edit.separator))
      .join("\n"),
  );
}

/**
 * As the server keeps captions: no empty lines, and single spaces.
 * @param {string} text
 */
export function tidied(text) {
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim().replace(/\s+/g, " "));
  return lines.filter(Boolean).join("\n");
}

/**
 * The tags of a caption, of all its lines.
 * @param {string} caption
 * @param {string} separator
 */
export function tagsOf(caption, separator) {
  const lines = caption.split("\n");
  return lines.flatMap((line) => tagsOfLine(line, separator));
}

/**
 * What an edit does, in words.
 * @param {Edit} edit
 */
export function wordsFor({ kind, what, by }) {
  if (kind === "first" || kind === "last") return `add “${what}” at the ${kind === "first" ? "beginning" : "end"}`;
  return kind === "remove" ? `remove “${what}”` : `replace “${what}” by “${by}”`;
}

/**
 * @param {string} line
 * @param {string} separator
 */
function tagsOfLine(line, separator) {
  const tags = separator ? line.split(separator) : [line];
  return tags.map((tag) => tag.trim()).filter(Boolean);
}

/** @param {string} separator */
const glue = (separator) => (separator.trim() ? `${separator.trimEnd()} ` : separator || " ");

/**
 * @param {string} line
 * @param {string} what
 * @param {string} _
 * @param {string} separator
 */
function addFirst(line, what, _, separator) {
  if (tagsOfLine(line, separator).includes(what.trim())) return line;
  return line.trim() ? `${what.trim()}${glue(separator)}${line.trim()}` : what;
}

/**
 * @param {string} line
 * @param {string} what
 * @param {string} _
 * @param {string} separator
 */
function addLast(line, what, _, separator) {
  if (tagsOfLine(line, separator).includes(what.trim())) return line;
  return line.trim() ? `${line.trim()}${glue(separator)}${what.trim()}` : what;
}

/**
 * The line with each tag `what` as `by`, which then stands there once; an empty one takes the tag out.
 * @param {string} line
 * @param {string} what
 * @param {string} by
 * @param {string} separator
 */
function replaceTag(line, what, by, separator) {
  const tags = tagsOfLine(line, separator);
  if (!tags.includes(what.trim())) return line;
  const [old, put] = [what.trim(), by.trim()];
  const changed = tags.map((tag) => (tag === old ? put : tag));
  return changed.filter((tag, place) => tag && (tag !== put || changed.indexOf(put) === place)).join(glue(separator));
}

/**
 * @param {string} line
 * @param {string} what
 * @param {string} by
 */
function replaceText(line, what, by) {
  return what ? line.replaceAll(what, () => by) : line;
}

/**
 * @param {string} line
 * @param {string} what
 * @param {string} by
 */
function byRegex(line, what, by) {
  return what ? line.replace(regex(what), by) : line;
}

/** @param {string} source */
function regex(source) {
  try {
    return new RegExp(source, "gu");
  } catch {
    return new RegExp(source, "g"); // which takes \- and the like for the character itself
  }
}
