// Keeps what the server lists up to date: projects, checkpoints, and the job that is going on.
import { get } from "./api.mjs";
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
 */
export function watch(lists, selection) {
  setInterval(() => lookAgain(lists, selection), LOOK_AGAIN);
}

/**
 * @param {Lists} lists
 * @param {Selection} selection
 */
async function lookAgain(lists, selection) {
  const before = lists.job;
  try {
    await refresh(lists, selection);
  } catch {
    return; // the output says that the server is silent
  }
  const { job } = lists;
  const { keeper, parts } = selection;
  parts.generate.working(job);
  if (job?.kind !== "train" || job.run === before?.run) return;
  if (job.project === keeper.project?.name) {
    const others = keeper.project.runs.filter((run) => run !== job.run);
    parts.output.look(job.project, job.run, [job.run, ...others]);
  } else if (!keeper.project) selection.select(job.project);
}
