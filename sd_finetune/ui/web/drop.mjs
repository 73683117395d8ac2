// Where files are dropped, or chosen.
import { h } from "./dom.mjs";

const OVER = "sdft-over";

/**
 * An input that chooses files.
 * @param {string} accept
 * @param {boolean} multiple
 * @param {(files: File[]) => unknown} send
 */
export function filesInput(accept, multiple, send) {
  const input = h("input", {
    type: "file",
    multiple,
    accept,
    onchange() {
      const chosen = [...(input.files ?? [])];
      input.value = ""; // so that the same ones can be chosen again
      send(chosen);
    },
  });
  return input;
}

/**
 * Take files that are dropped on an element; what is dragged otherwise, such as text, is left to the browser.
 * @param {HTMLElement} element
 * @param {(files: File[]) => unknown} send
 */
export function takeDrops(element, send) {
  /** @param {DragEvent} event */
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add(OVER);
  };
  element.addEventListener("dragenter", over);
  element.addEventListener("dragover", over);
  element.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node && element.contains(event.relatedTarget))) element.classList.remove(OVER);
  });
  element.addEventListener("drop", (event) => {
    element.classList.remove(OVER);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    send(files);
  });
}
