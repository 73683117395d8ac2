// One button that puts a result to use: in the WebUI's txt2img, or as text to copy where there is none.
import { h } from "./dom.mjs";

const PROMPT = "#txt2img_prompt textarea";
const REFRESHED = ["#refresh_sd_model_checkpoint", "#txt2img_lora_extra_refresh_internal", "#img2img_lora_extra_refresh_internal"];

/** The button for a result, or nothing where there is nothing to do with it here. `said` shows what it did. */
export function useResult(result, said) {
  const inWebui = document.querySelector(PROMPT) !== null;
  if (inWebui) return h("button", { type: "button", class: "sdft-button", onclick: () => useInWebui(result, said) }, "Use in txt2img");
  if (!result.prompt) return null;
  return h("button", { type: "button", class: "sdft-button", onclick: () => copy(result.prompt, said) }, `Copy ${result.prompt}`);
}

/** Have the WebUI's own lists read again in this page; nothing where there is no WebUI. */
export function refreshLists() {
  for (const selector of REFRESHED) document.querySelector(selector)?.click();
}

function useInWebui(result, said) {
  refreshLists();
  if (result.checkpoint) window.selectCheckpoint(result.checkpoint);
  if (result.prompt) {
    const prompt = document.querySelector(PROMPT);
    if (!prompt.value.includes(result.prompt)) prompt.value = `${prompt.value.trim()} ${result.prompt}`.trim();
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  }
  said.textContent = result.prompt ? `${result.prompt} is in the prompt.` : `${result.checkpoint} is being loaded.`;
  window.switch_to_txt2img?.();
}

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    said.textContent = text;
  }
}
