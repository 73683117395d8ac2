// Figures as people read them.

/**
 * Seconds as "4:31" or "1:02:03".
 * @param {number} seconds
 */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/**
 * Seconds as a person would say them: "40 s", "7 min", "1 h 30 min".
 * @param {number} seconds
 */
export function roughly(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Steps a second, or how long one takes, as people call it: "1.4 it/s", "2.5 s/it".
 * @param {number} speed steps a second
 */
export function pace(speed) {
  return speed >= 1 ? `${speed.toFixed(1)} it/s` : `${(1 / speed).toFixed(1)} s/it`;
}

/**
 * Memory as "12.0 GB", of 2^30 bytes each, as the makers of GPUs count.
 * @param {number} count bytes
 */
export const memory = (count) => `${(count / 2 ** 30).toFixed(1)} GB`;

/**
 * Bytes of a file as "3.2 MB", of 1000^2 bytes each.
 * @param {number} count
 */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = count ? Math.min(3, Math.floor(Math.log10(count) / 3)) : 0;
  return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

/**
 * A count as "12,000".
 * @param {number} value
 */
export const number = (value) => Number(value).toLocaleString("en-US");

/**
 * A count of things: "1 image", "3 images", "1,200 steps".
 * @param {number} count
 * @param {string} one the word for one of them
 */
export const counted = (count, one) => `${count.toLocaleString("en-US")} ${one}${count === 1 ? "" : "s"}`;
