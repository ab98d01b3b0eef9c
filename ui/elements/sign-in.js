/**
 * The form at the door. Holds the password only until the app has taken it.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 */

import { showFailure } from "../failure.js";
import { dispatch } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

export class SignIn extends HTMLElement {
  #root = instantiate("sign-in");
  #server = /** @type {HTMLInputElement} */ (part(this.#root, "server"));
  #username = /** @type {HTMLInputElement} */ (part(this.#root, "username"));
  #password = /** @type {HTMLInputElement} */ (part(this.#root, "password"));
  #submit = /** @type {HTMLButtonElement} */ (part(this.#root, "submit"));
  #alert = part(this.#root, "alert");
  #state = "";
  /** The server that was named on the command line, before the one that was used last. */
  server = "";

  connectedCallback() {
    this.append(this.#root);
    this.#root.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#signIn();
    });
  }

  /** @param {View} view */
  render({ session }) {
    const before = this.#state;
    this.#state = session.state;
    this.#showBusy(session.state === "signingIn");
    if (session.state === "signedIn") {
      this.#password.value = "";
      showFailure(this.#alert, null);
      return;
    }
    // Another element asks how to go on.
    if (session.state === "locked") return;
    if (before === "signedIn") this.#username.value = "";
    this.#server.value ||= this.server || (session.server ?? "");
    this.#username.value ||= session.username ?? "";
    if (session.state === "signingIn") return;
    showFailure(this.#alert, session.failure);
    if (before === "signingIn" && session.failure) {
      this.#password.focus();
      this.#password.select();
    } else if (before !== "signedOut") {
      this.#firstEmpty()?.focus();
    }
  }

  async #signIn() {
    const missing = this.#firstEmpty();
    if (missing) {
      showFailure(this.#alert, { code: "missing", message: t("signIn.missing") });
      missing.focus();
      return;
    }
    showFailure(this.#alert, null);
    this.#showBusy(true);
    try {
      await dispatch({
        type: "signIn",
        server: this.#server.value.trim(),
        username: this.#username.value.trim(),
        password: this.#password.value,
      });
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
    } finally {
      this.#showBusy(this.#state === "signingIn");
    }
  }

  /** @param {boolean} busy */
  #showBusy(busy) {
    // Stays focusable: a disabled button would lose the focus of who pressed it.
    this.#submit.setAttribute("aria-disabled", String(busy));
    setText(this.#submit, t(busy ? "signIn.busy" : "signIn.submit"));
  }

  #firstEmpty() {
    return [this.#server, this.#username, this.#password].find((input) => input.value.trim() === "");
  }
}
