/**
 * Asks before something is done that cannot be taken back, or that leads out of the app. One question at a time.
 */

import { instantiate, part, setText } from "../template.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} action what the button says that does it
 * @property {string} [detail] shown as it is, in a line of its own
 * @property {boolean} [isDanger]
 */

export class QuestionDialog extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("question-dialog"));

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "no").addEventListener("click", () => this.#dialog.close(""));
    part(this.#dialog, "yes").addEventListener("click", () => this.#dialog.close("yes"));
  }

  /**
   * @param {Question} question
   * @returns {Promise<boolean>} whether it is to be done; not while another question is open
   */
  ask({ title, text, action, detail = "", isDanger = false }) {
    if (this.#dialog.open) return Promise.resolve(false);
    setText(part(this.#dialog, "title"), title);
    setText(part(this.#dialog, "text"), text);
    setText(part(this.#dialog, "detail"), detail);
    part(this.#dialog, "detail").hidden = detail === "";
    const yes = part(this.#dialog, "yes");
    setText(yes, action);
    yes.classList.toggle("danger", isDanger);
    yes.classList.toggle("primary", !isDanger);
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    part(this.#dialog, isDanger ? "no" : "yes").focus();
    return new Promise((resolve) => {
      this.#dialog.addEventListener("close", () => resolve(this.#dialog.returnValue === "yes"), { once: true });
    });
  }
}
