// The way in: the standalone page and the WebUI's tab both call `mount`.
import { get, sentence } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { Tab } from "./tab.mjs";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;

/**
 * Put the tab into an element with the id sd_finetune_root, as soon as the server answers.
 * @param {HTMLElement} root
 */
export async function mount(root) {
  if (root.dataset.mounted) return;
  root.dataset.mounted = "1";
  fill(root, h("p", { class: "sdft-empty" }, "Loading"));
  for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 1.5)) {
    try {
      return new Tab(root, await get("start"));
    } catch (error) {
      const silent = `The server does not respond (${sentence(error)}); trying again.`;
      fill(root, h("p", { class: "sdft-message", role: "alert" }, silent));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
