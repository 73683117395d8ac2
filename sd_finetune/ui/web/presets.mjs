// Presets: a list to choose from, what one would change, using it and taking that back; your own, as files too.
import { Away, address, get, post, sentence } from "./api.mjs";
import { button, fill, h, oneAtATime } from "./dom.mjs";
import { filesInput, takeDrops } from "./drop.mjs";
import { counted } from "./figures.mjs";
import { labelsOf, methodTitles } from "./form.mjs";
import { changesTable, needs } from "./preset_changes.mjs";
import { makePresetForm } from "./preset_form.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { Changes, Form, Lists, Preset, PresetPreview } from "./types.d.ts" */

const IMPORT = "A preset's file (.toml) that somebody has shared; it can also be dropped here";

/**
 * The part: `element`, `begin()` for another project, `checked()` after settings were kept, `listed(lists)` at each
 * look at the server.
 * @param {Form} form
 * @param {() => string | undefined} name the project's
 * @param {Act} act
 * @param {() => Promise<boolean>} changed shows the new settings
 */
export function makePresets(form, name, act, changed) {
  const choice = h("select", { id: "sd_finetune_preset", onchange: look });
  const label = h("label", { for: "sd_finetune_preset" }, "Preset");
  const detail = h("div", { class: "sdft-preset", hidden: true });
  const said = h("span", { class: "sdft-said", role: "status" });
  const back = button("Undo preset", oneAtATime(undo, name), { id: "sd_finetune_preset_undo", hidden: true });
  const own = makePresetForm(
    act,
    () => name() !== undefined,
    (key) => list(key, "Saved."),
    () => all,
  );
  const file = filesInput(".toml", false, ([chosen]) => chosen && add(chosen));
  const pick = h("label", { class: "sdft-button sdft-small sdft-file", title: IMPORT }, "Import preset", file);
  const below = h("div", { class: "sdft-row" }, said, back);
  const element = h(
    "div",
    { class: "sdft-presets" },
    h("div", { class: "sdft-field" }, label, h("span", { class: "sdft-inputs sdft-wrap" }, choice, own.press, pick)),
    detail,
    below,
    own.element,
  );
  takeDrops(element, ([dropped]) => add(dropped));
  /** @type {Preset[]} */
  let all = [];
  /** Of the list as it was read. @type {string | null} */
  let revision = null;
  /** What stands in the detail. */
  let shown = "";
  /** Why what is chosen could not be shown, as it is said. */
  let failed = "";
  /** What was used last, to be taken back. */
  let used = "";
  /** @type {Changes} */
  let done = {};

  const use = oneAtATime(apply, name);
  const chosen = () => all.find((each) => each.key === choice.value);

  /**
   * Read the list anew.
   * @param {string} [select] the preset to choose
   * @param {string} [word] what is said of it
   */
  async function list(select, word = "") {
    try {
      all = await get("presets");
    } catch (error) {
      if (error instanceof Away) revision = null;
      said.textContent = sentence(error);
      return;
    }
    const key = select ?? choice.value;
    fill(choice, h("option", { value: "" }, "none"), groups());
    choice.value = all.some((each) => each.key === key) ? key : "";
    if (word) said.textContent = word;
    await show();
  }

  /** By method; what cannot be read comes last. */
  function groups() {
    const titles = { ...methodTitles(form), "": "Not readable" };
    return Object.entries(titles).map(([method, title]) => {
      const its = all.filter((each) => each.method === method);
      const options = its.map((each) => h("option", { value: each.key }, `${each.name}${each.own ? " (own)" : ""}`));
      const group = h("optgroup", {}, options);
      group.label = title;
      return its.length > 0 && group;
    });
  }

  async function look() {
    said.textContent = "";
    await show();
  }

  /** Show what is chosen and what it would change now. */
  async function show() {
    const preset = chosen();
    const project = name();
    if (said.textContent === failed) said.textContent = "";
    failed = "";
    if (!preset || !project) {
      shown = "";
      detail.hidden = true;
      below.append(back);
      return;
    }
    if (preset.fault) return tell(preset, null);
    try {
      const found = await get("projects", project, "presets", preset.key);
      if (preset === chosen() && project === name()) tell(preset, found);
    } catch (error) {
      if (preset === chosen() && project === name()) said.textContent = failed = sentence(error);
    }
  }

  /**
   * @param {Preset} preset
   * @param {PresetPreview | null} preview none of a preset that cannot be read
   */
  function tell(preset, preview) {
    const mine = used === preset.key;
    const key = JSON.stringify([preset, preview, mine]);
    if (key === shown) return; // a button in it may have the focus
    shown = key;
    const changes = preview?.changes ?? {};
    const count = Object.keys(changes).length;
    const stays = mine && count === 0; // what it has changed is still to be seen, and nothing moves under the pointer
    const why = preset.fault || (form.fields.find((o) => o.name === "method")?.unavailable[preset.method] ?? "");
    const press = button("Apply preset", use, { id: "sd_finetune_preset_use", disabled: count === 0 || why !== "" });
    const download = h("a", { class: "sdft-button", href: address("presets", preset.key, "file"), download: "" });
    download.textContent = "Download";
    if (!stays) below.append(back);
    fill(
      detail,
      preset.method && h("p", {}, h("strong", {}, `${methodTitles(form)[preset.method]}: ${preset.name}`)),
      preset.description && h("p", {}, preset.description),
      preset.expected.map((words) => h("p", { class: "sdft-about" }, words)),
      why && h("div", { class: "sdft-message", "data-kind": "error" }, why),
      count > 0 && changesTable(form, changes, false),
      stays && changesTable(form, turned(done), true),
      preview && count === 0 && !stays && h("p", {}, "It changes nothing: these are the settings already."),
      preview && needs(preview.vram),
      h(
        "div",
        { class: "sdft-row" },
        stays ? back : preview && press,
        download,
        preset.own && button("Delete preset", remove),
      ),
    );
    detail.hidden = false;
  }

  async function apply() {
    const preset = chosen();
    if (!preset || !name()) return;
    try {
      const told = await act((project) => post(["projects", project, "presets", preset.key, "use"]));
      if (!told) return;
      done = turned(told.changes);
      used = preset.key;
      back.hidden = false;
      if (!(await changed())) return;
      await show();
      said.textContent = `Applied ${preset.name}: ${counted(Object.keys(told.changes).length, "setting")} changed.`;
      back.focus();
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  async function undo() {
    if (!name()) return;
    const changes = done;
    try {
      const told = await act((project) => post(["projects", project, "changes"], { changes }));
      if (!told) return;
      const left = Object.keys(told.theirs);
      forget();
      if (!(await changed())) return;
      await show();
      said.textContent = left.length ? `Undone, but for what was changed since: ${labelsOf(form, left)}.` : "Undone.";
      choice.focus();
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  function forget() {
    used = "";
    done = {};
    back.hidden = true;
  }

  async function remove() {
    const preset = chosen();
    if (!preset || !window.confirm(`Delete the preset ${preset.name}?`)) return;
    try {
      await post(["presets", preset.key, "delete"]);
      await list("", `Deleted ${preset.name}.`);
      choice.focus();
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @param {File} theirs */
  async function add(theirs) {
    try {
      const added = await post(["presets", "import"], { file: theirs.name, text: await theirs.text() });
      await list(added.key, `Imported ${added.name}.`);
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  return {
    element,
    begin() {
      forget();
      own.close();
      choice.value = "";
      look();
    },
    /** The settings were kept, so that a preset may change others. */
    checked() {
      if (choice.value) show();
    },
    /** @param {Lists} lists */
    listed(lists) {
      if (lists.presets === revision) return;
      revision = lists.presets;
      list();
    },
  };
}

/**
 * The changes back, or forth again.
 * @param {Changes} changes
 * @returns {Changes}
 */
function turned(changes) {
  return Object.fromEntries(Object.entries(changes).map(([name, { was, now }]) => [name, { was: now, now: was }]));
}
