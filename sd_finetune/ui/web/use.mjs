// One button that puts a result to use: in the WebUI's txt2img, or as text to copy where there is none.
import { button } from "./dom.mjs";
/** @import { Result } from "./types.d.ts" */

const PROMPT = "#txt2img_prompt textarea";
const CHECKPOINTS = "#refresh_sd_model_checkpoint";
const CARDS = ["#txt2img_lora_extra_refresh_internal", "#img2img_lora_extra_refresh_internal"];
const BUSY = "#setting_sd_model_checkpoint > .wrap.default:not(.hide)"; // how gradio shows that an answer is awaited
const LOOK_AGAIN = 100;

/** The WebUI's prompt; null where there is no WebUI. */
const findPrompt = () => /** @type {HTMLTextAreaElement | null} */ (document.querySelector(PROMPT));

/**
 * The button for a result, or nothing where there is nothing to do with it here.
 * @param {Result} result
 * @param {HTMLElement} said shows what it did
 */
export function useResult(result, said) {
  if (findPrompt()) return button("Use in txt2img", () => useInWebui(result, said));
  if (!result.prompt) return null;
  return button(`Copy ${result.prompt}`, () => copy(result.prompt, said));
}

/** Have the WebUI's own lists read again in this page; nothing where there is no WebUI. */
export function refreshLists() {
  press(CHECKPOINTS, ...CARDS);
}

/** @param {string[]} selectors */
function press(...selectors) {
  for (const selector of selectors) /** @type {HTMLElement | null} */ (document.querySelector(selector))?.click();
}

/**
 * @param {Result} result
 * @param {HTMLElement} said
 */
function useInWebui(result, said) {
  if (result.checkpoint) select(result.checkpoint);
  else refreshLists();
  const prompt = findPrompt();
  if (result.prompt && prompt) {
    if (!prompt.value.includes(result.prompt)) prompt.value = `${prompt.value.trim()} ${result.prompt}`.trim();
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  }
  said.textContent = result.prompt ? `${result.prompt} is in the prompt.` : `${result.checkpoint} is loading.`;
  window.switch_to_txt2img?.();
}

/**
 * Select a checkpoint. Its list and the cards are not read meanwhile: the WebUI fails at one while it does the other.
 * @param {string} title
 */
async function select(title) {
  await idle();
  window.selectCheckpoint(title);
  await idle();
  press(...CARDS);
}

/** Until the WebUI has done what was pressed before and concerns its checkpoints. */
async function idle() {
  do await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
  while (document.querySelector(BUSY));
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
