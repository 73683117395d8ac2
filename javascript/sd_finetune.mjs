// The tab inside the WebUI, which loads this file; all else comes from our own routes.
const ID = "sd_finetune_root";

async function begin() {
  const root = document.getElementById(ID);
  if (!root || root.dataset.begun) return;
  root.dataset.begun = "1";
  const { mount } = await import(new URL("sd_finetune/web/main.mjs", document.baseURI).href);
  await mount(root);
}

new MutationObserver(begin).observe(document.documentElement, { childList: true, subtree: true });
begin();
