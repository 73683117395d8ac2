// The server's JSON routes. Addresses are relative to the page, so that it works behind a proxy's sub-path too.
/** @import { Get, Post } from "./routes.d.ts" */
/** @import { Status } from "./types.d.ts" */

/** What the server refused, as a sentence for the person. */
export class Refused extends Error {}

/** Browsers let so much be on its way when a page is left. */
const KEPT_ALIVE = 60000;

/**
 * The full address of a route, as address("projects", "my dog", "runs").
 * @param {(string | number)[]} parts
 */
export function address(...parts) {
  return new URL(["sd_finetune", ...parts.map(encodeURIComponent)].join("/"), document.baseURI).href;
}

/**
 * The answer of a route. Throws Refused for what the server refuses, and TypeError when it does not answer.
 * @type {Get}
 */
export const get = async (/** @type {(string | number)[]} */ ...parts) => answer(await fetch(address(...parts)));

/**
 * Change something; `content` is sent as JSON. Throws as `get` does.
 * @type {Post}
 */
export const post = async (/** @type {(string | number)[]} */ parts, /** @type {unknown} */ content = {}) => {
  const body = JSON.stringify(content);
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(address(...parts), { method: "POST", headers, body, keepalive: body.length < KEPT_ALIVE }));
};

/**
 * Send a file to a route as it is.
 * @param {(string | number)[]} parts
 * @param {File} file
 * @returns {Promise<{ folder: string, name: string }>}
 */
export async function upload(parts, file) {
  const target = `${address(...parts)}?file=${encodeURIComponent(file.name)}`;
  return answer(await fetch(target, { method: "POST", body: file }));
}

/**
 * Status of a run since N events.
 * @param {string} project
 * @param {string} run
 * @param {number} since
 * @returns {Promise<Status>}
 */
export async function status(project, run, since) {
  return answer(await fetch(`${address("projects", project, "runs", run, "status")}?since=${since}`));
}

/**
 * What went wrong, as a sentence.
 * @param {unknown} error what was thrown
 */
export function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {Response} response
 * @returns {Promise<any>} the routes' types say what
 */
async function answer(response) {
  if (response.ok) return response.headers.get("content-type")?.includes("json") ? response.json() : response.text();
  if (response.status === 401) throw new Refused("Log in first, then reload the page.");
  const content = await response.json().catch(() => ({}));
  throw new Refused(content.error ?? `The server answered ${response.status} ${response.statusText}.`);
}
