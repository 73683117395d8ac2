// Numbers as people type them.

const AUTO = "auto";
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+$/;
const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * What a text means as the value of a number: a number, or "auto". What is neither is kept as it was typed, so that the
 * server can say what is wrong with it.
 * @param {string} text "0.0001", "1e-4", "0,0001"; of a whole number "1,000" too
 * @param {boolean} whole
 * @returns {number | string}
 */
export function readNumber(text, whole) {
  const typed = text.trim();
  if (typed.toLowerCase() === AUTO) return AUTO;
  const single = typed.split(",").length === 2 && !typed.includes(".");
  const plain = whole && THOUSANDS.test(typed) ? typed.replaceAll(",", "") : single ? typed.replace(",", ".") : typed;
  return PLAIN.test(plain) ? Number(plain) : typed;
}

/**
 * A number without a tail of digits: "0.0001", "2e-6".
 * @param {number} value
 */
export const shortNumber = (value) => String(Number(value.toPrecision(6)));
