// The page without the WebUI around it.
import { find } from "./dom.mjs";
import { mount } from "./main.mjs";

const theme = new URLSearchParams(location.search).get("__theme");
const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.body.classList.toggle("dark", dark);
mount(find(document, "#sd_finetune_root"));
