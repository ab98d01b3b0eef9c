/**
 * The form at the door, for those who have an account and for those who bring an invitation to one. Holds the password
 * only until the app has taken it.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("../types").Invitation} Invitation
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
  #nameField = part(this.#root, "name-field");
  #name = /** @type {HTMLInputElement} */ (part(this.#root, "name"));
  #without = part(this.#root, "without");
  #state = "";
  /** What a link brought, and has not been used. @type {Invitation | null} */
  #invitation = null;
  /** The server that was named on the command line, before the one that was used last. */
  server = "";

  connectedCallback() {
    this.append(this.#root);
    this.#root.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#enter();
    });
    this.#without.addEventListener("click", () => {
      this.#show(null);
      this.#firstEmpty()?.focus();
    });
  }

  /**
   * Offers to make an account. Who is signed in already is told that this takes another profile.
   *
   * @param {Invitation} invitation
   */
  invite(invitation) {
    if (this.#state === "signedIn") {
      refuseInvitation();
      return;
    }
    this.#show(invitation);
    if (this.#state !== "") this.#firstEmpty()?.focus();
  }

  /** @param {View} view */
  render({ session }) {
    const before = this.#state;
    this.#state = session.state;
    this.#showBusy(session.state === "signingIn");
    if (session.state === "signedIn") {
      this.#password.value = "";
      showFailure(this.#alert, null);
      if (this.#invitation && before !== "signingIn") refuseInvitation();
      this.#show(null);
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

  /** @param {Invitation | null} invitation none: the form asks for an account that there is */
  #show(invitation) {
    this.#invitation = invitation;
    const isInvited = invitation !== null;
    if (invitation?.server) this.#server.value = invitation.server;
    this.#nameField.hidden = !isInvited;
    this.#without.hidden = !isInvited;
    this.#password.autocomplete = isInvited ? "new-password" : "current-password";
    setText(part(this, "title"), t(isInvited ? "invite.title" : "signIn.title"));
    setText(part(this, "text"), t(isInvited ? "invite.text" : "signIn.text"));
    showFailure(this.#alert, null);
    this.#showBusy(this.#state === "signingIn");
  }

  async #enter() {
    const missing = this.#firstEmpty();
    if (missing) {
      const message = t(this.#invitation ? "invite.missing" : "signIn.missing");
      showFailure(this.#alert, { code: "missing", message });
      missing.focus();
      return;
    }
    showFailure(this.#alert, null);
    this.#showBusy(true);
    const server = this.#server.value.trim();
    const username = this.#username.value.trim();
    const password = this.#password.value;
    try {
      await dispatch(
        this.#invitation
          ? {
              type: "register",
              server,
              username,
              password,
              name: this.#name.value.trim(),
              invite: this.#invitation.code,
            }
          : { type: "signIn", server, username, password },
      );
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
    const action = this.#invitation ? "invite.submit" : "signIn.submit";
    setText(this.#submit, t(busy ? "signIn.busy" : action));
  }

  #firstEmpty() {
    const inputs = [this.#server, this.#username, this.#name, this.#password];
    return inputs.find((input) => (input !== this.#name || this.#invitation) && input.value.trim() === "");
  }
}

/** An invitation makes an account, and this profile has one. */
function refuseInvitation() {
  const detail = { code: "signed_in", message: t("invite.signedIn") };
  window.dispatchEvent(new CustomEvent("failure", { detail }));
}
