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

/**
 * For this tab of the browser alone, as long as it is open; what it has no room for is not kept.
 * @param {string} key
 * @param {string} value
 */
export function rememberHere(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // it stays in the page's own memory
  }
}

/** @param {string} key */
export function recallHere(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Those that the browser lets us use. */
function stores() {
  try {
    return [sessionStorage, localStorage];
  } catch {
    return [];
  }
}
