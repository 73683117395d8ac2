// The page without the WebUI around it.
import { mount } from "./main.mjs";

const theme = new URLSearchParams(location.search).get("__theme");
const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.body.classList.toggle("dark", dark);
mount(document.getElementById("sd_finetune_root"));
