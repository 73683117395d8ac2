// Finds a learning rate in a short trial: one button, the curve, and another button that uses what is suggested.
import { get, post, sentence } from "./api.mjs";
import { button, h, oneAtATime } from "./dom.mjs";
import { counted } from "./figures.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { EndedJob, Job } from "./types.d.ts" */

const HELP = "Tries learning rates in a short run, in which they rise until training diverges; nothing of it is kept";

/**
 * The row: `element`, `begin()` for another project, `working(job, ended)` when another job goes on.
 * @param {() => string | undefined} name the project's
 * @param {Act} act
 * @param {() => Promise<boolean>} changed shows the new settings
 */
export function makeRateFinder(name, act, changed) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const press = button("Find learning rate", oneAtATime(find, name), { id: "sd_finetune_find_rate", title: HELP });
  const use = button("Use it", oneAtATime(take, name), { hidden: true, id: "sd_finetune_use_rate" });
  const end = button("Cancel", cancel, { hidden: true });
  const curve = h("img", { class: "sdft-rate-curve", alt: "Loss over the learning rate", hidden: true });
  /** @type {Job | null} */
  let job = null;
  /** Whether a trial was asked for that was not seen yet: it may be over before it is. */
  let asked = false;

  async function find() {
    try {
      if (!(await act((project) => post(["projects", project, "rates", "find"])))) return;
      asked = true;
      said.textContent = "Started.";
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  async function take() {
    try {
      if (!(await act((project) => post(["projects", project, "rates", "use"])))) return;
      if (await changed()) said.textContent = "The suggested learning rate is in its field.";
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  async function cancel() {
    const project = name();
    if (!project) return;
    try {
      await post(["projects", project, "end"]);
      if (project === name()) said.textContent = "";
    } catch (error) {
      if (project === name()) said.textContent = sentence(error);
    }
  }

  async function read() {
    const project = name();
    const found = project && (await get("projects", project, "rates").catch(() => null));
    if (!found || project !== name() || (asked && !found.tried)) return;
    asked = false;
    const ended = job === null; // asked now, as an answer may come late
    curve.hidden = !found.curve;
    if (found.curve) curve.src = `data:image/svg+xml,${encodeURIComponent(found.curve)}`;
    use.hidden = !ended || found.suggested === null;
    if (ended) said.textContent = ending(found.tried, found.suggested);
  }

  return {
    element: h("div", {}, h("div", { class: "sdft-row" }, press, use, end, said), curve),
    begin() {
      said.textContent = "";
      curve.hidden = use.hidden = true;
      asked = false;
    },
    /**
     * @param {Job | null} now
     * @param {EndedJob | null} ended the job that ended last
     */
    working(now, ended) {
      const mine = now?.kind === "rates" && now.project === name() ? now : null;
      press.disabled = now !== null;
      end.hidden = !mine;
      if (mine) {
        asked = false;
        said.textContent = mine.phase ? `${mine.phase.name}: ${mine.phase.done} of ${mine.phase.total}` : "starting";
        read();
      } else if ((job || asked) && !now) {
        if (ended?.kind !== "rates" || !ended.error) read();
        else [said.textContent, asked] = [ended.error, false];
      }
      job = mine;
    },
  };
}

/**
 * @param {number} tried
 * @param {number | null} suggested
 */
function ending(tried, suggested) {
  if (suggested !== null) return `Suggested after ${counted(tried, "step")}: ${suggested}.`;
  return tried ? "The loss fell at none of the learning rates that were tried." : "No learning rate was tried.";
}
