/**
 * The lock of the app: while it is closed this is all there is to see. It asks for the passphrase, or to sign out
 * when nobody knows it any more.
 *
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("./question-dialog.js").QuestionDialog} QuestionDialog
 */

import { showFailure } from "../failure.js";
import { forgetLock, unlock } from "../ipc.js";
import { instantiate, part } from "../template.js";
import { t } from "../words.js";

export class AppLock extends HTMLElement {
  /** Who asks before something is done that cannot be taken back. @type {QuestionDialog | null} */
  question = null;
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("app-lock"));
  #passphrase = /** @type {HTMLInputElement} */ (part(this.#dialog, "passphrase"));
  #alert = part(this.#dialog, "alert");

  connectedCallback() {
    this.append(this.#dialog);
    // Escape closes a dialog, at the second time also one that asked to stay.
    this.#dialog.addEventListener("close", () => {
      if (this.isLocked) this.#dialog.showModal();
    });
    this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#passphrase.value !== "") void this.#try(() => unlock(this.#passphrase.value));
    });
    part(this.#dialog, "forget").addEventListener("click", () => void this.#forget());
  }

  get isLocked() {
    return document.body.hasAttribute("data-locked");
  }

  /** Shows the lock or takes it away. A `change` event tells that the app has opened. */
  set isLocked(isLocked) {
    document.body.toggleAttribute("data-locked", isLocked);
    if (isLocked && !this.#dialog.open) this.#dialog.showModal();
    if (!isLocked) this.#dialog.close();
  }

  async #forget() {
    const action = t("appLock.signOut");
    const text = t("appLock.signOutText");
    if (await this.question?.ask({ title: action, text, action, isDanger: true })) await this.#try(forgetLock);
  }

  /** @param {() => Promise<void>} open */
  async #try(open) {
    try {
      await open();
      this.#passphrase.value = "";
      showFailure(this.#alert, null);
      this.dispatchEvent(new Event("open"));
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
      this.#passphrase.select();
    }
  }
}
