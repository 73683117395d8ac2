// Packages that save VRAM and are optional: what each brings, why it is not offered here, installing it with the log.
import { get, post, sentence } from "./api.mjs";
import { button, fill, h } from "./dom.mjs";
/** @import { Form, Installing, Lists, PackageOffer } from "./types.d.ts" */

/**
 * The fold: `element`, `listed(lists)` at each look at the server.
 * @param {(form: Form) => void} changed shows what can be chosen with what was installed
 */
export function makePackages(changed) {
  const rows = h("div", {});
  const said = h("p", { class: "sdft-said", role: "status" });
  const log = h("pre", { class: "sdft-log", tabindex: 0, hidden: true, "aria-label": "What the installation says" });
  let follows = true; // the last lines, until somebody looks at earlier ones
  log.addEventListener("scroll", () => (follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 4));
  const stop = button("Stop installing", () => act(["packages", "stop"]), { hidden: true });
  const element = h(
    "details",
    { class: "sdft-fold", "data-group": "packages", ontoggle: () => look() },
    h("summary", {}, "Memory: optional packages"),
    h("p", { class: "sdft-about" }, "None of them is needed. They are installed beside the host's own packages."),
    rows,
    h("div", { class: "sdft-row" }, stop, said),
    log,
  );
  /** @type {Installing | null} */
  let installing = null;

  async function look() {
    if (!element.open) return;
    try {
      const found = await get("packages");
      fill(rows, found.offers.map(row));
      changed(found.form);
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @param {PackageOffer} offer */
  function row({ package: name, brings, version, state, said: why }) {
    const states = { installed: `${version} is installed.`, offered: `Brings ${brings}.`, refused: `${why}` };
    const install = button(`Install ${name} ${version}`, () => act(["packages", name, "install"]), {
      disabled: installing?.running ?? false,
    });
    return h(
      "div",
      { class: "sdft-package", "data-package": name },
      h("div", {}, h("strong", {}, name), " ", states[state]),
      state === "refused" && h("div", { class: "sdft-about" }, `It would bring ${brings}.`),
      state === "offered" && install,
    );
  }

  /** @param {["packages", "stop"] | ["packages", string, "install"]} route */
  async function act(route) {
    said.textContent = "";
    try {
      await (route.length === 2 ? post(route) : post(route));
      show((await get("projects")).installing);
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @param {Installing | null} now */
  function show(now) {
    const before = installing;
    installing = now;
    stop.hidden = !now?.running;
    if (!now) return;
    const text = now.lines.join("\n");
    if (log.textContent !== text) log.textContent = text;
    log.hidden = !text;
    if (follows) log.scrollTop = log.scrollHeight;
    if (now.running && !before?.running) {
      element.open = true;
      said.textContent = `Installing ${now.package}.`;
    }
    for (const each of rows.querySelectorAll("button")) each.disabled = now.running;
    if (before?.running && !now.running) {
      said.textContent = now.failed || `${now.package} is installed. The next run can use it.`;
      look();
    }
  }

  return {
    element,
    /** @param {Lists} lists */
    listed(lists) {
      show(lists.installing);
    },
  };
}
