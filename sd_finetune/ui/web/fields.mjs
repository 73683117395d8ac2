// One field for each option, made from what the server tells of it.
import { h } from "./dom.mjs";

const DURATION = /^\s*(\d+)\s*(step|epoch)?s?\s*$/;

/** The value at a dotted name in nested settings; numbers count from 1: "concepts.1.folder". */
export function valueAt(settings, name) {
  return name.split(".").reduce((place, part) => place?.[/^\d+$/.test(part) ? part - 1 : part], settings);
}

/** Put a value at a dotted name; undefined takes it out, so that the default counts. */
export function putAt(settings, name, value) {
  const parts = name.split(".");
  const last = parts.pop();
  let place = settings;
  for (const part of parts) place = /^\d+$/.test(part) ? place[part - 1] : (place[part] ??= {});
  if (value === undefined) delete place[last];
  else place[last] = value;
}

/**
 * A labelled field of an option.
 *
 * option: as the server's form has it. name: full name, with the concept's number where it has one.
 * settings: what is edited in place. changed(name): called after each change.
 */
export function field(option, name, settings, changed) {
  const id = `sd_finetune_${name.replaceAll(".", "_")}`;
  const put = (value) => {
    putAt(settings, name, value);
    changed(name);
  };
  const value = valueAt(settings, name) ?? option.default;
  const inputs = MAKERS[option.kind](option, id, value, put);
  const help = `${option.help}. Takes ${option.takes}; default: ${shown(option.default)}.`;
  const label = h("label", { for: id, title: help }, option.label);
  const row = h("span", { class: "sdft-inputs" }, inputs, option.unit ? h("span", { class: "sdft-unit" }, option.unit) : null);
  const parts = option.kind === "flag" ? [row, label] : [label, row];
  inputs[0].setAttribute("aria-describedby", `${id}_help ${id}_fault`);
  return h(
    "div",
    { class: `sdft-field sdft-${option.kind.replace(" ", "-")}`, "data-name": name },
    parts,
    h("div", { class: "sdft-help", id: `${id}_help` }, help),
    h("div", { class: "sdft-fault", id: `${id}_fault`, role: "alert" }),
  );
}

/** Show each fault beside its field; returns the sentences that have no field in `root`. */
export function showFaults(root, faults) {
  const left = { ...faults };
  for (const element of root.querySelectorAll(".sdft-field[data-name]")) {
    const sentence = left[element.dataset.name] ?? "";
    delete left[element.dataset.name];
    element.classList.toggle("sdft-faulty", sentence !== "");
    const place = element.querySelector(".sdft-fault");
    if (place.textContent !== sentence) place.textContent = sentence;
    element.querySelector("input, select, textarea").setAttribute("aria-invalid", String(sentence !== ""));
  }
  return Object.values(left);
}

const shown = (value) => (value === "" ? "empty" : Array.isArray(value) ? value.join(", ") || "none" : String(value));

const MAKERS = {
  flag: (option, id, value, put) => [
    h("input", { type: "checkbox", id, checked: value === true, onchange: (event) => put(event.target.checked) }),
  ],
  choice: (option, id, value, put) => [
    h(
      "select",
      { id, onchange: (event) => put(event.target.value), value },
      option.choices.map((choice) => {
        const disabled = option.unavailable.includes(choice);
        return h("option", { value: choice, selected: choice === value, disabled }, option.titles[choice] ?? choice);
      }),
    ),
  ],
  number: (option, id, value, put) => [numberInput(option, id, value, put)],
  "auto number": (option, id, value, put) => [numberInput(option, id, value === "auto" ? "" : value, put, "auto")],
  text: (option, id, value, put) => [textInput(id, value, put)],
  path: (option, id, value, put) => [textInput(id, value, put)],
  texts: (option, id, value, put) => [
    h("textarea", {
      id,
      rows: 3,
      placeholder: "one on each line",
      value: (value ?? []).join("\n"),
      oninput: (event) => put(event.target.value.split("\n").map((line) => line.trim()).filter(Boolean)),
    }),
  ],
  duration: (option, id, value, put) => {
    const [, amount, unit] = DURATION.exec(String(value)) ?? [null, String(value), "step"];
    const send = () => {
      const text = input.value.trim();
      put(text === "" ? undefined : /^\d+$/.test(text) ? `${text} ${select.value}` : text);
    };
    const input = h("input", { id, type: "text", inputmode: "numeric", value: amount, oninput: send });
    const select = h("select", { "aria-label": `${option.label}: unit`, onchange: send }, [
      h("option", { value: "steps", selected: unit !== "epoch" }, "steps"),
      h("option", { value: "epochs", selected: unit === "epoch" }, "epochs"),
    ]);
    return [input, select];
  },
};

/** What is no number is kept as it was typed, so that the server can say what is wrong with it. */
function numberInput(option, id, value, put, placeholder = String(option.default)) {
  const send = (event) => {
    const text = event.target.value.trim();
    put(text === "" ? undefined : Number.isFinite(Number(text)) ? Number(text) : text);
  };
  return h("input", { id, type: "text", inputmode: "decimal", placeholder, value: String(value), oninput: send });
}

function textInput(id, value, put) {
  return h("input", { id, type: "text", value: String(value), spellcheck: "false", oninput: (event) => put(event.target.value) });
}
