// What is taught: each concept's fields, its pictures with captions, and pictures dropped on it.
import { address, get, post, upload } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { field } from "./fields.mjs";

const SIZES = 6;

/** The panel; `side` is the default resolution. Gives `element`, `show(model)` after another model was selected, `checked(check)` after settings were kept. */
export function makeConcepts(group, side, changed, save) {
  const list = h("div", {});
  const said = h("div", { class: "sdft-message", role: "alert" });
  const add = h(
    "button",
    { type: "button", class: "sdft-button", onclick: () => change((concepts) => concepts.push(plain(group))) },
    "Add a concept",
  );
  const file = h("input", { type: "file", accept: ".json,application/json", onchange: () => importList() });
  const old = h(
    "label",
    { class: "sdft-button sdft-file", title: "A concepts list of the sd_dreambooth_extension" },
    "Import concepts (JSON)",
    file,
  );
  const element = h("div", {}, list, h("div", { class: "sdft-row" }, add, old), said);
  let model = null;
  let cards = [];

  function show(shown) {
    model = shown;
    model.settings.concepts ??= [plain(group)];
    cards = model.settings.concepts.map((_, index) => card(group, side, model, index + 1, changed, save, remove));
    fill(
      list,
      cards.map((each) => each.element),
    );
    for (const each of cards) each.read();
  }

  async function change(action) {
    action(model.settings.concepts);
    await save();
    show(model);
  }

  function remove(number) {
    change((concepts) => concepts.splice(number - 1, 1));
  }

  async function importList() {
    said.textContent = "";
    try {
      const concepts = await post(["concepts", "import"], JSON.parse(await file.files[0].text()));
      model.settings.concepts = [...model.settings.concepts.filter((concept) => concept.folder), ...concepts];
      await save();
      show(model);
    } catch (error) {
      said.textContent =
        error instanceof SyntaxError ? `${file.files[0].name} is no JSON: ${error.message}.` : error.message;
    }
    file.value = "";
  }

  return { element, show, checked: () => cards.forEach((each) => each.read()) };
}

const plain = (group) =>
  Object.fromEntries(group.fields.map((option) => [option.name.split(".").at(-1), option.default]));

function card(group, side, model, number, changed, save, remove) {
  const pictures = h("div", { class: "sdft-thumbnails" });
  const count = h("div", { class: "sdft-count", role: "status" });
  const place = (option) => option.name.replace("concepts.", `concepts.${number}.`);
  const make = (option) => field(option, place(option), model.settings, changed);
  const foremost = group.fields.filter((option) => option.foremost).map(make);
  const rest = group.fields.filter((option) => !option.foremost).map(make);
  const files = h("input", {
    type: "file",
    multiple: true,
    accept: "image/*,.txt",
    onchange: () => send([...files.files]),
  });
  const drop = h("label", { class: "sdft-drop" }, "Drop pictures here, or choose them", files);
  let known = "";

  for (const name of ["dragenter", "dragover"])
    drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("sdft-over")));
  drop.addEventListener("dragleave", () => drop.classList.remove("sdft-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("sdft-over");
    send([...event.dataTransfer.files]);
  });

  async function send(chosen) {
    const refused = [];
    let folder = "";
    for (const [index, file] of chosen.entries()) {
      count.textContent = `Sending ${index + 1} of ${chosen.length}`;
      try {
        folder = (await upload(["models", model.name, "concepts", number, "upload"], file)).folder;
      } catch (error) {
        refused.push(error.message);
      }
    }
    files.value = "";
    if (folder) {
      model.settings.concepts[number - 1].folder = folder;
      element.querySelector(`[data-name="concepts.${number}.folder"] input`).value = folder;
      known = ""; // there are more pictures than were read, whether the folder is another one or not
      await save();
    }
    await read();
    if (refused.length) fill(count, h("span", { class: "sdft-fault" }, refused.join(" ")));
  }

  const resolution = () => model.settings.data?.resolution ?? side;

  async function read() {
    const concept = model.settings.concepts[number - 1];
    const key = JSON.stringify([concept?.folder, concept?.instance_prompt, resolution()]);
    if (!concept?.folder || key === known) return concept?.folder ? undefined : fill(pictures);
    known = key;
    try {
      const told = await get("models", model.name, "concepts", number);
      fill(
        count,
        `${told.count} pictures, of each the middle square is taught at ${resolution()} × ${resolution()} pixels`,
        h(
          "ul",
          { class: "sdft-sizes" },
          told.sizes.slice(0, SIZES).map(sizeRow),
          told.sizes.length > SIZES ? h("li", {}, `and ${told.sizes.length - SIZES} other sizes`) : null,
        ),
      );
      fill(
        pictures,
        told.pictures.map((picture) => thumbnail(model, number, picture)),
      );
    } catch {
      count.textContent = ""; // the folder's fault stands beside its field
      fill(pictures);
    }
  }

  const element = h(
    "fieldset",
    { class: "sdft-concept" },
    h("legend", {}, `Concept ${number}`),
    foremost,
    drop,
    count,
    pictures,
    rest.length ? h("details", { class: "sdft-fold" }, h("summary", {}, "More about this concept"), rest) : null,
    h(
      "button",
      { type: "button", class: "sdft-button sdft-small", onclick: () => remove(number) },
      `Remove concept ${number}`,
    ),
  );
  return { element, read };
}

/** What training makes of the pictures of one size. */
function sizeRow({ size, count, cut, scale }) {
  const gone =
    cut < 0.005
      ? "whole"
      : `${Math.round(100 * cut)} % cut off ${size[0] > size[1] ? "left and right" : "above and below"}`;
  const scaled = scale > 1.005 ? `, enlarged ${scale.toPrecision(2)} times and so blurred` : "";
  return h("li", {}, `${count} of ${size[0]} × ${size[1]}: ${gone}${scaled}`);
}

function thumbnail(model, number, picture) {
  const source = `${address("models", model.name, "concepts", number, "thumbnail")}?picture=${encodeURIComponent(picture.name)}`;
  const keep = (event) =>
    post(["models", model.name, "concepts", number, "caption"], { picture: picture.name, text: event.target.value });
  const size = picture.size ? `${picture.size[0]} × ${picture.size[1]}` : "cannot be read";
  return h(
    "figure",
    { class: picture.size ? "" : "sdft-broken" },
    h("img", { src: source, alt: picture.name, title: `${picture.name}, ${size}`, loading: "lazy" }),
    h("input", {
      type: "text",
      value: picture.caption,
      placeholder: picture.prompt,
      "aria-label": `Caption of ${picture.name}`,
      title: "Caption, kept in a text file beside the picture; used where the prompt says [filewords]",
      onchange: keep,
    }),
  );
}
