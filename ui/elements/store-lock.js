/**
 * Asks how to go on when what is stored on this computer cannot be opened: with the keyring, with the passphrase,
 * or anew. It stays until one of them has worked.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("./question-dialog.js").QuestionDialog} QuestionDialog
 */

import { showFailure } from "../failure.js";
import { dispatch } from "../ipc.js";
import { instantiate, part } from "../template.js";
import { t } from "../words.js";

export class StoreLock extends HTMLElement {
  /** Who asks before something is done that cannot be taken back. @type {QuestionDialog | null} */
  question = null;
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("store-lock"));
  #passphrase = /** @type {HTMLInputElement} */ (part(this.#dialog, "passphrase"));
  #alert = part(this.#dialog, "alert");
  #isLocked = false;

  connectedCallback() {
    this.append(this.#dialog);
    // Escape closes a dialog, at the second time also one that asked to stay.
    this.#dialog.addEventListener("close", () => {
      if (this.#isLocked) this.#dialog.showModal();
    });
    this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#passphrase.value !== "") void this.#unlock(this.#passphrase.value);
    });
    part(this.#dialog, "retry").addEventListener("click", () => void this.#unlock(null));
    part(this.#dialog, "anew").addEventListener("click", () => void this.#beginAnew());
  }

  /** @param {View} view */
  render({ session }) {
    this.#isLocked = session.state === "locked";
    if (session.state !== "locked") {
      this.#passphrase.value = "";
      this.#dialog.close();
      return;
    }
    showFailure(this.#alert, session.failure);
    part(this.#dialog, "recover").hidden = !session.canRecover;
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** @param {string | null} passphrase nothing asks the keyring again */
  async #unlock(passphrase) {
    await this.#try({ type: "unlockStore", passphrase });
    this.#passphrase.select();
  }

  async #beginAnew() {
    const action = t("storeLock.anew");
    const text = t("storeLock.anewText");
    if (await this.question?.ask({ title: action, text, action, isDanger: true }))
      await this.#try({ type: "beginStoreAnew" });
  }

  /** @param {import("../types").Intent} intent */
  async #try(intent) {
    try {
      await dispatch(intent);
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
    }
  }
}
