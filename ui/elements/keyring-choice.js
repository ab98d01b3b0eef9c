/**
 * Asks what to do when the keyring would not take the session. It stays until the person has chosen.
 *
 * @typedef {import("../types").View} View
 */

import { wish } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { failureText } from "../words.js";

export class KeyringChoice extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("keyring-choice"));
  #isUndecided = false;

  connectedCallback() {
    this.append(this.#dialog);
    // Escape closes a dialog, at the second time also one that asked to stay.
    this.#dialog.addEventListener("close", () => {
      if (this.#isUndecided) this.#dialog.showModal();
    });
    part(this.#dialog, "keep").addEventListener("click", () => void wish({ type: "keepForThisRun" }));
    part(this.#dialog, "retry").addEventListener("click", () => void wish({ type: "retryKeyring" }));
    part(this.#dialog, "sign-out").addEventListener("click", () => void wish({ type: "signOut" }));
  }

  /** @param {View} view */
  render({ session }) {
    this.#isUndecided = session.state === "signedIn" && session.kept.state === "undecided";
    if (session.state !== "signedIn" || session.kept.state !== "undecided") {
      this.#dialog.close();
      return;
    }
    setText(part(this.#dialog, "reason"), failureText(session.kept.failure));
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
