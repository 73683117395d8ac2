// What the fields show of other settings: which of them have an effect, and what "auto" amounts to.
import { showEffective } from "./conditions.mjs";
import { showAutomatic } from "./fields.mjs";
import { methodOf } from "./form.mjs";
/** @import { Form, Project } from "./types.d.ts" */

/**
 * A function that shows it, to be called after a change and after a check.
 * @param {HTMLElement} root the whole tab
 * @param {Form} form
 */
export function makeEffects(root, form) {
  return (/** @type {Project} */ project) => {
    showAutomatic(root, project.check.automatic);
    showEffective(root, form, project, methodOf(form, project));
  };
}
