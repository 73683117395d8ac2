// The line that says that the server is away, for as long as it is.
import { onConnection } from "./api.mjs";
import { h } from "./dom.mjs";

const LOST =
  "Connection to the server lost, trying again. Settings that you change meanwhile are saved when it is back.";

export function makeConnection() {
  const element = h("div", { class: "sdft-message", "data-kind": "error", role: "alert" });
  onConnection((there) => {
    const text = there ? "" : LOST;
    if (element.textContent !== text) element.textContent = text;
  });
  return { element };
}
