// Using a result in the WebUI around us: as checkpoint, or in the prompt of txt2img. Without a WebUI, text to copy.
import { button } from "./dom.mjs";
import { withText } from "./prompt.mjs";
/** @import { Checkpoint, Lists, Result } from "./types.d.ts" */

const PROMPT = "#txt2img_prompt textarea";
// How gradio shows that an answer is awaited: at the list of checkpoints, a setting or in Forge one of its own.
const BUSY = ":is(#setting_sd_model_checkpoint, .model_selection) > .wrap.default:not(.hide)";
const LOOK_AGAIN = 100;
// hosts/webui/lists_button.py
const LISTS = "sd_finetune_lists";
const LISTS_SHOWN = "sd_finetune_lists_shown";
const SELECT = "sd_finetune_select";

/** The WebUI's prompt; null where there is no WebUI. */
const findPrompt = () => /** @type {HTMLTextAreaElement | null} */ (document.querySelector(PROMPT));

/**
 * Have the WebUI's page show its lists as they are on the server, once that is idle; asked again and again.
 * @param {Lists} lists
 */
export function showLists({ lists, job }) {
  if (job) return;
  const shown = document.getElementById(LISTS_SHOWN)?.textContent?.trim();
  if (shown !== undefined && shown !== String(lists)) document.getElementById(LISTS)?.click();
}

/**
 * The buttons for a result: `elements`, `listed(lists)` when another checkpoint may have been loaded.
 * @param {Result} result
 * @param {HTMLElement} said shows what they did
 */
export function makeUse(result, said) {
  if (!result.prompt && !result.checkpoint) return { elements: [], listed: () => {} };
  if (!findPrompt()) return { elements: result.prompt ? [copyButton(result.prompt, said)] : [], listed: () => {} };
  const plain = button("Use in txt2img", () => use(result, titleNow(result.checkpoint), said));
  const withBase = button(`Load ${fileOf(result.base)} and use`, () => use(result, titleNow(result.base), said));
  withBase.hidden = true;
  /** @type {Checkpoint[]} */
  let known = [];

  /** @param {Lists} lists */
  function listed({ checkpoints }) {
    known = checkpoints;
    const { title = "", family = "" } = checkpoints.find((each) => each.loaded) ?? {};
    const other = result.base !== "" && title !== "" && plainTitle(title) !== plainTitle(result.base);
    withBase.hidden = !other;
    plain.textContent = other ? `Use with ${fileOf(title)}` : "Use in txt2img";
    const fits = !family || !result.family || family === result.family;
    plain.hidden = result.prompt !== "" && !fits;
  }

  /**
   * A title in the list: it gets a hash when the checkpoint is first loaded.
   * @param {string} title
   */
  function titleNow(title) {
    return known.find((each) => plainTitle(each.title) === plainTitle(title))?.title ?? title;
  }

  return { elements: [withBase, plain], listed };
}

/**
 * @param {Result} result
 * @param {string} checkpoint the title of one to load, or nothing
 * @param {HTMLElement} said
 */
function use(result, checkpoint, said) {
  if (checkpoint) select(checkpoint);
  const prompt = findPrompt();
  if (prompt) {
    prompt.value = withText(prompt.value, result.prompt, prompt.dataset.sdftUsed ?? "");
    prompt.dataset.sdftUsed = result.prompt; // so that the next result takes its place
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const loads = checkpoint ? `${fileOf(checkpoint)} is loading.` : "";
  const added = result.prompt ? `${result.prompt} is in the prompt.` : "";
  said.textContent = [loads, added, result.hint].filter(Boolean).join(" ");
  window.switch_to_txt2img?.();
}

/**
 * Select a checkpoint. The WebUI drops what is pressed while it still answers the last such request.
 * @param {string} title
 */
async function select(title) {
  while (document.querySelector(BUSY)) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
  const exactly = document.getElementById(SELECT);
  if (!exactly) return window.selectCheckpoint(title);
  window.sdFineTuneCheckpoint = title;
  exactly.click();
}

/**
 * A title without the hash that it has once the checkpoint was loaded.
 * @param {string} title
 */
function plainTitle(title) {
  return title.replace(/ \[[^\]]+\]$/, "");
}

/**
 * @param {string} title
 * @returns {string} without folders and hash
 */
function fileOf(title) {
  return plainTitle(title).split(/[\\/]/).at(-1) ?? "";
}

/**
 * @param {string} prompt
 * @param {HTMLElement} said
 */
function copyButton(prompt, said) {
  return button(`Copy ${prompt}`, () => copy(prompt, said));
}

/**
 * @param {string} text
 * @param {HTMLElement} said
 */
async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    said.textContent = text;
  }
}
