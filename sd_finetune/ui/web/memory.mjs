// What this browser remembers: each of its tabs for itself, and a new one what was used last.

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  for (const store of stores()) store.setItem(key, value);
}

/** @param {string} key */
export function recall(key) {
  for (const store of stores()) {
    const value = store.getItem(key);
    if (value !== null) return value;
  }
  return null;
}

/** Those that the browser lets us use. */
function stores() {
  try {
    return [sessionStorage, localStorage];
  } catch {
    return [];
  }
}
