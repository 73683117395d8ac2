// Keeps what the server lists up to date: projects, checkpoints, and the job that is going on.
import { get } from "./api.mjs";
import { showLists } from "./use.mjs";
/** @import { Selection } from "./selection.mjs" */
/** @import { Lists } from "./types.d.ts" */

const LOOK_AGAIN = 1000;

/**
 * Offer what is listed where it is chosen.
 * @param {Lists} lists
 * @param {Selection} selection
 */
export function offerLists(lists, { keeper, parts }) {
  parts.top.offer(lists.projects, keeper.project);
  parts.create.show(lists.checkpoints);
  parts.base.offer(lists.checkpoints);
  parts.output.listed(lists);
  parts.packages.listed(lists);
  parts.presets.listed(lists);
  showLists(lists);
}

/**
 * Ask for the lists and put the answer into them. Throws as `get` does.
 * @param {Lists} lists
 * @param {Selection} selection
 */
export async function refresh(lists, selection) {
  Object.assign(lists, await get("projects"));
  offerLists(lists, selection);
}

/**
 * Ask for them again and again: a run that another tab has started, or that ended, is noticed here.
 * @param {Lists} lists
 * @param {Selection} selection
 * @param {() => Promise<void>} ended called when the selected project's run has ended and given its place to others
 */
export function watch(lists, selection, ended) {
  const later = () => setTimeout(turn, Math.max(LOOK_AGAIN, 1000 * lists.wait));
  const turn = () => lookAgain(lists, selection, ended).finally(later);
  later();
}

/**
 * @param {Lists} lists
 * @param {Selection} selection
 * @param {() => Promise<void>} ended
 */
async function lookAgain(lists, selection, ended) {
  const before = lists.job;
  try {
    await refresh(lists, selection);
  } catch {
    return; // that the server is away is said for the whole tab
  }
  const { job } = lists;
  const { keeper, parts } = selection;
  if (keeper.project && !lists.projects.includes(keeper.project.name)) await selection.leaveDeleted();
  if (keeper.project) await keeper.refresh(lists.revisions[keeper.project.name]).catch(() => {});
  const fresh = job?.kind === "train" && job.run !== before?.run ? job : null;
  if (fresh && !keeper.project) return selection.go(fresh);
  if (fresh && selection.isSelected(fresh)) {
    const others = keeper.selected().runs.filter((run) => run !== fresh.run);
    parts.output.look(fresh.project, fresh.run, [fresh.run, ...others]);
  }
  selection.working();
  if (before?.kind === "train" && before.run !== job?.run && selection.isSelected(before)) await ended();
}
