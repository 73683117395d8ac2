// What a result is called up by in a prompt: a tag like <lora:dog:1>, a word, or a tag and the words of its file.

const TAGS = /(<[^<>]*>)/;

/**
 * The prompt with `text` once; what an earlier result had put there, `before`, is taken out.
 * @param {string} prompt
 * @param {string} text a tag, words, both, or nothing
 * @param {string} before the same
 */
export function withText(prompt, text, before) {
  const parts = partsOf(text);
  const others = partsOf(before).filter((part) => !parts.includes(part));
  const kept = others.reduce(without, prompt);
  return parts.reduce((whole, part) => (holds(whole, part) ? whole : `${whole.trim()} ${part}`.trim()), kept);
}

/**
 * The tags, and what stands between them.
 * @param {string} text
 */
function partsOf(text) {
  return text
    .split(TAGS)
    .map((part) => part.trim())
    .filter(Boolean);
}

/**
 * Whether the prompt has the tag, with whatever weight, or the word, not as a part of another one or of a tag.
 * @param {string} prompt
 * @param {string} text
 */
function holds(prompt, text) {
  return prompt.split(TAGS).some((part) => isLike(part, text) && patternOf(text).test(part));
}

/**
 * @param {string} prompt
 * @param {string} text
 */
function without(prompt, text) {
  if (!holds(prompt, text)) return prompt;
  const parts = prompt.split(TAGS).map((part) => (isLike(part, text) ? part.replace(patternOf(text), "") : part));
  return parts.join("").replace(/ {2,}/g, " ").trim();
}

/**
 * Whether both are tags, or both are not.
 * @param {string} part
 * @param {string} text
 */
function isLike(part, text) {
  return part.startsWith("<") === text.startsWith("<");
}

/** @param {string} text */
function patternOf(text) {
  if (!text.startsWith("<")) return new RegExp(`(?<![\\p{L}\\p{N}_-])${literal(text)}(?![\\p{L}\\p{N}_-])`, "iu");
  return new RegExp(`^${literal(text.slice(0, text.lastIndexOf(":")))}(:[^>]*)?>$`, "u");
}

/** @param {string} text */
function literal(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
