// The server's JSON routes. Addresses are relative to the page, so that it works behind a proxy's sub-path too.
/** @import { Get, Post } from "./routes.d.ts" */
/** @import { Status } from "./types.d.ts" */

/** What the server refused, as a sentence for the person. */
export class Refused extends Error {}

/** The server does not answer. */
export class Away extends Error {
  constructor() {
    super("The server does not respond: try again when it is back.");
  }
}

/** What a proxy answers in place of a server that is away. */
const NO_SERVER = [502, 503, 504];
const EVENT = "sd_finetune_connection";

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
 * The answer of a route. Throws Refused for what the server refuses, and Away when it does not answer.
 * @type {Get}
 */
export const get = async (/** @type {(string | number)[]} */ ...parts) => answer(address(...parts));

/**
 * Change something; `content` is sent as JSON. Throws as `get` does.
 * @type {Post}
 */
export const post = async (/** @type {(string | number)[]} */ parts, /** @type {unknown} */ content = {}) => {
  const body = JSON.stringify(content);
  const headers = { "Content-Type": "application/json" };
  return answer(address(...parts), { method: "POST", headers, body, keepalive: body.length < KEPT_ALIVE });
};

/**
 * Send a file to a route as it is.
 * @param {(string | number)[]} parts
 * @param {File} file
 * @param {string} folder of what was sent before with it, or ""
 * @returns {Promise<{ folder: string, name: string }>}
 */
export async function upload(parts, file, folder) {
  const target = `${address(...parts)}?${new URLSearchParams({ file: file.name, folder })}`;
  return answer(target, { method: "POST", body: file });
}

/**
 * Status of a run since N events.
 * @param {string} project
 * @param {string} run
 * @param {number} since
 * @returns {Promise<Status>}
 */
export async function status(project, run, since) {
  return answer(`${address("projects", project, "runs", run, "status")}?since=${since}`);
}

/**
 * What went wrong, as a sentence.
 * @param {unknown} error what was thrown
 */
export function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Call `heard` after each request, with whether the server answered it.
 * @param {(there: boolean) => void} heard
 */
export function onConnection(heard) {
  window.addEventListener(EVENT, (event) => heard(/** @type {CustomEvent<boolean>} */ (event).detail));
}

/**
 * @param {string} target
 * @param {RequestInit} [request]
 * @returns {Promise<any>} the routes' types say what
 */
async function answer(target, request) {
  const response = await fetch(target, request).catch(() => null);
  const there = response !== null && !NO_SERVER.includes(response.status);
  window.dispatchEvent(new CustomEvent(EVENT, { detail: there }));
  if (!there) throw new Away();
  if (response.ok) return response.headers.get("content-type")?.includes("json") ? response.json() : response.text();
  if (response.status === 401) throw new Refused("Log in first, then reload the page.");
  const content = await response.json().catch(() => null);
  throw new Refused(reason(content ?? {}, `${response.status} ${response.statusText}`));
}

/**
 * Why a request was refused: our own sentence, or what FastAPI or the WebUI's handler say of an exception, of which
 * "error" is the bare name.
 * @param {{ error?: unknown, detail?: unknown, errors?: unknown }} content
 * @param {string} code the answer's code with its name
 */
function reason({ error, detail, errors }, code) {
  if (typeof error === "string" && error.includes(" ")) return error;
  const told = [Array.isArray(detail) ? fault(detail[0]) : detail, errors, error];
  const said = /** @type {string | undefined} */ (told.find((each) => typeof each === "string" && each));
  const more = said && !code.endsWith(said) ? `: ${said.replace(/\.$/u, "")}` : "";
  return `The server answered ${code.trim()}${more}.`;
}

/**
 * What FastAPI says of a value that it does not take.
 * @param {{ loc?: unknown, msg?: unknown } | undefined} first
 */
function fault(first) {
  const place = Array.isArray(first?.loc) ? first.loc.slice(1).join(".") : "";
  return [place, first?.msg].filter(Boolean).join(": ");
}
