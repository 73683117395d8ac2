// Caption all: captions by models of the WebUI's or by a command of the user's, with progress, stop and undo.
import { get, post, sentence } from "./api.mjs";
import { button, fill, h, labelled, oneAtATime } from "./dom.mjs";
import { number as figure } from "./figures.mjs";
import { makeNotice } from "./notice.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { Captioner, EndedJob, Existing, Job } from "./types.d.ts" */

/** @type {Record<Existing, string>} */
const EXISTING = {
  keep: "Keep them: only images without a caption",
  replace: "Replace them",
  before: "Put the new caption before them",
  after: "Put the new caption after them",
};

/**
 * What captions the images of a concept: `element`, `working(job, ended)` when another job goes on.
 * @param {string} project its name
 * @param {number} number the concept's, from 1
 * @param {Act} act keeps what is being edited too
 * @param {() => Promise<void>} reread shows the captions as they are now
 */
export function makeCaptionAll(project, number, act, reread) {
  const id = `sd_finetune_captions_${number}`;
  const notice = makeNotice();
  const by = h("select", { id: `${id}_by`, onchange: showMissing });
  const existing = h(
    "select",
    { id: `${id}_existing` },
    Object.entries(EXISTING).map(([value, label]) => h("option", { value }, label)),
  );
  const missing = h("div", { class: "sdft-message", role: "status" });
  const failed = h("div", {});
  const make = button("Caption all", oneAtATime(begin), { id: `${id}_make` });
  const stop = button("Stop", end, { hidden: true, title: "Captions that are written stay" });
  const undo = button("Undo Caption all", takeBack, { hidden: true, title: "Take back what it has written last" });
  const element = h(
    "details",
    { class: "sdft-fold", ontoggle: opened },
    h("summary", {}, "Caption all"),
    labelled("Captions by", by),
    labelled("Captions that are there", existing),
    missing,
    h("div", { class: "sdft-row" }, make, stop, undo, notice.element),
    failed,
  );
  /** @type {Captioner[]} */
  let known = [];
  /** @type {Job | null} */
  let job = null;
  let busy = false;
  /** The run of the last captioning that ended, undefined as long as that was not looked for. */
  let seen = /** @type {string | undefined} */ (undefined);

  /**
   * @template {{ kind: string, project: string, run: string }} Any
   * @param {Any | null | undefined} any
   * @returns {any is Any}
   */
  function isMine(any) {
    return Boolean(
      any && any.kind === "captions" && any.project === project && any.run.startsWith(`concept-${number}-`),
    );
  }

  async function opened() {
    if (!element.open) return;
    try {
      known = await get("captioners");
    } catch (error) {
      return notice.failed(sentence(error));
    }
    const chosen = by.value;
    const usable = known.find((each) => !each.missing) ?? known[0];
    fill(
      by,
      known.map(({ name, title }) => h("option", { value: name }, title)),
    );
    by.value = known.some((each) => each.name === chosen) ? chosen : usable.name;
    showMissing();
    await showLast();
  }

  function showMissing() {
    missing.textContent = known.find((each) => each.name === by.value)?.missing ?? "";
    make.disabled = busy || missing.textContent !== "";
  }

  async function begin() {
    notice.clear();
    fill(failed);
    try {
      const content = { by: by.value, existing: /** @type {Existing} */ (existing.value) };
      const begun = await act((name) => post(["projects", name, "concepts", number, "captions", "make"], content));
      if (begun) notice.done("Started.");
    } catch (error) {
      notice.failed(sentence(error));
    }
  }

  async function end() {
    await post(["projects", project, "end"]).catch((error) => notice.failed(sentence(error)));
  }

  async function takeBack() {
    try {
      notice.done((await post(["projects", project, "captions", "undo"])).sentence);
    } catch (error) {
      notice.failed(sentence(error));
    }
    await Promise.all([reread(), showLast()]);
  }

  /** What the last one has left undone, and whether it can be taken back. */
  async function showLast() {
    const { problems, undoable } = await get("projects", project, "captions").catch(() => ({
      problems: [],
      undoable: 0,
    }));
    if (undo === document.activeElement && !undoable) make.focus();
    undo.hidden = undoable === 0 || busy;
    const list = problems.map((each) => h("li", {}, each));
    const title = h("summary", {}, `Without a caption: ${figure(problems.length)}`);
    fill(
      failed,
      list.length ? h("details", { class: "sdft-fold" }, title, h("ul", { class: "sdft-sizes" }, list)) : null,
    );
  }

  /**
   * @param {Job | null} now
   * @param {EndedJob | null} ended the job that ended last
   */
  function working(now, ended) {
    const mine = isMine(now) ? now : null;
    const last = isMine(ended) ? ended : null;
    const over = seen !== undefined && last !== null && last.run !== seen; // it may have come and gone unseen
    seen = last?.run ?? seen ?? "";
    job = mine;
    busy = now !== null;
    showMissing();
    if (stop === document.activeElement && !mine) make.focus();
    stop.hidden = !mine;
    if (mine) {
      element.open = true;
      undo.hidden = true;
      notice.done(progress(mine), () => job === null);
    } else if (over) {
      last.error ? notice.failed(last.error) : notice.done(last.reason, () => false);
      reread();
      showLast();
    }
  }

  return { element, working };
}

/** @param {Job} job */
function progress({ phase }) {
  return phase?.name === "captioning"
    ? `Captioned ${figure(phase.done)} of ${figure(phase.total)}.`
    : `Captioning: ${phase?.name ?? "starting"}.`;
}
